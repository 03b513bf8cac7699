"""Drives a CommonRoad scenario in closed loop: the kinematic single-track model of a BMW 320i, the car's own planner.

At each step the planner sees the things as they are at that step, plans, and the first step of the plan is driven: one steering
rate and one acceleration, held for the step, integrated exactly as the judge's model does.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from homeward_cli.bench.commonroad_scenario import Goal, Scenario, read
from homeward_cli.environment import ROOT
from homeward_planner.candidates import Aim
from homeward_planner.corridor import Corridor, build
from homeward_planner.drivable import Drivable, drivable
from homeward_planner.lane_graph import Lane, LaneGraph
from homeward_planner.motion_costs import Body
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats, Line
from homeward_planner.prediction import Predictor
from homeward_planner.route import Leg, Refusal, Route, find_route
from homeward_planner.sampling import Plan, Way, plan
from homeward_planner.scene import Ego, Pose
from homeward_planner.speed_profile import envelope
from homeward_runtime.params import build as build_params
from homeward_runtime.params import read_file

# BMW 320i: parameters_vehicle2 of commonroad-vehicle-models.
LENGTH_M, WIDTH_M, FRONT_AXLE_M, REAR_AXLE_M = 4.508, 1.610, 1.1561957064, 1.4227170936
STEERING_MAX_RAD, STEERING_RATE_MAX_RADPS, GRIP_MPS2, SWITCH_MPS = 1.066, 0.4, 11.5, 7.319
WHEELBASE_M = FRONT_AXLE_M + REAR_AXLE_M
BRAKE_ONLY_MPS2 = 8.0
LOOK_M = 200.0
SUBSTEPS = 10
MOST_WAYS = 3
FORKS_M = 60.0
OTHER_WAY = 5.0  # so much cheaper another way has to be before it is taken


@dataclass(frozen=True)
class Car:
    """The model's state; x, y are the rear axle's."""

    x_m: float
    y_m: float
    steering_rad: float
    speed_mps: float
    yaw_rad: float
    acceleration_mps2: float = 0.0

    @property
    def centre_m(self) -> tuple[float, float]:
        """The middle of the car as CommonRoad has it: its centre of gravity."""
        return self.x_m + REAR_AXLE_M * math.cos(self.yaw_rad), self.y_m + REAR_AXLE_M * math.sin(self.yaw_rad)

    def after(self, rate_radps: float, acceleration_mps2: float, step_s: float) -> Car:
        """Driven on with both inputs held."""
        x, y, steering, speed, yaw = self.x_m, self.y_m, self.steering_rad, self.speed_mps, self.yaw_rad
        part = step_s / SUBSTEPS
        for _ in range(SUBSTEPS):  # the midpoint rule: exact to micrometres at this size of step
            middle_speed = speed + acceleration_mps2 * part / 2.0
            turn = middle_speed / WHEELBASE_M * math.tan(steering + rate_radps * part / 2.0) * part
            x += middle_speed * part * math.cos(yaw + turn / 2.0)
            y += middle_speed * part * math.sin(yaw + turn / 2.0)
            steering, speed, yaw = steering + rate_radps * part, speed + acceleration_mps2 * part, yaw + turn
        return Car(x, y, steering, speed, yaw, acceleration_mps2)


@dataclass(frozen=True)
class Driven:
    """What a drive gave: the states (time step, centre x and y, steering, speed, yaw) and the time of each cycle."""

    states: list[tuple[int, float, float, float, float, float]]
    cycle_ms: list[float]


def car_body() -> Body:
    """The BMW 320i as the planner knows it: the model's limits, with a little kept back."""
    front, rear = LENGTH_M / 2.0 + REAR_AXLE_M, LENGTH_M / 2.0 - REAR_AXLE_M
    return Body(WHEELBASE_M, front, rear, WIDTH_M, STEERING_MAX_RAD - 0.01, STEERING_RATE_MAX_RADPS - 0.005,
                GRIP_MPS2 - 1.5, GRIP_MPS2 - 1.0, GRIP_MPS2 * SWITCH_MPS * 0.95)  # fmt: skip


def planner_params() -> PlannerParams:
    """The car's own parameters, from params/car.yaml."""
    ((_, values),) = [one for one in read_file(ROOT / "params" / "car.yaml") if one[0].endswith("/planner")]
    wanted = {one.name: values[one.name] for one in dataclasses.fields(PlannerParams)}
    return build_params(PlannerParams, wanted, "planner")


