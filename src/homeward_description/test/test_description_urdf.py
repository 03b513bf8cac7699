"""The car's description: xacro expands, frames join up, what is broken is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeward_description.urdf import UrdfError, expanded, fixed_frames

CAR = Path(__file__).resolve().parents[3] / "vehicles/homeward/car.urdf.xacro"


def test_every_frame_hangs_from_base_link() -> None:
    frames = fixed_frames(expanded(str(CAR)))
    parents = {frame.child: frame.parent for frame in frames}
    assert {"lidar", "gnss", "front_camera_optical", "wheel_front_left"} <= parents.keys()
    for child in parents:
        while child != "base_link":
            child = parents[child]


def test_the_sensors_sit_where_the_bridge_puts_them() -> None:
    from homeward_carla_bridge.rig import CAMERA_POSE, LIDAR_POSE

    places = {frame.child: frame.xyz_m for frame in fixed_frames(expanded(str(CAR)))}
    assert places["lidar"] == (LIDAR_POSE.x_m, LIDAR_POSE.y_m, LIDAR_POSE.z_m)
    assert places["front_camera"] == (CAMERA_POSE.x_m, CAMERA_POSE.y_m, CAMERA_POSE.z_m)


@pytest.mark.parametrize(
    "joint", ['<parent link="a"/>', '<child link="b"/>', '<parent link="a"/><child link="b"/><origin xyz="1 2"/>']
)
def test_a_broken_joint_is_refused(joint: str) -> None:
    with pytest.raises(UrdfError):
        fixed_frames(f'<robot><joint name="j" type="fixed">{joint}</joint></robot>')


def test_a_broken_xacro_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.xacro").write_text("<robot xmlns:xacro='http://www.ros.org/wiki/xacro'>${nope}</robot>")
    with pytest.raises(UrdfError):
        expanded(str(tmp_path / "x.xacro"))
