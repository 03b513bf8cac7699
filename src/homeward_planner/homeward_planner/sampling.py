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
from homeward_planner.motion_costs import Body, Reference, Surface, Target, Weights
from homeward_planner.plane import Floats, Line, wrapped
from homeward_planner.prediction import Forecast
from homeward_planner.scene import Ego
from homeward_planner.trajectory import Trajectory

STEP_S = 0.1
STEP_M = 0.5
STRAIGHT_ON_M = 60.0
OFFSETS_M = (-3.75, -3.0, -2.25, -1.5, -0.75, -0.35, 0.0, 0.35, 0.75, 1.5, 2.25, 3.0, 3.75)
SURE = 0.7  # of a cost along the line is one in the plane as well
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
    cost: float


def plan(
    now_s: float, ego: Ego, steering_rad: float, way: Way, aim: Aim, body: Body, surface: Drivable, forecast: Forecast,
    horizon_s: float = 4.0, weights: Weights = Weights(), room_m: float = 1.0, below: float = np.inf,
) -> Plan | None:  # fmt: skip
    """The best motion from here. None where the car stands across the way, so that no candidate can be laid, and where none
    costs less than `below`.
    """
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
    at_least = _at_least(motions, way, aim, weights)[which.astype(np.intp)]
    aside = motion_costs.offset_cost(end, np.array(aim.left_m), weights, steps + 1)
    at_least += aside
    order = np.argsort(at_least, kind="stable")
    which, end, length, at_least, aside = (column[order] for column in (which, end, length, at_least, aside))
    found = np.zeros((7, steps + 1))
    grid = Surface(*surface.corner_m, surface.cell_m, surface.edge_m)
    best, cost = motion_costs.costs(
        way.reference, grid, body, weights, start, motions.s_m, motions.speed_mps, which, end, length, _target(aim, steps),
        at_least, forecast.boxes, forecast.share, aside, aim.speed_mps, room_m, below, found,
    )  # fmt: skip
    if best < 0:
        return None
    free = _free(grid, body, weights, found, forecast, room_m)
    times: Floats = np.arange(steps + 1, dtype=np.float64) * STEP_S
    x, y, yaw, v, a, bend, _ = found
    return Plan(Trajectory(now_s, times, x, y, np.unwrap(yaw), v, a, bend), motions.s_m[int(which[best])], free, cost)


def fan(ego: Ego, steering_rad: float, way: Way, aim: Aim, body: Body, count: int, horizon_s: float = 4.0) -> list[Floats]:
    """Some of the candidates that `plan` judges, spread evenly over all, for people to look at: 2 × T (x, y) each."""
    start, steps = _start(ego, steering_rad, way, body), round(horizon_s / STEP_S)
    if start is None:
        return []
    motions = candidates.along(start.s_m, max(ego.speed_mps, 0.0), ego.acceleration_mps2, aim, steps)
    which, end, length = candidates.sides(motions, sorted({*(good + one for good in aim.left_m for one in OFFSETS_M)}))
    found = []
    for one in np.unique(np.linspace(0, len(which) - 1, count).astype(np.intp)):
        s_m, speed = motions.s_m[int(which[one])], motions.speed_mps[int(which[one])]
        out = np.zeros((7, steps + 1))
        rows = motion_costs.rows_along(way.reference, s_m[None])[0]
        if motion_costs.lay(rows, start, s_m, speed, float(end[one]), float(length[one]), out):
            found.append(out[:2])
    return found


def _at_least(motions: candidates.Along, way: Way, aim: Aim, weights: Weights) -> Floats:
    """What each motion along the way costs whatever it does to the side: comfort, and most of the speed it lacks."""
    at = np.arange(len(way.reference.rows)) * way.reference.step_m
    top = np.minimum(np.interp(motions.s_m, at, way.reference.rows[:, 5]), aim.speed_mps)
    rising = 0.5 + np.arange(motions.s_m.shape[1]) / motions.s_m.shape[1]
    a = np.diff(motions.speed_mps, axis=1) / STEP_S
    beyond = np.maximum(a - weights.usual_up_mps2, 0.0) + 0.5 * np.maximum(-a - weights.usual_down_mps2, 0.0)
    rough = (weights.comfort * a**2 + weights.rough * beyond**2).sum(axis=1)
    slow = (weights.speed * np.abs(motions.speed_mps - top) * rising).sum(axis=1)
    return np.asarray(SURE * STEP_S * (rough + slow), dtype=np.float64)


def _free(grid: Surface, body: Body, weights: Weights, found: Floats, forecast: Forecast, room_m: float) -> bool:
    road = motion_costs.road_cost(grid, body, weights, found, motion_costs.EDGE_ROOM_M, np.inf)
    traffic = motion_costs.traffic_cost(body, weights, forecast.boxes, forecast.share, found, room_m, np.inf)
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


def _target(aim: Aim, steps: int) -> Target:
    """The goal's window as far as the horizon reaches; where it lies beyond, how far the car has to be by then."""
    if aim.arrive_m is None:
        return Target(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    first = min(math.ceil(aim.arrive_s[0] / STEP_S - 1e-6), steps)
    last = min(max(math.floor(aim.arrive_s[1] / STEP_S + 1e-6), first), steps)
    rest = max(aim.arrive_s[0] - steps * STEP_S, 0.0)
    if rest > 0.0:
        by_then_m = aim.arrive_m[0] - rest * max(aim.speed_mps * 1.3, 5.0)
        return Target(steps, steps, by_then_m, aim.arrive_m[1], 99.0, 0.0, 99.0, LATE)
    return Target(max(first, 1), max(last, 1), *aim.arrive_m, aim.arrive_left_m, *aim.arrive_mps, LATE)
