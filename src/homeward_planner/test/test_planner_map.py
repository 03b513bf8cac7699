"""Loading Lanelet2 maps: Homeward's own, Autoware's variants, and files that are no maps."""

from __future__ import annotations

import math
import re
from pathlib import Path

import lanelet2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeward_planner.lane_graph import ALL_WAY_STOP, LIGHT, STOP_SIGN, YIELD_SIGN, LaneGraph
from homeward_planner.lanelet_map import load
from homeward_planner.map_origin import MapError
from homeward_planner.scene import Pose

HOMETOWN = Path(__file__).resolve().parents[3] / "maps" / "hometown" / "hometown.osm"
INFO = "map_projector_info.yaml"


@pytest.fixture(scope="module")
def text() -> str:
    return HOMETOWN.read_text(encoding="utf-8")


def without_origin(text: str) -> str:
    return re.sub(r"<MetaInfo[^>]*/>", "", text)


def without_local(text: str) -> str:
    return re.sub(r'<tag k="local_[xy]" v="[^"]*"/>', "", text)


def same_place(one: LaneGraph, other: LaneGraph) -> float:
    """The largest distance between the same lane's points in two graphs."""
    pairs = zip(one.lanes, other.lanes, strict=True)
    return max(float(np.abs(a.line.points_m - b.line.points_m).max()) for a, b in pairs)


def test_hometown_has_what_its_layout_says(hometown: LaneGraph) -> None:
    kinds = [rule.kind for lane in hometown.lanes for rule in lane.rules]
    assert {LIGHT, STOP_SIGN, YIELD_SIGN, ALL_WAY_STOP} == set(kinds)
    assert len({rule.id for lane in hometown.lanes for rule in lane.rules if rule.kind == LIGHT}) == 12
    assert len(hometown.crosswalks) == 16
    assert {round(lane.speed_limit_mps * 3.6) for lane in hometown.lanes} == {30, 50, 80}
    assert hometown.remarks == ()
    assert max(float(lane.height_m.max()) for lane in hometown.lanes) == pytest.approx(9.0, abs=0.05)
    assert all(lane.successors and lane.predecessors for lane in hometown.lanes)


def test_links_and_sides_are_mutual(hometown: LaneGraph) -> None:
    for lane in hometown.lanes:
        assert all(lane.index in hometown.lanes[one].predecessors for one in lane.successors)
        if lane.left is not None:
            assert hometown.lanes[lane.left].right == lane.index
        for crossing in lane.crossings:
            mirror = [one for one in hometown.lanes[crossing.other].crossings if one.other == lane.index]
            assert len(mirror) == 1
            assert (mirror[0].waits, mirror[0].other_waits) == (crossing.other_waits, crossing.waits)
            assert not (crossing.waits and crossing.other_waits)


def test_signals_keep_the_names_of_the_opendrive_file(hometown: LaneGraph) -> None:
    opendrive = HOMETOWN.with_suffix(".xodr").read_text(encoding="utf-8")
    names = {name for lane in hometown.lanes for rule in lane.rules for name in rule.signals}
    assert all(re.search(rf'<signal [^>]*id="{name}"[^>]*type="1000001"', opendrive) for name in names)


def test_places_near_a_pose_are_those_it_heads_along(hometown: LaneGraph) -> None:
    near = hometown.places_near(Pose(0.0, -1.75, 0.0), 4.0, math.radians(60.0))
    assert near[0].left_m == pytest.approx(0.0, abs=0.02)
    assert all(abs(place.turn_rad) < math.radians(60.0) for place in near)
    assert hometown.places_near(Pose(0.0, 80.0, 0.0), 4.0) == []
    backwards = hometown.places_near(Pose(0.0, -1.75, math.pi), 2.0, math.radians(60.0))
    assert all(hometown.lanes[place.lane].line.points_m[0, 1] > 0.0 for place in backwards)


def test_an_autoware_map_is_read_by_its_local_coordinates(hometown: LaneGraph, text: str, tmp_path: Path) -> None:
    (tmp_path / "town.osm").write_text(without_origin(text))
    (tmp_path / INFO).write_text("projector_type: MGRS\nvertical_datum: WGS84\nmgrs_grid: 32UNV\n")
    assert same_place(load(tmp_path / "town.osm"), hometown) < 1e-6


def test_local_coordinates_alone_suffice(hometown: LaneGraph, text: str, tmp_path: Path) -> None:
    (tmp_path / "town.osm").write_text(without_origin(text))
    assert same_place(load(tmp_path / "town.osm"), hometown) < 1e-6


def test_without_local_coordinates_the_projection_places_the_nodes(hometown: LaneGraph, text: str, tmp_path: Path) -> None:
    (tmp_path / "town.osm").write_text(without_local(text))
    assert same_place(load(tmp_path / "town.osm"), hometown) < 1e-3
    (tmp_path / "b.osm").write_text(without_origin(without_local(text)))
    (tmp_path / INFO).write_text((HOMETOWN.parent / INFO).read_text())
    assert same_place(load(tmp_path / "b.osm"), hometown) < 1e-3


def test_a_utm_map_is_read_with_its_origin(tmp_path: Path) -> None:
    origin = lanelet2.io.Origin(48.805, 9.12, 0.0)
    lanelet2.io.write(str(tmp_path / "utm.osm"), two_lanelets(), lanelet2.projection.UtmProjector(origin))
    (tmp_path / INFO).write_text(
        "projector_type: LocalCartesianUTM\nmap_origin: {latitude: 48.805, longitude: 9.12, altitude: 0.0}\n"
    )
    graph = load(tmp_path / "utm.osm")
    assert [lane.length_m for lane in graph.lanes] == pytest.approx([50.0, 50.0], abs=1e-3)
    assert graph.lanes[0].successors == (1,)
    assert graph.lanes[1].line.points_m[0] == pytest.approx([50.0, 0.0], abs=1e-3)


