"""A CommonRoad scenario as the benchmark drives it: the map, the task, and the traffic as recorded, step by step."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from homeward_planner.commonroad_map import ScenarioError, lane_graph, number, parse, point, reference
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.plane import Floats, wrapped
from homeward_planner.scene import Kind, Pose, Thing

KINDS = {"truck": Kind.TRUCK, "bus": Kind.TRUCK, "bicycle": Kind.TWO_WHEELER, "motorcycle": Kind.TWO_WHEELER,
         "pedestrian": Kind.PEDESTRIAN, "unknown": Kind.UNKNOWN}  # fmt: skip
CIRCLE_CORNERS = 16
WIDEST_TURN_RAD = math.tau - 1e-6


@dataclass(frozen=True, eq=False)
class Goal:
    """One goal state: areas to be in (none: anywhere) in a window of time steps, at a speed and a heading between two."""

    steps: tuple[int, int]
    areas_m: tuple[Floats, ...] = ()
    lanes: tuple[int, ...] = ()
    speed_mps: tuple[float, float] | None = None
    heading_rad: tuple[float, float] | None = None

    def is_met(self, step: int, x_m: float, y_m: float, yaw_rad: float, speed_mps: float) -> bool:
        """Whether a state of the car's centre is in the goal."""
        return (
            self.steps[0] <= step <= self.steps[1]
            and (not self.areas_m or any(inside(area, x_m, y_m) for area in self.areas_m))
            and (self.speed_mps is None or self.speed_mps[0] <= speed_mps <= self.speed_mps[1])
            and (self.heading_rad is None or _between(yaw_rad, *self.heading_rad))
        )


@dataclass(frozen=True, eq=False)
class Task:
    """A planning problem: the state the car's centre starts in, and the goals, of which one is enough."""

    id: int
    pose: Pose
    speed_mps: float
    yaw_rate_radps: float
    goals: tuple[Goal, ...]

    @property
    def has_place(self) -> bool:
        """Whether every goal names a place."""
        return all(goal.areas_m for goal in self.goals)


@dataclass(frozen=True)
class Recorded:
    """One thing as recorded: its states (x, y, yaw, speed) by time step; a static one has a single state."""

    id: int
    kind: Kind
    length_m: float
    width_m: float
    states: dict[int, tuple[float, float, float, float]]
    static: bool


@dataclass(frozen=True, eq=False)
class Scenario:
    """All of it."""

    path: Path
    step_s: float
    graph: LaneGraph
    task: Task
    traffic: tuple[Recorded, ...] = field(repr=False)

    def things(self, step: int) -> list[Thing]:
        """What is on the road at a time step, as it could be seen then: nothing later than that is used."""
        return [thing for thing in (_thing(one, step, self.step_s) for one in self.traffic) if thing is not None]


def read(path: Path) -> Scenario:
    """Raises ScenarioError, with a sentence, for anything that is no scenario with one planning problem."""
    root = parse(path)
    problems = root.findall("planningProblem")
    if len(problems) != 1:
        raise ScenarioError(f"{path.name} has {len(problems)} planning problems: one car is driven here.")
    try:
        step_s = float(root.get("timeStepSize", ""))
    except ValueError:
        raise ScenarioError(f"{path.name} has no time step.") from None
    if not 0.01 <= step_s <= 1.0:
        raise ScenarioError(f"{path.name} has a time step of {step_s} s: between 0.01 and 1 s are driven here.")
    traffic = [_recorded(one, False) for one in root.findall("dynamicObstacle")]
    traffic += [_recorded(one, True) for one in root.findall("staticObstacle")]
    graph = lane_graph(root)
    return Scenario(path, step_s, graph, _task(problems[0], graph), tuple(traffic))


def _thing(one: Recorded, step: int, step_s: float) -> Thing | None:
    state = one.states.get(0 if one.static else step)
    if state is None:
        return None
    before = one.states.get(step - 1, state)
    turning = wrapped(state[2] - before[2]) / step_s
    return Thing(one.id, one.kind, Pose(*state[:3]), one.length_m, one.width_m, state[3], turning)


def _task(element: ElementTree.Element, graph: LaneGraph) -> Task:
    initial = element.find("initialState")
    if initial is None:
        raise ScenarioError("The planning problem has no initial state.")
    _, (x, y, yaw, speed) = _state(initial)
    rate = initial.find("yawRate")
    goals = tuple(_goal(one, graph) for one in element.findall("goalState"))
    if not goals:
        raise ScenarioError("The planning problem has no goal.")
    turning = number(rate, "the yaw rate") if rate is not None else 0.0
    return Task(int(element.get("id", "0")), Pose(x, y, yaw), speed, turning, goals)


