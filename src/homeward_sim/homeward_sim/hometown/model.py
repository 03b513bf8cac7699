"""What an OpenDRIVE file holds, as far as Hometown needs it: roads, lanes, junctions, signals, things beside the
road.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .plan_geometry import Path


@dataclass(frozen=True)
class Mark:
    """A road mark from a distance on; `lane_change` is OpenDRIVE's: none, both, increase or decrease."""

    kind: str
    lane_change: str = "none"
    from_m: float = 0.0


@dataclass
class Lane:
    """A lane; its id is negative to the right of the reference line. The width grows linearly to `end_width_m`."""

    id: int
    kind: str
    width_m: float
    end_width_m: float
    marks: list[Mark]
    predecessor: int | None = None
    successor: int | None = None


@dataclass(frozen=True)
class Cubic:
    """z = a + b ds + c ds² + d ds³, ds counted from `from_m`."""

    from_m: float
    a: float
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0

    def at(self, distance_m: float) -> float:
        """The value at a distance along the road."""
        ds = distance_m - self.from_m
        return self.a + ds * (self.b + ds * (self.c + ds * self.d))


@dataclass(frozen=True)
class RoadLink:
    """What lies before or after a road: a road (with the end that touches) or a junction."""

    kind: str
    id: int
    contact: str = ""


@dataclass(frozen=True)
class Signal:
    """A sign or light. `lanes` (first, last) are those it rules; (0, 0) rules none by itself.

    `positive` is CARLA's reading of orientation "+": it rules the lanes with positive ids, those that run against s.
    """

    id: int
    name: str
    type: str
    s_m: float
    t_m: float
    positive: bool
    lanes: tuple[int, int]
    height_above_road_m: float
    dynamic: bool = False
    value: str = "-1"
    unit: str = ""
    size_m: tuple[float, float] = (0.8, 0.8)  # height, width


@dataclass(frozen=True)
class SignalReference:
    """Where, on this road, traffic obeys a signal that may stand elsewhere: for lights, the stop line."""

    id: int
    s_m: float
    positive: bool
    lanes: tuple[int, int]


@dataclass(frozen=True)
class Thing:
    """An object on or beside the road: a box, or flat where `outline` gives its corners (u ahead, v left, from its
    centre).
    """

    id: int
    name: str
    kind: str
    s_m: float
    t_m: float
    length_m: float
    width_m: float
    height_m: float
    above_road_m: float = 0.0
    heading_rad: float = 0.0
    outline: tuple[tuple[float, float], ...] = ()


@dataclass
class Road:
    """A road along a path. Where `offset_m` isn't 0 the lanes are counted from a line that far left of the path."""

    id: int
    name: str
    path: Path
    speed_kmh: int
    heights: list[Cubic]
    lanes: list[Lane]
    centre_mark: Mark
    junction: int = -1
    offset_m: tuple[float, float] = (0.0, 0.0)
    predecessor: RoadLink | None = None
    successor: RoadLink | None = None
    signals: list[Signal] = field(default_factory=list)
    references: list[SignalReference] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)

    @property
    def length_m(self) -> float:
        """The length of the path."""
        return self.path.length_m

    def height_at(self, distance_m: float) -> float:
        """The height of the road after a distance."""
        return [cubic for cubic in self.heights if cubic.from_m <= distance_m or cubic is self.heights[0]][-1].at(
            distance_m
        )

    def side(self, sign: int) -> list[Lane]:
        """The lanes on the left (+1) or right (-1), from the middle outwards."""
        return sorted((lane for lane in self.lanes if lane.id * sign > 0), key=lambda lane: abs(lane.id))

    def driving(self, sign: int) -> list[Lane]:
        """The driving lanes of one side, from the middle outwards."""
        return [lane for lane in self.side(sign) if lane.kind == "driving"]

    def edge_m(self, sign: int, kinds: Iterable[str] = ("driving",)) -> float:
        """How far from the middle the last lane of these kinds ends, on one side; inner lanes of other kinds count."""
        wanted, edge, total = set(kinds), 0.0, 0.0
        for lane in self.side(sign):
            total += lane.width_m
            edge = total if lane.kind in wanted else edge
        return edge

    def centre_m(self, lane: Lane) -> float:
        """How far left of the middle a lane's centre lies (negative: to the right)."""
        sign = 1 if lane.id > 0 else -1
        inner = sum(other.width_m for other in self.side(sign) if abs(other.id) < abs(lane.id))
        return sign * (inner + lane.width_m / 2.0)


@dataclass(frozen=True)
class Connection:
    """A way through a junction: the incoming road, the connecting road, and the lanes that meet."""

    incoming: int
    connecting: int
    lanes: tuple[tuple[int, int], ...]


@dataclass
class JunctionArea:
    """A junction with its connections, who goes before whom (connecting road ids), and its lights' controllers."""

    id: int
    name: str
    connections: list[Connection] = field(default_factory=list)
    priorities: list[tuple[int, int]] = field(default_factory=list)
    controllers: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Controller:
    """The lights that switch together, and their turn among the junction's controllers."""

    id: int
    name: str
    sequence: int
    signals: tuple[int, ...]


@dataclass
class Town:
    """The whole of it."""

    roads: list[Road] = field(default_factory=list)
    junctions: list[JunctionArea] = field(default_factory=list)
    controllers: list[Controller] = field(default_factory=list)

    def road(self, name: str) -> Road:
        """The road of that name. Raises KeyError where there is none."""
        found = next((road for road in self.roads if road.name == name), None)
        if found is None:
            raise KeyError(f"the town has no road named {name!r}")
        return found
