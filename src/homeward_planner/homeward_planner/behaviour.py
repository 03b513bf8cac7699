"""What holds the car back on its way, and what it follows: lights, signs, crossing traffic, people, cars ahead,
the goal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from homeward_planner import lane_changes
from homeward_planner.corridor import Corridor
from homeward_planner.drivable import Drivable
from homeward_planner.give_way import GiveWay, Ours
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.occupancy import Occupant, Placed, occupants, place
from homeward_planner.overtaking import Ahead, Overtaking
from homeward_planner.parameters import PlannerParams
from homeward_planner.passing import Around, Detour, Passing
from homeward_planner.plane import Floats
from homeward_planner.route import Route
from homeward_planner.scene import Kind, Light, Thing
from homeward_planner.sight import caps
from homeward_planner.signals import RED, YELLOW, Signals
from homeward_planner.speed_profile import Hold, Lead, Profile, Start, capped, dash, drive
from homeward_planner.walkers import crosswalk_holds

GOAL = ("goal", "Arriving.")
LEAD = ("lead_vehicle", "Following the traffic ahead.")
WALKER = ("walker", "Waiting for somebody on the road.")
TOWARDS_MPS, MOVING_MPS = -1.5, 4.0
QUEUE_SHARE = 1.2  # of comfortable braking
BLOCKED = ("blocked", "The way is blocked.")


@dataclass(frozen=True, eq=False)
class Decision:
    """The speed profile decided on, the lane changes to be put off (None: none), and the nearest stop asked for."""

    profile: Profile
    delays: dict[int, float] | None = None
    stop_m: float = math.inf
    detour: Detour | None = None
    overtake: Route | None = None


class Behaviour:
    """Decides at each step how fast to go on; remembers decisions that must not waver."""

    def __init__(self, graph: LaneGraph, params: PlannerParams, surface: Drivable | None = None) -> None:
        self.params = params
        self.signals = Signals(params)
        self.give_way = GiveWay(graph, params)
        self.passing = Passing(params, surface)
        self.overtaking = Overtaking(graph, params)
        self._stuck_since_s: float | None = None

    def adopt(self, params: PlannerParams) -> None:
        """Drive by other parameters from now on."""
        self.params = self.signals.params = self.give_way.params = self.passing.params = params

    def forget(self) -> None:
        """Drop what belongs to a route that ended."""
        self.signals.forget()
        self.give_way.forget()
        self.passing.forget()
        self.overtaking.forget()
        self._stuck_since_s = None

    def decide(
        self,
        now_s: float,
        corridor: Corridor,
        envelope_mps: Floats,
        start: Start,
        things: Sequence[Thing],
        lights: Iterable[Light],
    ) -> Decision:
        """The profile from a start on the corridor, among things and lights."""
        self.signals.see(now_s, lights)
        placed = place(corridor, start.s_m, things, self.params)
        passing = self.passing.decide(now_s, Around(corridor, start, occupants(corridor, start.s_m, placed, self.params), placed))
        detour = self.passing.detour
        ahead = occupants(corridor, start.s_m, placed, self.params, detour.left_at if detour is not None else None)
        if detour is not None:
            bounds = (detour.from_m, detour.to_m, detour.top_mps)
            envelope_mps = capped(corridor.line.s_m, envelope_mps, *bounds, self.params)
        leads = [_lead(one) for one in ahead if one.thing.kind is not Kind.PEDESTRIAN and not _comes_fast(one, start)]
        holds = [Hold(corridor.goal_m, *GOAL), *self.signals.holds(now_s, corridor, start.s_m, start.speed_mps)]
        for from_m, to_m, top_mps in caps(now_s, corridor, start.s_m, placed, self.passing.standing_since, self.params):
            envelope_mps = capped(corridor.line.s_m, envelope_mps, from_m, to_m, top_mps, self.params)
        holds += [passing] if passing is not None else []
        holds += _queue_end(start, holds, ahead, self.params)
        free = drive(start, corridor.line.s_m, envelope_mps, holds, leads, self.params)
        near = [one.thing for one in placed if abs(one.s_m - start.s_m) < self.params.look_ahead_m]
        ours = Ours(free, dash(start, corridor.line.s_m, envelope_mps, self.params))
        holds += self.give_way.holds(now_s, corridor, ours, self.give_way.locate(near), ahead)
        before_people = crosswalk_holds(corridor, free, near, self.params)
        holds += before_people
        leads += [_lead(one) for one in ahead if one.thing.kind is Kind.PEDESTRIAN and not _cared_for(one, before_people)]
        delays = self._change_lanes(corridor, start, placed, holds)
        profile = drive(start, corridor.line.s_m, envelope_mps, holds, leads, self.params)
        stop_m = min(hold.at_m for hold in holds)
        overtake = self.overtaking.decide(now_s, Ahead(corridor, start, ahead, placed)) if detour is None else None
        return Decision(self._named_if_stuck(now_s, profile, ahead, holds), delays, stop_m, detour, overtake)

    def _change_lanes(
        self, corridor: Corridor, start: Start, placed: Sequence[Placed], holds: list[Hold]
    ) -> dict[int, float] | None:
        """Put off a lane change for which there is no room; where it can't be put off, wait before it."""
        change = lane_changes.next_change(corridor, start.s_m)
        if change is None or not lane_changes.must_decide(change, start.s_m, start.speed_mps):
            return None
        if lane_changes.is_free(change, corridor, start.s_m, start.speed_mps, placed, self.params):
            return None
        delays = lane_changes.put_off(corridor, change, start.s_m, start.speed_mps)
        if delays is None:
            holds.append(lane_changes.hold(change))
        return delays

    def _named_if_stuck(self, now_s: float, profile: Profile, ahead: Sequence[Occupant], holds: Sequence[Hold]) -> Profile:
        """Standing for long behind something that stands, the way counts as blocked; not in a queue at a light."""
        stuck = (
            profile.speed_mps[0] < 0.1
            and profile.code in (LEAD[0], WALKER[0])
            and bool(ahead)
            and ahead[0].stands
            and not any(hold.code in (RED[0], YELLOW[0]) for hold in holds)
        )
        if not stuck:
            self._stuck_since_s = None
            return profile
        if self._stuck_since_s is None:
            self._stuck_since_s = now_s
        if now_s - self._stuck_since_s < self.params.blocked_after_s:
            return profile
        return Profile(profile.time_s, profile.s_m, profile.speed_mps, profile.acceleration_mps2, *BLOCKED)


