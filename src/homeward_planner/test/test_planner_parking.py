"""Parking and driving out: ways that touch nothing and can be driven, and the whole of it in closed loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_cli.bench.parking_scenes import axle, garage_street, parked, scene
from homeward_planner.core import Planner
from homeward_planner.crawl import crawl
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.parking import Parking
from homeward_planner.parking_map import parking_place
from homeward_planner.parking_path import Stretch
from homeward_planner.parking_watch import free_until_m
from homeward_planner.planner_state import Mode
from homeward_planner.reeds_shepp import PIECES, WORDS, arc, shortest_length, word_to
from homeward_planner.route import Refusal
from homeward_planner.scene import Ego, Kind, Pose, Thing
from homeward_planner.trajectory import DRIVE, REVERSE, Trajectory

KINDS = ("bay_forwards", "bay_backwards", "along", "garage")


def box_at(pose: Pose, params) -> np.ndarray:
    """Points all over the car, a tenth of a metre apart."""
    ahead, left = np.meshgrid(np.arange(-params.rear_m, params.front_m + 0.01, 0.1), np.linspace(-0.5, 0.5, 20) * params.width_m)
    cos, sin = math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)
    return np.stack([pose.x_m + ahead * cos - left * sin, pose.y_m + ahead * sin + left * cos], axis=-1).reshape(-1, 2)


def inside(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Which points lie in a convex outline, whichever way round it is."""
    sides = [(b[0] - a[0]) * (points[:, 1] - a[1]) - (b[1] - a[1]) * (points[:, 0] - a[0]) for a, b in zip(outline, np.roll(outline, -1, axis=0))]
    return (np.array(sides) > 0.0).all(axis=0) | (np.array(sides) < 0.0).all(axis=0)


def touched(way: tuple[Stretch, ...], graph: LaneGraph, things, params) -> list[int]:
    """Numbers of the hard things that the car touches anywhere along a way."""
    solid = [*graph.buildings_m, *(thing.outline()[[0, 2, 4, 6]] for thing in things)]
    cars = np.concatenate([box_at(Pose(*row), params) for one in way for row in one.poses])
    return [number for number, outline in enumerate(solid) if inside(cars, outline).any()]


def assert_drivable(way: tuple[Stretch, ...], start: Pose, goal: Pose, params) -> None:
    """From start to goal without a jump, each stretch one that the car's wheels and geometry allow."""
    at = (start.x_m, start.y_m, start.yaw_rad)
    for one in way:
        assert one.poses[0] == pytest.approx(at, abs=1e-6)
        assert np.abs(one.curvature_1pm).max() <= math.tan(params.steering_max_rad) / params.wheelbase_m
        sign = 1.0 if one.forwards else -1.0
        step = np.diff(one.way_m)
        middle = one.yaw_rad[:-1] + np.diff(one.yaw_rad) / 2.0
        assert np.diff(one.x_m) == pytest.approx(sign * step * np.cos(middle), abs=1e-3)
        assert np.diff(one.y_m) == pytest.approx(sign * step * np.sin(middle), abs=1e-3)
        turn = sign * step * (one.curvature_1pm[1:] + one.curvature_1pm[:-1]) / 2.0
        assert np.diff(one.yaw_rad) == pytest.approx(turn, abs=3e-3)
        angle = np.arctan(one.curvature_1pm * params.wheelbase_m)
        seconds = step / np.maximum((one.limit_mps[1:] + one.limit_mps[:-1]) / 2.0, 1e-3)
        assert (np.abs(np.diff(angle)) <= params.steering_rate_max_radps * seconds + 1e-6).all(), "wheels turn no faster than they can"
        assert one.limit_mps[-1] == 0.0
        at = tuple(one.poses[-1])
    assert math.hypot(at[0] - goal.x_m, at[1] - goal.y_m) < 0.02
    assert abs(math.remainder(at[2] - goal.yaw_rad, math.tau)) < 0.01


# Reeds and Shepp's words


