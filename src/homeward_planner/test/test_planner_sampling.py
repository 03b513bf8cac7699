"""The sampling planner: it keeps the lane and the speed, passes what can be passed, stops before what can't, within limits."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_planner import motion_costs
from homeward_planner.candidates import Aim, along
from homeward_planner.drivable import Drivable, drivable
from homeward_planner.lane_graph import Lane, LaneGraph
from homeward_planner.motion_costs import Body, quintic
from homeward_planner.plane import Line
from homeward_planner.prediction import Forecast, Predictor
from homeward_planner.sampling import Plan, Way, plan
from homeward_planner.scene import Ego, Kind, Pose, Thing

BODY = Body(2.6, 3.7, 0.8, 1.8, 1.0, 0.4, 8.0, 9.0, 80.0)
STEPS = 40


def lane(index: int, points: np.ndarray, width_m: float = 3.5, successors: tuple[int, ...] = ()) -> Lane:
    line = Line.through(points)
    ones = np.ones(len(points))
    return Lane(index, index + 100, line, 0.0 * ones, width_m * ones, 14.0, "", successors, (), None, None, ())


def straight(y_m: float = 0.0, length_m: float = 200.0) -> np.ndarray:
    x = np.arange(0.0, length_m + 0.5, 1.0)
    return np.stack([x, np.full_like(x, y_m)], axis=1)


def road(*rows_m: float) -> LaneGraph:
    return LaneGraph("road", 0.0, 0.0, tuple(lane(place, straight(y)) for place, y in enumerate(rows_m)))


def planned(graph: LaneGraph, ego: Ego, *things: Thing, aim: Aim = Aim(10.0), steering_rad: float = 0.0) -> Plan:
    line = graph.lanes[0].line
    way = Way.along(line, np.full(len(line.s_m), 14.0))
    found = plan(0.0, ego, steering_rad, way, aim, BODY, surface_of(graph), Predictor(graph).predict(0.0, things, STEPS))
    assert found is not None
    return found


def surface_of(graph: LaneGraph) -> Drivable:
    return drivable(graph, graph.lanes[0].line.points_m)


def standing(x_m: float, y_m: float, width_m: float = 2.0) -> Thing:
    return Thing(7, Kind.CAR, Pose(x_m, y_m, 0.0), 4.5, width_m, 0.0)


def nearest_gap_m(found: Plan, forecast: Forecast) -> float:
    trajectory = found.trajectory
    return min(
        motion_costs.gap(BODY, x, y, yaw, boxes[place])
        for boxes in forecast.boxes
        for place, (x, y, yaw) in enumerate(zip(trajectory.x_m, trajectory.y_m, trajectory.yaw_rad, strict=True))
    )


def test_an_empty_road_is_driven_at_the_wanted_speed_in_the_middle():
    found = planned(road(0.0), Ego(Pose(20.0, 0.4, 0.0), 8.0))
    assert found.free
    assert found.trajectory.speed_mps[-1] == pytest.approx(10.0, abs=0.6)
    assert abs(found.trajectory.y_m[-1]) < 0.2
    assert found.trajectory.acceleration_mps2.max() < 2.5  # no hurry


def test_it_stops_before_what_fills_the_road():
    wall = standing(60.0, 0.0, width_m=3.4)
    graph = road(0.0)
    found = planned(graph, Ego(Pose(20.0, 0.0, 0.0), 10.0), wall)
    assert found.free
    left_m = 60.0 - 4.5 / 2.0 - BODY.front_m - found.trajectory.x_m[-1]
    assert left_m > found.trajectory.speed_mps[-1] ** 2 / (2.0 * 5.5)  # at its end there is still room to stop
    assert nearest_gap_m(found, Predictor(graph).predict(0.0, [wall], STEPS)) > 0.1


def test_it_passes_a_parked_car_where_there_is_room_beside():
    parked = standing(55.0, -0.8)
    graph = road(0.0, 3.5)
    found = planned(graph, Ego(Pose(20.0, 0.0, 0.0), 10.0), parked)
    assert found.free and found.trajectory.x_m[-1] > 50.0
    assert nearest_gap_m(found, Predictor(graph).predict(0.0, [parked], STEPS)) > 0.1


def test_it_brakes_as_hard_as_it_must_when_nothing_is_free():
    found = planned(road(0.0), Ego(Pose(20.0, 0.0, 0.0), 14.0), standing(34.0, 0.0, width_m=3.4))
    assert not found.free
    assert found.trajectory.acceleration_mps2[0] < -5.0


def test_it_does_not_leave_the_road_to_pass():
    found = planned(road(0.0), Ego(Pose(20.0, 0.0, 0.0), 10.0), standing(60.0, 0.0))
    assert np.abs(found.trajectory.y_m).max() < 3.5 / 2.0 - BODY.width_m / 2.0


@pytest.mark.parametrize("speed_mps", [0.0, 3.0, 10.0, 16.0])
def test_a_goal_in_a_window_is_met(speed_mps):
    place = 30.0 + max(speed_mps, 4.0) * 2.5
    aim = Aim(speed_mps, (place - 3.0, place + 3.0), (3.4, 3.6))
    found = planned(road(0.0), Ego(Pose(30.0, 0.0, 0.0), speed_mps), aim=aim)
    assert found.s_m[34:37].max() >= place - 3.3 and found.s_m[34:37].min() <= place + 3.3


def test_a_car_across_the_way_gets_no_plan():
    graph = road(0.0)
    way = Way.along(graph.lanes[0].line, np.full(201, 10.0))
    empty = Forecast(np.zeros((0, STEPS + 1, 5)), np.zeros(0), np.zeros(0))
    assert plan(0.0, Ego(Pose(20.0, 0.0, 1.5), 1.0), 0.0, way, Aim(10.0), BODY, surface_of(graph), empty) is None


def test_what_is_dearer_than_allowed_is_no_plan():
    graph = road(0.0)
    way = Way.along(graph.lanes[0].line, np.full(201, 10.0))
    empty = Forecast(np.zeros((0, STEPS + 1, 5)), np.zeros(0), np.zeros(0))
    ego = Ego(Pose(20.0, 0.0, 0.0), 5.0)
    best = plan(0.0, ego, 0.0, way, Aim(10.0), BODY, surface_of(graph), empty)
    assert best is not None
    assert plan(0.0, ego, 0.0, way, Aim(10.0), BODY, surface_of(graph), empty, below=best.cost * 0.99) is None


def test_skipping_by_the_least_cost_changes_no_choice(monkeypatch):
    """The bound that spares work must never be above the cost itself."""
    graph = road(0.0, 3.5)
    ego, parked = Ego(Pose(20.0, 0.3, 0.05), 9.0, 0.5), standing(60.0, -0.6)
    quick = planned(graph, ego, parked)
    monkeypatch.setattr("homeward_planner.sampling.SURE", 0.0)
    assert planned(graph, ego, parked).cost == pytest.approx(quick.cost)


@settings(max_examples=40, deadline=None)
@given(
    left=st.floats(-0.6, 0.6), turn=st.floats(-0.3, 0.3), speed=st.floats(0.0, 20.0),
    acceleration=st.floats(-4.0, 3.0), steering=st.floats(-0.05, 0.05), ahead=st.floats(12.0, 90.0),
)  # fmt: skip
def test_every_plan_is_within_the_cars_limits(left, turn, speed, acceleration, steering, ahead):
    found = planned(road(0.0, 3.5), Ego(Pose(20.0, left, turn), speed, acceleration), standing(20.0 + ahead, 0.0), steering_rad=steering)
    trajectory = found.trajectory
    assert trajectory.finite
    assert math.dist((trajectory.x_m[0], trajectory.y_m[0]), (20.0, left)) < 0.02
    assert trajectory.speed_mps[0] == pytest.approx(speed, abs=0.05)
    if found.cost < motion_costs.UNABLE:
        aside = trajectory.speed_mps**2 * trajectory.curvature_1pm
        assert np.hypot(trajectory.acceleration_mps2[:-1], aside[1:]).max() <= BODY.grip_mps2 + 1e-6
        moving = trajectory.speed_mps > 0.1
        assert np.abs(np.arctan(BODY.wheelbase_m * trajectory.curvature_1pm[moving])).max(initial=0.0) <= BODY.steering_max_rad + 1e-6


def test_the_poses_agree_with_speed_heading_and_curvature():
    """On a bend, beside its line: the plan's numbers must be those of one and the same motion."""
    angle = np.linspace(0.0, 1.6, 161)
    bend = np.stack([40.0 * np.sin(angle), 40.0 * (1.0 - np.cos(angle))], axis=1)
    graph = LaneGraph("bend", 0.0, 0.0, (lane(0, bend, width_m=6.0),))
    start = Pose(*(float(one) for one in bend[20] + np.array([-math.sin(angle[20]), math.cos(angle[20])]) * 0.8), float(angle[20]))
    trajectory = planned(graph, Ego(start, 7.0), aim=Aim(7.0), steering_rad=math.atan(2.6 / 39.2)).trajectory
    moved = np.hypot(np.diff(trajectory.x_m), np.diff(trajectory.y_m))
    assert moved == pytest.approx((trajectory.speed_mps[1:] + trajectory.speed_mps[:-1]) / 2.0 * 0.1, abs=0.02)
    turned = np.diff(trajectory.yaw_rad)
    middle = (trajectory.curvature_1pm[1:] + trajectory.curvature_1pm[:-1]) / 2.0
    assert turned == pytest.approx(middle * moved, abs=0.01)


