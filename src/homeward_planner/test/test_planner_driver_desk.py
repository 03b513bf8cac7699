"""The planner's node, a gate and a driver in lockstep: modes are asked for, refused, given back; the reason is told."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from homeward_interfaces.msg import DriveMode, Engagement, LocalizationState, Outcome, TrackedObject, TrackedObjects, VehicleState
from homeward_interfaces.srv import DriveTo, SetEngaged, SetMode
from homeward_planner.node import PlannerNode
from homeward_planner.scene import Pose
from homeward_runtime import ledger
from homeward_runtime.car_node import CarNode
from homeward_runtime.lockstep import Lockstep
from homeward_runtime.params import read_file

ROOT = Path(__file__).resolve().parents[3]
LONG = Pose(-65.0, -5.25, 0.0)
TICK_NS = 100_000_000


class Car(CarNode):
    """Everything around the planner: the gate as it answers, the car where it is put, and what is around it."""

    name = "can_bridge"

    def configure(self) -> None:
        self.engagement = self.publish_to(ledger.ENGAGEMENT)
        self.vehicle, self.localization = self.publish_to(ledger.VEHICLE_STATE), self.publish_to(ledger.LOCALIZATION)
        self.objects = self.publish_to(ledger.OBJECTS)
        self.serve(ledger.SET_ENGAGED, self.on_set_engaged)
        self.refusal = ""
        self.pose, self.speed_mps, self.located, self.seen = LONG, 0.0, True, True
        self.around: list[TrackedObject] = []
        self.run_every(0.1, self.on_tick)

    def on_set_engaged(self, request: Any) -> Any:
        if request.engaged and self.refusal:
            return SetEngaged.Response(outcome=Outcome(outcome=Outcome.REFUSED, reason="not_ready", text=self.refusal))
        self.say(*(Engagement.ENGAGED, "engaged") if request.engaged else (Engagement.MANUAL, "driver_request"))
        return SetEngaged.Response()

    def say(self, state: int, reason: str) -> None:
        self.engagement.publish(Engagement(stamp=self.stamp(), state=state, reason=reason, text=f"Because of {reason}."))

    def on_tick(self) -> None:
        state = VehicleState(speed_mps=self.speed_mps, gear=VehicleState.GEAR_DRIVE)
        place = LocalizationState(status=LocalizationState.GOOD, x_m=self.pose.x_m, y_m=self.pose.y_m, yaw_rad=self.pose.yaw_rad, speed_mps=self.speed_mps)
        state.header.stamp = place.header.stamp = self.stamp()
        self.vehicle.publish(state)
        if self.located:
            self.localization.publish(place)
        if self.seen:
            objects = TrackedObjects(objects=self.around)
            objects.header.stamp = self.stamp()
            self.objects.publish(objects)


class World:
    def __init__(self) -> None:
        ((_, values),) = [one for one in read_file(ROOT / "params" / "car.yaml") if one[0].endswith("/planner")]
        self.lockstep = Lockstep({"planner": values}, log=lambda text: None)
        self.car: Any = self.lockstep.add(Car)
        self.planner: Any = self.lockstep.add(PlannerNode)
        self.told: list[Any] = []
        self.trajectories: list[Any] = []
        self.lockstep.watch(ledger.DRIVE_MODE, self.told.append)
        self.lockstep.watch(ledger.TRAJECTORY, self.trajectories.append)
        self.ticks(5)

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.lockstep.step(TICK_NS)

    def ask(self, mode: int, set_speed_mps: float = 0.0) -> Any:
        """The outcome, a few ticks later."""
        answers: list[Any] = []
        given = self.planner.desk.on_set_mode(SetMode.Request(mode=mode, set_speed_mps=set_speed_mps))
        if hasattr(given, "then"):
            given.then(answers.append)
        else:
            answers.append(given)
        self.ticks(3)
        assert len(answers) == 1
        return answers[0].outcome

    @property
    def mode(self) -> Any:
        return self.told[-1]


@pytest.fixture
def world() -> World:
    return World()


def test_cruise_needs_no_goal_and_engages_when_the_plan_is_out(world: World) -> None:
    assert (world.mode.mode, world.mode.reason) == (DriveMode.MANUAL, "started")
    assert len(world.trajectories[-1].time_s) == 0
    assert world.ask(DriveMode.CRUISE, 9.0).outcome == Outcome.DONE
    assert (world.mode.mode, world.mode.reason, world.mode.set_speed_mps) == (DriveMode.CRUISE, "cruise", 9.0)
    assert len(world.trajectories[-1].time_s) > 0
    world.car.say(Engagement.MANUAL, "driver_brake")
    world.ticks(2)
    assert (world.mode.mode, world.mode.reason, world.mode.text) == (DriveMode.MANUAL, "driver_brake", "Because of driver_brake.")
    assert len(world.trajectories[-1].time_s) == 0, "the way straight on is forgotten"


def test_cruise_takes_the_speed_of_now_or_what_the_road_allows(world: World) -> None:
    world.car.speed_mps = 7.0
    world.ticks(2)
    world.ask(DriveMode.CRUISE)
    assert world.planner.planner.set_speed_mps == 7.0 and world.mode.set_speed_mps == 7.0
    world.ask(DriveMode.MANUAL)
    world.car.speed_mps = 0.0
    world.ticks(2)
    world.ask(DriveMode.CRUISE, math.nan)
    assert math.isinf(world.planner.planner.set_speed_mps) and world.mode.set_speed_mps == 0.0


def test_refusals_are_sentences(world: World) -> None:
    outcome = world.ask(DriveMode.PILOT)
    assert (outcome.outcome, outcome.reason) == (Outcome.REFUSED, "no_goal") and outcome.text.startswith("Not engaged: there is no goal")
    world.car.pose = Pose(0.0, 100.0, 0.0)
    world.ticks(2)
    assert world.ask(DriveMode.CRUISE).text == "Not engaged: The car is not on a lane of the map."
    world.car.located = False
    world.ticks(6)
    assert "no localization" in world.ask(DriveMode.CRUISE).text
    world.car.located, world.car.seen, world.car.pose = True, False, LONG
    world.ticks(8)
    assert "surroundings" in world.ask(DriveMode.CRUISE).text
    assert world.ask(99).outcome == Outcome.REFUSED
    assert world.mode.mode == DriveMode.MANUAL


def test_what_the_gate_refuses_is_passed_on_and_told(world: World) -> None:
    world.car.refusal = "Not engaged: a door is open."
    outcome = world.ask(DriveMode.CRUISE)
    assert (outcome.outcome, outcome.text) == (Outcome.REFUSED, "Not engaged: a door is open.")
    assert (world.mode.mode, world.mode.text) == (DriveMode.MANUAL, "Not engaged: a door is open.")
    assert not world.planner.planner.keeps_lane


def test_without_a_gate_the_refusal_says_so() -> None:
    world = World()
    world.lockstep.remove("can_bridge")
    given: list[Any] = []
    world.planner.desk.on_set_mode(SetMode.Request(mode=DriveMode.CRUISE)).then(given.append)
    world.planner.on_tick()
    world.ticks(2)
    assert given[0].outcome.outcome == Outcome.REFUSED and "does not run" in given[0].outcome.text


def test_a_wish_that_is_taken_back_before_the_plan_is_out_never_engages(world: World) -> None:
    desk, given = world.planner.desk, []
    desk.on_set_mode(SetMode.Request(mode=DriveMode.CRUISE)).then(given.append)
    desk.on_set_mode(SetMode.Request(mode=DriveMode.MANUAL)).then(lambda response: None)
    world.ticks(4)
    assert given[0].outcome.reason == "superseded"
    assert world.mode.mode == DriveMode.MANUAL and desk.modes.gate == Engagement.MANUAL


def test_a_goal_while_cruising_makes_it_pilot(world: World) -> None:
    world.ask(DriveMode.CRUISE, 9.0)
    assert world.planner.on_drive_to(DriveTo.Request(place="office")).outcome.outcome == Outcome.DONE
    world.ticks(3)
    assert (world.mode.mode, world.mode.reason) == (DriveMode.PILOT, "pilot")
    assert "there is a goal" in world.ask(DriveMode.CRUISE).text
    world.ask(DriveMode.MANUAL)
    assert world.mode.mode == DriveMode.MANUAL and world.planner.planner.corridor is not None, "the goal stays"


def test_the_driver_is_asked_to_take_over_where_the_lane_parts(world: World) -> None:
    world.car.pose, world.car.speed_mps = Pose(-195.0, -1.75, 0.0), 8.0
    world.ticks(2)
    world.ask(DriveMode.CRUISE, 8.0)
    assert world.mode.mode == DriveMode.CRUISE and world.mode.take_over
    assert world.mode.reason == "cruise_fork" and world.mode.text.endswith("please take over.")


def test_stopping_by_the_gate_and_states_that_do_not_exist(world: World) -> None:
    world.ask(DriveMode.CRUISE, 9.0)
    world.car.say(77, "nonsense")
    world.ticks(2)
    assert world.mode.mode == DriveMode.CRUISE
    world.car.say(Engagement.STOPPING, "command_stale")
    world.ticks(2)
    assert (world.mode.mode, world.mode.reason) == (DriveMode.STOPPING, "command_stale")


def test_a_driver_who_drives_himself_is_warned_and_homeward_is_not(world: World) -> None:
    world.car.speed_mps = 12.0
    world.car.around = [TrackedObject(id=7, kind=TrackedObject.CAR, x_m=LONG.x_m + 30.0, y_m=LONG.y_m, length_m=4.8, width_m=1.9, height_m=1.5)]
    world.ticks(3)
    assert list(world.mode.warnings) == ["forward_collision"] and world.mode.warning_texts[0].startswith("Brake!")
    world.ask(DriveMode.CRUISE, 9.0)
    assert not world.mode.warnings


def test_an_emergency_goes_out_as_braking_only_and_the_gate_says_when_it_brakes(world: World) -> None:
    assert not world.trajectories[-1].brake_only
    world.car.speed_mps = 12.0
    world.car.around = [TrackedObject(id=7, kind=TrackedObject.CAR, x_m=LONG.x_m + 18.0, y_m=LONG.y_m, length_m=4.8, width_m=1.9, height_m=1.5)]
    world.ticks(3)
    braking = world.trajectories[-1]
    assert braking.brake_only and braking.speed_mps[-1] == 0.0 and max(braking.acceleration_mps2) <= 0.0
    assert world.mode.mode == DriveMode.MANUAL and "emergency_braking" in world.mode.warnings
    world.car.say(Engagement.BRAKING, "emergency")
    world.ticks(2)
    assert (world.mode.mode, world.mode.reason) == (DriveMode.BRAKING, "emergency")
    assert world.ask(DriveMode.CRUISE).text == "Not engaged: the car is braking in an emergency."
    world.car.around, world.car.speed_mps = [], 0.0
    world.ticks(40)
    assert not world.trajectories[-1].brake_only
