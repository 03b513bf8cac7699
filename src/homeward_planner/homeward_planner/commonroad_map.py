"""The lane graph of a CommonRoad scenario (XML, version 2020a): for the benchmark; the car itself reads Lanelet2.

Format: "CommonRoad: Documentation of the XML Format (Version 2020a)", TU München, chapters 2 and 3.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from homeward_planner.crossings import with_crossings
from homeward_planner.lane_graph import STOP_SIGN, YIELD_SIGN, Lane, LaneGraph, Rule, centre_line
from homeward_planner.plane import Floats, without_repeats

URBAN_MPS = 50.0 / 3.6
LIMIT_SIGNS = frozenset({"274", "r301", "R2-1"})  # Germany (also the form's default), Spain, the United States
STOP_SIGNS, YIELD_SIGNS = frozenset({"206", "r2", "R1-1"}), frozenset({"205", "r1", "R1-2"})
FOR_CARS = frozenset({"urban", "country", "highway", "driveWay", "mainCarriageWay", "accessRamp", "exitRamp", "interstate",
                      "intersection", "unknown", "busLane"})  # fmt: skip
LARGEST_M = 1e6


class ScenarioError(ValueError):
    """What is wrong with a scenario file, in a sentence."""


@dataclass(frozen=True, eq=False)
class _Lanelet:
    """A lanelet as the file has it; bounds are N × 3 (CommonRoad has no heights: 0)."""

    id: int
    left_m: Floats
    right_m: Floats
    successors: tuple[int, ...]
    predecessors: tuple[int, ...]
    beside: dict[str, int]  # by side, only where it leads the same way
    signs: tuple[int, ...]
    stop_line_m: Floats | None


def parse(path: Path) -> ElementTree.Element:
    """The root of a scenario file. Raises ScenarioError where it can't be read or is something else."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise ScenarioError(f"{path.name} can't be read: {error}") from None
    if root.tag != "commonRoad":
        raise ScenarioError(f"{path.name} is no CommonRoad scenario: its root is <{root.tag}>.")
    return root


def lane_graph(root: ElementTree.Element) -> LaneGraph:
    """The lanes of a scenario. Raises ScenarioError for bounds, references or signs that are no such thing."""
    lanelets = [_lanelet(element) for element in root.findall("lanelet") if _for_cars(element)]
    if not lanelets:
        raise ScenarioError("The scenario has no lanelet for cars.")
    index = {one.id: place for place, one in enumerate(lanelets)}
    if len(index) < len(lanelets):
        raise ScenarioError("Two lanelets have the same id.")
    junctions, signs = _junctions(root), _signs(root)
    lanes = [_lane(one, index, junctions, signs) for one in lanelets]
    return LaneGraph(root.get("benchmarkID", ""), 0.0, 0.0, with_crossings(lanes, {}))


def number(element: ElementTree.Element | None, what: str) -> float:
    """A finite number: its own text, or that of <exact>, or the middle of an interval."""
    if element is None:
        raise ScenarioError(f"{what} is missing.")
    lowest, highest = element.find("intervalStart"), element.find("intervalEnd")
    if lowest is not None and highest is not None:
        return (number(lowest, what) + number(highest, what)) / 2.0
    inner = element.find("exact")
    text = (inner if inner is not None else element).text or ""
    try:
        value = float(text)
    except ValueError:
        raise ScenarioError(f"{what} is no number: {text[:30]!r}") from None
    if not abs(value) < LARGEST_M:
        raise ScenarioError(f"{what} is out of range: {text[:30]!r}")
    return value


def point(element: ElementTree.Element) -> tuple[float, float]:
    """x and y of a <point>."""
    return number(element.find("x"), "a point's x"), number(element.find("y"), "a point's y")


def reference(element: ElementTree.Element) -> int:
    """The id that an element refers to."""
    return _whole(element.get("ref", ""), f"the reference of <{element.tag}>")