@given(st.floats(-3, 3), st.floats(-1, 1), st.floats(-0.5, 0.5), st.floats(-4, 4), st.floats(0.0, 0.999))
def test_the_quintic_begins_and_ends_as_told_and_has_the_slope_it_says(left, slope, bend, end, t):
    assert quintic(0.0, left, slope, bend, end) == pytest.approx((left, slope, bend), abs=1e-9)
    assert quintic(1.0 - 1e-9, left, slope, bend, end) == pytest.approx((end, 0.0, 0.0), abs=1e-5)
    step = 1e-5
    before, after = quintic(t, left, slope, bend, end)[0], quintic(min(t + step, 0.99999), left, slope, bend, end)[0]
    if t + step < 0.9999:
        assert (after - before) / step == pytest.approx(quintic(t, left, slope, bend, end)[1], abs=0.01)


@given(st.floats(0.0, 30.0), st.floats(-8.0, 4.0), st.floats(0.0, 25.0))
def test_no_candidate_goes_backwards(speed, acceleration, wanted):
    motions = along(5.0, speed, acceleration, Aim(wanted, (20.0, 30.0), (2.0, 3.0)), STEPS)
    assert (motions.speed_mps >= 0.0).all() and np.isfinite(motions.s_m).all()
    assert (np.diff(motions.s_m, axis=1) >= -1e-9).all()
    assert (motions.speed_mps[:, 0] == speed).all() or speed == pytest.approx(motions.speed_mps[:, 0].max())


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(-4, 4), st.floats(1, 10), st.floats(1, 3))
@settings(max_examples=200, deadline=None)
def test_the_gap_is_negative_exactly_where_boxes_overlap(x, y, yaw, length, width):
    """Against dense points in either box."""
    box = np.array([x, y, yaw, length / 2.0, width / 2.0])
    found = motion_costs.gap(BODY, 0.0, 0.0, 0.0, box)
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41)), axis=-1).reshape(-1, 2)
    points = grid * box[3:] @ np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]]) + [x, y]
    inside = (-BODY.rear_m < points[:, 0]) & (points[:, 0] < BODY.front_m) & (np.abs(points[:, 1]) < BODY.width_m / 2.0)
    if inside.any():
        assert found < 1e-9
    if found > 0.0:
        outside = np.maximum(np.maximum(-BODY.rear_m - points[:, 0], points[:, 0] - BODY.front_m), np.abs(points[:, 1]) - BODY.width_m / 2.0)
        assert found <= np.hypot(*np.maximum(np.stack([np.maximum(-BODY.rear_m - points[:, 0], points[:, 0] - BODY.front_m), np.abs(points[:, 1]) - BODY.width_m / 2.0]), 0.0)).min() + 0.3
        assert outside.max() > 0.0


