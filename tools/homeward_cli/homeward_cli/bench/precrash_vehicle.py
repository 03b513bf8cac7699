"""Our car in the pre-crash tests: many at once, as arrays of n, so that a family of manoeuvres is driven in one go.

A kinematic single-track model of the rear axle behind the command gate's limits (its own limits, from params/car.yaml), a
dead time, lags of drive and wheels, and a friction circle: where the tyres are asked for more than GRIP_MPS2 in all, what they
give lengthwise and what they give to the side shrink by the same share.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from homeward_can_bridge.command_gate import QUICK_MPS, QUICK_SHARE, SLOW_MPS, Limits
from homeward_planner.plane import Floats

GRIP_MPS2 = 8.5
DEAD_S, LAG_S = 0.04, 0.06
RACK_RADPS = 1.0
WHEELBASE_M = 2.875


@dataclass(frozen=True)
class Shape:
    """The car's outline around its rear axle."""

    front_m: float
    rear_m: float
    width_m: float

    def boxes(self, cars: Cars) -> Floats:
        """(n, 5) x, y, yaw, length, width."""
        ahead = (self.front_m - self.rear_m) / 2.0
        x, y = cars.x_m + ahead * np.cos(cars.yaw_rad), cars.y_m + ahead * np.sin(cars.yaw_rad)
        length, width = np.full_like(x, self.front_m + self.rear_m), np.full_like(x, self.width_m)
        return np.stack([x, y, cars.yaw_rad, length, width], axis=1)


class Cars:
    """n cars that begin alike, on their way along x."""

    def __init__(
        self, count: int, place_m: tuple[float, float], speed_mps: float, gate: Limits | None, step_s: float
    ) -> None:
        self.gate, self.step_s = gate, step_s
        self.x_m, self.y_m = np.full(count, place_m[0]), np.full(count, place_m[1])
        self.yaw_rad, self.speed_mps = np.zeros(count), np.full(count, speed_mps)
        self.acceleration_mps2, self.steering_rad, self.bend_1pm = np.zeros(count), np.zeros(count), np.zeros(count)
        self._passed = np.zeros((2, count))
        self._under_way = deque([np.zeros((2, count))] * round(DEAD_S / step_s))

    def step(self, acceleration_mps2: Floats, steering_rad: Floats) -> None:
        """One step with what is asked of drive and wheels."""
        self._pass(acceleration_mps2, steering_rad)
        self._under_way.append(self._passed.copy())
        push, angle = self._under_way.popleft()
        gain = 1.0 - np.exp(-self.step_s / LAG_S)
        self.acceleration_mps2 = self.acceleration_mps2 + (push - self.acceleration_mps2) * gain
        most = RACK_RADPS * self.step_s
        self.steering_rad = self.steering_rad + np.clip((angle - self.steering_rad) * gain, -most, most)
        self._roll()

    def _pass(self, acceleration: Floats, steering: Floats) -> None:
        """Through the command gate; without one, only what drive and wheels can do at all."""
        if self.gate is None:
            self._passed = np.stack([np.maximum(acceleration, -GRIP_MPS2), np.clip(steering, -0.6, 0.6)])
            return
        gate, square = self.gate, np.maximum(self.speed_mps, 1.0) ** 2
        largest = np.minimum(gate.steering_max_rad, np.arctan(gate.wheelbase_m * gate.lateral_acceleration_max_mps2 / square))
        turn = np.minimum(gate.steering_rate_max_radps, gate.wheelbase_m * gate.lateral_jerk_max_mps3 / square) * self.step_s
        share = 1.0 - (1.0 - QUICK_SHARE) * np.clip((self.speed_mps - SLOW_MPS) / (QUICK_MPS - SLOW_MPS), 0.0, 1.0)
        allowed = np.clip(acceleration, -gate.deceleration_max_mps2, gate.acceleration_max_mps2 * share)
        rise, fall = gate.jerk_max_mps3 * share * self.step_s, gate.braking_jerk_max_mps3 * self.step_s
        pushed = self._passed[0] + np.clip(allowed - self._passed[0], -fall, rise)
        steered = self._passed[1] + np.clip(np.clip(steering, -largest, largest) - self._passed[1], -turn, turn)
        self._passed = np.stack([pushed, steered])

    def _roll(self) -> None:
        bend = np.tan(self.steering_rad) / WHEELBASE_M
        standing = (self.speed_mps < 1e-3) & (self.acceleration_mps2 <= 0.0)
        held = np.where(standing, 0.0, self.acceleration_mps2)
        asked = np.hypot(held, self.speed_mps**2 * bend)
        share = np.minimum(1.0, GRIP_MPS2 / np.maximum(asked, 1e-6))
        faster = np.maximum(self.speed_mps + held * share * self.step_s, 0.0)
        way = (self.speed_mps + faster) / 2.0 * self.step_s
        self.bend_1pm = bend * share
        middle = self.yaw_rad + way * self.bend_1pm / 2.0
        self.x_m, self.y_m = self.x_m + way * np.cos(middle), self.y_m + way * np.sin(middle)
        self.yaw_rad, self.speed_mps = self.yaw_rad + way * self.bend_1pm, faster


def touching(boxes: Floats, other: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of n boxes (n, 5) overlap another (5): on none of the four axes along their sides are they apart."""
    offset = other[:2] - boxes[:, :2]
    turn = other[2] - boxes[:, 2]
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    half, size = boxes[:, 3:5] / 2.0, other[3:5] / 2.0
    apart = np.zeros(len(boxes), dtype=np.bool_)
    for yaw, own, reach in (
        (boxes[:, 2], half, (size[0] * cos + size[1] * sin, size[0] * sin + size[1] * cos)),
        (np.full(len(boxes), other[2]), np.broadcast_to(size, half.shape),
         (half[:, 0] * cos + half[:, 1] * sin, half[:, 0] * sin + half[:, 1] * cos)),
    ):  # fmt: skip
        along = np.abs(offset[:, 0] * np.cos(yaw) + offset[:, 1] * np.sin(yaw))
        across = np.abs(-offset[:, 0] * np.sin(yaw) + offset[:, 1] * np.cos(yaw))
        apart |= (along > own[:, 0] + reach[0]) | (across > own[:, 1] + reach[1])
    return ~apart
