"""Our car in one draw of a pre-crash scenario, in closed loop: planner and controller cores, the vehicle model, line of sight.

The planner runs each 0.1 s on what was in sight 0.1 s before, its trajectory reaches the controller 0.02 s later, the controller
runs at 50 Hz; the parameters are the car's own (params/car.yaml). Nothing here depends on the machine's time.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from homeward_can_bridge.command_gate import Limits
from homeward_cli.bench.precrash_avoidable import (
    SETTLED_S,
    Judgement,
    in_sight,
    relative_speed_mps,
)
from homeward_cli.bench.precrash_motion import STEP_S, TIMES_S
from homeward_cli.bench.precrash_roads import OUR_LIGHT, SIDE_LIGHT, TO_M, Road
from homeward_cli.bench.precrash_scenarios import Case
from homeward_cli.bench.precrash_vehicle import Cars, Shape, touching
from homeward_cli.environment import ROOT
from homeward_perception.visibility import corners_of
from homeward_planner.core import Planner
from homeward_planner.mpc_delay import Measured
from homeward_planner.parameters import ControllerParams, PlannerParams
from homeward_planner.planner_state import PlannerOutput
from homeward_planner.scene import Colour, Ego, Light, Pose, Thing
from homeward_planner.tracking import Tracker
from homeward_planner.trajectory import Trajectory
from homeward_runtime.params import build, read_file

PLAN_EVERY, SEEN_LATE = 5, 5  # steps of STEP_S
OFF_ROAD_M = 0.2
MODERATE_MPS2 = 4.0
LIGHTS = (Light(OUR_LIGHT, Colour.GREEN), Light(SIDE_LIGHT, Colour.RED))
Params = TypeVar("Params")


@dataclass(frozen=True, eq=False)
class Moment:
    """Our car at one planning cycle, and what the planner said."""

    time_s: float
    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float
    acceleration_mps2: float
    seen: tuple[int, ...]
    reason: str
    faults: tuple[str, ...]


@dataclass(eq=False)
class Driven:
    """What became of a draw. `struck` names the one that was touched; `from_behind` that it came from behind and isn't ours."""

    moments: list[Moment] = field(default_factory=list)
    struck: int | None = None
    struck_s: float = 0.0
    impact_mps: float = 0.0
    from_behind: bool = False
    off_road_m: float = 0.0

    @property
    def avoided(self) -> bool:
        """Nobody was touched by our doing, and the car stayed on the road."""
        return (self.struck is None or self.from_behind) and self.off_road_m <= OFF_ROAD_M

    @property
    def outcome(self) -> str:
        """In a word or two."""
        if self.struck is not None:
            return "struck from behind" if self.from_behind else f"contact at {self.struck_s:.1f} s, {self.impact_mps:.1f} m/s"
        return f"{self.off_road_m:.1f} m off the road" if self.off_road_m > OFF_ROAD_M else "avoided"


def section(node: str, params: type[Params]) -> Params:
    """A node's own parameters, as far as a dataclass wants them, from params/car.yaml."""
    ((_, values),) = [one for one in read_file(ROOT / "params" / "car.yaml") if one[0].endswith(f"/{node}")]
    return build(params, {one.name: values[one.name] for one in dataclasses.fields(params)}, node)  # type: ignore[arg-type]


@functools.cache
def gate_limits() -> Limits:
    """The command gate's limits."""
    ((_, values),) = [one for one in read_file(ROOT / "params" / "car.yaml") if one[0].endswith("/can_bridge")]
    return Limits(**{one.name: values[one.name] for one in dataclasses.fields(Limits)})


@functools.cache
def planner_params() -> PlannerParams:
    """The planner's."""
    return section("planner", PlannerParams)


@functools.cache
def controller_params() -> ControllerParams:
    """The controller's."""
    return section("controller", ControllerParams)


def our_shape() -> Shape:
    """The car's outline."""
    params = planner_params()
    return Shape(params.front_m, params.rear_m, params.width_m)