def _whole(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ScenarioError(f"{what} is no whole number: {text[:30]!r}") from None


def _for_cars(element: ElementTree.Element) -> bool:
    kinds = {kind.text for kind in element.findall("laneletType")}
    return not kinds or bool(kinds & FOR_CARS)


def _lanelet(element: ElementTree.Element) -> _Lanelet:
    left, right = (_bound(element.find(name)) for name in ("leftBound", "rightBound"))
    neighbours = (("left", element.find("adjacentLeft")), ("right", element.find("adjacentRight")))
    return _Lanelet(
        id=_whole(element.get("id", ""), "a lanelet's id"),
        left_m=left,
        right_m=right,
        successors=tuple(reference(one) for one in element.findall("successor")),
        predecessors=tuple(reference(one) for one in element.findall("predecessor")),
        beside={side: reference(one) for side, one in neighbours if one is not None and one.get("drivingDir") == "same"},
        signs=tuple(reference(one) for one in element.findall("trafficSignRef")),
        stop_line_m=_stop_line(element.find("stopLine"), left, right),
    )


def _bound(element: ElementTree.Element | None) -> Floats:
    points = [] if element is None else [(*point(one), 0.0) for one in element.findall("point")]
    bound = np.array(points, dtype=np.float64).reshape(-1, 3)
    bound = without_repeats(bound) if len(bound) > 1 else bound
    if len(bound) < 2:
        raise ScenarioError("A lanelet's bound has fewer than two different points.")
    return bound


def _stop_line(element: ElementTree.Element | None, left_m: Floats, right_m: Floats) -> Floats | None:
    """Its two ends, left then right; without points it runs across the end of the lanelet."""
    if element is None:
        return None
    points = [point(one) for one in element.findall("point")]
    ends: Floats = np.array(points if len(points) == 2 else [left_m[-1, :2], right_m[-1, :2]], dtype=np.float64)
    return ends


def _junctions(root: ElementTree.Element) -> dict[int, str]:
    """By lanelet: the turn that an intersection says it takes."""
    found: dict[int, str] = {}
    for incoming in root.iterfind("intersection/incoming"):
        for tag, turn in (("successorsLeft", "left"), ("successorsRight", "right"), ("successorsStraight", "straight")):
            found |= {reference(one): turn for one in incoming.findall(tag)}
    return found


def _signs(root: ElementTree.Element) -> dict[int, tuple[str, float]]:
    """By the id of a sign: what it is (its number in the country's list), and its value (0: none)."""
    found = {}
    for sign in root.findall("trafficSign"):
        element = sign.find("trafficSignElement")
        if element is not None:
            value = element.find("additionalValue")
            kind = (element.findtext("trafficSignID") or "").strip()
            amount = number(value, "a sign's value") if value is not None and kind in LIMIT_SIGNS else 0.0
            found[_whole(sign.get("id", ""), "a sign's id")] = (kind, amount)
    return found


def _lane(one: _Lanelet, index: dict[int, int], junctions: dict[int, str], signs: dict[int, tuple[str, float]]) -> Lane:
    line, height, width = centre_line(one.left_m, one.right_m)
    told = [signs[sign] for sign in one.signs if sign in signs]
    limits = [value for kind, value in told if kind in LIMIT_SIGNS and 1.0 < value < 100.0]
    return Lane(
        index=index[one.id],
        id=one.id,
        line=line,
        height_m=height,
        width_m=width,
        speed_limit_mps=min(limits, default=URBAN_MPS),
        turn=junctions.get(one.id, ""),
        successors=tuple(index[other] for other in one.successors if other in index),
        predecessors=tuple(index[other] for other in one.predecessors if other in index),
        left=index.get(one.beside.get("left", -1)),
        right=index.get(one.beside.get("right", -1)),
        rules=tuple(_rules(one, signs)),
        outline_m=np.concatenate([one.left_m, one.right_m[::-1]])[:, :2],
    )


def _rules(one: _Lanelet, signs: dict[int, tuple[str, float]]) -> Iterator[Rule]:
    for sign in one.signs:
        kind, _ = signs.get(sign, ("", 0.0))
        if kind in STOP_SIGNS | YIELD_SIGNS:
            yield Rule(sign, STOP_SIGN if kind in STOP_SIGNS else YIELD_SIGN, one.stop_line_m)

