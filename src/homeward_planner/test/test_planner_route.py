"""Routes and corridors on Hometown."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from homeward_planner.corridor import Corridor, build
from homeward_planner.lane_graph import LIGHT, LaneGraph
from homeward_planner.route import WAITS_S, Refusal, Route, find_route, lane_time_s, wait_s
from homeward_planner.scene import Pose


def way(graph: LaneGraph, start: Pose, goal: Pose) -> Corridor:
    route = find_route(graph, start, goal)
    assert isinstance(route, Route), route
    return build(graph, route)


def test_home_to_the_office_is_the_way_along_the_avenue(hometown: LaneGraph, places: dict[str, Pose]) -> None:
    corridor = way(hometown, places["home"], places["office"])
    assert 800.0 < corridor.goal_m < 1000.0
    assert [stop.rule.kind for stop in corridor.stops] == ["yield", "light", "light", "light"]
    assert len(corridor.walks) == 6
    assert corridor.changes == ()


def test_waits_at_lights_and_signs_count(hometown: LaneGraph, places: dict[str, Pose]) -> None:
    route = find_route(hometown, places["home"], places["office"])
    assert isinstance(route, Route)
    driving_s = sum(lane_time_s(hometown.lanes[leg.lane], leg.from_m, leg.to_m) for leg in route.legs)
    assert route.time_s == pytest.approx(driving_s + WAITS_S["yield"] + 3 * WAITS_S[LIGHT])
    assert all(wait_s(lane) == 0.0 for lane in hometown.lanes if not lane.in_junction)


def test_every_place_is_reached_from_every_other(hometown: LaneGraph, places: dict[str, Pose]) -> None:
    on_lanes = [pose for name, pose in places.items() if name not in ("garage", "bay")]
    for start in on_lanes:
        for goal in on_lanes:
            corridor = way(hometown, start, goal)
            x, y, heading = corridor.line.pose_at(corridor.goal_m)
            assert math.hypot(x - goal.x_m, y - goal.y_m) < 0.1
            assert abs(math.remainder(heading - goal.yaw_rad, math.tau)) < 0.02


def test_a_goal_behind_is_reached_round_the_block(hometown: LaneGraph, places: dict[str, Pose]) -> None:
    home = places["home"]
    behind = Pose(home.x_m + 10.0, home.y_m, home.yaw_rad)  # it faces west
    assert way(hometown, home, behind).goal_m > 300.0
    ahead = Pose(home.x_m - 10.0, home.y_m, home.yaw_rad)
    assert way(hometown, home, ahead).goal_m < 20.0


@pytest.mark.parametrize(
    ("start", "goal", "code"),
    [
        (Pose(math.nan, 0.0, 0.0), Pose(0.0, -1.75, 0.0), "not_finite"),
        (Pose(0.0, 100.0, 0.0), Pose(0.0, -1.75, 0.0), "start_outside_map"),
        (Pose(0.0, -1.75, 0.0), Pose(0.0, 100.0, 0.0), "goal_outside_map"),
        (Pose(0.0, -1.75, math.pi / 2.0), Pose(0.0, -1.75, 0.0), "start_outside_map"),
        (Pose(0.0, -1.75, 0.0), Pose(-175.0, 3.5, math.pi / 2.0), "goal_outside_map"),
    ],
)
def test_a_refusal_says_why(hometown: LaneGraph, start: Pose, goal: Pose, code: str) -> None:
    refusal = find_route(hometown, start, goal)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert refusal.text.endswith(".")


def test_two_roads_that_do_not_meet_have_no_way_between(hometown: LaneGraph) -> None:
    islands = tuple(replace(lane, successors=(), left=None, right=None) for lane in hometown.lanes)
    refusal = find_route(replace(hometown, lanes=islands), Pose(0.0, -1.75, 0.0), Pose(150.0, -1.75, 0.0))
    assert isinstance(refusal, Refusal) and refusal.code == "no_way"


def somewhere(chance: random.Random, graph: LaneGraph) -> Pose:
    while True:
        lane = chance.choice(graph.lanes)
        if not lane.in_junction and lane.length_m > 15.0:
            return Pose(*lane.line.pose_at(chance.uniform(6.0, lane.length_m - 6.0)))


def test_corridors_between_any_two_places_are_smooth_and_end_at_the_goal(hometown: LaneGraph) -> None:
    chance = random.Random(1)
    changes = 0
    for _ in range(150):
        start, goal = somewhere(chance, hometown), somewhere(chance, hometown)
        corridor = way(hometown, start, goal)
        x, y, heading = corridor.line.pose_at(corridor.goal_m)
        assert math.hypot(x - goal.x_m, y - goal.y_m) < 0.3
        assert abs(math.remainder(heading - goal.yaw_rad, math.tau)) < 0.05
        s, left = corridor.line.project(np.array([[start.x_m, start.y_m]]), corridor.line.window(0.0, 20.0))
        assert abs(left[0]) < 0.2 and 0.0 <= s[0] < 8.0
        assert np.hypot(*np.diff(corridor.line.points_m, axis=0).T).max() < 0.6
        assert np.abs(corridor.line.curvature_1pm).max() < 0.15, (start, goal)
        assert np.abs(np.diff(corridor.line.heading_rad)).max() < 0.1
        assert corridor.line.length_m > corridor.goal_m + 5.0
        changes += len(corridor.changes)
    assert changes > 5


def test_a_light_for_another_way_through_the_junction_does_not_count(hometown: LaneGraph) -> None:
    """On a lane with a light for each way (an arrow for the left turn, say) only the light of the way taken is obeyed."""
    route = find_route(hometown, Pose(-150.0, -1.75, 0.0), Pose(0.0, -5.25, 0.0))
    assert isinstance(route, Route)
    (light,) = [stop for stop in build(hometown, route).stops if stop.rule.kind == LIGHT]
    arrow = replace(light.rule, id=light.rule.id + 100_000, signals=("arrow",))
    before, way = route.legs[0].lane, next(leg.lane for leg in route.legs if hometown.lanes[leg.lane].in_junction)
    with_arrow = replace(hometown.lanes[before], rules=(arrow, *hometown.lanes[before].rules))
    assert hometown.lanes[way].rules, "the way has its own light"
    lanes = tuple(with_arrow if lane.index == before else lane for lane in hometown.lanes)
    stops = build(replace(hometown, lanes=lanes), route).stops
    assert [stop.rule.id for stop in stops if stop.rule.kind == LIGHT] == [light.rule.id]


def test_a_lane_change_can_be_put_off_but_not_for_ever(hometown: LaneGraph) -> None:
    route = find_route(hometown, Pose(30.0, 1.75, math.pi), Pose(-180.0, 1.75, math.pi))
    assert isinstance(route, Route)
    (soon,) = build(hometown, route).changes
    (later,) = build(hometown, route, {0: 20.0}).changes
    (last,) = build(hometown, route, {0: 900.0}).changes
    assert later.from_m == pytest.approx(soon.from_m + 20.0, abs=0.1)
    assert last.from_m == pytest.approx(last.latest_m, abs=0.1)
    assert last.to_m - last.from_m > 15.0


def test_a_closed_lane_is_avoided_or_the_refusal_says_so(hometown, places) -> None:
    usual = find_route(hometown, places["home"], places["office"])
    assert isinstance(usual, Route)
    lanes = [leg.lane for leg in usual.legs]
    found = [find_route(hometown, places["home"], places["office"], frozenset({lane})) for lane in lanes[1:-1]]
    others = [one for one in found if isinstance(one, Route)]
    assert others, "the town has more than one way"
    assert all(one.time_s >= usual.time_s - 1e-6 for one in others)
    for lane, one in zip(lanes[1:-1], found, strict=True):
        if isinstance(one, Route):
            assert not any(leg.lane == lane and not leg.change for leg in one.legs)
        else:
            assert one.code == "no_way"
