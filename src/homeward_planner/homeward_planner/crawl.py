"""Follows a manoeuvre at walking pace, forwards or backwards, with the wheels free to turn while the car stands.

To the side: the law for a rear axle that B. Paden and others give in *A survey of motion planning and control techniques for
self-driving urban vehicles*, IEEE Trans. Intelligent Vehicles 1 (2016), section V-A2, which is stable in either direction:
written for the wheels' curvature, the errors of place and heading fade over a length of way. Along: the planned
acceleration, and a gain on what is missing of the planned speed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from homeward_planner.plane import wrapped
from homeward_planner.scene import Ego
from homeward_planner.trajectory import REVERSE, Trajectory

OFFSET_GAIN_1PM2, TURN_GAIN_1PM = 0.7, 1.6
SPEED_GAIN_1PS = 2.0
STANDING_MPS = 0.05
SOON_S = 0.15  # of the plan: what is asked for now acts then
WHEELS_RAD = 0.05  # the car doesn't set off before its wheels stand so close to where they should
ROOM_LEAST = 0.3


@dataclass(frozen=True)
class Crawled:
    """What a manoeuvre asks for: the wheels' curvature, the acceleration in the gear's direction (None: hold the car where
    it stands); and where the car is, seen from the nearest place of the plan: further along, to the left, turned.
    """

    curvature_1pm: float
    acceleration_mps2: float | None
    speed_mps: float  # planned, along the gear
    nearest: int
    left_m: float
    turn_rad: float


def crawl(now_s: float, ego: Ego, trajectory: Trajectory, steering_rad: float, wheelbase_m: float) -> Crawled:
    """One step along a trajectory that names its gear."""
    sign = -1.0 if trajectory.gear == REVERSE else 1.0
    nearest = int(np.argmin(np.hypot(trajectory.x_m - ego.pose.x_m, trajectory.y_m - ego.pose.y_m)))
    yaw, bend = float(trajectory.yaw_rad[nearest]), float(trajectory.curvature_1pm[nearest])
    dx, dy = ego.pose.x_m - float(trajectory.x_m[nearest]), ego.pose.y_m - float(trajectory.y_m[nearest])
    ahead, left = dx * math.cos(yaw) + dy * math.sin(yaw), dy * math.cos(yaw) - dx * math.sin(yaw)
    turn = wrapped(ego.pose.yaw_rad - yaw - bend * ahead)
    soon_s = now_s - trajectory.stamp_s + SOON_S
    speeds = sign * trajectory.speed_mps
    planned = float(np.interp(soon_s, trajectory.time_s, speeds))
    wheels = _curvature(_bend_soon(trajectory, nearest, sign * ahead, planned), left, turn, sign)
    needed = math.atan(wheelbase_m * wheels)
    stands = abs(ego.speed_mps) < STANDING_MPS
    if stands and (planned < STANDING_MPS or abs(needed - steering_rad) > WHEELS_RAD):
        return Crawled(wheels, None, planned, nearest, left, turn)
    change = sign * float(np.interp(soon_s, trajectory.time_s, trajectory.acceleration_mps2))
    wanted = change + SPEED_GAIN_1PS * (planned - sign * ego.speed_mps)
    return Crawled(wheels, wanted, planned, nearest, left, turn)


def _bend_soon(trajectory: Trajectory, nearest: int, past_m: float, speed_mps: float) -> float:
    """The plan's bend where the car is when the wheels have turned."""
    rest = slice(nearest, None)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(trajectory.x_m[rest]), np.diff(trajectory.y_m[rest])))])
    return float(np.interp(past_m + speed_mps * SOON_S, way, trajectory.curvature_1pm[rest]))


def _curvature(bend_1pm: float, left_m: float, turn_rad: float, sign: float) -> float:
    """The wheels' curvature that makes offset and turn fade, whichever way the car goes."""
    along = bend_1pm * math.cos(turn_rad) / max(1.0 - bend_1pm * left_m, ROOM_LEAST)
    narrowing = math.sin(turn_rad) / turn_rad if abs(turn_rad) > 1e-6 else 1.0
    return along - sign * TURN_GAIN_1PM * turn_rad - OFFSET_GAIN_1PM2 * left_m * narrowing
