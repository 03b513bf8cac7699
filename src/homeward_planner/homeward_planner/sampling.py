"""The trajectory planner: candidates around the way, each judged, the best one taken. Pure; time is an argument.

See candidates.py for what is tried and motion_costs.py for what it costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from homeward_planner import candidates, motion_costs
from homeward_planner.candidates import Aim
from homeward_planner.drivable import Drivable
from homeward_planner.motion_costs import Body, Reference, Surface, Weights
from homeward_planner.plane import Floats, Line, wrapped
from homeward_planner.prediction import Forecast
from homeward_planner.scene import Ego
from homeward_planner.trajectory import Trajectory

STEP_S = 0.1
STEP_M = 0.5
STRAIGHT_ON_M = 60.0
OFFSETS_M = (-3.75, -3.0, -2.25, -1.5, -0.75, -0.35, 0.0, 0.35, 0.75, 1.5, 2.25, 3.0, 3.75)
LATE = 40.0  # for a second (or metre) that a goal's window is missed by
SIDEWAYS_RAD = math.radians(75.0)


@dataclass(frozen=True, eq=False)
class Way:
    """A reference with the line it was made from."""

    line: Line
    reference: Reference

    @staticmethod
    def along(line: Line, top_mps: Floats) -> Way:
        """`top_mps` belongs to the points of the line."""
        count = max(int(line.length_m / STEP_M) + 1, 3)
        at = np.linspace(0.0, line.length_m, count)
        columns = [line.points_m[:, 0], line.points_m[:, 1], line.heading_rad, line.curvature_1pm]
        rows = [np.interp(at, line.s_m, column) for column in columns]
        rows += [np.gradient(rows[3], at), np.interp(at, line.s_m, top_mps)]
        return Way(line, Reference(np.ascontiguousarray(np.stack(rows, axis=1)), float(at[1])))


@dataclass(frozen=True, eq=False)
class Plan:
    """The best candidate: its trajectory, the distance along the way at each of its points, what it costs, and whether it
    is free of what must not happen as far as is known."""

    trajectory: Trajectory
    s_m: Floats
    free: bool


def plan(
    now_s: float, ego: Ego, steering_rad: float, way: Way, aim: Aim, body: Body, surface: Drivable, forecast: Forecast,
    horizon_s: float = 4.0, weights: Weights = Weights(), room_m: float = 1.0,
) -> Plan | None:  # fmt: skip
    """The best motion from here. None where the car stands across the way, so that no candidate can be laid."""
    steps = round(horizon_s / STEP_S)
    start = _start(ego, steering_rad, way, body)
    if start is None:
        return None
    speed = max(ego.speed_mps, 0.0)
    row = np.empty(6)
    motion_costs.at_line(way.reference, start.s_m, row)
    slowed = speed * math.cos(math.atan2(start.slope, 1.0 - row[3] * start.left_m)) / (1.0 - row[3] * start.left_m)
    motions = candidates.along(start.s_m, slowed, ego.acceleration_mps2, aim, steps)
    offsets = sorted({*(good + one for good in aim.left_m for one in OFFSETS_M)})
    which, end, length = candidates.sides(motions, offsets)
    found = np.zeros((6, steps + 1))
    grid = Surface(*surface.corner_m, surface.cell_m, surface.edge_m)
    best = motion_costs.costs(
        way.reference, grid, body, weights, start, motions.s_m, motions.speed_mps, which, end, length, _late(motions, aim),
        forecast.boxes, forecast.share, np.array(aim.left_m, dtype=np.float64), aim.speed_mps, room_m, found,
    )  # fmt: skip
    if best < 0:
        return None
    free = _free(grid, body, weights, found, forecast, room_m)
    times: Floats = np.arange(steps + 1, dtype=np.float64) * STEP_S
    x, y, yaw, v, a, bend = found
    return Plan(Trajectory(now_s, times, x, y, np.unwrap(yaw), v, a, bend), motions.s_m[int(which[best])], free)


def _free(grid: Surface, body: Body, weights: Weights, found: Floats, forecast: Forecast, room_m: float) -> bool:
    road = motion_costs.road_cost(grid, body, weights, found, 0.4)
    traffic = motion_costs.traffic_cost(body, weights, forecast.boxes, forecast.share, found, room_m)
    return road < motion_costs.OFF_ROAD * 0.3 and traffic < motion_costs.HIT * 0.1


def _start(ego: Ego, steering_rad: float, way: Way, body: Body) -> motion_costs.Start | None:
    """The car in the Frenet frame of the way."""
    s, left = (float(one[0]) for one in way.line.project(np.array([[ego.pose.x_m, ego.pose.y_m]])))
    row = np.empty(6)
    motion_costs.at_line(way.reference, s, row)
    turn = wrapped(ego.pose.yaw_rad - row[2])
    room = 1.0 - row[3] * left
    if abs(turn) > SIDEWAYS_RAD or room < 0.1:
        return None
    slope, cos = math.tan(turn) * room, math.cos(turn)
    bent = (math.tan(steering_rad) / body.wheelbase_m * room / cos - row[3]) * room / cos**2
    bend = bent - (row[4] * left + row[3] * slope) * math.tan(turn)
    return motion_costs.Start(s, left, slope, bend, steering_rad, ego.acceleration_mps2)


def _late(motions: candidates.Along, aim: Aim) -> Floats:
    """What each motion costs for missing the goal's window: by how far it is beside it at the best time in it."""
    cost = np.zeros(len(motions.s_m))
    if aim.arrive_m is None:
        return cost
    last = (motions.s_m.shape[1] - 1) * STEP_S
    early, late = min(aim.arrive_s[0], last), min(aim.arrive_s[1], last)
    times = slice(max(math.floor(early / STEP_S), 0), max(math.ceil(late / STEP_S), 1) + 1)
    rest = max(aim.arrive_s[0] - last, 0.0)
    s, v = motions.s_m[:, times], motions.speed_mps[:, times]
    low, high = aim.arrive_m[0] - rest * max(aim.speed_mps * 1.3, 5.0), aim.arrive_m[1]
    missed = np.maximum(np.maximum(low - s, s - high), 0.0)
    if rest == 0.0:
        missed = missed + np.maximum(np.maximum(aim.arrive_mps[0] - v, v - aim.arrive_mps[1]), 0.0)
    return np.asarray(LATE * missed.min(axis=1), dtype=np.float64)
