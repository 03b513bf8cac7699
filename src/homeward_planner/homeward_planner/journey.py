"""A whole journey: out of the place where the car is parked, along the lanes, and into the place that is the goal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from homeward_planner.corridor import Corridor
from homeward_planner.lane_graph import LaneGraph, ParkingPlace
from homeward_planner.parameters import PlannerParams
from homeward_planner.parking import Parking
from homeward_planner.plane import wrapped
from homeward_planner.route import ALONG_RAD, START_REACH_M, Refusal
from homeward_planner.scene import Pose
from homeward_planner.tracks import BEHIND_M
from homeward_planner.way import Way
from homeward_planner.way import place as place_on

LANE_REACH_M, DIRECT_M = 15.0, 14.0
OUT_AHEAD_M = (7.0, 11.0, 15.0)
BESIDE_PLACE_M = (-8.0, 5.0, 0.0)  # along the lane, from beside the place: where the car's middle waits to go in
END_M = 3.0  # of a lane: no stop so near it
CUSP_M = 4.0
FindWay = Callable[[Pose, Pose], Corridor | Refusal]


@dataclass(frozen=True, eq=False)
class Journey:
    """What is to be driven, one after the other; None: not that."""

    out_to: Pose | None
    corridor: Corridor | None
    park_at: Pose | None


def plan_journey(parking: Parking, find_way: FindWay, start: Pose, goal: Pose) -> Journey | Refusal:
    """The journey from where the car stands; a refusal says what is not possible of it."""
    graph, params = parking.graph, parking.params
    place = place_at(graph, goal, params)
    park_at = _parked(place, goal, params) if place is not None else None
    if park_at is not None and _goes_in(parking, start, park_at):
        return Journey(None, None, park_at)
    if place_at(graph, start, params) is None and graph.places_near(start, START_REACH_M, ALONG_RAD):
        return _onward(parking, find_way, start, goal, park_at)
    return _out_first(parking, find_way, start, goal, park_at)


def least_time_s(journey: Journey, start: Pose, params: PlannerParams) -> float:
    """How long it takes at least: the road at its limits; driving out and in are not counted."""
    corridor = journey.corridor
    if corridor is None:
        return 0.0
    from_m = place_on(corridor, journey.out_to or start, BEHIND_M / 2.0)[0]
    here_s, goal_s = np.interp([from_m, corridor.goal_m], corridor.line.s_m, Way.along(corridor, params).time_s)
    return float(goal_s - here_s)


def place_at(graph: LaneGraph, pose: Pose, params: PlannerParams) -> ParkingPlace | None:
    """The marked place that a car with its rear axle there stands in: its axle or its middle lies within."""
    ahead = (params.front_m - params.rear_m) / 2.0
    middle = Pose(pose.x_m + ahead * math.cos(pose.yaw_rad), pose.y_m + ahead * math.sin(pose.yaw_rad), pose.yaw_rad)
    for there in (middle, pose):
        for place in graph.parking_places:
            if _within(place, there):
                return place
    return None


def _within(place: ParkingPlace, pose: Pose) -> bool:
    cos, sin = math.cos(place.middle.yaw_rad), math.sin(place.middle.yaw_rad)
    dx, dy = pose.x_m - place.middle.x_m, pose.y_m - place.middle.y_m
    return abs(dx * cos + dy * sin) <= place.length_m / 2.0 and abs(dy * cos - dx * sin) <= place.width_m / 2.0


def _parked(place: ParkingPlace, goal: Pose, params: PlannerParams) -> Pose:
    """The car in the middle of a place, facing along it the way that is nearer to the goal's."""
    along = place.middle.yaw_rad
    yaw = along if abs(wrapped(goal.yaw_rad - along)) <= math.pi / 2.0 else wrapped(along + math.pi)
    back = (params.front_m - params.rear_m) / 2.0
    return Pose(place.middle.x_m - back * math.cos(yaw), place.middle.y_m - back * math.sin(yaw), yaw)


def _onward(parking: Parking, find_way: FindWay, start: Pose, goal: Pose, park_at: Pose | None) -> Journey | Refusal:
    """From a lane: to the goal, or to where the car best goes into the place that is the goal."""
    if park_at is None:
        found = find_way(start, goal)
        return found if isinstance(found, Refusal) else Journey(None, found, None)
    why = Refusal("goal_outside_map", "No lane leads past the place.")
    for lane in _lanes_beside(parking.graph, park_at):
        best: tuple[float, Corridor] | None = None
        for stop in _stops(parking.graph, lane, park_at, BESIDE_PLACE_M, parking.params):
            corridor = find_way(start, stop)
            way = corridor if isinstance(corridor, Refusal) else parking.plan(stop, park_at, [], False)
            if isinstance(way, Refusal):
                why = way
            elif not isinstance(corridor, Refusal):
                cost = sum(one.length_m + CUSP_M for one in way)
                best = (cost, corridor) if best is None or cost < best[0] else best
        if best is not None:
            return Journey(None, best[1], park_at)
    return why


def _out_first(parking: Parking, find_way: FindWay, start: Pose, goal: Pose, park_at: Pose | None) -> Journey | Refusal:
    """Out to the lane from which the goal is reached soonest."""
    why = Refusal("start_outside_map", "The car is not on a lane of the map, and none is near enough to drive out to.")
    ways: list[tuple[float, Pose, Journey]] = []
    for lane in _lanes_beside(parking.graph, start):
        stops = list(_stops(parking.graph, lane, start, OUT_AHEAD_M, parking.params))
        onward = _onward(parking, find_way, stops[-1], goal, park_at) if stops else why
        if isinstance(onward, Refusal):
            why = onward if stops else why
            continue
        assert onward.corridor is not None
        ways += [(onward.corridor.route.time_s, stop, onward) for stop in stops]
    for _, stop, onward in sorted(ways, key=lambda one: one[0]):
        tried = parking.plan(start, stop, [], True)
        if not isinstance(tried, Refusal):
            return Journey(stop, onward.corridor, park_at)
        why = tried
    return why


def _lanes_beside(graph: LaneGraph, pose: Pose) -> list[int]:
    """Lanes outside junctions near a pose, nearest first."""
    return [one.lane for one in graph.places_near(pose, LANE_REACH_M) if not graph.lanes[one.lane].in_junction]


def _stops(graph: LaneGraph, lane: int, pose: Pose, ahead_m: tuple[float, ...], params: PlannerParams) -> Iterator[Pose]:
    """Poses of the rear axle on a lane, by how far the car's middle is ahead of a place beside it."""
    line = graph.lanes[lane].line
    back = (params.front_m - params.rear_m) / 2.0
    middle = np.array([[pose.x_m + back * math.cos(pose.yaw_rad), pose.y_m + back * math.sin(pose.yaw_rad)]])
    beside = float(line.project(middle)[0][0])
    for offset in ahead_m:
        at_m = beside + offset - back
        if END_M <= at_m <= line.length_m - END_M:
            yield Pose(*line.pose_at(at_m))


def _goes_in(parking: Parking, start: Pose, park_at: Pose) -> bool:
    """Whether the car is so near a place that it can go straight in."""
    near = math.hypot(start.x_m - park_at.x_m, start.y_m - park_at.y_m) < DIRECT_M
    return near and not isinstance(parking.plan(start, park_at, [], False), Refusal)
