"""Poses and boxes in CARLA's left-handed frame, and how an attached pose follows its parent.

The rotation matrix is the one of the client's `carla.Transform.get_matrix` (roll, then pitch, then yaw; Unreal's
signs), held to it in a test.
"""

from dataclasses import dataclass
from math import asin, atan2, cos, degrees, radians, sin

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pose:
    """A place in metres and a rotation in radians."""

    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 0.0
    pitch_rad: float = 0.0
    yaw_rad: float = 0.0
    roll_rad: float = 0.0

    def wire(self) -> list[list[float]]:
        """As the protocol writes a transform: `[[x, y, z], [pitch, yaw, roll]]`, in metres and degrees."""
        return [
            [self.x_m, self.y_m, self.z_m],
            [degrees(self.pitch_rad), degrees(self.yaw_rad), degrees(self.roll_rad)],
        ]

    def numbers(self) -> tuple[float, float, float, float, float, float]:
        """x, y, z, pitch, yaw, roll in metres and degrees, as state frames and sensor headers carry them."""
        return (
            self.x_m,
            self.y_m,
            self.z_m,
            degrees(self.pitch_rad),
            degrees(self.yaw_rad),
            degrees(self.roll_rad),
        )


@dataclass(frozen=True, slots=True)
class Box:
    """An oriented box: its centre and rotation in the frame of the actor it belongs to (or of the map), and half
    lengths.
    """

    centre: Pose
    extent_m: tuple[float, float, float]

    def wire(self) -> list[list[float]]:
        """As the protocol writes a bounding box: location, extent, rotation (degrees)."""
        location, rotation = self.centre.wire()
        return [location, list(self.extent_m), rotation]


def rotation_matrix(pitch_rad: float, yaw_rad: float, roll_rad: float) -> Array:
    """Columns are the forward, right and up vectors, (3, 3)."""
    cp, sp, cy, sy, cr, sr = (
        cos(pitch_rad),
        sin(pitch_rad),
        cos(yaw_rad),
        sin(yaw_rad),
        cos(roll_rad),
        sin(roll_rad),
    )
    return np.array(
        (
            (cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr),
            (cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr),
            (sp, -cp * sr, cp * cr),
        )
    )


def pose_matrix(pose: Pose) -> Array:
    """The (4, 4) matrix that takes points of the pose's frame to its parent's."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrix(pose.pitch_rad, pose.yaw_rad, pose.roll_rad)
    matrix[:3, 3] = pose.x_m, pose.y_m, pose.z_m
    return matrix


def pose_of_matrix(matrix: Array) -> Pose:
    """The pose whose `pose_matrix` this is."""
    forward_z = min(1.0, max(-1.0, float(matrix[2, 0])))
    return Pose(
        float(matrix[0, 3]),
        float(matrix[1, 3]),
        float(matrix[2, 3]),
        asin(forward_z),
        atan2(float(matrix[1, 0]), float(matrix[0, 0])),
        atan2(-float(matrix[2, 1]), float(matrix[2, 2])),
    )


def attached(parent: Pose, relative: Pose) -> Pose:
    """Where something fixed at `relative` in the parent's frame is in the world."""
    return pose_of_matrix(pose_matrix(parent) @ pose_matrix(relative))


def pose_from_degrees(x_m: float, y_m: float, z_m: float, pitch_deg: float, yaw_deg: float, roll_deg: float) -> Pose:
    """A pose from the protocol's numbers."""
    return Pose(x_m, y_m, z_m, radians(pitch_deg), radians(yaw_deg), radians(roll_deg))
