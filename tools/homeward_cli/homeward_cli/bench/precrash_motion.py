"""How the other road users of the pre-crash tests move: written down beforehand, whatever our car does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner.plane import Floats
from homeward_planner.scene import Kind, Pose, Thing

STEP_S, LONGEST_S = 0.02, 16.0
TIMES_S: Floats = np.arange(round(LONGEST_S / STEP_S) + 1, dtype=np.float64) * STEP_S
SIZES_M = {Kind.CAR: (4.6, 1.85), Kind.TRUCK: (8.0, 2.4), Kind.TWO_WHEELER: (1.8, 0.6), Kind.PEDESTRIAN: (0.5, 0.5)}


@dataclass(frozen=True, eq=False)
class Track:
    """Where the centre of a box is at each of TIMES_S; speed is along its yaw."""

    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    speed_mps: Floats

    def boxes(self, size_m: tuple[float, float]) -> Floats:
        """(N, 5) x, y, yaw, length, width."""
        length, width = (np.full(len(TIMES_S), one) for one in size_m)
        return np.stack([self.x_m, self.y_m, self.yaw_rad, length, width], axis=1)


@dataclass(frozen=True, eq=False)
class Other:
    """A road user: what it really does, and what it would do if nothing were amiss (None: it does nothing amiss, it is simply
    in the way)."""

    kind: Kind
    track: Track
    ordinary: Track | None = None
    shown_from_s: float = 0.0
    """Before this nobody can see it: it is beyond a crest."""

    @property
    def size_m(self) -> tuple[float, float]:
        """Length and width."""
        return SIZES_M[self.kind]

    def at(self, number: int, step: int) -> Thing:
        """As the planner is told of it."""
        track = self.track
        turn = (track.yaw_rad[min(step + 1, len(TIMES_S) - 1)] - track.yaw_rad[max(step - 1, 0)]) / (2.0 * STEP_S)
        pose = Pose(float(track.x_m[step]), float(track.y_m[step]), float(track.yaw_rad[step]))
        return Thing(number, self.kind, pose, *self.size_m, float(track.speed_mps[step]), float(turn))


Knots = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Shift:
    """A smooth move to the left (negative: right) between two times."""

    from_s: float
    duration_s: float
    left_m: float


def ride(start: tuple[float, float], heading_rad: float, speeds: Knots, shifts: Sequence[Shift] = ()) -> Track:
    """Straight on from a place, at speeds given at times (linear between; negative: backwards), with moves to the side."""
    speed = np.interp(TIMES_S, [time for time, _ in speeds], [one for _, one in speeds])
    ahead = _way(speed)
    left, rate = np.zeros_like(TIMES_S), np.zeros_like(TIMES_S)
    for shift in shifts:
        share = np.clip((TIMES_S - shift.from_s) / shift.duration_s, 0.0, 1.0)
        left += shift.left_m * share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
        rate += shift.left_m * 30.0 * share**2 * (1.0 - share) ** 2 / shift.duration_s
    yaw = heading_rad + np.arctan2(rate, np.maximum(np.abs(speed), 0.5)) * np.sign(speed + 1e-9)
    cos, sin = math.cos(heading_rad), math.sin(heading_rad)
    x, y = start[0] + ahead * cos - left * sin, start[1] + ahead * sin + left * cos
    return Track(x, y, yaw, np.hypot(speed, rate) * np.sign(speed))


def follow(points_m: Floats, from_m: float, speeds: Knots) -> Track:
    """Along a line of points (N × 2), from a distance along it on."""
    speed = np.interp(TIMES_S, [time for time, _ in speeds], [one for _, one in speeds])
    steps = np.hypot(*np.diff(points_m, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    here = np.clip(from_m + _way(speed), 0.0, along[-1] - 1e-3)
    heading = np.unwrap(np.arctan2(np.gradient(points_m[:, 1], along), np.gradient(points_m[:, 0], along)))
    x, y, yaw = (np.interp(here, along, column) for column in (points_m[:, 0], points_m[:, 1], heading))
    return Track(x, y, yaw, speed)


def _way(speed: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2.0 * STEP_S)])


def stopping(speed_mps: float, from_s: float, deceleration_mps2: float) -> Knots:
    """Even speed, then braking to a standstill."""
    return [(0.0, speed_mps), (from_s, speed_mps), (from_s + speed_mps / deceleration_mps2, 0.0)]


def starting(from_s: float, acceleration_mps2: float, speed_mps: float) -> Knots:
    """Standing, then speeding up."""
    return [(0.0, 0.0), (from_s, 0.0), (from_s + speed_mps / acceleration_mps2, speed_mps)]