@settings(max_examples=200)
@given(st.floats(-8.0, 8.0), st.floats(-8.0, 8.0), st.floats(-3.1, 3.1))
def test_there_is_a_word_to_every_pose_and_it_ends_there(x: float, y: float, turn: float) -> None:
    turns, lengths = np.empty(PIECES), np.empty(PIECES)
    found = []
    for number in range(WORDS):
        if word_to(number, x, y, turn, turns, lengths):
            at = (0.0, 0.0, 0.0)
            for bend, length in zip(turns, lengths):
                at = arc(*at, bend, length)
            assert at[:2] == pytest.approx((x, y), abs=1e-5) and abs(math.remainder(at[2] - turn, math.tau)) < 1e-5
            found.append(np.abs(lengths).sum())
    assert shortest_length(x, y, turn) == min(found) >= math.hypot(x, y) - 1e-9


def test_words_are_as_short_as_they_are_known_to_be() -> None:
    assert shortest_length(5.0, 0.0, 0.0) == pytest.approx(5.0)
    assert shortest_length(-3.0, 0.0, 0.0) == pytest.approx(3.0)
    assert shortest_length(0.0, 0.0, math.pi) == pytest.approx(math.pi), "turning on the spot: three arcs of 60 degrees"
    assert shortest_length(0.0, 2.0, math.pi) == pytest.approx(math.pi)


# ways


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_into_a_place_and_out_again_without_touching(planner_params, kind: str, seed: int) -> None:
    case = scene(kind, seed)
    parking = Parking(planner_params, case.graph)
    way_in = parking.plan(case.start, case.goal, case.things, False)
    assert not isinstance(way_in, Refusal), way_in
    assert_drivable(way_in, case.start, case.goal, planner_params)
    assert not touched(way_in, case.graph, case.things, planner_params)
    lane = case.graph.lanes[1 if kind == "along" else 0].line
    out_to = Pose(*lane.pose_at(float(lane.project(np.array([[case.goal.x_m, 0.0]]))[0][0]) + 12.0))
    way_out = parking.plan(case.goal, out_to, case.things, True)
    assert not isinstance(way_out, Refusal), way_out
    assert_drivable(way_out, case.goal, out_to, planner_params)
    assert not touched(way_out, case.graph, case.things, planner_params)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(KINDS), st.floats(-12.0, 10.0), st.floats(-0.5, 0.5), st.floats(-0.4, 0.4))
def test_from_any_start_it_finds_a_way_that_touches_nothing_or_says_why(planner_params, kind, x_m, aside_m, turn_rad) -> None:
    case = scene(kind, 1)
    start = Pose(x_m, case.start.y_m / abs(case.start.y_m) * 1.6 + aside_m, round(case.start.yaw_rad / math.pi) * math.pi + turn_rad)
    found = Parking(planner_params, case.graph).plan(start, case.goal, case.things, False)
    if isinstance(found, Refusal):
        assert found.code == "no_room" and found.text
    else:
        assert_drivable(found, start, case.goal, planner_params)
        assert not touched(found, case.graph, case.things, planner_params)


def test_where_there_is_no_room_it_says_so(planner_params) -> None:
    case = scene("bay_backwards", 3)
    full = [*case.things, parked(9, Pose(case.goal.x_m, case.goal.y_m + 1.4, math.pi / 2.0))]
    narrow = axle(Pose(0.0, 13.4, 0.0), math.pi / 2.0)
    walled = garage_street(3.0)
    door = Thing(1, Kind.UNKNOWN, Pose(0.0, 9.5, 0.0), 6.0, 0.3, 0.0)
    refusals = [
        Parking(planner_params, case.graph).plan(case.start, case.goal, full, False),
        Parking(planner_params, garage_street(2.1)).plan(case.start, narrow, [], False),
        Parking(planner_params, walled).plan(case.start, narrow, [door], False),
        Parking(planner_params, case.graph).plan(case.start, Pose(900.0, 0.0, 0.0), [], False),
    ]
    assert all(isinstance(one, Refusal) and one.code == "no_room" and one.text for one in refusals), refusals
    bad = Parking(planner_params, case.graph).plan(case.start, Pose(math.nan, 0.0, 0.0), [], False)
    assert isinstance(bad, Refusal) and bad.code == "not_finite"


