"""The command gate: what passes, what doesn't, and what happens then. Every line, every branch, every mutant."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace

import pytest
from gate_cases import DT_S, LIMITS, MOVING, NOW_S, READY, engaged_gate, gate_with, settled, stopping_gate

from homeward_can_bridge.command_gate import (
    NOT_NOW,
    TEXTS,
    WRONG,
    Actuation,
    Command,
    CommandGate,
    State,
    approached,
    clamp,
    share_at,
)
from homeward_can_bridge.stop_plan import StopPlan
from homeward_can_bridge.vehicle import Gear, Indicators, Power, Vehicle

# ---- what the limits are ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "speed_mps, share", [(0.0, 1.0), (5.0, 1.0), (-5.0, 1.0), (12.5, 0.75), (-12.5, 0.75), (20.0, 0.5), (60.0, 0.5)]
)
def test_what_passes_lengthwise_falls_with_the_speed(speed_mps: float, share: float) -> None:
    assert share_at(speed_mps) == pytest.approx(share)
    assert LIMITS.acceleration_mps2(speed_mps) == pytest.approx(3.0 * share)
    assert LIMITS.jerk_mps3(speed_mps) == pytest.approx(10.0 * share)


@pytest.mark.parametrize(
    "speed_mps, angle_rad, rate_radps",
    [
        (0.0, 0.6, 0.5), (0.9, 0.6, 0.5), (10.0, math.atan(2.9 * 4.0 / 100.0), 0.29),
        (-10.0, math.atan(2.9 * 4.0 / 100.0), 0.29), (20.0, math.atan(2.9 * 4.0 / 400.0), 0.0725),
    ],
)  # fmt: skip
def test_angle_and_rate_of_steering_fall_with_the_speed(speed_mps: float, angle_rad: float, rate_radps: float) -> None:
    assert LIMITS.angle_rad(speed_mps) == pytest.approx(angle_rad)
    assert LIMITS.angle_rate_radps(speed_mps) == pytest.approx(rate_radps)


def test_below_walking_pace_lateral_limits_are_those_of_walking_pace() -> None:
    narrow = replace(LIMITS, lateral_acceleration_max_mps2=0.1, lateral_jerk_max_mps3=0.1)
    assert narrow.angle_rad(0.0) == narrow.angle_rad(1.0) == pytest.approx(math.atan(0.29))
    assert narrow.angle_rad(1.1) < narrow.angle_rad(1.0)
    assert narrow.angle_rate_radps(0.0) == narrow.angle_rate_radps(-1.0) == pytest.approx(0.29)


def test_clamping_and_approaching() -> None:
    assert [clamp(value, -1.0, 2.0) for value in (-3.0, -1.0, 0.5, 2.0, 9.0)] == [-1.0, -1.0, 0.5, 2.0, 2.0]
    assert approached(1.0, 5.0, 0.1, 0.2) == pytest.approx(1.2) and approached(1.0, -5.0, 0.1, 0.2) == pytest.approx(0.9)
    assert approached(1.0, 1.05, 0.1, 0.2) == pytest.approx(1.05)


# ---- before engaging --------------------------------------------------------------------------------------------------


def test_at_first_the_driver_has_the_car() -> None:
    gate = CommandGate(LIMITS)
    assert (gate.state, gate.reason, gate.text, gate.last_command) == (State.MANUAL, "started", TEXTS["started"], None)
    assert gate.step(NOW_S, READY, 0.0) == Actuation(False, 0.0, 0.0, Gear.PARK, Indicators.NONE)
    assert gate.step(NOW_S, None, math.inf) == Actuation(False)


def test_nothing_passes_before_engaging() -> None:
    gate = gate_with(Command(1, 1.0, 0.2))
    assert gate.step(NOW_S, replace(READY, driver_brakes=True), 0.0) == Actuation(False)
    assert gate.state is State.MANUAL and gate.reason == "started"


@pytest.mark.parametrize(
    "vehicle, age_s, key",
    [
        (None, 0.0, "vehicle_silent"), (READY, 0.121, "vehicle_silent"), (READY, math.nan, "vehicle_silent"),
        (replace(READY, speed_mps=math.nan), 0.0, "vehicle_silent"), (replace(READY, steering_rad=math.inf), 0.0, "vehicle_silent"),
        (replace(READY, odometer_m=math.nan), 0.0, "vehicle_silent"), (replace(READY, odometer_m=-1.1e9), 0.0, "vehicle_silent"),
        (replace(READY, power=Power.ACCESSORY), 0.0, "power_lost"), (replace(READY, power=Power.OFF), 0.0, "power_lost"),
        (replace(READY, doors_open=1), 0.0, "door_open"), (replace(READY, actuators_ready=False), 0.0, "actuators_unready"),
        (replace(READY, driver_brakes=True), 0.0, "driver_holds"), (replace(READY, driver_steers=True), 0.0, "driver_holds"),
    ],
)  # fmt: skip
def test_engaging_is_refused_with_the_reason(vehicle: Vehicle | None, age_s: float, key: str) -> None:
    gate = gate_with(Command(1, 0.0, 0.0))
    assert gate.engage(vehicle, age_s, NOW_S) == NOT_NOW[key]
    assert gate.state is State.MANUAL and gate.reason == "started"


def test_engaging_without_fresh_commands_is_refused() -> None:
    assert CommandGate(LIMITS).engage(READY, 0.0, NOW_S) == NOT_NOW["command_stale"]
    gate = gate_with(Command(1, 0.0, 0.0))
    assert gate.engage(READY, 0.0, NOW_S + 0.126) == NOT_NOW["command_stale"]
    assert gate.engage(READY, 0.0, NOW_S - 0.001) == NOT_NOW["command_stale"], "a clock that jumped back"
    assert gate.engage(READY, 0.12, NOW_S + 0.125) == ""
    assert (gate.state, gate.reason, gate.text) == (State.ENGAGED, "engaged", TEXTS["engaged"])


def test_engaging_twice_changes_nothing() -> None:
    gate = engaged_gate()
    gate.step(NOW_S + DT_S, READY, 0.0)
    assert gate.engage(None, math.inf, NOW_S + 9.0) == ""
    assert gate.step(NOW_S + 2 * DT_S, READY, 0.0).acceleration_mps2 == pytest.approx(0.4)


def test_a_car_that_rolls_and_is_accelerated_by_its_driver_may_be_engaged() -> None:
    assert engaged_gate(replace(MOVING, driver_accelerates=True)).state is State.ENGAGED


# ---- commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command, key",
    [
        (Command(2, math.nan, 0.0), "not_finite"), (Command(2, 0.0, math.inf), "not_finite"), (Command(2, -math.inf, 0.0), "not_finite"),
        (Command(2, 3.01, 0.0), "acceleration"), (Command(2, -8.01, 0.0), "acceleration"),
        (Command(2, 0.0, 0.601), "steering"), (Command(2, 0.0, -0.601), "steering"),
        (Command(2, 0.0, 0.0, gear=Gear.PARK), "gear"), (Command(2, 0.0, 0.0, gear=Gear.NEUTRAL), "gear"),
        (Command(2, 0.0, 0.0, gear=9), "gear"), (Command(2, 0.0, 0.0, indicators=4), "gear"), (Command(2, 0.0, 0.0, indicators=-1), "gear"),
        (Command(1, 0.0, 0.0), "sequence"), (Command(0, 0.0, 0.0), "sequence"), (Command(1 + 2**31, 0.0, 0.0), "sequence"),
    ],
)  # fmt: skip
def test_a_command_that_makes_no_sense_is_refused_and_the_last_good_one_grows_stale(command: Command, key: str) -> None:
    gate = engaged_gate()
    assert gate.offer(command, NOW_S + 0.05) == WRONG[key]
    assert gate.last_command == Command(1, 1.0, 0.0)
    assert gate.step(NOW_S + 0.125, READY, 0.0).enabled and gate.state is State.ENGAGED
    gate.step(NOW_S + 0.126, MOVING, 0.0)
    assert gate.state is State.STOPPING and gate.reason == "command_stale"


@pytest.mark.parametrize(
    "command",
    [
        Command(2, 3.0, 0.6, Gear.REVERSE, Indicators.HAZARD), Command(2, -8.0, -0.6, Gear.DRIVE, Indicators.NONE),
        Command(2**31, 0.0, 0.0, Gear.DRIVE, Indicators.LEFT),
    ],
)  # fmt: skip
def test_the_ends_of_each_range_are_inside(command: Command) -> None:
    gate = engaged_gate()
    assert gate.offer(command, NOW_S) == "" and gate.last_command == command


def test_a_bad_stop_plan_spoils_the_command() -> None:
    gate = engaged_gate()
    assert "differ in length" in gate.offer(Command(2, 0.0, 0.0, stop_plan=StopPlan((0.0, 1.0), (0.0,), (1.0, 0.0))), NOW_S)


def test_the_sequence_may_wrap() -> None:
    gate = engaged_gate(command=Command(2**32 - 1, 0.0, 0.0))
    assert gate.offer(Command(0, 0.0, 0.0), NOW_S) == ""


def test_a_restarted_controller_is_heard_again_after_silence_unless_the_old_one_drives() -> None:
    gate = gate_with(Command(5000, 0.0, 0.0))
    assert gate.offer(Command(1, 0.0, 0.0), NOW_S + 0.125) == WRONG["sequence"]
    assert gate.offer(Command(1, 0.0, 0.0), NOW_S + 0.126) == ""
    gate = engaged_gate(command=Command(5000, 0.0, 0.0))
    assert gate.offer(Command(1, 0.0, 0.0), NOW_S + 0.2) == WRONG["sequence"]
    gate.step(NOW_S + 0.2, READY, 0.0)
    assert gate.offer(Command(1, 0.0, 0.0), NOW_S + 0.2) == ""


# ---- driving ----------------------------------------------------------------------------------------------------------


def test_an_engaged_gate_passes_a_command_at_the_rate_of_its_limits() -> None:
    gate = engaged_gate(command=Command(1, 1.0, 0.2, Gear.DRIVE, Indicators.LEFT))
    first = gate.step(NOW_S + DT_S, READY, 0.0)
    assert first == Actuation(True, pytest.approx(0.2), pytest.approx(0.01), Gear.DRIVE, Indicators.LEFT)
    assert settled(gate, READY, Command(1, 1.0, 0.2, Gear.DRIVE, Indicators.LEFT)) == Actuation(
        True, pytest.approx(1.0), pytest.approx(0.2), Gear.DRIVE, Indicators.LEFT
    )


def test_braking_comes_faster_than_acceleration() -> None:
    gate = engaged_gate(MOVING, Command(1, -8.0, 0.0))
    assert gate.step(NOW_S + DT_S, MOVING, 0.0).acceleration_mps2 == pytest.approx(-0.8)
    assert settled(gate, MOVING, Command(1, -8.0, 0.0)).acceleration_mps2 == pytest.approx(-8.0)


def test_at_speed_less_passes() -> None:
    quick = replace(READY, speed_mps=20.0)
    actuation = settled(engaged_gate(quick, Command(1, 3.0, 0.6)), quick, Command(1, 3.0, 0.6))
    assert actuation.acceleration_mps2 == pytest.approx(1.5)
    assert actuation.steering_rad == pytest.approx(math.atan(2.9 * 4.0 / 400.0))
    actuation = settled(engaged_gate(quick, Command(1, 3.0, -0.6)), quick, Command(1, 3.0, -0.6))
    assert actuation.steering_rad == pytest.approx(-math.atan(2.9 * 4.0 / 400.0))


def test_steering_begins_where_the_wheels_are() -> None:
    assert engaged_gate(replace(READY, steering_rad=0.3)).step(NOW_S + DT_S, READY, 0.0).steering_rad == pytest.approx(0.29)
    far = engaged_gate(replace(READY, steering_rad=0.9), Command(1, 0.0, 0.6))
    assert far.step(NOW_S + DT_S, READY, 0.0).steering_rad == pytest.approx(0.6)
    far = engaged_gate(replace(READY, steering_rad=-0.9), Command(1, 0.0, -0.6))
    assert far.step(NOW_S + DT_S, READY, 0.0).steering_rad == pytest.approx(-0.6)


def test_acceleration_begins_at_nought_each_time() -> None:
    gate = engaged_gate()
    settled(gate, READY, Command(1, 1.0, 0.0))
    gate.disengage()
    later_s = NOW_S + 10.0
    gate.step(later_s, READY, 0.0)
    assert gate.offer(Command(900, 1.0, 0.0), later_s) == "" and gate.engage(READY, 0.0, later_s) == ""
    assert gate.step(later_s + DT_S, READY, 0.0).acceleration_mps2 == pytest.approx(0.2)


def test_a_long_pause_or_a_clock_that_jumps_back_gains_nothing() -> None:
    gate = engaged_gate(command=Command(1, 3.0, 0.0))
    assert gate.offer(Command(2, 3.0, 0.0), NOW_S + 50.0) == ""
    assert gate.step(NOW_S + 50.0, READY, 0.0).acceleration_mps2 == pytest.approx(1.0), "a tenth of a second's worth"
    assert gate.offer(Command(3, 3.0, 0.0), NOW_S) == ""
    assert gate.step(NOW_S, READY, 0.0).acceleration_mps2 == pytest.approx(1.0)
    assert gate.step(NOW_S + DT_S, READY, 0.0).acceleration_mps2 == pytest.approx(1.2)


@pytest.mark.parametrize("pedal, reason", [("driver_brakes", "driver_brake"), ("driver_steers", "driver_steering")])
def test_the_driver_has_the_car_at_once(pedal: str, reason: str) -> None:
    for gate in (engaged_gate(), stopping_gate()):
        assert gate.step(NOW_S + DT_S, replace(MOVING, **{pedal: True}), 0.0) == Actuation(False)
        assert (gate.state, gate.reason, gate.text) == (State.MANUAL, reason, TEXTS[reason])


def test_disengaging_gives_the_car_back() -> None:
    gate = engaged_gate()
    gate.disengage()
    assert (gate.state, gate.reason) == (State.MANUAL, "driver_request")
    assert gate.step(NOW_S + DT_S, READY, 0.0) == Actuation(False)


def test_the_accelerator_overrides_lengthwise_only() -> None:
    foot = replace(MOVING, driver_accelerates=True)
    braking = settled(engaged_gate(foot, Command(1, -2.0, 0.01)), foot, Command(1, -2.0, 0.01))
    assert (braking.acceleration_mps2, braking.steering_rad) == (0.0, pytest.approx(0.01))
    assert settled(engaged_gate(foot, Command(1, 1.0, 0.0)), foot, Command(1, 1.0, 0.0)).acceleration_mps2 == pytest.approx(1.0)
    assert settled(engaged_gate(foot, Command(1, 0.5, 0.0)), foot, Command(1, 0.5, 0.0)).acceleration_mps2 == pytest.approx(0.5)


def test_the_other_way_is_taken_from_standstill_only() -> None:
    back = Command(1, 1.0, 0.0, Gear.REVERSE)
    gate = engaged_gate(MOVING, back)
    rolling = settled(gate, MOVING, back)
    assert (rolling.gear, rolling.acceleration_mps2) == (Gear.DRIVE, pytest.approx(-2.5))
    gate = engaged_gate(READY, back)
    just_standing = gate.step(NOW_S + DT_S, replace(READY, speed_mps=-0.05), 0.0)
    assert (just_standing.gear, just_standing.acceleration_mps2) == (Gear.REVERSE, pytest.approx(0.2))
    rolling_back = replace(READY, speed_mps=-2.0, gear=Gear.REVERSE)
    assert settled(gate, rolling_back, back).acceleration_mps2 == pytest.approx(1.0), "its own way goes on"


@pytest.mark.parametrize("speed_mps", [-2.01, 2.01])
def test_backwards_faster_than_walking_pace_is_braked(speed_mps: float) -> None:
    back = Command(1, 1.0, 0.0, Gear.REVERSE)
    gate = engaged_gate(READY, back)
    gate.step(NOW_S + DT_S, READY, 0.0)
    fast = settled(gate, replace(READY, speed_mps=speed_mps, gear=Gear.REVERSE), back)
    assert (fast.gear, fast.acceleration_mps2) == (Gear.REVERSE, pytest.approx(-2.5))


def test_limits_are_values() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LIMITS.steering_max_rad = 9.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Actuation(True).enabled = False  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Command(1, 0.0, 0.0).sequence = 2  # type: ignore[misc]
