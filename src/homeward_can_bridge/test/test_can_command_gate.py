"""The command gate: what passes, what doesn't, and what happens then. Every line, every branch, every mutant."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace

import pytest

from homeward_can_bridge.command_gate import (
    LONGEST_BRAKING_S,
    NOT_NOW,
    TEXTS,
    WRONG,
    Actuation,
    Command,
    CommandGate,
    Limits,
    State,
    approached,
    clamp,
    share_at,
)
from homeward_can_bridge.stop_plan import StopPlan
from homeward_can_bridge.vehicle import Gear, Indicators, Power, Vehicle

LIMITS = Limits(
    command_timeout_s=0.125, vehicle_timeout_s=0.12, acceleration_max_mps2=3.0, deceleration_max_mps2=8.0,
    jerk_max_mps3=10.0, braking_jerk_max_mps3=40.0, steering_max_rad=0.6, steering_rate_max_radps=0.5,
    lateral_acceleration_max_mps2=4.0, lateral_jerk_max_mps3=10.0, stop_deceleration_mps2=2.5, wheelbase_m=2.9, reverse_speed_max_mps=2.0,
)  # fmt: skip
READY = Vehicle(power=Power.READY, gear=Gear.DRIVE, actuators_ready=True)
MOVING = replace(READY, speed_mps=10.0)
PLAN = StopPlan((0.0, 10.0, 20.0), (0.0, 0.02, 0.02), (10.0, 6.0, 0.0))
NOW_S = 100.0
DT_S = 0.02


def gate_with(command: Command, now_s: float = NOW_S) -> CommandGate:
    gate = CommandGate(LIMITS)
    gate.step(now_s, READY, 0.0)
    assert gate.offer(command, now_s) == ""
    return gate


def engaged_gate(vehicle: Vehicle = READY, command: Command = Command(1, 1.0, 0.0)) -> CommandGate:
    gate = gate_with(command)
    assert gate.engage(vehicle, 0.0, NOW_S) == ""
    return gate


def settled(gate: CommandGate, vehicle: Vehicle, command: Command, steps: int = 200) -> Actuation:
    """The actuation after the rate limits have let everything through."""
    for tick in range(1, steps + 1):
        now_s = NOW_S + tick * DT_S
        assert gate.offer(replace(command, sequence=command.sequence + tick), now_s) == ""
        actuation = gate.step(now_s, vehicle, 0.0)
    return actuation


# ---- what the limits are ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed_mps, share", [(0.0, 1.0), (5.0, 1.0), (-5.0, 1.0), (12.5, 0.75), (-12.5, 0.75), (20.0, 0.5), (60.0, 0.5)])
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


# ---- stopping ---------------------------------------------------------------------------------------------------------


def stopping_gate(command: Command = Command(1, 1.0, 0.0), vehicle: Vehicle = MOVING) -> CommandGate:
    """Stopping for stale commands at NOW_S."""
    gate = CommandGate(LIMITS)
    gate.step(NOW_S - 0.2, vehicle, 0.0)
    assert gate.offer(command, NOW_S - 0.2) == "" and gate.engage(vehicle, 0.0, NOW_S - 0.2) == ""
    gate.step(NOW_S, vehicle, 0.0)
    assert gate.state is State.STOPPING
    return gate


@pytest.mark.parametrize(
    "vehicle, age_s, reason",
    [
        (None, 0.0, "vehicle_silent"), (MOVING, 0.121, "vehicle_silent"), (replace(MOVING, speed_mps=math.nan), 0.0, "vehicle_silent"),
        (replace(MOVING, power=Power.ACCESSORY), 0.0, "power_lost"), (replace(MOVING, doors_open=2), 0.0, "door_open"),
        (replace(MOVING, actuators_ready=False), 0.0, "actuators_unready"),
    ],
)  # fmt: skip
def test_what_forbids_to_drive_stops_the_car(vehicle: Vehicle | None, age_s: float, reason: str) -> None:
    gate = engaged_gate(MOVING)
    gate.step(NOW_S + DT_S, MOVING, 0.0)
    actuation = gate.step(NOW_S + 2 * DT_S, vehicle, age_s)
    assert (gate.state, gate.reason, gate.text) == (State.STOPPING, reason, TEXTS[reason])
    assert actuation.enabled and actuation.indicators == Indicators.HAZARD and actuation.acceleration_mps2 < 0.2


def test_a_car_that_falls_silent_under_the_drivers_foot_still_stops() -> None:
    """Old data says nothing of what the driver does now."""
    gate = engaged_gate(MOVING)
    gate.step(NOW_S + DT_S, replace(MOVING, driver_brakes=True, driver_steers=True), 1.0)
    assert gate.state is State.STOPPING and gate.reason == "vehicle_silent"


def test_an_odometer_at_its_largest_still_counts() -> None:
    assert engaged_gate(replace(READY, odometer_m=1e9, speed_mps=-1e9)).state is State.ENGAGED


def test_the_first_reason_to_stop_stays() -> None:
    gate = stopping_gate()
    gate.step(NOW_S + DT_S, replace(MOVING, doors_open=1), 0.0)
    assert gate.reason == "command_stale"


def drive_the_stop(gate: CommandGate, vehicle: Vehicle, heard: bool = True) -> tuple[float, list[Actuation]]:
    """Simulate the stop from NOW_S on; the distance it took [m] and all actuations."""
    begin_m, acts = vehicle.odometer_m, []
    told = vehicle
    for tick in range(1, 600):
        acts.append(gate.step(NOW_S + tick * DT_S, told, 0.0 if heard else 1.0))
        speed = max(vehicle.speed_mps + acts[-1].acceleration_mps2 * DT_S, 0.0)
        vehicle = replace(vehicle, speed_mps=speed, odometer_m=vehicle.odometer_m + speed * DT_S)
        told = vehicle if heard else told
    assert vehicle.speed_mps == 0.0 and all(one.enabled and one.indicators == Indicators.HAZARD for one in acts)
    assert all(one.gear == Gear.DRIVE for one in acts)
    return vehicle.odometer_m - begin_m, acts


@pytest.mark.parametrize("heard", [True, False])
def test_stopping_follows_the_plan_on_wheel_odometry_and_reckons_when_that_is_silent(heard: bool) -> None:
    vehicle = replace(MOVING, odometer_m=5000.0)
    distance_m, acts = drive_the_stop(stopping_gate(Command(1, 0.0, 0.0, stop_plan=PLAN), vehicle), vehicle, heard)
    assert distance_m == pytest.approx(20.0, abs=1.0)
    assert max(one.steering_rad for one in acts) == pytest.approx(math.atan(0.02 * 2.9), abs=0.001)
    assert acts[-1].acceleration_mps2 == pytest.approx(-2.5), "the brake is held at standstill"


@pytest.mark.parametrize("heard", [True, False])
def test_stopping_without_a_plan_brakes_and_straightens(heard: bool) -> None:
    vehicle = replace(MOVING, steering_rad=0.1)
    distance_m, acts = drive_the_stop(stopping_gate(Command(1, 0.0, 0.1), vehicle), vehicle, heard)
    assert distance_m == pytest.approx(10.0**2 / 2 / 2.5, rel=0.05)
    assert acts[0].steering_rad > 0.05 and acts[-1].steering_rad == pytest.approx(0.0)


def test_reckoning_goes_on_from_the_last_word_of_the_wheels() -> None:
    """Silent while it rolls at 10 m/s: half a second on, half of the plan's first piece is gone."""
    plan = StopPlan((0.0, 4.0, 4.5, 30.0), (0.0, 0.0, 0.03, 0.03), (10.0, 10.0, 10.0, 0.0))
    gate = stopping_gate(Command(1, 0.0, 0.0, stop_plan=plan), replace(MOVING, odometer_m=77.0))
    angles = [gate.step(NOW_S + tick * DT_S, None, math.inf).steering_rad for tick in range(1, 40)]
    first = next(tick for tick, angle in enumerate(angles, 1) if angle > 0.0)
    assert 4.0 < first * DT_S * 10.0 < 5.2


