"""Speed profiles: limits, holds and leads are kept, smoothly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_planner.corridor import build
from homeward_planner.parameters import PlannerParams
from homeward_planner.route import Route, find_route
from homeward_planner.speed_profile import STEP_S, Hold, Lead, Start, dash, drive, envelope

ALONG = np.linspace(0.0, 600.0, 1201)
FREE = np.full_like(ALONG, 13.9)


def fall(start_m: float, low: float) -> np.ndarray:
    """An envelope that comes down to a lower speed from a place on, by 1.5 m/s²."""
    return np.minimum(FREE, np.sqrt(low**2 + 2.0 * 1.5 * np.maximum(start_m - ALONG, 0.0)))


def test_the_envelope_keeps_limits_and_bends(hometown, places, planner_params: PlannerParams) -> None:
    route = find_route(hometown, places["home"], places["office"])
    assert isinstance(route, Route)
    corridor = build(hometown, route)
    speeds = envelope(corridor, planner_params)
    assert (speeds <= corridor.limit_mps + 1e-9).all()
    lateral = speeds**2 * np.abs(corridor.line.curvature_1pm)
    assert lateral.max() <= planner_params.lateral_acceleration_max_mps2 + 1e-6
    slope = np.diff(speeds**2) / (2.0 * np.diff(corridor.line.s_m))
    assert slope.min() >= -planner_params.deceleration_comfort_mps2 - 1e-6


def test_from_rest_it_speeds_up_smoothly_to_the_limit(planner_params: PlannerParams) -> None:
    profile = drive(Start(0.0, 0.0, 0.0), ALONG, FREE, [], [], planner_params)
    assert profile.speed_mps[-1] > 9.0
    assert (np.diff(profile.speed_mps) >= -1e-9).all()
    jerk = np.abs(np.diff(profile.acceleration_mps2)) / STEP_S
    assert jerk.max() <= planner_params.jerk_comfort_mps3 + 1e-6
    assert profile.code == ""


@settings(max_examples=60)
@given(st.floats(0.0, 13.0), st.floats(0.0, 100.0))
def test_it_stops_at_a_hold_and_not_after_it(planner_params: PlannerParams, speed: float, spare: float) -> None:
    """Any hold that 2 m/s² can meet is met within a metre, never overrun by more than a hand's breadth."""
    way = speed**2 / (2.0 * 2.0) + 2.0 + spare
    start = Start(0.0, speed, 0.0)
    for _ in range(12):
        profile = drive(start, ALONG, FREE, [Hold(way, "red_light", "")], [], planner_params)
        assert profile.s_m.max() < way + 0.15
        start = Start(float(profile.s_m[50]), float(profile.speed_mps[50]), float(profile.acceleration_mps2[50]))
    assert start.speed_mps < 0.05
    assert way - start.s_m < 1.0


@settings(max_examples=60)
@given(st.floats(4.0, 13.9), st.floats(1.6, 5.0))
def test_a_stop_known_late_is_braked_for_as_hard_as_it_takes(planner_params: PlannerParams, speed: float, needed: float) -> None:
    """In plans made anew ten times a second: no overrun, and not much harder than an even braking from the start."""
    builds_up_s = needed / planner_params.jerk_comfort_mps3
    way = speed**2 / (2.0 * needed) + speed * builds_up_s / 2.0
    s, v, a, least = 0.0, speed, 0.0, 0.0
    for _ in range(150):
        profile = drive(Start(s, v, a), ALONG, FREE, [Hold(way, "yield", "")], [], planner_params)
        s, v, a = float(profile.s_m[1]), float(profile.speed_mps[1]), float(profile.acceleration_mps2[1])
        least = min(least, a)
    assert v < 0.05
    assert s < way + 0.15
    assert least > -1.5 * max(needed, 1.5) - 0.2


@pytest.mark.parametrize(("gap_m", "lead_mps"), [(30.0, 0.0), (22.0, 0.0), (30.0, 4.0), (18.0, 6.0)])
def test_a_lead_is_braked_for_as_if_it_could_stop_at_any_moment_and_no_harder(planner_params, gap_m: float, lead_mps: float) -> None:
    lead = Lead(planner_params.front_m + gap_m, lead_mps, "lead_vehicle", "")
    profile = drive(Start(0.0, 10.0, -1.0), ALONG, FREE, [], [lead], planner_params)
    room = gap_m - planner_params.standstill_gap_m + lead_mps**2 / 16.0
    assert profile.acceleration_mps2.min() > -1.5 * max(10.0**2 / (2.0 * room), planner_params.deceleration_comfort_mps2)
    assert profile.acceleration_mps2.min() < -1.0


@settings(max_examples=60)
@given(st.floats(0.0, 13.9), st.floats(0.0, 13.9), st.floats(0.0, 60.0))
def test_it_never_reaches_what_goes_on_ahead(planner_params: PlannerParams, speed: float, other: float, spare: float) -> None:
    room = max(speed**2 - other**2, 0.0) / (2.0 * 5.0) + 0.6 * speed + 3.0
    lead = Lead(planner_params.front_m + room + spare, other, "lead_vehicle", "")
    profile = drive(Start(0.0, speed, 0.0), ALONG, FREE, [], [lead], planner_params)
    gap = lead.rear_m + other * profile.time_s - profile.s_m - planner_params.front_m
    assert gap.min() > 0.3


def test_it_is_slow_where_the_envelope_is(planner_params: PlannerParams) -> None:
    slow = fall(120.0, 5.0)
    profile = drive(Start(20.0, 13.9, 0.0), ALONG, slow, [], [], planner_params)
    allowed = np.interp(profile.s_m, ALONG, slow)
    assert (profile.speed_mps - allowed).max() < 0.4
    assert profile.acceleration_mps2.min() > -2.2


@pytest.mark.parametrize(
    ("holds", "leads", "code"),
    [
        ([Hold(40.0, "red_light", "Red.")], [], "red_light"),
        ([], [Lead(25.0, 0.0, "lead_vehicle", "A car.")], "lead_vehicle"),
        ([Hold(400.0, "goal", "")], [], ""),
        ([Hold(40.0, "red_light", "")], [Lead(20.0, 0.0, "lead_vehicle", "")], "lead_vehicle"),
    ],
)
def test_the_reason_is_what_asks_for_the_least(planner_params, holds, leads, code: str) -> None:
    assert drive(Start(0.0, 10.0, 0.0), ALONG, FREE, holds, leads, planner_params).code == code


def test_a_dash_is_no_slower_than_the_drive(planner_params: PlannerParams) -> None:
    start = Start(0.0, 3.0, 0.0)
    profile = drive(start, ALONG, FREE, [], [], planner_params)
    soonest = dash(start, ALONG, FREE, planner_params)
    assert all(soonest.time_at(s) <= profile.time_at(s) + 0.1 for s in (5.0, 15.0, 30.0, 50.0))
    assert soonest.time_at(-5.0) == 0.0
    assert profile.time_at(1e4) == np.inf
