"""Converted maps, read by plain lanelet2, against what carla.Map says of the OpenDRIVE files."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

import carla
import lanelet2
import numpy as np
import pytest

from homeward_cli.map_convert import Conversion, convert

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("HOMEWARD_DATA", ROOT.parent / "shared" / "data"))
HOMETOWN = ROOT / "maps" / "hometown"
Key = tuple[int, int, int]  # road, section, lane


@dataclass
class Town:
    """A map three ways: OpenDRIVE for carla.Map, converted, and as lanelet2 reads the conversion."""

    name: str
    text: str
    conversion: Conversion
    path: Path

    @cached_property
    def carla(self) -> carla.Map:
        return carla.Map(self.name, self.text)

    @cached_property
    def xml(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.text)

    @cached_property
    def map(self) -> lanelet2.core.LaneletMap:
        meta = ElementTree.fromstring(self.conversion.osm).find("MetaInfo")
        origin = lanelet2.io.Origin(float(meta.get("origin_latitude")), float(meta.get("origin_longitude")), 0.0)
        return lanelet2.io.load(str(self.path), lanelet2.projection.LocalCartesianProjector(origin))

    @cached_property
    def rules(self) -> lanelet2.traffic_rules.TrafficRules:
        return lanelet2.traffic_rules.create(
            lanelet2.traffic_rules.Locations.Germany, lanelet2.traffic_rules.Participants.Vehicle
        )

    @cached_property
    def graph(self) -> lanelet2.routing.RoutingGraph:
        return lanelet2.routing.RoutingGraph(self.map, self.rules)

    @cached_property
    def roads(self) -> dict[Key, list[lanelet2.core.Lanelet]]:
        found: dict[Key, list[lanelet2.core.Lanelet]] = defaultdict(list)
        for lanelet in self.map.laneletLayer:
            if lanelet.attributes["subtype"] == "road":
                found[key_of(lanelet)].append(lanelet)
        return found

    @cached_property
    def section_ends(self) -> dict[int, list[float]]:
        """Where the lane sections of each road begin, and where the last one ends."""
        return {
            int(road.get("id", "")): [
                *(float(section.get("s", "nan")) for section in road.iter("laneSection")),
                float(road.get("length", "nan")),
            ]
            for road in self.xml.iter("road")
        }


def key_of(lanelet: lanelet2.core.Lanelet) -> Key:
    road, section, lane, _ = map(int, lanelet.attributes["opendrive"].split("/"))
    return road, section, lane


@pytest.fixture(scope="module", params=["hometown", "Town01", "Town10HD", "motorway"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Town:
    source = HOMETOWN / "hometown.xodr" if request.param == "hometown" else DATA / "maps" / f"{request.param}.xodr"
    if request.param == "motorway":
        text = motorway()
    elif source.exists():
        text = source.read_text(encoding="utf-8")
    else:
        pytest.skip(f"HOMEWARD_DATA has no {source.name}")
    path = tmp_path_factory.mktemp("maps") / f"{request.param}.osm"
    conversion = convert(text, request.param)
    path.write_text(conversion.osm, encoding="utf-8")
    return Town(request.param, text, conversion, path)


def test_plain_lanelet2_reads_back_the_local_coordinates(town: Town) -> None:
    written = {}
    for node in ElementTree.fromstring(town.conversion.osm).iter("node"):
        tags = {tag.get("k"): float(tag.get("v", "nan")) for tag in node}
        written[int(node.get("id", ""))] = (tags["local_x"], tags["local_y"])
    assert len(town.map.pointLayer) == len(written)
    for point in town.map.pointLayer:
        x, y = written[point.id]
        assert abs(point.x - x) < 1e-3 and abs(point.y - y) < 1e-3


def test_every_driving_waypoint_lies_in_its_lanelet_with_its_heading(town: Town) -> None:
    waypoints = [waypoint for waypoint in town.carla.generate_waypoints(2.0) if waypoint.lane_width > 0.5]
    assert len(waypoints) > 50
    for waypoint in (one for one in waypoints if not at_an_end(town, one)):
        place = waypoint.transform.location
        point = lanelet2.core.BasicPoint2d(place.x, -place.y)
        lanelets = town.roads[waypoint.road_id, waypoint.section_id, waypoint.lane_id]
        inside = [lanelet for lanelet in lanelets if lanelet2.geometry.inside(lanelet, point)]
        assert inside, f"road {waypoint.road_id} lane {waypoint.lane_id} at {waypoint.s}"
        heading, offset, height = nearest(inside[0], place.x, -place.y)
        assert offset < 0.05
        assert abs(math.remainder(heading + math.radians(waypoint.transform.rotation.yaw), math.tau)) < math.radians(4.0)
        assert abs(height - place.z) < 0.03


def at_an_end(town: Town, waypoint: carla.Waypoint) -> bool:
    """Whether a waypoint lies on the very edge between two lanelets, where "inside" is a matter of rounding."""
    ends = town.section_ends[waypoint.road_id]
    return min(abs(waypoint.s - end) for end in ends) < 0.05


def nearest(lanelet: lanelet2.core.Lanelet, x: float, y: float) -> tuple[float, float, float]:
    """Heading, distance and height of the centre line's nearest point."""
    line = np.array([(point.x, point.y, point.z) for point in lanelet.centerline])
    steps = np.diff(line, axis=0)
    share = ((np.array([x, y]) - line[:-1, :2]) * steps[:, :2]).sum(axis=1) / (steps[:, :2] ** 2).sum(axis=1)
    feet = line[:-1] + steps * np.clip(share, 0.0, 1.0)[:, None]
    gaps = np.hypot(feet[:, 0] - x, feet[:, 1] - y)
    best = int(gaps.argmin())
    return math.atan2(steps[best, 1], steps[best, 0]), float(gaps[best]), float(feet[best, 2])


