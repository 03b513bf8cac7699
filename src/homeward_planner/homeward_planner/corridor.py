"""The way to the goal as one smooth line, with all that lies along it: limits, stop lines, crossings, crosswalks.

Distances are along that line, of the rear axle, from a little behind the start; the line goes on a little past the
goal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from homeward_planner.lane_graph import ALL_WAY_STOP, LIGHT, STOP_SIGN, Crossing, Crosswalk, Lane, LaneGraph, Rule
from homeward_planner.plane import Floats, Indices, Line, curvatures, headings, smoothed
from homeward_planner.route import Route
from homeward_planner.tracks import PAST_GOAL_M, SMOOTHING_M, STEP_M, LaneChange, route_track


@dataclass(frozen=True, eq=False)
class StopLine:
    """Where the route crosses the line of a rule."""

    rule: Rule
    at_m: float


@dataclass(frozen=True, eq=False)
class Passage:
    """A way through a junction on the route; its crossings keep the lane's own distances (add `from_m`)."""

    lane: int
    from_m: float
    to_m: float
    crossings: tuple[Crossing, ...]


@dataclass(frozen=True, eq=False)
class Walk:
    """A crosswalk that the route passes over."""

    crosswalk: Crosswalk
    from_m: float
    to_m: float


@dataclass(frozen=True, eq=False)
class Corridor:
    """See the module. Arrays have one entry a point of `line`."""

    line: Line
    limit_mps: Floats
    width_m: Floats
    lane: Indices
    goal_m: float
    stops: tuple[StopLine, ...]
    passages: tuple[Passage, ...]
    walks: tuple[Walk, ...]
    changes: tuple[LaneChange, ...]
    route: Route
    delays: Mapping[int, float] = field(default_factory=dict)

    @property
    def lanes(self) -> frozenset[int]:
        """The lanes of the route."""
        return frozenset(int(lane) for lane in np.unique(self.lane))

    def at(self, s_m: float) -> int:
        """The index of the last point at or before a distance."""
        return int(np.clip(np.searchsorted(self.line.s_m, s_m, side="right") - 1, 0, len(self.line.s_m) - 1))


def build(graph: LaneGraph, route: Route, delays: Mapping[int, float] | None = None) -> Corridor:
    """The corridor of a route. `delays` puts off lane changes (by number) by so many metres."""
    postponed = dict(delays or {})
    track, changes = route_track(graph, route, postponed)
    line = _line(track.points_m)
    goal_s, _ = line.project(np.array([[route.goal.x_m, route.goal.y_m]]), _tail(line, graph, route))
    return Corridor(
        line=line,
        limit_mps=track.limit_mps,
        width_m=track.width_m,
        lane=track.lane,
        goal_m=float(goal_s[0]),
        stops=tuple(_stop_lines(graph, line, track.lane)),
        passages=tuple(_passages(graph, line, track.lane)),
        walks=tuple(_walks(graph, line)),
        changes=changes,
        route=route,
        delays=postponed,
    )


def _line(points_m: Floats) -> Line:
    """The line through evenly spaced points, its curvature smoothed a little more: it becomes a steering angle."""
    heading = headings(points_m)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points_m, axis=0).T))])
    bend = smoothed(curvatures(heading, along)[:, None], STEP_M, SMOOTHING_M)[:, 0]
    return Line(points_m, along, heading, bend)


def _tail(line: Line, graph: LaneGraph, route: Route) -> slice:
    """The part of the line where the goal is looked for: its last leg's (the route may pass the goal's place
    before).
    """
    last = route.legs[-1]
    return line.window(line.length_m - PAST_GOAL_M - (last.to_m - last.from_m) - 10.0, line.length_m)


