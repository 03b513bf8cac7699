"""Reads what an OpenDRIVE file says of roads, lanes, links and junctions. Where things lie, `geometry.py` knows.

Clauses are those of ASAM OpenDRIVE 1.4. Every number is checked: what isn't finite or points nowhere raises
`MapConversionError` here, before any other library sees the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .conversion_error import MapConversionError

DRIVABLE = frozenset({"driving", "entry", "exit", "onRamp", "offRamp", "connectingRamp"})
METRES_PER_SECOND = {"m/s": 1.0, "": 1.0, "km/h": 1.0 / 3.6, "mph": 0.44704}
IMPLIED_CHANGE = {"broken": "both", "botts dots": "both", "solid broken": "inward", "broken solid": "outward"}
LARGEST_LENGTH_M = 100_000.0
REMEDY = "Open the file in the tool that made it and export it again as OpenDRIVE 1.4."


@dataclass(frozen=True)
class LaneMark:
    """A road mark from `s_m` of the road on.

    `change` tells who may cross it: "none", "both", "inward" (towards the middle of the road) or "outward".
    """

    s_m: float
    kind: str
    change: str


@dataclass(frozen=True)
class Lane:
    """A lane of one section.

    Speeds are (s of the road, m/s). Links are lane ids in the next and the last section or road.
    """

    id: int
    kind: str
    marks: tuple[LaneMark, ...]
    speeds: tuple[tuple[float, float], ...]
    predecessor: int | None
    successor: int | None
    varies: bool

    @property
    def drivable(self) -> bool:
        """Whether cars drive on it."""
        return self.kind in DRIVABLE

    def mark_at(self, s_m: float) -> LaneMark | None:
        """The mark on the lane's outer edge."""
        return next((mark for mark in reversed(self.marks) if mark.s_m <= s_m + 1e-6), None)


@dataclass(frozen=True)
class Section:
    """A stretch of road whose lanes stay the same; lane 0 is the line in the middle."""

    index: int
    start_m: float
    end_m: float
    lanes: dict[int, Lane]

    def drivable(self) -> list[Lane]:
        """The lanes for cars, from right to left."""
        return [lane for _, lane in sorted(self.lanes.items()) if lane.drivable]


@dataclass(frozen=True)
class RoadLink:
    """The road or junction that a road's end touches; for a road, also with which of its ends."""

    kind: str
    id: str
    contact: str


@dataclass(frozen=True)
class Road:
    """A road. `bends` are (from, to, largest curvature in 1/m); `level` roads climb evenly or not at all."""

    id: str
    length_m: float
    junction: str
    sections: tuple[Section, ...]
    predecessor: RoadLink | None
    successor: RoadLink | None
    speeds: tuple[tuple[float, float], ...]
    bends: tuple[tuple[float, float, float], ...]
    level: bool

    @property
    def in_junction(self) -> bool:
        """Whether the road lies inside a junction."""
        return self.junction not in ("-1", "")


@dataclass(frozen=True)
class Connection:
    """Where a junction leads from a road: the connecting road, which end of it comes first, and the lane ids that
    meet.
    """

    incoming: str
    connecting: str
    contact: str
    lanes: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Junction:
    """A junction; `first` holds (connecting road that goes first, connecting road that waits)."""

    id: str
    connections: tuple[Connection, ...]
    first: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Network:
    """The whole file. `latitude_deg` and `longitude_deg` are None where no georeference tells them."""

    roads: dict[str, Road]
    junctions: dict[str, Junction]
    latitude_deg: float | None
    longitude_deg: float | None


def read(xodr_text: str) -> Network:
    """Read a file's text. Raises MapConversionError where it isn't a usable OpenDRIVE map."""
    try:
        root = ElementTree.fromstring(xodr_text)
    except (ElementTree.ParseError, ValueError) as error:
        raise MapConversionError(f"The map is not well-formed XML ({error}).", REMEDY) from None
    if root.tag != "OpenDRIVE":
        raise MapConversionError(f"The map's first element is <{root.tag}>, not <OpenDRIVE>.", "Give an OpenDRIVE file.")
    roads = [_road(element) for element in root.findall("road")]
    network = Network(
        roads={road.id: road for road in roads},
        junctions={junction.id: junction for junction in map(_junction, root.findall("junction"))},
        **_georeference(root),
    )
    if not all(road.id.isdecimal() for road in roads):
        raise MapConversionError("A road of the map has an id that is no whole number.", "Number the roads 0, 1, 2 ...")
    if len(network.roads) != len(roads):
        raise MapConversionError("Two roads of the map have the same id.", REMEDY)
    if not any(section.drivable() for road in roads for section in road.sections):
        raise MapConversionError("The map has no road with a lane to drive on.", "Give a map with driving lanes.")
    return network


