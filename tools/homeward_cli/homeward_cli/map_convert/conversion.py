"""OpenDRIVE to Lanelet2: the whole story, from a file's text to the OSM document."""

from __future__ import annotations

from dataclasses import dataclass

from . import opendrive, right_of_way, signals
from .buildings import Building, buildings
from .crosswalks import crosswalks
from .geometry import Geometry, Points
from .joints import Corner, Joints, join
from .opendrive import LaneMark, Network
from .osm import Document, Relation, projector_info
from .parking import Parking, parking
from .right_of_way import TURN_RAD, Rules, Waiting
from .signals import Approach, turn_of
from .strips import Boundary, Strip, Strips, cut

ASSUMED_SPEED_MPS = 50.0 / 3.6  # where no road says anything: the limit in towns
MARK_TYPES = {
    "broken": ("line_thin", "dashed"),
    "botts dots": ("line_thin", "dashed"),
    "broken broken": ("line_thin", "dashed"),
    "solid": ("line_thin", "solid"),
    "solid solid": ("line_thin", "solid_solid"),
    "curb": ("curbstone", "high"),
    "grass": ("road_border", ""),
    "edge": ("road_border", ""),
}


@dataclass(frozen=True)
class Summary:
    """What a conversion made, and what it had to leave out or assume (in sentences)."""

    lanelets: int
    length_km: float
    traffic_lights: int
    stop_signs: int
    yield_signs: int
    crosswalks: int
    right_of_way_rules: int
    buildings: int
    parking_places: int
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        """For people: what was made."""
        return (
            f"{self.lanelets} lanelets ({self.length_km:.1f} km), {self.traffic_lights} approaches with lights, "
            f"{self.stop_signs} stop and {self.yield_signs} yield signs, {self.crosswalks} crosswalks, "
            f"{self.right_of_way_rules} rules of right of way, {self.buildings} buildings, {self.parking_places} places to park"
        )


@dataclass(frozen=True)
class Conversion:
    """A converted map: the OSM file's text, map_projector_info.yaml's text, and the summary."""

    osm: str
    projector_info: str
    summary: Summary


def convert_here(xodr_text: str, name: str) -> Conversion:
    """Convert a map in this process, which some malformed maps end (see `isolation.py`). Raises MapConversionError."""
    network = opendrive.read(xodr_text)
    geometry = Geometry(name, xodr_text)
    strips = cut(network, geometry)
    return _Writer(network, geometry, strips, buildings(name, xodr_text), parking(name, xodr_text)).write()


