"""Parking, and driving out again: a way found once, driven stretch by stretch at walking pace, found anew when it is blocked.

It stands still for whatever comes near, and after a while looks for another way round what stands there. Where there is
none for long it gives up, and says why.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner.free_space import Body, NoRoom, free_space
from homeward_planner.hybrid_a_star import search
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.parameters import PlannerParams
from homeward_planner.parking_path import Stretch, curvature_max_1pm, stretches
from homeward_planner.parking_watch import free_until_m
from homeward_planner.plane import Floats, wrapped
from homeward_planner.route import Refusal
from homeward_planner.scene import Ego, Kind, Pose, Thing
from homeward_planner.trajectory import DRIVE, REVERSE, Trajectory

STANDING_MPS = 0.05
REACHED_M = 0.12
CLOSE_ENOUGH_M, CLOSE_ENOUGH_S = 0.5, 2.0  # a car that stands this long so near the end of a stretch has done it
STRAYED_M, STRAYED_RAD = 0.4, 0.25
BRAKING_MPS2 = 1.5
THERE_M, THERE_RAD = 0.1, 0.05
MOST_TRIES = 8
WHEELS_S = 0.5  # besides the wheels' turn: the gear has to go in
TAIL_S = 1.0
BESIDE_M = 0.3


@dataclass(frozen=True, eq=False)
class Manoeuvre:
    """One step's result. No trajectory: stand. `ended`: reached, or given up for `reason`."""

    trajectory: Trajectory | None
    reason: str
    text: str
    left_m: float = 0.0
    waits: bool = False
    reached: bool = False
    given_up: bool = False


@dataclass(eq=False)
class _Drive:
    """What is under way: the goal, the stretches, and how far the car has come on the first of them."""

    goal: Pose
    leaves: bool
    rest: list[Stretch] | None  # None: no way is known yet
    way_m: float = 0.0
    turns_until_s: float | None = None  # standing with the wheels turning, at the start of a stretch
    waits_since_s: float | None = None
    blocked_since_s: float | None = None
    stands_since_s: float | None = None
    looked_s: float = -math.inf
    tries: int = 0

    @property
    def left_m(self) -> float:
        """How much is still to be driven, as far as it is known."""
        return max(sum(one.length_m for one in self.rest or ()) - self.way_m, 0.0)


