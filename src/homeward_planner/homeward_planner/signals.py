"""Traffic lights on the way: where to stop for red, and whether to stop for yellow; a decision taken is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from homeward_planner.corridor import Corridor, StopLine
from homeward_planner.lane_graph import LIGHT
from homeward_planner.parameters import PlannerParams
from homeward_planner.scene import Colour, Light
from homeward_planner.speed_profile import Hold

RED = ("red_light", "Waiting at a red light.")
YELLOW = ("yellow_light", "Stopping for a yellow light.")
UNSEEN = ("light_unknown", "The traffic light ahead can't be made out.")
OVER_LINE_M = 1.5  # a bumper this far over the line still stands before it
UNSEEN_FROM_M = 35.0
REACTION_S = 0.3
HURRIED_MARGIN_M = 0.6
STRICTEST = (Colour.RED, Colour.YELLOW, Colour.UNKNOWN, Colour.GREEN, Colour.OFF)


@dataclass(frozen=True)
class _Seen:
    colour: Colour
    at_s: float


class Signals:
    """Remembers what lights showed, and where it was decided to drive on at yellow and to stop in a hurry."""

    def __init__(self, params: PlannerParams) -> None:
        self.params = params
        self._seen: dict[str, _Seen] = {}
        self._passing: set[int] = set()
        self._hurried: set[int] = set()  # where it stops nearer to the line than usual: the stop must not move under it

    def see(self, now_s: float, lights: Iterable[Light]) -> None:
        """Take in the lights in sight."""
        for light in lights:
            if light.colour is not Colour.UNKNOWN:
                self._seen[light.signal_id] = _Seen(light.colour, now_s)

    def forget(self) -> None:
        """Drop the decisions of a route that ended."""
        self._passing.clear()
        self._hurried.clear()

    def colour(self, now_s: float, stop: StopLine) -> Colour:
        """The strictest colour of a rule's lights; UNKNOWN where none was seen lately."""
        colours = [
            seen.colour
            for name in stop.rule.signals
            if (seen := self._seen.get(name)) is not None and now_s - seen.at_s <= self.params.light_memory_s
        ]
        return min(colours, key=STRICTEST.index, default=Colour.UNKNOWN)

    def holds(self, now_s: float, corridor: Corridor, ego_m: float, speed_mps: float) -> list[Hold]:
        """Where lights ask to stop, for a car whose rear axle is at `ego_m`."""
        found = []
        for stop in corridor.stops:
            bumper_left = stop.at_m - ego_m - self.params.front_m
            if stop.rule.kind != LIGHT or not -OVER_LINE_M < bumper_left < self.params.look_ahead_m:
                continue
            hold = self._hold(now_s, stop, bumper_left, speed_mps)
            if hold is not None:
                found.append(hold)
        return found

    def _hold(self, now_s: float, stop: StopLine, bumper_left_m: float, speed_mps: float) -> Hold | None:
        colour = self.colour(now_s, stop)
        over = bumper_left_m < 0.0 and speed_mps > 1.0
        if colour in (Colour.GREEN, Colour.OFF) or over:
            self._passing.discard(stop.rule.id)
            self._hurried.discard(stop.rule.id)
            return None
        needed = speed_mps**2 / (2.0 * max(bumper_left_m - REACTION_S * speed_mps, 0.1))
        if needed > self.params.deceleration_comfort_mps2:
            self._hurried.add(stop.rule.id)
        margin_m = self.params.stop_margin_m
        if stop.rule.id in self._hurried:
            margin_m = min(margin_m, HURRIED_MARGIN_M)
        at_m = stop.at_m - self.params.front_m - margin_m
        if colour is Colour.UNKNOWN:
            return Hold(at_m, *UNSEEN) if bumper_left_m < max(UNSEEN_FROM_M, speed_mps**2 / 3.0) else None
        if needed <= self.params.deceleration_comfort_mps2:
            self._passing.discard(stop.rule.id)  # something else slowed it down: it would come to the line long after yellow
        if colour is Colour.YELLOW and (needed > self.params.yellow_deceleration_mps2 or stop.rule.id in self._passing):
            self._passing.add(stop.rule.id)
            return None
        if stop.rule.id in self._passing and needed > self.params.deceleration_hard_mps2:
            return None  # it turned red on a car that could no longer stop
        return Hold(at_m, *(RED if colour is Colour.RED else YELLOW))