class _Writer:
    """Fills the document, step by step; later steps refer to the ids of earlier ones."""

    def __init__(
        self, network: Network, geometry: Geometry, strips: Strips, houses: list[Building], parked: Parking
    ) -> None:
        self.network, self.geometry, self.strips, self.houses, self.parking = network, geometry, strips, houses, parked
        self.joints: Joints = join(strips)
        self.document = Document(network.latitude_deg or 0.0, network.longitude_deg or 0.0)
        self.corner_nodes: dict[Corner, int] = {}
        self.boundary_ways: dict[tuple[str, int, int, int], int] = {}
        self.lanelets: dict[str, Relation] = {}
        self.remarks: list[str] = []

    def write(self) -> Conversion:
        """Boundaries, lanelets, then the rules that refer to them."""
        self._write_boundaries()
        self._write_lanelets()
        lights = signals.approaches(signals.TRAFFIC_LIGHT, self.strips, self.geometry)
        stops = signals.approaches(signals.STOP_SIGN, self.strips, self.geometry)
        yields = signals.approaches(signals.YIELD_SIGN, self.strips, self.geometry)
        for approach in lights:
            before = [strip for strip in approach.strips() if _light_of(strip, lights) is approach]
            self._write_light(approach, before)
        lines = {approach: self._write_sign(approach) for approach in [*stops, *yields]}
        all_stop = right_of_way.all_way_stops(self.strips, stops)
        for group in all_stop:
            self._write_all_way_stop(group, lines)
        stopped_alike = {way.name for group in all_stop for approach in group for way in approach.ways}
        waits = [
            wait
            for wait in right_of_way.waiting(self.network, self.strips, Rules.of(yields, stops, lights))
            if wait.way.name not in stopped_alike
        ]
        for wait in waits:
            self._write_right_of_way(wait, [*stops, *yields], lines)
        walks = crosswalks(self.geometry)
        for left, right in walks:
            self._write_crosswalk(left, right)
        for house in self.houses:
            self._write_building(house)
        self._write_parking()
        return self._conversion(len(lights), len(stops), len(yields), len(walks), len(waits))

    def _conversion(self, lights: int, stops: int, yields: int, walks: int, waits: int) -> Conversion:
        length_m = sum(strip.end_m - strip.start_m for strip in self.strips.all)
        houses, remarks = len(self.houses), tuple(self._all_remarks())
        counts = (lights, stops, yields, walks, waits, houses, len(self.parking.places))
        summary = Summary(len(self.lanelets), length_m / 1000.0, *counts, remarks)
        origin = (self.document.latitude_deg, self.document.longitude_deg)
        return Conversion(self.document.to_xml(), projector_info(*origin), summary)

    def _all_remarks(self) -> list[str]:
        remarks = list(self.remarks)
        if self.network.latitude_deg is None or self.network.longitude_deg is None:
            remarks.append("the map has no georeference (lat_0, lon_0): its origin is put at 0° N, 0° E")
        if self.strips.lost_links:
            remarks.append(f"{self.strips.lost_links} links of the file lead to no driving lane")
        if self.joints.apart:
            pairs = ", ".join(f"{here.name} to {there.name}" for here, there in self.joints.apart[:5])
            remarks.append(f"{len(self.joints.apart)} linked lanes lie too far apart to be joined ({pairs})")
        return remarks

    # boundaries and lanelets

    def _corner(self, corner: Corner) -> int:
        root = self.joints.root[corner]
        if root not in self.corner_nodes:
            self.corner_nodes[root] = self.document.add_node(self.joints.place[root])
        return self.corner_nodes[root]

    def _write_boundaries(self) -> None:
        for key, boundary in self.strips.boundaries.items():
            inner = [self.document.add_node(point) for point in boundary.points[1:-1]]
            nodes = [self._corner((key, 0)), *inner, self._corner((key, -1))]
            self.boundary_ways[key] = self.document.add_way(nodes, **_mark_tags(boundary))

    def _write_lanelets(self) -> None:
        speeds = self._speeds()
        for strip in self.strips.all:
            relation = self.document.add_relation(
                type="lanelet",
                subtype="road",
                location="urban",
                one_way="yes",
                **{"participant:vehicle": "yes"},
                speed_limit=f"{speeds[strip.name] * 3.6:.6g} km/h",
                **_turn_tags(strip),
                opendrive=strip.name,
            )
            for role, boundary in (("left", strip.left), ("right", strip.right)):
                relation.members.append(("way", self.boundary_ways[boundary.key], role))
            self.lanelets[strip.name] = relation

    def _speeds(self) -> dict[str, float]:
        """The limit of each strip; where the file is silent, that of the strip before (or after) it."""
        speeds = {strip.name: strip.speed_mps for strip in self.strips.all}
        waiting = [strip for strip in self.strips.all if strip.speed_mps is not None]
        for strip in waiting:  # grows while it is read: each strip passes its limit on once
            for neighbour in [*strip.following, *(() if strip.following else strip.preceding)]:
                if speeds[neighbour.name] is None:
                    speeds[neighbour.name] = speeds[strip.name]
                    waiting.append(neighbour)
        silent = [name for name, speed in speeds.items() if speed is None]
        if silent:
            self.remarks.append(f"{len(silent)} lanelets have no speed limit in the file: 50 km/h is assumed")
        return {name: ASSUMED_SPEED_MPS if speed is None else speed for name, speed in speeds.items()}

    # rules

    def _rule(self, strips: list[Strip], **tags: str) -> Relation:
        """A regulatory element, to which the lanelets of the given strips refer."""
        rule = self.document.add_relation(type="regulatory_element", **tags)
        for strip in strips:
            self.lanelets[strip.name].members.append(("relation", rule.id, "regulatory_element"))
        return rule

    def _write_light(self, approach: Approach, ruled_before: list[Strip]) -> None:
        """A light on the approach, and on each way through the junction (where Autoware looks for it)."""
        line = self.document.add_line(approach.stop_line(self.geometry), type="stop_line", subtype="solid")
        rule = self._rule([*ruled_before, *approach.ways], subtype="traffic_light")
        for post in approach.posts:
            bulb = self.document.add_line(
                post.face,
                type="traffic_light",
                subtype="red_yellow_green",
                height=f"{post.height_m:.3f}",
                opendrive=post.id,
            )
            rule.members.append(("way", bulb, "refers"))
        rule.members.append(("way", line, "ref_line"))

    def _write_sign(self, approach: Approach) -> int:
        """A sign and its line; returns the line's id."""
        line = self.document.add_line(approach.stop_line(self.geometry), type="stop_line", subtype="solid")
        ruled = {way.name for way in approach.ways}
        before = [strip for strip in approach.strips() if _junction_ways(strip) <= ruled]
        rule = self._rule([*before, *approach.ways], subtype="traffic_sign")
        for post in approach.posts:
            sign = self.document.add_line(post.face, type="traffic_sign", subtype=f"de{post.type}", opendrive=post.id)
            rule.members.append(("way", sign, "refers"))
        rule.members.append(("way", line, "ref_line"))
        return line

    def _write_all_way_stop(self, group: list[Approach], lines: dict[Approach, int]) -> None:
        ways = [way for approach in group for way in approach.ways]
        rule = self._rule(ways, subtype="all_way_stop")
        rule.members += [("relation", self.lanelets[way.name].id, "yield") for way in ways]
        rule.members += [("way", lines[approach], "ref_line") for approach in group for _ in approach.ways]

    def _write_right_of_way(self, wait: Waiting, signed: list[Approach], lines: dict[Approach, int]) -> None:
        rule = self._rule([wait.way], subtype="right_of_way")
        rule.members.append(("relation", self.lanelets[wait.way.name].id, "yield"))
        rule.members += [("relation", self.lanelets[way.name].id, "right_of_way") for way in wait.first]
        here = next((one for one in signed if any(way is wait.way for way in one.ways)), None)
        if here is not None:
            rule.members.append(("way", lines[here], "ref_line"))

    def _write_crosswalk(self, left: Points, right: Points) -> None:
        ways = [self.document.add_line(side, type="pedestrian_marking") for side in (left, right)]
        relation = self.document.add_relation(
            type="lanelet", subtype="crosswalk", location="urban", one_way="no", **{"participant:pedestrian": "yes"}
        )
        relation.members += [("way", ways[0], "left"), ("way", ways[1], "right")]

    def _write_building(self, house: Building) -> None:
        """A Lanelet2 polygon: a way that is told to be an area; its last corner is joined to the first."""
        self.document.add_line(house.outline, type="building", area="yes", height=f"{house.height_m:.2f}")

    def _write_parking(self) -> None:
        """As Autoware has it: a place is the line along its middle with a width, paved ground a polygon."""
        for place in self.parking.places:
            self.document.add_line(place.line, type="parking_space", width=f"{place.width_m:.2f}")
        for ground in self.parking.grounds:
            self.document.add_line(ground, type="parking_lot", area="yes")