class Parking:
    """Finds manoeuvres and drives them. Time is an argument."""

    def __init__(self, params: PlannerParams, graph: LaneGraph) -> None:
        self.params, self.graph = params, graph
        self.body = Body.of(params)
        self._drive: _Drive | None = None

    @property
    def under_way(self) -> bool:
        """Whether a manoeuvre is being driven."""
        return self._drive is not None

    @property
    def way_left(self) -> tuple[Stretch, ...]:
        """The stretches that are still to be driven, the one under way first."""
        return tuple(self._drive.rest or ()) if self._drive is not None else ()

    def plan(self, start: Pose, goal: Pose, things: Sequence[Thing], leaves: bool) -> tuple[Stretch, ...] | Refusal:
        """The way from a pose to a pose among standing things; `leaves` a narrow place, or else goes into one."""
        if not (start.finite and goal.finite):
            return Refusal("not_finite", "The start or the goal is not a place.")
        try:
            space = free_space(self.graph, [start, goal], things, [self._footprint(start)])
        except NoRoom as error:
            return Refusal("no_room", f"There is no way to park from here: {error}.")
        if not space.is_free(self.body, np.array([(goal.x_m, goal.y_m, goal.yaw_rad)])).all():
            return Refusal("no_room", "Something stands where the car should, or the place is too small for it.")
        if _is_there(start, goal):
            return ()
        pieces = search(space, self.body, start, goal, curvature_max_1pm(self.params), from_goal=not leaves)
        if pieces is None:
            return Refusal("no_room", "There is not enough room to get there.")
        return stretches(start, pieces, space, self.body, self.params)

    def begin(self, goal: Pose, leaves: bool) -> None:
        """Set out for a pose; the next step looks for a way there."""
        self._drive = _Drive(goal, leaves, None)

    def forget(self) -> None:
        """Drop what is under way."""
        self._drive = None

    def step(self, now_s: float, ego: Ego, things: Sequence[Thing]) -> Manoeuvre:
        """Where to be when, on the stretch under way; or why to stand."""
        drive = self._drive
        assert drive is not None
        if drive.rest is None:
            return self._again(drive, now_s, ego, things, "Looking for room.")
        if drive.rest and self._done_with_stretch(drive, drive.rest[0], now_s, ego):
            drive.rest.pop(0)
            drive.way_m, drive.turns_until_s, drive.stands_since_s = 0.0, None, None
        if not drive.rest:
            self._drive = None
            return Manoeuvre(None, "", "", reached=True)
        if _strayed(drive.rest[0], drive.way_m, ego):
            return self._again(drive, now_s, ego, things, "The car is off its way; another is looked for.")
        return self._go_on(drive, drive.rest[0], now_s, ego, things)

    def _go_on(self, drive: _Drive, stretch: Stretch, now_s: float, ego: Ego, things: Sequence[Thing]) -> Manoeuvre:
        """Along the stretch, as far as nothing is in the way."""
        free_m, culprit = free_until_m(stretch, drive.way_m, things, self.params)
        if culprit is None or free_m > drive.way_m + BESIDE_M:
            drive.waits_since_s = drive.blocked_since_s = None
            text = f"{'Driving out' if drive.leaves else 'Parking'}, {'forwards' if stretch.forwards else 'backwards'}."
            return Manoeuvre(self._trajectory(drive, stretch, now_s, ego, free_m), "parking", text, drive.left_m)
        if self._waits_too_long(drive, now_s, ego):
            return self._again(drive, now_s, ego, things, _why(culprit))
        trajectory = self._trajectory(drive, stretch, now_s, ego, free_m)
        return Manoeuvre(trajectory, "parking_blocked", _why(culprit), drive.left_m, waits=True)

    def _done_with_stretch(self, drive: _Drive, stretch: Stretch, now_s: float, ego: Ego) -> bool:
        """Whether the car stands at the end of the stretch under way. Looks where on it the car is."""
        drive.way_m = max(drive.way_m, _along(stretch, ego.pose, drive.way_m))
        if abs(ego.speed_mps) > STANDING_MPS:
            drive.stands_since_s = None
            return False
        drive.stands_since_s = now_s if drive.stands_since_s is None else drive.stands_since_s
        left_m = stretch.length_m - drive.way_m
        stood_s = now_s - drive.stands_since_s
        near = left_m < CLOSE_ENOUGH_M and left_m < stretch.length_m / 2.0 and drive.waits_since_s is None
        return left_m < REACHED_M or (near and stood_s > CLOSE_ENOUGH_S)

    # when it doesn't go on

    def _waits_too_long(self, drive: _Drive, now_s: float, ego: Ego) -> bool:
        if abs(ego.speed_mps) > STANDING_MPS:
            return False
        drive.waits_since_s = now_s if drive.waits_since_s is None else drive.waits_since_s
        return now_s - drive.waits_since_s > self.params.replan_after_s

    def _again(self, drive: _Drive, now_s: float, ego: Ego, things: Sequence[Thing], why: str) -> Manoeuvre:
        """Another way from here, once the car stands; given up after a long time without one."""
        drive.blocked_since_s = now_s if drive.blocked_since_s is None else drive.blocked_since_s
        if abs(ego.speed_mps) > STANDING_MPS or now_s - drive.looked_s < self.params.replan_after_s:
            return Manoeuvre(None, "parking_blocked", why, drive.left_m, waits=True)
        drive.looked_s, drive.tries = now_s, drive.tries + 1
        found = self.plan(ego.pose, drive.goal, things, drive.leaves)
        if not isinstance(found, Refusal):
            known = (drive.blocked_since_s, None, now_s, drive.tries)
            self._drive = _Drive(drive.goal, drive.leaves, list(found), 0.0, None, None, *known)
        if drive.tries > MOST_TRIES or now_s - drive.blocked_since_s > self.params.blocked_after_s:
            self._drive = None
            text = found.text if isinstance(found, Refusal) else "Parking did not succeed in several tries."
            return Manoeuvre(None, "no_room", text, given_up=True)
        return Manoeuvre(None, "parking_blocked", found.text if isinstance(found, Refusal) else why, drive.left_m, waits=True)

    # the trajectory

    def _trajectory(self, drive: _Drive, stretch: Stretch, now_s: float, ego: Ego, free_m: float) -> Trajectory:
        turning_s = self._turning_s(drive, now_s)
        grid = stretch.way_m[stretch.way_m > drive.way_m + 0.02]
        way = np.concatenate([[drive.way_m], grid if len(grid) else [stretch.length_m + 0.02]])
        sign = 1.0 if stretch.forwards else -1.0
        speed = self._speeds(stretch, way, max(sign * ego.speed_mps, 0.0), free_m)
        keep = np.concatenate([[True], (speed[1:] > 0.0) | (speed[:-1] > 0.0)])
        way, speed = way[keep], speed[keep]
        steps = 2.0 * np.diff(way) / np.maximum(speed[1:] + speed[:-1], 1e-3)
        times = turning_s + np.concatenate([[0.0], np.cumsum(steps)])
        if turning_s > 0.0:
            way, speed, times = _prefixed(way), _prefixed(speed), np.concatenate([[0.0], times])
            speed[:2] = 0.0
        times, way, speed = np.append(times, times[-1] + TAIL_S), np.append(way, way[-1]), np.append(speed, 0.0)
        return self._laid(stretch, now_s, times, way, sign * speed)

    def _laid(self, stretch: Stretch, now_s: float, times: Floats, way: Floats, speed: Floats) -> Trajectory:
        columns = (stretch.x_m, stretch.y_m, stretch.yaw_rad, stretch.curvature_1pm)
        x, y, yaw, bend = (np.interp(way, stretch.way_m, column) for column in columns)
        acceleration = np.append(np.diff(speed) / np.diff(times), 0.0)
        gear = DRIVE if stretch.forwards else REVERSE
        return Trajectory(now_s, times, x, y, yaw, speed, acceleration, bend, gear)

    def _turning_s(self, drive: _Drive, now_s: float) -> float:
        """How much longer the car stands at a stretch's start, while the wheels turn and the gear goes in."""
        if drive.turns_until_s is None:
            turn_rad = 2.0 * self.params.steering_max_rad / self.params.steering_rate_max_radps
            drive.turns_until_s = now_s + WHEELS_S + turn_rad / 2.0
        return max(drive.turns_until_s - now_s, 0.0)

    def _speeds(self, stretch: Stretch, way: Floats, now_mps: float, free_m: float) -> Floats:
        """Speeds at places of the stretch: as allowed, no more than the car can gain, and standing where it has to."""
        params = self.params
        gone = way - way[0]
        most = np.interp(way, stretch.way_m, stretch.limit_mps)
        most = np.minimum(most, np.sqrt(2.0 * params.manoeuvre_acceleration_mps2 * np.maximum(free_m - way, 0.0)))
        gained = np.sqrt(now_mps**2 + 2.0 * params.manoeuvre_acceleration_mps2 * gone)
        slowed = np.sqrt(np.maximum(now_mps**2 - 2.0 * BRAKING_MPS2 * gone, 0.0))
        return np.asarray(np.maximum(np.minimum(most, gained), slowed), dtype=np.float64)

    def _footprint(self, pose: Pose) -> Floats:
        """The ground under the car: it may stand where it stands."""
        params = self.params
        corners = [(params.front_m, 1.0), (-params.rear_m, 1.0), (-params.rear_m, -1.0), (params.front_m, -1.0)]
        half, cos, sin = params.width_m / 2.0 + 0.1, math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)
        return np.array([
            (pose.x_m + u * cos - v * half * sin, pose.y_m + u * sin + v * half * cos) for u, v in corners
        ])  # fmt: skip


