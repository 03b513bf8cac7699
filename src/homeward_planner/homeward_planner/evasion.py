"""What to do when the planned motion would hit something: brake harder, or go round it, whichever is best in the plane.

The plan of the behaviour rules stays as it is while it is free. Where it isn't, the sampling planner looks for a motion
around it, among all that is expected of the others; the least bad one is taken where none is free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner import sampling
from homeward_planner.candidates import Aim
from homeward_planner.corridor import Corridor
from homeward_planner.drivable import Drivable
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.motion_costs import ROW_BEND, ROW_V, ROW_X, ROW_Y, ROW_YAW, Body
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats, Line
from homeward_planner.scene import Ego, Kind, Pose, Thing
from homeward_planner.speed_profile import Profile
from homeward_planner.threats import ROOM_M, STEPS, TOWARDS, Expected, Watch, along_braking, as_motion, forecast_of
from homeward_planner.trajectory import Trajectory

EVADING = "evading"
WORDS = {
    Kind.PEDESTRIAN: "Avoiding somebody on the road.",
    Kind.TWO_WHEELER: "Avoiding a rider on the road.",
    Kind.UNKNOWN: "Avoiding something on the road.",
}
BEHIND_M, AHEAD_M = 20.0, 110.0
NEAR_M, GOES_ON_S = 0.6, 0.5  # a threat for so long stays one within so much
STEP_S = 0.1
KEPT_M, KEPT_MPS, CARRIED_ON_S = 1.5, 3.5, 0.35
MOVES_MPS = 1.0
BRAKINGS_MPS2 = (3.0, 4.0, 5.0, 6.0, 7.0)  # tried before the car leaves its way, and the hardest that it has


@dataclass(frozen=True, eq=False)
class WayAhead:
    """The corridor, how fast it may be driven at each of its points, and where the rules ask to stop."""

    corridor: Corridor
    envelope_mps: Floats
    stop_m: float


@dataclass(frozen=True, eq=False)
class Evasive:
    """The motion taken instead of the plan: along the way as a profile, in the plane as a trajectory."""

    profile: Profile
    trajectory: Trajectory


@dataclass(frozen=True, eq=False)
class Search:
    """Where the sampling planner looked for another motion: all that it takes to show what was tried."""

    ego: Ego
    steering_rad: float
    way: sampling.Way
    aim: Aim
    body: Body

    def fan(self, count: int) -> list[Floats]:
        """Some of the motions tried, spread over all of them: 2 × T (x, y) each."""
        return sampling.fan(self.ego, self.steering_rad, self.way, self.aim, self.body, count)


@dataclass(frozen=True, eq=False)
class Foreseen:
    """What the last look was about, for people: what is expected of the others; the search, where there was one."""

    expected: Sequence[Expected] = ()
    search: Search | None = None


class Evasion:
    """Watches over the plan of one map."""

    def __init__(self, graph: LaneGraph, params: PlannerParams, surface: Drivable | None) -> None:
        self.params, self.surface = params, surface
        self.watch = Watch(graph)
        self.body = body_of(params)
        self._last: Trajectory | None = None
        self._swerved_s: float | None = None
        self.foreseen = Foreseen()

    def look(
        self, now_s: float, ego: Ego, way: WayAhead, profile: Profile, planned: Trajectory, things: Sequence[Thing]
    ) -> Evasive | None:
        """The motion to take instead; None where the planned one is free."""
        expected = self.watch.expect(now_s, ego, things)
        self.foreseen = Foreseen(expected)
        motion = _motion_of(planned)
        evades = self._last is not None and 0.0 <= now_s - self._last.stamp_s <= GOES_ON_S
        threats = self.watch.threats(self.body, motion, expected, NEAR_M if evades else ROOM_M)
        if not threats or self.surface is None or ego.speed_mps < 0.1:
            return None
        text = _words(threats, ego)
        swerves = self._swerved_s is not None and 0.0 <= now_s - self._swerved_s <= GOES_ON_S
        comes = any(_comes(one.thing, ego) for one in threats)  # to stand still is no way out
        braked = None if swerves or comes else self._braked(now_s, profile, motion, expected, text)
        if braked is not None:
            self._last = braked.trajectory
            return braked
        self._swerved_s = now_s
        return self._instead(now_s, ego, way, profile, planned, expected, text)

    def _braked(
        self, now_s: float, profile: Profile, motion: Floats, expected: Sequence[Expected], text: str
    ) -> Evasive | None:
        """Along the planned path, braking a little harder than it takes; None where no braking would do."""
        hardest = self.params.deceleration_hard_mps2
        brakings = [*(one for one in BRAKINGS_MPS2 if one < hardest), hardest]
        for enough, firmer in zip(brakings, [*brakings[1:], hardest], strict=True):
            if not self.watch.threats(self.body, along_braking(motion, enough), expected, NEAR_M):
                return _along(now_s, profile, along_braking(motion, firmer), firmer, text)
        return None

    def _instead(
        self, now_s: float, ego: Ego, ahead: WayAhead, profile: Profile, planned: Trajectory,
        expected: Sequence[Expected], text: str,
    ) -> Evasive | None:
        assert self.surface is not None
        way, from_m = _way_around(ahead, profile, self.params.deceleration_comfort_mps2)
        aim = Aim(max(float(way.reference.rows[:, 5].max()), 1.0))
        begin, bend_1pm = self._begin(now_s, ego, planned)
        steering = float(np.arctan(self.body.wheelbase_m * bend_1pm))
        self.foreseen = Foreseen(expected, Search(begin, steering, way, aim, self.body))
        found = sampling.plan(now_s, begin, steering, way, aim, self.body, self.surface, forecast_of(expected))
        if found is None:
            return None
        path = self._last = found.trajectory
        speeds = (path.speed_mps, path.acceleration_mps2)
        return Evasive(Profile(path.time_s, found.s_m + from_m, *speeds, EVADING, text), path)

    def _begin(self, now_s: float, ego: Ego, planned: Trajectory) -> tuple[Ego, float]:
        """Where the new motion begins, and with what curvature: the last one carried on while the car is close to it, so
        that what was begun is gone through with; else the car itself."""
        last = self._last
        if last is not None and 0.0 <= now_s - last.stamp_s <= CARRIED_ON_S:
            x, y, yaw, speed, acceleration, bend = last.at(now_s)
            if math.hypot(x - ego.pose.x_m, y - ego.pose.y_m) < KEPT_M and abs(speed - ego.speed_mps) < KEPT_MPS:
                return Ego(Pose(x, y, yaw), speed, acceleration), bend
        return ego, float(planned.curvature_1pm[0])


def body_of(params: PlannerParams) -> Body:
    """The car as the sampling planner knows it, within what controller and command gate let through."""
    return Body(
        params.wheelbase_m, params.front_m, params.rear_m, params.width_m, params.steering_max_rad,
        params.steering_rate_max_radps, params.acceleration_max_mps2 + 0.5, params.deceleration_evading_mps2, 60.0,
        params.lateral_acceleration_evading_mps2, params.lateral_jerk_evading_mps3,
    )  # fmt: skip


def _motion_of(planned: Trajectory) -> Floats:
    columns = (planned.x_m, planned.y_m, planned.yaw_rad, planned.speed_mps, planned.acceleration_mps2, planned.curvature_1pm)
    return as_motion([column[: STEPS + 1] for column in columns])


def _way_around(ahead: WayAhead, profile: Profile, braking_mps2: float) -> tuple[sampling.Way, float]:
    """The corridor around the car with its top speeds, and where along the corridor it begins."""
    corridor = ahead.corridor
    part = corridor.line.window(profile.s_m[0] - BEHIND_M, profile.s_m[0] + AHEAD_M)
    line = Line(*(column[part] for column in (corridor.line.points_m, corridor.line.s_m, corridor.line.heading_rad,
                                              corridor.line.curvature_1pm)))  # fmt: skip
    from_m = float(line.s_m[0])
    moved = Line(line.points_m, line.s_m - from_m, line.heading_rad, line.curvature_1pm)
    to_stop = np.sqrt(2.0 * braking_mps2 * np.maximum(ahead.stop_m - line.s_m, 0.0))
    return sampling.Way.along(moved, np.minimum(ahead.envelope_mps[part], to_stop)), from_m


def _words(threats: Sequence[Expected], ego: Ego) -> str:
    nearest = min(threats, key=lambda one: _apart(one.thing, ego)).thing
    return WORDS.get(nearest.kind, "Avoiding a collision.")


def _comes(thing: Thing, ego: Ego) -> bool:
    return thing.speed_mps > MOVES_MPS and math.cos(thing.pose.yaw_rad - ego.pose.yaw_rad) < TOWARDS


def _along(now_s: float, profile: Profile, braked: Floats, braking_mps2: float, text: str) -> Evasive:
    """A braked motion along the way as a profile and as a trajectory."""
    times: Floats = np.arange(braked.shape[1], dtype=np.float64) * STEP_S
    speed = braked[ROW_V]
    slowing: Floats = np.where(speed > 0.0, -braking_mps2, 0.0)
    gone = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2.0 * STEP_S)])
    path = Trajectory(now_s, times, braked[ROW_X], braked[ROW_Y], braked[ROW_YAW], speed, slowing, braked[ROW_BEND])
    return Evasive(Profile(times, profile.s_m[0] + gone, speed, slowing, EVADING, text), path)


def _apart(thing: Thing, ego: Ego) -> float:
    return float(np.hypot(thing.pose.x_m - ego.pose.x_m, thing.pose.y_m - ego.pose.y_m))