class Drive:
    """One draw under way."""

    def __init__(self, case: Case, road: Road) -> None:
        self.case, self.road, self.shape = case, road, our_shape()
        self.planner, self.tracker = Planner(planner_params(), road.graph), Tracker(controller_params())
        self.cars = Cars(1, case.start_m, case.speed_mps, gate_limits(), STEP_S)
        self.places: list[tuple[float, float]] = []
        self.driven = Driven()
        self.output: PlannerOutput | None = None
        self.waiting: Trajectory | None = None
        self.trajectory: Trajectory | None = None

    @property
    def ego(self) -> Ego:
        """As localization tells it."""
        cars = self.cars
        pose = Pose(float(cars.x_m[0]), float(cars.y_m[0]), float(cars.yaw_rad[0]))
        return Ego(pose, float(cars.speed_mps[0]))

    def run(self, until_s: float) -> Driven:
        """Until a contact, or the time is over."""
        self._set_goal()
        for step in range(round(until_s / STEP_S)):
            self.places.append(self._eye())
            self.trajectory = self.waiting
            if step % PLAN_EVERY == 0:
                self._plan(step)
            self._control(step)
            if self._judged(step + 1):
                break
        return self.driven

    def _set_goal(self) -> None:
        self.planner.step(0.0, self.ego, [], LIGHTS)
        refusal = self.planner.set_goal(Pose(TO_M - 40.0, self.case.start_m[1], 0.0))
        if refusal is not None:
            raise RuntimeError(f"the planner refuses the way through the scenario: {refusal.text}")

    def _eye(self) -> tuple[float, float]:
        box = self.shape.boxes(self.cars)[0]
        return float(box[0]), float(box[1])

    def things(self, step: int) -> list[Thing]:
        """What perception tells at a step: what was in sight a cycle before."""
        then = step - SEEN_LATE
        if then < 0:
            return []
        return [self.case.others[one].at(one + 1, then) for one in in_sight(self.case, then, np.array(self.places[then]))]

    def _plan(self, step: int) -> None:
        things = self.things(step)
        output = self.planner.step(step * STEP_S, self.ego, things, LIGHTS)
        self.output, self.waiting = output, output.trajectory
        ego = self.ego
        self.driven.moments.append(
            Moment(
                step * STEP_S, ego.pose.x_m, ego.pose.y_m, ego.pose.yaw_rad, ego.speed_mps, float(self.cars.acceleration_mps2[0]),
                tuple(thing.id for thing in things), reason_of(output), tuple(one.code for one in output.faults),
            )
        )  # fmt: skip

    def _control(self, step: int) -> None:
        now_s, cars = step * STEP_S, self.cars
        measured = Measured(now_s, float(cars.speed_mps[0] * cars.bend_1pm[0]), float(cars.steering_rad[0]))
        demand = self.tracker.step(now_s, self.ego, self.trajectory, measured)
        if self.trajectory is None and self.output is not None and self.output.trajectory is not None:
            cars.step(np.zeros(1), np.zeros(1))  # the very first step: no plan has reached the controller yet
            return
        cars.step(np.array([demand.acceleration_mps2]), np.array([demand.steering_rad]))

    def _judged(self, step: int) -> bool:
        """Whether it is over: somebody was touched."""
        boxes, driven = self.shape.boxes(self.cars), self.driven
        driven.off_road_m = max(driven.off_road_m, float(self.road.outside_m(corners_of(boxes)).max()))
        for number, other in enumerate(self.case.others):
            box = np.array([other.track.x_m[step], other.track.y_m[step], other.track.yaw_rad[step], *other.size_m])
            if touching(boxes, box)[0]:
                self._struck(number, step)
                return True
        return False

    def _struck(self, number: int, step: int) -> None:
        driven, other, cars = self.driven, self.case.others[number], self.cars
        yaw, speed = float(cars.yaw_rad[0]), float(cars.speed_mps[0])
        driven.struck, driven.struck_s = number, float(TIMES_S[step])
        driven.impact_mps = relative_speed_mps(other, driven.struck_s, yaw, speed)
        ahead = (other.track.x_m[step] - cars.x_m[0]) * np.cos(yaw) + (other.track.y_m[step] - cars.y_m[0]) * np.sin(yaw)
        same_way = np.cos(other.track.yaw_rad[step] - yaw) > 0.7
        faster = other.track.speed_mps[step] > speed
        driven.from_behind = bool(
            ahead < -self.shape.rear_m and same_way and faster and cars.acceleration_mps2[0] > -MODERATE_MPS2
        )


def reason_of(output: PlannerOutput) -> str:
    """What the planner does and why, in a word: the state's reason, else its mode."""
    state: Any = output.state
    return str(state.reason or state.mode.name.lower())


def drive(case: Case, road: Road, judgement: Judgement) -> Driven:
    """A draw from its beginning until things have settled after the hazard was known."""
    longest = TIMES_S[-1] - 0.1
    return Drive(case, road).run(min(max(judgement.known_s, judgement.crash_s - 2.0) + SETTLED_S + 1.0, float(longest)))
