"""Reading OpenDRIVE: what it says, and what is said to text that isn't one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_sim.maps import read_map, try_map
from homeward_sim.opendrive import MapError, read_site
from homeward_sim.roads import RoadNetwork


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not XML"),
        ("hello", "not XML"),
        ("<osm/>", "root is <osm>"),
        ("<OpenDRIVE/>", "no roads"),
        ('<OpenDRIVE><road id="1" length="10"/></OpenDRIVE>', "no <lanes>"),
        ('<OpenDRIVE><road id="x" length="10"><lanes/></road></OpenDRIVE>', "damaged"),
        ('<OpenDRIVE><road id="1" length="nan"><lanes/></road></OpenDRIVE>', "damaged"),
    ],
)
def test_what_is_no_map_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(MapError, match=why):
        read_site(text)


@given(st.text(max_size=200))
def test_any_text_is_a_map_or_refused(text: str) -> None:
    with pytest.raises(MapError):
        read_site(text)


@given(st.data())
def test_a_damaged_hometown_is_read_or_refused(hometown_text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(hometown_text) - 1))
    length = data.draw(st.integers(1, 2000))
    filler = data.draw(st.sampled_from(["", "0", "nan", "<", "-1e400", '"']))
    try:
        read_site(hometown_text[:start] + filler + hometown_text[start + length :])
    except MapError:
        pass


def test_hometown_has_its_roads_lights_and_houses(hometown_text: str) -> None:
    site = read_site(hometown_text)
    assert len(site.roads) > 50
    assert sum(thing.kind == "building" for thing in site.objects) > 50
    assert all(site.junction_controllers[junction] for junction in (920,))


def test_a_map_that_would_end_the_reader_ends_another_process() -> None:
    with pytest.raises(MapError):
        try_map('<OpenDRIVE><road id="1" length="10"><lanes><laneSection s="0"/></lanes></road></OpenDRIVE>'[:-5])


def test_a_map_without_driving_lanes_is_refused(hometown_text: str) -> None:
    with pytest.raises(MapError, match="driving"):
        RoadNetwork("lanes", hometown_text.replace('type="driving"', 'type="none"'))


def test_an_unknown_name_is_answered_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MapError, match="hometown"):
        read_map("Nowhere")
