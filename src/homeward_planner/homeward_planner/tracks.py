"""The route's lanes as one evenly spaced, smoothed line: lane after lane, and blended across at lane changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner.lane_graph import Lane, LaneGraph
from homeward_planner.plane import Floats, Indices, Line, resampled, smoothed
from homeward_planner.route import Leg, Route
from homeward_planner.scene import Pose

STEP_M = 0.5
SMOOTHING_M = 1.2
BEHIND_M = 6.0
PAST_GOAL_M = 25.0
CHANGE_S, SHORTEST_BLEND_M, LONGEST_BLEND_M = 4.0, 20.0, 70.0
CHANGE_AFTER_M = 4.0


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
class Track:
    """Lanes one after another: points (N × 2), and for each point the limit, the width and the lane."""

    points_m: Floats
    limit_mps: Floats
    width_m: Floats
    lane: Indices

    def part(self, chosen: slice | Indices) -> Track:
        return Track(self.points_m[chosen], self.limit_mps[chosen], self.width_m[chosen], self.lane[chosen])


def route_track(graph: LaneGraph, route: Route, delays: Mapping[int, float]) -> tuple[Track, tuple[LaneChange, ...]]:
    """The track of a route, and the lane changes on it. `delays` puts them off (by number) by so many metres."""
    whole, *others = _tracks(graph, route)
    changes: list[LaneChange] = []
    for number, (changing, track) in enumerate(zip(_changing_legs(graph, route), others, strict=True)):
        not_before = changes[-1].to_m if changes else 0.0
        whole, change = _blend(whole, track, number, changing, not_before, delays.get(number, 0.0))
        changes.append(change)
    return _even(whole), tuple(changes)


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


def _tracks(graph: LaneGraph, route: Route) -> list[Track]:
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


def _track(stretches: list[tuple[Lane, float, float]]) -> Track:
    return _joined([_stretch(*stretch) for stretch in stretches])


def _stretch(lane: Lane, from_m: float, to_m: float) -> Track:
    inside = (lane.line.s_m > from_m + 1e-6) & (lane.line.s_m < to_m - 1e-6)
    along = np.concatenate([[from_m], lane.line.s_m[inside], [to_m]])
    points = np.stack([np.interp(along, lane.line.s_m, lane.line.points_m[:, axis]) for axis in (0, 1)], axis=1)
    return Track(
        points,
        np.full(len(along), lane.speed_limit_mps),
        np.interp(along, lane.line.s_m, lane.width_m),
        np.full(len(along), lane.index),
    )


def _blend(
    here: Track, there: Track, number: int, changing: _Changing, not_before_m: float, delay_m: float
) -> tuple[Track, LaneChange]:
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
    blended = Track(
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


def _joined(parts: Sequence[Track]) -> Track:
    return Track(*(np.concatenate([getattr(part, name) for part in parts]) for name in Track.__dataclass_fields__))


def _smooth_step(share: Floats) -> Floats:
    """From 0 to 1 with no slope and no bend at either end."""
    t = np.clip(share, 0.0, 1.0)
    return np.asarray(t**3 * (10.0 - 15.0 * t + 6.0 * t * t), dtype=np.float64)


def _finer(track: Track) -> Track:
    """The track with a point every STEP_M."""
    steps = np.hypot(*np.diff(track.points_m, axis=0).T)
    kept = track.part(np.flatnonzero(np.concatenate([[True], steps > 1e-6])))
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(kept.points_m, axis=0).T))])
    points = resampled(kept.points_m, STEP_M)
    wanted = np.linspace(0.0, along[-1], len(points))
    before = np.clip(np.searchsorted(along, wanted + 1e-9, side="right") - 1, 0, len(along) - 1)
    return Track(points, kept.limit_mps[before], np.interp(wanted, along, kept.width_m), kept.lane[before])


def _even(track: Track) -> Track:
    fine = _finer(track)
    step = float(np.hypot(*(fine.points_m[1] - fine.points_m[0])))
    return Track(smoothed(fine.points_m, step, SMOOTHING_M), fine.limit_mps, fine.width_m, fine.lane)
