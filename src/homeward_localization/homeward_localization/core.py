"""Localization: vehicle states, IMU and fixes in; pose, its quality and faults out. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from homeward_localization.map_filter import BIAS, STANDING_MPS, MapFilter, Noise
from homeward_localization.odometry_filter import Pose2, advanced
from homeward_runtime.faults import Fault, fault
from homeward_runtime.geodesy import Origin, to_local
from homeward_runtime.params import param

UNKNOWN, DEGRADED, GOOD = range(3)
LONGEST_STEP_S = 0.5
BACK_S = 1.0  # time that runs back by more than this has begun anew
FASTEST_MPS, FASTEST_TURN_RADPS, HIGHEST_M, LARGEST_STD_M = 150.0, 20.0, 1e5, 1e3
TELL_MOVED_S = 3.0
TURN_SAMPLE_STD_RADPS = 0.02  # of one reading at standstill, with what the suspension does


def _within(limit: float, *values: float) -> bool:
    """Whether all are numbers no further from 0 than a limit (a comparison with what is no number is false)."""
    return all(abs(value) <= limit for value in values)


@dataclass(frozen=True)
class LocalizationParams:
    """Section localization of params/car.yaml."""

    origin_latitude_deg: float = param("deg", "of the map frame", -90.0, 90.0)
    origin_longitude_deg: float = param("deg", "of the map frame", -180.0, 180.0)
    origin_altitude_m: float = param("m", "of the map frame, above the ellipsoid", -500.0, 9000.0)
    speed_std_ratio: float = param("", "error of the wheels' way, as a part of it, before it is learnt", 0.0, 0.2)
    turn_std_radps: float = param("rad/s", "error of the turn after one second of yaw rates", 0.0, 0.2)
    bias_walk_radps: float = param("rad/s", "how far the gyroscope's bias wanders in one second", 0.0, 0.01)
    slip_rad_per_mps2: float = param("rad/(m/s^2)", "slip of the rear axle for lateral acceleration", 0.0, 0.02)
    fix_std_min_m: float = param("m", "no fix is believed better than this", 0.01, 5.0)
    fix_age_max_s: float = param("s", "without a fix for longer the position is degraded", 0.2, 60.0)
    position_std_max_m: float = param("m", "less certain than this is unknown", 0.1, 20.0)
    heading_std_max_rad: float = param("rad", "less certain than this is unknown", 0.01, 1.0)
    vehicle_timeout_s: float = param("s", "wheels older than this are missing", 0.02, 2.0)


@dataclass(frozen=True)
class Located:
    """Where the car is at `time_s`; poses of base_link."""

    time_s: float
    in_map: Pose2
    in_odom: Pose2
    z_m: float
    speed_mps: float
    yaw_rate_radps: float
    status: int
    position_std_m: float
    heading_std_rad: float
    fix_age_s: float
    faults: list[Fault] = field(default_factory=list)


class Localization:
    """Feed it what comes; it answers each vehicle state with a pose."""

    def __init__(self, params: LocalizationParams) -> None:
        self.params = params
        self.origin = Origin(params.origin_latitude_deg, params.origin_longitude_deg, params.origin_altitude_m)
        self.filter = MapFilter(
            Noise(params.speed_std_ratio, params.turn_std_radps, params.bias_walk_radps, params.slip_rad_per_mps2)
        )
        self.odom = Pose2()
        self.z_m: float | None = None
        self.turn_radps: float | None = None
        self.turn_s = self.vehicle_s = self.fix_s = self.offered_s = self.moved_s = -math.inf
        self.speed_mps = 0.0

    def on_imu(self, time_s: float, yaw_rate_radps: float, heading_rad: float | None, heading_std_rad: float) -> None:
        """`heading_rad` is None from an IMU without a compass."""
        if not (math.isfinite(time_s) and _within(FASTEST_TURN_RADPS, yaw_rate_radps)) or self._repeats(self.turn_s, time_s):
            return
        self.turn_radps, self.turn_s = yaw_rate_radps, time_s
        if self.stands:
            self.filter.correct_bias(yaw_rate_radps, TURN_SAMPLE_STD_RADPS)
        if heading_rad is not None and _within(100.0, heading_rad) and 1e-6 < heading_std_rad < 10.0:
            # its errors last for seconds, and fifty a second are no fifty opinions
            turned_rad = self._ahead_s(time_s) * yaw_rate_radps
            self.filter.correct_heading(heading_rad - turned_rad, heading_std_rad * 7.0)

    @property
    def stands(self) -> bool:
        """Whether the wheels said so within the last moment."""
        return math.isfinite(self.vehicle_s) and abs(self.speed_mps) < STANDING_MPS

    @staticmethod
    def _repeats(before_s: float, time_s: float) -> bool:
        """Whether a stamp is not newer than the last one, unless time has begun anew."""
        return before_s - BACK_S < time_s <= before_s

    def _ahead_s(self, time_s: float) -> float:
        """How much newer a measurement is than the filter's state, which is the last vehicle state's."""
        ahead_s = time_s - self.vehicle_s
        return ahead_s if abs(ahead_s) < LONGEST_STEP_S else 0.0

    def on_fix(self, time_s: float, latitude_deg: float, longitude_deg: float, altitude_m: float, std_m: float) -> None:
        """A satellite position; std_m from its covariance."""
        sound = _within(90.0, latitude_deg) and _within(360.0, longitude_deg) and _within(HIGHEST_M, altitude_m)
        if not (sound and math.isfinite(time_s) and _within(LARGEST_STD_M, std_m)) or self._repeats(self.offered_s, time_s):
            return
        self.offered_s = time_s
        x_m, y_m, z_m = to_local(latitude_deg, longitude_deg, altitude_m, self.origin)
        way_m, yaw_rad = self.speed_mps * self._ahead_s(time_s), self.filter.pose.yaw_rad
        x_m, y_m = x_m - way_m * math.cos(yaw_rad), y_m - way_m * math.sin(yaw_rad)
        moved = self.filter.moved
        if self.filter.correct_position(x_m, y_m, max(std_m, self.params.fix_std_min_m)):
            self.fix_s = time_s
            self.moved_s = time_s if self.filter.moved > moved else self.moved_s
            self.z_m = z_m if self.z_m is None else self.z_m + 0.1 * (z_m - self.z_m)

    def set_pose(self, pose: Pose2, position_std_m: float, heading_std_rad: float) -> None:
        """Somebody says where the car is. What is no pose is left out."""
        if _within(1e7, pose.x_m, pose.y_m) and _within(1e4, pose.yaw_rad) and _within(1e3, position_std_m, heading_std_rad):
            self.filter.set_pose(pose, max(position_std_m, 0.05), max(heading_std_rad, 0.01))

    def on_vehicle(self, time_s: float, speed_mps: float, yaw_rate_radps: float) -> Located | None:
        """One state of the wheels. None for one that is not newer than the last."""
        sound = math.isfinite(time_s) and _within(FASTEST_MPS, speed_mps) and _within(FASTEST_TURN_RADPS, yaw_rate_radps)
        if not sound or self._repeats(self.vehicle_s, time_s):
            return None
        if time_s < self.vehicle_s:  # time has begun anew: no age from before means anything
            self.fix_s = self.turn_s = self.offered_s = self.moved_s = self.vehicle_s = -math.inf
        period_s, self.vehicle_s = time_s - self.vehicle_s, time_s
        before_mps, self.speed_mps = abs(self.speed_mps), speed_mps
        turn_radps = self.turn_radps if self.turn_radps is not None and time_s - self.turn_s < 0.1 else yaw_rate_radps
        if period_s < LONGEST_STEP_S:
            self.odom = advanced(self.odom, speed_mps, turn_radps, period_s)
            self.filter.predict(speed_mps, turn_radps, period_s)
        elif math.isfinite(period_s):
            self.filter.miss(max(abs(speed_mps), before_mps), period_s)
        return self._located(time_s, speed_mps, turn_radps)

    def _located(self, time_s: float, speed_mps: float, turn_radps: float) -> Located:
        age_s = time_s - self.fix_s
        status = self._status(age_s)
        faults = []
        if status == UNKNOWN:
            faults.append(fault("localization.no_fix"))
        elif status == DEGRADED:
            faults.append(fault("localization.fix_old", f"{age_s:.1f} s"))
        if self.filter.rejected > 3:
            faults.append(fault("localization.fix_rejected", f"{self.filter.rejected} in a row"))
        if 0.0 <= time_s - self.moved_s <= TELL_MOVED_S:
            faults.append(fault("localization.moved"))
        straightened_radps = turn_radps - float(self.filter.state[BIAS]) if self.turn_s > time_s - 0.1 else turn_radps
        return Located(
            time_s, self.filter.pose, self.odom, self.z_m or 0.0, speed_mps, straightened_radps, status,
            self.filter.position_std_m, self.filter.heading_std_rad, min(age_s, 1e6), faults,
        )  # fmt: skip

    def _status(self, age_s: float) -> int:
        params = self.params
        certain = (
            self.filter.known
            and self.filter.position_std_m <= params.position_std_max_m
            and self.filter.heading_std_rad <= params.heading_std_max_rad
        )
        if not certain:
            return UNKNOWN
        return GOOD if age_s <= params.fix_age_max_s else DEGRADED
