"""The corridor under way: how fast it may be driven, how long it takes, where the car is on it, what is indicated on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homeward_planner.corridor import Corridor
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats, wrapped
from homeward_planner.scene import Ego, Pose
from homeward_planner.speed_laws import STEP_S
from homeward_planner.speed_profile import Profile, Start, envelope

NEAR_M = 20.0
KEPT_M, KEPT_MPS = 1.5, 1.0  # a plan is carried on while the car is this close to it
RESTS_M = 0.4  # and a plan to stand, while it stands there
STANDING_MPS = 0.05
INDICATE_M, INDICATE_S = 25.0, 3.0


@dataclass(frozen=True, eq=False)
class Way:
    """The corridor under way with its envelope, and the time each of its points takes from the start."""

    corridor: Corridor
    envelope_mps: Floats
    time_s: Floats

    @staticmethod
    def along(corridor: Corridor, params: PlannerParams) -> Way:
        limits = envelope(corridor, params)
        steps = np.diff(corridor.line.s_m) / np.maximum((limits[1:] + limits[:-1]) / 2.0, 0.5)
        return Way(corridor, limits, np.concatenate([[0.0], np.cumsum(steps)]))


def place(corridor: Corridor, pose: Pose, near_m: float) -> tuple[float, float, float]:
    """Where a pose lies on a corridor: distance, offset to the left, turn.

    Looked for near a known distance, for the way may pass the same place twice.
    """
    part = corridor.line.window(near_m - NEAR_M, near_m + NEAR_M)
    s, left = corridor.line.project(np.array([[pose.x_m, pose.y_m]]), part)
    heading = float(np.interp(s[0], corridor.line.s_m, corridor.line.heading_rad))
    return float(s[0]), float(left[0]), wrapped(pose.yaw_rad - heading)


def start_of(last: tuple[float, Profile] | None, now_s: float, s_m: float, ego: Ego, params: PlannerParams) -> Start:
    """Where the new profile begins: the last plan carried on, while the car is close to it; else the car itself."""
    if last is not None:
        then_s, plan = last
        age_s = now_s - then_s
        planned = [float(np.interp(age_s, plan.time_s, row)) for row in (plan.s_m, plan.speed_mps, plan.acceleration_mps2)]
        rests = planned[1] < STANDING_MPS and abs(ego.speed_mps) < STANDING_MPS
        close = abs(planned[0] - s_m) < (RESTS_M if rests else KEPT_M) and abs(planned[1] - ego.speed_mps) < KEPT_MPS
        if close and 0.0 <= age_s < 1.0:
            return Start(*planned)
    calm = min(max(ego.acceleration_mps2, -params.deceleration_hard_mps2), params.acceleration_max_mps2)
    return Start(s_m, max(ego.speed_mps, 0.0), calm if ego.speed_mps > STANDING_MPS else 0.0)


def come_to_rest(start: Start, params: PlannerParams) -> Profile:
    """Brake comfortably to a standstill, and begin without a jolt."""
    times: Floats = np.arange(round(params.horizon_s / STEP_S) + 1, dtype=np.float64) * STEP_S
    eased = max(start.acceleration_mps2, -params.deceleration_comfort_mps2) - params.jerk_comfort_mps3 * times
    slowing = np.maximum(eased, -params.deceleration_comfort_mps2)
    gained = np.concatenate([[0.0], np.cumsum((slowing[1:] + slowing[:-1]) / 2.0 * STEP_S)])
    speed = np.maximum(start.speed_mps + gained, 0.0)
    way = start.s_m + np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2.0 * STEP_S)])
    slowing = np.where(speed > 0.0, slowing, 0.0)
    return Profile(times, way, speed, slowing, "cancelled", "Stopping: the goal was given up.")


def side_ahead(corridor: Corridor, graph: LaneGraph, start: Start) -> str:
    """The side of the next turn or lane change, when it is near: left, right or none ("")."""
    near_m = max(INDICATE_M, INDICATE_S * start.speed_mps)
    coming = [(change.from_m, change.to_m, change.side) for change in corridor.changes]
    coming += [(one.from_m, one.to_m, graph.lanes[one.lane].turn) for one in corridor.passages]
    for from_m, to_m, side in sorted(coming):
        if from_m - near_m < start.s_m < to_m and side in ("left", "right"):
            return side
    return ""