class Driver:
    """The car's planner at the wheel of one scenario."""

    def __init__(self, scenario: Scenario, params: PlannerParams) -> None:
        self.scenario, self.params, self.body = scenario, params, car_body()
        self.goal = min(scenario.task.goals, key=lambda goal: goal.steps[1])
        self.predictor = Predictor(scenario.graph)
        corridors = _corridors(scenario, self.goal)
        lines = [(one.line, envelope(one, params)) for one in corridors] or [self._straight_on()]
        self.ways = [Way.along(*line) for line in lines]
        self.taken = self.ways[0]
        self.surface: Drivable = drivable(scenario.graph, np.concatenate([way.line.points_m for way in self.ways]))

    def _straight_on(self) -> tuple[Line, Floats]:
        pose, speed = self.scenario.task.pose, self.scenario.task.speed_mps
        ahead = np.arange(-10.0, LOOK_M, 0.5)
        points = np.stack([pose.x_m + ahead * math.cos(pose.yaw_rad), pose.y_m + ahead * math.sin(pose.yaw_rad)], axis=1)
        return Line.through(points), np.full(len(points), max(speed, 3.0))

    def plan(self, step: int, car: Car) -> Plan | None:
        """One cycle: predict, aim, plan."""
        step_s = self.scenario.step_s
        ego = Ego(Pose(car.x_m, car.y_m, car.yaw_rad), car.speed_mps, car.acceleration_mps2)
        forecast = self.predictor.predict(step * step_s, self.scenario.things(step), round(4.0 / 0.1))
        best, below = None, np.inf
        others = [way for way in self.ways if way is not self.taken]
        for way in [self.taken, *others[step % max(len(others), 1) :][:1]]:
            if best is not None and best.free:
                break  # another way is only looked at in need, and one a cycle
            aim = self._aim(step, car, way)
            found = plan(step * step_s, ego, car.steering_rad, way, aim, self.body, self.surface, forecast, below=below)
            if found is not None:
                best, below, self.taken = found, found.cost - OTHER_WAY, way
        return best

    def _aim(self, step: int, car: Car, way: Way) -> Aim:
        here = float(way.line.project(np.array([[car.x_m, car.y_m]]))[0][0])
        top = float(way.reference.rows[:, 5].max())
        if not self.goal.areas_m:
            return Aim(top)
        early, late = ((end - step) * self.scenario.step_s for end in self.goal.steps)
        span = _span(way.line, self.goal)
        low, high = self.goal.speed_mps if self.goal.speed_mps is not None else (0.0, 100.0)
        even = (sum(span) / 2.0 - here) / max((early + late) / 2.0, 0.5)
        speed = min(max(even, 0.5), max(top, (span[0] - here) / max(late, 0.3)))
        return Aim(speed, span, (max(early, 0.0), max(late, 0.0)), (max(low, 0.0), high))


def drive(path: Path) -> Driven:
    """Drive a scenario from its start until a goal is met, or its time is over."""
    scenario = read(path)
    driver = Driver(scenario, planner_params())
    car, last = start_of(scenario), max(goal.steps[1] for goal in scenario.task.goals)
    driver.plan(0, car)  # compiles, or fetches what was compiled before: not the cycle's time
    driver.predictor = Predictor(scenario.graph)
    driven = Driven([_row(0, car)], [])
    for step in range(last):
        began = time.perf_counter()
        found = driver.plan(step, car)
        driven.cycle_ms.append((time.perf_counter() - began) * 1000.0)
        car = car.after(*_inputs(car, found, scenario.step_s), scenario.step_s)
        driven.states.append(_row(step + 1, car))
        if any(goal.is_met(step + 1, *car.centre_m, car.yaw_rad, car.speed_mps) for goal in scenario.task.goals):
            break
    return driven


def brake_only(path: Path) -> Driven:
    """The floor to compare with: brake straight on until the goals' time is over."""
    scenario = read(path)
    car, last = start_of(scenario), max(goal.steps[1] for goal in scenario.task.goals)
    driven = Driven([_row(0, car)], [])
    for step in range(last):
        braking = min(BRAKE_ONLY_MPS2, car.speed_mps / scenario.step_s)
        car = car.after(0.0, -braking, scenario.step_s)
        driven.states.append(_row(step + 1, car))
        if any(goal.is_met(step + 1, *car.centre_m, car.yaw_rad, car.speed_mps) for goal in scenario.task.goals):
            break
    return driven


def start_of(scenario: Scenario) -> Car:
    """The car as the task has it, its wheels turned as its yaw rate says."""
    task = scenario.task
    x = task.pose.x_m - REAR_AXLE_M * math.cos(task.pose.yaw_rad)
    y = task.pose.y_m - REAR_AXLE_M * math.sin(task.pose.yaw_rad)
    steering = math.atan(WHEELBASE_M * task.yaw_rate_radps / task.speed_mps) if task.speed_mps > 1.0 else 0.0
    return Car(x, y, min(max(steering, -STEERING_MAX_RAD), STEERING_MAX_RAD), max(task.speed_mps, 0.0), task.pose.yaw_rad)


def _row(step: int, car: Car) -> tuple[int, float, float, float, float, float]:
    return (step, *car.centre_m, car.steering_rad, car.speed_mps, car.yaw_rad)


