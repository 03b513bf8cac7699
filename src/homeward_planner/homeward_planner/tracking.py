"""The controller: follows a trajectory with steering and acceleration, at every step with a stop plan for the worst case.

It first looks at where the car will be when a command acts (`mpc_delay`), then asks the predictive controller (`mpc`).
Where that has no answer a simpler law does it. To the side: the curvature a moment ahead, plus what makes the offset of
the rear axle fade like a critically damped spring along the way. Along: the planned acceleration, plus gains on the
errors of speed and position. A slow term for slopes goes with both. Limits of rate and jerk hold for whatever comes out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from homeward_planner.crawl import crawl
from homeward_planner.mpc import STEP_S, Along, Mpc
from homeward_planner.mpc_delay import LONGEST_S, DelayModel, Measured
from homeward_planner.mpc_path import TrackedPath
from homeward_planner.parameters import ControllerParams
from homeward_planner.plane import Floats, Line
from homeward_planner.scene import Ego
from homeward_planner.stop_plan import StopPlan, stop_plan
from homeward_planner.trajectory import DRIVE, ORDINARY, REVERSE, Trajectory
from homeward_runtime.faults import Fault, fault

STANDING_MPS = 0.1
STILL_MPS = 0.05
STOPPED_MPS = 0.03  # slower than this it is held: no earlier, for the brake that holds is harder than the one that stops
LET_GO_MPS2 = 0.05
FURTHEST_M = 5.0
SLOPE_FROM_MPS = 1.0
BEHIND_MOST_M = 2.0


@dataclass(frozen=True)
class TrackingError:
    """Where the car is, seen from where it should be by now: further along, to the left, turned to the left, faster."""

    along_m: float
    left_m: float
    turn_rad: float
    speed_mps: float


@dataclass(frozen=True)
class DriveDemand:
    """What is asked of the car: acceleration (positive: faster the way the gear goes), angle of the front wheels (left
    positive), a stop plan, the gear; with how far the car is off the trajectory, None while it follows none.
    """

    acceleration_mps2: float
    steering_rad: float
    stop_plan: StopPlan
    faults: tuple[Fault, ...] = ()
    error: TrackingError | None = None
    gear: int = DRIVE


@dataclass(frozen=True, eq=False)
class _Ahead:
    """The car as it will be when a command acts, beside the path; `ego` for steering, `speed_mps` for the drive."""

    ego: Ego
    at_m: float
    left_m: float
    turn_rad: float
    drive_at_m: float
    drive: Ego


class Tracker:
    """Follows trajectories; remembers the last demand and what slopes take."""

    def __init__(self, params: ControllerParams) -> None:
        self.params = params
        self.mpc = Mpc(params)
        self.delay = DelayModel(params.steering_delay_s, params.acceleration_delay_s, params.wheelbase_m)
        self._acceleration_mps2 = 0.0
        self._steering_rad = 0.0
        self._slope_mps2 = 0.0
        self._gear = DRIVE
        self._then_s: float | None = None
        self._path: tuple[Trajectory, TrackedPath] | None = None
        self._compile()

    def step(self, now_s: float, ego: Ego | None, trajectory: Trajectory | None, measured: Measured | None = None) -> DriveDemand:
        """One demand. Without a position, or a fresh trajectory that makes sense, the car is braked to a standstill.

        `measured` says of when `ego` is (without it: of now) and how the car really turns.
        """
        dt_s = self._elapsed(now_s)
        if measured is not None and not 0.0 <= now_s - measured.time_s <= LONGEST_S:
            measured = None
        self._find_wheels(now_s, measured)
        demand = self._demand(now_s, dt_s, ego, trajectory, measured)
        if math.isfinite(now_s):
            bend = math.tan(demand.steering_rad) / self.params.wheelbase_m
            self.delay.sent(now_s, demand.acceleration_mps2, bend)
        return demand

    def _demand(
        self, now_s: float, dt_s: float, ego: Ego | None, trajectory: Trajectory | None, measured: Measured | None
    ) -> DriveDemand:
        if ego is None or not ego.finite:
            return self._brake(dt_s, 0.0, "controller.no_localization")
        if measured is not None:
            self.delay.learn(measured, ego.speed_mps)
        if trajectory is None or len(trajectory) < 2:
            return self._brake(dt_s, ego.speed_mps, None)
        if not trajectory.finite:
            return self._brake(dt_s, ego.speed_mps, "controller.failed")
        if not -0.1 <= now_s - trajectory.stamp_s <= self.params.trajectory_timeout_s:
            return self._brake(dt_s, ego.speed_mps, "controller.trajectory_stale")
        if trajectory.gear != ORDINARY:
            return self._crawl(now_s, dt_s, ego, trajectory)
        self._gear = DRIVE
        return self._follow(now_s, dt_s, ego, trajectory, measured.time_s if measured is not None else now_s)

    # following

    def _follow(self, now_s: float, dt_s: float, ego: Ego, trajectory: Trajectory, seen_s: float) -> DriveDemand:
        path = self._path_of(trajectory)
        ahead = self._ahead(path, ego, seen_s, now_s)
        if not abs(ahead.left_m) <= FURTHEST_M:
            return self._brake(dt_s, ego.speed_mps, "controller.failed", f"{ahead.left_m:.1f} m beside the trajectory")
        time_s = now_s - trajectory.stamp_s + self.params.acceleration_delay_s
        acceleration, along = self._along(time_s, dt_s, ahead, trajectory, path)
        steering, solved = self._aside(dt_s, ahead, along, path)
        if not (math.isfinite(acceleration) and math.isfinite(steering)):
            return self._brake(dt_s, ego.speed_mps, "controller.failed")
        here_m = path.place(ego)[0]
        plan = stop_plan(max(ego.speed_mps, 0.0), self.params.stop_deceleration_mps2, path.along_m - here_m, path.curvature_1pm)
        faults = () if solved and along is not None else (fault("controller.mpc_failed"),)
        error = self._error(trajectory, path, now_s, seen_s, ego)
        return DriveDemand(acceleration, steering, plan, faults, error)

    def _crawl(self, now_s: float, dt_s: float, ego: Ego, trajectory: Trajectory) -> DriveDemand:
        """A manoeuvre at walking pace: another gear than the car rolls in means to brake first."""
        self._slope_mps2 = 0.0
        self._gear = trajectory.gear
        sign = -1.0 if trajectory.gear == REVERSE else 1.0
        found = crawl(now_s, ego, trajectory, self._steering_rad, self.params.wheelbase_m)
        if not abs(found.left_m) <= FURTHEST_M:
            return self._brake(dt_s, ego.speed_mps, "controller.failed", f"{found.left_m:.1f} m beside the trajectory")
        if sign * ego.speed_mps < -STANDING_MPS:
            return self._brake(dt_s, ego.speed_mps, None)
        wanted = found.acceleration_mps2 if found.acceleration_mps2 is not None else -self.params.hold_mps2
        steering = self._turned_to(math.atan(self.params.wheelbase_m * found.curvature_1pm), dt_s)
        rest = slice(found.nearest, None)
        along = np.hypot(trajectory.x_m[rest] - ego.pose.x_m, trajectory.y_m[rest] - ego.pose.y_m)
        plan = stop_plan(
            abs(ego.speed_mps), self.params.stop_deceleration_mps2, np.maximum.accumulate(along), trajectory.curvature_1pm[rest]
        )
        error = TrackingError(0.0, found.left_m, found.turn_rad, sign * ego.speed_mps - found.speed_mps)
        return DriveDemand(self._limited(wanted, dt_s), steering, plan, (), error, self._gear)

    def _path_of(self, trajectory: Trajectory) -> TrackedPath:
        if self._path is None or self._path[0] is not trajectory:
            self._path = (trajectory, TrackedPath.of(trajectory))
        return self._path[1]

    def _ahead(self, path: TrackedPath, ego: Ego, seen_s: float, now_s: float) -> _Ahead:
        later = self.delay.ahead(ego, seen_s, now_s + self.params.steering_delay_s, self._slope_mps2)
        drive = self.delay.ahead(ego, seen_s, now_s + self.params.acceleration_delay_s, self._slope_mps2)
        return _Ahead(later, *path.place(later), path.place(drive)[0], drive)

    def _error(self, trajectory: Trajectory, path: TrackedPath, now_s: float, seen_s: float, ego: Ego) -> TrackingError:
        """Of the newest state, at the time it was measured."""
        at_m, left_m, turn_rad = path.place(ego)
        age_s = max(seen_s - trajectory.stamp_s, 0.0)
        planned_m = float(np.interp(age_s, trajectory.time_s, path.time_along_m))
        planned_mps = float(np.interp(age_s, trajectory.time_s, trajectory.speed_mps))
        return TrackingError(at_m - planned_m, left_m, turn_rad, ego.speed_mps - planned_mps)

    # along

    def _along(
        self, time_s: float, dt_s: float, ahead: _Ahead, trajectory: Trajectory, path: TrackedPath
    ) -> tuple[float, Along | None]:
        """The acceleration for being in time and at speed, and the horizon it is from; jerk-limited unless it brakes
        hard.
        """
        params, speed = self.params, ahead.drive.speed_mps
        planned = self._planned(time_s, trajectory, path)
        planned_v, planned_a = float(planned[0, 1]), float(planned[0, 2])
        stays = planned_v < STANDING_MPS and planned_a <= LET_GO_MPS2 and trajectory.speed_mps[-1] < STANDING_MPS
        behind = min(max(float(planned[0, 0]) - ahead.drive_at_m, -BEHIND_MOST_M), BEHIND_MOST_M)
        slow = planned_v - speed
        now_mps2 = self._acceleration_mps2 - self._slope_mps2
        if speed < STOPPED_MPS:
            now_mps2 = max(now_mps2, 0.0)  # what holds a standing car doesn't drive it back
        hard = self.mpc.brakes_hard(planned)
        found = self.mpc.along(behind, max(speed, 0.0), now_mps2, planned - [planned[0, 0], 0.0, 0.0], self._slope_mps2)
        if stays and speed < STOPPED_MPS:
            self._slope_mps2 = 0.0
            return self._limited(-params.hold_mps2, dt_s), found
        if speed > SLOPE_FROM_MPS:
            lasting = self._slope_mps2 + params.slope_gain_1ps2 * slow * dt_s
            self._slope_mps2 = min(max(lasting, -params.slope_limit_mps2), params.slope_limit_mps2)
        if found is None:
            wanted = planned_a + params.speed_gain_1ps * slow + params.position_gain_1ps2 * behind
        else:
            wanted = now_mps2 + float(found.acceleration_mps2[1] - found.acceleration_mps2[0]) * dt_s / STEP_S
            if hard:  # not a share of the step's change each time, which would only come near it
                wanted = min(wanted, float(found.acceleration_mps2[1]))
        return self._limited(wanted + self._slope_mps2, dt_s, hard), found

    def _planned(self, time_s: float, trajectory: Trajectory, path: TrackedPath) -> Floats:
        """(n + 1, 3) way, speed, acceleration that are planned from `time_s` on."""
        times = time_s + np.arange(self.mpc.steps + 1) * STEP_S
        rows = (path.time_along_m, trajectory.speed_mps, trajectory.acceleration_mps2)
        return np.stack([np.interp(times, trajectory.time_s, row) for row in rows], axis=1)

    # aside

    def _aside(self, dt_s: float, ahead: _Ahead, along: Along | None, path: TrackedPath) -> tuple[float, bool]:
        """The angle of the front wheels, and whether the predictive controller found it."""
        speed = ahead.ego.speed_mps
        if abs(speed) < STILL_MPS:
            return self._steering_rad, True  # turning the wheels while standing only wears them
        bend = math.tan(self._steering_rad) / self.params.wheelbase_m
        change = self._bend_change(bend, ahead, along, path) if along is not None else None
        if change is None:
            return self._turned_to(self._simple_angle(ahead, path), dt_s), False
        return self._turned_to(math.atan(self.params.wheelbase_m * (bend + change * dt_s / STEP_S)), dt_s), True

    def _bend_change(self, bend: float, ahead: _Ahead, along: Along, path: TrackedPath) -> float | None:
        speeds = (along.speed_mps[:-1] + along.speed_mps[1:]) / 2.0
        corners = ahead.at_m + np.concatenate([[0.0], np.cumsum(speeds)]) * STEP_S
        turned = path.turned(corners[:-1], corners[1:])
        return self.mpc.aside(ahead.left_m, ahead.turn_rad, bend, self.delay.drift_1pm, speeds, turned)

    def _simple_angle(self, ahead: _Ahead, path: TrackedPath) -> float:
        params = self.params
        stiffness = 1.0 / max(params.settling_min_m, params.settling_s * ahead.ego.speed_mps)
        back = -(stiffness**2) * ahead.left_m - 2.0 * stiffness * math.sin(ahead.turn_rad)
        return math.atan(params.wheelbase_m * (path.curvature_at(ahead.at_m) + min(max(back, -0.15), 0.15)))

    def _turned_to(self, wanted_rad: float, dt_s: float) -> float:
        """Towards an angle, no further and no faster than the wheels may."""
        params = self.params
        if not math.isfinite(wanted_rad):
            return math.nan
        wanted = min(max(wanted_rad, -params.steering_max_rad), params.steering_max_rad)
        most = params.steering_rate_max_radps * dt_s
        self._steering_rad += min(max(wanted - self._steering_rad, -most), most)
        return self._steering_rad

    def _find_wheels(self, now_s: float, measured: Measured | None) -> None:
        """Where somebody else has turned the wheels, go on from there."""
        angle = self.delay.elsewhere(measured) if measured is not None else None
        if angle is not None:
            self._steering_rad = min(max(angle, -self.params.steering_max_rad), self.params.steering_max_rad)
            self.delay.restart(now_s, math.tan(self._steering_rad) / self.params.wheelbase_m)

    # braking, limits

    def _brake(self, dt_s: float, speed_mps: float, code: str | None, detail: str = "") -> DriveDemand:
        """Brake to a standstill along the last known way, wheels as they are."""
        standing = abs(speed_mps) < STANDING_MPS and math.isfinite(speed_mps)
        wanted = -self.params.hold_mps2 if standing and code is None else -self.params.stop_deceleration_mps2
        bend = math.tan(self._steering_rad) / self.params.wheelbase_m
        known = speed_mps if math.isfinite(speed_mps) else 0.0
        plan = stop_plan(abs(known), self.params.stop_deceleration_mps2, np.zeros(1), np.array([bend]))
        self._slope_mps2 = 0.0
        faults = (fault(code, detail),) if code is not None else ()
        return DriveDemand(self._limited(wanted, dt_s), self._steering_rad, plan, faults, gear=self._gear)

    def _limited(self, wanted_mps2: float, dt_s: float, hard: bool = False) -> float:
        """Towards an acceleration, no faster than the jerk allows; hard braking may begin, and last till it ends, ten times
        as fast."""
        params = self.params
        if not math.isfinite(wanted_mps2):
            return math.nan
        wanted = min(max(wanted_mps2, -params.deceleration_max_mps2), params.acceleration_max_mps2)
        most = params.jerk_max_mps3 * dt_s
        least = 10.0 * most if hard or wanted <= -params.stop_deceleration_mps2 else most
        let_go = max(most, min(10.0 * most, -self._acceleration_mps2)) if hard else most
        self._acceleration_mps2 += min(max(wanted - self._acceleration_mps2, -least), let_go)
        return self._acceleration_mps2

    def _elapsed(self, now_s: float) -> float:
        """Time since the last step; the period where that makes no sense."""
        before, self._then_s = self._then_s, now_s
        elapsed = now_s - before if before is not None else self.params.period_s
        return elapsed if 0.0 < elapsed < 10.0 * self.params.period_s else self.params.period_s

    def _compile(self) -> None:
        """Compile what is hot before a car waits for it."""
        n = self.mpc.steps
        Line.through(np.eye(2)).project(np.zeros((1, 2)))
        self.mpc.along(0.0, 5.0, 0.0, np.zeros((n + 1, 3)))
        self.mpc.aside(0.5, 0.0, 0.0, 0.0, np.full(n, 5.0), np.zeros(n))
