"""The stop plan: how to come to a standstill with no further word, followed on wheel odometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

POINTS = 16
STANDSTILL_MPS = 0.05


@dataclass(frozen=True)
class StopPlan:
    """Distance [m, rising from 0], curvature [1/m, left positive] and speed [m/s, not rising, to 0] along the way."""

    distance_m: tuple[float, ...] = ()
    curvature_per_m: tuple[float, ...] = ()
    speed_mps: tuple[float, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.distance_m

    def complaint(self) -> str:
        """What is wrong with it; empty when nothing is. An empty plan is allowed: the gate then just brakes."""
        columns = (self.distance_m, self.curvature_per_m, self.speed_mps)
        if len({len(column) for column in columns}) != 1:
            return "the stop plan's arrays differ in length"
        if len(self.distance_m) > POINTS:
            return f"the stop plan has {len(self.distance_m)} points, at most {POINTS} are taken"
        if not all(math.isfinite(value) for column in columns for value in column):
            return "the stop plan holds a number that is not finite"
        if self.empty:
            return ""
        if self.distance_m[0] != 0.0 or any(b <= a for a, b in zip(self.distance_m, self.distance_m[1:], strict=False)):
            return "the stop plan's distances don't rise from 0"
        if any(b > a for a, b in zip(self.speed_mps, self.speed_mps[1:], strict=False)) or self.speed_mps[-1] != 0.0:
            return "the stop plan's speeds don't fall to 0"
        return ""

    def curvature_at(self, distance_m: float) -> float:
        """Linear between the points, the last one's beyond the end."""
        return interpolated(distance_m, self.distance_m, self.curvature_per_m)

    def deceleration_at(self, distance_m: float, speed_mps: float, hardest_mps2: float) -> float:
        """[m/s^2, positive] that brings the car from this speed to the next slower point's in the way left to it."""
        needed = 0.0
        for point_m, point_mps in zip(self.distance_m, self.speed_mps, strict=True):
            if point_mps < speed_mps:
                room_m = max(point_m - distance_m, 0.1)
                needed = max(needed, (speed_mps**2 - point_mps**2) / (2 * room_m))
        return min(needed, hardest_mps2)


def interpolated(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Piecewise linear; the ends' values outside. `xs` rises and is not empty."""
    if x <= xs[0]:
        return ys[0]
    for x0, x1, y0, y1 in zip(xs, xs[1:], ys, ys[1:], strict=False):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return ys[-1]
