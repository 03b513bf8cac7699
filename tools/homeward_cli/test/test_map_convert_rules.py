"""Who waits for whom in the converted Hometown, road by road."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import lanelet2
import numpy as np
import pytest

from homeward_cli.environment import ROOT
from homeward_cli.map_convert import convert

HOMETOWN = Path(__file__).resolve().parents[3] / "maps" / "hometown" / "hometown.xodr"


@pytest.fixture(scope="module")
def names() -> dict[str, str]:
    """Road names by id."""
    return {road.get("id", ""): road.get("name", "") for road in ElementTree.parse(HOMETOWN).getroot().iter("road")}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> lanelet2.core.LaneletMap:
    path = tmp_path_factory.mktemp("rules") / "hometown.osm"
    path.write_text(convert(HOMETOWN.read_text(encoding="utf-8"), "hometown").osm, encoding="utf-8")
    return lanelet2.io.load(str(path), lanelet2.projection.LocalCartesianProjector(lanelet2.io.Origin(48.805, 9.12)))


@pytest.fixture(scope="module")
def waits(town: lanelet2.core.LaneletMap, names: dict[str, str]) -> dict[str, set[str]]:
    """By road name: the roads that go first."""
    found: dict[str, set[str]] = defaultdict(set)
    for rule in town.regulatoryElementLayer:
        if isinstance(rule, lanelet2.core.RightOfWay):
            for waiting in rule.yieldLanelets():
                found[road_of(waiting, names)] |= {road_of(first, names) for first in rule.rightOfWayLanelets()}
    return found


def road_of(lanelet: lanelet2.core.Lanelet, names: dict[str, str]) -> str:
    return names[lanelet.attributes["opendrive"].split("/")[0]]


@pytest.mark.parametrize(
    ("waiting", "first", "why"),
    [
        ("S1: Mill Street to South Row 1", "S1: South Row 2 to South Row 1", "a yield sign stands on Mill Street"),
        ("S1: Mill Street to South Row 2", "S1: South Row 1 to South Row 2", "a yield sign stands on Mill Street"),
        ("N2: School Street to Ridge Way West", "N2: Ridge Way East to Ridge Way West", "a stop sign stands there"),
        ("T1: Harbour Street to East Street", "T1: Toll Road to East Street", "a yield sign stands there"),
        ("N1: Church Street to Hill Road", "N1: Ridge Way West to Hill Road", "who comes from the right is first"),
        ("N1: Hill Road to Ridge Way West", "N1: Church Street to Ridge Way West", "who comes from the right is first"),
        ("N1: Ridge Way West to Church Street", "N1: Hill Road to Church Street", "who turns left waits"),
        ("S1: South Row 1 to Mill Street", "S1: South Row 2 to Mill Street", "who turns left waits"),
        ("J2: The Avenue West to School Street", "J2: The Avenue East to The Avenue West", "left across oncoming cars"),
    ],
)  # fmt: skip
def test_one_way_waits_for_another(waits: dict[str, set[str]], waiting: str, first: str, why: str) -> None:
    assert first in waits[waiting], why
    assert waiting not in waits.get(first, set()), "they must not wait for one another"


def test_at_the_roundabout_who_is_in_it_goes_first(
    town: lanelet2.core.LaneletMap, waits: dict[str, set[str]], names: dict[str, str]
) -> None:
    entries = [name for name in waits if name.startswith("R ")]
    assert len(entries) == 4
    assert all(len(waits[name]) == 1 for name in entries)


def test_major_roads_and_lights_do_not_wait_without_need(waits: dict[str, set[str]]) -> None:
    assert "S1: South Row 2 to South Row 1" not in waits
    assert "T1: Toll Road to East Street" not in waits
    assert not any(name.startswith("J") and " to " in name and straight(name) for name in waits)


def straight(name: str) -> bool:
    source, target = name.split(": ")[1].split(" to ")
    return {source, target} in ({"Main Street", "The Avenue West"}, {"The Avenue West", "The Avenue East"})


def test_all_way_stop_names_every_approach_and_its_line(town: lanelet2.core.LaneletMap, names: dict[str, str]) -> None:
    (rule,) = [one for one in town.regulatoryElementLayer if isinstance(one, lanelet2.core.AllWayStop)]
    assert {road_of(lanelet, names).split(" to ")[0] for lanelet in rule.lanelets()} == {
        "S2: Market Street", "S2: South Row 2", "S2: South Row 3",
    }  # fmt: skip
    assert len(rule.stopLines()) == len(rule.lanelets()) == 6


def test_turns_are_named_as_autoware_names_them(town: lanelet2.core.LaneletMap, names: dict[str, str]) -> None:
    turns = {
        road_of(lanelet, names): lanelet.attributes["turn_direction"]
        for lanelet in town.laneletLayer
        if "turn_direction" in lanelet.attributes
    }
    assert turns["J1: Main Street to The Avenue West"] == "straight"
    assert turns["J1: Main Street to Church Street"] == "left"
    assert turns["J1: Main Street to Mill Street"] == "right"
    assert not any(lanelet for lanelet in turns if lanelet in ("Main Street", "Toll Road"))


def test_hometown_names_its_houses_and_they_keep_clear_of_the_lanes() -> None:
    from homeward_planner.lanelet_map import load

    graph = load(ROOT / "maps/hometown/hometown.osm")
    named = (ROOT / "maps/hometown/hometown.xodr").read_text().count('type="building"')
    assert len(graph.buildings_m) == named > 100
    centres = np.concatenate([lane.line.points_m[:, :2] for lane in graph.lanes])
    for outline in graph.buildings_m:
        assert np.linalg.norm(centres - outline.mean(axis=0), axis=1).min() > 4.0
        assert np.linalg.norm(outline - outline.mean(axis=0), axis=1).max() < 40.0
