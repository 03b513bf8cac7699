"""The command gate: how it stops the car, and how the car drives again."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from gate_cases import DT_S, MOVING, NOW_S, PLAN, READY, engaged_gate, gate_with, stopping_gate

from homeward_can_bridge.command_gate import (
    NOT_NOW,
    TEXTS,
    Actuation,
    Command,
    CommandGate,
    State,
)
from homeward_can_bridge.stop_plan import StopPlan
from homeward_can_bridge.vehicle import Gear, Indicators, Power, Vehicle


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
    assert act.steering_rad == pytest.approx(math.atan(0.02 * 2.9)) and act.acceleration_mps2 == pytest.approx(
        -36.0 / 2 / 9.8, abs=0.05
    )


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
    assert (
        first.acceleration_mps2 == pytest.approx(held.acceleration_mps2 + 0.2) and first.steering_rad == held.steering_rad == 0.0
    )


def test_a_driver_may_engage_the_rolling_car() -> None:
    assert gate_with(Command(1, 0.0, 0.0)).engage(MOVING, 0.0, NOW_S) == ""
