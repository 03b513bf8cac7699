"""The controller's core: it follows, it brakes when in doubt, and always has a plan to stop."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_planner.scene import Ego, Pose
from homeward_planner.stop_plan import POINTS, StopPlan, stop_plan
from homeward_planner.tracking import Tracker
from homeward_planner.trajectory import Trajectory

TIMES = np.arange(81) * 0.1


def straight(stamp_s: float = 0.0, speed_mps: float = 8.0, bend: float = 0.0) -> Trajectory:
    way = TIMES * speed_mps
    yaw = way * bend
    x = np.sin(yaw) / bend if bend else way
    y = (1.0 - np.cos(yaw)) / bend if bend else np.zeros_like(way)
    same = np.full_like(TIMES, speed_mps)
    return Trajectory(stamp_s, TIMES, x, y, yaw, same, np.zeros_like(TIMES), np.full_like(TIMES, bend))


def standing() -> Trajectory:
    nothing = np.zeros_like(TIMES)
    return Trajectory(0.0, TIMES, nothing, nothing, nothing, nothing, nothing, nothing)


@pytest.fixture
def tracker(controller_params) -> Tracker:
    return Tracker(controller_params)


def assert_sound(plan: StopPlan) -> None:
    """What the command gate asks of a stop plan."""
    assert 1 <= len(plan.distance_m) <= POINTS
    assert len(plan.distance_m) == len(plan.curvature_1pm) == len(plan.speed_mps)
    assert plan.distance_m[0] == 0.0 and plan.speed_mps[-1] == 0.0
    assert all(b > a for a, b in zip(plan.distance_m, plan.distance_m[1:], strict=False))
    assert all(b <= a for a, b in zip(plan.speed_mps, plan.speed_mps[1:], strict=False))
    assert all(map(math.isfinite, (*plan.distance_m, *plan.curvature_1pm, *plan.speed_mps)))


def test_on_the_line_and_in_time_nothing_is_asked(tracker: Tracker) -> None:
    demand = tracker.step(0.0, Ego(Pose(0.0, 0.0, 0.0), 8.0), straight())
    assert demand.acceleration_mps2 == pytest.approx(0.0, abs=0.05)
    assert demand.steering_rad == pytest.approx(0.0, abs=1e-6)
    assert demand.faults == ()
    assert_sound(demand.stop_plan)


@pytest.mark.parametrize(("left_m", "turn_rad", "sign"), [(0.5, 0.0, -1), (-0.5, 0.0, 1), (0.0, 0.1, -1), (0.0, -0.1, 1)])
def test_beside_the_line_it_steers_back(tracker: Tracker, left_m: float, turn_rad: float, sign: int) -> None:
    for step in range(20):
        demand = tracker.step(0.02 * step, Ego(Pose(0.16 * step, left_m, turn_rad), 8.0), straight())
    assert math.copysign(1.0, demand.steering_rad) == sign


def test_in_a_bend_it_steers_by_the_bends_curvature(tracker: Tracker, controller_params) -> None:
    trajectory = straight(bend=0.05)
    for step in range(80):
        s = 0.16 * (step % 40)  # round and round on a short piece of it
        pose = Pose(math.sin(s * 0.05) / 0.05, (1.0 - math.cos(s * 0.05)) / 0.05, s * 0.05)
        demand = tracker.step(0.02 * step, Ego(pose, 8.0), replace(trajectory, stamp_s=0.02 * step - s / 8.0))
    assert demand.steering_rad == pytest.approx(math.atan(controller_params.wheelbase_m * 0.05), abs=0.01)
    assert demand.stop_plan.curvature_1pm == pytest.approx([0.05] * POINTS, abs=2e-3)


def test_an_emergency_is_braked_for_at_once_and_usual_braking_smoothly(controller_params) -> None:
    def asked_after(braking_mps2: float, seconds: float) -> float:
        tracker, steps = Tracker(controller_params), round(seconds / 0.02)
        speed = np.maximum(12.0 - braking_mps2 * TIMES, 0.0)
        way = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) * 0.05)])
        zeros = np.zeros_like(TIMES)
        hard = Trajectory(0.0, TIMES, way, zeros, zeros, speed, np.where(speed > 0.0, -braking_mps2, 0.0), zeros)
        for step in range(steps):
            demand = tracker.step(0.02 * step, Ego(Pose(0.24 * step, 0.0, 0.0), 12.0), hard)
        return demand.acceleration_mps2

    assert asked_after(7.0, 0.14) < -6.5
    assert asked_after(2.0, 0.2) > -0.2 * controller_params.jerk_max_mps3 - 0.01


def test_a_lasting_slope_is_made_up_for(tracker: Tracker) -> None:
    """A hill that takes 0.8 m/s² costs hardly any speed after some seconds."""
    speed, way = 8.0, 0.0
    for step in range(1000):
        now = 0.02 * step
        trajectory = straight(stamp_s=now // 0.1 * 0.1)
        shifted = replace(trajectory, x_m=trajectory.x_m + 8.0 * trajectory.stamp_s)
        demand = tracker.step(now, Ego(Pose(way, 0.0, 0.0), speed), shifted)
        speed += (demand.acceleration_mps2 - 0.8) * 0.02
        way += speed * 0.02
    assert speed == pytest.approx(8.0, abs=0.15)


def test_a_standstill_is_held_with_the_brake(tracker: Tracker, controller_params) -> None:
    for step in range(50):
        demand = tracker.step(0.02 * step, Ego(Pose(0.0, 0.0, 0.0), 0.0), replace(standing(), stamp_s=0.02 * step))
    assert demand.acceleration_mps2 == pytest.approx(-controller_params.hold_mps2)
    assert_sound(demand.stop_plan)
    assert demand.stop_plan.speed_mps == (0.0,)


@pytest.mark.parametrize(
    ("ego", "trajectory", "code"),
    [
        (None, straight(), "controller.no_localization"),
        (Ego(Pose(math.nan, 0.0, 0.0), 8.0), straight(), "controller.no_localization"),
        (Ego(Pose(0.0, 0.0, 0.0), math.nan), straight(), "controller.no_localization"),
        (Ego(Pose(0.0, 0.0, 0.0), 8.0), straight(-2.0), "controller.trajectory_stale"),
        (Ego(Pose(0.0, 0.0, 0.0), 8.0), straight(3.0), "controller.trajectory_stale"),
        (Ego(Pose(0.0, 50.0, 0.0), 8.0), straight(), "controller.failed"),
        (Ego(Pose(0.0, 0.0, 0.0), 8.0), replace(straight(), x_m=np.full(81, math.nan)), "controller.failed"),
        (Ego(Pose(0.0, 0.0, 0.0), 8.0), replace(straight(), x_m=np.zeros(5)), "controller.failed"),
    ],
)
def test_when_in_doubt_it_brakes_and_says_why(tracker: Tracker, controller_params, ego, trajectory, code: str) -> None:
    for step in range(60):
        moved = replace(trajectory, stamp_s=trajectory.stamp_s + 0.02 * step)
        demand = tracker.step(0.02 * step, ego, moved)
    assert [fault.code for fault in demand.faults] == [code]
    assert demand.acceleration_mps2 == pytest.approx(-controller_params.stop_deceleration_mps2)
    assert math.isfinite(demand.steering_rad)
    assert_sound(demand.stop_plan)


def test_without_a_trajectory_it_comes_to_rest_without_a_fault(tracker: Tracker) -> None:
    demand = tracker.step(0.0, Ego(Pose(0.0, 0.0, 0.0), 8.0), None)
    assert demand.faults == () and demand.acceleration_mps2 < 0.0
    assert_sound(demand.stop_plan)


@given(
    st.tuples(st.floats(), st.floats(), st.floats(), st.floats()),
    st.lists(st.one_of(st.floats(), st.floats(-50.0, 50.0)), min_size=14, max_size=14),
    st.floats(-1.0, 3.0),
)
def test_no_numbers_make_it_ask_for_what_is_none(controller_params, ego, numbers, age_s: float) -> None:
    rows = [np.array(numbers[place : place + 2]) for place in range(0, 14, 2)]
    rows[0] = np.array([0.0, 1.0])
    trajectory = Trajectory(0.0, *rows)
    tracker = Tracker(controller_params)
    for now_s in (age_s, age_s + 0.02, age_s + 0.04):
        demand = tracker.step(now_s, Ego(Pose(*ego[:3]), ego[3]), trajectory)
        assert math.isfinite(demand.acceleration_mps2) and math.isfinite(demand.steering_rad)
        assert -controller_params.deceleration_max_mps2 <= demand.acceleration_mps2 <= controller_params.acceleration_max_mps2
        assert abs(demand.steering_rad) <= controller_params.steering_max_rad
        assert_sound(demand.stop_plan)


@given(st.floats(0.0, 60.0), st.floats(1.0, 6.0))
def test_a_stop_plan_brakes_evenly(speed_mps: float, deceleration_mps2: float) -> None:
    plan = stop_plan(speed_mps, deceleration_mps2, np.array([0.0, 10.0]), np.array([0.0, 0.1]))
    assert_sound(plan)
    if len(plan.distance_m) > 1:
        assert plan.distance_m[-1] == pytest.approx(speed_mps**2 / (2.0 * deceleration_mps2))


def test_a_step_is_quick(tracker: Tracker) -> None:
    """Well under the 20 ms of its period with a trajectory already known; the best of many counts."""
    trajectory, ego = straight(), Ego(Pose(0.0, 0.1, 0.0), 8.0)
    spent = []
    for step in range(25):
        begin = time.perf_counter()
        tracker.step(0.02 * step, ego, trajectory)
        spent.append(time.perf_counter() - begin)
    assert min(spent) < 0.005
