"""The command gate: what passes, what doesn't, and what happens then."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_can_bridge.command_gate import Command, CommandGate, Limits, State
from homeward_can_bridge.stop_plan import StopPlan
from homeward_can_bridge.vehicle import Gear, Indicators, Power, Vehicle

LIMITS = Limits(
    command_timeout_s=0.1, vehicle_timeout_s=0.1, acceleration_max_mps2=3.0, deceleration_max_mps2=8.0,
    steering_max_rad=0.6, steering_rate_max_radps=0.6, lateral_acceleration_max_mps2=4.0, stop_deceleration_mps2=3.0,
    wheelbase_m=2.9,
)  # fmt: skip
READY = Vehicle(power=Power.READY, gear=Gear.DRIVE)
MOVING = dataclasses.replace(READY, speed_mps=10.0)
PLAN = StopPlan((0.0, 10.0, 20.0), (0.0, 0.02, 0.02), (10.0, 6.0, 0.0))


def engaged_gate(vehicle: Vehicle = READY, command: Command | None = None) -> CommandGate:
    gate = CommandGate(LIMITS)
    assert gate.offer(command or Command(1, 1.0, 0.0), 0.0) == ""
    assert gate.engage(vehicle, 0.0, 0.0) == ""
    return gate


def test_nothing_passes_before_engaging() -> None:
    gate = CommandGate(LIMITS)
    gate.offer(Command(1, 1.0, 0.2), 0.0)
    assert not gate.step(0.0, READY, 0.0).enabled


def test_a_fresh_command_passes_when_engaged() -> None:
    actuation = engaged_gate().step(0.02, READY, 0.0)
    assert actuation.enabled and actuation.acceleration_mps2 == 1.0 and actuation.gear == Gear.DRIVE


@pytest.mark.parametrize(
    "vehicle, age_s, complaint",
    [
        (None, 0.0, "data is missing"), (READY, 0.2, "data is missing"),
        (dataclasses.replace(READY, power=Power.ACCESSORY), 0.0, "not started"),
        (dataclasses.replace(READY, doors_open=1), 0.0, "door"),
        (dataclasses.replace(READY, driver_brakes=True), 0.0, "pedal"),
        (dataclasses.replace(READY, driver_steers=True), 0.0, "wheel"),
    ],
)  # fmt: skip
def test_engaging_is_refused_with_the_reason(vehicle: Vehicle | None, age_s: float, complaint: str) -> None:
    gate = CommandGate(LIMITS)
    gate.offer(Command(1, 0.0, 0.0), 0.0)
    assert complaint in gate.engage(vehicle, age_s, 0.0)
    assert gate.state is State.MANUAL


def test_engaging_without_commands_is_refused() -> None:
    assert "no driving commands" in CommandGate(LIMITS).engage(READY, 0.0, 0.0)


@pytest.mark.parametrize(
    "command",
    [
        Command(2, math.nan, 0.0), Command(2, 0.0, math.inf), Command(2, 3.1, 0.0), Command(2, -8.1, 0.0),
        Command(2, 0.0, 0.61), Command(2, 0.0, 0.0, gear=Gear.PARK), Command(2, 0.0, 0.0, indicators=7),
        Command(1, 0.0, 0.0), Command(0, 0.0, 0.0),
        Command(2, 0.0, 0.0, stop_plan=StopPlan((0.0, 1.0), (0.0,), (1.0, 0.0))),
        Command(2, 0.0, 0.0, stop_plan=StopPlan((0.0, 1.0), (0.0, math.nan), (1.0, 0.0))),
        Command(2, 0.0, 0.0, stop_plan=StopPlan((0.0, 0.0), (0.0, 0.0), (1.0, 0.0))),
        Command(2, 0.0, 0.0, stop_plan=StopPlan((0.0, 1.0), (0.0, 0.0), (1.0, 1.5))),
        Command(2, 0.0, 0.0, stop_plan=StopPlan((0.0, 1.0), (0.0, 0.0), (1.0, 0.5))),
        Command(2, 0.0, 0.0, stop_plan=StopPlan(*[tuple(map(float, range(17)))] * 3)),
    ],
)  # fmt: skip
def test_a_command_that_makes_no_sense_is_refused_and_the_last_good_one_grows_stale(command: Command) -> None:
    gate = engaged_gate()
    assert gate.offer(command, 0.05) != ""
    assert gate.step(0.05, READY, 0.0).enabled and gate.state is State.ENGAGED
    gate.step(0.11, MOVING, 0.0)
    assert gate.state is State.STOPPING and gate.reason == "command_stale"


@pytest.mark.parametrize("pedal", [{"driver_brakes": True}, {"driver_steers": True}])
def test_the_driver_has_the_car_at_once(pedal: dict[str, bool]) -> None:
    gate = engaged_gate()
    assert not gate.step(0.02, dataclasses.replace(MOVING, **pedal), 0.0).enabled
    assert gate.state is State.MANUAL


def test_the_accelerator_overrides_lengthwise_only() -> None:
    gate = engaged_gate(command=Command(1, -2.0, 0.0))
    assert gate.step(0.02, dataclasses.replace(MOVING, driver_accelerates=True), 0.0).acceleration_mps2 == 0.0
    assert gate.state is State.ENGAGED


def test_a_silent_vehicle_stops_the_car() -> None:
    gate = engaged_gate()
    actuation = gate.step(0.05, MOVING, 0.11)
    assert gate.state is State.STOPPING and gate.reason == "vehicle_silent"
    assert actuation.acceleration_mps2 == -LIMITS.stop_deceleration_mps2


def drive_the_stop(gate: CommandGate, speed_mps: float) -> tuple[float, list[float]]:
    """Simulate the stop; the distance it took [m] and the steering angles [rad]."""
    vehicle, now_s, angles = dataclasses.replace(READY, speed_mps=speed_mps), 0.11, []
    for _ in range(600):
        actuation = gate.step(now_s, vehicle, 0.0)
        assert actuation.indicators == Indicators.HAZARD
        angles.append(actuation.steering_rad)
        speed = max(vehicle.speed_mps + actuation.acceleration_mps2 * 0.02, 0.0)
        vehicle = dataclasses.replace(vehicle, speed_mps=speed, odometer_m=vehicle.odometer_m + speed * 0.02)
        now_s += 0.02
    assert vehicle.speed_mps == 0.0
    return vehicle.odometer_m, angles


def test_stopping_follows_the_plan_on_wheel_odometry() -> None:
    distance_m, angles = drive_the_stop(engaged_gate(command=Command(1, 0.0, 0.0, stop_plan=PLAN)), 10.0)
    assert distance_m == pytest.approx(20.0, abs=1.0)
    assert max(angles) == pytest.approx(math.atan(0.02 * 2.9), abs=0.001)


def test_stopping_without_a_plan_brakes_and_straightens() -> None:
    gate = engaged_gate(dataclasses.replace(READY, steering_rad=0.2))
    distance_m, angles = drive_the_stop(gate, 10.0)
    assert distance_m == pytest.approx(10.0**2 / 2 / 3.0, rel=0.05)
    assert angles[0] > 0.1 and angles[-1] == pytest.approx(0.0)


def test_what_is_offered_while_stopping_changes_nothing_until_standstill_and_a_new_wish() -> None:
    gate = engaged_gate(command=Command(1, 0.0, 0.0, stop_plan=PLAN))
    gate.step(0.2, MOVING, 0.0)
    gate.offer(Command(2, 2.0, 0.3), 0.2)
    assert gate.step(0.22, MOVING, 0.0).acceleration_mps2 < 0.0
    assert "still stopping" in gate.engage(MOVING, 0.0, 0.22)
    assert gate.engage(READY, 0.0, 0.22) == "" and gate.step(0.23, READY, 0.0).acceleration_mps2 == 2.0


def test_a_restarted_controller_is_heard_again_after_silence() -> None:
    gate = engaged_gate(command=Command(5000, 0.0, 0.0))
    gate.step(0.2, READY, 0.0)
    gate.step(0.22, READY, 0.0)
    assert gate.offer(Command(1, 0.0, 0.0), 0.3) == ""


def test_the_sequence_may_wrap() -> None:
    gate = engaged_gate(command=Command(2**32 - 1, 0.0, 0.0))
    assert gate.offer(Command(0, 0.0, 0.0), 0.01) == ""


anything = st.one_of(st.floats(), st.floats(-10.0, 10.0))
plans = st.builds(StopPlan, *[st.lists(anything, max_size=3).map(tuple)] * 3)
commands = st.builds(Command, st.integers(0, 2**32 - 1), anything, anything, st.integers(0, 4), st.integers(0, 4), plans)
vehicles = st.builds(
    dataclasses.replace, st.just(READY), speed_mps=st.floats(-5.0, 50.0), driver_brakes=st.booleans(),
    driver_steers=st.booleans(), driver_accelerates=st.booleans(), odometer_m=st.floats(0.0, 1e6),
)  # fmt: skip


@given(st.lists(st.tuples(st.floats(0.0, 0.2), commands, vehicles, st.floats(0.0, 0.2), st.booleans()), max_size=30))
def test_no_sequence_of_commands_and_clocks_gets_past_the_limits(
    story: list[tuple[float, Command, Vehicle, float, bool]],
) -> None:
    gate, now_s, last_rad = CommandGate(LIMITS), 0.0, None
    for pause_s, command, vehicle, age_s, wish in story:
        now_s += pause_s
        gate.offer(command, now_s)
        if wish:
            gate.engage(vehicle, age_s, now_s)
        was = gate.state
        actuation = gate.step(now_s, vehicle, age_s)
        assert math.isfinite(actuation.acceleration_mps2) and math.isfinite(actuation.steering_rad)
        assert -8.0 <= actuation.acceleration_mps2 <= 3.0 and abs(actuation.steering_rad) <= 0.6
        assert actuation.enabled is (gate.state is not State.MANUAL)
        if was is State.MANUAL:
            assert gate.state is State.MANUAL, "only a wish engages"
        if last_rad is not None and actuation.enabled:
            assert abs(actuation.steering_rad - last_rad) <= 0.6 * pause_s + 1e-9 or wish
        last_rad = actuation.steering_rad if actuation.enabled else None
