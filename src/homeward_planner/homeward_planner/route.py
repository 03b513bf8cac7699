"""The way of least time over the lanes, from a pose to a pose.

A place that no way leads to is refused, with the reason.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from homeward_planner.lane_graph import ALL_WAY_STOP, LIGHT, STOP_SIGN, YIELD_SIGN, Lane, LaneGraph, OnLane
from homeward_planner.scene import Pose

LATERAL_ACCELERATION_MPS2 = 2.0  # for the time that bends take
CHANGE_S = 4.0  # a lane change counts as much time
WAITS_S = {LIGHT: 15.0, STOP_SIGN: 5.0, ALL_WAY_STOP: 5.0, YIELD_SIGN: 2.0}
"""How long one waits before a way through a junction, on average: at a light that is red for most of a minute, long."""
SHORTEST_CHANGE_M = 20.0
FINISH_M = 30.0  # a lane change begun on the goal's own lane has to be over before the goal
START_REACH_M, GOAL_REACH_M = 4.0, 6.0
ALONG_RAD = math.radians(70.0)
AT_ONE_PLACE_M = 1.0

NOT_FINITE, START_OUTSIDE_MAP, GOAL_OUTSIDE_MAP, NO_WAY = "not_finite", "start_outside_map", "goal_outside_map", "no_way"


@dataclass(frozen=True)
class Refusal:
    """Why there is no route: a stable code and a sentence."""

    code: str
    text: str


NO_POSITION = Refusal("no_localization", "The car does not know where it is yet.")
NO_MAP = Refusal("no_map", "There is no map.")


@dataclass(frozen=True)
class Leg:
    """A stretch of one lane.

    `change` tells how the next leg begins: straight on (""), or on the lane to the left or right, side by side with
    this one.
    """

    lane: int
    from_m: float
    to_m: float
    change: str = ""


@dataclass(frozen=True)
class Route:
    """Legs from start to goal."""

    legs: tuple[Leg, ...]
    goal: Pose
    time_s: float


def find_route(graph: LaneGraph, start: Pose, goal: Pose, closed: frozenset[int] = frozenset()) -> Route | Refusal:
    """The way of least time. Headings count: the route begins and ends along them, not against.

    `closed` lanes can't be driven to their end: only be changed away from.
    """
    if not (start.finite and goal.finite):
        return Refusal(NOT_FINITE, "The start or the goal is not a place.")
    starts = graph.places_near(start, START_REACH_M, ALONG_RAD)
    if not starts:
        return Refusal(START_OUTSIDE_MAP, "The car is not on a lane of the map that leads the way it faces.")
    goals = graph.places_near(goal, GOAL_REACH_M, ALONG_RAD)
    if not goals:
        return Refusal(GOAL_OUTSIDE_MAP, _why_no_goal(graph, goal))
    for target in _equally_near(goals):
        for source in _equally_near(starts):
            legs = _search(graph, source, target, closed)
            if legs is not None:
                return Route(legs, goal, sum(_leg_time_s(graph, leg) for leg in legs))
    return Refusal(NO_WAY, "No road leads from here to there.")


def lane_time_s(lane: Lane, from_m: float, to_m: float) -> float:
    """How long a stretch takes at the limit, and slower in bends."""
    bend = np.sqrt(LATERAL_ACCELERATION_MPS2 / np.maximum(np.abs(lane.line.curvature_1pm), 1e-4))
    slowness = 1.0 / np.minimum(bend, lane.speed_limit_mps)
    share = max(to_m - from_m, 0.0)
    return float(slowness.mean() * share)


def wait_s(lane: Lane) -> float:
    """How long one waits before a way through a junction for what rules it; 0 for any other lane."""
    return max((WAITS_S.get(rule.kind, 0.0) for rule in lane.rules), default=0.0) if lane.in_junction else 0.0


def _why_no_goal(graph: LaneGraph, goal: Pose) -> str:
    if graph.places_near(goal, GOAL_REACH_M):
        return "The lanes at the goal lead the other way: turn the goal around."
    return f"The goal is further than {GOAL_REACH_M:.0f} m from any lane of the map."


def _equally_near(places: list[OnLane]) -> list[OnLane]:
    """The nearest place, then others on lanes that lie over it (ways through a junction)."""
    return [place for place in places if abs(place.left_m) < abs(places[0].left_m) + AT_ONE_PLACE_M]


def _leg_time_s(graph: LaneGraph, leg: Leg) -> float:
    """A lane change takes its time and no way: the next leg goes on beside where this one began."""
    lane = graph.lanes[leg.lane]
    waiting_s = wait_s(lane) if leg.from_m == 0.0 else 0.0
    return waiting_s + (CHANGE_S if leg.change else lane_time_s(lane, leg.from_m, leg.to_m))


_Node = tuple[int, bool]  # a lane, and whether it was entered by changing lanes (so perhaps not at its start)
_START: _Node = (-1, False)


@dataclass(frozen=True)
class _Arrival:
    """How the search came to a lane: the time so far, where from, by which change, and where on the lane it enters."""

    time_s: float
    before: _Node
    change: str
    entered_m: float


def _search(graph: LaneGraph, start: OnLane, goal: OnLane, closed: frozenset[int]) -> tuple[Leg, ...] | None:
    """Dijkstra's search over lanes.

    Of ways that take the same time, the one found first: the order is always the same.
    """
    entered_m = max(start.s_m, 0.0)
    if start.lane == goal.lane and goal.s_m >= start.s_m and start.lane not in closed:
        return (Leg(start.lane, entered_m, _on(graph, goal)),)
    best: dict[_Node, _Arrival] = {}
    serial = itertools.count()
    queue = [
        (there.time_s, next(serial), node, there)
        for node, there in _onward(graph, start.lane, _START, _Arrival(0.0, _START, "", entered_m), closed)
    ]
    heapq.heapify(queue)
    while queue:
        _, _, node, arrival = heapq.heappop(queue)
        if node in best:
            continue
        best[node] = arrival
        if node[0] == goal.lane and arrival.entered_m + (FINISH_M if arrival.change else 0.0) <= goal.s_m:
            return _legs(graph, best, node, goal, Leg(start.lane, entered_m, graph.lanes[start.lane].length_m))
        for following, there in _onward(graph, node[0], node, arrival, closed):
            if following not in best:
                heapq.heappush(queue, (there.time_s, next(serial), following, there))
    return None


def _onward(
    graph: LaneGraph, number: int, node: _Node, arrival: _Arrival, closed: frozenset[int]
) -> Iterator[tuple[_Node, _Arrival]]:
    """Where one can get to from a lane: its successors, and the lanes beside it while there is room to change."""
    lane = graph.lanes[number]
    at_end_s = arrival.time_s + lane_time_s(lane, arrival.entered_m, lane.length_m)
    for following in lane.successors if number not in closed else ():
        yield (following, False), _Arrival(at_end_s + wait_s(graph.lanes[following]), node, "", 0.0)
    if lane.length_m - arrival.entered_m < SHORTEST_CHANGE_M:
        return
    # dearer with every second already driven, so that of equal ways the one that changes early is taken
    changed_s = arrival.time_s + CHANGE_S * (1.0 + 1e-4 * arrival.time_s)
    for side, other in (("left", lane.left), ("right", lane.right)):
        if other is not None:
            share = graph.lanes[other].length_m / max(lane.length_m, 1e-6)
            yield (other, True), _Arrival(changed_s, node, side, arrival.entered_m * share)


def _legs(graph: LaneGraph, best: dict[_Node, _Arrival], node: _Node, goal: OnLane, first: Leg) -> tuple[Leg, ...]:
    """The legs back from the goal to the start, in the order of travel."""
    legs, to_m, change = [], _on(graph, goal), ""
    while node != _START:
        arrival = best[node]
        legs.append(Leg(node[0], arrival.entered_m, to_m, change))
        node, change = arrival.before, arrival.change
        to_m = graph.lanes[node[0]].length_m
    return (replace(first, change=change), *reversed(legs))


def _on(graph: LaneGraph, place: OnLane) -> float:
    return min(max(place.s_m, 0.0), graph.lanes[place.lane].length_m)
