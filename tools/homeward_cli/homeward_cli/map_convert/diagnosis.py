"""Says what is wrong with a map that CARLA's library can't stand: references that point nowhere, mostly."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .opendrive import Network, Road, RoadLink


def first_fault(network: Network, xodr_text: str) -> str | None:
    """The first fault found, as the end of a sentence; None where nothing is seen to be wrong."""
    root = ElementTree.fromstring(xodr_text)
    return next(chain(_lanes(network), _road_links(network), _connections(network), _starts(root), _signals(root)), None)


def _lanes(network: Network) -> Iterator[str]:
    for road in network.roads.values():
        for section in road.sections:
            ids = set(section.lanes)
            if 0 not in ids:
                yield f"road {road.id} has no centre lane at {section.start_m} m"
            if ids != set(range(min(ids | {0}), max(ids | {0}) + 1)):
                yield f"the lanes of road {road.id} at {section.start_m} m are numbered {sorted(ids)}, with gaps"


def _road_links(network: Network) -> Iterator[str]:
    for road in network.roads.values():
        for link, at_end in ((road.predecessor, False), (road.successor, True)):
            if link is None or link.kind == "junction":  # the library bears junctions that don't exist
                continue
            if link.id not in network.roads:
                yield f"road {road.id} is linked to road {link.id}, which does not exist"
            else:
                yield from _lane_links(network, road, link, at_end)


def _lane_links(network: Network, road: Road, link: RoadLink, at_end: bool) -> Iterator[str]:
    target = network.roads[link.id].sections[0 if link.contact == "start" else -1]
    for lane in road.sections[-1 if at_end else 0].lanes.values():
        wanted = lane.successor if at_end else lane.predecessor
        if wanted is not None and wanted not in target.lanes:
            yield f"lane {lane.id} of road {road.id} is linked to lane {wanted} of road {link.id}, which does not exist"


def _connections(network: Network) -> Iterator[str]:
    for junction in network.junctions.values():
        for connection in junction.connections:
            missing = {connection.incoming, connection.connecting} - network.roads.keys()
            if missing:
                yield f"junction {junction.id} joins road {min(missing)}, which does not exist"
                continue
            target = network.roads[connection.connecting].sections[0 if connection.contact == "start" else -1]
            for _, lane in connection.lanes:
                if lane not in target.lanes:
                    there = f"lane {lane} of road {connection.connecting}"
                    yield f"junction {junction.id} leads to {there}, which does not exist"


def _signals(root: Element) -> Iterator[str]:
    known = {signal.get("id") for signal in root.iter("signal")}
    for tag, name in (("signalReference", "id"), ("control", "signalId")):
        for element in root.iter(tag):
            if element.get(name) not in known:
                yield f"a <{tag}> names the signal {element.get(name)!r}, which does not exist"


def _starts(root: Element) -> Iterator[str]:
    for road in root.findall("road"):
        for path in ("planView/geometry", "lanes/laneOffset", "elevationProfile/elevation"):
            first = road.find(path)
            if first is not None and not _is_nought(first.get("s", "0")):
                yield f"the first <{first.tag}> of road {road.get('id')} begins at {first.get('s')!r} m instead of 0"


def _is_nought(text: str) -> bool:
    try:
        return abs(float(text)) <= 1e-6
    except ValueError:
        return False
