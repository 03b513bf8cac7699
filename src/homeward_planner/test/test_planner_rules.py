"""Who waits for what: lights, signs, crossing traffic, people. Each on a piece of Hometown, one moment at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from homeward_planner.corridor import Corridor, build
from homeward_planner.give_way import GiveWay, Ours
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.occupancy import Occupant, occupants, place
from homeward_planner.parameters import PlannerParams
from homeward_planner.route import Route, find_route
from homeward_planner.scene import Colour, Kind, Light, Pose, Thing
from homeward_planner.signals import Signals
from homeward_planner.speed_profile import Hold, Start, dash, drive, envelope
from homeward_planner.walkers import crosswalk_holds


def way(graph: LaneGraph, start: Pose, goal: Pose) -> Corridor:
    route = find_route(graph, start, goal)
    assert isinstance(route, Route), route
    return build(graph, route)


class Lit:
    """The way from Home to the Office up to its first light, and what the car decides there."""

    def __init__(self, graph: LaneGraph, places: dict[str, Pose], params: PlannerParams) -> None:
        self.params = params
        self.corridor = way(graph, places["home"], places["office"])
        self.stop = next(stop for stop in self.corridor.stops if stop.rule.kind == "light")
        self.signals = Signals(params)

    def codes(self, now_s: float, colour: Colour | None, bumper_left_m: float, speed_mps: float) -> list[str]:
        if colour is not None:
            self.signals.see(now_s, [Light(name, colour) for name in self.stop.rule.signals])
        ego_m = self.stop.at_m - bumper_left_m - self.params.front_m
        near = [hold for hold in self.signals.holds(now_s, self.corridor, ego_m, speed_mps) if hold.at_m < self.stop.at_m + 1.0]
        return [hold.code for hold in near]


@pytest.fixture
def lit(hometown: LaneGraph, places: dict[str, Pose], planner_params: PlannerParams) -> Lit:
    return Lit(hometown, places, planner_params)


@pytest.mark.parametrize(
    ("colour", "bumper_left_m", "speed_mps", "codes", "why"),
    [
        (Colour.GREEN, 30.0, 12.0, [], "green is free"),
        (Colour.RED, 60.0, 12.0, ["red_light"], "red holds"),
        (Colour.RED, 0.5, 0.0, ["red_light"], "red holds a car that stands at the line"),
        (Colour.RED, -0.8, 0.2, ["red_light"], "and one a little over it"),
        (Colour.RED, -0.8, 8.0, [], "a car on its way over the line goes on"),
        (Colour.YELLOW, 40.0, 12.0, ["yellow_light"], "there is room to stop for yellow"),
        (Colour.YELLOW, 12.0, 12.0, [], "there is none: drive on"),
        (Colour.OFF, 20.0, 8.0, [], "a light that is off rules nobody"),
        (None, 60.0, 10.0, [], "far away an unseen light doesn't matter yet"),
        (None, 20.0, 8.0, ["light_unknown"], "near by it is taken for red"),
    ],
)
def test_a_light(lit: Lit, colour, bumper_left_m: float, speed_mps: float, codes: list[str], why: str) -> None:
    assert lit.codes(0.0, colour, bumper_left_m, speed_mps) == codes, why


def test_a_decision_to_pass_at_yellow_is_kept(lit: Lit) -> None:
    assert lit.codes(0.0, Colour.YELLOW, 14.0, 13.0) == []
    assert lit.codes(0.5, Colour.YELLOW, 10.0, 6.0) == [], "though now, slower, it could stop"
    assert lit.codes(0.8, Colour.RED, 1.5, 6.0) == [], "and though it turns red just before the line"
    assert lit.codes(9.0, Colour.RED, 20.0, 6.0) == ["red_light"], "but not for ever"


def test_a_car_that_something_else_slows_at_yellow_stops_after_all(lit: Lit) -> None:
    assert lit.codes(0.0, Colour.YELLOW, 14.0, 13.0) == []
    assert lit.codes(1.5, Colour.YELLOW, 5.0, 3.0) == ["yellow_light"], "it yields to somebody in the junction: the light won't wait"
    assert lit.codes(2.5, Colour.RED, 1.5, 1.0) == ["red_light"]


def test_a_light_is_remembered_for_a_moment(lit: Lit) -> None:
    assert lit.codes(0.0, Colour.GREEN, 20.0, 8.0) == []
    assert lit.codes(0.9, None, 14.0, 8.0) == []
    assert lit.codes(1.5, None, 10.0, 8.0) == ["light_unknown"]


class Minor:
    """A car at the end of Harbour Street, before the toll road, whose traffic goes first."""

    def __init__(self, graph: LaneGraph, params: PlannerParams) -> None:
        self.graph, self.params = graph, params
        self.corridor = way(graph, Pose(208.25, -170.0, -math.pi / 2.0), Pose(100.0, -233.1, math.pi))
        self.limits = envelope(self.corridor, params)
        self.give_way = GiveWay(graph, params)
        self.line_m = self.corridor.passages[0].from_m - 1.0

    def holds(self, now_s: float, things: list[Thing], speed_mps: float = 0.0, left_m: float = 1.2) -> list[Hold]:
        start = Start(self.line_m - left_m - self.params.front_m, speed_mps, 0.0)
        free = drive(start, self.corridor.line.s_m, self.limits, [], [], self.params)
        ours = Ours(free, dash(start, self.corridor.line.s_m, self.limits, self.params))
        placed = place(self.corridor, start.s_m, things, self.params)
        ahead = occupants(self.corridor, start.s_m, placed, self.params)
        return self.give_way.holds(now_s, self.corridor, ours, self.give_way.locate(things), ahead)


@pytest.fixture
def minor(hometown: LaneGraph, planner_params: PlannerParams) -> Minor:
    return Minor(hometown, planner_params)


def on_east_street(graph: LaneGraph, metres_away: float, speed_mps: float, make_car) -> Thing:
    """A car on East Street so far before the junction, its traffic bound west; negative: past it."""
    place = graph.places_near(Pose(240.0, -233.25, math.pi), 1.0, 0.5)[0]
    lane = graph.lanes[place.lane]
    if metres_away < 0.0:
        return make_car(1, Pose(228.0 + metres_away, -233.2, math.pi), speed_mps)
    return make_car(1, Pose(*lane.line.pose_at(lane.length_m - metres_away)), speed_mps)


@pytest.mark.parametrize(
    ("metres_away", "speed_mps", "waits", "why"),
    [
        (60.0, 14.0, True, "it is there while the car would be"),
        (40.0, 8.0, True, "it may speed up"),
        (85.0, 5.0, False, "it comes long after"),
        (5.0, 14.0, False, "it is gone before the car is there"),
        (20.0, 0.0, False, "it stands"),
        (-45.0, 10.0, False, "it has passed"),
        (-28.0, 0.0, True, "it stands on the crossing itself"),
    ],
)
def test_traffic_that_goes_first(minor: Minor, make_car, metres_away, speed_mps, waits: bool, why: str) -> None:
    other = on_east_street(minor.graph, metres_away, speed_mps, make_car)
    assert bool(minor.holds(0.0, [other])) == waits, why


def test_the_line_is_stopped_at_while_that_takes_no_emergency_then_the_crossing_itself(minor: Minor, make_car) -> None:
    other = on_east_street(minor.graph, 45.0, 12.0, make_car)
    (slow,) = minor.holds(0.0, [other], speed_mps=5.0, left_m=8.0)
    (fast,) = minor.holds(0.0, [other], speed_mps=7.5, left_m=8.0)
    assert slow.at_m + minor.params.front_m < minor.line_m
    assert fast.at_m > slow.at_m, "the line can't be kept any more without braking hard"
    assert fast.at_m + minor.params.front_m < minor.corridor.passages[0].to_m


def test_an_empty_junction_holds_nobody(minor: Minor) -> None:
    assert minor.holds(0.0, []) == []


def test_who_waits_long_accepts_a_smaller_gap(minor: Minor, make_car) -> None:
    def least_m(now_s: float) -> float:
        """How far away a car has to be to be no hindrance (one that is there before the car doesn't count)."""
        away = np.arange(150.0, 20.0, -1.0)
        held = (one for one in away if minor.holds(now_s, [on_east_street(minor.graph, one, 9.0, make_car)]))
        return float(next(held))

    assert least_m(30.0) < least_m(0.0) - 5.0


def test_the_major_road_goes_on_past_a_car_that_waits(hometown, planner_params, make_car) -> None:
    corridor = way(hometown, Pose(100.0, -236.9, 0.0), Pose(270.0, -234.0, 0.0))
    start = Start(corridor.passages[0].from_m - 12.0, 12.0, 0.0)
    limits = envelope(corridor, planner_params)
    free = drive(start, corridor.line.s_m, limits, [], [], planner_params)
    ours = Ours(free, dash(start, corridor.line.s_m, limits, planner_params))
    give_way = GiveWay(hometown, planner_params)
    waiting = make_car(1, Pose(208.25, -212.0, -math.pi / 2.0), 0.0)
    rushing = make_car(1, Pose(208.25, -210.0, -math.pi / 2.0), 16.0)
    assert give_way.holds(0.0, corridor, ours, give_way.locate([waiting]), []) == []
    assert give_way.holds(0.0, corridor, ours, give_way.locate([rushing]), []), "one that can't stop any more is let go"


def test_a_junction_is_not_entered_without_room_behind_it(hometown, planner_params, make_car) -> None:
    corridor = way(hometown, Pose(-150.0, -1.75, 0.0), Pose(0.0, -5.25, 0.0))
    passage = corridor.passages[0]
    start = Start(passage.from_m - 32.0, 8.0, 0.0)
    limits = envelope(corridor, planner_params)
    free = drive(start, corridor.line.s_m, limits, [], [], planner_params)
    ours = Ours(free, dash(start, corridor.line.s_m, limits, planner_params))
    give_way = GiveWay(hometown, planner_params)
    queue = make_car(1, Pose(*corridor.line.pose_at(passage.to_m + 3.0)), 0.0)
    ahead = [Occupant(queue, passage.to_m + 2.0, passage.to_m + 7.0, 0.0)]
    assert [hold.code for hold in give_way.holds(0.0, corridor, ours, [], ahead)] == ["junction_blocked"]
    moving = [replace(ahead[0], speed_mps=6.0)]
    assert give_way.holds(0.0, corridor, ours, [], moving) == []


class AllStop:
    """A car at the all-way stop, come up Market Street."""

    def __init__(self, graph: LaneGraph, params: PlannerParams) -> None:
        self.corridor = way(graph, Pose(58.25, -60.0, -math.pi / 2.0), Pose(0.0, -128.25, math.pi))
        self.stop = next(stop for stop in self.corridor.stops if stop.rule.kind == "all_way_stop")
        self.give_way, self.params = GiveWay(graph, params), params
        self.limits = envelope(self.corridor, params)

    def codes(self, now_s: float, bumper_left_m: float, speed_mps: float, things: list[Thing]) -> list[str]:
        start = Start(self.stop.at_m - bumper_left_m - self.params.front_m, speed_mps, 0.0)
        free = drive(start, self.corridor.line.s_m, self.limits, [], [], self.params)
        ours = Ours(free, dash(start, self.corridor.line.s_m, self.limits, self.params))
        return [hold.code for hold in self.give_way.holds(now_s, self.corridor, ours, self.give_way.locate(things), [])]


def test_an_all_way_stop_is_taken_in_turn(hometown, planner_params, make_car) -> None:
    here = AllStop(hometown, planner_params)
    first = make_car(1, Pose(85.0, -128.25, math.pi), 0.0)  # stands at its own line, come from the east
    assert here.codes(0.0, 20.0, 6.0, [first]) == ["stop_sign"]
    assert here.codes(1.0, 1.0, 0.0, [first]) == ["stop_sign"], "it has only just come to rest"
    assert here.codes(2.5, 1.0, 0.0, [first]) == ["all_way_stop"], "the other stood there first"
    gone = make_car(1, Pose(0.0, -128.25, math.pi), 8.0)
    assert here.codes(3.5, 1.0, 0.0, [gone]) == []


def test_at_an_all_way_stop_nobody_waits_for_one_who_does_not_go(hometown, planner_params, make_car) -> None:
    here = AllStop(hometown, planner_params)
    other = make_car(1, Pose(85.0, -128.25, math.pi), 0.0)
    assert here.codes(0.0, 1.0, 0.0, [other]) == ["stop_sign"]
    assert here.codes(3.0, 1.0, 0.0, [other]) == ["all_way_stop"]
    assert here.codes(9.0, 1.0, 0.0, [other]) == []


@pytest.mark.parametrize(
    ("beside_m", "walks_mps", "towards", "waits", "why"),
    [
        (0.0, 0.0, 1.0, True, "stands on it"),
        (7.5, 1.4, 1.0, True, "steps onto it before the car is over"),
        (7.5, 1.4, -1.0, False, "walks away from it"),
        (7.5, 0.0, 1.0, False, "stands on the pavement"),
        (30.0, 1.4, 1.0, False, "is far away"),
    ],
)
def test_somebody_at_a_crosswalk(
    hometown, planner_params, beside_m: float, walks_mps: float, towards: float, waits: bool, why: str
) -> None:
    corridor = way(hometown, Pose(61.75, 40.0, math.pi / 2.0), Pose(61.75, 150.0, math.pi / 2.0))
    walk = corridor.walks[0]
    x, y, heading = corridor.line.pose_at((walk.from_m + walk.to_m) / 2.0)
    turn = heading - math.pi / 2.0 * towards
    pose = Pose(x - beside_m * math.sin(heading), y + beside_m * math.cos(heading), turn)
    person = Thing(1, Kind.PEDESTRIAN, pose, 0.5, 0.5, walks_mps)
    start = Start(walk.from_m - 30.0, 8.0, 0.0)
    free = drive(start, corridor.line.s_m, envelope(corridor, planner_params), [], [], planner_params)
    assert bool(crosswalk_holds(corridor, free, [person], planner_params)) == waits, why


@pytest.mark.parametrize(
    ("ahead_m", "left_m", "turn_rad", "speed_mps", "in_the_way", "why"),
    [
        (35.0, 0.0, 0.0, 5.0, True, "it drives ahead"),
        (35.0, 3.5, 0.0, 5.0, False, "it drives on the next lane"),
        (35.0, 2.0, 0.0, 0.0, True, "it stands half on the lane"),
        (35.0, 3.3, -0.4, 6.0, True, "it cuts in"),
        (2.0, 3.3, -0.4, 6.0, True, "it cuts in from beside us, a little ahead"),
        (-8.0, 3.3, -0.4, 9.0, False, "it merges behind us: braking for it would be no help"),
        (35.0, -3.5, 0.0, 5.0, False, "it drives on the lane to the right"),
        (35.0, 3.5, math.pi, 8.0, False, "it comes the other way on its own side"),
        (35.0, 0.0, math.pi, 8.0, True, "it comes the other way on our side"),
    ],
)
def test_what_is_in_the_way(hometown, planner_params, make_car, ahead_m, left_m, turn_rad, speed_mps, in_the_way, why) -> None:
    corridor = way(hometown, Pose(-80.0, -1.75, 0.0), Pose(30.0, -1.75, 0.0))
    ego_m = 20.0
    x, y, heading = corridor.line.pose_at(ego_m + ahead_m)
    other = make_car(1, Pose(x - left_m * math.sin(heading), y + left_m * math.cos(heading), heading + turn_rad), speed_mps)
    found = occupants(corridor, ego_m, place(corridor, ego_m, [other], planner_params), planner_params)
    assert bool(found) == in_the_way, why
    if found:
        assert math.copysign(1.0, found[0].speed_mps) == (1.0 if abs(turn_rad) < 1.0 else -1.0)
