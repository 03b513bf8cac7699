"""Where to be when: a speed profile laid on the corridor, with a smooth way back to it from where the car is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from homeward_planner.corridor import Corridor
from homeward_planner.plane import Floats, Line
from homeward_planner.scene import Ego
from homeward_planner.speed_profile import Profile

ON_LINE_M = 0.4  # closer than this the controller brings the car back by itself
RETURN_S, RETURN_MIN_M = 3.0, 12.0
STRAYED_M = 0.8
ORDINARY, REVERSE, DRIVE = 0, 1, 3  # as homeward_interfaces/Trajectory numbers what it is driven in


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Parallel arrays of N points: time from `stamp_s` on, pose of the rear axle, speed, acceleration, curvature.

    `gear` is ORDINARY on the road. A manoeuvre at walking pace names its gear: the wheels may turn while standing, speeds
    are negative in REVERSE, and the curvature is the wheels' (left positive whichever way the car goes).
    """

    stamp_s: float
    time_s: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    curvature_1pm: Floats
    gear: int = ORDINARY

    def __len__(self) -> int:
        return len(self.time_s)

    def at(self, now_s: float) -> tuple[float, float, float, float, float, float]:
        """x, y, yaw, speed, acceleration and curvature at a time; the ends' beyond them."""
        columns = (self.x_m, self.y_m, self.yaw_rad, self.speed_mps, self.acceleration_mps2, self.curvature_1pm)
        x, y, yaw, speed, acceleration, bend = (float(np.interp(now_s - self.stamp_s, self.time_s, one)) for one in columns)
        return x, y, yaw, speed, acceleration, bend

    @property
    def finite(self) -> bool:
        """Whether every number is one and the arrays belong together."""
        columns = (self.time_s, self.x_m, self.y_m, self.yaw_rad, self.speed_mps, self.acceleration_mps2, self.curvature_1pm)
        return (
            math.isfinite(self.stamp_s)
            and self.gear in (ORDINARY, REVERSE, DRIVE)
            and len({len(column) for column in columns}) == 1
            and all(bool(np.isfinite(column).all()) for column in columns)
            and bool((np.diff(self.time_s) > 0.0).all())
        )


class Offset(Protocol):
    """How far to the left of a corridor the car drives, by the distance along it."""

    def left_at(self, s_m: Floats) -> Floats:
        """The offsets at distances along the corridor."""
        ...


@dataclass(frozen=True)
class WayBack:
    """An offset to the left that fades along the corridor: `left_m` and `slope` at `from_m`, nothing after
    `length_m`.
    """

    from_m: float
    length_m: float
    left_m: float
    slope: float

    def left_at(self, s_m: Floats) -> Floats:
        """The offset at distances along the corridor: the quintic that ends with no offset, slope or bend."""
        t = np.clip((s_m - self.from_m) / self.length_m, 0.0, 1.0)
        rest = (1.0 - t) ** 3
        value = rest * (self.left_m * (1.0 + 3.0 * t + 6.0 * t * t) + self.slope * self.length_m * t * (1.0 + 3.0 * t))
        return np.asarray(value, dtype=np.float64)


def way_back(corridor: Corridor, ego: Ego, s_m: float, left_m: float, turn_rad: float, known: WayBack | None) -> WayBack | None:
    """The way back to the corridor's line for a car beside it; the known one while the car is on that."""
    on_way = float(known.left_at(np.array([s_m]))[0]) if known is not None else 0.0
    limit = STRAYED_M if known is not None else ON_LINE_M
    if abs(left_m - on_way) < limit:
        finished = known is None or s_m > known.from_m + known.length_m
        return None if finished else known
    length = max(RETURN_MIN_M, RETURN_S * ego.speed_mps, 8.0 * abs(left_m))
    slope = math.tan(min(max(turn_rad, -0.7), 0.7))
    return WayBack(s_m, length, left_m, slope)


def lay(corridor: Corridor, profile: Profile, offsets: Sequence[Offset], now_s: float) -> Trajectory:
    """The trajectory of a profile, beside the corridor's line by the sum of the offsets."""
    line = corridor.line
    x, y, heading, bend = (
        np.interp(profile.s_m, line.s_m, column)
        for column in (line.points_m[:, 0], line.points_m[:, 1], line.heading_rad, line.curvature_1pm)
    )
    if offsets:
        x, y, heading, bend = _beside(line, profile.s_m, x, y, heading, bend, offsets)
    return Trajectory(now_s, profile.time_s, x, y, heading, profile.speed_mps, profile.acceleration_mps2, bend)


def _beside(
    line: Line, s_m: Floats, x: Floats, y: Floats, heading: Floats, bend: Floats, offsets: Sequence[Offset]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Points beside a line: the offset's slope and bend are added to the line's, as it is there."""
    step = 0.5
    before, left, after = (sum((one.left_at(s_m + shift) for one in offsets), np.zeros_like(s_m)) for shift in (-step, 0.0, step))
    slope, curve = (after - before) / (2.0 * step), (after - 2.0 * left + before) / step**2
    room = np.maximum(1.0 - bend * left, 0.2)
    return (
        x - left * np.sin(heading),
        y + left * np.cos(heading),
        heading + np.arctan(slope / room),
        bend / room + curve / (1.0 + slope**2) ** 1.5,
    )
