"""Cuts the driving lanes into strips: pieces along which speed limit and lane-change rules stay the same.

A strip becomes one lanelet. Strips side by side share the boundary between them; strips one after another share its
ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from .geometry import Geometry, LanePoints, Points, stations
from .opendrive import Lane, LaneMark, Network, Road, Section

SHORTEST_PIECE_M = 1.0
SHORTEST_SECTION_M = 0.05

LaneKey = tuple[str, int, int]  # road, section, lane
BoundaryKey = tuple[str, int, int, int]  # road, section, piece, how many lanes from the middle (right negative)


@dataclass(frozen=True, eq=False)
class Boundary:
    """A line between lanes, from low s to high s, or in the direction of travel on the left side of a road."""

    key: BoundaryKey
    points: Points
    mark: LaneMark | None
    same_way: bool  # whether lanes of one direction lie on both sides


@dataclass(eq=False)
class Strip:
    """A piece of one driving lane, in the direction of travel."""

    road: Road
    section: Section
    lane: Lane
    piece: int
    start_m: float
    end_m: float
    points: LanePoints
    left: Boundary
    right: Boundary
    speed_mps: float | None
    following: list[Strip] = field(default_factory=list)
    preceding: list[Strip] = field(default_factory=list)

    @property
    def name(self) -> str:
        """road/section/lane/piece: the strip's address in the OpenDRIVE file."""
        return f"{self.road.id}/{self.section.index}/{self.lane.id}/{self.piece}"

    @property
    def forward(self) -> bool:
        """Whether traffic runs towards growing s."""
        return self.lane.id < 0

    @cached_property
    def centre(self) -> Points:
        """The centre line in the direction of travel, N × 3."""
        return self.points.centre if self.forward else self.points.centre[::-1]

    @cached_property
    def headings(self) -> tuple[float, float]:
        """The heading at the first and the last point, in radians."""
        first, last = (0, -1) if self.forward else (-1, 0)
        return float(self.points.heading[first]), float(self.points.heading[last])

    def covers(self, s_m: float) -> bool:
        """Whether a distance along the road lies in this piece."""
        return self.start_m - 1e-6 <= s_m <= self.end_m + 1e-6


@dataclass(frozen=True)
class Strips:
    """All strips in the file's order, the boundaries they share, and how many road links lead nowhere."""

    all: list[Strip]
    boundaries: dict[BoundaryKey, Boundary]
    lost_links: int

    def on_lane(self, key: LaneKey) -> list[Strip]:
        """The strips of a lane, by growing s."""
        return self.by_lane.get(key, [])

    @cached_property
    def by_lane(self) -> dict[LaneKey, list[Strip]]:
        """Strips by road, section and lane."""
        found: dict[LaneKey, list[Strip]] = {}
        for strip in self.all:
            found.setdefault((strip.road.id, strip.section.index, strip.lane.id), []).append(strip)
        return found


def cut(network: Network, geometry: Geometry) -> Strips:
    """Every driving lane of the map as strips, linked to those that follow."""
    boundaries: dict[BoundaryKey, Boundary] = {}
    every = [
        strip
        for road in network.roads.values()
        for section in road.sections
        if section.drivable() and _is_long(section)
        for piece, (start, end) in enumerate(pairwise(_cuts(road, section)))
        for strip in _strips(road, section, piece, start, end, geometry, boundaries)
    ]
    strips = Strips(every, boundaries, 0)
    return Strips(every, boundaries, _link(network, strips))


def boundary_change(section: Section, lane: Lane, s_m: float) -> str:
    """Who may cross a lane's outer edge: "none", "both", "inward" or "outward"; "none" where no such lane is beyond
    it.
    """
    beyond = section.lanes.get(lane.id + (1 if lane.id > 0 else -1))
    mark = lane.mark_at(s_m)
    return mark.change if mark is not None and beyond is not None and beyond.drivable else "none"


def _cuts(road: Road, section: Section) -> list[float]:
    """Where a section is cut: its ends, where the speed limit changes, and where lane changes begin or cease to be
    allowed.
    """
    wanted = {s for s, _ in road.speeds}
    for lane in section.drivable():
        wanted |= {s for s, _ in lane.speeds}
        for before, after in pairwise(lane.marks):
            if boundary_change(section, lane, before.s_m) != boundary_change(section, lane, after.s_m):
                wanted.add(after.s_m)
    cuts = [section.start_m]
    for s_m in sorted(wanted):
        if cuts[-1] + SHORTEST_PIECE_M < s_m < section.end_m - SHORTEST_PIECE_M:
            cuts.append(s_m)
    return [*cuts, section.end_m]


