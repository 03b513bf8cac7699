"""Traffic lights and signs: which approach each rules, which ways through the junction, and where its stop line lies.

What rules which lanes comes from carla.Map's landmarks, as CARLA's traffic reads them. A mark on a road before a
junction is itself the stop line. A mark inside a junction rules the ways that begin there; its line is where the
approach ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import carla
import numpy as np

from .geometry import INSIDE_M, Geometry, Points
from .strips import Strip, Strips

TRAFFIC_LIGHT, YIELD_SIGN, STOP_SIGN = "1000001", "205", "206"
BEFORE_JUNCTION_M = 0.25


@dataclass(frozen=True)
class Post:
    """A light or sign where it stands: a line across its face (2 × 3), and its height."""

    id: str
    type: str
    face: Points
    height_m: float


@dataclass(eq=False)
class Approach:
    """The lanes of one road that come to one stop line, and the ways through the junction that they lead to."""

    road: str
    forward: bool
    posts: list[Post]
    lanes: dict[int, tuple[Strip, float]] = field(default_factory=dict)  # by lane id: the strip, and s of the line
    ways: list[Strip] = field(default_factory=list)

    def add(self, strip: Strip, line_s_m: float, ways: list[Strip]) -> None:
        """Add a lane and the ways ruled from it."""
        self.lanes.setdefault(strip.lane.id, (strip, line_s_m))
        self.ways += [way for way in ways if not any(way is known for known in self.ways)]

    def strips(self) -> list[Strip]:
        """The strips before the junction."""
        return [strip for _, (strip, _) in sorted(self.lanes.items())]

    def stop_line(self, geometry: Geometry) -> Points:
        """The line across all its lanes, from the left to the right edge (2 × 3)."""
        ends = []
        for strip, s_m in self.lanes.values():
            s_inside = min(max(s_m, strip.section.start_m + INSIDE_M), strip.section.end_m - INSIDE_M)
            ends.append((abs(strip.lane.id), geometry.lane(strip.road.id, strip.lane.id, [s_inside])))
        innermost, outermost = min(ends, key=lambda end: end[0])[1], max(ends, key=lambda end: end[0])[1]
        return np.concatenate([innermost.inner, outermost.outer])

    @property
    def ruled(self) -> frozenset[str]:
        """The names of the strips that it rules."""
        return frozenset(strip.name for strip in [*self.strips(), *self.ways])


def approaches(kind: str, strips: Strips, geometry: Geometry) -> list[Approach]:
    """The approaches that the landmarks of one type rule; several lights for the same lanes and ways count as one."""
    found: dict[tuple[str, str, bool], Approach] = {}
    marks = sorted(geometry.map.get_all_landmarks_of_type(kind), key=lambda mark: (len(mark.id), mark.id, mark.road_id, mark.s))
    for mark in marks:
        for strip in _ruled_strips(mark, strips):
            for before, line_s_m, ways in _before(strip, mark.s):
                key = (mark.id, before.road.id, before.forward)
                approach = found.setdefault(key, Approach(before.road.id, before.forward, [_post(mark)]))
                approach.add(before, line_s_m, ways)
    return _merged(list(found.values()))


def turn_of(way: Strip) -> float:
    """How far a strip turns from its first to its last point, in radians, left positive."""
    start, end = way.headings
    return math.remainder(end - start, math.tau)


def _merged(separate: list[Approach]) -> list[Approach]:
    merged: dict[frozenset[str], Approach] = {}
    for approach in separate:
        known = merged.setdefault(approach.ruled, approach)
        if known is not approach:
            known.posts += approach.posts
    return list(merged.values())


def _ruled_strips(mark: carla.Landmark, strips: Strips) -> Iterator[Strip]:
    """The strips in which a landmark is valid, at its place along the road."""
    valid = mark.get_lane_validities()
    for (road, _, lane), on_lane in strips.by_lane.items():
        if road == str(mark.road_id) and any(first <= lane <= last for first, last in valid):
            yield from [strip for strip in on_lane if strip.covers(mark.s)][:1]


def _before(strip: Strip, mark_s_m: float) -> Iterator[tuple[Strip, float, list[Strip]]]:
    """The strips before the junction, the s of the stop line there, and the ways ruled, for a mark in a strip."""
    if not strip.road.in_junction:
        yield strip, mark_s_m, _ways_after(strip)
        return
    for outside, way in _entries(strip):
        line = outside.end_m - BEFORE_JUNCTION_M if outside.forward else outside.start_m + BEFORE_JUNCTION_M
        yield outside, line, [way]


def _entries(strip: Strip) -> Iterator[tuple[Strip, Strip]]:
    """(last strip outside, first strip inside) of each way that leads to a strip inside a junction."""
    waiting, seen = [strip], {strip.name}
    while waiting:
        inside = waiting.pop()
        for before in inside.preceding:
            if not before.road.in_junction:
                yield before, inside
            elif before.name not in seen:
                seen.add(before.name)
                waiting.append(before)


def _ways_after(strip: Strip) -> list[Strip]:
    """The ways through the junction that a lane leads to; none where it leads to none within the same road."""
    while len(strip.following) == 1 and strip.following[0].road is strip.road:
        strip = strip.following[0]
    return [way for way in strip.following if way.road.in_junction]


def _post(mark: carla.Landmark) -> Post:
    location, yaw = mark.transform.location, -math.radians(mark.transform.rotation.yaw)
    half = max(mark.width, 0.2) / 2.0
    middle = np.array([location.x, -location.y, location.z])
    across = np.array([-math.sin(yaw) * half, math.cos(yaw) * half, 0.0])
    return Post(mark.id, mark.type, np.stack([middle + across, middle - across]), max(mark.height, 0.2))
