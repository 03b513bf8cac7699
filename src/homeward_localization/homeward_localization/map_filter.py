"""The pose in map: an extended Kalman filter over position, heading, the gyroscope's bias and the wheels' scale. Pure.

Predicted by wheel speed and yaw rate, corrected by GNSS positions, by a compass's heading, and by the gyroscope itself
while the car stands. An innovation beyond the gate is not believed, unless many in a row tell of one car elsewhere. The
rear axle slips to the outside of a bend in proportion to the lateral acceleration; how much is a parameter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeward_localization.odometry_filter import Pose2
from homeward_localization.relocation import Relocation
from homeward_runtime.frames import wrapped

Vector = NDArray[np.float64]
X, Y, YAW, BIAS, SCALE = range(5)
GATE = 13.8  # chi-square, two degrees of freedom, 99.9 %
BIAS_STD_RADPS = 0.01  # of a gyroscope that was just switched on
SLIP_SHARE_STD = 0.3  # how well the slip of the rear axle is known, as a part of it
ROUGH_STD_MPS = 0.02  # of the speed over one second: what wheels do on a real road
SCALE_WALK_SHARE = 0.02  # the scale changes by this part of its first uncertainty in one second
TURNED_RAD = 0.2  # another heading than this is corrected when the car is found elsewhere
STANDING_MPS = 0.01


@dataclass(frozen=True)
class Noise:
    """What the sensors are known to do."""

    speed_std_ratio: float
    turn_std_radps: float
    bias_walk_radps: float
    slip_rad_per_mps2: float


class MapFilter:
    """State: x [m], y [m], yaw [rad], gyroscope bias [rad/s], wheels' scale less one. Unknown until a first fix and
    heading.
    """

    def __init__(self, noise: Noise) -> None:
        self.noise = noise
        self.state: Vector = np.zeros(5)
        self.covariance: Vector = np.diag([1e6, 1e6, 10.0, BIAS_STD_RADPS**2, noise.speed_std_ratio**2])
        self.has_position = self.has_heading = False
        self.rejected = 0
        self.moved = 0  # how often it was found elsewhere
        self.innovation_squared = 0.0  # of the last fix, normalised: chi-square with two degrees of freedom
        self._relocation = Relocation()

    @property
    def known(self) -> bool:
        return self.has_position and self.has_heading

    @property
    def pose(self) -> Pose2:
        return Pose2(float(self.state[X]), float(self.state[Y]), float(self.state[YAW]))

    @property
    def position_std_m(self) -> float:
        """Along the longer axis of the ellipse."""
        a, b, c = self.covariance[X, X], self.covariance[Y, Y], self.covariance[X, Y]
        return math.sqrt(max((a + b) / 2.0 + math.hypot((a - b) / 2.0, c), 0.0))

    @property
    def heading_std_rad(self) -> float:
        return math.sqrt(max(self.covariance[YAW, YAW], 0.0))

    def set_pose(self, pose: Pose2, position_std_m: float, heading_std_rad: float) -> None:
        """Somebody knows it: RViz's 2D Pose Estimate. What was learnt of the sensors stays."""
        self.state[:3] = pose.x_m, pose.y_m, wrapped(pose.yaw_rad)
        self._open([X, Y, YAW], [position_std_m**2, position_std_m**2, heading_std_rad**2])
        self.has_position = self.has_heading = True
        self.rejected = 0
        self._relocation.forget()

    def predict(self, speed_mps: float, yaw_rate_radps: float, period_s: float) -> None:
        """One period of dead reckoning."""
        rate = yaw_rate_radps - float(self.state[BIAS])
        slip = -self.noise.slip_rad_per_mps2 * speed_mps * rate
        course = float(self.state[YAW]) + rate * period_s / 2 + slip
        way = speed_mps * (1.0 + float(self.state[SCALE])) * period_s
        cosine, sine = math.cos(course), math.sin(course)
        self.state[X] += way * cosine
        self.state[Y] += way * sine
        self.state[YAW] = wrapped(float(self.state[YAW] + rate * period_s))
        jacobian = np.eye(5)
        jacobian[X, YAW], jacobian[Y, YAW] = -way * sine, way * cosine
        jacobian[X, BIAS], jacobian[Y, BIAS] = way * sine * period_s / 2, -way * cosine * period_s / 2
        jacobian[X, SCALE], jacobian[Y, SCALE] = speed_mps * period_s * cosine, speed_mps * period_s * sine
        jacobian[YAW, BIAS] = -period_s
        self.covariance = jacobian @ self.covariance @ jacobian.T + self._noise(speed_mps, slip, period_s, cosine, sine)

    def miss(self, speed_mps: float, period_s: float) -> None:
        """A period too long to reckon over: where it may have gone meanwhile is not known."""
        way_m, turn_rad = min(abs(speed_mps) * period_s + 0.1, 1e3), min(0.1 * period_s, 1.0)
        self.covariance += np.diag([way_m**2, way_m**2, turn_rad**2, 0.0, 0.0])

    def _noise(self, speed_mps: float, slip_rad: float, period_s: float, cosine: float, sine: float) -> Vector:
        """What one period adds: random walks, so variances grow with time."""
        moves = abs(speed_mps) > STANDING_MPS
        along = ROUGH_STD_MPS**2 * period_s if moves else 0.0
        # the slip lasts as long as the bend, some seconds: its error adds up like a walk with steps of a second
        aside = along / 4.0 + (SLIP_SHARE_STD * slip_rad * speed_mps) ** 2 * period_s
        turned = self.noise.turn_std_radps**2 * period_s * (1.0 if moves else 0.01)
        added = np.zeros((5, 5))
        added[X, X] = along * cosine**2 + aside * sine**2
        added[Y, Y] = along * sine**2 + aside * cosine**2
        added[X, Y] = added[Y, X] = (along - aside) * cosine * sine
        added[YAW, YAW] = turned
        added[BIAS, BIAS] = self.noise.bias_walk_radps**2 * period_s
        added[SCALE, SCALE] = (SCALE_WALK_SHARE * self.noise.speed_std_ratio) ** 2 * period_s if moves else 0.0
        return added

    def correct_position(self, x_m: float, y_m: float, std_m: float) -> bool:
        """A fix. False when it is not believed."""
        if not self.has_position:
            self._place(x_m, y_m, std_m)
            self.has_position = True
            return True
        innovation = np.array([x_m - self.state[X], y_m - self.state[Y]])
        spread = self.covariance[:2, :2] + np.eye(2) * std_m**2
        inverse = np.linalg.inv(spread)
        self.innovation_squared = float(innovation @ inverse @ innovation)
        if not self.innovation_squared <= GATE:
            self.rejected += 1
            return self._is_elsewhere(x_m, y_m, std_m)
        self.rejected = 0
        self._relocation.forget()
        self._correct(self.covariance[:, :2] @ inverse, innovation, np.eye(5)[:2], np.eye(2) * std_m**2)
        return True

    def _is_elsewhere(self, x_m: float, y_m: float, std_m: float) -> bool:
        """Whether rejected fixes have agreed for long enough; then the filter starts over where they say."""
        found = self._relocation.offer(x_m, y_m, float(self.state[X]), float(self.state[Y]), std_m)
        if found is None:
            return False
        self._place(found.x_m, found.y_m, std_m)
        if found.turn_rad is not None and abs(found.turn_rad) > TURNED_RAD:
            self.state[YAW] = wrapped(float(self.state[YAW]) + found.turn_rad)
            self._open([YAW], [found.turn_std_rad**2 + self.heading_std_rad**2])
        self.rejected, self.moved = 0, self.moved + 1
        return True

    def correct_heading(self, yaw_rad: float, std_rad: float) -> None:
        """A heading from a compass or from two antennas."""
        if not self.has_heading:
            self.state[YAW], self.has_heading = wrapped(yaw_rad), True
            self._open([YAW], [std_rad**2])
            return
        self._correct_one(YAW, wrapped(yaw_rad - float(self.state[YAW])), std_rad)

    def correct_bias(self, yaw_rate_radps: float, std_radps: float) -> None:
        """What the gyroscope says while the car stands is its bias."""
        self._correct_one(BIAS, yaw_rate_radps - float(self.state[BIAS]), std_radps)

    def _correct_one(self, row: int, innovation: float, std: float) -> None:
        gain = self.covariance[:, [row]] / (self.covariance[row, row] + std**2)
        self._correct(gain, np.array([innovation]), np.eye(5)[[row]], np.array([[std**2]]))

    def _correct(self, gain: Vector, innovation: Vector, measures: Vector, noise: Vector) -> None:
        """Joseph's form: the covariance stays one, whatever the rounding."""
        self.state = self.state + gain @ innovation
        self.state[YAW] = wrapped(float(self.state[YAW]))
        rest = np.eye(5) - gain @ measures
        self.covariance = rest @ self.covariance @ rest.T + gain @ noise @ gain.T
        self.covariance = (self.covariance + self.covariance.T) / 2

    def _place(self, x_m: float, y_m: float, std_m: float) -> None:
        self.state[:2] = x_m, y_m
        self._open([X, Y], [std_m**2, std_m**2])

    def _open(self, rows: list[int], variances: list[float]) -> None:
        """These are known anew, and with them nothing else."""
        self.covariance[rows, :] = self.covariance[:, rows] = 0.0
        self.covariance[rows, rows] = variances
