"""Maps that aren't maps: a sentence and a remedy, never a crash."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_cli.map_convert import MapConversionError, convert, convert_file
from homeward_cli.map_convert.diagnosis import first_fault
from homeward_cli.map_convert.opendrive import read

HOMETOWN = Path(__file__).resolve().parents[3] / "maps" / "hometown" / "hometown.xodr"
KEPT = {"Main Street", "The Avenue West", "Church Street", "Mill Street"}
VALUES = [
    "",
    "nan",
    "inf",
    "-1",
    "0",
    "1e308",
    "x",
    "-5",
    "3",
    "1e9",
    "999999999999",
    "1e-300",
    "99",
    "start",
    "junction",
]


@cache
def corner_of_town() -> Element:
    """The first junction of Hometown and the streets that meet there, without houses."""
    root = ElementTree.parse(HOMETOWN).getroot()
    (junction,) = [one for one in root.findall("junction") if one.get("name") == "J1"]
    for road in root.findall("road"):
        if road.get("name") not in KEPT and road.get("junction") != junction.get("id"):
            root.remove(road)
        for things in road.findall("objects"):
            for thing in things.findall("object"):
                if thing.get("type") == "building":
                    things.remove(thing)
    signals = {signal.get("id") for signal in root.iter("signal")}
    for element in [*root.findall("junction"), *root.findall("controller")]:
        control = element.find("control")
        elsewhere = element is not junction if control is None else control.get("signalId") not in signals
        if elsewhere:
            root.remove(element)
    return root


def changed(element: int, attribute: int, value: str) -> str:
    """The corner of town with one attribute (counted around) set to a value, or where there is none the element
    removed.
    """
    root = copy.deepcopy(corner_of_town())
    elements = list(root.iter())
    chosen = elements[element % len(elements)]
    if chosen.attrib:
        chosen.set(sorted(chosen.attrib)[attribute % len(chosen.attrib)], value)
    else:
        for parent in elements:
            if chosen in list(parent):
                parent.remove(chosen)
    return ElementTree.tostring(root, encoding="unicode")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not well-formed XML"),
        ("<OpenDRIVE>", "not well-formed XML"),
        ("<osm/>", "not <OpenDRIVE>"),
        ("\x00\x01", "not well-formed XML"),
        ("<OpenDRIVE/>", "no road with a lane to drive on"),
        ('<OpenDRIVE><road id="1" length="nan"/></OpenDRIVE>', "no number"),
        ('<OpenDRIVE><road id="1" length="10"/></OpenDRIVE>', "lane sections at []"),
        ('<OpenDRIVE><road id="a" length="5" rule="LHT"/></OpenDRIVE>', "driven on the left"),
    ],
)
def test_what_is_no_map_is_refused_with_a_sentence_and_a_remedy(text: str, sentence: str) -> None:
    with pytest.raises(MapConversionError) as refusal:
        convert(text, "bad")
    assert sentence in refusal.value.sentence
    assert refusal.value.remedy.endswith(".")


def test_the_corner_of_town_converts() -> None:
    conversion = convert(ElementTree.tostring(corner_of_town(), encoding="unicode"), "corner")
    assert conversion.summary.traffic_lights == 5  # J1's four, and one of J2's at the far end of the avenue
    assert conversion.summary.lanelets > 20


@settings(max_examples=300, deadline=None)
@given(element=st.integers(0, 5000), attribute=st.integers(0, 20), value=st.sampled_from(VALUES))
def test_reading_a_damaged_map_succeeds_or_is_refused(element: int, attribute: int, value: str) -> None:
    text = changed(element, attribute, value)
    try:
        network = read(text)
    except MapConversionError:
        return
    assert network.roads
    assert first_fault(network, text) != ""


@settings(max_examples=12, deadline=None, derandomize=True)
@given(element=st.integers(0, 5000), attribute=st.integers(0, 20), value=st.sampled_from(VALUES))
def test_converting_a_damaged_map_succeeds_or_is_refused(element: int, attribute: int, value: str) -> None:
    try:
        assert convert(changed(element, attribute, value), "damaged").osm.startswith("<?xml")
    except MapConversionError as refusal:
        assert refusal.sentence and refusal.remedy


@pytest.mark.parametrize(
    ("path", "name", "value", "cause"),
    [
        ("road/lanes/laneSection/right/lane/link/successor", "id", "9", "is linked to lane 9"),
        ("road/signals/signalReference", "id", "7777", "names the signal '7777'"),
        ("road/planView/geometry", "s", "5", "instead of 0"),
    ],
)
def test_what_crashes_carlas_library_is_named(path: str, name: str, value: str, cause: str) -> None:
    root = copy.deepcopy(corner_of_town())
    root.find(path).set(name, value)  # type: ignore[union-attr]
    with pytest.raises(MapConversionError) as refusal:
        convert(ElementTree.tostring(root, encoding="unicode"), "damaged")
    assert cause in refusal.value.sentence


def test_files_that_cannot_be_read_or_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(MapConversionError, match="There is no file"):
        convert_file(tmp_path / "missing.xodr", tmp_path / "out.osm", print)
    (tmp_path / "binary.xodr").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MapConversionError, match="can't be read"):
        convert_file(tmp_path / "binary.xodr", tmp_path / "out.osm", print)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MapConversionError, match="can't be written"):
        convert_file(HOMETOWN, tmp_path / "file" / "out.osm", print)


def test_converting_into_another_maps_folder_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "map_projector_info.yaml").write_text("projector_type: MGRS\n")
    summary = convert_file(HOMETOWN, tmp_path / "town.osm", said.append)
    assert any("another map's origin" in line for line in said)
    assert summary.traffic_lights == 12
    assert "latitude: 48.805" in (tmp_path / "map_projector_info.yaml").read_text()
