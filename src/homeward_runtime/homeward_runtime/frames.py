"""Angles and quaternions: REP-103, right-handed, x forward, y left, z up. ROS quaternions are (x, y, z, w)."""

from __future__ import annotations

import math

from transforms3d.euler import euler2quat

MAP, ODOM, BASE_LINK = "map", "odom", "base_link"
Quaternion = tuple[float, float, float, float]


def wrapped(angle_rad: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle_rad + math.pi) % (2 * math.pi) - math.pi


def quaternion_from_yaw(yaw_rad: float) -> Quaternion:
    """A heading as (x, y, z, w)."""
    return 0.0, 0.0, math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)


def quaternion_from_euler(roll_rad: float, pitch_rad: float, yaw_rad: float) -> Quaternion:
    """Fixed-axis roll, pitch, yaw as (x, y, z, w)."""
    w, x, y, z = (float(part) for part in euler2quat(roll_rad, pitch_rad, yaw_rad, "sxyz"))
    return x, y, z, w


def yaw_of(quaternion: Quaternion) -> float:
    """The heading of (x, y, z, w), in (-pi, pi]. Raises ValueError when it is not a rotation."""
    x, y, z, w = quaternion
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    if not 0.9 < norm < 1.1:
        raise ValueError(f"the quaternion {quaternion} has length {norm:.3g}, wants 1")
    return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


def rotated(x: float, y: float, yaw_rad: float) -> tuple[float, float]:
    """A point turned about the origin."""
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    return x * cosine - y * sine, x * sine + y * cosine
