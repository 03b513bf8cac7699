"""Planner shell: moves data between ROS and the core, and serves Nav2's actions. It decides nothing."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from builtin_interfaces.msg import Time
from std_msgs.msg import Float32
from std_srvs.srv import Trigger

from homeward_interfaces.msg import Outcome, Place, Places
from homeward_interfaces.srv import DriveTo
from homeward_planner import convert, lanelet_map
from homeward_planner.core import Planner
from homeward_planner.corridor import Corridor
from homeward_planner.driver_desk import DriverDesk
from homeward_planner.map_origin import MapError
from homeward_planner.navigation import (
    PATH_CODES,
    PATH_UNKNOWN,
    TF_ERROR,
    THROUGH_CODES,
    THROUGH_UNKNOWN,
    UNKNOWN,
    Ending,
    How,
    Navigation,
    way_through,
)
from homeward_planner.parameters import PlannerParams
from homeward_planner.planner_state import Mode, PlannerOutput
from homeward_planner.route import NO_POSITION, Refusal
from homeward_planner.scene import Pose
from homeward_planner.scene_markers import scene_markers
from homeward_planner.time_window import ANY_TIME, EARLY, NO_HURRY, Timetable, TimeWindow, spoken
from homeward_planner.way import STANDING_MPS
from homeward_runtime import ledger, rclpy_host
from homeward_runtime.car_node import CarNode, Run, message_class, seconds_of
from homeward_runtime.faults import Severity, fault
from homeward_runtime.files import find, read_text
from homeward_runtime.params import param
from homeward_runtime.places import find_place, read_places

FEEDBACK_EVERY = 5  # ticks
POSITION_TIMEOUT_S = 0.3
NAVIGATION_CODES = {"no_localization": TF_ERROR}


@dataclass(frozen=True)
class PlannerNodeParams(PlannerParams):
    """The planner's parameters, and its files."""

    map_file: str = param("", "the Lanelet2 map (.osm), with its origin beside it")
    places_file: str = param("", "places.yaml of the map; empty for none")


