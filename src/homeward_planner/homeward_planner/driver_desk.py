"""The planner's shell towards the driver: wishes for a mode, the gate's state, the driver's doings in; mode and warnings out."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from homeward_interfaces.msg import DriveMode, Outcome
from homeward_interfaces.srv import SetEngaged, SetMode
from homeward_planner.core import Planner
from homeward_planner.driver_watch import NOTHING, TEXTS, DriverWatch, Hands
from homeward_planner.modes import NOT_NOW, Act, Driver, Gate, Mode, Modes, Readiness, Wanted, hindrance
from homeward_planner.planner_state import Mode as TripMode
from homeward_planner.planner_state import PlannerState
from homeward_planner.scene import Ego, Thing
from homeward_runtime import ledger
from homeward_runtime.car_node import CallFailed, CarNode, Later, seconds_of

VEHICLE_TIMEOUT_S = 0.3
REFUSED = Outcome.REFUSED
KNOWN = frozenset(int(one) for one in Gate)
UNHEARD = {
    "refused": Outcome(outcome=REFUSED, reason="no_gate", text="Not engaged: the command gate does not run."),
    "unknown": Outcome(outcome=Outcome.UNKNOWN, reason="unanswered", text="The command gate did not answer."),
}


class DriverDesk:
    """Belongs to the planner's node, which feeds it once a tick."""

    def __init__(self, node: CarNode, planner: Planner) -> None:
        self.node, self.planner = node, planner
        self.modes = Modes()
        self.watch = DriverWatch(planner.graph, planner.params) if planner.graph is not None else None
        self.vehicle: Any = None
        self.ready = Readiness(False, False, False)
        self.limit_mps = self.speed_mps = 0.0
        self.told: tuple[Any, ...] | None = None
        self.held: Later | None = None
        self.mode = node.publish_to(ledger.DRIVE_MODE)
        node.subscribe_to(ledger.ENGAGEMENT, self.on_engagement)
        node.subscribe_to(ledger.VEHICLE_STATE, self.on_vehicle)
        node.serve(ledger.SET_MODE, self.on_set_mode)

    # what comes in
    def on_engagement(self, message: Any) -> None:
        if message.state in KNOWN:
            self.obey(self.modes.heard(Gate(message.state), message.reason, message.text))
            self.follow_mode()

    def on_vehicle(self, message: Any) -> None:
        self.vehicle = message

    def on_set_mode(self, request: Any) -> Any:
        """Done, or why not, once the gate has answered."""
        code = hindrance(request.mode, self.modes.gate, self.ready)
        if code:
            return _response(REFUSED, code, NOT_NOW[code])
        if request.mode == Mode.CRUISE:
            refusal = self.planner.keep_lane(self.wished_mps(request.set_speed_mps))
            if refusal is not None:
                return _response(REFUSED, refusal.code, f"Not engaged: {refusal.text}")
        act = self.modes.ask(Mode(request.mode), self.node.now_s())
        self.follow_mode()
        if act is Act.NONE:
            return _response(Outcome.DONE)
        answer = Later()
        if act is Act.ENGAGE:
            if self.held is not None:
                self.held.give(_response(REFUSED, "superseded", "Another wish took its place."))
            self.held = answer  # until the first plan of the new mode is out, so that there is one to follow
        else:
            self.obey(act, answer)
        return answer

    def wished_mps(self, set_speed_mps: float) -> float:
        """A set speed that makes sense: the wish, else as fast as now, else what the road allows."""
        if math.isfinite(set_speed_mps) and set_speed_mps > 0.0:
            return float(set_speed_mps)
        return self.speed_mps if self.speed_mps > 1.0 else math.inf

    # the gate
    def obey(self, act: Act, answer: Later | None = None) -> None:
        """Tell the gate what follows from a transition."""
        if act is not Act.NONE:
            request = SetEngaged.Request(engaged=act is Act.ENGAGE)
            self.node.call(ledger.SET_ENGAGED, request, partial(self.on_gate_answer, act, answer))

    def engage_if_held(self) -> None:
        """Engage now that a plan is out, unless the driver has wished otherwise since."""
        held, self.held = self.held, None
        if held is not None and self.modes.pending:
            self.obey(Act.ENGAGE, held)
        elif held is not None and self.modes.gate is Gate.ENGAGED:
            held.give(_response(Outcome.DONE))
        elif held is not None:
            held.give(_response(REFUSED, "superseded", "Another wish took its place."))

    def on_gate_answer(self, act: Act, answer: Later | None, response: Any) -> None:
        outcome = UNHEARD[response.ending] if isinstance(response, CallFailed) else response.outcome
        if act is Act.ENGAGE and outcome.outcome == REFUSED:
            self.obey(self.modes.refused(outcome.reason, outcome.text))
            self.follow_mode()
        if answer is not None:
            answer.give(SetMode.Response(outcome=outcome))

    def follow_mode(self) -> None:
        """Where the lane is not to be kept any more, forget it."""
        if self.planner.keeps_lane and self.modes.wanted is not Wanted.CRUISE:
            self.planner.let_lane()

    # each tick
    def look(self, now_s: float, ego: Ego | None, things: list[Thing] | None) -> Any:
        """Before planning: what time brings, and what the driver is to be warned of. See DriverWatch."""
        self.obey(self.modes.tick(now_s))
        if self.modes.wanted is Wanted.CRUISE and not self.planner.keeps_lane and self.planner.corridor is not None:
            self.obey(self.modes.ask(Mode.PILOT, now_s))  # a goal came while the car kept its lane
        self.follow_mode()
        goal = self.planner.corridor is not None and not self.planner.keeps_lane
        self.ready = Readiness(ego is not None, things is not None, goal)
        self.speed_mps = ego.speed_mps if ego is not None else 0.0
        if self.watch is None or self.modes.driver is not Driver.PERSON:
            if self.watch is not None:
                self.watch.forget()
            return NOTHING
        return self.watch.look(now_s, ego, self.hands(now_s), things)

    def hands(self, now_s: float) -> Hands | None:
        seen = self.vehicle
        if seen is None or now_s - seconds_of(seen.header.stamp) > VEHICLE_TIMEOUT_S:
            return None
        bend = math.tan(max(min(seen.steering_rad, 1.2), -1.2)) / self.planner.params.wheelbase_m
        return Hands(bend, seen.acceleration_mps2, seen.driver_accelerates, seen.indicators)

    def tell(self, state: PlannerState, warnings: tuple[str, ...]) -> None:
        """After planning: the mode, its reason and the warnings, when one of them changed."""
        self.engage_if_held()
        reason, text, take_over = self.modes.reason, self.modes.text, False
        code, words = self.planner.hands_back
        if self.modes.mode is Mode.PILOT and state.mode is TripMode.BLOCKED:
            code, words = state.reason, state.text
        if code and self.modes.driver is Driver.HOMEWARD:
            reason, text, take_over = code, words, True
        cruising = self.modes.mode is Mode.CRUISE and math.isfinite(self.planner.set_speed_mps)
        now = (int(self.modes.mode), reason, text, take_over, self.planner.set_speed_mps if cruising else 0.0, warnings)
        if now != self.told:
            self.told = now
            self.mode.publish(DriveMode(
                stamp=self.node.stamp(), mode=now[0], reason=reason, text=text, take_over=take_over, set_speed_mps=now[4],
                warnings=list(warnings), warning_texts=[TEXTS[code] for code in warnings],
            ))  # fmt: skip


def _response(ending: int, reason: str = "", text: str = "") -> Any:
    return SetMode.Response(outcome=Outcome(outcome=ending, reason=reason, text=text))
