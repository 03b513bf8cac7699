"""Ideal perception: the simulated world's truth, passed on only in range and line of sight. Never on a vehicle."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from homeward_interfaces.msg import LaneMap, TrackedObjects, TrafficLights
from homeward_perception.visibility import point_visible, visible, walls_near
from homeward_runtime import ledger, rclpy_host
from homeward_runtime.car_node import CarNode
from homeward_runtime.faults import fault
from homeward_runtime.params import param


@dataclass(frozen=True)
class IdealParams:
    """Section perception of params/car.yaml."""

    simulated: bool = param("", "false on a vehicle: this node then refuses to start")
    range_m: float = param("m", "how far objects are seen", 10.0, 300.0)
    light_range_m: float = param("m", "how far traffic lights are seen", 10.0, 300.0)
    sensor_height_m: float = param("m", "of the eye above base_link; for the record", 0.5, 4.0)
    silence_s: float = param("s", "without the world's truth for longer nothing is seen", 0.1, 5.0)


class IdealPerception(CarNode):
    """sim/truth/* -> perception/objects and perception/traffic_lights."""

    name = "perception"
    priority = 10

    def configure(self) -> None:
        self.params = self.load_params(IdealParams)
        if not self.params.simulated:
            raise RuntimeError("ideal perception knows the simulator's truth; on a vehicle there is none. "
                               "Start the real perception instead")  # fmt: skip
        self.eye: np.ndarray[Any, Any] | None = None
        self.walls = np.zeros((0, 2, 2))
        self.heard_ns = self.monotonic_ns()
        self.objects, self.lights = self.publish_to(ledger.OBJECTS), self.publish_to(ledger.TRAFFIC_LIGHTS)
        self.subscribe_to(ledger.TRUTH_EGO, self.on_ego)
        self.subscribe_to(ledger.LANE_MAP, self.on_map)
        self.subscribe_to(ledger.TRUTH_OBJECTS, self.on_objects)
        self.subscribe_to(ledger.TRUTH_LIGHTS, self.on_lights)
        self.run_every(0.2, self.on_watchdog, steady=True)

    def on_ego(self, message: Any) -> None:
        self.eye = np.array([message.pose.pose.position.x, message.pose.pose.position.y])

    def on_map(self, message: Any) -> None:
        self.walls = building_walls(message)

    def on_objects(self, message: Any) -> None:
        self.heard_ns = self.monotonic_ns()
        self.report([])
        if self.eye is None:
            return
        rows = [(o.x_m, o.y_m, o.yaw_rad, o.length_m, o.width_m) for o in message.objects]
        seen = visible(self.eye, np.array(rows).reshape(-1, 5), self.walls, self.params.range_m)
        kept = TrackedObjects(header=message.header, sensor_receipt_ns=message.sensor_receipt_ns)
        kept.objects = [one for one, is_seen in zip(message.objects, seen, strict=True) if is_seen]
        self.objects.publish(kept)

    def on_lights(self, message: Any) -> None:
        if self.eye is None:
            return
        walls = walls_near(self.walls, self.eye, self.params.light_range_m)
        kept = TrafficLights(header=message.header)
        kept.lights = [light for light in message.lights if self.sees(light, walls)]
        self.lights.publish(kept)

    def sees(self, light: Any, walls: np.ndarray[Any, Any]) -> bool:
        assert self.eye is not None
        place = np.array([light.x_m, light.y_m])
        return bool(np.hypot(*(place - self.eye)) <= self.params.light_range_m) and point_visible(self.eye, place, walls)

    def on_watchdog(self) -> None:
        if self.monotonic_ns() - self.heard_ns > self.params.silence_s * 1e9:
            self.report([fault("perception.world_silent")])


def building_walls(message: Any) -> np.ndarray[Any, Any]:
    """(w, 2, 2) edges of the buildings' outlines in a LaneMap."""
    points = np.stack([np.asarray(message.x_m, float), np.asarray(message.y_m, float)], axis=1)
    walls = []
    for kind, start, end in zip(message.kind, message.point_offset, list(message.point_offset)[1:], strict=False):
        if kind == LaneMap.BUILDING:
            outline = points[start:end]
            walls.append(np.stack([outline, np.roll(outline, -1, axis=0)], axis=1))
    return np.concatenate(walls) if walls else np.zeros((0, 2, 2))


def main() -> None:
    sys.exit(rclpy_host.main(IdealPerception))