def _georeference(root: Element) -> dict[str, float | None]:
    text = root.findtext("header/geoReference") or ""
    words = dict(word.lstrip("+").split("=", 1) for word in text.split() if "=" in word)
    try:
        latitude, longitude = float(words["lat_0"]), float(words["lon_0"])
    except (KeyError, ValueError):
        return {"latitude_deg": None, "longitude_deg": None}
    known = abs(latitude) <= 90.0 and abs(longitude) <= 180.0
    return {"latitude_deg": latitude if known else None, "longitude_deg": longitude if known else None}


def _number(element: Element, name: str, default: float | None = None) -> float:
    text = element.get(name)
    try:
        value = default if text is None and default is not None else float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise MapConversionError(f"<{element.tag}> has {name}={text!r}, which is no number.", REMEDY)
    return value


def _whole(element: Element, name: str) -> int:
    value = _number(element, name)
    if value != int(value) or abs(value) > 1000:
        raise MapConversionError(f"<{element.tag}> has {name}={element.get(name)!r}, which is no lane.", REMEDY)
    return int(value)


def _road(element: Element) -> Road:
    number = element.get("id", "")
    length_m = _number(element, "length")
    if not 0.0 < length_m < LARGEST_LENGTH_M:
        raise MapConversionError(f"Road {number} has a length of {length_m} m.", REMEDY)
    if element.get("rule", "RHT") == "LHT":
        raise MapConversionError(f"Road {number} is driven on the left.", "Only right-hand traffic is supported.")
    return Road(
        id=number,
        length_m=length_m,
        junction=element.get("junction", "-1"),
        sections=tuple(_sections(element, length_m)),
        predecessor=_road_link(element.find("link/predecessor")),
        successor=_road_link(element.find("link/successor")),
        speeds=tuple(_road_speeds(element)),
        bends=tuple(_bends(element, number)),
        level=_is_level(element.findall("elevationProfile/elevation")),
    )


def _is_level(heights: list[Element]) -> bool:
    """Whether the ends of a road tell its height everywhere: it is flat, or one slope."""
    slopes = [[_number(part, name, 0.0) for name in ("a", "b", "c", "d")] for part in heights]
    return not any(c or d for _, _, c, d in slopes) and (len(slopes) < 2 or not any(b for _, b, _, _ in slopes))


def _road_link(element: Element | None) -> RoadLink | None:
    if element is None:
        return None
    return RoadLink(element.get("elementType", ""), element.get("elementId", ""), element.get("contactPoint", ""))


def _road_speeds(element: Element) -> Iterator[tuple[float, float]]:
    for kind in element.findall("type"):
        speed = kind.find("speed")
        limit = _speed_mps(speed) if speed is not None else None
        if limit is not None:
            yield _number(kind, "s", 0.0), limit


def _speed_mps(element: Element) -> float | None:
    """The limit in m/s; None where there is none ("no limit", "undefined")."""
    text, unit = element.get("max", ""), element.get("unit", "")
    try:
        value = float(text) * METRES_PER_SECOND[unit]
    except (ValueError, KeyError):
        return None
    return value if 0.0 < value < 200.0 else None


def _bends(element: Element, road: str) -> Iterator[tuple[float, float, float]]:
    """How sharply each piece of the reference line bends at most (clause 5.3.4); polynomials count as sharp."""
    pieces = element.findall("planView/geometry")
    if not pieces:
        raise MapConversionError(f"Road {road} has no geometry.", REMEDY)
    for piece in pieces:
        for name in ("x", "y", "hdg"):
            _number(piece, name)
        start, length = _number(piece, "s"), _number(piece, "length")
        if start < -1e-6 or not 0.0 <= length < LARGEST_LENGTH_M:
            raise MapConversionError(f"Road {road} has a piece of geometry of {length} m at {start} m.", REMEDY)
        yield start, start + length, _sharpest(piece, road)