def test_the_grid_knows_the_edge():
    surface = surface_of(road(0.0, 3.5))
    for y, expected in ((0.0, 1.75), (-1.0, 0.75), (1.75, 2.0), (-2.5, -0.75), (5.0, 0.25)):
        row, column = (round((place - corner) / surface.cell_m) for place, corner in zip((y, 100.0), surface.corner_m[::-1], strict=True))
        assert float(surface.edge_m[row, column]) == pytest.approx(expected, abs=0.2)


def test_a_braking_car_is_expected_to_brake_on():
    graph = road(0.0)
    predictor = Predictor(graph)
    car = standing(50.0, 0.0)
    steady = predictor.predict(0.0, [dataclasses.replace(car, speed_mps=10.0)], STEPS).boxes[0, -1, 0]
    for step in range(1, 6):
        braking = predictor.predict(step * 0.1, [dataclasses.replace(car, speed_mps=10.0 - 0.5 * step)], STEPS)
    assert braking.boxes[0, -1, 0] < steady - 10.0


def test_a_car_is_expected_on_each_way_its_lane_leads_on():
    fork = [straight(length_m=40.0), straight(length_m=40.0) + [40.0, 0.0], np.stack([40.0 + np.arange(41.0), np.arange(41.0)], axis=1)]
    graph = LaneGraph("fork", 0.0, 0.0, tuple(lane(place, points, successors=(1, 2) if place == 0 else ()) for place, points in enumerate(fork)))
    found = Predictor(graph).predict(0.0, [dataclasses.replace(standing(20.0, 0.0), speed_mps=10.0)], STEPS)
    assert found.share.tolist() == [0.5, 0.5]
    assert sorted(round(float(y)) > 5 for y in found.boxes[:, -1, 1]) == [False, True]


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-300, 300), st.floats(-300, 300), st.floats(-7, 7), st.floats(-60, 60), st.floats(-10, 10), st.sampled_from(list(Kind))
)
def test_any_thing_gets_finite_boxes(x, y, yaw, speed, rate, kind):
    thing = Thing(1, kind, Pose(x, y, yaw), 4.0, 2.0, speed, rate)
    predictor = Predictor(road(0.0, 3.5))
    for now in (0.0, 0.1, 0.1, 0.05, 9.0):
        found = predictor.predict(now, [thing], STEPS)
        assert np.isfinite(found.boxes).all() and found.share.sum() == pytest.approx(1.0)