def test_reckoning_ends_at_standstill_and_holds_it() -> None:
    gate = stopping_gate(Command(1, 0.0, 0.0, stop_plan=StopPlan((0.0, 20.0, 100.0), (0.0, 0.0, 0.0), (10.0, 0.0, 0.0))))
    for tick in range(1, 600):
        act = gate.step(NOW_S + tick * DT_S, None, math.inf)
    assert act.acceleration_mps2 == pytest.approx(-2.5)


def test_reckoning_begins_with_what_the_wheels_said_on_engaging() -> None:
    gate = engaged_gate(replace(MOVING, odometer_m=7.0), Command(1, 0.0, 0.0, stop_plan=PLAN))
    for tick in range(1, 60):  # not a word since: 10 m/s for half a second, and then slower
        act = gate.step(NOW_S + tick * DT_S, None, math.inf)
    assert act.steering_rad == pytest.approx(math.atan(0.02 * 2.9), abs=0.004) and act.acceleration_mps2 < -1.5


def test_reckoning_backwards_comes_to_rest_too() -> None:
    back = replace(READY, speed_mps=-4.0, gear=Gear.REVERSE)
    plan = StopPlan((0.0, 5.0), (0.01, 0.01), (4.0, 0.0))
    gate = stopping_gate(Command(1, 0.0, 0.0, Gear.REVERSE, stop_plan=plan), back)
    acts = [gate.step(NOW_S + tick * DT_S, None, math.inf) for tick in range(1, 400)]
    assert acts[0].gear == Gear.REVERSE and acts[40].acceleration_mps2 == pytest.approx(-1.6, abs=0.2)
    assert acts[-1].acceleration_mps2 == pytest.approx(-2.5) and acts[-1].steering_rad == pytest.approx(math.atan(0.029))