def _sharpest(piece: Element, road: str) -> float:
    shape = next(iter(piece), None)
    kind = "" if shape is None else shape.tag
    if shape is None or kind not in ("line", "arc", "spiral", "poly3", "paramPoly3"):
        raise MapConversionError(f"Road {road} has a piece of geometry of the unknown kind {kind!r}.", REMEDY)
    if kind == "arc":
        return abs(_number(shape, "curvature"))
    if kind == "spiral":
        return max(abs(_number(shape, "curvStart")), abs(_number(shape, "curvEnd")))
    for name in {"poly3": ["a", "b", "c", "d"], "paramPoly3": ["aU", "bU", "cU", "dU", "aV", "bV", "cV", "dV"]}.get(kind, []):
        _number(shape, name)
    return 0.0 if kind == "line" else 0.2


def _sections(element: Element, length_m: float) -> Iterator[Section]:
    parts = element.findall("lanes/laneSection")
    starts = [_number(part, "s") for part in parts]
    if not parts or starts != sorted(set(starts)) or starts[0] > 1e-3 or starts[-1] >= length_m:
        raise MapConversionError(f"Road {element.get('id')} has lane sections at {starts} m.", REMEDY)
    offsets = [_number(part, "s", 0.0) for part in element.findall("lanes/laneOffset") if _bends_lane(part)]
    for index, (part, start, end) in enumerate(zip(parts, starts, [*starts[1:], length_m], strict=True)):
        lanes = {lane.id: lane for side in part for lane in _lanes(side, start, bool(offsets))}
        yield Section(index, start, end, lanes)


def _lanes(side: Element, section_m: float, shifted: bool) -> Iterator[Lane]:
    for element in side.findall("lane"):
        widths = element.findall("width")
        number = _whole(element, "id")
        if not widths and number != 0 and element.get("type") in DRIVABLE:
            raise MapConversionError(f"A driving lane {number} has no width.", REMEDY)
        predecessor, successor = element.find("link/predecessor"), element.find("link/successor")
        yield Lane(
            id=number,
            kind=element.get("type", "none"),
            marks=tuple(_mark(mark, number, section_m) for mark in element.findall("roadMark")),
            speeds=tuple(_lane_speeds(element, section_m)),
            predecessor=None if predecessor is None else _whole(predecessor, "id"),
            successor=None if successor is None else _whole(successor, "id"),
            varies=shifted or len(widths) > 1 or any(_bends_lane(width) for width in widths),
        )


def _bends_lane(polynomial: Element) -> bool:
    """Whether a width or offset changes along the road."""
    return any([_number(polynomial, name, 0.0) != 0.0 for name in ("a", "b", "c", "d")][1:])


def _lane_speeds(element: Element, section_m: float) -> Iterator[tuple[float, float]]:
    for speed in element.findall("speed"):
        limit = _speed_mps(speed)
        if limit is not None:
            yield section_m + _number(speed, "sOffset", 0.0), limit


def _mark(element: Element, lane: int, section_m: float) -> LaneMark:
    """A mark; where the file doesn't say who may cross it, the kind of line does (clause 5.3.7.2.1.1.4)."""
    kind, given = element.get("type", "none"), element.get("laneChange")
    if given is None:
        change = IMPLIED_CHANGE.get(kind, "none")
    elif given in ("increase", "decrease"):
        change = "inward" if (given == "increase") == (lane < 0) else "outward"
    else:
        change = given if given == "both" else "none"
    return LaneMark(section_m + _number(element, "sOffset", 0.0), kind, change)


def _junction(element: Element) -> Junction:
    return Junction(
        id=element.get("id", ""),
        connections=tuple(_connection(part) for part in element.findall("connection")),
        first=frozenset((part.get("high", ""), part.get("low", "")) for part in element.findall("priority")),
    )


def _connection(element: Element) -> Connection:
    return Connection(
        incoming=element.get("incomingRoad", ""),
        connecting=element.get("connectingRoad", ""),
        contact=element.get("contactPoint", "start"),
        lanes=tuple((_whole(link, "from"), _whole(link, "to")) for link in element.findall("laneLink")),
    )
