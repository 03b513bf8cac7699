"""What `carla.Map` doesn't tell of an OpenDRIVE file: lane sections, speeds of roads, controllers, objects beside the
road.

Only the text is read here; geometry comes from `carla.Map` (see `roads.py`). Units are SI, angles radians, as in
the standard.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

MPS_PER_UNIT = {"m/s": 1.0, "km/h": 1.0 / 3.6, "mph": 0.44704}


class MapError(Exception):
    """A map can't be used; the message says why and what to do."""


@dataclass(frozen=True)
class LaneSection:
    """A stretch of a road in which the lanes stay the same; `lane_types` is keyed by lane id, without lane 0."""

    start_m: float
    end_m: float
    lane_types: dict[int, str]


@dataclass(frozen=True)
class Polynomial:
    """a + b ds + c ds² + d ds³, for ds from `start_m` on."""

    start_m: float
    coefficients: tuple[float, float, float, float]

    def at(self, s_m: float) -> float:
        ds = s_m - self.start_m
        a, b, c, d = self.coefficients
        return a + ds * (b + ds * (c + ds * d))


@dataclass(frozen=True)
class Road:
    road_id: int
    length_m: float
    junction_id: int
    sections: tuple[LaneSection, ...]
    lane_offsets: tuple[Polynomial, ...]
    speeds: tuple[tuple[float, float], ...]
    """(from s in metres, limit in m/s), ascending."""

    def lane_offset_m(self, s_m: float) -> float:
        """How far to the left of the reference line lane 0 runs."""
        before = [polynomial for polynomial in self.lane_offsets if polynomial.start_m <= s_m]
        return before[-1].at(s_m) if before else 0.0

    def speed_mps(self, s_m: float, otherwise_mps: float) -> float:
        before = [limit for start_m, limit in self.speeds if start_m <= s_m]
        return before[-1] if before else otherwise_mps


@dataclass(frozen=True)
class RoadObject:
    """A thing beside a road, in the road's coordinates: s along, t to the left, `heading_rad` from the road's
    direction.
    """

    name: str
    kind: str
    road_id: int
    s_m: float
    t_m: float
    base_z_m: float
    heading_rad: float
    length_m: float
    width_m: float
    height_m: float


@dataclass(frozen=True)
class Site:
    """An OpenDRIVE file without its geometry."""

    roads: tuple[Road, ...]
    controllers: dict[str, tuple[str, ...]]
    """Signal ids by controller id."""
    junction_controllers: dict[int, tuple[str, ...]]
    """Controller ids by junction id, in the order in which they take their turn."""
    objects: tuple[RoadObject, ...]


def read_site(text: str) -> Site:
    """Read an OpenDRIVE document; raises MapError where it is none."""
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise MapError(f"This is not an OpenDRIVE map: it is not XML ({error}). Give a .xodr file.") from None
    if root.tag != "OpenDRIVE":
        raise MapError(
            f"This is not an OpenDRIVE map: its root is <{root.tag[:40]}>, not <OpenDRIVE>. Give a .xodr file."
        )
    try:
        site = _read_root(root)
    except (ValueError, TypeError, AttributeError) as error:
        raise MapError(f"This OpenDRIVE map is damaged: {error}. Export it again.") from None
    if not site.roads:
        raise MapError("This OpenDRIVE map has no roads. Give a map with at least one <road>.")
    return site


def _read_root(root: ElementTree.Element) -> Site:
    roads = tuple(_read_road(road) for road in root.findall("road"))
    return Site(
        roads,
        {
            controller.get("id", ""): tuple(control.get("signalId", "") for control in controller.findall("control"))
            for controller in root.findall("controller")
        },
        {int(junction.get("id", "-1")): _turns(junction) for junction in root.findall("junction")},
        tuple(thing for road in root.findall("road") for thing in _read_objects(road)),
    )


def _turns(junction: ElementTree.Element) -> tuple[str, ...]:
    controllers = [(_number(entry, "sequence"), entry.get("id", "")) for entry in junction.findall("controller")]
    return tuple(controller_id for _, controller_id in sorted(controllers, key=lambda entry: entry[0]))


def _number(element: ElementTree.Element, name: str, default: float = 0.0) -> float:
    text = element.get(name)
    value = default if text is None else float(text)
    if not isfinite(value):
        raise ValueError(f"<{element.tag}> has {name}={text!r}")
    return value


def _read_road(road: ElementTree.Element) -> Road:
    lanes = road.find("lanes")
    if lanes is None:
        raise ValueError(f"road {road.get('id')} has no <lanes>")
    length_m = _number(road, "length")
    return Road(
        int(road.get("id", "")),
        length_m,
        int(road.get("junction", "-1")),
        tuple(_read_sections(lanes, length_m)),
        tuple(_read_polynomial(offset) for offset in lanes.findall("laneOffset")),
        tuple(_read_speeds(road)),
    )


def _read_polynomial(element: ElementTree.Element) -> Polynomial:
    a, b, c, d = (_number(element, name) for name in "abcd")
    return Polynomial(_number(element, "s"), (a, b, c, d))


def _read_sections(lanes: ElementTree.Element, length_m: float) -> Iterator[LaneSection]:
    sections = lanes.findall("laneSection")
    starts_m = [_number(section, "s") for section in sections]
    for section, start_m, end_m in zip(sections, starts_m, [*starts_m[1:], length_m], strict=True):
        types = {int(lane.get("id", "0")): lane.get("type", "none") for lane in section.iter("lane")}
        types.pop(0, None)
        yield LaneSection(start_m, end_m, types)


def _read_speeds(road: ElementTree.Element) -> Iterator[tuple[float, float]]:
    for kind in road.findall("type"):
        speed = kind.find("speed")
        if speed is None or speed.get("max") in ("no limit", "undefined"):
            continue
        yield _number(kind, "s"), _number(speed, "max") * MPS_PER_UNIT.get(speed.get("unit", "m/s"), 1.0)


def _read_objects(road: ElementTree.Element) -> Iterator[RoadObject]:
    for thing in road.iterfind("objects/object"):
        yield RoadObject(
            thing.get("name", ""),
            thing.get("type", ""),
            int(road.get("id", "")),
            _number(thing, "s"),
            _number(thing, "t"),
            _number(thing, "zOffset"),
            _number(thing, "hdg"),
            _number(thing, "length"),
            _number(thing, "width"),
            _number(thing, "height"),
        )
