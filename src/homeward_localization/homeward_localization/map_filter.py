"""The pose in map: an extended Kalman filter over position, heading and the gyroscope's bias. Pure.

Predicted by wheel speed and yaw rate, corrected by GNSS positions and by a compass's heading; an innovation beyond the
gate is not believed, unless many in a row say the same.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from homeward_localization.odometry_filter import Pose2
from homeward_runtime.frames import wrapped

Vector = NDArray[np.float64]
X, Y, YAW, BIAS = range(4)
GATE = 13.8  # chi-square, two degrees of freedom, 99.9 %
BELIEVE_AFTER = 20  # rejected fixes in a row: then it is the filter that is wrong


class MapFilter:
    """State: x [m], y [m], yaw [rad], gyroscope bias [rad/s]. Unknown until a first fix and heading."""

    def __init__(self, speed_std_ratio: float, turn_std_radps: float) -> None:
        self.state: Vector = np.zeros(4)
        self.covariance: Vector = np.diag([1e6, 1e6, 10.0, 1e-4])
        self.speed_std_ratio, self.turn_std_radps = speed_std_ratio, turn_std_radps
        self.has_position = self.has_heading = False
        self.rejected = 0

    @property
    def known(self) -> bool:
        return self.has_position and self.has_heading

    @property
    def pose(self) -> Pose2:
        return Pose2(float(self.state[X]), float(self.state[Y]), float(self.state[YAW]))

    @property
    def position_std_m(self) -> float:
        return math.sqrt(max(self.covariance[X, X], self.covariance[Y, Y], 0.0))

    @property
    def heading_std_rad(self) -> float:
        return math.sqrt(max(self.covariance[YAW, YAW], 0.0))

    def set_pose(self, pose: Pose2, position_std_m: float, heading_std_rad: float) -> None:
        """Somebody knows it: RViz's 2D Pose Estimate."""
        self.state[:3] = pose.x_m, pose.y_m, wrapped(pose.yaw_rad)
        self.covariance = np.diag([position_std_m**2, position_std_m**2, heading_std_rad**2, 1e-4])
        self.has_position = self.has_heading = True
        self.rejected = 0

    def predict(self, speed_mps: float, yaw_rate_radps: float, period_s: float) -> None:
        """One period of dead reckoning."""
        rate = yaw_rate_radps - self.state[BIAS]
        heading = self.state[YAW] + rate * period_s / 2
        way = speed_mps * period_s
        self.state[X] += way * math.cos(heading)
        self.state[Y] += way * math.sin(heading)
        self.state[YAW] = wrapped(float(self.state[YAW] + rate * period_s))
        jacobian = np.eye(4)
        jacobian[X, YAW], jacobian[Y, YAW] = -way * math.sin(heading), way * math.cos(heading)
        jacobian[YAW, BIAS] = -period_s
        along = (self.speed_std_ratio * abs(way)) ** 2 + 1e-8
        turned = (self.turn_std_radps**2) * period_s  # a random walk: variance grows with time
        noise = np.diag([along, along, turned if speed_mps else turned / 100, 1e-10])
        self.covariance = jacobian @ self.covariance @ jacobian.T + noise

    def correct_position(self, x_m: float, y_m: float, std_m: float) -> bool:
        """A fix. False when it is not believed."""
        if not self.has_position:
            self.state[:2] = x_m, y_m
            self.covariance[:2, :2] = np.diag([std_m**2, std_m**2])
            self.has_position = True
            return True
        innovation = np.array([x_m - self.state[X], y_m - self.state[Y]])
        spread = self.covariance[:2, :2] + np.eye(2) * std_m**2
        if innovation @ np.linalg.solve(spread, innovation) > GATE and self.rejected < BELIEVE_AFTER:
            self.rejected += 1
            return False
        if self.rejected >= BELIEVE_AFTER:  # start over where the fixes say
            self.covariance[:2, :2] += np.eye(2) * float(innovation @ innovation)
            spread = self.covariance[:2, :2] + np.eye(2) * std_m**2
        self.rejected = 0
        self._correct(self.covariance[:, :2] @ np.linalg.inv(spread), innovation, [X, Y])
        return True

    def correct_heading(self, yaw_rad: float, std_rad: float) -> None:
        """A heading from a compass or from two antennas."""
        if not self.has_heading:
            self.state[YAW], self.covariance[YAW, YAW], self.has_heading = wrapped(yaw_rad), std_rad**2, True
            return
        innovation = np.array([wrapped(yaw_rad - float(self.state[YAW]))])
        gain = self.covariance[:, [YAW]] / (self.covariance[YAW, YAW] + std_rad**2)
        self._correct(gain, innovation, [YAW])

    def _correct(self, gain: Vector, innovation: Vector, rows: list[int]) -> None:
        self.state = self.state + gain @ innovation
        self.state[YAW] = wrapped(float(self.state[YAW]))
        self.covariance = self.covariance - gain @ self.covariance[rows, :]
        self.covariance = (self.covariance + self.covariance.T) / 2