def _strips(
    road: Road,
    section: Section,
    piece: int,
    start: float,
    end: float,
    geometry: Geometry,
    boundaries: dict[BoundaryKey, Boundary],
) -> Iterator[Strip]:
    along = stations(road, section, start, end)
    for lane in section.drivable():
        points = geometry.lane(road.id, lane.id, along)
        edges = []
        for from_middle, edge in ((abs(lane.id) - 1, points.inner), (abs(lane.id), points.outer)):
            key = (road.id, section.index, piece, from_middle * (1 if lane.id > 0 else -1))
            if key not in boundaries:
                boundaries[key] = _boundary(key, section, (start + end) / 2.0, edge)
            edges.append(boundaries[key])
        left, right = edges
        yield Strip(road, section, lane, piece, start, end, points, left, right, _speed(road, lane, start, end))


def _boundary(key: BoundaryKey, section: Section, middle_m: float, edge: Points) -> Boundary:
    inside = section.lanes.get(key[3])
    mark = inside.mark_at(middle_m) if inside is not None else None
    beyond = section.lanes.get(key[3] + (1 if key[3] > 0 else -1))
    same_way = key[3] != 0 and all(lane is not None and lane.drivable for lane in (inside, beyond))
    return Boundary(key, edge[::-1] if key[3] > 0 else edge, mark, same_way)


def _speed(road: Road, lane: Lane, start_m: float, end_m: float) -> float | None:
    """The lane's own limit, or else the road's, in the middle of a piece."""
    for records in (lane.speeds, road.speeds):
        valid = [limit for s, limit in sorted(records) if s <= (start_m + end_m) / 2.0]
        if valid:
            return valid[-1]
    return None


def _link(network: Network, strips: Strips) -> int:
    """Link each strip to those that follow it; returns how many links of the file lead to no driving lane."""
    lost = 0
    for lane_strips in strips.by_lane.values():
        ordered = lane_strips if lane_strips[0].forward else lane_strips[::-1]
        for here, there in pairwise(ordered):
            _join(here, there)
        last = ordered[-1]
        for key in _long_lanes_after(network, (last.road.id, last.section.index, last.lane.id)):
            target = strips.on_lane(key)
            if target and target[0].forward == (key[2] < 0):
                _join(last, target[0] if target[0].forward else target[-1])
            elif not target:
                lost += 1
    return lost


def _join(here: Strip, there: Strip) -> None:
    if there not in here.following:
        here.following.append(there)
        there.preceding.append(here)


def _long_lanes_after(network: Network, key: LaneKey, passed: frozenset[LaneKey] = frozenset()) -> Iterator[LaneKey]:
    """The lanes that a lane leads to, past sections too short to become lanelets."""
    for number, index, lane in _lanes_after(network, key):
        following = (number, index, lane)
        section = network.roads[number].sections[index]
        if _is_long(section) or lane not in section.lanes:
            yield following
        elif following not in passed:
            yield from _long_lanes_after(network, following, passed | {following})


def _is_long(section: Section) -> bool:
    return section.end_m - section.start_m > SHORTEST_SECTION_M


def _lanes_after(network: Network, key: LaneKey) -> Iterator[LaneKey]:
    """The lanes that a lane leads to (clauses 5.3.4.2 and 5.3.7.2.1.1)."""
    road, forward = network.roads[key[0]], key[2] < 0
    lane = road.sections[key[1]].lanes[key[2]]
    index = key[1] + (1 if forward else -1)
    number = lane.successor if forward else lane.predecessor
    if 0 <= index < len(road.sections):
        if number is not None:
            yield road.id, index, number
        return
    link = road.successor if forward else road.predecessor
    if link is None:
        return
    if link.kind == "junction":
        yield from _lanes_in_junction(network, link.id, road.id, lane.id)
    elif number is not None:
        yield from _at_contact(network, link.id, link.contact, number)


def _lanes_in_junction(network: Network, junction: str, road: str, lane: int) -> Iterator[LaneKey]:
    if junction not in network.junctions:
        return
    for connection in network.junctions[junction].connections:
        if connection.incoming == road:
            for source, target in connection.lanes:
                if source == lane:
                    yield from _at_contact(network, connection.connecting, connection.contact, target)


def _at_contact(network: Network, road: str, contact: str, lane: int) -> Iterator[LaneKey]:
    """The lane at one end of a road, if traffic leads away from that end on it."""
    if road in network.roads and (contact == "start") == (lane < 0):
        yield road, 0 if contact == "start" else len(network.roads[road].sections) - 1, lane