def test_lanelets_follow_one_another_as_lanes_do(town: Town) -> None:
    expected, found = set(), set()
    for key, lanelets in town.roads.items():
        road, section, lane = key
        ends = town.section_ends[road]
        last = ends[section + 1] - 1e-3 if lane < 0 else ends[section] + 1e-3
        for successor in town.carla.get_waypoint_xodr(road, lane, last).next(0.01):
            if successor.lane_type == carla.LaneType.Driving:
                expected.add((key, (successor.road_id, successor.section_id, successor.lane_id)))
        for lanelet in lanelets:
            found |= {(key, key_of(following)) for following in town.graph.following(lanelet)}
    assert {link for link in found if link[0] != link[1]} == {link for link in expected if link[0] != link[1]}
    assert len(expected) > 3


def test_lane_changes_are_allowed_where_the_marks_allow_them(town: Town) -> None:
    if town.name == "motorway":
        pytest.skip('carla.Map reads laneChange="increase" the other way round than the standard: see the next test')
    for waypoint in town.carla.generate_waypoints(3.0):
        place = lanelet2.core.BasicPoint2d(waypoint.transform.location.x, -waypoint.transform.location.y)
        for lanelet in town.roads[waypoint.road_id, waypoint.section_id, waypoint.lane_id]:
            if lanelet2.geometry.inside(lanelet, place) and waypoint.lane_width > 0.5:
                change = waypoint.lane_change
                left = bool(change & carla.LaneChange.Left) and same_way(waypoint, waypoint.get_left_lane())
                right = bool(change & carla.LaneChange.Right) and same_way(waypoint, waypoint.get_right_lane())
                where = f"{lanelet.attributes['opendrive']} at {waypoint.s}"
                assert (town.graph.left(lanelet) is not None) == left, where
                assert (town.graph.right(lanelet) is not None) == right, where


def test_increase_lets_traffic_change_to_the_lane_with_the_higher_number(tmp_path: Path) -> None:
    path = tmp_path / "motorway.osm"
    conversion = convert(motorway(), "motorway")
    path.write_text(conversion.osm)
    town = Town("motorway", motorway(), conversion, path)
    first, second = (
        next(one for one in town.map.laneletLayer if one.attributes["opendrive"] == f"1/1/-1/{piece}") for piece in (0, 1)
    )
    outer = next(one for one in town.map.laneletLayer if one.attributes["opendrive"] == "1/1/-2/0")
    assert town.graph.right(first) is None and town.graph.left(outer) is not None
    assert town.graph.right(second) is not None


