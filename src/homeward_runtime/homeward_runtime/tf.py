"""Transforms as messages: enough of tf2 for a broadcaster."""

from __future__ import annotations

from typing import Any

from homeward_runtime.car_node import message_class
from homeward_runtime.frames import Quaternion


def transform(parent: str, child: str, xyz_m: tuple[float, float, float], rotation: Quaternion, stamp: Any) -> Any:
    """geometry_msgs/TransformStamped of `child` in `parent`; rotation as (x, y, z, w)."""
    message = message_class("geometry_msgs/msg/TransformStamped")(child_frame_id=child)
    message.header.frame_id, message.header.stamp = parent, stamp
    translation = message.transform.translation
    translation.x, translation.y, translation.z = xyz_m
    turn = message.transform.rotation
    turn.x, turn.y, turn.z, turn.w = rotation
    return message


def tf_message(*transforms: Any) -> Any:
    """tf2_msgs/TFMessage."""
    return message_class("tf2_msgs/msg/TFMessage")(transforms=list(transforms))
