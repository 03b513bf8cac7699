"""Controller shell: moves data between ROS and the tracker. It decides nothing."""

from __future__ import annotations

import sys
from typing import Any

from geometry_msgs.msg import PointStamped
from std_msgs.msg import Float32

from homeward_planner import convert
from homeward_planner.mpc_delay import Measured
from homeward_planner.parameters import ControllerParams
from homeward_planner.tracking import Tracker, TrackingError
from homeward_runtime import ledger, rclpy_host
from homeward_runtime.car_node import CarNode, seconds_of
from homeward_runtime.frames import BASE_LINK

SEQUENCES = 1 << 32
WHEELS_TIMEOUT_S = 0.1


class ControllerNode(CarNode):
    """planner/trajectory, localization/state and vehicle/state -> vehicle/drive_command."""

    name = "controller"
    priority = 20

    def configure(self) -> None:
        self.params = self.load_params(ControllerParams)
        self.tracker = Tracker(self.params)
        self.tracker.mpc.warm_up()
        self.localization: Any = None
        self.vehicle: Any = None
        self.trajectory: Any = None
        self.plan: Any = None  # the message that the trajectory came in
        self.sequence = 0
        self.command = self.publish_to(ledger.DRIVE_COMMAND)
        self.tracking_error = self.publish_to(ledger.TRACKING_ERROR)
        self.step_time = self.publish_to(ledger.CONTROL_TIME)
        self.subscribe_to(ledger.TRAJECTORY, self.on_trajectory)
        self.subscribe_to(ledger.LOCALIZATION, self.on_localization)
        self.subscribe_to(ledger.VEHICLE_STATE, self.on_vehicle)
        self.run_every(self.params.period_s, self.on_tick)

    def on_trajectory(self, message: Any) -> None:
        self.trajectory = convert.trajectory_from_message(message)
        self.plan = message

    def on_localization(self, message: Any) -> None:
        self.localization = message

    def on_vehicle(self, message: Any) -> None:
        self.vehicle = message

    def on_tick(self) -> None:
        now_s, seen = self.now_s(), self.localization
        fresh = seen is not None and now_s - seconds_of(seen.header.stamp) <= self.params.localization_timeout_s
        ego = convert.ego_from_message(seen) if fresh else None
        began_ns = self.monotonic_ns()
        demand = self.tracker.step(now_s, ego, self.trajectory, self._measured(seen) if fresh else None)
        if self.step_time.wanted():
            self.step_time.publish(Float32(data=(self.monotonic_ns() - began_ns) * 1e-9))
        self.sequence = (self.sequence + 1) % SEQUENCES
        self.command.publish(
            convert.command_message(demand, self.sequence, self.stamp(), seen if fresh else None, self.plan)
        )
        if demand.error is not None and self.tracking_error.wanted():
            self.tracking_error.publish(_error_message(demand.error, self.stamp()))
        self.report(demand.faults)

    def _measured(self, seen: Any) -> Measured:
        stamp_s, wheels = seconds_of(seen.header.stamp), self.vehicle
        known = wheels is not None and abs(seconds_of(wheels.header.stamp) - stamp_s) <= WHEELS_TIMEOUT_S
        return Measured(stamp_s, seen.yaw_rate_radps, wheels.steering_rad if known else None)


def _error_message(error: TrackingError, stamp: Any) -> PointStamped:
    message = PointStamped()
    message.header.stamp, message.header.frame_id = stamp, BASE_LINK
    message.point.x, message.point.y, message.point.z = error.along_m, error.left_m, error.turn_rad
    return message


def main() -> None:
    sys.exit(rclpy_host.main(ControllerNode))