def _inputs(car: Car, found: Plan | None, step_s: float) -> tuple[float, float]:
    """Steering rate and acceleration that lead to the plan's state a step on, within the model's limits."""
    if found is None:
        return 0.0, -min(BRAKE_ONLY_MPS2, car.speed_mps / step_s)
    trajectory = found.trajectory
    speed = float(np.interp(step_s, trajectory.time_s, trajectory.speed_mps))
    bend = float(np.interp(step_s, trajectory.time_s, trajectory.curvature_1pm))
    wanted = min(max(math.atan(WHEELBASE_M * bend), -STEERING_MAX_RAD), STEERING_MAX_RAD)
    rate = min(max((wanted - car.steering_rad) / step_s, -STEERING_RATE_MAX_RADPS), STEERING_RATE_MAX_RADPS)
    highest = GRIP_MPS2 * min(1.0, SWITCH_MPS / max(car.speed_mps, SWITCH_MPS))
    if speed < 0.05 and car.speed_mps < 0.05:
        rate = 0.0
    return rate, max(min((speed - car.speed_mps) / step_s, highest), -GRIP_MPS2, -car.speed_mps / step_s)


def _corridors(scenario: Scenario, goal: Goal) -> list[Corridor]:
    """The way to the goal's place; where there is none, or no way to it, the ways on from here: any will do."""
    graph, start = scenario.graph, scenario.task.pose
    for pose in _poses(scenario, goal):
        route = find_route(graph, start, pose)
        if not isinstance(route, Refusal):
            return [build(graph, route)]
    places = graph.places_near(start, 4.0, math.radians(70.0))
    near = [place for place in places if abs(place.left_m) < abs(places[0].left_m) + 0.5]
    ways = (way for place in near for way in _onward(graph, (place.lane,), -place.s_m))
    found = dict.fromkeys(itertools.islice(ways, MOST_WAYS * 4))
    return [build(graph, _route(graph, start, way)) for way in sorted(found, key=lambda way: _turning(graph, way))[:MOST_WAYS]]


def _poses(scenario: Scenario, goal: Goal) -> Iterator[Pose]:
    """Places to send the car to: on the goal's lanes; else on a lane under an area's middle."""
    for lane in sorted(goal.lanes, key=lambda lane: scenario.graph.lanes[lane].id):
        line = scenario.graph.lanes[lane].line
        yield from (Pose(*line.pose_at(line.length_m * share)) for share in (0.5, 0.9))
    for area in goal.areas_m:
        x, y = area.mean(axis=0)
        for place in scenario.graph.places_near(Pose(float(x), float(y), scenario.task.pose.yaw_rad), 6.0):
            yield Pose(*scenario.graph.lanes[place.lane].line.pose_at(place.s_m))


def _onward(graph: LaneGraph, lanes: tuple[int, ...], way_m: float) -> Iterator[tuple[int, ...]]:
    """Each way on along lanes, up to LOOK_M; beyond FORKS_M only the straightest."""
    way_m += graph.lanes[lanes[-1]].length_m
    following = [graph.lanes[one] for one in graph.lanes[lanes[-1]].successors if one not in lanes]
    if way_m > LOOK_M or not following:
        yield lanes
        return
    for lane in sorted(following, key=_bend)[: None if way_m < FORKS_M else 1]:
        yield from _onward(graph, (*lanes, lane.index), way_m)


def _route(graph: LaneGraph, start: Pose, lanes: tuple[int, ...]) -> Route:
    first, last = graph.place_on(lanes[0], start), graph.lanes[lanes[-1]]
    legs = [Leg(lane, 0.0, graph.lanes[lane].length_m) for lane in lanes]
    legs[0] = dataclasses.replace(legs[0], from_m=min(max(first.s_m, 0.0), legs[0].to_m))
    return Route(tuple(legs), Pose(*last.line.pose_at(last.length_m)), 0.0)


def _turning(graph: LaneGraph, lanes: tuple[int, ...]) -> float:
    return sum(_bend(graph.lanes[lane]) for lane in lanes)


def _bend(lane: Lane) -> float:
    return float(abs(lane.line.heading_rad[-1] - lane.line.heading_rad[0]))


def _span(line: Line, goal: Goal) -> tuple[float, float]:
    """From where to where along the way the rear axle is, when the car's centre is in the goal's areas (with some room)."""
    s = np.arange(0.0, line.length_m, 0.5)
    x, y = (np.interp(s, line.s_m, line.points_m[:, axis]) for axis in (0, 1))
    inside = _within(goal, s, x, y)
    if not len(inside):
        return line.length_m - 10.0 - REAR_AXLE_M, line.length_m - REAR_AXLE_M
    low, high = float(inside.min()) - REAR_AXLE_M, float(inside.max()) - REAR_AXLE_M
    room = min(1.0, (high - low) / 4.0)
    return low + room, high - room


def _within(goal: Goal, s: Floats, x: Floats, y: Floats) -> Floats:
    free = dataclasses.replace(goal, speed_mps=None, heading_rad=None)
    met = np.array([free.is_met(goal.steps[0], float(one), float(other), 0.0, 0.0) for one, other in zip(x, y, strict=True)])
    return s[met]