def two_lanelets() -> lanelet2.core.LaneletMap:
    """Two lanelets of 50 m, one after the other, with the bare attributes."""
    rows = [
        [lanelet2.core.Point3d(lanelet2.core.getId(), 50.0 * place, side, 0.0) for place in range(3)] for side in (1.75, -1.75)
    ]
    lanelets = []
    for place in range(2):
        bounds = [lanelet2.core.LineString3d(lanelet2.core.getId(), [row[place], row[place + 1]]) for row in rows]
        lanelet = lanelet2.core.Lanelet(lanelet2.core.getId(), *bounds)
        for key, value in {"subtype": "road", "location": "urban", "one_way": "yes", "participant:vehicle": "yes"}.items():
            lanelet.attributes[key] = value
        lanelets.append(lanelet)
    return lanelet2.core.createMapFromLanelets(lanelets)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "can't be read as XML"),
        ("<OpenDRIVE/>", "begins with <OpenDRIVE>"),
        ("<osm/>", "where its origin is"),
        ('<osm><node id="1" lat="a" lon="0"/></osm>', "lat of node 1"),
        ('<osm><node id="x" lat="0" lon="0"/></osm>', "a node's id"),
        ('<osm><MetaInfo projector_type="LocalCartesian" origin_latitude="99" origin_longitude="0"/></osm>', "99"),
        ('<osm><MetaInfo projector_type="Sphere" origin_latitude="9" origin_longitude="0"/></osm>', "'Sphere'"),
        ('<osm><MetaInfo projector_type="LocalCartesian" origin_latitude="9" origin_longitude="0"/></osm>', "no lanelet"),
    ],
)
def test_what_is_no_map_is_told(content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "bad.osm").write_text(content)
    with pytest.raises(MapError) as error:
        load(tmp_path / "bad.osm")
    assert sentence in error.value.sentence
    assert error.value.remedy


def test_a_missing_file_and_a_bad_projector_file_are_told(text: str, tmp_path: Path) -> None:
    with pytest.raises(MapError, match="There is no map"):
        load(tmp_path / "missing.osm")
    (tmp_path / "town.osm").write_text(without_origin(text))
    for content in ("- a\n", "a: [\n", "projector_type: LocalCartesian\nmap_origin: {latitude: north}\n"):
        (tmp_path / INFO).write_text(content)
        with pytest.raises(MapError):
            load(tmp_path / "town.osm")


SMALL = """<osm version="0.6"><MetaInfo projector_type="LocalCartesian" origin_latitude="48.8" origin_longitude="9.1"/>
<node id="1" lat="48.8" lon="9.1"/><node id="2" lat="48.8" lon="9.101"/>
<node id="3" lat="48.79996" lon="9.1"/><node id="4" lat="48.79996" lon="9.101"/>
<way id="5"><nd ref="1"/><nd ref="2"/><tag k="type" v="line_thin"/></way>
<way id="6"><nd ref="3"/><nd ref="4"/><tag k="type" v="line_thin"/></way>
<way id="9"><nd ref="2"/><nd ref="4"/><tag k="type" v="stop_line"/></way>
<way id="10"><nd ref="2"/><nd ref="4"/><tag k="type" v="traffic_light"/><tag k="subtype" v="red_yellow_green"/></way>
<relation id="7"><member type="way" ref="5" role="left"/><member type="way" ref="6" role="right"/>
<member type="relation" ref="8" role="regulatory_element"/><tag k="type" v="lanelet"/><tag k="subtype" v="road"/>
<tag k="location" v="urban"/><tag k="one_way" v="yes"/><tag k="participant:vehicle" v="yes"/></relation>
<relation id="8"><member type="way" ref="10" role="refers"/><member type="way" ref="9" role="ref_line"/>
<tag k="type" v="regulatory_element"/><tag k="subtype" v="traffic_light"/></relation></osm>"""
VALUES = ["", "nan", "-1", "0", "1", "5", "1e308", "99999999999999999999", "x", "left", "road", "traffic_light", "30 km/h"]


def test_the_small_map_that_is_damaged_below_is_a_map(tmp_path: Path) -> None:
    (tmp_path / "small.osm").write_text(SMALL)
    (lane,) = load(tmp_path / "small.osm").lanes
    assert [rule.kind for rule in lane.rules] == [LIGHT]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 200), st.sampled_from(VALUES))
def test_a_damaged_map_loads_or_is_refused(tmp_path: Path, place: int, value: str) -> None:
    attributes = list(re.finditer(r'(\w+)="([^"]*)"', SMALL))
    chosen = attributes[place % len(attributes)]
    damaged = SMALL[: chosen.start(2)] + value + SMALL[chosen.end(2) :]
    (tmp_path / "damaged.osm").write_text(damaged)
    try:
        graph = load(tmp_path / "damaged.osm")
    except MapError as error:
        assert error.sentence and error.remedy
        return
    assert all(np.isfinite(lane.line.points_m).all() for lane in graph.lanes)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(SMALL) - 1))
def test_a_truncated_map_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "cut.osm").write_text(SMALL[:length])
    with pytest.raises(MapError):
        load(tmp_path / "cut.osm")