def _queue_end(start: Start, holds: Sequence[Hold], ahead: Sequence[Occupant], params: PlannerParams) -> list[Hold]:
    """Where the cars ahead will have come to rest before a red light: brake for that, not each time that one of them does.

    Only what comfortable braking reaches: who is closer follows the car ahead.
    """
    red = min((hold for hold in holds if hold.code == RED[0]), key=lambda one: one.at_m, default=None)
    if red is None:
        return []
    line_m = red.at_m + params.front_m + params.stop_margin_m
    queue = [one for one in ahead if one.thing.kind is not Kind.PEDESTRIAN and one.to_m < line_m]
    end_m = red.at_m - sum(one.thing.length_m + params.standstill_gap_m for one in queue)
    reachable = start.speed_mps**2 < 2.0 * QUEUE_SHARE * params.deceleration_comfort_mps2 * (end_m - start.s_m)
    return [Hold(end_m, *LEAD)] if queue and reachable else []


def _lead(one: Occupant) -> Lead:
    words = WALKER if one.thing.kind is Kind.PEDESTRIAN else LEAD
    return Lead(one.from_m, one.speed_mps, *words)


def _comes_fast(one: Occupant, start: Start) -> bool:
    """Whether something drives towards a moving car in its lane: braking behind it is no answer, evasion.py has one."""
    return one.speed_mps < TOWARDS_MPS and start.speed_mps > MOVING_MPS


def _cared_for(person: Occupant, holds: Sequence[Hold]) -> bool:
    """Whether the car stops before a crosswalk in front of somebody anyway."""
    return any(hold.at_m < person.from_m for hold in holds)
