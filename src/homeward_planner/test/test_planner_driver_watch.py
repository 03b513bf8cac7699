"""Beside a driver who drives himself: warned in time, braked for when it is nearly too late, left alone otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_planner.driver_watch import BRAKE_MPS2, HOLDS_S, NOTHING, WARN_S, Danger, DriverWatch, Hands, held_motion
from homeward_planner.scene import Ego, Kind, Pose, Thing

LONG = Pose(-65.0, -5.25, 0.0)
STEP_S, FRONT_M = 0.1, 3.8
HARD_MPS2, DELAY_S = 7.0, 0.2  # what the brakes give, and how late
NUMBERS = st.one_of(st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e300]))


@pytest.fixture
def watch(hometown, planner_params) -> DriverWatch:
    return DriverWatch(hometown, planner_params)


def at(ahead_m: float, left_m: float = 0.0, turn_rad: float = 0.0) -> Pose:
    """Ahead of the rear axle at LONG, on that straight road."""
    return Pose(LONG.x_m + ahead_m, LONG.y_m + left_m, turn_rad)


class Run:
    """Somebody drives straight on and does nothing; what the watch asks of the brakes happens a little later."""

    def __init__(self, watch: DriverWatch, speed_mps: float, foot: Callable[[float], float] = lambda now_s: 0.0) -> None:
        self.watch, self.speed_mps, self.foot = watch, speed_mps, foot
        self.gone_m = self.now_s = self.braking_s = 0.0
        self.acceleration_mps2 = 0.0
        self.told: dict[str, float] = {}
        self.first_at: dict[str, tuple[float, float]] = {}

    def go(self, seconds: float, things: Callable[[float], list[Thing]]) -> Run:
        for _ in range(round(seconds / STEP_S)):
            ego = Ego(at(self.gone_m), self.speed_mps)
            seen = self.watch.look(self.now_s, ego, Hands(0.0, self.acceleration_mps2), things(self.now_s))
            for code in seen.warnings:
                self.first_at.setdefault(code, (self.now_s, self.gone_m))
            self.braking_s = self.braking_s + STEP_S if seen.braking is not None else 0.0
            braked = -HARD_MPS2 if self.braking_s > DELAY_S else 0.0
            self.acceleration_mps2 = min(braked, self.foot(self.now_s)) if self.speed_mps > 0.0 else 0.0
            self.gone_m += self.speed_mps * STEP_S
            self.speed_mps = max(self.speed_mps + self.acceleration_mps2 * STEP_S, 0.0)
            self.now_s += STEP_S
        return self


@pytest.mark.parametrize("speed_mps", [5.0, 8.0, 11.0, 14.0, 20.0])
def test_before_a_standing_car_it_warns_then_brakes_and_does_not_hit_it(watch, make_car, speed_mps: float) -> None:
    stands_m = 100.0
    run = Run(watch, speed_mps).go(9.0 + stands_m / speed_mps, lambda now_s: [make_car(1, at(stands_m), 0.0)])
    assert run.speed_mps == 0.0
    assert run.gone_m + FRONT_M < stands_m - 1.0, "a car's rear is a metre behind its rear axle"
    warned_s, braked_s = run.first_at["forward_collision"][0], run.first_at["emergency_braking"][0]
    assert warned_s + 0.3 < braked_s, "a warning comes first"
    gap_m = stands_m - 1.0 - FRONT_M - run.first_at["emergency_braking"][1]
    assert speed_mps**2 / (2.0 * gap_m) > 4.0 or gap_m / speed_mps < 1.15, "and the car brakes late: a driver could have until then"


def test_a_driver_who_brakes_in_time_is_left_alone(watch, make_car) -> None:
    stands_m = 60.0
    start_m = stands_m - 4.0 - FRONT_M - 10.0**2 / (2.0 * 3.0) - 3.0
    run = Run(watch, 10.0, lambda now_s: -3.0 if now_s * 10.0 > start_m else 0.0).go(12.0, lambda now_s: [make_car(1, at(stands_m), 0.0)])
    assert run.speed_mps == 0.0 and "emergency_braking" not in run.first_at


def test_following_at_a_distance_is_no_danger(watch, make_car) -> None:
    run = Run(watch, 12.0).go(8.0, lambda now_s: [make_car(1, at(20.0 + 12.0 * now_s), 12.0)])
    assert not run.first_at


def test_a_slower_car_ahead_is_warned_of_by_the_time_left(watch, make_car) -> None:
    """Closing in at 6 m/s: 2.5 s are 15 m."""
    run = Run(watch, 12.0).go(4.0, lambda now_s: [make_car(1, at(40.0 + 6.0 * now_s), 6.0)])
    warned_s, gone_m = run.first_at["forward_collision"]
    gap_m = 40.0 + 6.0 * warned_s - 1.0 - FRONT_M - gone_m
    assert gap_m / 6.0 == pytest.approx(WARN_S, abs=0.25)


def test_somebody_who_steps_out_is_braked_for(watch) -> None:
    def walker(now_s: float) -> list[Thing]:
        return [Thing(5, Kind.PEDESTRIAN, at(45.0, -4.2 + 1.4 * max(now_s - 0.5, 0.0), math.pi / 2.0), 0.5, 0.5, 1.4 * (now_s > 0.5))]

    run = Run(watch, 12.0).go(8.0, walker)
    assert "emergency_braking" in run.first_at
    assert run.gone_m + FRONT_M < 45.0 or run.now_s > 7.0


def test_traffic_in_its_own_lane_is_none_of_our_business(watch, hometown) -> None:
    """Round every bend of the town at the speed of the limit, with a car on the other side: never braked for, steering held."""
    braked, met = [], 0
    for lane in hometown.lanes:
        if lane.in_junction or lane.length_m < 30.0:
            continue
        for share in (0.2, 0.5, 0.8):
            x, y, yaw = lane.line.pose_at(lane.length_m * share)
            there_x, there_y, there_yaw = lane.line.pose_at(min(lane.length_m * share + 14.0, lane.length_m))
            speed, side = min(lane.speed_limit_mps, 8.0), 3.5
            opposite = Pose(there_x - side * math.sin(there_yaw), there_y + side * math.cos(there_yaw), there_yaw + math.pi)
            if not hometown.places_near(opposite, 0.8, 0.3):
                continue
            other, met = Thing(1, Kind.CAR, opposite, 4.8, 1.9, 6.0), met + 1
            bend = float(np.interp(lane.length_m * share, lane.line.s_m, lane.line.curvature_1pm))
            watch.forget()
            if watch.look(0.0, Ego(Pose(x, y, yaw), speed), Hands(bend), [other]).braking is not None:
                braked.append((lane.index, share))
    assert met > 20 and not braked


def test_pressing_the_accelerator_anew_ends_the_braking_until_the_danger_is_over(watch, make_car) -> None:
    car = [make_car(1, at(20.0), 0.0)]
    ego = Ego(at(0.0), 14.0)
    assert watch.look(0.0, ego, Hands(0.0, 0.0, accelerates=True), car).braking is not None, "a foot that rests there is no wish"
    assert watch.look(0.1, ego, Hands(0.0, 0.0, accelerates=False), car).braking is not None
    assert watch.look(0.2, ego, Hands(0.0, 0.0, accelerates=True), car).braking is None, "pressed anew"
    assert watch.look(0.3, ego, Hands(0.0, 0.0, accelerates=True), car).braking is None
    assert watch.look(0.4, ego, Hands(0.0, 0.0, accelerates=False), []).braking is None
    assert watch.look(0.5, ego, Hands(0.0, 0.0, accelerates=False), car).braking is not None, "the next danger counts again"


def test_a_car_that_was_braked_to_a_standstill_is_held_a_moment_and_then_the_drivers(watch, make_car) -> None:
    car = [make_car(1, at(20.0), 0.0)]
    watch.look(0.0, Ego(at(0.0), 14.0), Hands(0.0), car)
    for tick in range(1, 40):
        now_s = tick * 0.1
        held = watch.look(now_s, Ego(at(14.0), 0.0), Hands(0.0), car).braking is not None
        assert held == (now_s - 0.1 < HOLDS_S - 1e-9), now_s


def test_braking_is_along_the_held_curvature_and_only_slows(watch, make_car) -> None:
    seen = watch.look(3.0, Ego(at(0.0), 10.0), Hands(0.01), [make_car(1, at(12.0, 0.4), 0.0)])
    path = seen.braking
    assert path is not None and path.finite and path.stamp_s == 3.0
    assert (np.diff(path.speed_mps) <= 0.0).all() and path.speed_mps[-1] == 0.0 and (path.acceleration_mps2 <= 0.0).all()
    assert path.curvature_1pm == pytest.approx(0.01)


@pytest.mark.parametrize(
    "left_m, turn_rad, indicators, speed_mps, leaves",
    [
        (0.0, 0.0, 0, 12.0, False), (0.0, 0.1, 0, 12.0, True), (0.0, 0.1, 1, 12.0, False), (0.0, 0.1, 2, 12.0, True),
        (0.0, -0.1, 2, 12.0, False), (0.7, 0.0, 0, 12.0, False), (0.7, 0.06, 0, 12.0, True), (0.0, 0.1, 0, 5.0, False),
    ],
)  # fmt: skip
def test_leaving_the_lane_is_told_unless_it_is_indicated(watch, left_m, turn_rad, indicators, speed_mps, leaves) -> None:
    seen = watch.look(0.0, Ego(at(100.0, left_m, turn_rad), speed_mps), Hands(0.0, 0.0, False, indicators), [])
    assert ("lane_departure" in seen.warnings) == leaves


@pytest.mark.parametrize("speed_mps, fast", [(13.0, False), (15.0, False), (15.5, True)])
def test_going_too_fast_is_told(watch, speed_mps: float, fast: bool) -> None:
    assert ("speed" in watch.look(0.0, Ego(at(100.0), speed_mps), Hands(0.0), []).warnings) == fast


def test_the_law_of_braking() -> None:
    assert not Danger().warns and not Danger().brakes
    assert Danger(2.4, 3.0).warns and not Danger(2.4, 3.0).brakes
    assert Danger(1.5, BRAKE_MPS2 + 0.5).brakes and not Danger(1.5, BRAKE_MPS2).brakes
    assert Danger(0.9, 3.0).brakes and not Danger(0.9, 2.0).brakes and Danger(0.5, math.inf).brakes


def test_the_held_motion_turns_with_the_wheels() -> None:
    rows = held_motion(Ego(Pose(0.0, 0.0, 0.0), 10.0), 0.1)
    assert rows.shape == (7, 31)
    assert np.hypot(rows[0], rows[1] - 10.0) == pytest.approx(10.0, abs=0.05), "a circle of ten metres"


@settings(max_examples=60)
@given(st.tuples(*[NUMBERS] * 5), st.tuples(NUMBERS, NUMBERS), st.lists(st.tuples(*[NUMBERS] * 6), max_size=3), st.none() | st.just(1))
def test_what_is_no_number_warns_of_nothing_and_raises_nothing(hometown, planner_params, ego, hands, rows, known) -> None:
    watch = DriverWatch(hometown, planner_params)
    things = [Thing(n, Kind.CAR, Pose(row[0], row[1], row[2]), abs(row[3]), abs(row[4]), row[5]) for n, row in enumerate(rows)]
    car = Ego(Pose(*ego[:3]), ego[3], position_std_m=ego[4])
    for now_s in (0.0, 0.1):
        seen = watch.look(now_s, car, Hands(*hands) if known else None, things)
        assert seen.braking is None or seen.braking.finite
        if not car.finite or known is None:
            assert seen is NOTHING
