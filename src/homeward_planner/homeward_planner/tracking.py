"""The controller: follows a trajectory with steering and acceleration, at every step with a stop plan for the worst case.

To the side: the curvature a moment ahead, plus what makes the offset of the rear axle fade like a critically damped
spring along the way. Along: the planned acceleration, plus gains on the errors of speed and position and a slow term
for slopes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from homeward_planner.parameters import ControllerParams
from homeward_planner.plane import Line, wrapped
from homeward_planner.scene import Ego
from homeward_planner.stop_plan import StopPlan, stop_plan
from homeward_planner.trajectory import Trajectory
from homeward_runtime.faults import Fault, fault

STANDING_MPS = 0.1
LET_GO_MPS2 = 0.05
PATH_STEP_M = 0.25
WAY_AHEAD_S = 2.0
FURTHEST_M = 5.0
SLOPE_FROM_MPS = 1.0


@dataclass(frozen=True)
class DriveDemand:
    """What is asked of the car: acceleration (forward positive), angle of the front wheels (left positive), a stop
    plan.
    """

    acceleration_mps2: float
    steering_rad: float
    stop_plan: StopPlan
    faults: tuple[Fault, ...] = ()


class Tracker:
    """Follows trajectories; remembers the last demand and what slopes take."""

    def __init__(self, params: ControllerParams) -> None:
        self.params = params
        self._acceleration_mps2 = 0.0
        self._steering_rad = 0.0
        self._slope_mps2 = 0.0
        self._then_s: float | None = None
        self._path: tuple[Trajectory, _Path] | None = None
        Line.through(np.eye(2)).project(np.zeros((1, 2)))  # compile what is hot before a car waits for it

    def step(self, now_s: float, ego: Ego | None, trajectory: Trajectory | None) -> DriveDemand:
        """One demand. Without a position, or a fresh trajectory that makes sense, the car is braked to a standstill."""
        dt_s = self._elapsed(now_s)
        if ego is None or not ego.finite:
            return self._brake(dt_s, 0.0, "controller.no_localization")
        if trajectory is None or len(trajectory) < 2:
            return self._brake(dt_s, ego.speed_mps, None)
        if not trajectory.finite:
            return self._brake(dt_s, ego.speed_mps, "controller.failed")
        if not -0.1 <= now_s - trajectory.stamp_s <= self.params.trajectory_timeout_s:
            return self._brake(dt_s, ego.speed_mps, "controller.trajectory_stale")
        return self._follow(now_s, dt_s, ego, trajectory)

    # following

    def _follow(self, now_s: float, dt_s: float, ego: Ego, trajectory: Trajectory) -> DriveDemand:
        path = self._path_of(trajectory)
        at_m, left_m, turn_rad = path.place(ego)
        if abs(left_m) > FURTHEST_M:
            return self._brake(dt_s, ego.speed_mps, "controller.failed", f"{left_m:.1f} m beside the trajectory")
        acceleration = self._along(now_s - trajectory.stamp_s, dt_s, at_m, ego, trajectory, path)
        steering = self._aside(dt_s, at_m, left_m, turn_rad, ego.speed_mps, path)
        plan = stop_plan(max(ego.speed_mps, 0.0), self.params.stop_deceleration_mps2, path.along_m - at_m, path.curvature_1pm)
        if not (math.isfinite(acceleration) and math.isfinite(steering)):
            return self._brake(dt_s, ego.speed_mps, "controller.failed")
        return DriveDemand(acceleration, steering, plan)

    def _path_of(self, trajectory: Trajectory) -> _Path:
        if self._path is None or self._path[0] is not trajectory:
            self._path = (trajectory, _Path.of(trajectory))
        return self._path[1]

    def _along(self, age_s: float, dt_s: float, at_m: float, ego: Ego, trajectory: Trajectory, path: _Path) -> float:
        """The acceleration for being in time and at speed; jerk-limited unless it brakes hard."""
        params = self.params
        planned_v, planned_a = (
            float(np.interp(age_s, trajectory.time_s, row)) for row in (trajectory.speed_mps, trajectory.acceleration_mps2)
        )
        planned_at = float(np.interp(age_s, trajectory.time_s, path.time_along_m))
        stays = planned_v < STANDING_MPS and planned_a <= LET_GO_MPS2 and trajectory.speed_mps[-1] < STANDING_MPS
        if stays and ego.speed_mps < STANDING_MPS:
            self._slope_mps2 = 0.0
            return self._limited(-params.hold_mps2, dt_s)
        behind = min(max(planned_at - at_m, -2.0), 2.0)
        slow = planned_v - ego.speed_mps
        if ego.speed_mps > SLOPE_FROM_MPS:
            lasting = self._slope_mps2 + params.slope_gain_1ps2 * slow * dt_s
            self._slope_mps2 = min(max(lasting, -params.slope_limit_mps2), params.slope_limit_mps2)
        wanted = planned_a + params.speed_gain_1ps * slow + params.position_gain_1ps2 * behind + self._slope_mps2
        return self._limited(wanted, dt_s)

    def _aside(self, dt_s: float, at_m: float, left_m: float, turn_rad: float, speed_mps: float, path: _Path) -> float:
        """The angle of the front wheels."""
        params = self.params
        if abs(speed_mps) < 0.05:
            return self._steering_rad  # turning the wheels while standing only wears them
        ahead_m = at_m + max(speed_mps, 0.0) * params.steering_delay_s
        bend = path.curvature_at(ahead_m)
        stiffness = 1.0 / max(params.settling_min_m, params.settling_s * speed_mps)
        back = -(stiffness**2) * left_m - 2.0 * stiffness * math.sin(turn_rad)
        wanted = math.atan(params.wheelbase_m * (bend + min(max(back, -0.15), 0.15)))
        wanted = min(max(wanted, -params.steering_max_rad), params.steering_max_rad)
        most = params.steering_rate_max_radps * dt_s
        self._steering_rad += min(max(wanted - self._steering_rad, -most), most)
        return self._steering_rad

    # braking, limits

    def _brake(self, dt_s: float, speed_mps: float, code: str | None, detail: str = "") -> DriveDemand:
        """Brake to a standstill along the last known way, wheels as they are."""
        standing = abs(speed_mps) < STANDING_MPS and math.isfinite(speed_mps)
        wanted = -self.params.hold_mps2 if standing and code is None else -self.params.stop_deceleration_mps2
        bend = math.tan(self._steering_rad) / self.params.wheelbase_m
        known = speed_mps if math.isfinite(speed_mps) else 0.0
        plan = stop_plan(max(known, 0.0), self.params.stop_deceleration_mps2, np.zeros(1), np.array([bend]))
        self._slope_mps2 = 0.0
        faults = (fault(code, detail),) if code is not None else ()
        return DriveDemand(self._limited(wanted, dt_s), self._steering_rad, plan, faults)

    def _limited(self, wanted_mps2: float, dt_s: float) -> float:
        params = self.params
        if not math.isfinite(wanted_mps2):
            return math.nan
        wanted = min(max(wanted_mps2, -params.deceleration_max_mps2), params.acceleration_max_mps2)
        most = params.jerk_max_mps3 * dt_s
        least = most if wanted > -params.stop_deceleration_mps2 else 10.0 * most
        self._acceleration_mps2 += min(max(wanted - self._acceleration_mps2, -least), most)
        return self._acceleration_mps2

    def _elapsed(self, now_s: float) -> float:
        """Time since the last step; the period where that makes no sense."""
        before, self._then_s = self._then_s, now_s
        elapsed = now_s - before if before is not None else self.params.period_s
        return elapsed if 0.0 < elapsed < 10.0 * self.params.period_s else self.params.period_s


@dataclass(frozen=True, eq=False)
class _Path:
    """A trajectory's way: a line with points PATH_STEP_M apart and more, and how far along it each time is."""

    line: Line
    along_m: np.ndarray[tuple[int], np.dtype[np.float64]]
    curvature_1pm: np.ndarray[tuple[int], np.dtype[np.float64]]
    time_along_m: np.ndarray[tuple[int], np.dtype[np.float64]]

    @staticmethod
    def of(trajectory: Trajectory) -> _Path:
        points = np.stack([trajectory.x_m, trajectory.y_m], axis=1)
        time_along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        kept = np.concatenate([[True], np.diff(np.floor(time_along / PATH_STEP_M)) > 0.0])
        yaw = np.unwrap(trajectory.yaw_rad)
        if kept.sum() < 2:  # it stands: a short way straight ahead
            ahead = points[0] + np.array([math.cos(yaw[0]), math.sin(yaw[0])])
            line = Line(
                np.stack([points[0], ahead]), np.array([0.0, 1.0]), np.full(2, yaw[0]), np.full(2, trajectory.curvature_1pm[0])
            )
            return _Path(line, line.s_m, line.curvature_1pm, time_along)
        line = Line(points[kept], time_along[kept], yaw[kept], trajectory.curvature_1pm[kept])
        return _Path(line, line.s_m, line.curvature_1pm, time_along)

    def place(self, ego: Ego) -> tuple[float, float, float]:
        """Distance along, offset to the left, turn from the way."""
        along, left = self.line.project(np.array([[ego.pose.x_m, ego.pose.y_m]]))
        heading = float(np.interp(along[0], self.line.s_m, self.line.heading_rad))
        return float(along[0]), float(left[0]), wrapped(ego.pose.yaw_rad - heading)

    def curvature_at(self, along_m: float) -> float:
        return float(np.interp(along_m, self.along_m, self.curvature_1pm))
