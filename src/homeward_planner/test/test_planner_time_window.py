"""A goal that wants to be reached no earlier and no later: refused, waited for, or told to be late."""

from __future__ import annotations

import math

import pytest

from homeward_planner.core import Planner
from homeward_planner.navigation import Navigation
from homeward_planner.planner_state import Mode, PlannerState
from homeward_planner.scene import Colour
from homeward_planner.time_window import ANY_TIME, Timetable, TimeWindow, spoken

NOW_S = 1000.0


@pytest.mark.parametrize(
    ("window", "stands", "code", "said"),
    [
        (ANY_TIME, False, "", ""),
        (TimeWindow(not_after_s=NOW_S + 120.0), False, "", ""),
        (TimeWindow(not_after_s=NOW_S + 119.0), True, "too_late", "at least 2 min: the car would be there 1 s too late"),
        (TimeWindow(not_before_s=NOW_S + 500.0), True, "", ""),
        (TimeWindow(not_before_s=NOW_S + 500.0), False, "too_early", "up to 6 min too early"),
        (TimeWindow(not_before_s=NOW_S + 60.0), False, "", ""),
        (TimeWindow(NOW_S + 500.0, NOW_S + 400.0), True, "no_time", "before the earliest"),
    ],
)
def test_what_can_not_be_in_time_is_refused_with_a_sentence(window: TimeWindow, stands: bool, code: str, said: str) -> None:
    refusal = window.refusal(NOW_S, 120.0, stands)
    assert (refusal.code if refusal else "") == code
    assert said in (refusal.text if refusal else "")


def test_times_are_told_as_people_do() -> None:
    told = [spoken(seconds) for seconds in (0.0, 12.4, 59.4, 59.6, 150.0, 3599.0, 3900.0)]
    assert told == ["1 s", "12 s", "59 s", "1 min", "3 min", "1 h 0 min", "1 h 5 min"]


def test_a_trip_waits_until_it_is_time_unless_it_is_called_off() -> None:
    navigation = Navigation(lambda pose: None, lambda: None)
    assert navigation.waits_s(NOW_S) == 0.0
    navigation.begin(None, ["somewhere"], "", NOW_S, Timetable(departs_s=NOW_S + 30.0, not_after_s=NOW_S + 90.0))  # type: ignore[list-item]
    assert navigation.waits_s(NOW_S + 10.0) == 20.0
    assert navigation.waits_s(NOW_S + 31.0) == 0.0
    on_the_way = PlannerState(Mode.DRIVING, time_remaining_s=50.0)
    assert navigation.late_s(NOW_S + 40.0, on_the_way) == 0.0
    assert navigation.late_s(NOW_S + 45.0, on_the_way) == 5.0
    navigation.cancel()
    assert navigation.waits_s(NOW_S + 10.0) == 0.0


def test_no_drive_is_faster_than_the_least_time(hometown, planner_params, places, drive, signals) -> None:
    """So a car that sets off no earlier than that long before the time is never too early."""
    planner = Planner(planner_params, hometown)
    least_s = planner.least_time_s(places["roundabout"], places["school"])
    trip = drive(places["roundabout"], lights=lambda now_s: signals.all(Colour.GREEN)).to(places["school"]).run(300.0)
    assert trip.modes[-1] is Mode.ARRIVED
    assert 0.6 * trip.now_s < least_s < trip.now_s
    assert math.isfinite(least_s)
