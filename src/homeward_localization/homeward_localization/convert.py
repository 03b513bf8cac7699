"""ROS messages <-> localization's values."""

from __future__ import annotations

import math
from typing import Any

from nav_msgs.msg import Odometry
from sensor_msgs.msg import NavSatFix, NavSatStatus

from homeward_interfaces.msg import LocalizationState
from homeward_localization.core import Located
from homeward_localization.odometry_filter import Pose2, composed, inverse
from homeward_runtime.frames import BASE_LINK, MAP, ODOM, quaternion_from_yaw, yaw_of
from homeward_runtime.tf import transform

DEFAULT_FIX_STD_M = 3.0


def fix_std_m(message: NavSatFix) -> float | None:
    """Horizontal standard deviation of a fix, or None when there is no fix."""
    if message.status.status < NavSatStatus.STATUS_FIX:
        return None
    if message.position_covariance_type == NavSatFix.COVARIANCE_TYPE_UNKNOWN:
        return DEFAULT_FIX_STD_M
    variance = max(message.position_covariance[0], message.position_covariance[4])
    return math.sqrt(variance) if variance >= 0.0 else None


def heading_of(message: Any) -> tuple[float | None, float]:
    """Heading [rad] and its standard deviation of an Imu; None where it measures none."""
    variance = message.orientation_covariance[8]
    if message.orientation_covariance[0] == -1.0 or not 0.0 < variance < 1.0:
        return None, 0.0
    turn = message.orientation
    try:
        return yaw_of((turn.x, turn.y, turn.z, turn.w)), math.sqrt(variance)
    except ValueError:
        return None, 0.0


def pose_from_message(pose: Any) -> Pose2:
    """Raises ValueError when the orientation is no rotation or a number is not finite."""
    turn = pose.orientation
    found = Pose2(pose.position.x, pose.position.y, yaw_of((turn.x, turn.y, turn.z, turn.w)))
    if not (math.isfinite(found.x_m) and math.isfinite(found.y_m)):
        raise ValueError("the position is not finite")
    return found


def state_message(located: Located, stamp: Any, receipt_ns: int) -> LocalizationState:
    message = LocalizationState(
        status=located.status, x_m=located.in_map.x_m, y_m=located.in_map.y_m, z_m=located.z_m,
        yaw_rad=located.in_map.yaw_rad, speed_mps=located.speed_mps, yaw_rate_radps=located.yaw_rate_radps,
        position_std_m=located.position_std_m, heading_std_rad=located.heading_std_rad,
        gnss_age_s=located.fix_age_s, sensor_receipt_ns=receipt_ns,
    )  # fmt: skip
    message.header.stamp, message.header.frame_id = stamp, MAP
    return message


def odometry_message(located: Located, stamp: Any) -> Odometry:
    message = Odometry(child_frame_id=BASE_LINK)
    message.header.stamp, message.header.frame_id = stamp, ODOM
    place, turn = message.pose.pose.position, message.pose.pose.orientation
    place.x, place.y = located.in_odom.x_m, located.in_odom.y_m
    turn.x, turn.y, turn.z, turn.w = quaternion_from_yaw(located.in_odom.yaw_rad)
    message.twist.twist.linear.x = located.speed_mps
    message.twist.twist.angular.z = located.yaw_rate_radps
    return message


def transforms(located: Located, stamp: Any) -> list[Any]:
    """odom -> base_link, and map -> odom once the map pose is known."""
    odom = located.in_odom
    found = [transform(ODOM, BASE_LINK, (odom.x_m, odom.y_m, 0.0), quaternion_from_yaw(odom.yaw_rad), stamp)]
    if located.status:
        base = composed(located.in_map, inverse(odom))
        found.append(transform(MAP, ODOM, (base.x_m, base.y_m, located.z_m), quaternion_from_yaw(base.yaw_rad), stamp))
    return found