def _goal(element: ElementTree.Element, graph: LaneGraph) -> Goal:
    steps = _interval(element.find("time"))
    if steps is None:
        raise ScenarioError("A goal has no time.")
    position = element.find("position")
    lanes = [reference(one) for one in position.findall("lanelet")] if position is not None else []
    known = [lane for lane in graph.lanes if lane.id in lanes and lane.outline_m is not None]
    areas = [lane.outline_m for lane in known if lane.outline_m is not None]
    if position is not None:
        areas += _shapes(position)
        if not areas:
            raise ScenarioError("A goal's place is on no lane of the map.")
    return Goal(
        (round(steps[0]), round(steps[1])),
        tuple(areas),
        tuple(lane.index for lane in known),
        _interval(element.find("velocity")),
        _interval(element.find("orientation")),
    )


def _interval(element: ElementTree.Element | None) -> tuple[float, float] | None:
    if element is None:
        return None
    ends = element.find("intervalStart"), element.find("intervalEnd")
    if ends[0] is None or ends[1] is None:
        value = number(element, f"<{element.tag}>")
        return value, value
    return number(ends[0], f"<{element.tag}>"), number(ends[1], f"<{element.tag}>")


def _shapes(position: ElementTree.Element) -> list[Floats]:
    """The outlines of rectangles, circles and polygons; a point is a circle of a few centimetres."""
    found: list[Floats] = []
    for one in position:
        if one.tag == "rectangle":
            found.append(_rectangle(one))
        elif one.tag == "polygon":
            found.append(np.array([point(corner) for corner in one.findall("point")], dtype=np.float64))
        elif one.tag in ("circle", "point"):
            found.append(_circle(one))
    return found


def _rectangle(element: ElementTree.Element) -> Floats:
    length, width = _sizes(element)
    turn = number(element.find("orientation"), "an orientation") if element.find("orientation") is not None else 0.0
    x, y = _centre(element)
    return Thing(0, Kind.UNKNOWN, Pose(x, y, turn), length, width, 0.0).outline()


def _circle(element: ElementTree.Element) -> Floats:
    x, y = point(element) if element.tag == "point" else _centre(element)
    radius = 0.05 if element.tag == "point" else number(element.find("radius"), "a radius")
    angles = np.linspace(0.0, math.tau, CIRCLE_CORNERS, endpoint=False)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)


def _centre(element: ElementTree.Element) -> tuple[float, float]:
    centre = element.find("center")
    return point(centre) if centre is not None else (0.0, 0.0)


def _sizes(shape: ElementTree.Element) -> tuple[float, float]:
    return number(shape.find("length"), "a length"), number(shape.find("width"), "a width")


def _recorded(element: ElementTree.Element, static: bool) -> Recorded:
    initial = element.find("initialState")
    if initial is None:
        raise ScenarioError("A thing has no initial state.")
    length, width = _box(element.find("shape"))
    states = dict(_state(one) for one in [initial, *element.iterfind("trajectory/state")])
    if static:
        states = {0: (*_state(initial)[1][:3], 0.0)}
    kind = KINDS.get(element.findtext("type") or "", Kind.CAR)
    return Recorded(int(element.get("id", "0")), kind, length, width, states, static)


def _box(shape: ElementTree.Element | None) -> tuple[float, float]:
    """Length and width of a box around a shape."""
    inner = shape[0] if shape is not None and len(shape) else None
    if inner is None:
        raise ScenarioError("A thing has no shape.")
    if inner.tag == "rectangle":
        return _sizes(inner)
    if inner.tag == "circle":
        across = 2.0 * number(inner.find("radius"), "a radius")
        return across, across
    corners = np.array([point(one) for one in inner.findall("point")], dtype=np.float64).reshape(-1, 2)
    if len(corners) < 3:
        raise ScenarioError(f"A thing's shape is a <{inner.tag}> that can't be read.")
    length, width = 2.0 * np.abs(corners).max(axis=0)
    return float(length), float(width)


def _state(element: ElementTree.Element) -> tuple[int, tuple[float, float, float, float]]:
    """The time step and x, y, yaw, speed of a state; an area instead of a point counts as its middle."""
    position = element.find("position")
    if position is None or not len(position):
        raise ScenarioError("A state has no position.")
    x, y = point(position[0]) if position[0].tag == "point" else _shapes(position)[0].mean(axis=0)
    yaw = number(element.find("orientation"), "an orientation")
    speed = element.find("velocity")
    time = number(element.find("time"), "a time step")
    return round(time), (float(x), float(y), yaw, number(speed, "a speed") if speed is not None else 0.0)


def inside(area_m: Floats, x_m: float, y_m: float) -> bool:
    """Whether a place is in an outline: an odd number of its sides lie to the right."""
    x, y = area_m.T
    after_x, after_y = np.roll(x, -1), np.roll(y, -1)
    spans = (y > y_m) != (after_y > y_m)
    rise = np.where(after_y == y, 1.0, after_y - y)
    return int((spans & (x_m < x + (y_m - y) / rise * (after_x - x))).sum()) % 2 == 1


def _between(angle_rad: float, low_rad: float, high_rad: float) -> bool:
    return high_rad - low_rad >= WIDEST_TURN_RAD or (angle_rad - low_rad) % math.tau <= high_rad - low_rad


def names(scenarios: Sequence[Path]) -> list[str]:
    """The files' names, for people."""
    return [path.stem for path in scenarios]
