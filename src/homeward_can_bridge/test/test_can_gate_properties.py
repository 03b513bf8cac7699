"""No sequence of commands, vehicles and clocks makes the gate emit anything outside its limits."""

from __future__ import annotations

import math
from dataclasses import replace

from gate_cases import LIMITS, READY
from hypothesis import given
from hypothesis import strategies as st

from homeward_can_bridge.command_gate import LONGEST_PERIOD_S, Command, CommandGate, State
from homeward_can_bridge.stop_plan import StopPlan
from homeward_can_bridge.vehicle import Gear, Indicators, Vehicle

anything = st.one_of(st.floats(), st.floats(-10.0, 10.0))
rising = st.lists(st.floats(0.1, 5.0), min_size=1, max_size=6)
good_plans = st.builds(
    lambda steps, bend: StopPlan(
        tuple(sum(steps[:index]) for index in range(len(steps) + 1)), (bend,) * (len(steps) + 1),
        tuple(float(len(steps) - index) for index in range(len(steps) + 1)),
    ), rising, st.floats(-0.3, 0.3),
)  # fmt: skip
plans = st.one_of(good_plans, st.builds(StopPlan, *[st.lists(anything, max_size=3).map(tuple)] * 3))
wild = st.builds(Command, st.integers(0, 2**32 - 1), anything, anything, st.integers(0, 4), st.integers(0, 4), plans, brake_only=st.booleans())
sane = st.builds(Command, st.just(0), st.floats(-8.0, 3.0), st.floats(-0.6, 0.6), st.sampled_from([1, 3]), st.integers(0, 3), good_plans, brake_only=st.booleans())
vehicles = st.builds(
    replace, st.just(READY), speed_mps=st.floats(-5.0, 50.0) | st.floats(), driver_brakes=st.sampled_from([False] * 9 + [True]),
    driver_steers=st.sampled_from([False] * 9 + [True]), driver_accelerates=st.booleans(), odometer_m=st.floats(0.0, 1e6) | st.floats(),
    actuators_ready=st.sampled_from([True] * 9 + [False]), steering_rad=st.floats(-0.7, 0.7) | st.floats(),
)  # fmt: skip
pauses = st.one_of(st.floats(0.0, 0.2), st.floats(-1.0, 10.0))
moments = st.tuples(pauses, wild | sane, vehicles | st.none(), st.floats(0.0, 0.2) | st.floats(), st.booleans())


@given(st.lists(moments, max_size=40))
def test_no_story_gets_past_the_limits(story: list[tuple[float, Command, Vehicle | None, float, bool]]) -> None:
    gate, now_s, last = CommandGate(LIMITS, assists=True), 1000.0, None
    for number, (pause_s, command, vehicle, age_s, wish) in enumerate(story):
        now_s += pause_s
        gate.offer(replace(command, sequence=command.sequence or number + 1), now_s)
        engaged = wish and gate.state is not State.ENGAGED and not gate.engage(vehicle, age_s, now_s)
        was = gate.state
        act = gate.step(now_s, vehicle, age_s)
        assert math.isfinite(act.acceleration_mps2) and math.isfinite(act.steering_rad)
        assert -8.0 <= act.acceleration_mps2 <= 3.0 and abs(act.steering_rad) <= 0.6
        assert act.enabled is (gate.state in (State.ENGAGED, State.STOPPING))
        assert act.brake_only is (gate.state is State.BRAKING)
        if not act.enabled:
            assert act.acceleration_mps2 <= 0.0 and act.steering_rad == 0.0, "beside a driver nothing but braking passes"
            assert act.brake_only or act.acceleration_mps2 == 0.0
        assert gate.state is not State.STOPPING or (act.indicators == Indicators.HAZARD and act.acceleration_mps2 <= max(last[0] if last else 0.0, 0.0))
        if was in (State.MANUAL, State.BRAKING):
            assert gate.state in (State.MANUAL, State.BRAKING), "only a wish engages"
        if last is not None and act.enabled and not engaged:
            period_s = min(max(pause_s, 0.0), LONGEST_PERIOD_S)
            assert -40.0 * period_s - 1e-9 <= act.acceleration_mps2 - last[0] <= 10.0 * period_s + 1e-9
            assert abs(act.steering_rad - last[1]) <= 0.6 * period_s + 1e-9
        if was is State.ENGAGED is gate.state and act.gear == Gear.REVERSE and vehicle is not None and abs(vehicle.speed_mps) > 2.0:
            assert act.acceleration_mps2 <= max(last[0] if last else 0.0, 0.0), "backwards it gains nothing beyond walking pace"
        last = (act.acceleration_mps2, act.steering_rad) if act.enabled else None
