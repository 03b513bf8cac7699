"""The roads of the pre-crash tests, drawn as Lanelet2 maps: straight with two or four lanes, and a crossing.

All run along x, traffic keeps right, lanes are 3.5 m wide, and what is no lane is no road: kerbs are at the outer bounds.
The crossing lies at CROSSING_M; its side roads come from south (y negative) and north.
"""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from homeward_planner.lane_graph import LaneGraph
from homeward_planner.plane import Floats

LANE_M = 3.5
FROM_M, TO_M = -90.0, 460.0
CROSSING_M, REACH_M, SIDE_M = 140.0, 8.0, 120.0
LATITUDE_DEG, LONGITUDE_DEG = 48.8, 9.1
METRES_A_DEGREE = 111_200.0
OUR_LIGHT, SIDE_LIGHT = "ours", "side"

TWO_LANES, FOUR_LANES, LIGHTS, PRIORITY = "two lanes", "four lanes", "crossing with lights", "crossing, side road gives way"


@dataclass(frozen=True)
class Road:
    """A map, and its surface as rectangles (each x from, x to, y from, y to)."""

    graph: LaneGraph
    surface_m: tuple[tuple[float, float, float, float], ...]

    def outside_m(self, points_m: Floats) -> Floats:
        """How far points (... × 2) lie outside the surface; 0 on it."""
        x, y = points_m[..., 0], points_m[..., 1]
        gaps = [
            np.hypot(np.maximum(np.maximum(low - x, x - high), 0.0), np.maximum(np.maximum(near - y, y - far), 0.0))
            for low, high, near, far in self.surface_m
        ]
        return np.asarray(np.min(gaps, axis=0), dtype=np.float64)


@dataclass
class _Drawing:
    """An OSM file under way; a point or a line that is there already is used again, so that lanelets hang together."""

    nodes: dict[tuple[float, float], int] = field(default_factory=dict)
    ways: dict[tuple[int, ...], int] = field(default_factory=dict)
    elements: list[str] = field(default_factory=list)
    count: int = 0

    def number(self) -> int:
        self.count += 1
        return self.count

    def node(self, x_m: float, y_m: float) -> int:
        key = (round(x_m, 3), round(y_m, 3))
        if key not in self.nodes:
            self.nodes[key] = self.number()
            place = f'lat="{LATITUDE_DEG + y_m / METRES_A_DEGREE:.9f}" lon="{LONGITUDE_DEG + x_m / METRES_A_DEGREE:.9f}"'
            local = f'<tag k="local_x" v="{x_m:.3f}"/><tag k="local_y" v="{y_m:.3f}"/><tag k="ele" v="0"/>'
            self.elements.append(f'<node id="{self.nodes[key]}" version="1" {place}>{local}</node>')
        return self.nodes[key]

    def way(self, points_m: Sequence[tuple[float, float]], **tags: str) -> int:
        key = tuple(self.node(*point) for point in points_m)
        known = self.ways.get(key) or self.ways.get(key[::-1])
        if known:
            return known
        self.ways[key] = self.number()
        refs = "".join(f'<nd ref="{node}"/>' for node in key)
        self.elements.append(f'<way id="{self.ways[key]}" version="1">{refs}{_tags(tags)}</way>')
        return self.ways[key]

    def relation(self, members: Sequence[tuple[str, int, str]], number: int = 0, **tags: str) -> int:
        number = number or self.number()
        rows = "".join(f'<member type="{kind}" ref="{ref}" role="{role}"/>' for kind, ref, role in members)
        self.elements.append(f'<relation id="{number}" version="1">{rows}{_tags(tags)}</relation>')
        return number

    def lane(
        self, left: Sequence[tuple[float, float]], right: Sequence[tuple[float, float]], turn: str = "", rules: Sequence[int] = ()
    ) -> int:
        """A lanelet between two bounds, both in its direction."""
        dashed = {"type": "line_thin", "subtype": "dashed"}
        bounds = [("way", self.way(left, **dashed), "left"), ("way", self.way(right, **dashed), "right")]
        tags = {"type": "lanelet", "subtype": "road", "location": "urban", "one_way": "yes", "speed_limit": "50 km/h"}
        tags |= {"participant:vehicle": "yes"} | ({"turn_direction": turn} if turn else {})
        return self.relation([*bounds, *(("relation", rule, "regulatory_element") for rule in rules)], 0, **tags)

    def text(self) -> str:
        """The file; elements in the order that readers want: nodes, ways, relations."""
        order = {"<no": 0, "<wa": 1, "<re": 2}
        body = "\n".join(sorted(self.elements, key=lambda one: order[one[:3]]))
        origin = f'origin_latitude="{LATITUDE_DEG}" origin_longitude="{LONGITUDE_DEG}"'
        return f'<osm version="0.6"><MetaInfo projector_type="LocalCartesian" {origin}/>\n{body}\n</osm>\n'


def _tags(tags: dict[str, str]) -> str:
    return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())


def road(kind: str, limit_mps: float) -> Road:
    """One of the four roads; its lanes may be driven at this speed."""
    known = _loaded(kind)
    lanes = tuple(dataclasses.replace(lane, speed_limit_mps=limit_mps) for lane in known.graph.lanes)
    return Road(dataclasses.replace(known.graph, lanes=lanes), known.surface_m)


