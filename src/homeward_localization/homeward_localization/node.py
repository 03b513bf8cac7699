"""Localization shell: moves data between ROS and the core. It decides nothing."""

from __future__ import annotations

import sys
import time
from typing import Any

from homeward_localization import convert
from homeward_localization.core import Localization, LocalizationParams
from homeward_runtime import ledger, rclpy_host
from homeward_runtime.car_node import CarNode, seconds_of
from homeward_runtime.faults import fault
from homeward_runtime.tf import tf_message


class LocalizationNode(CarNode):
    """vehicle/state, sensing/imu and sensing/gnss -> localization/state, localization/odometry, /tf."""

    name = "localization"
    priority = 15

    def configure(self) -> None:
        self.params = self.load_params(LocalizationParams)
        self.core = Localization(self.params)
        self.receipt_ns, self.vehicle_ns = 0, self.monotonic_ns()
        self.state, self.odometry = self.publish_to(ledger.LOCALIZATION), self.publish_to(ledger.ODOMETRY)
        self.tf = self.publish_to(ledger.TF)
        self.subscribe_to(ledger.IMU, self.on_imu)
        self.subscribe_to(ledger.GNSS, self.on_fix)
        self.subscribe_to(ledger.VEHICLE_STATE, self.on_vehicle)
        self.subscribe_to(ledger.INITIAL_POSE, self.on_initial_pose)
        self.run_every(0.2, self.on_watchdog, steady=True)

    def on_imu(self, message: Any) -> None:
        self.receipt_ns = time.monotonic_ns()
        heading_rad, std_rad = convert.heading_of(message)
        self.core.on_imu(seconds_of(message.header.stamp), message.angular_velocity.z, heading_rad, std_rad)

    def on_fix(self, message: Any) -> None:
        std_m = convert.fix_std_m(message)
        if std_m is not None:
            self.receipt_ns = time.monotonic_ns()
            stamp_s = seconds_of(message.header.stamp)
            self.core.on_fix(stamp_s, message.latitude, message.longitude, message.altitude, std_m)

    def on_vehicle(self, message: Any) -> None:
        self.vehicle_ns = self.monotonic_ns()
        stamp = message.header.stamp
        located = self.core.on_vehicle(seconds_of(stamp), message.speed_mps, message.yaw_rate_radps)
        if located is None:
            return
        self.state.publish(convert.state_message(located, stamp, self.receipt_ns))
        if self.odometry.wanted():
            self.odometry.publish(convert.odometry_message(located, stamp))
        if self.tf.wanted():
            self.tf.publish(tf_message(*convert.transforms(located, stamp)))
        self.report(located.faults)

    def on_initial_pose(self, message: Any) -> None:
        try:
            pose = convert.pose_from_message(message.pose.pose)
        except ValueError as error:
            self.log(f"initialpose was not taken: {error}")
            return
        variances = message.pose.covariance
        self.core.set_pose(pose, abs(variances[0]) ** 0.5, abs(variances[35]) ** 0.5)

    def on_watchdog(self) -> None:
        if self.monotonic_ns() - self.vehicle_ns > self.params.vehicle_timeout_s * 1e9:
            self.report([fault("localization.vehicle_silent")])


def main() -> None:
    sys.exit(rclpy_host.main(LocalizationNode))
