"""Model predictive control: the best next change of acceleration and of the car's bend over a horizon of some seconds.

Two condensed quadratic programs in a row. Along: a triple integrator (way, speed, acceleration) driven by jerk, against
the planned way and speed. Aside: along the speeds that come out of it, offset, turn and bend of the car (a single-track
model that rolls without slip, linear in the bend tan(angle)/wheelbase), driven by the bend's change. Its limits are
those of the wheels' angle and their rate, of lateral acceleration and of lateral jerk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from homeward_planner.jit import compiled
from homeward_planner.mpc_solver import SOLVED, solve
from homeward_planner.parameters import ControllerParams
from homeward_planner.plane import Floats

STEP_S = 0.1
# what counts as one of each error: the weights are their inverse squares
WAY_M, SPEED_MPS, ACCELERATION_MPS2, JERK_MPS3 = 0.5, 0.3, 0.7, 3.0
ASIDE_M, TURN_RAD, LATERAL_JERK_MPS3, WHEEL_RADPS = 0.1, 0.1, 2.5, 0.6
AT_THE_END = 4.0  # the last point's errors count this much more: they stand for all that follow
SLOWEST_MPS = 0.5  # a car that stands has no offset to mend; the model goes on as if it rolled


@dataclass(frozen=True, eq=False)
class Along:
    """The way ahead in time: accelerations (n + 1) from now and the speeds (n + 1) that go with them."""

    acceleration_mps2: Floats
    speed_mps: Floats


@compiled
def _condensed_along(n: int, step: float, errors: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Hessian and gradient in the n changes of acceleration; `errors` (n + 1 × 3) are way, speed and acceleration less
    the planned ones if the acceleration stayed as it is.
    """
    hessian, gradient = np.zeros((n, n)), np.zeros(n)
    effect = np.zeros((3, n))
    for k in range(1, n + 1):
        effect[0] += step * effect[1] + 0.5 * step * step * effect[2]
        effect[1] += step * effect[2]
        effect[0, k - 1] += step * step / 6.0
        effect[1, k - 1] += step / 2.0
        effect[2, k - 1] += 1.0
        more = AT_THE_END if k == n else 1.0
        for row in range(3):
            for i in range(k):
                gradient[i] += more * weights[row] * effect[row, i] * errors[k, row]
                for j in range(k):
                    hessian[i, j] += more * weights[row] * effect[row, i] * effect[row, j]
    for i in range(n):
        hessian[i, i] += weights[3]
    return hessian, gradient


@compiled
def _condensed_aside(
    step: float, left: float, turn: float, bend: float, speed: Floats, turned: Floats, wheelbase: float
) -> tuple[Floats, Floats]:
    """Hessian and gradient in the n changes of the car's bend, in 1/m, over steps with speeds `speed` (n) in which the
    way turns by `turned` (n, rad).
    """
    n = len(speed)
    hessian, gradient = np.zeros((n, n)), np.zeros(n)
    effect = np.zeros((3, n))
    for k in range(n):
        way = max(speed[k], SLOWEST_MPS) * step
        left += way * turn + way * way * bend / 2.0 - way * turned[k] / 2.0
        turn += way * bend - turned[k]
        effect[0] += way * effect[1] + way * way / 2.0 * effect[2]
        effect[1] += way * effect[2]
        effect[0, k] += way * way / 6.0
        effect[1, k] += way / 2.0
        effect[2, k] += 1.0
        more = AT_THE_END if k == n - 1 else 1.0
        for i in range(k + 1):
            gradient[i] += more * (effect[0, i] * left / ASIDE_M**2 + effect[1, i] * turn / TURN_RAD**2)
            for j in range(k + 1):
                hessian[i, j] += more * (
                    effect[0, i] * effect[0, j] / ASIDE_M**2 + effect[1, i] * effect[1, j] / TURN_RAD**2
                )
        jerk = max(speed[k], SLOWEST_MPS) ** 2 / step
        hessian[k, k] += (jerk / LATERAL_JERK_MPS3) ** 2 + (wheelbase / step / WHEEL_RADPS) ** 2
    return hessian, gradient


def _reachable(limit: Floats, now: float, change: Floats) -> tuple[Floats, Floats]:
    """Bounds of the running sum: the limits, widened to what can be reached from a value beyond them."""
    reached = np.cumsum(change)
    return np.minimum(-limit, now + reached) - now, np.maximum(limit, now - reached) - now


