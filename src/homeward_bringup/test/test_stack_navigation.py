"""The calls that nav2_simple_commander makes, on the wire; then a dead planner."""

from __future__ import annotations

import itertools
import math
import os
import signal
import time
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.srv import GetState
from nav2_msgs.action import ComputePathThroughPoses, ComputePathToPose, NavigateToPose

from homeward_interfaces.msg import Engagement, LocalizationState, Outcome, PlannerState
from homeward_runtime import ledger

pytestmark = pytest.mark.stack
OFFICE = (208.25, -80.0, -0.70710678, 0.70710678)
SCHOOL = (61.75, 113.0, 0.70710678, 0.70710678)
CANCELED, ABORTED = 5, 6


def pose(x_m: float, y_m: float, z: float = 0.0, w: float = 1.0, frame: str = "map") -> PoseStamped:
    message = PoseStamped()
    message.header.frame_id = frame
    message.pose.position.x, message.pose.position.y = x_m, y_m
    message.pose.orientation.z, message.pose.orientation.w = z, w
    return message


def result_of(observer: Any, handle: Any, timeout_s: float = 20.0) -> Any:
    future = handle.get_result_async()
    observer.until(future.done, timeout_s, "the goal's result")
    return future.result()


@pytest.fixture(scope="module", autouse=True)
def ready(observer: Any) -> None:
    observer.watch(
        ledger.LOCALIZATION, ledger.PLANNER_STATE, ledger.ENGAGEMENT, ledger.VEHICLE_STATE, ledger.DIAGNOSTICS, ledger.ROUTE
    )

    def located() -> bool:
        seen = observer.latest.get(ledger.LOCALIZATION.name)
        return seen is not None and seen.status == LocalizationState.GOOD

    observer.until(located, 180.0, "the car to know where it is")
    goal = ComputePathToPose.Goal(goal=pose(*OFFICE))

    def planner_knows() -> bool:
        code = result_of(observer, observer.act(ledger.COMPUTE_PATH, goal)).result.error_code
        return bool(code != ComputePathToPose.Result.TF_ERROR)

    observer.until(planner_knows, 60.0, "the planner to know where the car is")


@pytest.mark.parametrize("node", ["planner", "localization"])
def test_managed_nodes_say_that_they_are_active(observer: Any, node: str) -> None:
    client = observer.node.create_client(GetState, f"/{node}/get_state")
    observer.until(client.service_is_ready, 30.0, f"/{node}/get_state")
    future = client.call_async(GetState.Request())
    observer.until(future.done, 10.0, "the state")
    assert future.result().current_state.label == "active"


def test_a_path_can_be_asked_for(observer: Any) -> None:
    handle = observer.act(ledger.COMPUTE_PATH, ComputePathToPose.Goal(goal=pose(*OFFICE)))
    result = result_of(observer, handle).result
    assert result.error_code == ComputePathToPose.Result.NONE and len(result.path.poses) > 100
    last = result.path.poses[-1].pose.position
    assert abs(last.x - OFFICE[0]) < 1.0 and abs(last.y - OFFICE[1]) < 1.0


@pytest.mark.parametrize(
    "goal, code",
    [
        (pose(5000.0, 5000.0), ComputePathToPose.Result.GOAL_OUTSIDE_MAP),
        (pose(208.25, -80.0, 0.0, 0.0), ComputePathToPose.Result.UNKNOWN),
        (pose(float("nan"), 0.0), ComputePathToPose.Result.UNKNOWN),
        (pose(*OFFICE, frame="moon"), ComputePathToPose.Result.UNKNOWN),
    ],
    ids=["off the map", "no rotation", "not a number", "another frame"],
)
def test_a_goal_that_can_not_be_is_refused_with_a_sentence(observer: Any, goal: PoseStamped, code: int) -> None:
    result = result_of(observer, observer.act(ledger.COMPUTE_PATH, ComputePathToPose.Goal(goal=goal)))
    assert result.status == ABORTED and result.result.error_code == code and result.result.error_msg.endswith(".")
    result = result_of(observer, observer.act(ledger.NAVIGATE, NavigateToPose.Goal(pose=goal)))
    assert result.status == ABORTED and result.result.error_code != 0 and result.result.error_msg.endswith(".")


