"""Poses are those of the client's own `carla.Transform`."""

from math import pi

import carla
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from homeward_sim.actors import OTHER, follow
from homeward_sim.dynamics import CAR
from homeward_sim.geometry import Pose, attached, pose_matrix, pose_of_matrix
from homeward_sim.walkers import WALKER

lengths = st.floats(-1000, 1000)
turns = st.floats(-pi, pi)
pitches = st.floats(-1.5, 1.5)
poses = st.builds(Pose, lengths, lengths, lengths, pitches, turns, turns)


def as_carla(pose: Pose) -> carla.Transform:
    x, y, z, pitch, yaw, roll = pose.numbers()
    return carla.Transform(carla.Location(x, y, z), carla.Rotation(pitch, yaw, roll))


@given(poses)
def test_matrix_is_the_clients(pose: Pose) -> None:
    assert np.allclose(pose_matrix(pose), as_carla(pose).get_matrix(), atol=2e-3)


@given(poses)
def test_pose_of_matrix_undoes_pose_matrix(pose: Pose) -> None:
    assert np.allclose(pose_matrix(pose_of_matrix(pose_matrix(pose))), pose_matrix(pose), atol=1e-6)


@given(poses, poses)
def test_what_is_attached_follows_in_rows_as_in_poses(parent: Pose, relative: Pose) -> None:
    cars, others = np.zeros(1, CAR), np.zeros(1, OTHER)
    for name, value in zip(("x", "y", "z", "pitch", "yaw", "roll"), vars_of(parent), strict=True):
        cars[name] = value
    for name, value in zip(
        ("rel_x", "rel_y", "rel_z", "rel_pitch", "rel_yaw", "rel_roll"), vars_of(relative), strict=True
    ):
        others[name] = value
    others["parent_table"] = 1
    follow(others, cars, np.zeros(0, WALKER))
    row = Pose(*(float(others[name][0]) for name in ("x", "y", "z", "pitch", "yaw", "roll")))
    assert np.allclose(pose_matrix(row), pose_matrix(attached(parent, relative)), atol=1e-6)


def vars_of(pose: Pose) -> tuple[float, ...]:
    return pose.x_m, pose.y_m, pose.z_m, pose.pitch_rad, pose.yaw_rad, pose.roll_rad
