"""Loads a Lanelet2 map (.osm) as a LaneGraph: Homeward's own, Autoware's, or any with an origin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lanelet2
import numpy as np

from homeward_planner.crossings import with_crossings
from homeward_planner.lane_graph import (
    ALL_WAY_STOP,
    LIGHT,
    STOP_SIGN,
    YIELD_SIGN,
    Crosswalk,
    Lane,
    LaneGraph,
    Rule,
    centre_line,
)
from homeward_planner.map_origin import LOCAL_CARTESIAN_UTM, Layout, MapError, layout_of, parse
from homeward_planner.map_structure import REMEDY, check
from homeward_planner.parking_map import parking_places
from homeward_planner.plane import Floats, wrapped

STOP_SIGNS = frozenset({"de206", "usR1-1", "stop_sign"})
YIELD_SIGNS = frozenset({"de205", "usR1-2", "yield_sign"})
TURN_RAD = 0.52


def load(path: Path) -> LaneGraph:
    """Load a map. Raises MapError, which says what is wrong and what to do."""
    root = parse(path)
    layout = layout_of(root, path)
    check(root, path.name)
    osm, errors = _read(path, layout)
    if layout.local_m:
        _place_nodes(osm, layout)
    rules = lanelet2.traffic_rules.create(lanelet2.traffic_rules.Locations.Germany, lanelet2.traffic_rules.Participants.Vehicle)
    lanelets = sorted((one for one in osm.laneletLayer if rules.canPass(one)), key=lambda one: int(one.id))
    if not lanelets:
        raise MapError(f"{path.name} has no lanelet that a car may drive on.", REMEDY)
    graph = lanelet2.routing.RoutingGraph(osm, rules)
    lanes = with_crossings(_lanes(lanelets, graph, rules, path), _goes_first(osm))
    crosswalks = tuple(_crosswalks(osm))
    return LaneGraph(
        path.stem, layout.latitude_deg, layout.longitude_deg, lanes, crosswalks, tuple(_outlines(osm, "building")),
        tuple(_remarks(errors)), tuple(parking_places(osm)), tuple(_outlines(osm, "parking_lot")),
    )  # fmt: skip


def _read(path: Path, layout: Layout) -> tuple[Any, list[str]]:
    origin = lanelet2.io.Origin(layout.latitude_deg, layout.longitude_deg, layout.altitude_m)
    kind = lanelet2.projection
    projector = kind.UtmProjector(origin) if layout.projector == LOCAL_CARTESIAN_UTM else kind.LocalCartesianProjector(origin)
    try:
        osm, errors = lanelet2.io.loadRobust(str(path), projector)
    except Exception as error:  # Boost.Python raises what it likes
        raise MapError(f"{path.name} is refused by lanelet2 ({error}).", REMEDY) from None
    return osm, [str(error) for error in errors]


def _place_nodes(osm: Any, layout: Layout) -> None:
    for point in osm.pointLayer:
        if point.id in layout.local_m:
            point.x, point.y = layout.local_m[point.id]


def _remarks(errors: list[str]) -> Iterator[str]:
    """Rules that plain lanelet2 doesn't know (Autoware has many) are left out: say so once."""
    if errors:
        first = errors[0].strip().splitlines()[0]
        yield f"{len(errors)} elements of the map are not understood and left out (the first: {first})"


def _lanes(lanelets: list[Any], graph: Any, rules: Any, path: Path) -> list[Lane]:
    index = {one.id: place for place, one in enumerate(lanelets)}

    def known(others: Any) -> tuple[int, ...]:
        return tuple(sorted(index[other.id] for other in others if other.id in index))

    lanes = []
    for place, one in enumerate(lanelets):
        left_bound, right_bound = _points(one.leftBound), _points(one.rightBound)
        if any(len(side) < 2 or not np.isfinite(side).all() for side in (left_bound, right_bound)):
            raise MapError(f"Lanelet {one.id} of {path.name} has a bound of fewer than two points.", REMEDY)
        line, height, width = centre_line(left_bound, right_bound)
        left, right = graph.left(one), graph.right(one)
        lanes.append(
            Lane(
                index=place,
                id=int(one.id),
                line=line,
                height_m=height,
                width_m=width,
                speed_limit_mps=_limit_mps(rules, one),
                turn=_turn(one, graph, line.heading_rad),
                successors=known(graph.following(one)),
                predecessors=known(graph.previous(one)),
                left=index.get(left.id) if left is not None else None,
                right=index.get(right.id) if right is not None else None,
                rules=tuple(_rules(one)),
                outline_m=np.concatenate([left_bound, right_bound[::-1]])[:, :2],
            )
        )
    return lanes


