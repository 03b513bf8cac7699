"""What counts as an offence, as pure functions and small counters over numbers. No client and no map here.

Everything is in CARLA's frame: metres, seconds, radians, clockwise from above. Episodes are counted, not frames:
an offence that lasts is one, and one that comes back after a pause is two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

COLLISION_PAUSE_S = 1.0
EDGE_MARGIN_M, OFF_ROAD_MARGIN_M = 0.2, 0.3
DEPARTURE_S, LANE_CHANGE_S = 0.5, 6.0
"""How long an edge may be crossed, and how long where changing lanes is allowed."""
STANDING_MPS, STANDING_S = 0.1, 1.0
LINE_REACH_M = 5.0
"""A jump over a line longer than this is a teleport, not a drive."""


@dataclass(frozen=True)
class Boxes:
    """Upright boxes: middles (n, 3), yaw (n,), half length, half width, half height (n, 3)."""

    middle: Array
    yaw: Array
    half: Array

    def corners(self, shrunk_by: float = 0.0) -> Array:
        """(n, 4, 2) corners on the plane, drawn in by a margin."""
        signs = np.array(((1, 1), (1, -1), (-1, -1), (-1, 1)), float)
        size = np.maximum(self.half[:, None, :2] - shrunk_by, 0.0) * signs
        c, s = np.cos(self.yaw)[:, None], np.sin(self.yaw)[:, None]
        x = self.middle[:, None, 0] + c * size[..., 0] - s * size[..., 1]
        y = self.middle[:, None, 1] + s * size[..., 0] + c * size[..., 1]
        return np.stack((x, y), axis=-1)


def overlapping(ego: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """Which of the other boxes share space with the one ego box, by the separating axis theorem."""
    count = len(others.yaw)
    if not count:
        return np.zeros(0, np.bool_)
    touching: NDArray[np.bool_] = np.abs(others.middle[:, 2] - ego.middle[0, 2]) <= others.half[:, 2] + ego.half[0, 2]
    mine, theirs = np.repeat(ego.corners(), count, axis=0), others.corners()
    for yaw in (np.full(count, ego.yaw[0]), others.yaw):
        for axis in (np.stack((np.cos(yaw), np.sin(yaw)), 1), np.stack((-np.sin(yaw), np.cos(yaw)), 1)):
            a, b = np.einsum("nkd,nd->nk", mine, axis), np.einsum("nkd,nd->nk", theirs, axis)
            touching &= (a.max(axis=1) > b.min(axis=1)) & (b.max(axis=1) > a.min(axis=1))
    return touching


@dataclass
class Collisions:
    """Counts contacts with each other actor; one that pauses for less than COLLISION_PAUSE_S goes on."""

    events: list[tuple[float, int]] = field(default_factory=list)
    _last_s: dict[int, float] = field(default_factory=dict)

    def see(self, now_s: float, touched: list[int]) -> None:
        for actor in touched:
            if now_s - self._last_s.get(actor, -np.inf) > COLLISION_PAUSE_S:
                self.events.append((now_s, actor))
            self._last_s[actor] = now_s


@dataclass(frozen=True)
class StopLines:
    """Lines before traffic lights: middles (n, 2), directions of travel (n, 2), half widths (n,), index of the light
    (n,).
    """

    middle: Array
    ahead: Array
    half_width: Array
    light: NDArray[np.int64]

    def along(self, nose: Array) -> tuple[Array, Array]:
        """How far a point is past each line, and how far beside its middle."""
        away = nose - self.middle
        return (away * self.ahead).sum(axis=1), np.abs(away[:, 1] * self.ahead[:, 0] - away[:, 0] * self.ahead[:, 1])


@dataclass
class RedLights:
    """Counts passages of the front bumper over a line whose light is red before and after."""

    lines: StopLines
    events: list[tuple[float, int]] = field(default_factory=list)
    passed: int = 0
    _before: tuple[Array, NDArray[np.bool_]] | None = None

    def see(self, now_s: float, nose: Array, heading: Array, red: NDArray[np.bool_]) -> None:
        """`red` by light. Both frames count, so that a light that turns red at the very moment isn't run."""
        if not len(self.lines.light):
            return
        along, aside = self.lines.along(nose)
        is_red = red[self.lines.light]
        if self._before is not None:
            was_along, was_red = self._before
            facing = self.lines.ahead @ heading > 0.5
            crossed = (was_along < 0.0) & (along >= 0.0) & (along - was_along < LINE_REACH_M)
            crossed &= (aside < self.lines.half_width) & facing
            self.passed += int(crossed.sum())
            self.events += [(now_s, int(self.lines.light[line])) for line in np.flatnonzero(crossed & was_red & is_red)]
        self._before = (along, is_red)


