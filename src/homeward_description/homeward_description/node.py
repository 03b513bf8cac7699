"""Description shell: publishes robot_description and the car's fixed frames, once, latched."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from std_msgs.msg import String

from homeward_description.urdf import expanded, fixed_frames
from homeward_runtime import ledger, rclpy_host
from homeward_runtime.car_node import CarNode
from homeward_runtime.files import find
from homeward_runtime.frames import quaternion_from_euler
from homeward_runtime.params import param
from homeward_runtime.tf import tf_message, transform


@dataclass(frozen=True)
class DescriptionParams:
    """Section description of params/car.yaml."""

    urdf_file: str = param("", "the car's URDF or xacro file")


class DescriptionNode(CarNode):
    """robot_description and /tf_static."""

    name = "description"

    def configure(self) -> None:
        path = find(self.load_params(DescriptionParams).urdf_file, "vehicles")
        urdf = expanded(str(path)) if Path(path).suffix == ".xacro" else path.read_text()
        self.publish_to(ledger.ROBOT_DESCRIPTION).publish(String(data=urdf))
        stamp = self.stamp()
        frames = [transform(frame.parent, frame.child, frame.xyz_m, quaternion_from_euler(*frame.rpy_rad), stamp)
                  for frame in fixed_frames(urdf)]  # fmt: skip
        self.publish_to(ledger.TF_STATIC).publish(tf_message(*frames))


def main() -> None:
    sys.exit(rclpy_host.main(DescriptionNode))