def test_sections_of_a_hair_s_breadth_are_passed_over(tmp_path: Path) -> None:
    one = '<laneSection s="200">'
    thin = motorway()[motorway().index(one) :].partition("</laneSection>")[0] + "</laneSection>"
    links = 'predecessor id="-1"/><successor id="1"/>', 'predecessor id="-1"/><successor id="-1"/>'
    text = motorway().replace(one, thin.replace("200", "199.98", 1).replace(*links) + one)
    path = tmp_path / "thin.osm"
    conversion = convert(text, "thin")
    path.write_text(conversion.osm)
    town = Town("thin", text, conversion, path)
    assert (1, 2, -1) not in town.roads
    (before,) = [lanelet for lanelet in town.roads[1, 1, -1] if lanelet.attributes["opendrive"].endswith("/1")]
    assert [key_of(lanelet) for lanelet in town.graph.following(before)] == [(1, 3, -1)]


def same_way(one: carla.Waypoint, other: carla.Waypoint | None) -> bool:
    return other is not None and other.lane_type == carla.LaneType.Driving and one.lane_id * other.lane_id > 0


def test_speed_limits_are_the_roads(town: Town) -> None:
    in_mps = {"mph": 0.44704, "km/h": 1.0 / 3.6, "m/s": 1.0}
    checked = 0
    for road in town.xml.iter("road"):
        speed = road.find("type/speed")
        if speed is None or len(road.findall("type")) > 1 or road.find(".//lane/speed") is not None:
            continue
        limit = float(speed.get("max", "nan")) * in_mps[speed.get("unit", "")]
        for (number, _, _), lanelets in town.roads.items():
            if number == int(road.get("id", "")):
                for lanelet in lanelets:
                    assert town.rules.speedLimit(lanelet).speedLimit == pytest.approx(limit * 3.6, abs=0.01)
                    checked += 1
    assert checked > 0


def test_each_signalled_approach_has_one_light_and_a_stop_line_before_the_junction(town: Town) -> None:
    lights = {signal.get("id") for signal in town.xml.iter("signal") if signal.get("type") == "1000001"}
    elements = [rule for rule in town.map.regulatoryElementLayer if isinstance(rule, lanelet2.core.TrafficLight)]
    bulbs = {line.attributes["opendrive"] for rule in elements for line in rule.trafficLights}
    assert bulbs == lights
    ruled = 0
    for lanelets in town.roads.values():
        for lanelet in lanelets:
            mine = lanelet.trafficLights()
            assert len(mine) <= 1, lanelet.attributes["opendrive"]
            if mine and "turn_direction" not in lanelet.attributes:
                ruled += 1
                assert_line_before_junction(town, lanelet, mine[0].stopLine)
    approaching = {
        (mark.id, before.road_id, before.lane_id)
        for mark in town.carla.get_all_landmarks_of_type("1000001")
        for before in outside(town, mark)
    }
    assert ruled == len({(road, lane) for _, road, lane in approaching})


def outside(town: Town, mark: carla.Landmark) -> list[carla.Waypoint]:
    """Where the lanes that a landmark rules lie before the junction."""
    found = []
    for first, last in mark.get_lane_validities():
        for lane in range(first, last + 1):
            waypoint = town.carla.get_waypoint_xodr(mark.road_id, lane, mark.s) if lane else None
            while waypoint is not None and waypoint.is_junction:
                waypoint = next(iter(waypoint.previous(0.25)), None)
            found += [waypoint] if waypoint is not None else []
    return found


def assert_line_before_junction(town: Town, lanelet: lanelet2.core.Lanelet, line: lanelet2.core.LineString3d) -> None:
    middle = ((line[0].x + line[-1].x) / 2.0, (line[0].y + line[-1].y) / 2.0)
    waypoint = town.carla.get_waypoint(carla.Location(x=middle[0], y=-middle[1]))
    road, _, lane = key_of(lanelet)
    assert waypoint.road_id == road and waypoint.lane_id * lane > 0 and not waypoint.is_junction
    assert any(ahead.is_junction for ahead in waypoint.next(8.0))
    heading = math.radians(-waypoint.transform.rotation.yaw)
    across = math.atan2(line[0].y - line[-1].y, line[0].x - line[-1].x)
    assert abs(math.remainder(across - heading - math.pi / 2.0, math.tau)) < 0.1, "the line runs from left to right"