@given(st.floats(), st.floats(), st.floats(), st.floats(), st.floats())
def test_a_place_of_nonsense_is_none(a, b, c, d, width) -> None:
    found = parking_place(1, np.array([[a, b], [c, d]]), width)
    assert found is None or (np.isfinite(found.outline_m).all() and found.middle.finite and found.length_m >= 1.0)


# what comes near


def straight_back() -> Stretch:
    way = np.linspace(0.0, 8.0, 81)
    return Stretch(False, way, -way, np.zeros(81), np.zeros(81), np.zeros(81), np.ones(81))


def test_it_stops_for_a_walker_behind_the_car_and_not_for_one_ahead(planner_params) -> None:
    behind = Thing(1, Kind.PEDESTRIAN, Pose(-4.0, 0.0, 0.0), 0.5, 0.5, 0.0)
    free_m, culprit = free_until_m(straight_back(), 0.0, [behind], planner_params)
    assert culprit is behind and 0.5 < free_m < 4.0 - 1.0 - 0.25 - 0.7
    coming = Thing(2, Kind.PEDESTRIAN, Pose(-3.0, 3.0, -math.pi / 2.0), 0.5, 0.5, 1.4)
    assert free_until_m(straight_back(), 0.0, [coming], planner_params)[1] is coming
    ahead = Thing(3, Kind.PEDESTRIAN, Pose(6.5, 0.0, 0.0), 0.5, 0.5, 0.0)
    assert free_until_m(straight_back(), 0.0, [ahead], planner_params)[1] is None


# the controller's law


@pytest.mark.parametrize("gear", [DRIVE, REVERSE])
def test_the_law_brings_the_car_back_to_its_way_in_either_gear(gear: int) -> None:
    sign = 1.0 if gear == DRIVE else -1.0
    x, y, yaw = 0.0, 0.25, 0.1
    times = np.linspace(0.0, 20.0, 201)
    zero = np.zeros(201)
    plan = Trajectory(0.0, times, sign * times, zero, zero, np.full(201, sign), zero, zero, gear)
    for step in range(600):
        found = crawl(step * 0.02, Ego(Pose(x, y, yaw), sign), plan, 0.0, 2.875)
        bend = min(max(found.curvature_1pm, -0.23), 0.23)
        x, y, yaw = x + sign * 0.02 * math.cos(yaw), y + sign * 0.02 * math.sin(yaw), yaw + sign * 0.02 * bend
    assert abs(y) < 0.02 and abs(yaw) < 0.02


def test_it_sets_off_only_when_the_wheels_stand_right() -> None:
    times, zero = np.array([0.0, 2.0, 4.0]), np.zeros(3)
    bent = Trajectory(0.0, times, np.array([0.0, -1.0, -2.0]), zero, zero, np.array([-0.5, -1.0, -1.0]), zero, np.full(3, 0.1), REVERSE)
    needed = math.atan(2.875 * 0.1)
    assert crawl(0.0, Ego(Pose(0.0, 0.0, 0.0), 0.0), bent, 0.0, 2.875).acceleration_mps2 is None
    assert crawl(0.0, Ego(Pose(0.0, 0.0, 0.0), 0.0), bent, needed, 2.875).acceleration_mps2 > 0.0


# in closed loop


def off(pose: Pose, goal: Pose) -> tuple[float, float]:
    return math.hypot(pose.x_m - goal.x_m, pose.y_m - goal.y_m), abs(math.remainder(pose.yaw_rad - goal.yaw_rad, math.tau))


def assert_gear_changes_standing(trip) -> None:
    speed = trip.column("speed")
    changes = np.flatnonzero(np.diff(np.sign(np.where(np.abs(speed) < 0.02, 0.0, speed))))
    assert len(changes) and (np.abs(speed[changes]) < 0.1).all()


