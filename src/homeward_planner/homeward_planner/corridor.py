"""The way to the goal as one smooth line, with all that lies along it: limits, stop lines, crossings, crosswalks.

Distances are along that line, of the rear axle, from a little behind the start; the line goes on a little past the
goal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from homeward_planner.lane_graph import ALL_WAY_STOP, STOP_SIGN, Crossing, Crosswalk, Lane, LaneGraph, Rule
from homeward_planner.plane import Floats, Indices, Line, curvatures, headings, resampled, smoothed
from homeward_planner.route import Leg, Route
from homeward_planner.scene import Pose

STEP_M = 0.5
SMOOTHING_M = 1.2
BEHIND_M = 6.0
PAST_GOAL_M = 25.0
CHANGE_S, SHORTEST_BLEND_M, LONGEST_BLEND_M = 4.0, 20.0, 70.0
CHANGE_AFTER_M = 4.0


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


@dataclass(frozen=True)
class LaneChange:
    """A lane change on the route: from where to where the line blends, and how late it may begin."""

    number: int
    side: str
    from_m: float
    to_m: float
    latest_m: float
    target: int  # the lane changed to


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


@dataclass(frozen=True, eq=False)
class _Track:
    """Lanes one after another: points (N × 2), and for each point the limit, the width and the lane."""

    points_m: Floats
    limit_mps: Floats
    width_m: Floats
    lane: Indices

    def part(self, chosen: slice | Indices) -> _Track:
        return _Track(self.points_m[chosen], self.limit_mps[chosen], self.width_m[chosen], self.lane[chosen])


def build(graph: LaneGraph, route: Route, delays: Mapping[int, float] | None = None) -> Corridor:
    """The corridor of a route. `delays` puts off lane changes (by number) by so many metres."""
    postponed = dict(delays or {})
    tracks = _tracks(graph, route)
    whole = tracks[0]
    changes: list[LaneChange] = []
    for number, (leg, track) in enumerate(zip(_changing_legs(graph, route), tracks[1:], strict=True)):
        not_before = changes[-1].to_m if changes else 0.0
        whole, change = _blend(whole, track, number, leg, not_before, postponed.get(number, 0.0))
        changes.append(change)
    even = _even(whole)
    line = _line(even.points_m)
    goal_s, _ = line.project(np.array([[route.goal.x_m, route.goal.y_m]]), _tail(line, graph, route))
    return Corridor(
        line=line,
        limit_mps=even.limit_mps,
        width_m=even.width_m,
        lane=even.lane,
        goal_m=float(goal_s[0]),
        stops=tuple(_stop_lines(graph, line, even.lane)),
        passages=tuple(_passages(graph, line, even.lane)),
        walks=tuple(_walks(graph, line)),
        changes=tuple(changes),
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


@dataclass(frozen=True)
class _Changing:
    """A lane change to be made: the leg it begins on and the one after, how far they run side by side from the leg's
    beginning, and the goal where it lies beside."""

    leg: Leg
    following: Leg
    beside_m: float
    goal: Pose | None


def _changing_legs(graph: LaneGraph, route: Route) -> list[_Changing]:
    groups = _groups(route)
    found = []
    for before, after in zip(groups, groups[1:], strict=False):
        beside = _beside(graph, before[-1], after)
        length = graph.lanes[before[-1].lane].length_m + sum(lane.length_m for lane in beside)
        goal_is_beside = after is groups[-1] and len(after) - 1 <= len(beside)
        found.append(_Changing(before[-1], after[0], length, route.goal if goal_is_beside else None))
    return found


def _tracks(graph: LaneGraph, route: Route) -> list[_Track]:
    """The route's lanes between lane changes, each as one track; the last goes on past the goal."""
    groups = _groups(route)
    tracks = []
    for place, legs in enumerate(groups):
        stretches = [(graph.lanes[leg.lane], 0.0, graph.lanes[leg.lane].length_m) for leg in legs]
        if place == 0:
            stretches[0] = (stretches[0][0], max(legs[0].from_m - BEHIND_M, 0.0), stretches[0][2])
        if place == len(groups) - 1:
            stretches = _past_goal(graph, stretches, legs[-1].to_m)
        else:
            stretches += [(lane, 0.0, lane.length_m) for lane in _beside(graph, legs[-1], groups[place + 1])]
        tracks.append(_track(stretches))
    return tracks


