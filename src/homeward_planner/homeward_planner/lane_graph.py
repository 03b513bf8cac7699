"""The map as the planner sees it: lanes as arrays, how they lead on, where they cross, and what rules them.

All coordinates are the map frame's, metres. A lane is a lanelet for cars; its index is its place in `LaneGraph.lanes`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from homeward_planner.plane import Floats, Line, curvatures, headings, wrapped
from homeward_planner.scene import Pose

LIGHT, STOP_SIGN, YIELD_SIGN, ALL_WAY_STOP = "light", "stop", "yield", "all_way_stop"


@dataclass(frozen=True, eq=False)
class Rule:
    """Something that makes traffic wait before a lane: a light with its signals, or a sign.

    `line_m` (2 × 2) is the stop line, from left to right; without one it is the start of the lane ruled.
    """

    id: int
    kind: str
    line_m: Floats | None
    signals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Crossing:
    """Where another lane comes too close to drive beside it: from where to where on this lane and on the other.

    `waits` tells whether traffic on this lane lets the other go first, `other_waits` the reverse; neither where only a
    light, or nobody, decides.
    """

    other: int
    from_m: float
    to_m: float
    other_from_m: float
    other_to_m: float
    waits: bool
    other_waits: bool


@dataclass(frozen=True, eq=False)
class Lane:
    """One lane, sampled about every metre; `turn` is empty outside junctions, else left, right or straight."""

    index: int
    id: int
    line: Line
    height_m: Floats
    width_m: Floats
    speed_limit_mps: float
    turn: str
    successors: tuple[int, ...]
    predecessors: tuple[int, ...]
    left: int | None  # the lane beside it that traffic may change to
    right: int | None
    rules: tuple[Rule, ...]
    crossings: tuple[Crossing, ...] = ()
    outline_m: Floats | None = field(default=None, repr=False)
    """The lane's surface (N × 2), in order around it; None: half its width to either side of the line."""

    @property
    def length_m(self) -> float:
        """The length of its centre line."""
        return self.line.length_m

    @property
    def in_junction(self) -> bool:
        """Whether it is a way through a junction."""
        return bool(self.turn)


@dataclass(frozen=True, eq=False)
class Crosswalk:
    """A crosswalk's outline (N × 2), in order around it."""

    id: int
    outline_m: Floats


@dataclass(frozen=True, eq=False)
class ParkingPlace:
    """A marked place to park, in a garage or not: its outline (N × 2), and the middle with the heading along it."""

    id: int
    outline_m: Floats
    middle: Pose
    length_m: float
    width_m: float


@dataclass(frozen=True)
class OnLane:
    """A place on a lane: how far along, how far left of its centre, and the turn from the lane's heading."""

    lane: int
    s_m: float
    left_m: float
    turn_rad: float


@dataclass(frozen=True, eq=False)
class LaneGraph:
    """All lanes and crosswalks of a map."""

    name: str
    latitude_deg: float
    longitude_deg: float
    lanes: tuple[Lane, ...] = field(repr=False)
    crosswalks: tuple[Crosswalk, ...] = field(default=(), repr=False)
    buildings_m: tuple[Floats, ...] = field(default=(), repr=False)
    """Outlines of houses (N × 2 each)."""
    remarks: tuple[str, ...] = field(default=())
    parking_places: tuple[ParkingPlace, ...] = field(default=(), repr=False)
    parking_surfaces_m: tuple[Floats, ...] = field(default=(), repr=False)
    """Outlines of drives and car parks (N × 2 each): to be driven on at walking pace only."""

    def places_near(self, pose: Pose, reach_m: float, turn_rad: float = math.pi) -> list[OnLane]:
        """Where a pose lies on the lanes around it, nearest first: within `reach_m` of a centre line, and heading along
        it within `turn_rad`."""
        if not self.lanes:
            return []
        near = self._tree.query_ball_point((pose.x_m, pose.y_m), reach_m + 1.0)
        found = [self.place_on(int(lane), pose) for lane in np.unique(self._sample_lane[near])]
        return sorted(
            (place for place in found if self._is_on(place, reach_m) and abs(place.turn_rad) <= turn_rad),
            key=lambda place: (round(abs(place.left_m), 2), abs(place.turn_rad), place.lane),
        )

    def place_on(self, lane: int, pose: Pose) -> OnLane:
        """Where a pose lies on one lane."""
        line = self.lanes[lane].line
        along, left = line.project(np.array([[pose.x_m, pose.y_m]]))
        _, _, heading = line.pose_at(float(along[0]))
        return OnLane(lane, float(along[0]), float(left[0]), wrapped(pose.yaw_rad - heading))

    def upstream(self, lane: int, reach_m: float) -> dict[int, float]:
        """The lanes that lead to a lane, and how far it is from the end of each to the lane's start; itself at
        minus its length (so that the way left on any of them is `length - s + this`).
        """
        found = {lane: -self.lanes[lane].length_m}
        waiting = [(lane, 0.0)]
        while waiting:
            here, gap = waiting.pop(0)
            for before in self.lanes[here].predecessors:
                if before not in found and gap < reach_m:
                    found[before] = gap
                    waiting.append((before, gap + self.lanes[before].length_m))
        return found

    def _is_on(self, place: OnLane, reach_m: float) -> bool:
        beyond = max(-place.s_m, place.s_m - self.lanes[place.lane].length_m, 0.0)
        return abs(place.left_m) <= reach_m and beyond <= 0.5

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(np.concatenate([lane.line.points_m for lane in self.lanes]))

    @cached_property
    def _sample_lane(self) -> Floats:
        return np.concatenate([np.full(len(lane.line.points_m), lane.index) for lane in self.lanes])


def centre_line(left_m: Floats, right_m: Floats, step_m: float = 1.0) -> tuple[Line, Floats, Floats]:
    """The centre line between two bounds (N × 3, M × 3), its heights and the lane's widths.

    Both bounds are walked in equal shares of their length, so their points need not face one another.
    """
    lengths = [float(np.linalg.norm(np.diff(side[:, :2], axis=0), axis=1).sum()) for side in (left_m, right_m)]
    count = max(3, math.ceil(max(lengths) / step_m - 0.01) + 1)
    sides = [_shares(side, count) for side in (left_m, right_m)]
    middle = (sides[0] + sides[1]) / 2.0
    width = np.hypot(*(sides[0] - sides[1])[:, :2].T)
    flat = np.ascontiguousarray(middle[:, :2])
    along = np.concatenate([[0.0], np.cumsum(np.maximum(np.hypot(*np.diff(flat, axis=0).T), 1e-9))])
    heading = headings(flat)
    return Line(flat, along, heading, curvatures(heading, along)), middle[:, 2], width


def _shares(side_m: Floats, count: int) -> Floats:
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(side_m[:, :2], axis=0).T))])
    wanted = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(wanted, along, side_m[:, axis]) for axis in range(3)], axis=1)
