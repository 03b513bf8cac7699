"""Who goes first where ways cross: gaps in the traffic that has the right of way, stop signs, keeping junctions clear.

A car waits before a crossing while something that goes first would be on it at the same time. What stands still without
being in the way is not waited for, and the gap asked for shrinks with the time spent waiting: so nobody waits for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from homeward_planner.corridor import Corridor, Passage, StopLine
from homeward_planner.lane_graph import ALL_WAY_STOP, LIGHT, STOP_SIGN, Crossing, LaneGraph
from homeward_planner.occupancy import STANDS_MPS, Occupant
from homeward_planner.parameters import PlannerParams
from homeward_planner.scene import Kind, Thing
from homeward_planner.speed_profile import Dash, Hold, Profile

STOP = ("stop_sign", "Stopping at a stop sign.")
YIELD = ("yield", "Giving way to crossing traffic.")
TURN = ("all_way_stop", "Waiting for its turn at the stop.")
KEEP_CLEAR = ("junction_blocked", "Waiting until the junction is clear.")
UPSTREAM_M = 90.0
ON_LANE_M, ALONG_RAD = 2.2, math.radians(55.0)
AT_LINE_M = 3.0
OVER_LINE_M = 0.8
NEAR_LINE_M = 12.0
PATIENCE_S = 5.0
SHORTEST_GAP_S = 0.7
SLOW_EXIT_MPS = 1.5
DEFENSIVE_MPS2 = 4.0
THEIR_ACCELERATION_MPS2 = 1.2
OVER_LIMIT = 1.1
LATE_BRAKING_MPS2, COURTEOUS_MPS2 = 3.0, 2.5
BEFORE_CROSSING_M = 0.5
SHRINKING = 0.08  # of the gap asked for, a second waited


@dataclass(frozen=True)
class OnLanes:
    """A thing and the lanes it may be on: (lane, how far its centre is along it)."""

    thing: Thing
    places: tuple[tuple[int, float], ...]


@dataclass(frozen=True, eq=False)
class Ours:
    """How the car goes on: as it will if nothing crosses, and as soon as it could."""

    free: Profile
    soonest: Dash

    @property
    def at_m(self) -> float:
        """Where the rear axle is."""
        return float(self.free.s_m[0])

    @property
    def speed_mps(self) -> float:
        """How fast it is."""
        return float(self.free.speed_mps[0])

    def between(self, enter_m: float, leave_m: float) -> tuple[float, float]:
        """From when to when it could be on a stretch."""
        leave_s = self.free.time_at(leave_m)
        soonest = self.soonest.time_at(leave_m)
        return self.soonest.time_at(enter_m), soonest if leave_s == math.inf else max(leave_s, soonest)


@dataclass
class _Wait:
    """Since when the car stands at a line, and whether a stop sign there has had its due."""

    since_s: float
    done: bool = False
    before_us: set[int] = field(default_factory=set)


class GiveWay:
    """Remembers at which lines the car stands, since when, and who stood there before it."""

    def __init__(self, graph: LaneGraph, params: PlannerParams) -> None:
        self.graph, self.params = graph, params
        self._waits: dict[int, _Wait] = {}
        self._standing: dict[int, float] = {}  # before which way through a junction, since when
        self._upstream: dict[int, dict[int, float]] = {}

    def forget(self) -> None:
        """Drop what belongs to a route that ended."""
        self._waits.clear()
        self._standing.clear()

    def locate(self, things: Sequence[Thing]) -> list[OnLanes]:
        """Put cars and two-wheelers on lanes."""
        return [
            OnLanes(thing, tuple((place.lane, place.s_m) for place in self.graph.places_near(thing.pose, ON_LANE_M, ALONG_RAD)))
            for thing in things
            if thing.kind is not Kind.PEDESTRIAN
        ]

    def holds(
        self,
        now_s: float,
        corridor: Corridor,
        ours: Ours,
        traffic: Sequence[OnLanes],
        ahead: Sequence[Occupant],
    ) -> list[Hold]:
        """Where to stop."""
        found = list(self._signs(now_s, corridor, ours, traffic))
        for passage in corridor.passages:
            if ours.at_m - self.params.rear_m < passage.to_m and passage.from_m < ours.at_m + self.params.look_ahead_m:
                hold = self._before_passage(now_s, corridor, passage, ours, traffic, ahead)
                found += [hold] if hold is not None else []
        return found

    # signs

    def _signs(self, now_s: float, corridor: Corridor, ours: Ours, traffic: Sequence[OnLanes]) -> Iterator[Hold]:
        for stop in corridor.stops:
            bumper_left = stop.at_m - ours.at_m - self.params.front_m
            if stop.rule.kind not in (STOP_SIGN, ALL_WAY_STOP) or bumper_left > self.params.look_ahead_m:
                continue
            if bumper_left < -OVER_LINE_M:
                self._waits.pop(stop.rule.id, None)
                continue
            wait = self._stand_at(now_s, stop, bumper_left, ours.speed_mps, corridor, traffic)
            if wait is None or now_s - wait.since_s < self.params.stop_sign_s:
                yield Hold(self._line_hold_m(stop), *STOP)
            elif stop.rule.kind == ALL_WAY_STOP and not self._our_turn(now_s, wait, corridor, stop, traffic):
                yield Hold(self._line_hold_m(stop), *TURN)
            else:
                wait.done = True

    def _stand_at(
        self,
        now_s: float,
        stop: StopLine,
        bumper_left_m: float,
        speed_mps: float,
        corridor: Corridor,
        traffic: Sequence[OnLanes],
    ) -> _Wait | None:
        """The wait at a line, begun where the car has come to a standstill close to it."""
        if stop.rule.id not in self._waits and speed_mps < 0.1 and bumper_left_m < AT_LINE_M:
            others = {one.thing.id for one in self._at_other_lines(corridor, stop, traffic)}
            self._waits[stop.rule.id] = _Wait(now_s, before_us=others)
        return self._waits.get(stop.rule.id)

    def _our_turn(self, now_s: float, wait: _Wait, corridor: Corridor, stop: StopLine, traffic: Sequence[OnLanes]) -> bool:
        """At an all-way stop: those who stood before us have gone, or have let their turn pass."""
        if wait.done or now_s - wait.since_s > self.params.stop_sign_s + PATIENCE_S:
            return True
        waiting = {one.thing.id for one in self._at_other_lines(corridor, stop, traffic)}
        wait.before_us &= waiting
        return not wait.before_us

    def _at_other_lines(self, corridor: Corridor, stop: StopLine, traffic: Sequence[OnLanes]) -> list[OnLanes]:
        """Who stands at the end of another lane into the junction behind a line."""
        passage = next((one for one in corridor.passages if one.from_m > stop.at_m - 2.0), None)
        if passage is None:
            return []
        entries = {before for crossing in passage.crossings for before in self.graph.lanes[crossing.other].predecessors}
        entries -= corridor.lanes
        return [
            one
            for one in traffic
            if abs(one.thing.speed_mps) < STANDS_MPS
            and any(lane in entries and self.graph.lanes[lane].length_m - s < NEAR_LINE_M for lane, s in one.places)
        ]

    # crossings

    def _before_passage(
        self,
        now_s: float,
        corridor: Corridor,
        passage: Passage,
        ours: Ours,
        traffic: Sequence[OnLanes],
        ahead: Sequence[Occupant],
    ) -> Hold | None:
        """The hold before one way through a junction, at its line or, past that, before the first crossing in use."""
        bumper_m = ours.at_m + self.params.front_m
        stop = self._line_of(corridor, passage)
        line_m = stop.at_m if stop is not None else passage.from_m
        before_line = line_m + OVER_LINE_M > bumper_m
        hold_m = line_m - self.params.front_m - self.params.stop_margin_m
        room_m = hold_m - ours.at_m
        if before_line and _can_stop(ours.speed_mps, room_m, COURTEOUS_MPS2) and self._exit_blocked(passage, ours.at_m, ahead):
            return Hold(hold_m, *KEEP_CLEAR)
        lit = stop is not None and stop.rule.kind == LIGHT
        waited_s = self._waited_s(now_s, passage, ours, line_m)
        busy = [one for one in passage.crossings if self._busy(one, passage, ours, traffic, lit, waited_s)]
        if not busy:
            return None
        if before_line and _can_stop(ours.speed_mps, room_m):
            return Hold(hold_m, *YIELD)
        room_m = passage.from_m + min(crossing.from_m for crossing in busy) - bumper_m - BEFORE_CROSSING_M
        if room_m > 0.0 and (before_line or _can_stop(ours.speed_mps, room_m)):
            return Hold(ours.at_m + room_m, *YIELD)
        return None  # it is on the crossing, or as good as: clear it; evasion.py watches that this ends well

    def _line_of(self, corridor: Corridor, passage: Passage) -> StopLine | None:
        near = [stop for stop in corridor.stops if passage.from_m - 15.0 < stop.at_m < passage.from_m + 5.0]
        return max(near, key=lambda stop: stop.rule.kind != LIGHT, default=None)

    def _line_hold_m(self, stop: StopLine) -> float:
        return stop.at_m - self.params.front_m - self.params.stop_margin_m

    def _waited_s(self, now_s: float, passage: Passage, ours: Ours, line_m: float) -> float:
        """How long the car stands before a passage already."""
        if ours.speed_mps < 0.1 and line_m - ours.at_m - self.params.front_m < NEAR_LINE_M:
            self._standing.setdefault(passage.lane, now_s)
        elif ours.at_m > passage.from_m:
            self._standing.pop(passage.lane, None)
        return now_s - self._standing.get(passage.lane, now_s)

    def _exit_blocked(self, passage: Passage, ego_m: float, ahead: Sequence[Occupant]) -> bool:
        """Whether something slow leaves no room behind the junction (only junctions that others want to cross
        count).
        """
        if not passage.crossings:
            return False
        room_m = passage.to_m + self.params.rear_m + self.params.front_m + self.params.standstill_gap_m
        return any(one.speed_mps < SLOW_EXIT_MPS and passage.from_m < one.from_m < room_m and one.from_m > ego_m for one in ahead)

    def _busy(
        self, crossing: Crossing, passage: Passage, ours: Ours, traffic: Sequence[OnLanes], lit: bool, waited_s: float
    ) -> bool:
        """Whether something that goes first is on a crossing while the car would be."""
        when = ours.between(
            passage.from_m + crossing.from_m - self.params.front_m, passage.from_m + crossing.to_m + self.params.rear_m
        )
        gap_s = max(self.params.gap_s - SHRINKING * waited_s, SHORTEST_GAP_S)
        for one in traffic:
            way_m = self._way_to(one, crossing)
            if way_m is not None and self._conflicts(one.thing, way_m, crossing, when, gap_s, lit):
                return True
        return False

    def _way_to(self, one: OnLanes, crossing: Crossing) -> float | None:
        """How far a thing's centre is from a crossing on the other lane; None where it doesn't lead there."""
        upstream = self._upstream.get(crossing.other)
        if upstream is None:
            upstream = self._upstream[crossing.other] = self.graph.upstream(crossing.other, UPSTREAM_M)
        ways = [
            self.graph.lanes[lane].length_m - s + upstream[lane] + crossing.other_from_m
            for lane, s in one.places
            if lane in upstream
        ]
        return min(ways, default=None)

    def _conflicts(
        self, thing: Thing, way_m: float, crossing: Crossing, ours: tuple[float, float], gap_s: float, lit: bool
    ) -> bool:
        """Whether a thing that far from a crossing keeps the car, there between two times, from going."""
        front = way_m - thing.length_m / 2.0
        rear = way_m + thing.length_m / 2.0 + crossing.other_to_m - crossing.other_from_m
        enter_s, leave_s = ours
        if rear < 0.0:
            return False
        if front <= 0.0:  # it is on the crossing: wait until it is off, if that is after we come
            return abs(thing.speed_mps) < STANDS_MPS or rear / abs(thing.speed_mps) + SHORTEST_GAP_S > enter_s
        if thing.speed_mps < STANDS_MPS:
            return False
        limit_mps = self.graph.lanes[crossing.other].speed_limit_mps * OVER_LIMIT
        soonest_s, latest_s = _soonest_s(front, thing.speed_mps, limit_mps), rear / thing.speed_mps
        if crossing.waits:
            return soonest_s < leave_s + gap_s and latest_s > enter_s - gap_s
        overlap = soonest_s < leave_s + SHORTEST_GAP_S and latest_s > enter_s - SHORTEST_GAP_S
        runs_on = front < thing.speed_mps**2 / (2.0 * DEFENSIVE_MPS2)  # it couldn't stop any more
        if crossing.other_waits or lit:
            return overlap and runs_on
        return overlap and (soonest_s < enter_s or runs_on)


def _can_stop(speed_mps: float, room_m: float, braking_mps2: float = LATE_BRAKING_MPS2) -> bool:
    """Whether somebody who notices late still comes to rest there without an emergency; always true for one who stands."""
    return speed_mps < STANDS_MPS or speed_mps**2 < 2.0 * braking_mps2 * room_m


def _soonest_s(way_m: float, speed_mps: float, limit_mps: float) -> float:
    """How soon a car could be that far on if it sped up to the limit."""
    top = max(limit_mps, speed_mps)
    rising_s = (top - speed_mps) / THEIR_ACCELERATION_MPS2
    rising_m = (speed_mps + top) / 2.0 * rising_s
    if way_m >= rising_m:
        return rising_s + (way_m - rising_m) / top
    gained = math.sqrt(speed_mps**2 + 2.0 * THEIR_ACCELERATION_MPS2 * way_m)
    return (gained - speed_mps) / THEIR_ACCELERATION_MPS2