@dataclass(frozen=True)
class Mpc:
    """Both programs with a car's limits."""

    params: ControllerParams

    @property
    def steps(self) -> int:
        """How many steps the horizon has."""
        return max(round(self.params.mpc_horizon_s / STEP_S), 2)

    def brakes_hard(self, planned: Floats) -> bool:
        """Whether the plan (n + 1 × 3, as in `along`) soon wants harder braking than a usual stop: then jerk is no matter."""
        return bool(planned[: self.steps // 2, 2].min() <= -self.params.stop_deceleration_mps2)

    def warm_up(self) -> None:
        """Compile both programs now, not on the road."""
        steps = self.steps
        self.along(0.0, 5.0, 0.0, np.tile([0.0, 5.0, 0.0], (steps + 1, 1)))
        self.aside(0.1, 0.0, 0.0, 0.0, np.full(steps, 5.0), np.zeros(steps))

    def along(
        self, behind_m: float, speed_mps: float, acceleration_mps2: float, planned: Floats, slope_mps2: float = 0.0
    ) -> Along | None:
        """The accelerations from now on, or None where there is no answer.

        `planned` (n + 1 × 3): way from the plan's place now, speed and acceleration planned at each step.
        """
        n, p = self.steps, self.params
        time = np.arange(n + 1) * STEP_S
        steady = np.stack([
            speed_mps * time + acceleration_mps2 * time**2 / 2.0 - behind_m, speed_mps + acceleration_mps2 * time,
            np.full(n + 1, acceleration_mps2),
        ], axis=1)  # fmt: skip
        hard = self.brakes_hard(planned)
        jerk = JERK_MPS3 * (10.0 if hard else 1.0)
        weights = np.array([1 / WAY_M**2, 1 / SPEED_MPS**2, 1 / ACCELERATION_MPS2**2, 1 / (jerk * STEP_S) ** 2])
        hessian, gradient = _condensed_along(n, STEP_S, steady - planned, weights)
        rise = fall = np.full(n, p.jerk_max_mps3 * STEP_S * (10.0 if hard else 1.0))
        most, least = p.acceleration_max_mps2 - slope_mps2, -p.deceleration_max_mps2 - slope_mps2
        lower = np.concatenate([-fall, np.minimum(least, acceleration_mps2 + np.cumsum(rise)) - acceleration_mps2])
        upper = np.concatenate([rise, np.maximum(most, acceleration_mps2 - np.cumsum(fall)) - acceleration_mps2])
        change, outcome = solve(hessian, gradient, lower, upper)
        if outcome != SOLVED:
            return None
        acceleration = acceleration_mps2 + np.concatenate([[0.0], np.cumsum(change)])
        speed = speed_mps + np.concatenate([[0.0], np.cumsum((acceleration[1:] + acceleration[:-1]) * STEP_S / 2.0)])
        return Along(acceleration, np.maximum(speed, 0.0))

    def aside(
        self, left_m: float, turn_rad: float, bend_1pm: float, drift_1pm: float, speed_mps: Floats, turned_rad: Floats
    ) -> float | None:
        """The bend's first change [1/m, over STEP_S], or None where there is no answer.

        `bend_1pm` is what the wheels are set to; the car's own bend is that and `drift_1pm`. `speed_mps` (n) and
        `turned_rad` (n, the way's change of heading) hold for each step.
        """
        p, known = self.params, (left_m, turn_rad, bend_1pm, drift_1pm)
        if not (all(map(math.isfinite, known)) and np.isfinite(speed_mps).all() and np.isfinite(turned_rad).all()):
            return None
        hessian, gradient = _condensed_aside(
            STEP_S, left_m, turn_rad, bend_1pm + drift_1pm, speed_mps, turned_rad, p.wheelbase_m
        )
        fast = np.maximum(speed_mps, SLOWEST_MPS) ** 2
        most = np.minimum(math.tan(p.steering_max_rad) / p.wheelbase_m, p.mpc_lateral_acceleration_max_mps2 / fast)
        # a wheel's turn changes the bend by (1 + tan²)/wheelbase, so this keeps the rate at every angle
        change = STEP_S * np.minimum(p.steering_rate_max_radps / p.wheelbase_m, p.mpc_lateral_jerk_max_mps3 / fast)
        low, high = _reachable(most, bend_1pm, change)
        scale = float(change[0])  # in units of what the first step allows, so that the numbers are about one
        lower, upper = np.concatenate([-change, low]) / scale, np.concatenate([change, high]) / scale
        found, outcome = solve(hessian * scale**2, gradient * scale, lower, upper)
        return float(found[0]) * scale if outcome == SOLVED else None
