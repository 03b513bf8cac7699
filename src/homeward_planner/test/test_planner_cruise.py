"""Keeping the lane without a goal, its end, and driving slower where the position is uncertain."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_planner.caution import SURE_M, UNSURE_M, WALKING_MPS, Ceiling, cautious_mps, unsureness
from homeward_planner.core import Planner
from homeward_planner.cruise import REACH_M, SHORTEST_M, StraightOn, hands_back, straight_on
from homeward_planner.planner_state import Mode
from homeward_planner.route import Refusal
from homeward_planner.scene import Colour, Ego, Pose

STRAIGHT = Pose(-195.0, -1.75, 0.0)
LONG = Pose(-65.0, -5.25, 0.0)


def green(signals):
    return lambda now_s: signals.all(Colour.GREEN)


# ---- the way straight on ----------------------------------------------------------------------------------------------


def test_every_lane_leads_straight_on_or_says_why_not(hometown, planner_params) -> None:
    codes = set()
    for lane in hometown.lanes:
        found = straight_on(hometown, Pose(*lane.line.pose_at(lane.length_m / 3.0)), planner_params)
        if isinstance(found, Refusal):
            assert found.code.startswith("cruise_") and found.text
            continue
        codes.add(found.code)
        length = sum(leg.to_m - leg.from_m for leg in found.route.legs)
        assert length >= SHORTEST_M and (found.code or length >= REACH_M - 1.0)
        for leg, following in zip(found.route.legs, found.route.legs[1:]):
            assert following.lane in hometown.lanes[leg.lane].successors and not leg.change
            lane_after = hometown.lanes[following.lane]
            if lane_after.in_junction and len(hometown.lanes[leg.lane].successors) > 1:
                assert lane_after.turn == "straight"
    assert {"cruise_fork", "cruise_turns"} <= codes


def test_beside_the_road_there_is_no_lane_to_keep(hometown, planner_params) -> None:
    for pose in (Pose(0.0, 100.0, 0.0), Pose(math.nan, 0.0, 0.0), Pose(LONG.x_m, LONG.y_m, math.pi)):
        found = straight_on(hometown, pose, planner_params)
        assert isinstance(found, Refusal) and found.code == "off_road"


@given(st.floats(0.0, 40.0), st.floats(0.0, 500.0))
def test_the_driver_is_asked_ten_seconds_before_braking_begins(planner_params, speed_mps: float, left_m: float) -> None:
    braking_m = speed_mps**2 / (2.0 * planner_params.deceleration_comfort_mps2)
    assert not hands_back("", left_m, speed_mps, planner_params)
    assert hands_back("cruise_fork", left_m, speed_mps, planner_params) == (left_m < braking_m + 10.0 * max(speed_mps, 1.0))


# ---- driving ----------------------------------------------------------------------------------------------------------


def test_it_keeps_the_lane_at_the_set_speed_and_stops_where_the_lane_only_turns(drive, signals) -> None:
    trip = drive(STRAIGHT, lights=green(signals)).run(0.2)
    assert trip.planner.keep_lane(7.0) is None
    asked_at: list[tuple[float, float]] = []

    def ended(one) -> bool:
        if one.planner.hands_back[0] and not asked_at:
            asked_at.append((one.now_s, one.planner.corridor.goal_m - one.planner._at_m))
        return bool(asked_at) and one.speed_mps < 0.05

    trip.run(200.0, until=ended)
    assert trip.column("speed").max() == pytest.approx(7.0, abs=0.3)
    assert np.nanmax(np.abs(trip.column("left"))) < 0.3
    assert trip.planner.keeps_lane and trip.planner.hands_back[1].endswith("please take over.")
    assert trip.planner._at_m < trip.planner.corridor.goal_m + 0.3
    assert trip.now_s - asked_at[0][0] > 10.0, "asked in time"
    assert trip.column("acceleration").min() > -2.5
    assert trip.modes[-1] is Mode.WAITING and trip.output.state.reason == trip.planner.hands_back[0]


def test_the_way_is_laid_on_without_a_jolt(drive, signals, monkeypatch) -> None:
    monkeypatch.setattr("homeward_planner.cruise.REACH_M", 160.0)
    monkeypatch.setattr("homeward_planner.core.RENEWED_M", 120.0)
    trip = drive(LONG, lights=green(signals)).run(0.2)
    trip.planner.keep_lane(9.0)
    ways = []
    trip.run(22.0, until=lambda one: bool(ways.append(one.planner._keeps)))
    assert len({id(way) for way in ways}) >= 3, "laid anew while driving"
    speeds = trip.column("speed")[trip.column("time") > 12.0]
    assert np.abs(np.diff(speeds)).max() < 0.05 and speeds.min() > 8.0


def test_it_follows_a_slower_car(drive, signals, make_car) -> None:
    trip = drive(LONG, lights=green(signals)).run(0.2)
    trip.planner.keep_lane(12.0)
    x, y, yaw = LONG.x_m, LONG.y_m, LONG.yaw_rad
    trip.things = lambda now_s, ego: [make_car(7, Pose(x + 40.0 + 5.0 * now_s, y, yaw), 5.0)]
    trip.run(25.0)
    assert not trip.hits and "lead_vehicle" in trip.reasons
    assert trip.speed_mps == pytest.approx(5.0, abs=1.0)


def test_letting_the_lane_go_keeps_a_goal(planner_params, hometown, places) -> None:
    planner = Planner(planner_params, hometown)
    refusal = planner.keep_lane(9.0)
    assert refusal is not None and refusal.code == "no_localization"
    planner.step(0.0, Ego(STRAIGHT, 5.0), [], [])
    assert planner.keep_lane(9.0) is None and planner.keeps_lane
    assert planner.set_goal(places["office"]) is None
    assert not planner.keeps_lane and math.isinf(planner.set_speed_mps)
    planner.let_lane()
    assert planner.corridor is not None
    planner.keep_lane(9.0)
    planner.let_lane()
    assert planner.corridor is None and math.isinf(planner.set_speed_mps)


# ---- sureness of the position -----------------------------------------------------------------------------------------


@given(st.floats(0.0, 60.0), st.floats(0.0, 5.0), st.floats(0.0, 5.0))
def test_the_less_sure_the_slower(limit_mps: float, one_m: float, other_m: float) -> None:
    less, more = sorted((one_m, other_m))
    assert cautious_mps(limit_mps, more) <= cautious_mps(limit_mps, less) + 1e-9 <= limit_mps + 2e-9
    if 2.0 * more <= SURE_M:
        assert cautious_mps(limit_mps, more) == limit_mps and unsureness(more) == 0.0
    if 2.0 * more >= UNSURE_M:
        assert cautious_mps(limit_mps, more) == pytest.approx(min(limit_mps, WALKING_MPS))


def test_the_law_between_is_a_straight_line() -> None:
    assert cautious_mps(21.5, 0.5) == pytest.approx(11.5), "halfway between the limit and walking pace at 2 sigma = 1 m"


def test_a_ceiling_comes_down_comfortably_and_goes_up_at_once() -> None:
    ceiling = Ceiling()
    assert ceiling.lower(0.0, 10.0, math.inf, 1.5) == math.inf
    assert ceiling.lower(0.1, 10.0, 2.0, 1.5) == pytest.approx(9.85)
    assert ceiling.lower(0.2, 9.9, 2.0, 1.5) == pytest.approx(9.70)
    assert ceiling.lower(0.1, 9.9, 2.0, 1.5) == pytest.approx(9.70), "time that runs back changes nothing"
    assert ceiling.lower(0.3, 9.9, 30.0, 1.5) == 30.0
    ceiling.forget()
    assert ceiling.top_mps == math.inf


def test_a_car_unsure_of_its_place_slows_says_so_and_speeds_up_when_sure(drive, places, signals) -> None:
    trip = drive(STRAIGHT, lights=green(signals)).to(places["office"])
    std_m = [0.1]
    plan = trip.planner.step

    def unsure(now_s, ego, things, lights):
        return plan(now_s, dataclasses.replace(ego, position_std_m=std_m[0]), things, lights)

    trip.planner.step = unsure
    trip.run(9.0)
    quick_mps = trip.speed_mps
    assert quick_mps > 8.0 and "unsure_position" not in trip.reasons
    std_m[0] = 0.6
    trip.run(9.0)
    limit_mps = trip.output.state.speed_limit_mps
    assert trip.speed_mps == pytest.approx(cautious_mps(limit_mps, 0.6), abs=0.3)
    assert trip.output.state.reason == "unsure_position" and "not sure" in trip.output.state.text
    assert [fault.code for fault in trip.output.faults] == ["planner.unsure_position"]
    assert trip.column("acceleration").min() > -2.5
    std_m[0] = 2.0
    trip.run(8.0)
    assert trip.speed_mps == pytest.approx(WALKING_MPS, abs=0.3)
    std_m[0] = math.nan
    trip.run(5.0)
    assert trip.speed_mps < 0.05 and trip.output.state.reason == "planner.no_localization", "lost: it stops"
    std_m[0] = 0.1
    trip.run(5.0)
    assert trip.speed_mps > 3.0


def test_a_straight_on_way_tells_its_ending() -> None:
    assert StraightOn(None, "cruise_fork").text and not StraightOn(None).text  # type: ignore[arg-type]


# ---- preferences ------------------------------------------------------------------------------------------------------


def test_preferences_take_effect_at_the_next_step(drive, signals, make_car) -> None:
    trip = drive(LONG, lights=green(signals)).run(0.2)
    trip.planner.keep_lane(12.0)
    x, y, yaw = LONG.x_m, LONG.y_m, LONG.yaw_rad
    trip.things = lambda now_s, ego: [make_car(7, Pose(x + 40.0 + 5.0 * now_s, y, yaw), 5.0)]

    def gap_m() -> float:
        return x + 40.0 + 5.0 * trip.now_s - 1.0 - (trip.pose.x_m + 3.8)

    trip.run(20.0)
    near_m = gap_m()
    trip.planner.adopt(dataclasses.replace(trip.planner.params, headway_s=3.0))
    trip.run(10.0)
    assert gap_m() > near_m + 4.0, "a larger gap is kept at once"


def test_without_overtaking_the_car_waits_behind_what_stands(drive, places, signals, make_car) -> None:
    def driven(overtaking: bool) -> float:
        trip = drive(STRAIGHT, lights=green(signals)).to(places["office"])
        trip.planner.adopt(dataclasses.replace(trip.planner.params, overtaking=overtaking))
        x, y, yaw = STRAIGHT.x_m + 60.0, STRAIGHT.y_m - 1.2, STRAIGHT.yaw_rad
        trip.things = lambda now_s, ego: [make_car(7, Pose(x, y, yaw), 0.0)]
        trip.run(25.0)
        assert not trip.hits
        return trip.pose.x_m - x

    assert driven(overtaking=True) > 5.0
    assert driven(overtaking=False) < -3.0
