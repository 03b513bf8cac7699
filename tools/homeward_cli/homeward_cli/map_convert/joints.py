"""Joins the ends of strips: where one follows another, their boundaries meet in the same two points.

Lanelet2 knows that a lanelet follows another only from this. Each boundary's end is a corner; corners that a link of
the road network lays on one another become one point.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from .geometry import Points
from .strips import BoundaryKey, Strip, Strips

FURTHEST_M = 1.5  # ends further apart than this are not joined
SAME_PLACE_M = 0.05

Corner = tuple[BoundaryKey, int]  # a boundary and 0 for its first point, -1 for its last


@dataclass(frozen=True)
class Joints:
    """Which corner stands for each corner, where it lies, and the links that could not be joined."""

    root: dict[Corner, Corner]
    place: dict[Corner, Points]
    apart: list[tuple[Strip, Strip]]
    widest_m: float


def corners(strip: Strip, at_end: bool) -> tuple[Corner, Corner]:
    """The left and the right corner at the start or the end of a strip."""
    left_flipped = strip.lane.id > 0 and strip.left.key[3] == 0  # the middle line runs with s
    last = -1 if at_end else 0
    return (strip.left.key, (-1 - last) if left_flipped else last), (strip.right.key, last)


def join(strips: Strips) -> Joints:
    """Join all strips to those that follow them, nearest ends first."""
    place = {(boundary.key, end): boundary.points[end] for boundary in strips.boundaries.values() for end in (0, -1)}
    parent: dict[Corner, Corner] = {corner: corner for corner in place}
    opposite = _opposite_corners(strips)
    links = [(_gap(place, here, there), here, there) for here in strips.all for there in here.following]
    apart, widest = [], 0.0
    for gap, here, there in sorted(links, key=lambda link: link[0]):
        pairs = list(zip(corners(here, True), corners(there, False), strict=True))
        if gap > FURTHEST_M or _would_pinch(parent, opposite, place, pairs):
            apart.append((here, there))
            continue
        widest = max(widest, gap)
        for corner, other in pairs:
            _unite(parent, opposite, corner, other)
    root = {corner: _find(parent, corner) for corner in place}
    return Joints(root, _agreed_places(strips, root, place), apart, widest)


def _gap(place: dict[Corner, Points], here: Strip, there: Strip) -> float:
    pairs = zip(corners(here, True), corners(there, False), strict=True)
    return max(float(np.linalg.norm(place[corner] - place[other])) for corner, other in pairs)


def _opposite_corners(strips: Strips) -> dict[Corner, set[Corner]]:
    """For each corner those that must stay apart from it: the other side of a strip's end."""
    opposite: dict[Corner, set[Corner]] = defaultdict(set)
    for strip in strips.all:
        for at_end in (False, True):
            left, right = corners(strip, at_end)
            opposite[left].add(right)
            opposite[right].add(left)
    return opposite


def _would_pinch(
    parent: dict[Corner, Corner],
    opposite: dict[Corner, set[Corner]],
    place: dict[Corner, Points],
    pairs: list[tuple[Corner, Corner]],
) -> bool:
    """Whether joining would lay both sides of some strip's end, which lie apart, on one point."""
    for corner, other in pairs:
        joined = {_find(parent, corner), _find(parent, other)}
        for root in joined:
            for across in opposite[root]:
                if _find(parent, across) in joined and np.linalg.norm(place[across] - place[root]) > SAME_PLACE_M:
                    return True
    return False


def _unite(parent: dict[Corner, Corner], opposite: dict[Corner, set[Corner]], corner: Corner, other: Corner) -> None:
    here, there = _find(parent, corner), _find(parent, other)
    if here != there:
        parent[there] = here
        opposite[here] |= opposite[there]


def _find(parent: dict[Corner, Corner], corner: Corner) -> Corner:
    while parent[corner] != corner:
        parent[corner] = parent[parent[corner]]
        corner = parent[corner]
    return corner


def _agreed_places(strips: Strips, root: dict[Corner, Corner], place: dict[Corner, Points]) -> dict[Corner, Points]:
    """The mean of the corners joined; where roads outside junctions take part, theirs alone (they keep their lanes'
    shape).
    """
    outside = {strip.left.key[0] for strip in strips.all if not strip.road.in_junction}
    members: dict[Corner, list[Corner]] = defaultdict(list)
    for corner, stands_for in root.items():
        members[stands_for].append(corner)
    agreed = {}
    for stands_for, joined in members.items():
        firm = [corner for corner in joined if corner[0][0] in outside] or joined
        agreed[stands_for] = np.mean([place[corner] for corner in firm], axis=0)
    return agreed
