"""The benchmark's own ROS participant: sends the car off as a person would, and notes what goes by."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor

from homeward_cli.bench.trip_quality import TripQuality
from homeward_interfaces.msg import Engagement, LocalizationState, PlannerState
from homeward_interfaces.srv import DriveTo, SetEngaged
from homeward_runtime import ledger
from homeward_runtime.car_node import CarNode, message_class, seconds_of
from homeward_runtime.ledger import Interface
from homeward_runtime.priority import go_first
from homeward_runtime.rclpy_host import qos_profile

ENGAGE_S, CALL_S, SAY_EVERY_S = 20.0, 5.0, 15.0
STANDS_S = 1.0  # noted after the arrival: the last jolt is judged with what follows it


class TripObserver:
    """Subscribes to little, so that it costs little."""

    def __init__(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node("trip_benchmark")
        go_first(CarNode.priority)  # who listens late keeps who speaks waiting
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.latest: dict[str, Any] = {}
        self.timings: list[tuple[int, int]] = []  # monotonic ns: receipt of the sensor message, send of the CAN frame
        self.stops, self.noting, self.simulated_s = 0, False, 0.0
        self.quality = TripQuality()
        self.planning_s: list[float] = []
        self.control_s: list[float] = []
        self._subscribe(ledger.TRAJECTORY, self._on_plan)
        self._subscribe(ledger.TRUTH_EGO, self._on_truth)
        self._subscribe(ledger.VEHICLE_STATE, self._on_motion)
        self._subscribe(ledger.PLANNING_TIME, lambda message: self._note(self.planning_s, message.data))
        self._subscribe(ledger.CONTROL_TIME, lambda message: self._note(self.control_s, message.data))
        for row in (ledger.PLANNER_STATE, ledger.PLACES, ledger.ENGAGEMENT):
            self.watch(row)
        self._subscribe(ledger.COMMAND_TIMING, self._on_timing)
        self.waiting_for_position = self._subscribe(ledger.LOCALIZATION, self._on_position)

    def watch(self, row: Interface) -> None:
        """Keep the newest message of this interface in `latest`."""
        self._subscribe(row, lambda message: self.latest.__setitem__(row.name, message))

    def _subscribe(self, row: Interface, callback: Callable[[Any], None]) -> Any:
        return self.node.create_subscription(message_class(row.type), row.name, callback, qos_profile(row.profile))

    def _on_position(self, message: Any) -> None:
        if message.status == LocalizationState.GOOD:
            self.latest["located"] = True

    def _on_timing(self, message: Any) -> None:
        if self.noting:
            self.timings.append((message.sensor_receipt_ns, message.sent_ns))

    def _note(self, values: list[float], value: float) -> None:
        if self.noting:
            values.append(value)

    def _on_plan(self, message: Any) -> None:
        if self.noting:
            points = np.stack([message.x_m, message.y_m], axis=1)
            self.quality.plans += [(seconds_of(message.header.stamp), points)] if len(points) > 1 else []

    def _on_truth(self, message: Any) -> None:
        if self.noting:
            place = message.pose.pose.position
            self.quality.places.append((seconds_of(message.header.stamp), place.x, place.y))

    def _on_motion(self, message: Any) -> None:
        if self.noting:
            stamp_s = seconds_of(message.header.stamp)
            self.quality.motions.append((stamp_s, message.speed_mps, message.acceleration_mps2, message.yaw_rate_radps))

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=min(0.1, max(end - time.monotonic(), 0.0)))

    def until_located(self, timeout_s: float) -> None:
        """Raises RuntimeError when the stack is not up in time."""
        deadline = time.monotonic() + timeout_s
        while not {"located", ledger.PLACES.name, ledger.PLANNER_STATE.name} <= self.latest.keys():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the stack was not ready after {timeout_s:.0f} s")
            self.executor.spin_once(timeout_sec=0.1)
        self.node.destroy_subscription(self.waiting_for_position)

    def place(self, name: str) -> Any:
        return next(place for place in self.latest[ledger.PLACES.name].places if place.name == name)

    def send(self, place: str) -> None:
        """Choose the goal and engage. Raises RuntimeError when either is refused."""
        outcome = self._call(ledger.DRIVE_TO, DriveTo.Request(place=place)).outcome
        if outcome.outcome:
            raise RuntimeError(outcome.text)
        deadline = time.monotonic() + ENGAGE_S
        while (outcome := self._call(ledger.SET_ENGAGED, SetEngaged.Request(engaged=True)).outcome).outcome:
            if time.monotonic() > deadline:
                raise RuntimeError(outcome.text)
            self.spin(0.2)

    def _call(self, row: Interface, request: Any) -> Any:
        client = self.node.create_client(message_class(row.type), row.name)
        future = None
        deadline = time.monotonic() + CALL_S
        while time.monotonic() < deadline:
            if future is None and client.service_is_ready():
                future = client.call_async(request)
            self.executor.spin_once(timeout_sec=0.1)
            if future is not None and future.done():
                return future.result()
        raise RuntimeError(f"no answer from {row.name}")

    def drive(self, timeout_s: float, say: Callable[[str], None], ended: Callable[[], bool]) -> None:
        """Note until the planner says that it arrived, or the time is over. A stop by the gate is counted, and the car
        sent on as a person would."""
        began, said = time.monotonic(), 0.0
        self.spin(0.3)
        start_s = self._simulated_now()
        self.noting, stopped = True, False
        while time.monotonic() - began < timeout_s and not ended():
            self.executor.spin_once(timeout_sec=0.1)
            state, engagement = self.latest[ledger.PLANNER_STATE.name], self.latest[ledger.ENGAGEMENT.name]
            if state.mode == PlannerState.ARRIVED:
                break
            if engagement.state == Engagement.STOPPING and not stopped:
                self.stops += 1
                say(f"the gate stopped the car: {engagement.text}")
            stopped = engagement.state == Engagement.STOPPING
            if stopped:
                self._call(ledger.SET_ENGAGED, SetEngaged.Request(engaged=True))
            if time.monotonic() - said > SAY_EVERY_S:
                said = time.monotonic()
                say(f"{state.distance_remaining_m:.0f} m to go; {state.text or 'driving'}")
        self.simulated_s = self._simulated_now() - start_s
        self.spin(STANDS_S)
        self.noting = False

    def _simulated_now(self) -> float:
        return seconds_of(self.latest[ledger.PLANNER_STATE.name].header.stamp)