def test_into_the_garage_and_out_to_the_road_again(drive, places) -> None:
    walls = [
        Thing(900 + n, Kind.UNKNOWN, Pose(*wall), *size, 0.0)
        for n, (wall, size) in enumerate([((-162.5239, 205.3, 0.0), (0.2, 6.0)), ((-165.7239, 205.3, 0.0), (0.2, 6.0)), ((-164.1239, 208.4, 0.0), (3.4, 0.2))])
    ]
    trip = drive(places["home"], things=lambda now_s, ego: walls).to(places["garage"]).run(120.0)
    assert trip.modes[-1] is Mode.ARRIVED
    metres, turn = off(trip.pose, places["garage"])
    assert metres < 0.15 and turn < math.radians(2.0)
    assert not trip.hits
    assert trip.column("speed").min() >= -1.2
    assert_gear_changes_standing(trip)
    trip.to(places["hill"]).run(40.0, until=lambda one: one.planner.corridor is not None and one.speed_mps > 4.0)
    assert trip.speed_mps > 4.0 and not trip.hits
    assert trip.column("speed").min() < -0.5, "it came out backwards"


def test_into_a_bay_between_cars(drive, places, make_car) -> None:
    bay = places["bay"]
    neighbours = [make_car(n, Pose(bay.x_m, bay.y_m + side, 0.0), 0.0) for n, side in ((1, 2.5), (2, -2.5))]
    trip = drive(Pose(-307.6, 40.0, math.pi / 2.0), things=lambda now_s, ego: neighbours)
    lane = trip.graph.places_near(Pose(-304.4, 40.0, math.pi / 2.0), 3.0, 0.5)[0]
    trip.pose = Pose(*trip.graph.lanes[lane.lane].line.pose_at(lane.s_m))
    trip.to(bay).run(120.0)
    assert trip.modes[-1] is Mode.ARRIVED and not trip.hits
    metres, turn = off(trip.pose, bay)
    assert metres < 0.15 and turn < math.radians(2.0)


def test_a_walker_behind_the_car_makes_it_wait_and_it_goes_on(drive, places) -> None:
    def somebody(now_s: float, ego: Ego) -> list[Thing]:
        return [Thing(5, Kind.PEDESTRIAN, Pose(places["garage"].x_m, 199.5, 0.0), 0.5, 0.5, 0.0)] if now_s < 12.0 else []

    trip = drive(places["garage"], things=somebody).to(places["hill"]).run(100.0, until=lambda one: one.speed_mps > 3.0)
    assert "parking_blocked" in trip.reasons and not trip.hits
    early = trip.column("time") < 12.0
    assert trip.column("y")[early].min() - 1.0 > 199.5 + 0.25 + 0.3
    assert trip.speed_mps > 3.0


def test_a_place_that_somebody_has_taken_is_given_up_with_a_reason(drive, places, make_car) -> None:
    taken = make_car(3, places["garage"], 0.0)
    trip = drive(places["home"], things=lambda now_s, ego: [taken]).to(places["garage"])
    trip.run(120.0, until=lambda one: one.modes[-1] is Mode.IDLE)
    assert trip.modes[-1] is Mode.IDLE and not trip.hits
    assert [one.code for one in trip.output.faults] == ["planner.no_room"]
    assert trip.output.state.reason == "no_room" and trip.output.state.text
    assert abs(trip.speed_mps) < 0.05


def test_called_off_while_parking_it_stands(drive, places) -> None:
    trip = drive(places["home"]).to(places["garage"]).run(60.0, until=lambda one: one.planner.parking.under_way and abs(one.speed_mps) > 0.5)
    trip.planner.cancel()
    trip.run(6.0, until=lambda one: one.modes[-1] is Mode.IDLE)
    assert trip.modes[-1] is Mode.IDLE and abs(trip.speed_mps) < 0.05


def test_without_surroundings_or_a_position_a_manoeuvre_stands_and_goes_on(planner: Planner, places) -> None:
    garage = Ego(places["garage"], 0.0)
    planner.step(0.0, garage, [], [])
    assert planner.set_goal(places["hill"]) is None
    planner.step(0.1, garage, [], [])
    assert planner.step(0.2, garage, [], []).trajectory is not None
    for ego, things in ((garage, None), (None, []), (Ego(Pose(math.nan, 0.0, 0.0), 0.0), [])):
        output = planner.step(0.3, ego, things, [])
        assert output.trajectory is None and output.state.mode is Mode.BLOCKED and output.faults
    assert planner.step(0.4, garage, [], []).trajectory.gear == REVERSE


@pytest.fixture
def planner(hometown, planner_params) -> Planner:
    return Planner(planner_params, hometown)
