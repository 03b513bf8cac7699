"""Past what stands in the lane: parked cars, a van that unloads, something that fell from a lorry.

What stands is told from a queue: it stood when it was first seen, or has for a while, and no light, sign or junction is
near that it could be waiting for. The way round it is an offset beside the corridor, as small as leaves room; where it
needs the lane beside, that has to be free for as long as the car is there, else the car waits, far enough behind to get out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner.corridor import Corridor
from homeward_planner.drivable import Drivable
from homeward_planner.occupancy import STANDS_MPS, Occupant, Placed
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats
from homeward_planner.scene import Kind
from homeward_planner.speed_profile import Hold, Start

WAITS = ("passing", "Waiting for room to pass what stands in the lane.")
PARKED_S, AT_EDGE_S = 2.5, 0.8  # standing for so long is more than stopping
AT_EDGE_M = 0.8
QUEUE_M = 30.0  # a stop line or junction nearer than this beyond it may be what it waits for
ROW_M = 22.0  # things that stand no further apart are passed in one go
LONGEST_M = 90.0
AHEAD_M = 60.0
SPARE_M = 0.8  # beyond what turning out needs, where the car waits
ROOM_M, TOUCH_M = 0.55, 0.7  # beside it, and before and behind it
SHARPEST_1PM = 0.17
QUICKEST_MPS = 9.0
IN_S, IN_M = 2.2, 10.0
SPARE_S = 1.5
FROM_BEHIND_M = 60.0
ASIDE_MPS2 = 1.6


@dataclass(frozen=True)
class Detour:
    """An offset beside the corridor: none before `from_m`, whole between `full_m` and `until_m`, none after `to_m`."""

    from_m: float
    full_m: float
    until_m: float
    to_m: float
    left_m: float
    things: frozenset[int]

    def left_at(self, s_m: Floats) -> Floats:
        """The offset at distances along the corridor: quintic steps, no slope or bend at their ends."""
        rising = np.clip((s_m - self.from_m) / (self.full_m - self.from_m), 0.0, 1.0)
        falling = np.clip((self.to_m - s_m) / (self.to_m - self.until_m), 0.0, 1.0)
        t = np.minimum(rising, falling)
        return np.asarray(self.left_m * t**3 * (10.0 - 15.0 * t + 6.0 * t * t), dtype=np.float64)

    @property
    def top_mps(self) -> float:
        """The speed at which its bends are still comfortable."""
        shortest = min(self.full_m - self.from_m, self.to_m - self.until_m)
        sharpest = 5.8 * abs(self.left_m) / shortest**2
        return min(math.sqrt(ASIDE_MPS2 / max(sharpest, 1e-4)), QUICKEST_MPS)


@dataclass(frozen=True)
class Row:
    """Things that stand one after another: from where to where along the way, and how far to either side they reach."""

    from_m: float
    to_m: float
    left_m: float
    right_m: float
    things: frozenset[int]


@dataclass(frozen=True, eq=False)
class Around:
    """What the decision looks at: the way, where the car is on it, what stands or moves on it and beside."""

    corridor: Corridor
    start: Start
    ahead: Sequence[Occupant]
    placed: Sequence[Placed]


class Passing:
    """Remembers since when things stand, and the detour under way."""

    def __init__(self, params: PlannerParams, surface: Drivable | None) -> None:
        self.params, self.surface = params, surface
        self.detour: Detour | None = None
        self.standing_since: dict[int, float] = {}
        """The things that stand, by their number, and since when they have."""

    def forget(self) -> None:
        """Drop what belongs to a route that ended."""
        self.detour = None
        self.standing_since.clear()

    def offset_at(self, s_m: float) -> tuple[float, float]:
        """How far to the left of the corridor the detour is at a distance, and how it is turned against it."""
        if self.detour is None:
            return 0.0, 0.0
        behind, here = self.detour.left_at(np.array([s_m - 0.5, s_m]))
        return float(here), math.atan(2.0 * float(here - behind))

    def decide(self, now_s: float, around: Around) -> Hold | None:
        """Begin, keep or end a detour; the hold is where to wait for one."""
        self._note(now_s, around)
        row = self._row(now_s, around) if self.params.overtaking or self.detour is not None else None
        if self.detour is not None:
            if around.start.s_m > self.detour.to_m:
                self.detour = None
            elif around.start.s_m > self.detour.from_m + 1.0 or (row is not None and row.things <= self.detour.things):
                return None if row is None or self._still_free(around) else self._before(around, row, self.detour.left_m)
            else:
                self.detour = None
        if row is None:
            return None
        detour = self._best(around, row)
        if detour is not None and self._is_free(around, detour):
            self.detour = detour
            return None
        return self._before(around, row, detour.left_m) if detour is not None else None

    def _note(self, now_s: float, around: Around) -> None:
        standing = {one.thing.id for one in around.placed if abs(one.thing.speed_mps) < STANDS_MPS}
        self.standing_since = {number: self.standing_since.get(number, now_s) for number in standing}

    def _row(self, now_s: float, around: Around) -> Row | None:
        """The nearest things on the way that are to be passed."""
        near = [one for one in around.ahead if one.from_m < around.start.s_m + AHEAD_M and one.to_m > around.start.s_m]
        parked: list[Occupant] = []
        for one in sorted(near, key=lambda occupant: occupant.from_m):
            if one.thing.kind is Kind.PEDESTRIAN or (parked and one.from_m > parked[-1].to_m + ROW_M):
                break
            if not self._is_parked(now_s, around, one):
                return None if not parked or one.from_m < parked[-1].to_m + self._length_m else self._as_row(around, parked)
            parked.append(one)
        return self._as_row(around, parked) if parked else None

    @property
    def _length_m(self) -> float:
        return self.params.front_m + self.params.rear_m + 2.0 * self.params.standstill_gap_m

    def _is_parked(self, now_s: float, around: Around, one: Occupant) -> bool:
        since_s = self.standing_since.get(one.thing.id)
        if since_s is None:
            return False
        left_m = next((placed.left_m for placed in around.placed if placed.thing.id == one.thing.id), 0.0)
        at_edge = abs(left_m) > AT_EDGE_M
        return now_s - since_s > (AT_EDGE_S if at_edge else PARKED_S) and (at_edge or not _may_queue(around.corridor, one.to_m))

    def _as_row(self, around: Around, parked: Sequence[Occupant]) -> Row:
        part = around.corridor.line.window(parked[0].from_m - 10.0, parked[-1].to_m + 10.0)
        outlines = np.concatenate([one.thing.outline() for one in parked])
        s, left = around.corridor.line.project(outlines, part)
        things = frozenset(one.thing.id for one in parked)
        return Row(float(s.min()), float(s.max()), float(left.max()), float(left.min()), things)

    def _best(self, around: Around, row: Row) -> Detour | None:
        """The smaller of the ways round it that stay on the road."""
        half = self.params.width_m / 2.0 + ROOM_M
        offsets = sorted((row.left_m + half, row.right_m - half), key=abs)
        laid = [self._lay(around, row, offset) for offset in offsets]
        return next((one for one in laid if one is not None and self._on_road(around.corridor, one)), None)

    def _lay(self, around: Around, row: Row, left_m: float) -> Detour | None:
        speed = around.start.speed_mps
        full_m = row.from_m - self.params.front_m - TOUCH_M
        shortest = _shortest_m(left_m)
        wanted = max(IN_M, IN_S * min(speed, QUICKEST_MPS), shortest)
        from_m = max(full_m - wanted, around.start.s_m)
        if full_m - from_m < shortest or row.to_m - row.from_m > LONGEST_M:
            return None
        until_m = row.to_m + self.params.rear_m + TOUCH_M
        return Detour(from_m, full_m, until_m, until_m + wanted, left_m, row.things)

    def _on_road(self, corridor: Corridor, detour: Detour) -> bool:
        if self.surface is None or detour.to_m > corridor.goal_m:
            return False
        at = np.arange(detour.from_m, detour.to_m, 1.0)
        left = detour.left_at(at)
        middle = np.stack([np.interp(at, corridor.line.s_m, corridor.line.points_m[:, axis]) for axis in (0, 1)], axis=1)
        heading = np.interp(at, corridor.line.s_m, corridor.line.heading_rad)
        normal = np.stack([-np.sin(heading), np.cos(heading)], axis=1)
        outer = left + math.copysign(self.params.width_m / 2.0, detour.left_m)
        return bool((self.surface.edge_at(middle + normal * outer[:, None]) > 0.1).all())

    # who else needs the room

    def _still_free(self, around: Around) -> bool:
        """Whether the detour may be gone on with: always, once the car is well out."""
        assert self.detour is not None
        out = float(self.detour.left_at(np.array([around.start.s_m]))[0]) / self.detour.left_m
        return out > 0.35 or self._is_free(around, self.detour)

    def _before(self, around: Around, row: Row, left_m: float) -> Hold:
        """Wait so far behind that there is room for turning out; nearer, where that would take hard braking."""
        near_m = row.from_m - self.params.front_m - 2.0
        far_m = row.from_m - self.params.front_m - TOUCH_M - _shortest_m(left_m) - SPARE_M
        stops_m = around.start.s_m + around.start.speed_mps**2 / (2.0 * self.params.deceleration_comfort_mps2)
        return Hold(far_m if far_m > stops_m - 0.5 else near_m, *WAITS)

    def _is_free(self, around: Around, detour: Detour) -> bool:
        """Whether nobody comes along the strip that the detour needs while the car is on it."""
        strip = sorted((detour.left_m - math.copysign(self.params.width_m / 2.0 + 0.3, detour.left_m),
                        detour.left_m + math.copysign(self.params.width_m / 2.0 + 0.3, detour.left_m)))  # fmt: skip
        speed = max((around.start.speed_mps + detour.top_mps) / 2.0, 2.0)
        leaves_s = (detour.to_m - around.start.s_m) / speed + SPARE_S
        others = [one for one in around.placed if one.thing.id not in detour.things and _reaches(one, strip)]
        return not any(self._meets(around.start, one, detour, leaves_s) for one in others)

    def _meets(self, start: Start, one: Placed, detour: Detour, leaves_s: float) -> bool:
        half = one.thing.length_m / 2.0
        along_mps = one.thing.speed_mps * math.cos(one.turn_rad)
        if one.s_m + half < start.s_m - self.params.rear_m:  # from behind
            arrives = one.s_m + half + max(along_mps - start.speed_mps, 0.0) * 3.0 + 2.0
            return one.s_m > start.s_m - FROM_BEHIND_M and along_mps > 0.5 and arrives > start.s_m - self.params.rear_m
        if along_mps < -STANDS_MPS:  # towards us
            return one.s_m - half + along_mps * 1.1 * leaves_s < detour.to_m + 3.0
        return detour.from_m - 2.0 < one.s_m + half and one.s_m - half < detour.to_m + 3.0 and along_mps < 3.0


def _shortest_m(left_m: float) -> float:
    """The way in which the car can go over to an offset."""
    return math.sqrt(5.8 * abs(left_m) / SHARPEST_1PM)


def _may_queue(corridor: Corridor, at_m: float) -> bool:
    """Whether something is near beyond a place that traffic waits for."""
    waits = [stop.at_m for stop in corridor.stops] + [one.from_m for one in corridor.passages]
    waits += [walk.from_m for walk in corridor.walks]
    return any(at_m - 4.0 < place < at_m + QUEUE_M for place in waits)


def _reaches(one: Placed, strip: Sequence[float]) -> bool:
    """Whether a thing, as wide as it lies, reaches into a strip beside the corridor."""
    half = abs(math.sin(one.turn_rad)) * one.thing.length_m / 2.0 + abs(math.cos(one.turn_rad)) * one.thing.width_m / 2.0
    return one.left_m + half > strip[0] and one.left_m - half < strip[1]