def _groups(route: Route) -> list[list[Leg]]:
    """The legs between lane changes."""
    groups: list[list[Leg]] = [[]]
    for leg in route.legs:
        groups[-1].append(leg)
        if leg.change:
            groups.append([])
    return groups


def _beside(graph: LaneGraph, leg: Leg, following: list[Leg]) -> list[Lane]:
    """The lanes after a changing leg that still run beside the route, so that the change may take place there too."""
    found, lane = [], graph.lanes[leg.lane]
    for there in following[1:]:
        onward = [graph.lanes[one] for one in lane.successors]
        beside = [one for one in onward if there.lane == (one.left if leg.change == "left" else one.right)]
        if not beside:
            break
        lane = beside[0]
        found.append(lane)
    return found


def _past_goal(graph: LaneGraph, stretches: list[tuple[Lane, float, float]], goal_m: float) -> list[tuple[Lane, float, float]]:
    """The stretches, the last one ended PAST_GOAL_M after the goal; straight on where lanes go on."""
    lane, from_m, _ = stretches[-1]
    rest = goal_m + PAST_GOAL_M - lane.length_m
    extended = [*stretches[:-1], (lane, from_m, min(goal_m + PAST_GOAL_M, lane.length_m))]
    while rest > 0.0 and lane.successors:
        lane = min((graph.lanes[one] for one in lane.successors), key=_bend)
        extended.append((lane, 0.0, min(rest, lane.length_m)))
        rest -= lane.length_m
    return extended


def _bend(lane: Lane) -> float:
    return float(abs(lane.line.heading_rad[-1] - lane.line.heading_rad[0]))


def _track(stretches: list[tuple[Lane, float, float]]) -> _Track:
    return _joined([_stretch(*stretch) for stretch in stretches])


def _stretch(lane: Lane, from_m: float, to_m: float) -> _Track:
    inside = (lane.line.s_m > from_m + 1e-6) & (lane.line.s_m < to_m - 1e-6)
    along = np.concatenate([[from_m], lane.line.s_m[inside], [to_m]])
    points = np.stack([np.interp(along, lane.line.s_m, lane.line.points_m[:, axis]) for axis in (0, 1)], axis=1)
    return _Track(
        points,
        np.full(len(along), lane.speed_limit_mps),
        np.interp(along, lane.line.s_m, lane.width_m),
        np.full(len(along), lane.index),
    )


def _blend(
    here: _Track, there: _Track, number: int, changing: _Changing, not_before_m: float, delay_m: float
) -> tuple[_Track, LaneChange]:
    """Lead from one track to the next, along the end of the one and the beginning of the other, which lie side by
    side.
    """
    here, there = _finer(here), _finer(there)
    source, target = Line.through(here.points_m), Line.through(there.points_m)
    first_m = max(source.length_m - changing.beside_m + changing.leg.from_m, not_before_m)
    last_m = _last_m(source, changing)
    start, end, latest = _blend_range(first_m, last_m, float(here.limit_mps[-1]), delay_m)
    inside = (source.s_m >= start) & (source.s_m <= end)
    middle = here.part(np.flatnonzero(inside))
    foot, _ = target.project(middle.points_m, target.window(0.0, changing.beside_m + 5.0))
    beside = np.stack([np.interp(foot, target.s_m, there.points_m[:, axis]) for axis in (0, 1)], axis=1)
    share = _smooth_step((source.s_m[inside] - start) / max(end - start, 1e-6))
    at_foot = np.clip(np.searchsorted(target.s_m, foot), 0, len(there.lane) - 1)
    blended = _Track(
        (1.0 - share[:, None]) * middle.points_m + share[:, None] * beside,
        middle.limit_mps,
        middle.width_m,
        np.where(share < 0.5, middle.lane, there.lane[at_foot]),
    )
    parts = (here.part(np.flatnonzero(source.s_m < start)), blended, there.part(np.flatnonzero(target.s_m > foot[-1] + 0.1)))
    change = LaneChange(number, changing.leg.change, start, end, latest, changing.following.lane)
    return _joined(parts), change


def _last_m(source: Line, changing: _Changing) -> float:
    """Where a change has to be over: before the lanes part, or before the goal."""
    if changing.goal is None:
        return source.length_m
    goal = np.array([[changing.goal.x_m, changing.goal.y_m]])
    s, _ = source.project(goal, source.window(source.length_m - changing.beside_m, source.length_m))
    return min(float(s[0]) - 2.0, source.length_m)


