"""CommonRoad files become the planner's lane graph; what is wrong with one is said in a sentence."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_planner.commonroad_map import ScenarioError, lane_graph, parse
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.route import Route, find_route
from homeward_planner.scene import Pose


def bound(name: str, points: list[tuple[float, float]]) -> str:
    return f"<{name}>" + "".join(f"<point><x>{x}</x><y>{y}</y></point>" for x, y in points) + f"</{name}>"


def lanelet(number: int, from_x: float, y: float, rest: str = "", kind: str = "urban") -> str:
    left = bound("leftBound", [(from_x, y + 2.0), (from_x + 50.0, y + 2.0)])
    right = bound("rightBound", [(from_x, y - 2.0), (from_x + 25.0, y - 2.0), (from_x + 50.0, y - 2.0)])
    return f'<lanelet id="{number}">{left}{right}{rest}<laneletType>{kind}</laneletType></lanelet>'


TWO_LANES = (
    '<commonRoad benchmarkID="TEST" timeStepSize="0.1">'
    + lanelet(1, 0.0, 0.0, '<successor ref="2"/><adjacentLeft ref="3" drivingDir="same"/><trafficSignRef ref="9"/>')
    + lanelet(2, 50.0, 0.0, '<predecessor ref="1"/><adjacentLeft ref="4" drivingDir="opposite"/><stopLine/>')
    + lanelet(3, 0.0, 4.0, '<adjacentRight ref="1" drivingDir="same"/>')
    + lanelet(4, 50.0, 4.0)
    + lanelet(5, 0.0, 9.0, kind="sidewalk")
    + '<trafficSign id="9"><trafficSignElement><trafficSignID>274</trafficSignID><additionalValue>8.5</additionalValue>'
    "</trafficSignElement></trafficSign></commonRoad>"
)


def graph_of(text: str) -> LaneGraph:
    return lane_graph(ElementTree.fromstring(text))


def test_lanes_lengths_links_neighbours_limits():
    graph = graph_of(TWO_LANES)
    first, second, third, fourth = graph.lanes  # the pavement is left out
    assert first.length_m == pytest.approx(50.0) and first.width_m == pytest.approx(4.0)
    assert (first.successors, second.predecessors) == ((1,), (0,))
    assert (first.left, third.right, second.left, fourth.right) == (2, 0, None, None)
    assert first.speed_limit_mps == 8.5 and second.speed_limit_mps == pytest.approx(50.0 / 3.6)


def test_a_route_leads_over_its_lanes():
    route = find_route(graph_of(TWO_LANES), Pose(5.0, 0.0, 0.0), Pose(90.0, 0.0, 0.0))
    assert isinstance(route, Route) and [leg.lane for leg in route.legs] == [0, 1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<x>25.0</x>", "<x>nan</x>", "out of range"),
        ("<x>25.0</x>", "<x>far</x>", "no number"),
        ("<x>25.0</x>", "", "missing"),
        ('ref="2"', 'ref="two"', "no whole number"),
        ('lanelet id="3"', 'lanelet id="1"', "same id"),
        ("leftBound", "leftEdge", "fewer than two"),
        ("8.5", "1e99", "out of range"),
        ("lanelet", "lane", "no lanelet for cars"),
    ],
)
def test_what_is_wrong_is_said(old, new, said):
    with pytest.raises(ScenarioError, match=said):
        graph_of(TWO_LANES.replace(old, new))


def test_a_link_to_what_is_not_there_is_left_out():
    assert graph_of(TWO_LANES.replace('successor ref="2"', 'successor ref="77"')).lanes[0].successors == ()


@pytest.mark.parametrize("content", [b"", b"<a>", b"<osm/>", b"\xff\xfe\x00", b'<?xml version="1.0" encoding="no-such"?><a/>'])
def test_files_that_are_no_scenario(tmp_path, content):
    file = tmp_path / "bad.xml"
    file.write_bytes(content)
    with pytest.raises(ScenarioError, match=r"bad\.xml"):
        parse(file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ScenarioError, match=r"gone\.xml"):
        parse(tmp_path / "gone.xml")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(TWO_LANES) - 1), st.integers(0, 12), st.text(st.characters(codec="utf-8"), max_size=8))
def test_a_garbled_file_is_refused_or_read_and_nothing_else(tmp_path_factory, at, gone, text):
    file = tmp_path_factory.mktemp("garbled") / "garbled.xml"
    file.write_text(TWO_LANES[:at] + text + TWO_LANES[at + gone :], encoding="utf-8")
    try:
        graph = lane_graph(parse(file))
    except ScenarioError:
        return
    assert graph.lanes
