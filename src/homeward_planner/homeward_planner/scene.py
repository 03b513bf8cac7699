"""What is known of the moment: the car itself, the things around it, the traffic lights in sight. Values only."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np

from homeward_planner.plane import Floats

FURTHEST_M, LARGEST_M, FASTEST_MPS, MOST_TURNS_RAD = 1e7, 200.0, 200.0, 1e4


def _within(limit: float, *values: float) -> bool:
    """Whether all are numbers no further from 0 than a limit (a comparison with what is no number is false)."""
    return all(abs(value) <= limit for value in values)


@dataclass(frozen=True)
class Pose:
    """A place in the map frame and a heading, counter-clockwise from east."""

    x_m: float
    y_m: float
    yaw_rad: float

    @property
    def finite(self) -> bool:
        """Whether it is a place on earth at all."""
        return _within(FURTHEST_M, self.x_m, self.y_m) and _within(MOST_TURNS_RAD, self.yaw_rad)


@dataclass(frozen=True)
class Ego:
    """The car: pose of the rear axle at the ground, speed (forward positive), acceleration, and how sure the place is
    (one standard deviation)."""

    pose: Pose
    speed_mps: float
    acceleration_mps2: float = 0.0
    position_std_m: float = 0.0

    @property
    def finite(self) -> bool:
        """Whether every number in it is one, and one that a car can have."""
        moves = _within(FASTEST_MPS, self.speed_mps, self.acceleration_mps2)
        return self.pose.finite and moves and _within(FURTHEST_M, self.position_std_m)


class Kind(enum.IntEnum):
    """What a thing is, as homeward_interfaces/TrackedObject numbers it."""

    UNKNOWN = 0
    CAR = 1
    TRUCK = 2
    TWO_WHEELER = 3
    PEDESTRIAN = 4


@dataclass(frozen=True)
class Thing:
    """A box around something that moves or may move; x, y are its centre, speed is along its yaw."""

    id: int
    kind: Kind
    pose: Pose
    length_m: float
    width_m: float
    speed_mps: float
    yaw_rate_radps: float = 0.0

    @property
    def finite(self) -> bool:
        """Whether every number in it is one, and one that a thing on a road can have."""
        sizes = (self.length_m, self.width_m)
        return (
            self.pose.finite
            and _within(LARGEST_M, *sizes)
            and min(sizes) >= 0.0
            and _within(FASTEST_MPS, self.speed_mps, self.yaw_rate_radps)
        )

    def outline(self, after_s: float = 0.0) -> Floats:
        """Corners and middles of its sides (8 × 2), where it will be after a time if it goes on straight."""
        cos, sin = math.cos(self.pose.yaw_rad), math.sin(self.pose.yaw_rad)
        moved = self.speed_mps * after_s
        ahead = OUTLINE[:, 0] * self.length_m + moved
        left = OUTLINE[:, 1] * self.width_m
        return np.stack([self.pose.x_m + ahead * cos - left * sin, self.pose.y_m + ahead * sin + left * cos], axis=1)


OUTLINE = np.array([(0.5, 0.5), (0.5, 0.0), (0.5, -0.5), (0.0, -0.5), (-0.5, -0.5), (-0.5, 0.0), (-0.5, 0.5), (0.0, 0.5)])


class Colour(enum.IntEnum):
    """What a traffic light shows, as homeward_interfaces/TrafficLight numbers it."""

    UNKNOWN = 0
    RED = 1
    YELLOW = 2
    GREEN = 3
    OFF = 4


@dataclass(frozen=True)
class Light:
    """One traffic light in sight, by the map's name for it."""

    signal_id: str
    colour: Colour
