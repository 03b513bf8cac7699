"""The page of the CommonRoad benchmark: whole, self-contained, the failed ones first, and right about where they failed."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from homeward_cli.bench.commonroad_drive import LENGTH_M
from homeward_cli.bench.commonroad_report import Case, failure_of, histogram, overlap, page_of, write
from homeward_cli.bench.commonroad_scenario import Goal, Recorded, Scenario, Task
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.scene import Kind, Pose

ROAD = np.array([[0.0, -2.0], [200.0, -2.0], [200.0, 2.0], [0.0, 2.0]])


class _Lane:
    outline_m = ROAD


class _Graph:
    lanes = (_Lane(),)


@pytest.fixture
def scenario() -> Scenario:
    parked = Recorded(8, Kind.CAR, 4.0, 2.0, {0: (150.0, 0.0, 0.0, 0.0)}, True)
    ahead = Recorded(9, Kind.CAR, 4.0, 2.0, {step: (30.0 + step, 0.5, 0.0, 10.0) for step in range(40)}, False)
    graph: LaneGraph = _Graph()  # type: ignore[assignment]
    return Scenario(Path("a.xml"), 0.1, graph, Task(1, Pose(10.0, 0.0, 0.0), 10.0, 0.0, (Goal((30, 35), (ROAD[:, ::-1] / 20.0,)),)), (parked, ahead))


def straight(speed_m: float, steps: int = 41, aside_m: float = 0.0) -> list[tuple[float, ...]]:
    """States by time step: so many metres a step, so many to the side in all."""
    return [(step, 10.0 + speed_m * step, aside_m * step / steps, 0.0, 10.0 * speed_m, 0.0) for step in range(steps)]


def svgs(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(f"<svg{part.partition('</svg>')[0]}</svg>") for part in page.split("<svg")[1:]]


def test_each_scenario_is_there_and_the_failed_ones_come_first(scenario):
    cases = [Case("good", "valid", scenario, straight(0.3)), Case("bad", "collision", scenario, straight(1.5)),
             Case("unfair", "off_road", scenario, straight(0.3), start="off_road"), Case("torn", "refused", note="No goal.")]  # fmt: skip
    page = page_of(cases, {"valid": 1}, [1.0, 2.0], [300.0])
    places = [page.index(f'<h3 id="{name}">') for name in ("bad", "torn", "unfair", "good")]
    assert places == sorted(places)
    assert all(f'href="#{name}"' in page for name in ("good", "bad", "unfair", "torn")) and "No goal." in page
    assert len(svgs(page)) == 4, "the histogram and three pictures, each well formed"
    assert all(word not in page for word in ("<script", "src=", "@import", "url("))


def test_texts_from_files_are_escaped():
    case = Case('<script>"&', "refused", note="<b>no</b> & never")
    page = page_of([case], {"<key>": "<value>"}, [])
    assert "<script" not in page and "<b>no" not in page and "<value>" not in page
    assert "&lt;b&gt;no&lt;/b&gt; &amp; never" in page
    ElementTree.fromstring(page.partition("<!doctype html>")[2])


def test_the_page_is_well_formed(scenario):
    page = page_of([Case("one", "goal", scenario, straight(0.3), "valid", "collision", straight(0.2))], {"valid": 0}, [3.0], [4.0])
    ElementTree.fromstring(page.partition("<!doctype html>")[2])
    assert "stroke-dasharray" in page, "the peer's way"


def test_a_collision_is_found_where_the_boxes_first_overlap(scenario):
    states = [(step, x, 1.0, 0.0, 0.0, 0.0) for step, x, *_ in straight(1.5)]
    found = failure_of(Case("one", "collision", scenario, states))
    assert found is not None and found.word == "hits 9"
    assert 10.0 + 1.5 * found.step + LENGTH_M / 2.0 >= 30.0 + found.step - 2.0 > 10.0 + 1.5 * (found.step - 1) + LENGTH_M / 2.0 - 1.0
    page = page_of([Case("one", "collision", scenario, states)], {}, [1.0])
    assert f"hits 9, {found.step * 0.1:.1f} s" in page


def test_leaving_the_lanes_and_missing_the_goal_are_found(scenario):
    found = failure_of(Case("one", "off_road", scenario, straight(0.1, aside_m=3.0)))
    assert found is not None and found.y_m > 1.1 and found.word == "leaves the lanes"
    found = failure_of(Case("one", "goal", scenario, straight(0.3)))
    assert found is not None and found.step == 40
    assert failure_of(Case("one", "valid", scenario, straight(0.3))) is None
    assert failure_of(Case("one", "refused")) is None


def test_boxes_that_only_come_near_do_not_overlap():
    box = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    turned = box @ np.array([[0.7071, -0.7071], [0.7071, 0.7071]])
    assert overlap(box, turned + [2.4, 0.0]) and not overlap(box, turned + [2.5, 0.0])
    assert not overlap(box, box + [0.0, 2.01]) and overlap(box, box * 0.1)


def test_a_histogram_counts_every_cycle_even_beyond_its_ends():
    bars = [one for one in svgs(histogram([0.001, 5.0, 1e9]))[0].iter() if one.get("fill-opacity")]
    assert len(bars) == 3
    assert len(svgs(histogram([]))) == 1


def test_a_page_that_can_not_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="can't be written"):
        write(tmp_path / "file" / "page.html", "")