def test_a_path_through_several_places_is_one_path(observer: Any) -> None:
    goal = ComputePathThroughPoses.Goal(goals=[pose(*SCHOOL), pose(*OFFICE)])
    result = result_of(observer, observer.act(ledger.COMPUTE_PATH_THROUGH, goal)).result
    assert result.error_code == ComputePathThroughPoses.Result.NONE and result.path.header.frame_id == "map"
    points = [(one.pose.position.x, one.pose.position.y) for one in result.path.poses]
    assert all(math.dist(*pair) < 2.6 for pair in itertools.pairwise(points)), "without a gap or a step back"
    assert min(math.dist(point, SCHOOL[:2]) for point in points) < 2.5 and math.dist(points[-1], OFFICE[:2]) < 1.0


@pytest.mark.parametrize(
    "goals, code, said",
    [
        ([pose(*SCHOOL), pose(5000.0, 5000.0), pose(*OFFICE)], ComputePathThroughPoses.Result.GOAL_OUTSIDE_MAP, "Pose 2 of 3: "),
        ([pose(*OFFICE), pose(float("nan"), 0.0)], ComputePathThroughPoses.Result.UNKNOWN, "Pose 2 of 2: "),
        ([pose(*OFFICE, frame="moon")], ComputePathThroughPoses.Result.UNKNOWN, "moon"),
        ([], ComputePathThroughPoses.Result.NO_VIAPOINTS_GIVEN, "no pose"),
    ],
    ids=["one off the map", "one not a number", "another frame", "none"],
)
def test_a_pose_that_can_not_be_reached_is_named_by_its_number(observer: Any, goals: list[PoseStamped], code: int, said: str) -> None:
    result = result_of(observer, observer.act(ledger.COMPUTE_PATH_THROUGH, ComputePathThroughPoses.Goal(goals=goals)))
    assert result.status == ABORTED and result.result.error_code == code
    assert said in result.result.error_msg and result.result.error_msg.endswith(".") and not result.result.path.poses


def test_a_path_from_somewhere_else_begins_there(observer: Any) -> None:
    goal = ComputePathThroughPoses.Goal(goals=[pose(*OFFICE)], start=pose(5000.0, 0.0), use_start=True)
    result = result_of(observer, observer.act(ledger.COMPUTE_PATH_THROUGH, goal)).result
    assert result.error_code == ComputePathThroughPoses.Result.START_OUTSIDE_MAP and "Pose" not in result.error_msg
    goal = ComputePathThroughPoses.Goal(goals=[pose(*OFFICE)], start=pose(*SCHOOL), use_start=True)
    result = result_of(observer, observer.act(ledger.COMPUTE_PATH_THROUGH, goal)).result
    first = result.path.poses[0].pose.position
    assert result.error_code == 0 and math.dist((first.x, first.y), SCHOOL[:2]) < 10.0


def test_an_unknown_place_is_refused_and_the_known_ones_are_named(observer: Any) -> None:
    outcome = observer.call(ledger.DRIVE_TO, place="Atlantis").outcome
    assert outcome.outcome == Outcome.REFUSED and "Office" in outcome.text


def test_a_goal_may_say_when_to_be_there(observer: Any) -> None:
    now_s = observer.newest(ledger.PLANNER_STATE).header.stamp.sec
    outcome = observer.call(ledger.DRIVE_TO, place="Office", not_after=Time(sec=now_s + 20)).outcome
    assert (outcome.outcome, outcome.reason) == (Outcome.REFUSED, "too_late"), outcome.text
    assert observer.call(ledger.DRIVE_TO, place="Office", not_before=Time(sec=now_s + 900)).outcome.outcome == Outcome.DONE
    observer.until(lambda: observer.newest(ledger.PLANNER_STATE).reason == "too_early", 10.0, "a car that waits to set off")
    assert observer.newest(ledger.PLANNER_STATE).time_remaining_s > 800.0
    observer.call(ledger.CANCEL_DRIVE)
    observer.until(lambda: observer.newest(ledger.PLANNER_STATE).mode == PlannerState.IDLE, 10.0, "an idle planner")


def test_a_goal_gives_feedback_moves_nothing_until_engaged_and_can_be_cancelled(observer: Any) -> None:
    heard: list[Any] = []
    handle = observer.act(
        ledger.NAVIGATE, NavigateToPose.Goal(pose=pose(*OFFICE)), lambda message: heard.append(message.feedback)
    )
    observer.until(lambda: len(heard) > 2, 10.0, "feedback")
    assert heard[-1].distance_remaining > 500.0 and heard[-1].estimated_time_remaining.sec > 20
    assert abs(observer.newest(ledger.VEHICLE_STATE).speed_mps) < 0.05, "a goal never engages"
    future = handle.cancel_goal_async()
    observer.until(future.done, 10.0, "the cancel's answer")
    assert result_of(observer, handle).status == CANCELED
    observer.until(lambda: observer.newest(ledger.PLANNER_STATE).mode == PlannerState.IDLE, 10.0, "an idle planner")


