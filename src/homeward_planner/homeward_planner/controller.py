"""Controller shell: moves data between ROS and the tracker. It decides nothing."""

from __future__ import annotations

import sys
from typing import Any

from homeward_planner import convert
from homeward_planner.parameters import ControllerParams
from homeward_planner.tracking import Tracker
from homeward_runtime import ledger, rclpy_host
from homeward_runtime.car_node import CarNode, seconds_of

SEQUENCES = 1 << 32


class ControllerNode(CarNode):
    """planner/trajectory and localization/state -> vehicle/drive_command."""

    name = "controller"

    def configure(self) -> None:
        self.params = self.load_params(ControllerParams)
        self.tracker = Tracker(self.params)
        self.localization: Any = None
        self.trajectory: Any = None
        self.indicators, self.sequence = 0, 0
        self.command = self.publish_to(ledger.DRIVE_COMMAND)
        self.subscribe_to(ledger.TRAJECTORY, self.on_trajectory)
        self.subscribe_to(ledger.LOCALIZATION, self.on_localization)
        self.run_every(self.params.period_s, self.on_tick)

    def on_trajectory(self, message: Any) -> None:
        self.trajectory = convert.trajectory_from_message(message)
        self.indicators = message.indicators

    def on_localization(self, message: Any) -> None:
        self.localization = message

    def on_tick(self) -> None:
        now_s, seen = self.now_s(), self.localization
        fresh = seen is not None and now_s - seconds_of(seen.header.stamp) <= self.params.localization_timeout_s
        ego = convert.ego_from_message(seen) if fresh else None
        demand = self.tracker.step(now_s, ego, self.trajectory)
        self.sequence = (self.sequence + 1) % SEQUENCES
        self.command.publish(
            convert.command_message(demand, self.sequence, self.stamp(), seen if fresh else None, self.indicators)
        )
        self.report(demand.faults)


def main() -> None:
    sys.exit(rclpy_host.main(ControllerNode))
