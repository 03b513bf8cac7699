"""The stop plan: what is one, and what it says along the way."""

from __future__ import annotations

import math

import pytest

from homeward_can_bridge.stop_plan import StopPlan, interpolated

PLAN = StopPlan((0.0, 10.0, 20.0), (0.0, 0.02, 0.04), (10.0, 6.0, 0.0))


def plan_of(count: int) -> StopPlan:
    return StopPlan(tuple(map(float, range(count))), (0.0,) * count, tuple(float(count - 1 - i) for i in range(count)))


@pytest.mark.parametrize("plan", [PLAN, StopPlan(), plan_of(16), StopPlan((0.0,), (0.1,), (0.0,)), StopPlan((0.0, 1e9), (-1e9, 1e9), (1e9, 0.0)), StopPlan((0.0, 1.0), (0.0, 0.0), (0.0, 0.0))])
def test_a_good_plan_has_no_complaint(plan: StopPlan) -> None:
    assert plan.complaint() == ""


@pytest.mark.parametrize(
    "plan, complaint",
    [
        (StopPlan((0.0, 1.0), (0.0,), (1.0, 0.0)), "the stop plan's arrays differ in length"),
        (StopPlan((), (0.0,), ()), "the stop plan's arrays differ in length"),
        (plan_of(17), "the stop plan has 17 points, at most 16 are taken"),
        (StopPlan((0.0, math.inf), (0.0, 0.0), (1.0, 0.0)), "the stop plan holds a number that is not finite or beyond reason"),
        (StopPlan((0.0, 1.0), (0.0, math.nan), (1.0, 0.0)), "the stop plan holds a number that is not finite or beyond reason"),
        (StopPlan((0.0, 1.0), (0.0, 0.0), (math.nan, 0.0)), "the stop plan holds a number that is not finite or beyond reason"),
        (StopPlan((0.0, 1.0), (0.0, 0.0), (1.1e9, 0.0)), "the stop plan holds a number that is not finite or beyond reason"),
        (StopPlan((1.0, 2.0), (0.0, 0.0), (1.0, 0.0)), "the stop plan's distances don't rise from 0"),
        (StopPlan((0.0, 0.0), (0.0, 0.0), (1.0, 0.0)), "the stop plan's distances don't rise from 0"),
        (StopPlan((0.0, 2.0, 1.0), (0.0,) * 3, (1.0, 0.5, 0.0)), "the stop plan's distances don't rise from 0"),
        (StopPlan((0.0, 1.0), (0.0, 0.0), (1.0, 0.5)), "the stop plan's speeds don't fall to 0"),
        (StopPlan((0.0, 1.0, 2.0), (0.0,) * 3, (1.0, 1.5, 0.0)), "the stop plan's speeds don't fall to 0"),
        (StopPlan((0.0, 1.0), (0.0, 0.0), (0.0, -1.0)), "the stop plan's speeds don't fall to 0"),
    ],
)  # fmt: skip
def test_a_bad_plan_says_what_is_wrong(plan: StopPlan, complaint: str) -> None:
    assert plan.complaint() == complaint


def test_an_empty_plan_is_empty() -> None:
    assert StopPlan().empty and not PLAN.empty


@pytest.mark.parametrize(
    "at_m, curvature_per_m", [(-5.0, 0.0), (0.0, 0.0), (5.0, 0.01), (10.0, 0.02), (15.0, 0.03), (20.0, 0.04), (99.0, 0.04)]
)
def test_curvature_is_linear_between_the_points(at_m: float, curvature_per_m: float) -> None:
    assert PLAN.curvature_at(at_m) == pytest.approx(curvature_per_m)
    assert interpolated(1.5, (1.0, 2.0), (4.0, 8.0)) == 6.0


@pytest.mark.parametrize(
    "at_m, speed_mps, deceleration_mps2",
    [
        (0.0, 10.0, (100 - 36) / 20), (5.0, 9.0, (81 - 36) / 10), (10.0, 6.0, 36 / 20), (15.0, 3.0, 0.9), (19.95, 1.0, 5.0),
        (25.0, 1.0, 5.0), (0.0, 30.0, 8.0), (10.0, 0.0, 0.0), (5.0, 6.0, 36 / 30), (0.0, 6.5, max(6.25 / 20, 42.25 / 40)),
    ],
)  # fmt: skip
def test_deceleration_brings_the_car_down_to_every_slower_point(at_m: float, speed_mps: float, deceleration_mps2: float) -> None:
    assert PLAN.deceleration_at(at_m, speed_mps, 8.0) == pytest.approx(deceleration_mps2)