def _points(side: Any) -> Floats:
    return np.array([(point.x, point.y, point.z) for point in side], dtype=np.float64).reshape(-1, 3)


def _limit_mps(rules: Any, lanelet: Any) -> float:
    limit = float(rules.speedLimit(lanelet).speedLimit) / 3.6  # lanelet2 speaks km/h here
    return limit if 0.1 < limit < 100.0 else 50.0 / 3.6


def _turn(lanelet: Any, graph: Any, heading_rad: Floats) -> str:
    """Autoware's turn_direction; on maps without it, ways that cross others count as lying in a junction."""
    if "turn_direction" in lanelet.attributes:
        told = str(lanelet.attributes["turn_direction"])
        return told if told in ("left", "right") else "straight"
    if not graph.conflicting(lanelet):
        return ""
    turn = wrapped(float(heading_rad[-1] - heading_rad[0]))
    return "left" if turn > TURN_RAD else "right" if turn < -TURN_RAD else "straight"


def _rules(lanelet: Any) -> Iterator[Rule]:
    """What makes traffic wait: lights, stop and yield signs, all-way stops."""
    for light in lanelet.trafficLights():
        signals = tuple(sorted(_signal_name(bulb) for bulb in light.trafficLights))
        yield Rule(int(light.id), LIGHT, _stop_line(light.stopLine), signals)
    for sign in lanelet.trafficSigns():
        kind = STOP_SIGN if sign.type() in STOP_SIGNS else YIELD_SIGN if sign.type() in YIELD_SIGNS else ""
        if kind:
            line = next(iter(sign.refLines()), None)
            yield Rule(int(sign.id), kind, _stop_line(line))
    for element in lanelet.regulatoryElements:
        if isinstance(element, lanelet2.core.AllWayStop):
            yield Rule(int(element.id), ALL_WAY_STOP, _line_of_all_way_stop(element, lanelet))


def _line_of_all_way_stop(element: Any, lanelet: Any) -> Floats | None:
    """Its lanelets and its lines, where it has any, stand in the same order."""
    ways, lines = list(element.lanelets()), list(element.stopLines())
    place = next((place for place, way in enumerate(ways) if way.id == lanelet.id), None)
    return _stop_line(lines[place]) if place is not None and len(lines) == len(ways) else None


def _signal_name(bulb: Any) -> str:
    """The OpenDRIVE signal's id where the map keeps it, else the line's own."""
    return str(bulb.attributes["opendrive"]) if "opendrive" in bulb.attributes else str(bulb.id)


def _stop_line(line: Any) -> Floats | None:
    """Its two ends (2 × 2)."""
    if line is None or len(line) < 2:
        return None
    return np.array([(line[0].x, line[0].y), (line[len(line) - 1].x, line[len(line) - 1].y)])


def _goes_first(osm: Any) -> dict[int, set[int]]:
    """By lanelet id: the lanelets that it lets go first."""
    found: dict[int, set[int]] = defaultdict(set)
    for element in osm.regulatoryElementLayer:
        if isinstance(element, lanelet2.core.RightOfWay):
            first = {int(one.id) for one in element.rightOfWayLanelets()}
            for waiting in element.yieldLanelets():
                found[int(waiting.id)] |= first
    return found


def _crosswalks(osm: Any) -> Iterator[Crosswalk]:
    for one in sorted(osm.laneletLayer, key=lambda lanelet: int(lanelet.id)):
        if "subtype" in one.attributes and one.attributes["subtype"] == "crosswalk":
            left, right = _points(one.leftBound), _points(one.rightBound)
            yield Crosswalk(int(one.id), np.concatenate([left, right[::-1]])[:, :2])


def _outlines(osm: Any, kind: str) -> Iterator[Floats]:
    for one in sorted(osm.polygonLayer, key=lambda polygon: int(polygon.id)):
        if "type" in one.attributes and one.attributes["type"] == kind:
            yield _points(one)[:, :2]
