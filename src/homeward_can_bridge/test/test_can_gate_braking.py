"""The command gate: braking beside a driver, and nothing but braking."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from gate_cases import DT_S, LIMITS, MOVING, NOW_S, READY

from homeward_can_bridge.command_gate import (
    LONGEST_BRAKING_S,
    NOT_NOW,
    TEXTS,
    Actuation,
    Command,
    CommandGate,
    State,
)
from homeward_can_bridge.vehicle import Gear, Indicators, Power, Vehicle

HELP = Command(1, -6.0, 0.3, brake_only=True)


def helping_gate(vehicle: Vehicle = MOVING, command: Command = HELP) -> CommandGate:
    """Braking beside the driver since NOW_S."""
    gate = CommandGate(LIMITS, assists=True)
    assert gate.step(NOW_S - DT_S, vehicle, 0.0) == Actuation(False)
    assert gate.offer(command, NOW_S) == ""
    assert gate.step(NOW_S, vehicle, 0.0) == Actuation(False, 0.0, 0.0, Gear.PARK, Indicators.HAZARD, True)
    assert (gate.state, gate.reason, gate.text) == (State.BRAKING, "emergency", TEXTS["emergency"])
    return gate


def helped(gate: CommandGate, vehicle: Vehicle, command: Command = HELP, steps: int = 40) -> list[Actuation]:
    acts = []
    for tick in range(1, steps + 1):
        assert gate.offer(replace(command, sequence=command.sequence + tick), NOW_S + tick * DT_S) == ""
        acts.append(gate.step(NOW_S + tick * DT_S, vehicle, 0.0))
    return acts


def test_beside_a_driver_nothing_but_braking_passes() -> None:
    acts = helped(helping_gate(), MOVING)
    assert acts[0] == Actuation(False, pytest.approx(-0.8), 0.0, Gear.PARK, Indicators.HAZARD, True)
    assert [one.acceleration_mps2 for one in acts[:3]] == pytest.approx([-0.8, -1.6, -2.4]) and acts[-1].acceleration_mps2 == -6.0
    assert all(one.steering_rad == 0.0 and not one.enabled and one.brake_only for one in acts)


def test_a_wish_to_brake_never_drives() -> None:
    assert all(one.acceleration_mps2 == 0.0 for one in helped(helping_gate(), MOVING, replace(HELP, acceleration_mps2=3.0)))


def test_the_brake_is_let_go_as_gently_as_the_speed_wants() -> None:
    gate = helping_gate()
    helped(gate, MOVING)
    assert gate.offer(replace(HELP, sequence=99, acceleration_mps2=-1.0), NOW_S + 41 * DT_S) == ""
    act = gate.step(NOW_S + 41 * DT_S, MOVING, 0.0)
    assert act.acceleration_mps2 == pytest.approx(-6.0 + LIMITS.jerk_mps3(10.0) * DT_S)


def test_pauses_and_clocks_that_jump_gain_braking_nothing() -> None:
    gate = helping_gate()
    assert gate.offer(replace(HELP, sequence=2), NOW_S + 0.12) == ""
    assert gate.step(NOW_S + 0.12, MOVING, 0.0).acceleration_mps2 == pytest.approx(-4.0), "a tenth of a second's worth"
    assert gate.offer(replace(HELP, sequence=3), NOW_S + 0.1) == ""
    assert gate.step(NOW_S + 0.1, MOVING, 0.0).acceleration_mps2 == pytest.approx(-4.0)
    assert gate.step(NOW_S + 0.12, MOVING, 0.0).acceleration_mps2 == pytest.approx(-4.8)


def test_a_car_that_cannot_brake_beside_a_driver_does_not() -> None:
    gate = CommandGate(LIMITS)
    assert gate.assists is False and gate.offer(HELP, NOW_S) == ""
    assert gate.step(NOW_S, MOVING, 0.0) == Actuation(False) and gate.state is State.MANUAL


def test_braking_ends_when_nobody_asks_for_it_any_more() -> None:
    gate = helping_gate()
    helped(gate, MOVING)
    assert gate.offer(Command(99, -6.0, 0.0), NOW_S + 1.0) == ""
    assert gate.step(NOW_S + 1.0, MOVING, 0.0) == Actuation(False)
    assert (gate.state, gate.reason, gate.text) == (State.MANUAL, "braked", TEXTS["braked"])
    assert gate.offer(replace(HELP, sequence=100), NOW_S + 1.1) == ""
    gate.step(NOW_S + 1.1, MOVING, 0.0)
    assert gate.state is State.BRAKING


@pytest.mark.parametrize(
    "vehicle, age_s, now_s",
    [
        (None, 0.0, NOW_S), (MOVING, 0.121, NOW_S), (replace(MOVING, speed_mps=math.nan), 0.0, NOW_S),
        (replace(MOVING, power=Power.OFF), 0.0, NOW_S), (replace(MOVING, doors_open=1), 0.0, NOW_S),
        (replace(MOVING, actuators_ready=False), 0.0, NOW_S), (MOVING, 0.0, NOW_S + 0.126),
    ],
)  # fmt: skip
def test_what_forbids_to_drive_forbids_to_brake_beside_a_driver(vehicle: Vehicle | None, age_s: float, now_s: float) -> None:
    gate = helping_gate()
    assert gate.step(now_s, vehicle, age_s) == Actuation(False)
    assert (gate.state, gate.reason) == (State.MANUAL, "braked")
    gate = CommandGate(LIMITS, assists=True)
    assert gate.offer(HELP, NOW_S) == ""
    assert gate.step(now_s, vehicle, age_s) == Actuation(False)
    assert (gate.state, gate.reason) == (State.MANUAL, "started")


@pytest.mark.parametrize("speed_mps, begins", [(0.05, False), (-0.05, False), (0.0501, True), (-0.0501, True)])
def test_a_standing_car_is_not_braked_but_braking_goes_on_to_a_standstill(speed_mps: float, begins: bool) -> None:
    gate = CommandGate(LIMITS, assists=True)
    assert gate.offer(HELP, NOW_S) == ""
    gate.step(NOW_S, replace(MOVING, speed_mps=speed_mps), 0.0)
    assert (gate.state is State.BRAKING) is begins and (gate.reason == "emergency") is begins
    gate = helping_gate()
    assert helped(gate, READY)[-1].acceleration_mps2 == -6.0 and gate.state is State.BRAKING


@pytest.mark.parametrize("doing", ["driver_brakes", "driver_steers", "driver_accelerates"])
def test_it_is_the_driver_who_steers_and_may_brake_as_well(doing: str) -> None:
    gate = helping_gate()
    assert helped(gate, replace(MOVING, **{doing: True}))[-1].acceleration_mps2 == -6.0 and gate.state is State.BRAKING


@pytest.mark.parametrize("after_s", [LONGEST_BRAKING_S + 0.001, -0.001])
def test_nobody_brakes_for_ever_beside_a_driver(after_s: float) -> None:
    gate = helping_gate()
    assert gate.offer(replace(HELP, sequence=2), NOW_S + LONGEST_BRAKING_S) == ""
    assert gate.step(NOW_S + LONGEST_BRAKING_S, MOVING, 0.0).brake_only
    assert gate.offer(replace(HELP, sequence=3), NOW_S + after_s) == ""
    assert gate.step(NOW_S + after_s, MOVING, 0.0) == Actuation(False)
    assert (gate.state, gate.reason, gate.text) == (State.MANUAL, "braked_long", TEXTS["braked_long"])
    assert gate.step(NOW_S + after_s, MOVING, 0.0) == Actuation(False) and gate.state is State.MANUAL, "nor at once again"
    assert gate.offer(Command(4, 0.0, 0.0), NOW_S + after_s) == ""
    gate.step(NOW_S + after_s, MOVING, 0.0)
    assert gate.offer(replace(HELP, sequence=5), NOW_S + after_s) == ""
    assert gate.step(NOW_S + after_s, MOVING, 0.0).brake_only, "the next emergency counts"


def test_the_drivers_button_ends_braking_until_the_next_emergency() -> None:
    gate = helping_gate()
    assert gate.spent is False
    gate.disengage()
    gate.disengage()
    assert gate.spent is True
    assert (gate.state, gate.reason) == (State.MANUAL, "driver_request")
    assert gate.step(NOW_S + DT_S, MOVING, 0.0) == Actuation(False) and gate.state is State.MANUAL
    gate = CommandGate(LIMITS, assists=True)
    gate.disengage()
    assert gate.offer(HELP, NOW_S) == "" and gate.step(NOW_S, MOVING, 0.0).brake_only


def test_in_an_emergency_nobody_engages() -> None:
    gate = helping_gate()
    assert gate.engage(MOVING, 0.0, NOW_S) == NOT_NOW["braking"]
    assert gate.state is State.BRAKING


def test_while_homeward_drives_a_wish_to_brake_only_is_a_command_like_others() -> None:
    gate = CommandGate(LIMITS, assists=True)
    assert gate.offer(replace(HELP, brake_only=False), NOW_S) == "" and gate.engage(MOVING, 0.0, NOW_S) == ""
    assert gate.offer(replace(HELP, sequence=2), NOW_S + DT_S) == ""
    act = gate.step(NOW_S + DT_S, MOVING, 0.0)
    assert gate.state is State.ENGAGED and act.enabled and not act.brake_only
