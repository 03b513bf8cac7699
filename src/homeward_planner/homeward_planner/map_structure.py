"""Whether a Lanelet2 file hangs together. lanelet2 itself ends the process on files whose lanelets lack a bound."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from homeward_planner.map_origin import MapError

REMEDY = "Check the map in the editor that made it, or convert it again: ./homeward map convert."
SIDES = ("left", "right")


def check(root: Element, name: str) -> None:
    """Raises MapError for lanelets whose bounds aren't there.

    Of rules that refer to nothing lanelet2 itself complains.
    """
    nodes = {node.get("id") for node in root.iter("node")}
    ways = {way.get("id"): [one.get("ref") for one in way.iter("nd")] for way in root.iter("way")}
    for relation in root.iter("relation"):
        if ("type", "lanelet") not in [(tag.get("k"), tag.get("v")) for tag in relation.iter("tag")]:
            continue
        for side in SIDES:
            bounds = [one for one in relation.iter("member") if one.get("role") == side]
            fault = _fault(bounds, ways, nodes)
            if fault:
                raise MapError(f"Lanelet {relation.get('id')} of {name} {fault.format(side=side)}.", REMEDY)


def _fault(bounds: list[Element], ways: dict[str | None, list[str | None]], nodes: set[str | None]) -> str:
    """What is wrong with one side of a lanelet, as the end of a sentence; empty when nothing is."""
    if len(bounds) != 1 or bounds[0].get("type") != "way":
        return f"has {len(bounds)} {{side}} bounds"
    way = ways.get(bounds[0].get("ref"))
    if way is None:
        return f"has way {bounds[0].get('ref')} as its {{side}} bound, which does not exist"
    missing = [node for node in way if node not in nodes]
    if missing:
        return f"has a {{side}} bound through node {missing[0]}, which does not exist"
    return "has a {side} bound of fewer than two points" if len(set(way)) < 2 else ""