def test_a_second_goal_takes_the_first_ones_place(observer: Any) -> None:
    first = observer.act(ledger.NAVIGATE, NavigateToPose.Goal(pose=pose(*OFFICE)))
    observer.call(ledger.DRIVE_TO, place="School")
    result = result_of(observer, first)
    assert result.status == ABORTED and "Another goal" in result.result.error_msg
    observer.call(ledger.CANCEL_DRIVE)


def test_a_second_action_goal_takes_the_first_ones_place_and_is_under_way(observer: Any) -> None:
    first = observer.act(ledger.NAVIGATE, NavigateToPose.Goal(pose=pose(*OFFICE)))
    second = observer.act(ledger.NAVIGATE, NavigateToPose.Goal(pose=pose(*SCHOOL)))
    ended = result_of(observer, first)
    assert (ended.status, ended.result.error_code, ended.result.error_msg) == (ABORTED, 9000, "Another goal took its place.")
    observer.until(lambda: observer.newest(ledger.PLANNER_STATE).mode != PlannerState.IDLE, 10.0, "the second goal under way")
    observer.until(second.cancel_goal_async().done, 10.0, "the cancel's answer")
    ended = result_of(observer, second)
    assert (ended.status, ended.result.error_code, ended.result.error_msg) == (CANCELED, 0, "The goal was given up.")


def test_a_goal_that_can_not_be_reached_leaves_the_one_under_way(observer: Any) -> None:
    kept = observer.act(ledger.NAVIGATE, NavigateToPose.Goal(pose=pose(*OFFICE)))
    refused = result_of(observer, observer.act(ledger.NAVIGATE, NavigateToPose.Goal(pose=pose(5000.0, 5000.0))))
    assert (refused.status, refused.result.error_code) == (ABORTED, 9000) and "map" in refused.result.error_msg
    assert observer.newest(ledger.PLANNER_STATE).mode != PlannerState.IDLE
    observer.until(kept.cancel_goal_async().done, 10.0, "the cancel's answer")
    assert result_of(observer, kept).status == CANCELED, "it was not ended by the other's refusal"


def faults(observer: Any) -> set[str]:
    message = observer.latest.get(ledger.DIAGNOSTICS.name)
    rows = message.status if message is not None else []
    return {value.value for status in rows for value in status.values if value.key == "code"}


def test_a_dead_planner_stops_the_car_is_named_and_comes_back(observer: Any, stack: Any) -> None:
    assert observer.call(ledger.DRIVE_TO, place="office").outcome.outcome == Outcome.DONE
    engage = lambda: observer.call(ledger.SET_ENGAGED, engaged=True).outcome.outcome == Outcome.DONE  # noqa: E731
    observer.until(engage, 20.0, "the gate to engage")
    observer.until(lambda: observer.newest(ledger.VEHICLE_STATE).speed_mps > 2.0, 30.0, "the car to drive")

    os.kill(stack.pid_of("planner"), signal.SIGKILL)
    died = time.monotonic()
    observer.until(lambda: "controller.trajectory_stale" in faults(observer), 10.0, "the controller to miss the plan")
    observer.until(lambda: abs(observer.newest(ledger.VEHICLE_STATE).speed_mps) < 0.05, 15.0, "the car to stand")
    assert time.monotonic() - died < 20.0
    assert "planner was ended by signal SIGKILL" in stack.log.read_text()

    observer.until(lambda: "controller.trajectory_stale" not in faults(observer), 40.0, "the planner to be back")
    assert observer.until(
        lambda: observer.call(ledger.DRIVE_TO, place="office").outcome.outcome == Outcome.DONE, 20.0, "a new goal"
    )
    observer.until(lambda: engage() and observer.newest(ledger.VEHICLE_STATE).speed_mps > 2.0, 40.0, "the car to drive on")


def test_a_dead_controller_ends_in_stopping(observer: Any, stack: Any) -> None:
    os.kill(stack.pid_of("controller"), signal.SIGKILL)
    observer.until(lambda: observer.latest[ledger.ENGAGEMENT.name].state == Engagement.STOPPING, 10.0, "STOPPING")
    observer.until(lambda: abs(observer.newest(ledger.VEHICLE_STATE).speed_mps) < 0.05, 15.0, "the car to stand")
    assert observer.latest[ledger.ENGAGEMENT.name].reason == "command_stale"
