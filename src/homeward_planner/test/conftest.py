"""What the planner's tests share: Hometown, the parameters, and a small world to drive in."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import yaml

from homeward_planner.core import Planner
from homeward_planner.lane_graph import LIGHT, LaneGraph
from homeward_planner.lanelet_map import load
from homeward_planner.parameters import ControllerParams, PlannerParams
from homeward_planner.planner_state import Mode, PlannerOutput
from homeward_planner.scene import Colour, Ego, Kind, Light, Pose, Thing
from homeward_planner.tracking import DriveDemand, Tracker
from homeward_planner.trajectory import DRIVE, REVERSE
from homeward_runtime.params import build, read_file

ROOT = Path(__file__).resolve().parents[3]
HOMETOWN = ROOT / "maps" / "hometown"
LENGTH_M, WIDTH_M, CENTRE_M = 4.8, 1.9, 1.4  # a car; its centre is ahead of its rear axle
STEP_S = 0.02


def section(params_type: type, node: str) -> dict[str, object]:
    """What the parameter file says of a node, as far as its core wants it (the node itself has some more)."""
    ((_, values),) = [one for one in read_file(ROOT / "params" / "car.yaml") if one[0].endswith(f"/{node}")]
    return {one.name: values[one.name] for one in dataclasses.fields(params_type)}


@pytest.fixture(scope="session")
def hometown() -> LaneGraph:
    return load(HOMETOWN / "hometown.osm")


@pytest.fixture(scope="session")
def places() -> dict[str, Pose]:
    entries = yaml.safe_load((HOMETOWN / "places.yaml").read_text())["places"]
    return {entry["name"]: Pose(entry["x_m"], entry["y_m"], entry["yaw_rad"]) for entry in entries}


@pytest.fixture(scope="session")
def planner_params() -> PlannerParams:
    return build(PlannerParams, section(PlannerParams, "planner"), "planner")


@pytest.fixture(scope="session")
def controller_params() -> ControllerParams:
    return build(ControllerParams, section(ControllerParams, "controller"), "controller")


def car(number: int, rear_axle: Pose, speed_mps: float, kind: Kind = Kind.CAR) -> Thing:
    """A car as the planner is told of it, by the pose of its rear axle."""
    cos, sin = math.cos(rear_axle.yaw_rad), math.sin(rear_axle.yaw_rad)
    centre = Pose(rear_axle.x_m + CENTRE_M * cos, rear_axle.y_m + CENTRE_M * sin, rear_axle.yaw_rad)
    return Thing(number, kind, centre, LENGTH_M, WIDTH_M, speed_mps)


def corners(thing: Thing) -> np.ndarray:
    """The corners of a box, in order."""
    return thing.outline()[[0, 2, 4, 6]]


def overlap(one: Thing, other: Thing) -> bool:
    """Whether two boxes overlap: no side of either separates them."""
    a, b = corners(one), corners(other)
    for box in (a, b):
        for place in range(2):
            side = box[place + 1] - box[place]
            across = np.array([-side[1], side[0]])
            if (a @ across).max() < (b @ across).min() or (b @ across).max() < (a @ across).min():
                return False
    return True


@dataclass
class Signals:
    """The town's lights: one approach of a junction after another is green for ten seconds."""

    graph: LaneGraph
    groups: list[list[tuple[str, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        junctions: list[tuple[np.ndarray, dict[int, tuple[str, ...]]]] = []
        for lane in self.graph.lanes:
            for rule in lane.rules:
                if rule.kind == LIGHT and rule.line_m is not None:
                    middle = rule.line_m.mean(axis=0)
                    near = next((rules for place, rules in junctions if np.hypot(*(place - middle)) < 75.0), None)
                    if near is None:
                        junctions.append((middle, {rule.id: rule.signals}))
                    else:
                        near[rule.id] = rule.signals
        self.groups = [list(rules.values()) for _, rules in junctions]

    def colours(self, now_s: float) -> list[Light]:
        shown = []
        for group in self.groups:
            turn, within = divmod(now_s % (15.0 * len(group)), 15.0)
            for place, names in enumerate(group):
                mine = Colour.GREEN if within < 10.0 else Colour.YELLOW if within < 13.0 else Colour.RED
                colour = mine if place == int(turn) else Colour.RED
                shown += [Light(name, colour) for name in names]
        return shown

    def all(self, colour: Colour) -> list[Light]:
        return [Light(name, colour) for group in self.groups for names in group for name in names]


Things = Callable[[float, Ego], Sequence[Thing]]
Lights = Callable[[float], Sequence[Light]]


@dataclass
class Drive:
    """The planner's and the controller's cores driving a kinematic car whose actuators lag."""

    graph: LaneGraph
    planner: Planner
    tracker: Tracker
    params: ControllerParams
    pose: Pose
    speed_mps: float = 0.0
    things: Things = lambda now_s, ego: []
    lights: Lights = lambda now_s: []
    now_s: float = 0.0
    acceleration_mps2: float = 0.0
    steering_rad: float = 0.0
    gear: int = DRIVE
    output: PlannerOutput | None = None
    demand: DriveDemand | None = None
    rows: list[tuple[float, ...]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    modes: list[Mode] = field(default_factory=list)
    hits: list[tuple[float, int]] = field(default_factory=list)

    @property
    def ego(self) -> Ego:
        return Ego(self.pose, self.speed_mps, self.acceleration_mps2)

    def to(self, goal: Pose) -> Drive:
        """Send the car somewhere."""
        self.planner.step(self.now_s, self.ego, [], self.lights(self.now_s))
        refusal = self.planner.set_goal(goal)
        assert refusal is None, refusal
        return self

    def run(self, seconds: float, until: Callable[[Drive], bool] = lambda drive: False) -> Drive:
        """Let time pass, until the car has arrived or something else holds."""
        for step in range(round(seconds / STEP_S)):
            around = self.things(self.now_s, self.ego)
            if step % 5 == 0:
                self._plan(around)
                if self.modes[-1] is Mode.ARRIVED or until(self):
                    return self
            self._move()
            mine = car(-1, self.pose, self.speed_mps)
            self.hits += [(self.now_s, thing.id) for thing in around if overlap(mine, thing)]
        return self

    def _plan(self, around: Sequence[Thing]) -> None:
        self.output = self.planner.step(self.now_s, self.ego, around, self.lights(self.now_s))
        self.modes.append(self.output.state.mode)
        if not self.reasons or self.reasons[-1] != self.output.state.reason:
            self.reasons.append(self.output.state.reason)

    def _move(self) -> None:
        trajectory = self.output.trajectory if self.output is not None else None
        self.demand = self.tracker.step(self.now_s, self.ego, trajectory)
        self.acceleration_mps2 += (self.demand.acceleration_mps2 - self.acceleration_mps2) * STEP_S / 0.15
        turn = (self.demand.steering_rad - self.steering_rad) / 0.08
        self.steering_rad += min(max(turn, -1.0), 1.0) * STEP_S
        bend = math.tan(self.steering_rad) / self.params.wheelbase_m
        x, y, yaw, v = self.pose.x_m, self.pose.y_m, self.pose.yaw_rad, self.speed_mps
        self.pose = Pose(x + v * math.cos(yaw) * STEP_S, y + v * math.sin(yaw) * STEP_S, yaw + v * bend * STEP_S)
        self.gear = self.demand.gear if abs(v) < 0.05 else self.gear
        sign = -1.0 if self.gear == REVERSE else 1.0
        wrong_gear = self.gear != self.demand.gear
        change = -3.0 if wrong_gear else self.acceleration_mps2
        self.speed_mps = sign * max(sign * v + change * STEP_S, 0.0)
        self.now_s += STEP_S
        self._note(bend)

    def _note(self, bend: float) -> None:
        along, left = math.nan, math.nan
        if self.planner.corridor is not None:
            line = self.planner.corridor.line
            near = self.planner._at_m
            s, d = line.project(np.array([[self.pose.x_m, self.pose.y_m]]), line.window(near - 20.0, near + 20.0))
            along, left = float(s[0]), float(d[0])
        self.rows.append(
            (self.now_s, self.pose.x_m, self.pose.y_m, self.pose.yaw_rad, self.speed_mps, self.acceleration_mps2,
             along, left, self.speed_mps**2 * bend)
        )  # fmt: skip

    def column(self, name: str) -> np.ndarray:
        names = ("time", "x", "y", "yaw", "speed", "acceleration", "along", "left", "lateral_acceleration")
        return np.array(self.rows)[:, names.index(name)]


@pytest.fixture
def drive(hometown: LaneGraph, planner_params: PlannerParams, controller_params: ControllerParams) -> Callable[..., Drive]:
    """Makes a drive on Hometown from a pose."""

    def make(pose: Pose, **options: object) -> Drive:
        planner, tracker = Planner(planner_params, hometown), Tracker(controller_params)
        return Drive(hometown, planner, tracker, controller_params, pose, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def signals(hometown: LaneGraph) -> Signals:
    return Signals(hometown)


@pytest.fixture(scope="session")
def make_car() -> Callable[..., Thing]:
    return car