@dataclass(frozen=True)
class LaneFix:
    """Where a car is in its lane: signed offset of its middle (right positive), half its width as the lane sees it,
    half the lane's width, the cosine between the two directions, whether the lane lies in a junction, whether it
    may leave to either side, and whether all its corners (drawn in by OFF_ROAD_MARGIN_M) are on driving lanes.
    """

    offset_m: float
    half_width_m: float
    half_lane_m: float
    facing: float
    in_junction: bool
    may_go_left: bool
    may_go_right: bool
    all_on_road: bool


def faults_of(fix: LaneFix) -> dict[str, float]:
    """What is wrong now, and how long it may be so: `edge`, `changing` (an edge that may be crossed), `off_road`,
    `wrong_way`.
    """
    faults: dict[str, float] = {}
    if not fix.all_on_road:
        faults["off_road"] = DEPARTURE_S
    if fix.in_junction:
        return faults
    if fix.facing < 0.0:
        faults["wrong_way"] = DEPARTURE_S
    over_m = abs(fix.offset_m) + fix.half_width_m - fix.half_lane_m
    if over_m > EDGE_MARGIN_M:
        may = fix.may_go_right if fix.offset_m > 0.0 else fix.may_go_left
        faults["changing" if may else "edge"] = LANE_CHANGE_S if may else DEPARTURE_S
    return faults


@dataclass
class LaneDepartures:
    """Counts episodes of each fault that outlast what is allowed."""

    events: list[tuple[float, str]] = field(default_factory=list)
    _since_s: dict[str, float] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def see(self, now_s: float, fix: LaneFix) -> None:
        faults = faults_of(fix)
        for kind in [kind for kind in self._since_s if kind not in faults]:
            del self._since_s[kind]
            self._told.discard(kind)
        for kind, allowed_s in faults.items():
            began_s = self._since_s.setdefault(kind, now_s)
            if now_s - began_s >= allowed_s and kind not in self._told:
                self._told.add(kind)
                self.events.append((began_s, kind))


@dataclass
class Arrival:
    """Whether the car has stood within `radius_m` of the goal for STANDING_S."""

    goal: Array
    radius_m: float
    at_s: float | None = None
    _standing_since_s: float | None = None

    def see(self, now_s: float, place: Array, speed_mps: float) -> bool:
        """True from the moment of arrival on."""
        near = float(np.hypot(*(place - self.goal))) <= self.radius_m
        if not near or speed_mps > STANDING_MPS:
            self._standing_since_s = None
        elif self._standing_since_s is None:
            self._standing_since_s = now_s
        elif self.at_s is None and now_s - self._standing_since_s >= STANDING_S - 1e-9:
            self.at_s = now_s
        return self.at_s is not None


@dataclass
class Journey:
    """How far the car went, and how fast at most."""

    distance_m: float = 0.0
    top_speed_mps: float = 0.0
    _last: Array | None = None

    def see(self, place: Array, speed_mps: float) -> None:
        if self._last is not None:
            step_m = float(np.hypot(*(place - self._last)))
            self.distance_m += step_m if step_m < LINE_REACH_M else 0.0
        self._last = place
        self.top_speed_mps = max(self.top_speed_mps, speed_mps)


@dataclass
class Frames:
    """Whether every frame was seen, one after the other."""

    count: int = 0
    missing: int = 0
    _last: int | None = None

    def see(self, frame: int) -> None:
        if self._last is not None and frame != self._last + 1:
            self.missing += max(frame - self._last - 1, 1)
        self._last = frame
        self.count += 1
