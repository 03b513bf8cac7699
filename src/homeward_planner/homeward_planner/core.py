"""The planner: a map, a goal, the car and what is around it in; a trajectory, what it does and why, and faults out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from homeward_planner.behaviour import GOAL, Behaviour, Decision
from homeward_planner.caution import UNSURE, Ceiling, cautious_mps, unsureness
from homeward_planner.corridor import Corridor, build
from homeward_planner.cruise import RENEWED_M, StraightOn, hands_back, straight_on
from homeward_planner.drivable import drivable
from homeward_planner.evasion import Evasion, WayAhead
from homeward_planner.journey import least_time_s, plan_journey
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.overtaking import BACK_M
from homeward_planner.parameters import PlannerParams
from homeward_planner.parking import Parking
from homeward_planner.parking import warm_up as warm_up_parking
from homeward_planner.plane import Floats
from homeward_planner.planner_state import SIDES, Indicators, Mode, PlannerOutput, PlannerState, mode_on, state_in, state_on
from homeward_planner.route import NO_MAP, NO_POSITION, START_OUTSIDE_MAP, Refusal, find_route
from homeward_planner.scene import Ego, Light, Pose, Thing
from homeward_planner.speed_profile import Profile, Start, warm_up
from homeward_planner.tracks import BEHIND_M
from homeward_planner.trajectory import Offset, Trajectory, WayBack, lay, way_back
from homeward_planner.way import STANDING_MPS, Way, come_to_rest, place, side_ahead, start_of
from homeward_runtime.faults import fault

WRONG_WAY_RAD = math.radians(100.0)
PASSED_M = 3.0  # somebody may have pushed the car past its goal
SEEK_AGAIN_S, BLOCKER_M, WENT_ROUND_M, WENT_ROUND_S = 10.0, 10.0, 3.0, 8.0


class Planner:
    """Plans at each `step`. Time is an argument: seconds of one clock that never goes back."""

    def __init__(self, params: PlannerParams, graph: LaneGraph | None = None) -> None:
        self.params = params
        self.graph: LaneGraph | None = None
        self._ego: Ego | None = None
        self._way: Way | None = None
        self._last: tuple[float, Profile] | None = None
        self._at_m = 0.0  # along the corridor, when last seen
        self._back: WayBack | None = None
        self._mode = Mode.IDLE
        self._cancelled = False
        self._evaded_s = self._sought_s = -math.inf
        self.ceiling, self.set_speed_mps = Ceiling(), math.inf
        self._keeps: StraightOn | None = None  # while the lane is kept, with no goal
        self.parking: Parking | None = None
        self._stop_at: Pose | None = None  # after driving out: where the lanes are to be left
        self._park_at: Pose | None = None  # where the car is parked after that
        if graph is not None:
            self.load(graph)

    def load(self, graph: LaneGraph) -> None:
        """Take a map; what is hot is compiled now. A goal under way is forgotten."""
        self.graph = graph
        surface = drivable(graph, np.concatenate([lane.line.points_m for lane in graph.lanes])) if graph.lanes else None
        self.behaviour = Behaviour(graph, self.params, surface)
        self.evasion = Evasion(graph, self.params, surface)
        warm_up(self.params)
        self.parking = Parking(self.params, graph)
        warm_up_parking(self.params)
        self._end(Mode.IDLE)

    def adopt(self, params: PlannerParams) -> None:
        """Drive by other parameters from the next step on."""
        self.params = params
        if self.graph is not None:
            self.behaviour.adopt(params)
            self.evasion.params = params
        if self.parking is not None:
            self.parking.params = params
        if self._way is not None:
            self._way = Way.along(self._way.corridor, params)

    @property
    def corridor(self) -> Corridor | None:
        """The way to the goal, while there is one."""
        return self._way.corridor if self._way is not None else None

    def find_way(self, start: Pose, goal: Pose) -> Corridor | Refusal:
        """The way from one pose to another, without going there."""
        if self.graph is None:
            return NO_MAP
        route = find_route(self.graph, start, goal)
        return route if isinstance(route, Refusal) else build(self.graph, route)

    def least_time_s(self, start: Pose, goal: Pose) -> float | Refusal:
        """How long a goal takes at least, without going there."""
        found = plan_journey(self.parking, self.find_way, start, goal) if self.parking is not None else NO_MAP
        return found if isinstance(found, Refusal) else least_time_s(found, start, self.params)

    def set_goal(self, goal: Pose) -> Refusal | None:
        """Go there from where the car is. A refusal says why not, and changes nothing."""
        if self._ego is None or self.parking is None:
            return NO_POSITION if self.graph is not None else NO_MAP
        found = plan_journey(self.parking, self.find_way, self._ego.pose, goal)
        if isinstance(found, Refusal):
            return found
        self._end(Mode.DRIVING)
        self._park_at = found.park_at
        if found.corridor is None or found.out_to is not None:
            self._stop_at = found.corridor.route.goal if found.corridor is not None else None
            self._manoeuvre_to(found.out_to or found.park_at or goal, found.out_to is not None)
        else:
            self._begin(found.corridor)
        return None

    def keep_lane(self, set_speed_mps: float) -> Refusal | None:
        """Go straight on along the lane from where the car is, no faster than a speed. A refusal changes nothing."""
        if self.graph is None or self._ego is None:
            return NO_POSITION if self.graph is not None else NO_MAP
        found = straight_on(self.graph, self._ego.pose, self.params)
        if isinstance(found, Refusal):
            return found
        self._end(Mode.IDLE)
        self._begin(build(self.graph, found.route), found, set_speed_mps)
        return None

    def let_lane(self) -> None:
        """The driver keeps the lane again: forget the way straight on; a goal stays."""
        if self._keeps is not None:
            self._end(Mode.IDLE)

    @property
    def keeps_lane(self) -> bool:
        """Whether the car goes along its lane, without a goal."""
        return self._keeps is not None

    @property
    def hands_back(self) -> tuple[str, str]:
        """Why the driver has to take over soon: a code and a sentence; empty while the lane can be kept."""
        if self._keeps is None or self._way is None or self._ego is None:
            return "", ""
        left_m = self._way.corridor.goal_m - self._at_m
        soon = hands_back(self._keeps.code, left_m, abs(self._ego.speed_mps), self.params)
        return (self._keeps.code, self._keeps.text) if soon else ("", "")

    def cancel(self) -> None:
        """Forget the goal; a car under way comes to a standstill in its lane."""
        if self._under_way and self._mode in (Mode.DRIVING, Mode.WAITING, Mode.BLOCKED):
            self._cancelled = True
        else:
            self._end(Mode.IDLE)

    def step(self, now_s: float, ego: Ego | None, things: Sequence[Thing] | None, lights: Sequence[Light]) -> PlannerOutput:
        """Plan once. `ego` None: position unknown; `things` None: surroundings unknown. Neither drives."""
        if self.graph is None:
            return self._standstill("planner.no_map")
        if ego is None or not ego.finite:
            return self._standstill("planner.no_localization")
        self._ego = ego
        if not self._under_way:
            return PlannerOutput(None, self._state())
        if things is None:
            return self._standstill("planner.no_objects")
        if self.parking is not None and self.parking.under_way:
            return self._manoeuvre(now_s, ego, self.parking, [thing for thing in things if thing.finite])
        return self._drive(now_s, ego, [thing for thing in things if thing.finite], lights)

    def _drive(self, now_s: float, ego: Ego, things: Sequence[Thing], lights: Sequence[Light]) -> PlannerOutput:
        assert self._way is not None and self.graph is not None
        s_m, left_m, turn_rad = place(self._way.corridor, ego.pose, self._at_m)
        if abs(left_m) > self._off_route_m(now_s) or abs(turn_rad) > WRONG_WAY_RAD:
            lost = self._find_again(ego)
            if lost is not None:
                return lost
            s_m, left_m, turn_rad = place(self._way.corridor, ego.pose, self._at_m)
        self._at_m = s_m = self._laid_on(s_m, ego)
        if self._ended(s_m, ego):
            return PlannerOutput(None, self._state(s_m))
        aside_m, aside_rad = self.behaviour.passing.offset_at(s_m)
        self._back = way_back(self._way.corridor, ego, s_m, left_m - aside_m, turn_rad - aside_rad, self._back)
        start = start_of(self._last, now_s, s_m, ego, self.params)
        self._lower_ceiling(now_s, s_m, ego)
        decision = self._decide(now_s, start, things, lights)
        profile, trajectory = self._safely(now_s, ego, decision, things)
        profile = self._named(profile, start, ego)
        self._last = (now_s, profile)
        self._mode = mode_on(profile, start.speed_mps, self._way, start.s_m)
        if not trajectory.finite:
            return self._standstill("planner.failed", "a number in the trajectory is not finite")
        faults = [fault("planner.blocked")] if self._mode is Mode.BLOCKED else []
        if unsureness(ego.position_std_m) > 0.0:
            faults.append(fault("planner.unsure_position", f"{2.0 * ego.position_std_m:.1f} m"))
        state = self._state(start.s_m, profile.code, profile.text)
        indicated = SIDES[side_ahead(self._way.corridor, self.graph, start)]
        output = PlannerOutput(trajectory, state, indicated, tuple(faults), self.evasion.foreseen)
        if self._keeps is None:
            self._change_way(now_s, ego, decision, start.s_m)
        return output

    def _change_way(self, now_s: float, ego: Ego, decision: Decision, s_m: float) -> None:
        """From the next step on: round what blocks the way, or past somebody slow."""
        assert self.graph is not None
        if self._mode is Mode.BLOCKED:
            self._seek_another_way(now_s, ego, s_m)
        elif decision.overtake is not None:
            self._go_on(build(self.graph, decision.overtake, {1: BACK_M}))

    def _safely(self, now_s: float, ego: Ego, decision: Decision, things: Sequence[Thing]) -> tuple[Profile, Trajectory]:
        """The decision laid in the plane, or what avoids a collision that it would lead to."""
        assert self._way is not None
        offsets: list[Offset] = [one for one in (self._back, decision.detour) if one is not None]
        planned = lay(self._way.corridor, decision.profile, offsets, now_s)
        ahead = WayAhead(self._way.corridor, self._envelope_mps(), decision.stop_m)
        instead = self.evasion.look(now_s, ego, ahead, decision.profile, planned, things)
        if instead is None:
            return decision.profile, planned
        self._evaded_s = now_s
        return instead.profile, instead.trajectory

    def _off_route_m(self, now_s: float) -> float:
        """How far beside the way counts as having left it: further after going round something."""
        goes_round = now_s - self._evaded_s < WENT_ROUND_S or self.behaviour.passing.detour is not None
        return self.params.off_route_m + (WENT_ROUND_M if goes_round else 0.0)

    def _decide(self, now_s: float, start: Start, things: Sequence[Thing], lights: Sequence[Light]) -> Decision:
        """The decision; with lane changes put off, on the corridor that has them later."""
        assert self._way is not None and self.graph is not None
        if self._cancelled:
            return Decision(come_to_rest(start, self.params))
        decision = self.behaviour.decide(now_s, self._way.corridor, self._envelope_mps(), start, things, lights)
        if decision.delays is not None:
            self._way = Way.along(build(self.graph, self._way.corridor.route, decision.delays), self.params)
        return decision

    def _envelope_mps(self) -> Floats:
        assert self._way is not None
        return np.minimum(self._way.envelope_mps, self.ceiling.top_mps)

    def _lower_ceiling(self, now_s: float, s_m: float, ego: Ego) -> None:
        """No faster than the driver wishes, nor than the position is good enough for."""
        assert self._way is not None
        corridor, wanted_mps = self._way.corridor, self.set_speed_mps
        if unsureness(ego.position_std_m) > 0.0:
            limit_mps = self.params.speed_share * float(corridor.limit_mps[corridor.at(s_m)])
            wanted_mps = min(wanted_mps, cautious_mps(limit_mps, ego.position_std_m))
        self.ceiling.lower(now_s, ego.speed_mps, wanted_mps, self.params.deceleration_comfort_mps2)

    def _named(self, profile: Profile, start: Start, ego: Ego) -> Profile:
        """The profile, told by what holds the car back where the road, the lights and the others don't."""
        assert self._way is not None
        if self._keeps is not None and profile.code == GOAL[0]:
            return replace(profile, code=self._keeps.code, text=self._keeps.text)
        here_mps = float(np.interp(start.s_m, self._way.corridor.line.s_m, self._way.envelope_mps))
        slowed = self.ceiling.top_mps < min(here_mps, self.set_speed_mps) and unsureness(ego.position_std_m) > 0.0
        return replace(profile, code=UNSURE[0], text=UNSURE[1]) if slowed and not profile.code else profile

    def _laid_on(self, s_m: float, ego: Ego) -> float:
        """While the lane is kept: with little of the way left it is laid anew, the plan under way goes on along it."""
        assert self._way is not None and self.graph is not None
        ends_m = self._way.corridor.goal_m - s_m
        if self._keeps is None or self._keeps.code or ends_m > RENEWED_M or self.behaviour.passing.detour is not None:
            return s_m
        found = straight_on(self.graph, ego.pose, self.params, self._way.corridor.lanes)
        if isinstance(found, Refusal):
            return s_m
        self._keeps, self._way = found, Way.along(build(self.graph, found.route), self.params)
        there_m = place(self._way.corridor, ego.pose, BEHIND_M / 2.0)[0]
        self._back = None
        if self._last is not None:
            self._last = (self._last[0], replace(self._last[1], s_m=self._last[1].s_m + there_m - s_m))
        return there_m

    def _ended(self, s_m: float, ego: Ego) -> bool:
        """Whether the car stands at the goal, or stands after being called off."""
        assert self._way is not None
        if abs(ego.speed_mps) > STANDING_MPS:
            return False
        if self._cancelled:
            self._end(Mode.IDLE)
            return True
        if self._keeps is None and -PASSED_M < self._way.corridor.goal_m - s_m < self.params.arrival_m:
            park_at = self._park_at
            self._end(Mode.ARRIVED)
            if park_at is not None:
                self._manoeuvre_to(park_at, leaves=False)
            return True
        return False

    def _find_again(self, ego: Ego) -> PlannerOutput | None:
        """The car has left the corridor: a new way from where it is; or, if there is none, a standstill."""
        assert self._way is not None
        found = self._way_again(ego)
        if isinstance(found, Refusal):
            code = "planner.off_road" if found.code == START_OUTSIDE_MAP else "planner.blocked"
            return self._standstill(code, found.text)
        self._begin(found, self._keeps, self.set_speed_mps)
        _, left_m, turn_rad = place(found, ego.pose, self._at_m)
        if abs(left_m) > self.params.off_route_m or abs(turn_rad) > WRONG_WAY_RAD:
            return self._standstill("planner.off_road", f"{abs(left_m):.1f} m beside the lane")
        return None

    def _way_again(self, ego: Ego) -> Corridor | Refusal:
        """A new way to the same goal; straight on, where there is none."""
        assert self._way is not None and self.graph is not None
        if self._keeps is None:
            return self.find_way(ego.pose, self._way.corridor.route.goal)
        found = straight_on(self.graph, ego.pose, self.params)
        if isinstance(found, Refusal):
            return found
        self._keeps = found
        return build(self.graph, found.route)

    def _begin(self, corridor: Corridor, keeps: StraightOn | None = None, set_speed_mps: float = math.inf) -> None:
        self._way = Way.along(corridor, self.params)
        self._last = self._back = None
        self._at_m = BEHIND_M / 2.0
        self._cancelled = False
        self._keeps, self.set_speed_mps = keeps, set_speed_mps
        self._mode = Mode.DRIVING
        self.behaviour.forget()

    def _go_on(self, corridor: Corridor) -> None:
        """Another way to the same goal, taken up while driving."""
        self._way = Way.along(corridor, self.params)
        self._last = self._back = None
        self._at_m = BEHIND_M / 2.0

    def _seek_another_way(self, now_s: float, ego: Ego, s_m: float) -> None:
        """Where the way is blocked, another one that doesn't go along the lanes here, if there is one."""
        assert self._way is not None and self.graph is not None
        if now_s - self._sought_s < SEEK_AGAIN_S:
            return
        self._sought_s = now_s
        corridor = self._way.corridor
        here = slice(corridor.at(s_m), corridor.at(s_m + self.params.front_m + BLOCKER_M) + 1)
        route = find_route(self.graph, ego.pose, corridor.route.goal, frozenset(int(lane) for lane in corridor.lane[here]))
        if not isinstance(route, Refusal):
            self._go_on(build(self.graph, route))
            self.behaviour.forget()

    def _end(self, mode: Mode) -> None:
        self._way = self._last = self._back = self._keeps = self._stop_at = self._park_at = None
        self._cancelled, self.set_speed_mps = False, math.inf
        if self.parking is not None:
            self.parking.forget()
        self._mode = mode
        if self.graph is not None:
            self.behaviour.forget()

    @property
    def _under_way(self) -> bool:
        return self._way is not None or (self.parking is not None and self.parking.under_way)

    def _manoeuvre_to(self, pose: Pose, leaves: bool) -> None:
        assert self.parking is not None
        self.parking.begin(pose, leaves)
        self._mode = Mode.DRIVING

    def _manoeuvre(self, now_s: float, ego: Ego, parking: Parking, things: Sequence[Thing]) -> PlannerOutput:
        """Into a place or out of one, at walking pace."""
        if self._cancelled:
            if abs(ego.speed_mps) <= STANDING_MPS:
                self._end(Mode.IDLE)
            return PlannerOutput(None, self._state())
        found = parking.step(now_s, ego, things)
        if found.reached:
            return self._after_manoeuvre(ego)
        if found.given_up:
            self._end(Mode.IDLE)
            why = fault("planner.no_room", found.text)
            return PlannerOutput(None, PlannerState(Mode.IDLE, found.reason, found.text), faults=(why,))
        self._mode = Mode.WAITING if found.waits else Mode.DRIVING
        state = state_in(found, self._mode, self.params.walking_pace_back_mps, self._stop_at is not None)
        return PlannerOutput(found.trajectory, state, Indicators.HAZARD)

    def _after_manoeuvre(self, ego: Ego) -> PlannerOutput:
        """Parked; or out on the lane, and on along it."""
        stop_at, park_at = self._stop_at, self._park_at
        self._end(Mode.ARRIVED)
        if stop_at is None:
            return PlannerOutput(None, self._state())
        found = self.find_way(ego.pose, stop_at)
        if isinstance(found, Refusal):
            self._end(Mode.IDLE)
            return PlannerOutput(None, self._state(), faults=(fault("planner.blocked", found.text),))
        self._begin(found)
        self._park_at = park_at
        return PlannerOutput(None, self._state())

    def _standstill(self, code: str, detail: str = "") -> PlannerOutput:
        """No trajectory, and the fault why; the goal is kept, and so is what is left of the way to it."""
        why, self._last = fault(code, detail), None
        state = PlannerState(Mode.BLOCKED, code, why.text) if self._under_way else PlannerState(Mode.IDLE)
        if self._way is not None:
            state = state_on(self._way, Mode.BLOCKED, self._at_m, code, why.text)
        return PlannerOutput(None, state, faults=(why,))

    def _state(self, s_m: float = 0.0, code: str = "", text: str = "") -> PlannerState:
        if self._way is None:
            return PlannerState(self._mode, progress=1.0 if self._mode is Mode.ARRIVED else 0.0)
        return state_on(self._way, self._mode, s_m, code, text)