def _runs(lane: Indices) -> list[tuple[int, int, int]]:
    """(lane, first index, last index) of each run of points on one lane."""
    cuts = np.flatnonzero(np.diff(lane)) + 1
    starts = np.concatenate([[0], cuts])
    ends = np.concatenate([cuts - 1, [len(lane) - 1]])
    return [(int(lane[start]), int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def _stop_lines(graph: LaneGraph, line: Line, lane: Indices) -> list[StopLine]:
    """Each rule on the route once, where its line is crossed; without a line, where the lane it rules begins."""
    found: dict[int, StopLine] = {}
    runs = _runs(lane)
    for (number, start, end), (following, _, _) in zip(runs, [*runs[1:], runs[-1]], strict=True):
        for rule in graph.lanes[number].rules:
            if rule.id not in found and not _is_anothers(rule, graph.lanes[following]):
                at_lane = line.s_m[start] if graph.lanes[number].in_junction else line.s_m[end]
                reach = line.window(float(line.s_m[start]) - 30.0, float(line.s_m[end]) + 5.0)
                at_m = float(at_lane) if rule.line_m is None else _crossed_at(line, reach, rule.line_m)
                if at_m is not None:
                    found[rule.id] = StopLine(rule, at_m)
    lines = sorted(found.values(), key=lambda stop: (stop.at_m, stop.rule.id))
    alternating = [stop.at_m for stop in lines if stop.rule.kind == ALL_WAY_STOP]
    return [
        stop for stop in lines if not (stop.rule.kind == STOP_SIGN and any(abs(stop.at_m - other) < 3.0 for other in alternating))
    ]


def _is_anothers(rule: Rule, following: Lane) -> bool:
    """Whether a light before a junction is not for the way that the route takes through it, which has its own."""
    own = [one.id for one in following.rules if one.kind == LIGHT]
    return rule.kind == LIGHT and following.in_junction and bool(own) and rule.id not in own


def _crossed_at(line: Line, part: slice, across_m: Floats) -> float | None:
    """Where the line passes between the two ends of a stop line, or passes them by no more than a lane; None where it doesn't
    (the car stands past it, or the way ends before it)."""
    points, along = line.points_m[part], line.s_m[part]
    middle, side = across_m.mean(axis=0), across_m[0] - across_m[1]
    length = max(float(np.hypot(*side)), 1e-6)
    progress = (points - middle) @ np.array([side[1], -side[0]]) / length
    for place in np.flatnonzero(progress[:-1] * progress[1:] <= 0.0):
        if math.dist(points[place], middle) < length / 2.0 + 2.0:
            share = progress[place] / ((progress[place] - progress[place + 1]) or 1.0)
            return float(along[place] + share * (along[place + 1] - along[place]))
    return None


def _passages(graph: LaneGraph, line: Line, lane: Indices) -> list[Passage]:
    """The ways through junctions; crossings with lanes of the route itself don't count."""
    own = set(lane.tolist())
    return [
        Passage(
            number,
            float(line.s_m[start]),
            float(line.s_m[end]),
            tuple(crossing for crossing in graph.lanes[number].crossings if crossing.other not in own),
        )
        for number, start, end in _runs(lane)
        if graph.lanes[number].in_junction
    ]


def _walks(graph: LaneGraph, line: Line) -> list[Walk]:
    found = []
    for crosswalk in graph.crosswalks:
        inside = np.flatnonzero(_inside(line.points_m, crosswalk.outline_m))
        for run in np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1):
            if len(run):
                found.append(Walk(crosswalk, float(line.s_m[run[0]]), float(line.s_m[run[-1]])))
    return sorted(found, key=lambda walk: walk.from_m)


def _inside(points_m: Floats, outline_m: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which points lie inside an outline: an odd number of its sides lie to their right."""
    x, y = points_m[:, 0, None], points_m[:, 1, None]
    ax, ay = outline_m.T
    bx, by = np.roll(outline_m, -1, axis=0).T
    spans = (ay[None] > y) != (by[None] > y)
    rise = np.where(by == ay, 1.0, by - ay)
    hits = spans & (x < ax[None] + (y - ay[None]) / rise[None] * (bx - ax)[None])
    result: np.ndarray[tuple[int], np.dtype[np.bool_]] = hits.sum(axis=1) % 2 == 1
    return result