def _blend_range(first_m: float, last_m: float, speed_mps: float, delay_m: float) -> tuple[float, float, float]:
    """Where a change between two places begins and ends, and how late it could begin."""
    wanted = float(np.clip(CHANGE_S * speed_mps, SHORTEST_BLEND_M, LONGEST_BLEND_M))
    earliest = min(first_m + CHANGE_AFTER_M, last_m - 2.0)
    length = min(wanted, last_m - 1.0 - earliest)
    latest = max(last_m - 1.0 - min(length, SHORTEST_BLEND_M), earliest)
    start = min(earliest + delay_m, latest)
    return start, min(start + length, last_m - 1.0), latest


def _joined(parts: Sequence[_Track]) -> _Track:
    return _Track(*(np.concatenate([getattr(part, name) for part in parts]) for name in _Track.__dataclass_fields__))


def _smooth_step(share: Floats) -> Floats:
    """From 0 to 1 with no slope and no bend at either end."""
    t = np.clip(share, 0.0, 1.0)
    return np.asarray(t**3 * (10.0 - 15.0 * t + 6.0 * t * t), dtype=np.float64)


def _finer(track: _Track) -> _Track:
    """The track with a point every STEP_M."""
    steps = np.hypot(*np.diff(track.points_m, axis=0).T)
    kept = track.part(np.flatnonzero(np.concatenate([[True], steps > 1e-6])))
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(kept.points_m, axis=0).T))])
    points = resampled(kept.points_m, STEP_M)
    wanted = np.linspace(0.0, along[-1], len(points))
    before = np.clip(np.searchsorted(along, wanted + 1e-9, side="right") - 1, 0, len(along) - 1)
    return _Track(points, kept.limit_mps[before], np.interp(wanted, along, kept.width_m), kept.lane[before])


def _even(track: _Track) -> _Track:
    fine = _finer(track)
    step = float(np.hypot(*(fine.points_m[1] - fine.points_m[0])))
    return _Track(smoothed(fine.points_m, step, SMOOTHING_M), fine.limit_mps, fine.width_m, fine.lane)


def _runs(lane: Indices) -> list[tuple[int, int, int]]:
    """(lane, first index, last index) of each run of points on one lane."""
    cuts = np.flatnonzero(np.diff(lane)) + 1
    starts = np.concatenate([[0], cuts])
    ends = np.concatenate([cuts - 1, [len(lane) - 1]])
    return [(int(lane[start]), int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


def _stop_lines(graph: LaneGraph, line: Line, lane: Indices) -> list[StopLine]:
    """Each rule on the route once, where its line is crossed; without a line, where the lane it rules begins."""
    found: dict[int, StopLine] = {}
    for number, start, end in _runs(lane):
        for rule in graph.lanes[number].rules:
            if rule.id not in found:
                fallback = line.s_m[start] if graph.lanes[number].in_junction else line.s_m[end]
                reach = line.window(float(line.s_m[start]) - 30.0, float(line.s_m[end]) + 5.0)
                found[rule.id] = StopLine(rule, _crossed_at(line, reach, rule.line_m, float(fallback)))
    lines = sorted(found.values(), key=lambda stop: (stop.at_m, stop.rule.id))
    alternating = [stop.at_m for stop in lines if stop.rule.kind == ALL_WAY_STOP]
    return [
        stop for stop in lines if not (stop.rule.kind == STOP_SIGN and any(abs(stop.at_m - other) < 3.0 for other in alternating))
    ]


def _crossed_at(line: Line, part: slice, across_m: Floats | None, fallback_m: float) -> float:
    """Where the line passes between the two ends of a stop line (or passes them by no more than a lane)."""
    if across_m is None:
        return fallback_m
    points = line.points_m[part]
    middle, side = across_m.mean(axis=0), across_m[0] - across_m[1]
    reach = float(np.hypot(*side)) / 2.0 + 2.0
    ahead = np.array([side[1], -side[0]]) / max(float(np.hypot(*side)), 1e-6)
    progress = (points - middle) @ ahead
    passes = np.flatnonzero((progress[:-1] < 0.0) & (progress[1:] >= 0.0))
    for place in passes:
        if math.dist(points[place], middle) < reach:
            share = -progress[place] / (progress[place + 1] - progress[place])
            return float(line.s_m[part][place] + share * (line.s_m[part][place + 1] - line.s_m[part][place]))
    return fallback_m


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
