"""odom -> base_link from wheel speed and yaw rate: smooth, never corrected, drifting slowly. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Pose2:
    """A pose in the plane: [m], [m], [rad]."""

    x_m: float = 0.0
    y_m: float = 0.0
    yaw_rad: float = 0.0


def advanced(pose: Pose2, speed_mps: float, yaw_rate_radps: float, period_s: float) -> Pose2:
    """Along an arc of constant speed and yaw rate (exact for those)."""
    turn_rad, way_m = yaw_rate_radps * period_s, speed_mps * period_s
    chord = way_m * (math.sin(turn_rad / 2) / (turn_rad / 2) if abs(turn_rad) > 1e-9 else 1.0)
    heading = pose.yaw_rad + turn_rad / 2
    return Pose2(
        pose.x_m + chord * math.cos(heading), pose.y_m + chord * math.sin(heading), pose.yaw_rad + turn_rad
    )


def composed(first: Pose2, second: Pose2) -> Pose2:
    """`second`, given in the frame of `first`."""
    cosine, sine = math.cos(first.yaw_rad), math.sin(first.yaw_rad)
    return Pose2(
        first.x_m + cosine * second.x_m - sine * second.y_m, first.y_m + sine * second.x_m + cosine * second.y_m,
        first.yaw_rad + second.yaw_rad,
    )  # fmt: skip


def inverse(pose: Pose2) -> Pose2:
    cosine, sine = math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)
    return Pose2(
        -cosine * pose.x_m - sine * pose.y_m, sine * pose.x_m - cosine * pose.y_m, -pose.yaw_rad
    )
