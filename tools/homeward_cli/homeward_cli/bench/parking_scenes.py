"""Seeded scenes to park in: a street with bays across it, bays along it, and a garage behind a drive."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from homeward_planner.lane_graph import Lane, LaneGraph, ParkingPlace
from homeward_planner.plane import Line, resampled
from homeward_planner.scene import Kind, Pose, Thing

LENGTH_M, WIDTH_M, CENTRE_M = 4.8, 1.9, 1.4
LANE_M = 3.25


@dataclass(frozen=True)
class Scene:
    """Where to park from where, among what."""

    kind: str
    graph: LaneGraph
    start: Pose
    goal: Pose
    things: tuple[Thing, ...]


def rectangle(x_m: float, y_m: float, length_m: float, width_m: float, yaw_rad: float = 0.0) -> np.ndarray:
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    corners = ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))
    return np.array([
        (x_m + u * length_m * cos - v * width_m * sin, y_m + u * length_m * sin + v * width_m * cos) for u, v in corners
    ])  # fmt: skip


def street(
    places: tuple[ParkingPlace, ...], surfaces: tuple[np.ndarray, ...] = (), walls: tuple[np.ndarray, ...] = ()
) -> LaneGraph:
    """Two lanes along x, eastwards south of the middle, 80 m long."""
    return LaneGraph("street", 0.0, 0.0, (_lane(0, 1.0), _lane(1, -1.0)), (), walls, (), places, surfaces)


def place(number: int, x_m: float, y_m: float, length_m: float, width_m: float, yaw_rad: float) -> ParkingPlace:
    outline = rectangle(x_m, y_m, length_m, width_m, yaw_rad)
    return ParkingPlace(number, outline, Pose(x_m, y_m, yaw_rad), length_m, width_m)


def parked(number: int, middle: Pose) -> Thing:
    return Thing(number, Kind.CAR, middle, LENGTH_M, WIDTH_M, 0.0)


def axle(middle: Pose, yaw_rad: float) -> Pose:
    """The rear axle's pose of a car whose middle is there."""
    return Pose(middle.x_m - CENTRE_M * math.cos(yaw_rad), middle.y_m - CENTRE_M * math.sin(yaw_rad), yaw_rad)


def scene(kind: str, seed: int) -> Scene:
    """One of bay_forwards, bay_backwards, along, garage; the start, and what stands beside the place, by the seed."""
    chance = np.random.default_rng(seed)
    aside, turn = chance.uniform(-0.3, 0.3), chance.uniform(-0.08, 0.08)
    if kind == "garage":
        start = Pose(chance.uniform(-10.0, 8.0), -LANE_M / 2.0 + aside, turn)
        return Scene(kind, garage_street(3.0), start, axle(Pose(0.0, 13.4, 0.0), math.pi / 2.0), ())
    wobble = [chance.uniform(-0.1, 0.1) for _ in range(2)]
    if kind == "along":
        places = tuple(place(10 + n, 6.5 * n - 13.0, LANE_M + 1.1, 6.5, 2.2, math.pi) for n in range(5))
        beside = [parked(n, Pose(places[1 + 2 * n].middle.x_m + wobble[n], LANE_M + 1.1, 0.0)) for n in range(2)]
        start = Pose(chance.uniform(-9.0, 6.0), LANE_M / 2.0 + aside, math.pi + turn)
        return Scene(kind, street(places), start, axle(places[2].middle, math.pi), tuple(beside))
    places = tuple(place(10 + n, 2.5 * n - 12.5, -LANE_M - 2.5, 5.0, 2.5, -math.pi / 2.0) for n in range(11))
    beside = [parked(n, Pose(places[4 + 2 * n].middle.x_m + wobble[n], places[0].middle.y_m, math.pi / 2.0)) for n in range(2)]
    yaw = -math.pi / 2.0 if kind == "bay_forwards" else math.pi / 2.0
    start = Pose(chance.uniform(-12.0, 6.0), -LANE_M / 2.0 + aside, turn)
    return Scene(kind, street(places), start, axle(places[5].middle, yaw), tuple(beside))


def garage_street(width_m: float) -> LaneGraph:
    """A garage that is so wide between its walls, 6 m deep, behind a drive."""
    wall = width_m / 2.0 + 0.1
    walls = (rectangle(-wall, 13.4, 0.2, 6.0), rectangle(wall, 13.4, 0.2, 6.0), rectangle(0.0, 16.5, width_m + 0.4, 0.2))
    drive = rectangle(0.0, 6.8, 4.5, 7.4)
    return street((place(10, 0.0, 13.4, 6.0, width_m, math.pi / 2.0),), (drive,), walls)


def _lane(number: int, way: float) -> Lane:
    points = resampled(np.array([(-40.0 * way, -way * LANE_M / 2.0), (40.0 * way, -way * LANE_M / 2.0)]), 1.0)
    count = len(points)
    return Lane(number, number, Line.through(points), np.zeros(count), np.full(count, LANE_M), 8.0, "", (), (), None, None, ())