@functools.cache
def warm_up(params: PlannerParams) -> None:
    """Compile what is hot, before a car waits for it; once in a process."""
    room = np.array([(-9.0, -9.0), (9.0, -9.0), (9.0, 9.0), (-9.0, 9.0)])
    nowhere = Parking(params, LaneGraph("", 0.0, 0.0, (), parking_surfaces_m=(room,)))
    for leaves in (True, False):
        nowhere.plan(Pose(0.0, 0.0, 0.0), Pose(1.0, 0.0, 0.0), [], leaves)


def _prefixed(row: Floats) -> Floats:
    """A row that begins with its first value once more."""
    return np.concatenate([row[:1], row])


def _along(stretch: Stretch, pose: Pose, near_m: float) -> float:
    """How far along a stretch the car is, near where it was."""
    part = np.flatnonzero(np.abs(stretch.way_m - near_m) < 1.5)
    gaps = np.hypot(stretch.x_m[part] - pose.x_m, stretch.y_m[part] - pose.y_m)
    nearest = part[int(np.argmin(gaps))]
    yaw = float(stretch.yaw_rad[nearest])
    ahead = (pose.x_m - stretch.x_m[nearest]) * math.cos(yaw) + (pose.y_m - stretch.y_m[nearest]) * math.sin(yaw)
    way_m = float(stretch.way_m[nearest] + (ahead if stretch.forwards else -ahead))
    return min(max(way_m, 0.0), stretch.length_m)


def _is_there(start: Pose, goal: Pose) -> bool:
    apart_m = math.hypot(goal.x_m - start.x_m, goal.y_m - start.y_m)
    return apart_m < THERE_M and abs(wrapped(goal.yaw_rad - start.yaw_rad)) < THERE_RAD


def _strayed(stretch: Stretch, way_m: float, ego: Ego) -> bool:
    x, y, yaw = (float(np.interp(way_m, stretch.way_m, row)) for row in (stretch.x_m, stretch.y_m, stretch.yaw_rad))
    far = math.hypot(ego.pose.x_m - x, ego.pose.y_m - y) > STRAYED_M
    return far or abs(wrapped(ego.pose.yaw_rad - yaw)) > STRAYED_RAD


def _why(thing: Thing | None) -> str:
    names = {Kind.PEDESTRIAN: "somebody", Kind.TWO_WHEELER: "a two-wheeler", Kind.CAR: "a car", Kind.TRUCK: "a truck"}
    return f"Waiting for {names.get(thing.kind, 'something') if thing is not None else 'something'} in the way."