class PlannerNode(CarNode):
    """Objects, lights and the car's position in; a trajectory and what the planner does out."""

    name = "planner"
    priority = 10

    def configure(self) -> None:
        self.params = self.load_params(PlannerNodeParams)
        self.graph = self.load_map(self.params.map_file)
        self.planner = Planner(self.params, self.graph)
        self.navigation = Navigation(self.planner.set_goal, self.planner.cancel)
        self.localization: Any = None
        self.objects: Any = None
        self.lights: list[Any] = []
        self.shown: Any = None
        self.ticks = 0
        self.trajectory, self.state = self.publish_to(ledger.TRAJECTORY), self.publish_to(ledger.PLANNER_STATE)
        self.route, self.scene = self.publish_to(ledger.ROUTE), self.publish_to(ledger.SCENE_MARKERS)
        self.planning_time = self.publish_to(ledger.PLANNING_TIME)
        self.show_map()
        self.desk = DriverDesk(self, self.planner)
        self.subscribe_to(ledger.LOCALIZATION, self.on_localization)
        self.subscribe_to(ledger.OBJECTS, self.on_objects)
        self.subscribe_to(ledger.TRAFFIC_LIGHTS, self.on_lights)
        self.subscribe_to(ledger.GOAL_POSE, self.on_goal_pose)
        self.serve(ledger.DRIVE_TO, self.on_drive_to)
        self.serve(ledger.CANCEL_DRIVE, self.on_cancel)
        self.serve_action(ledger.NAVIGATE, lambda run: self.on_navigate(run, [run.goal.pose]))
        self.serve_action(ledger.NAVIGATE_THROUGH, lambda run: self.on_navigate(run, list(run.goal.poses)))
        self.serve_action(ledger.COMPUTE_PATH, self.on_compute_path)
        self.serve_action(ledger.COMPUTE_PATH_THROUGH, self.on_compute_path_through)
        self.run_every(self.params.period_s, self.on_tick)

    def load_map(self, name: str) -> Any:
        try:
            return lanelet_map.load(find(name, "maps"))
        except MapError as error:
            raise RuntimeError(f"the map {name}: {error}") from error

    def show_map(self) -> None:
        text = read_text(self.params.places_file, "maps") if self.params.places_file else ""
        self.places = read_places(text)
        rows = [Place(name=one.name, label=one.label, kind=one.kind, x_m=one.x_m, y_m=one.y_m, yaw_rad=one.yaw_rad)
                for one in self.places]  # fmt: skip
        self.publish_to(ledger.PLACES).publish(Places(places=rows))
        self.publish_to(ledger.LANE_MAP).publish(convert.lane_map_message(self.graph))
        self.publish_to(ledger.MARKERS).publish(convert.marker_array(self.graph))
        self.route.publish(convert.path_message(None, self.stamp()))

    def on_preferences(self, params: Any) -> None:
        self.params = params
        self.planner.adopt(params)

    # what comes in
    def on_localization(self, message: Any) -> None:
        self.localization = message

    def on_objects(self, message: Any) -> None:
        self.objects = message

    def on_lights(self, message: Any) -> None:
        self.lights = convert.lights_from_message(message)

    def ego(self, now_s: float) -> Any:
        seen = self.localization
        if seen is None or now_s - seconds_of(seen.header.stamp) > POSITION_TIMEOUT_S:
            return None
        return convert.ego_from_message(seen)

    def things(self, now_s: float) -> Any:
        seen = self.objects
        if seen is None or now_s - seconds_of(seen.header.stamp) > self.params.objects_timeout_s:
            return None
        return convert.things_from_message(seen)

    def on_tick(self) -> None:
        now_s, began_ns = self.now_s(), self.monotonic_ns()
        ego, things = self.ego(now_s), self.things(now_s)
        watched = self.desk.look(now_s, ego, things)
        output = self.timely(now_s, self.planner.step(now_s, ego, things, self.lights))
        seen = self.objects
        sensor_stamp, receipt_ns = (seen.header.stamp, seen.sensor_receipt_ns) if seen is not None else (Time(), 0)
        self.trajectory.publish(convert.trajectory_message(output, round(now_s * 1e9), sensor_stamp, receipt_ns, watched.braking))
        self.finish(self.navigation.tick(output.state))
        self.state.publish(convert.state_message(output.state, self.navigation.name, self.stamp()))
        self.desk.tell(output.state, watched.warnings)
        self.show_route()
        if self.scene.wanted():
            where = self.ego(now_s)
            pose = where.pose if where is not None else None
            self.scene.publish(scene_markers(output, seen, pose, self.planner.corridor, self.stamp()))
        self.give_feedback(output.state, now_s)
        took_s = (self.monotonic_ns() - began_ns) * 1e-9
        if self.planning_time.wanted():
            self.planning_time.publish(Float32(data=took_s))
        slow = [fault("planner.slow", f"{took_s:.2f} s")] if took_s > 2 * self.params.period_s else []
        self.report([*output.faults, *slow])

    def show_route(self) -> None:
        corridor = self.planner.corridor
        if (corridor.route if corridor is not None else None) is not self.shown:
            self.shown = corridor.route if corridor is not None else None
            self.route.publish(convert.path_message(corridor, self.stamp()))

    def timely(self, now_s: float, output: PlannerOutput) -> PlannerOutput:
        """The step's output, or a car that waits to set off; and whether it is going to be late."""
        waits_s = self.navigation.waits_s(now_s)
        if waits_s > 0.0 and output.state.mode in (Mode.DRIVING, Mode.WAITING, Mode.BLOCKED):
            rest_s = output.state.time_remaining_s + waits_s
            early = replace(output.state, mode=Mode.WAITING, reason=EARLY[0], text=EARLY[1], time_remaining_s=rest_s)
            return replace(output, trajectory=None, state=early)
        late_s = self.navigation.late_s(now_s, output.state)
        late = (fault("planner.late", f"at least {spoken(late_s)}"),) if late_s > 0.0 else ()
        return replace(output, faults=(*output.faults, *late))

    # goals
    def begin(self, ticket: Any, poses: list[Pose], name: str, window: TimeWindow = ANY_TIME) -> Refusal | None:
        timetable = self.timetable(poses[0], window) if window.limited else NO_HURRY
        if isinstance(timetable, Refusal):
            return timetable
        refusal, endings = self.navigation.begin(ticket, poses, name, self.now_s(), timetable)
        self.finish(endings)
        return refusal

    def timetable(self, goal: Pose, window: TimeWindow) -> Timetable | Refusal:
        now_s = self.now_s()
        ego = self.ego(now_s)
        least_s = self.planner.least_time_s(ego.pose, goal) if ego is not None else NO_POSITION
        return least_s if isinstance(least_s, Refusal) else window.timetable(now_s, least_s, abs(ego.speed_mps) < STANDING_MPS)

    def on_goal_pose(self, message: Any) -> None:
        try:
            refusal = self.begin(None, [convert.pose_from_message(message)], "")
        except ValueError as error:
            refusal = Refusal("not_finite", str(error))
        if refusal is not None:
            self.log(f"goal_pose was refused: {refusal.text}", Severity.WARNING)

    def on_drive_to(self, request: Any) -> Any:
        place = find_place(self.places, request.place)
        if place is None:
            names = ", ".join(one.label for one in self.places) or "none"
            outcome = Outcome(outcome=Outcome.REFUSED, reason="unknown_place",
                              text=f"There is no place '{request.place}'. There are: {names}.")  # fmt: skip
        else:
            refusal = self.begin(None, [Pose(place.x_m, place.y_m, place.yaw_rad)], place.label, _window(request))
            outcome = Outcome(outcome=Outcome.DONE) if refusal is None else Outcome(
                outcome=Outcome.REFUSED, reason=refusal.code, text=refusal.text)  # fmt: skip
        return DriveTo.Response(outcome=outcome)

    def on_cancel(self, request: Any) -> Any:
        under_way = self.navigation.trip is not None
        self.navigation.cancel()
        return Trigger.Response(success=under_way, message="" if under_way else "There is no goal.")

    def on_navigate(self, run: Run, stamped: list[Any]) -> None:
        try:
            refusal = self.begin(run, [convert.pose_from_message(one) for one in stamped], "")
        except ValueError as error:
            refusal = Refusal("not_finite", str(error))
        if refusal is not None:
            self.finish([Ending(run, How.ABORT, NAVIGATION_CODES.get(refusal.code, UNKNOWN), refusal.text)])

    def finish(self, endings: list[Ending]) -> None:
        for ending in endings:
            through = hasattr(ending.ticket.goal, "poses")
            kind = ledger.NAVIGATE_THROUGH if through else ledger.NAVIGATE
            result = message_class(kind.type).Result(error_code=ending.code, error_msg=ending.text)
            ending.ticket.finish(ending.how.value, result)

    def give_feedback(self, state: Any, now_s: float) -> None:
        trip, self.ticks = self.navigation.trip, self.ticks + 1
        if trip is None or trip.ticket is None:
            return
        if trip.ticket.cancel_requested and not trip.cancelling:
            self.navigation.cancel(trip.ticket)
        if self.ticks % FEEDBACK_EVERY or self.localization is None:
            return
        through = hasattr(trip.ticket.goal, "poses")
        feedback = message_class((ledger.NAVIGATE_THROUGH if through else ledger.NAVIGATE).type).Feedback()
        seen = self.localization
        feedback.current_pose = convert.pose_message(seen.x_m, seen.y_m, seen.yaw_rad, seen.header.stamp)
        feedback.navigation_time = convert.duration_message(now_s - trip.began_s)
        feedback.estimated_time_remaining = convert.duration_message(state.time_remaining_s)
        feedback.distance_remaining = state.distance_remaining_m
        if through:
            feedback.number_of_poses_remaining = len(trip.poses)
        trip.ticket.feedback(feedback)

    def on_compute_path(self, run: Run) -> None:
        self.answer_path(run, ledger.COMPUTE_PATH, lambda: [convert.pose_from_message(run.goal.goal)])

    def on_compute_path_through(self, run: Run) -> None:
        self.answer_path(run, ledger.COMPUTE_PATH_THROUGH, lambda: convert.poses_from_goals(run.goal.goals))

    def answer_path(self, run: Run, kind: Any, poses: Callable[[], list[Pose]]) -> None:
        result = message_class(kind.type).Result()
        began_ns = self.monotonic_ns()
        try:
            found = self.find_path(run.goal, poses())
        except ValueError as error:
            found = Refusal("not_finite", str(error))
        if isinstance(found, Refusal):
            codes = PATH_CODES if kind is ledger.COMPUTE_PATH else THROUGH_CODES
            unknown = PATH_UNKNOWN if kind is ledger.COMPUTE_PATH else THROUGH_UNKNOWN
            result.error_code, result.error_msg = codes.get(found.code, unknown), found.text
        else:
            result.path = convert.joined_path_message(found, self.stamp())
        result.planning_time = convert.duration_message((self.monotonic_ns() - began_ns) * 1e-9)
        run.finish("abort" if isinstance(found, Refusal) else "succeed", result)

    def find_path(self, goal: Any, poses: list[Pose]) -> list[Corridor] | Refusal:
        if goal.use_start:
            start = convert.pose_from_message(goal.start)
        else:
            ego = self.ego(self.now_s())
            if ego is None:
                return NO_POSITION
            start = ego.pose
        return way_through(self.planner.find_way, start, poses)


def _window(request: Any) -> TimeWindow:
    """Times of 0 are no limits."""
    early_s, late_s = seconds_of(request.not_before), seconds_of(request.not_after)
    return TimeWindow(early_s if early_s > 0.0 else -math.inf, late_s if late_s > 0.0 else math.inf)


def main() -> None:
    sys.exit(rclpy_host.main(PlannerNode))