def _light_of(strip: Strip, lights: list[Approach]) -> Approach:
    """The one light of a lane before a junction: of several, the one that rules most of its ways."""
    ways = _junction_ways(strip)
    mine = [light for light in lights if any(one is strip for one in light.strips())]
    return max(mine, key=lambda light: len(ways & {way.name for way in light.ways}))


def _junction_ways(strip: Strip) -> set[str]:
    return {way.name for way in strip.following if way.road.in_junction}


def _turn_tags(strip: Strip) -> dict[str, str]:
    if not strip.road.in_junction:
        return {}
    turn = turn_of(strip)
    return {"turn_direction": "left" if turn > TURN_RAD else "right" if turn < -TURN_RAD else "straight"}


def _mark_tags(boundary: Boundary) -> dict[str, str]:
    """Type and subtype of a boundary; where the rule for changing lanes isn't the line's usual one, the rule too."""
    mark = boundary.mark or LaneMark(0.0, "none", "none")
    if mark.kind in ("solid broken", "broken solid"):
        kind, subtype = "line_thin", "solid_dashed" if mark.kind == "solid broken" else "dashed_solid"
    else:
        kind, subtype = MARK_TYPES.get(mark.kind, ("virtual", ""))
    tags = {"type": kind, **({"subtype": subtype} if subtype else {})}
    usual = {"dashed": "both", "solid_dashed": "inward", "dashed_solid": "outward"}.get(subtype, "none")
    change = mark.change if boundary.same_way else "none"
    if change != usual and boundary.same_way:
        tags |= CHANGE_TAGS[change]
    return tags


# On a boundary that runs with the traffic, the middle of the road is on its left.
CHANGE_TAGS = {
    "none": {"lane_change": "no"},
    "both": {"lane_change": "yes"},
    "inward": {"lane_change:left": "yes", "lane_change:right": "no"},
    "outward": {"lane_change:left": "no", "lane_change:right": "yes"},
}