@pytest.mark.parametrize("gone_m", [-0.01, 20.01])
def test_off_the_plan_the_car_brakes_as_without_one(gone_m: float) -> None:
    gate = stopping_gate(Command(1, 0.0, 0.0, stop_plan=PLAN), replace(MOVING, odometer_m=100.0))
    for tick in range(1, 30):
        act = gate.step(NOW_S + tick * DT_S, replace(MOVING, speed_mps=2.0, odometer_m=100.0 + gone_m), 0.0)
    assert act.acceleration_mps2 == pytest.approx(-2.5)


@pytest.mark.parametrize("gone_m, wanted_mps2", [(0.0, -0.1), (20.0, -8.0)])
def test_on_the_plan_both_ends_belong_to_it(gone_m: float, wanted_mps2: float) -> None:
    gate = stopping_gate(Command(1, 0.0, 0.0, stop_plan=PLAN), replace(MOVING, odometer_m=100.0))
    for tick in range(1, 60):
        act = gate.step(NOW_S + tick * DT_S, replace(MOVING, speed_mps=2.0, odometer_m=100.0 + gone_m), 0.0)
    assert act.acceleration_mps2 == pytest.approx(wanted_mps2)


def test_the_plan_is_frozen_when_stopping_begins_and_measured_from_there() -> None:
    gate = engaged_gate(replace(MOVING, odometer_m=50.0), Command(1, 0.0, 0.0, stop_plan=PLAN))
    gate.step(NOW_S + 0.1, replace(MOVING, odometer_m=60.0), 0.0)
    gate.step(NOW_S + 0.126, replace(MOVING, odometer_m=60.2), 0.0)
    assert gate.state is State.STOPPING
    assert gate.offer(Command(2, 2.0, 0.3, stop_plan=StopPlan()), NOW_S + 0.13) == ""
    for tick in range(1, 100):  # 10.2 m beyond the beginning: the plan's curvature, wherever later commands point
        act = gate.step(NOW_S + 0.126 + tick * DT_S, replace(MOVING, speed_mps=6.0, odometer_m=70.2), 0.0)
    assert act.steering_rad == pytest.approx(math.atan(0.02 * 2.9)) and act.acceleration_mps2 == pytest.approx(-36.0 / 2 / 9.8, abs=0.05)


@pytest.mark.parametrize("speed_mps, holds", [(0.05, True), (-0.05, True), (0.0501, False)])
def test_a_standstill_is_held_with_the_brake(speed_mps: float, holds: bool) -> None:
    plan = StopPlan((0.0, 100.0), (0.0, 0.0), (1.0, 0.0))
    gate = stopping_gate(Command(1, 0.0, 0.0, stop_plan=plan))
    for tick in range(1, 100):
        act = gate.step(NOW_S + tick * DT_S, replace(READY, speed_mps=speed_mps), 0.0)
    assert (act.acceleration_mps2 == pytest.approx(-2.5)) is holds


def test_from_stopping_the_car_drives_again_only_at_standstill_and_on_a_new_wish() -> None:
    gate = stopping_gate(Command(1, 0.0, 0.0, stop_plan=PLAN))
    assert gate.offer(Command(2, 2.0, 0.3), NOW_S) == ""
    assert gate.step(NOW_S + DT_S, MOVING, 0.0).acceleration_mps2 < 0.0
    assert gate.engage(replace(READY, speed_mps=0.051), 0.0, NOW_S) == NOT_NOW["still_stopping"]
    assert gate.engage(replace(READY, speed_mps=-0.051), 0.0, NOW_S) == NOT_NOW["still_stopping"]
    assert gate.engage(replace(READY, speed_mps=0.05), 0.0, NOW_S) == "" and gate.state is State.ENGAGED


def test_driving_on_after_a_stop_lets_the_brake_go_gently() -> None:
    gate = stopping_gate()
    held = [gate.step(NOW_S + tick * DT_S, replace(READY, steering_rad=0.2), 0.0) for tick in range(1, 50)][-1]
    now_s = NOW_S + 50 * DT_S
    assert gate.offer(Command(2, 1.0, 0.0), now_s) == "" and gate.engage(replace(READY, steering_rad=0.2), 0.0, now_s) == ""
    first = gate.step(now_s, replace(READY, steering_rad=0.2), 0.0)
    assert first.acceleration_mps2 == pytest.approx(held.acceleration_mps2 + 0.2) and first.steering_rad == held.steering_rad == 0.0


def test_a_driver_may_engage_the_rolling_car() -> None:
    assert gate_with(Command(1, 0.0, 0.0)).engage(MOVING, 0.0, NOW_S) == ""


# ---- braking beside a driver ------------------------------------------------------------------------------------------

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


def test_limits_are_values() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LIMITS.steering_max_rad = 9.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Actuation(True).enabled = False  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Command(1, 0.0, 0.0).sequence = 2  # type: ignore[misc]