@functools.cache
def _loaded(kind: str) -> Road:
    from homeward_planner.lanelet_map import load

    drawing, surface = _Drawing(), _surface(kind)
    if kind in (TWO_LANES, FOUR_LANES):
        _straight(drawing, FROM_M, TO_M, 1 if kind == TWO_LANES else 2)
    else:
        _crossing(drawing, kind == LIGHTS)
    with tempfile.TemporaryDirectory(prefix="homeward_precrash_") as folder:
        path = Path(folder) / "road.osm"
        path.write_text(drawing.text(), encoding="utf-8")
        return Road(load(path), surface)


def _surface(kind: str) -> tuple[tuple[float, float, float, float], ...]:
    half = LANE_M * (2 if kind == FOUR_LANES else 1)
    main = (FROM_M, TO_M, -half, half)
    side = (CROSSING_M - LANE_M, CROSSING_M + LANE_M, -SIDE_M, SIDE_M)
    return (main,) if kind in (TWO_LANES, FOUR_LANES) else (main, side)


def _straight(drawing: _Drawing, from_m: float, to_m: float, lanes: int) -> None:
    for sign in (1.0, -1.0):
        for inner in range(lanes):
            _lane_along(drawing, from_m, to_m, sign, inner)


def _lane_along(drawing: _Drawing, from_m: float, to_m: float, sign: float, inner: int = 0, **more: object) -> int:
    """A lane along x, eastwards (sign 1, south of the middle) or westwards, the `inner`-th from the middle."""
    ends = (from_m, to_m) if sign > 0 else (to_m, from_m)
    left, right = ([(x, -sign * LANE_M * place) for x in ends] for place in (inner, inner + 1))
    return drawing.lane(left, right, **more)  # type: ignore[arg-type]


def _lane_across(drawing: _Drawing, from_m: float, to_m: float, sign: float, **more: object) -> int:
    """A lane along y at the crossing, northwards (sign 1, east of the middle) or southwards."""
    ends = (from_m, to_m) if sign > 0 else (to_m, from_m)
    left, right = ([(CROSSING_M + sign * LANE_M * place, y) for y in ends] for place in (0, 1))
    return drawing.lane(left, right, **more)  # type: ignore[arg-type]


def _crossing(drawing: _Drawing, lights: bool) -> None:
    west, east = CROSSING_M - REACH_M, CROSSING_M + REACH_M
    ours, side, first, turning = (drawing.number() for _ in range(4))
    shared = [] if lights else [first]
    straight = [
        _lane_along(drawing, west, east, sign, turn="straight", rules=[*shared, *([turning] if sign > 0 else [])])
        for sign in (1.0, -1.0)
    ]
    across = [_lane_across(drawing, -REACH_M, REACH_M, sign, turn="straight", rules=shared) for sign in (1.0, -1.0)]
    left = drawing.lane(*_left_turn(), turn="left", rules=[turning])
    for sign in (1.0, -1.0):
        rules = [[ours] if lights else [], [side] if lights else []]
        before, after = ((FROM_M, west), (east, TO_M)) if sign > 0 else ((east, TO_M), (FROM_M, west))
        _lane_along(drawing, *before, sign, rules=rules[0])
        _lane_along(drawing, *after, sign)
        before, after = ((-SIDE_M, -REACH_M), (REACH_M, SIDE_M)) if sign > 0 else ((REACH_M, SIDE_M), (-SIDE_M, -REACH_M))
        _lane_across(drawing, *before, sign, rules=rules[1])
        _lane_across(drawing, *after, sign)
    _right_of_way(drawing, turning, [left], straight[:1])
    if lights:
        _light(drawing, ours, OUR_LIGHT, [(west, 0.0), (west, -LANE_M)], [(east, 0.0), (east, -LANE_M)])
        _light(drawing, side, SIDE_LIGHT, [(CROSSING_M, -REACH_M), (CROSSING_M + LANE_M, -REACH_M)],
               [(CROSSING_M, REACH_M), (CROSSING_M + LANE_M, REACH_M)])  # fmt: skip
    else:
        _right_of_way(drawing, first, across, straight)


def _left_turn() -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """The bounds of the way from the east to the south."""
    angles = np.linspace(np.pi / 2.0, np.pi, 9)
    centre = (CROSSING_M + REACH_M, -REACH_M)
    left, right = (
        [(float(centre[0] + radius * np.cos(one)), float(centre[1] + radius * np.sin(one))) for one in angles]
        for radius in (REACH_M, REACH_M + LANE_M)
    )
    return left, right


def _right_of_way(drawing: _Drawing, number: int, waiting: Sequence[int], first: Sequence[int]) -> None:
    members = [("relation", one, "yield") for one in waiting] + [("relation", one, "right_of_way") for one in first]
    drawing.relation(members, number, type="regulatory_element", subtype="right_of_way")


def _light(
    drawing: _Drawing, number: int, name: str, line: list[tuple[float, float]], bulb: list[tuple[float, float]]
) -> None:
    stop = drawing.way(line, type="stop_line", subtype="solid")
    shown = drawing.way([(x + 0.1, y + 0.1) for x, y in bulb], type="traffic_light", subtype="red_yellow_green", opendrive=name)
    members = [("way", shown, "refers"), ("way", stop, "ref_line")]
    drawing.relation(members, number, type="regulatory_element", subtype="traffic_light")
