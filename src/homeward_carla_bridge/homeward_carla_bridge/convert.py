"""CARLA's data -> ROS messages; left-handed to right-handed, with frames and stamps."""

from __future__ import annotations

import array
import math
from typing import Any

import carla
import cv2
import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Imu, NavSatFix, NavSatStatus, PointCloud2, PointField

from homeward_carla_bridge import client as link
from homeward_interfaces.msg import TrackedObject, TrackedObjects, TrafficLight, TrafficLights
from homeward_runtime.frames import BASE_LINK, MAP, quaternion_from_euler, quaternion_from_yaw
from homeward_runtime.geodesy import Origin, to_geodetic

LIGHT_STATES = {
    carla.TrafficLightState.Red: TrafficLight.RED, carla.TrafficLightState.Yellow: TrafficLight.YELLOW,
    carla.TrafficLightState.Green: TrafficLight.GREEN, carla.TrafficLightState.Off: TrafficLight.OFF,
}  # fmt: skip
COMPASS_STD_RAD = 0.03
POINT_FIELDS = [
    PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
    for index, name in enumerate(("x", "y", "z", "intensity"))
]


def pose_message(pose: link.Pose) -> Pose:
    x, y, z, w = quaternion_from_euler(pose.roll_rad, pose.pitch_rad, pose.yaw_rad)
    return Pose(position=Point(x=pose.x_m, y=pose.y_m, z=pose.z_m), orientation=Quaternion(x=x, y=y, z=z, w=w))


def ego_odometry(pose: link.Pose, motion: Any, stamp: Any) -> Odometry:
    message = Odometry(child_frame_id=BASE_LINK)
    message.header.stamp, message.header.frame_id = stamp, MAP
    message.pose.pose = pose_message(pose)
    message.twist.twist.linear.x = motion.speed_mps
    message.twist.twist.angular.z = motion.yaw_rate_radps
    return message


def fix_message(data: carla.GnssMeasurement, carla_map: carla.Map, origin: Origin, std_m: float, stamp: Any) -> NavSatFix:
    """A geodetically true fix: CARLA's latitude is mirrored and its earth a sphere, so take its fix apart with its own
    map and put it together again on WGS84."""
    place = carla_map.geolocation_to_transform(carla.GeoLocation(data.latitude, data.longitude, data.altitude))
    latitude, longitude, altitude = to_geodetic(place.x, -place.y, data.altitude - origin.altitude_m, origin)
    message = NavSatFix(latitude=latitude, longitude=longitude, altitude=altitude)
    message.header.stamp, message.header.frame_id = stamp, "gnss"
    message.status.status, message.status.service = NavSatStatus.STATUS_FIX, NavSatStatus.SERVICE_GPS
    variance = std_m**2
    message.position_covariance = [variance, 0.0, 0.0, 0.0, variance, 0.0, 0.0, 0.0, 4 * variance]
    message.position_covariance_type = NavSatFix.COVARIANCE_TYPE_DIAGONAL_KNOWN
    return message


def imu_message(data: carla.IMUMeasurement, stamp: Any) -> Imu:
    """CARLA's gyroscope, accelerometer and compass, right-handed; of the orientation only the heading is measured."""
    message = Imu()
    message.header.stamp, message.header.frame_id = stamp, BASE_LINK
    force, turn = data.accelerometer, data.gyroscope
    message.linear_acceleration.x, message.linear_acceleration.y, message.linear_acceleration.z = force.x, -force.y, force.z
    # a turn about an axis keeps its sign when that axis alone is mirrored, and changes it otherwise
    message.angular_velocity.x, message.angular_velocity.y, message.angular_velocity.z = -turn.x, turn.y, -turn.z
    turn_of = message.orientation
    turn_of.x, turn_of.y, turn_of.z, turn_of.w = quaternion_from_yaw(math.pi / 2 - data.compass)  # clockwise from north
    message.orientation_covariance = [10.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, COMPASS_STD_RAD**2]
    return message


def points_of(data: carla.LidarMeasurement) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(n, 4) float32 x y z intensity, right-handed, in the sensor's frame."""
    points = np.frombuffer(data.raw_data, dtype=np.float32).reshape(-1, 4).copy()
    points[:, 1] *= -1.0
    return points


def cloud_message(points: np.ndarray[Any, np.dtype[np.float32]], stamp: Any) -> PointCloud2:
    message = PointCloud2(height=1, width=len(points), fields=POINT_FIELDS, point_step=16, row_step=16 * len(points))
    message.header.stamp, message.header.frame_id = stamp, "lidar"
    message.data = array.array("B", points.tobytes())  # a list would take a hundred times as long
    message.is_dense = True
    return message


def jpeg_message(image: carla.Image, stamp: Any) -> CompressedImage:
    """CARLA's BGRA picture as JPEG."""
    pixels = np.frombuffer(image.raw_data, dtype=np.uint8).reshape(image.height, image.width, 4)[:, :, :3]
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])
    message = CompressedImage(format="jpeg")
    message.header.stamp, message.header.frame_id = stamp, "front_camera_optical"
    message.data = array.array("B", data.tobytes())
    return message


def camera_info(width: int, height: int, fov_deg: float, stamp: Any) -> CameraInfo:
    focal = width / (2 * math.tan(math.radians(fov_deg) / 2))
    message = CameraInfo(width=width, height=height, distortion_model="plumb_bob", d=[0.0] * 5)
    message.header.stamp, message.header.frame_id = stamp, "front_camera_optical"
    message.k = [focal, 0.0, width / 2, 0.0, focal, height / 2, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [focal, 0.0, width / 2, 0.0, 0.0, focal, height / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def object_message(actor: carla.Actor, seen: carla.ActorSnapshot) -> TrackedObject:
    """One other actor, by its bounding box's centre."""
    pose, box = link.pose_of(seen.get_transform()), actor.bounding_box
    speed = seen.get_transform().get_forward_vector().dot(seen.get_velocity())
    return TrackedObject(
        id=actor.id, kind=kind_of(actor), x_m=pose.x_m, y_m=pose.y_m, z_m=pose.z_m + box.location.z,
        yaw_rad=pose.yaw_rad, length_m=2 * box.extent.x, width_m=2 * box.extent.y, height_m=2 * box.extent.z,
        speed_mps=speed, yaw_rate_radps=-math.radians(seen.get_angular_velocity().z), existence=1.0,
    )  # fmt: skip


def kind_of(actor: carla.Actor) -> int:
    if actor.type_id.startswith("walker"):
        return int(TrackedObject.PEDESTRIAN)
    if actor.attributes.get("number_of_wheels") == "2":
        return int(TrackedObject.TWO_WHEELER)
    return int(TrackedObject.TRUCK if actor.bounding_box.extent.x > 3.2 else TrackedObject.CAR)


def objects_message(objects: list[TrackedObject], stamp: Any, receipt_ns: int) -> TrackedObjects:
    message = TrackedObjects(objects=objects, sensor_receipt_ns=receipt_ns)
    message.header.stamp, message.header.frame_id = stamp, MAP
    return message


def lights_message(lights: list[tuple[str, carla.TrafficLightState, link.Pose]], stamp: Any) -> TrafficLights:
    message = TrafficLights()
    message.header.stamp, message.header.frame_id = stamp, MAP
    message.lights = [
        TrafficLight(
            signal_id=signal_id, state=LIGHT_STATES.get(state, TrafficLight.UNKNOWN), confidence=1.0,
            x_m=pose.x_m, y_m=pose.y_m, z_m=pose.z_m,
        )
        for signal_id, state, pose in lights
    ]  # fmt: skip
    return message