def test_crosswalks_lie_where_they_are_painted(town: Town) -> None:
    painted = [thing for thing in town.xml.iter("object") if thing.get("type") == "crosswalk"]
    walks = [lanelet for lanelet in town.map.laneletLayer if lanelet.attributes["subtype"] == "crosswalk"]
    assert len(walks) == len(painted)
    corners = [(corner.x, -corner.y) for corner in town.carla.get_crosswalks()]
    for walk in walks:
        for point in [*walk.leftBound, *walk.rightBound]:
            assert min(math.hypot(point.x - x, point.y - y) for x, y in corners) < 1.0


def test_the_same_map_gives_the_same_file(town: Town) -> None:
    assert convert(town.text, town.name) == town.conversion


def test_the_committed_hometown_is_what_the_converter_writes() -> None:
    conversion = convert((HOMETOWN / "hometown.xodr").read_text(encoding="utf-8"), "hometown")
    assert (HOMETOWN / "hometown.osm").read_text(encoding="utf-8") == conversion.osm, "run ./homeward map convert"
    assert (HOMETOWN / "map_projector_info.yaml").read_text(encoding="utf-8") == conversion.projector_info


def motorway() -> str:
    """A road east in three sections, its right lane opening and closing, lane changes first allowed one way only.

    It goes on into a road that was drawn the other way round, whose lanes count from the other side, at the end of a
    spiral.
    """
    bend = np.cumsum(np.full(100_000, 1e-3)) - 5e-4
    x, y = 200.0 + np.cos(2e-5 * bend**2).sum() * 1e-3, np.sin(2e-5 * bend**2).sum() * 1e-3
    ahead = 0.2
    start = (x + 120.0 * math.cos(ahead), y + 120.0 * math.sin(ahead))
    solid, dashed, one_way = (
        f'<roadMark sOffset="0" type="{kind}" laneChange="{change}"/>'
        for kind, change in (("solid", "none"), ("broken", "both"), ("broken", "increase"))
    )
    later = '<roadMark sOffset="60" type="broken" laneChange="both"/>'
    centre = f'<center><lane id="0" type="none" level="false">{solid}</lane></center>'
    before, after = ('<predecessor id="{0}"/>', '<successor id="{0}"/>')
    return f"""<OpenDRIVE><header revMajor="1" revMinor="4"/>
<road name="east" length="300" id="1" junction="-1">
 <link><successor elementType="road" elementId="2" contactPoint="end"/></link>
 <type s="0" type="motorway"><speed max="100" unit="km/h"/></type>
 <planView><geometry s="0" x="0" y="0" hdg="0" length="200"><line/></geometry>
  <geometry s="200" x="200" y="0" hdg="0" length="100"><spiral curvStart="0" curvEnd="0.004"/></geometry></planView>
 <elevationProfile><elevation s="0" a="0" b="0.02" c="0" d="0"/></elevationProfile>
 <lanes><laneOffset s="0" a="0" b="0" c="0" d="0"/>
  <laneSection s="0">{centre}<right>{lane(-1, 3.5, 0.0, after.format(-1), solid)}</right></laneSection>
  <laneSection s="80">{centre}<right>{lane(-1, 3.5, 0.0, before.format(-1) + after.format(-1), one_way + later)}
   {lane(-2, 0.0, 3.5 / 120.0, after.format(-2), solid)}</right></laneSection>
  <laneSection s="200">{centre}<right>{lane(-1, 3.5, 0.0, before.format(-1) + after.format(1), dashed)}
   {lane(-2, 3.5, -0.035, before.format(-2), solid)}</right></laneSection></lanes></road>
<road name="drawn westward" length="120" id="2" junction="-1">
 <link><successor elementType="road" elementId="1" contactPoint="end"/></link>
 <planView>
  <geometry s="0" x="{start[0]}" y="{start[1]}" hdg="{ahead - math.pi}" length="120"><line/></geometry></planView>
 <elevationProfile><elevation s="0" a="8.4" b="-0.02" c="0" d="0"/></elevationProfile>
 <lanes><laneOffset s="0" a="0" b="0" c="0" d="0"/>
  <laneSection s="0"><left>{lane(1, 3.5, 0.0, after.format(-1), solid)}</left>{centre}</laneSection></lanes></road>
</OpenDRIVE>"""


def lane(number: int, width_m: float, growth: float, links: str, marks: str) -> str:
    return (
        f'<lane id="{number}" type="driving" level="false"><link>{links}</link>'
        f'<width sOffset="0" a="{width_m}" b="{growth}" c="0" d="0"/>{marks}</lane>'
    )
