"""The modes: one driver at every moment, whatever happens in whatever order; refusals and reasons."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_planner.modes import (
    ANSWER_S,
    NOT_NOW,
    TABLE,
    Act,
    Driver,
    Event,
    Gate,
    Mode,
    Modes,
    Readiness,
    Wanted,
    hindrance,
)

ALL_READY = Readiness(True, True, True)


def engaged(mode: Mode = Mode.CRUISE) -> Modes:
    modes = Modes()
    assert modes.ask(mode, 0.0) is Act.ENGAGE
    modes.heard(Gate.ENGAGED, "engaged", "Homeward drives.")
    return modes


def test_the_table_has_one_row_for_everything_that_can_happen() -> None:
    assert set(TABLE) == {(gate, wanted, event) for gate in Gate for wanted in Wanted for event in Event}


def test_only_a_wish_of_the_driver_engages_and_no_row_lets_go_by_itself() -> None:
    for (gate, _, event), step in TABLE.items():
        if step.act is Act.ENGAGE:
            assert event in (Event.ASK_CRUISE, Event.ASK_PILOT) and gate in (Gate.MANUAL, Gate.STOPPING)
        if step.act is Act.RELEASE and gate is Gate.ENGAGED:
            assert event is Event.ASK_MANUAL, "Homeward never lets go of a car that it drives"


@pytest.mark.parametrize("mode, text", [(Mode.CRUISE, "lane and distance"), (Mode.PILOT, "along the route")])
def test_asking_engages_and_the_gate_says_when_it_is_so(mode: Mode, text: str) -> None:
    modes = Modes()
    assert (modes.mode, modes.driver, modes.pending) == (Mode.MANUAL, Driver.PERSON, False)
    assert modes.ask(mode, 0.0) is Act.ENGAGE
    assert (modes.mode, modes.driver, modes.pending) == (Mode.MANUAL, Driver.PERSON, True), "a wish is no fact"
    modes.heard(Gate.ENGAGED, "engaged", "Homeward drives.")
    assert (modes.mode, modes.driver, modes.pending) == (mode, Driver.HOMEWARD, False)
    assert text in modes.text


@pytest.mark.parametrize("reason", ["driver_brake", "driver_steering", "driver_request"])
def test_the_driver_takes_over_with_the_gates_reason(reason: str) -> None:
    modes = engaged()
    modes.heard(Gate.MANUAL, reason, "The driver did it.")
    assert (modes.mode, modes.reason, modes.text) == (Mode.MANUAL, reason, "The driver did it.")
    assert modes.wanted is Wanted.NOTHING, "and nothing engages again by itself"


def test_the_driver_is_given_the_wheel_when_the_gate_has_let_go() -> None:
    modes = engaged(Mode.PILOT)
    assert modes.ask(Mode.MANUAL, 1.0) is Act.RELEASE
    assert modes.mode is Mode.PILOT and modes.driver is Driver.HOMEWARD, "it drives until the gate says otherwise"
    modes.heard(Gate.MANUAL, "driver_request", "The driver has the car.")
    assert modes.mode is Mode.MANUAL


def test_between_cruise_and_pilot_nobody_lets_go() -> None:
    modes = engaged(Mode.CRUISE)
    assert modes.ask(Mode.PILOT, 1.0) is Act.NONE
    assert modes.mode is Mode.PILOT and modes.reason == "pilot"
    assert modes.ask(Mode.CRUISE, 1.0) is Act.NONE
    assert modes.mode is Mode.CRUISE and modes.reason == "cruise"


def test_a_refusal_is_told_and_ends_the_wish() -> None:
    modes = Modes()
    modes.ask(Mode.CRUISE, 0.0)
    assert modes.refused("not_ready", "Not engaged: a door is open.") is Act.NONE
    assert (modes.mode, modes.reason, modes.text, modes.wanted) == (Mode.MANUAL, "not_ready", "Not engaged: a door is open.", Wanted.NOTHING)
    modes.heard(Gate.ENGAGED, "engaged", "")
    assert modes.mode is Mode.PILOT, "somebody engaged at the gate itself"


def test_a_refusal_that_comes_late_changes_nothing() -> None:
    modes = engaged()
    assert modes.refused("not_ready", "late") is Act.NONE
    assert (modes.mode, modes.reason) == (Mode.CRUISE, "cruise")


def test_a_silent_gate_is_told_to_forget() -> None:
    modes = Modes()
    modes.ask(Mode.PILOT, 10.0)
    assert modes.tick(10.0 + ANSWER_S - 0.01) is Act.NONE
    assert modes.tick(10.0 + ANSWER_S) is Act.RELEASE
    assert (modes.wanted, modes.reason) == (Wanted.NOTHING, "unanswered")
    assert modes.tick(99.0) is Act.NONE
    modes.ask(Mode.PILOT, 10.0)
    assert modes.tick(9.0) is Act.RELEASE, "a clock that jumped back doesn't keep a wish for good"


@pytest.mark.parametrize(
    "mode, gate, ready, code",
    [
        (Mode.MANUAL, Gate.BRAKING, Readiness(False, False, False), ""), (Mode.PILOT, Gate.MANUAL, ALL_READY, ""),
        (Mode.CRUISE, Gate.MANUAL, Readiness(True, True, False), ""), (Mode.CRUISE, Gate.MANUAL, ALL_READY, "goal_set"),
        (Mode.PILOT, Gate.MANUAL, Readiness(True, True, False), "no_goal"),
        (Mode.PILOT, Gate.MANUAL, Readiness(False, True, True), "no_localization"),
        (Mode.CRUISE, Gate.MANUAL, Readiness(True, False, False), "no_objects"),
        (Mode.CRUISE, Gate.BRAKING, Readiness(True, True, False), "braking"),
        (Mode.STOPPING, Gate.MANUAL, ALL_READY, "no_such_mode"), (77, Gate.MANUAL, ALL_READY, "no_such_mode"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_in_a_sentence(mode: int, gate: Gate, ready: Readiness, code: str) -> None:
    assert hindrance(mode, gate, ready) == code
    assert not code or NOT_NOW[code].startswith("Not engaged: ")


# ---- any story --------------------------------------------------------------------------------------------------------


@dataclass
class GateModel:
    """A command gate at the other end of a slow line: requests reach it, answers and states come back, in order each, late."""

    state: Gate = Gate.MANUAL
    requests: list[Act] = field(default_factory=list)
    answers: list[bool] = field(default_factory=list)
    states: list[Gate] = field(default_factory=list)
    wished: bool = False  # whether the driver ever wished that Homeward drives, and hasn't taken the car since

    def come_to(self, state: Gate) -> None:
        self.state = state
        self.states.append(state)

    def serve(self, willing: bool) -> None:
        if self.requests:
            act = self.requests.pop(0)
            if act is Act.RELEASE:
                self.come_to(Gate.MANUAL)
            elif willing and self.state is not Gate.BRAKING:
                self.come_to(Gate.ENGAGED)
                self.answers.append(True)
            else:
                self.answers.append(False)


STORIES = st.lists(st.tuples(st.sampled_from([
    "manual", "cruise", "pilot", "serve", "refuse", "answer", "state", "driver", "stale", "emergency", "button", "lost", "time",
]), st.floats(0.0, 4.0)), max_size=60)  # fmt: skip


@given(STORIES)
def test_no_story_ends_without_a_driver_or_with_two(story: list[tuple[str, float]]) -> None:
    modes, gate, now_s = Modes(), GateModel(), 0.0

    def tell(act: Act) -> None:
        if act is not Act.NONE:
            gate.requests.append(act)

    for what, pause_s in story:
        now_s += pause_s
        before = modes.gate
        if what in ("manual", "cruise", "pilot"):
            tell(modes.ask(Mode[what.upper()], now_s))
        elif what in ("serve", "refuse"):
            gate.serve(what == "serve")
        elif what == "answer" and gate.answers:
            if not gate.answers.pop(0):
                tell(modes.refused("not_ready", "Not engaged."))
        elif what == "lost":
            gate.requests.clear()
        elif what == "state" and gate.states:
            tell(modes.heard(gate.states.pop(0), "why", "Why."))
        elif what == "driver" and gate.state is not Gate.MANUAL:
            gate.come_to(Gate.MANUAL)
        elif what == "stale" and gate.state is Gate.ENGAGED:
            gate.come_to(Gate.STOPPING)
        elif what == "emergency" and gate.state is Gate.MANUAL:
            gate.come_to(Gate.BRAKING)
        elif what == "button" and gate.state is not Gate.BRAKING:
            gate.come_to(Gate.ENGAGED)
        elif what == "time":
            tell(modes.tick(now_s))
        assert (modes.driver is Driver.HOMEWARD) == (modes.gate is Gate.ENGAGED), "Homeward drives when, and only when, the gate says so"
        assert (modes.mode in (Mode.CRUISE, Mode.PILOT)) == (modes.driver is Driver.HOMEWARD)
        if what != "state":
            assert modes.gate is before, "nothing but the gate changes who drives"
        if modes.gate is Gate.ENGAGED:
            assert modes.wanted is not Wanted.NOTHING, "Homeward knows what to do while it drives"
        if modes.wanted is Wanted.NOTHING:
            assert not modes.pending
        assert modes.reason and modes.text

    # once all that is under way has arrived, both agree on who drives
    while gate.requests:
        gate.serve(True)
    while gate.states:
        tell(modes.heard(gate.states.pop(0), "why", "Why."))
    assert modes.gate is gate.state
    tell(modes.tick(now_s + 2.0 * ANSWER_S))
    assert not modes.pending
