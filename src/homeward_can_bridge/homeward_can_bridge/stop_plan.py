"""The stop plan: how to come to a standstill with no further word, followed on wheel odometry."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

POINTS = 16
STANDSTILL_MPS = 0.05
LARGEST = 1e9  # no length or speed exceeds it, and its square is a number; nothing that is not finite is below it


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
        if not all(abs(value) <= LARGEST for column in columns for value in column):
            return "the stop plan holds a number that is not finite or beyond reason"
        if self.empty:
            return ""
        if self.distance_m[0] != 0.0 or any(b <= a for a, b in pairwise(self.distance_m)):
            return "the stop plan's distances don't rise from 0"
        if any(b > a for a, b in pairwise(self.speed_mps)) or self.speed_mps[-1] != 0.0:
            return "the stop plan's speeds don't fall to 0"
        return ""

    def curvature_at(self, distance_m: float) -> float:
        """Linear between the points, the last one's beyond the end."""
        return interpolated(distance_m, self.distance_m, self.curvature_per_m)

    def deceleration_at(self, distance_m: float, speed_mps: float, hardest_mps2: float) -> float:
        """[m/s^2, positive] that brings the car from this speed to the next slower point's in the way left to it."""
        needed = 0.0
        for index, point_mps in enumerate(self.speed_mps):
            room_m = max(self.distance_m[index] - distance_m, 0.1)
            needed = max(needed, (speed_mps**2 - point_mps**2) / (2 * room_m))
        return min(needed, hardest_mps2)


def interpolated(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Piecewise linear; the ends' values outside. `xs` rises and is not empty."""
    after = bisect_right(xs, x)
    if after == 0 or after == len(xs):
        return ys[0] if after == 0 else ys[-1]
    before = after - 1
    return ys[before] + (ys[after] - ys[before]) * (x - xs[before]) / (xs[after] - xs[before])
