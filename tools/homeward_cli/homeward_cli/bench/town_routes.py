"""Routes through a town for a benchmark: drawn by a seed, at least so long, and where walkers will cross them."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from homeward_planner.lane_graph import Lane, LaneGraph
from homeward_planner.plane import Floats, Line
from homeward_planner.route import Route, find_route
from homeward_planner.scene import Pose

SECONDS_PER_METRE, SECONDS_MORE = 0.8, 5.0  # the leaderboard's time limit
CLEAR_OF_JUNCTION_M = 12.0
MOST_TRIES = 4000
FIRST_CROSSING_M, LAST_CROSSING_M = 150.0, 80.0
CROSSING_PLAIN_M = 25.0


@dataclass(frozen=True)
class TownRoute:
    """Start and goal poses, the centre line of the way between them, its time limit, and where (along it) walkers cross."""

    start: Pose
    goal: Pose
    line_m: Floats
    limit_s: float
    crossings_m: tuple[float, ...]

    @property
    def length_m(self) -> float:
        return float(np.linalg.norm(np.diff(self.line_m, axis=0), axis=1).sum())


def draw_routes(graph: LaneGraph, count: int, least_m: float, seed: int) -> list[TownRoute]:
    """`count` routes of at least `least_m`. Raises RuntimeError for a town that has none."""
    chance, found = random.Random(seed), list[TownRoute]()
    lanes = [lane for lane in graph.lanes if not lane.in_junction and lane.length_m > 2 * CLEAR_OF_JUNCTION_M]
    for _ in range(MOST_TRIES):
        if len(found) == count or len(lanes) < 2:
            break
        start, goal = (_pose(chance.choice(lanes), chance) for _ in range(2))
        route = find_route(graph, start, goal)
        if not isinstance(route, Route):
            continue
        line = centre_line(graph, route)
        length_m = float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
        if length_m < least_m:
            continue
        crossings = _crossings(graph, route, length_m, chance)
        if crossings:
            found.append(TownRoute(start, goal, line, SECONDS_PER_METRE * length_m + SECONDS_MORE, crossings))
    if len(found) < count:
        raise RuntimeError(f"the map {graph.name} has only {len(found)} routes of {least_m:.0f} m; ask for fewer or shorter ones")
    return found


def _pose(lane: Lane, chance: random.Random) -> Pose:
    return Pose(*lane.line.pose_at(chance.uniform(CLEAR_OF_JUNCTION_M, lane.length_m - CLEAR_OF_JUNCTION_M)))


def centre_line(graph: LaneGraph, route: Route) -> Floats:
    """(n, 2) along the route's legs; a change of lanes is a step aside where its leg begins, for the next one runs beside it."""
    parts = []
    for leg in route.legs:
        line: Line = graph.lanes[leg.lane].line
        inside = (line.s_m > leg.from_m) & (line.s_m < leg.to_m)
        if leg.change:
            parts.append(np.array([line.pose_at(leg.from_m)[:2]]))
            continue
        first, last = (np.array([line.pose_at(at)[:2]]) for at in (leg.from_m, leg.to_m))
        parts.append(np.vstack([first, line.points_m[inside, :2], last]) if leg.to_m > leg.from_m else first)
    return np.vstack(parts)


def _crossings(graph: LaneGraph, route: Route, length_m: float, chance: random.Random) -> tuple[float, ...]:
    """One or two places along the route, on plain stretches outside junctions."""
    plain, at_m = list[float](), 0.0
    for leg in route.legs:
        if leg.change:
            continue
        lane, span_m = graph.lanes[leg.lane], leg.to_m - leg.from_m
        if not lane.in_junction and span_m > 2 * CROSSING_PLAIN_M:
            plain += list(np.arange(at_m + CROSSING_PLAIN_M, at_m + span_m - CROSSING_PLAIN_M, 5.0))
        at_m += max(span_m, 0.0)
    fit = [place for place in plain if FIRST_CROSSING_M < place < length_m - LAST_CROSSING_M]
    return tuple(sorted(chance.sample(fit, min(2, len(fit)))))
