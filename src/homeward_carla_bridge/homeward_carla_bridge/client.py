"""The CARLA client's side of the bridge, without ROS: connect, spawn, and read the world in right-handed terms.

CARLA is left-handed: y, pitch and yaw change sign on the way to ROS. Here, and in convert.py, is where that happens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import carla

from homeward_carla_bridge.ecus import Motion

GNSS, IMU, LIDAR, CAMERA, COLLISION = "gnss", "imu", "lidar", "camera", "collision"


class WorldError(RuntimeError):
    """The CARLA server can't do what is asked; says what and what to do."""


@dataclass(frozen=True)
class Pose:
    """Position [m] and roll, pitch, yaw [rad], right-handed (REP-103)."""

    x_m: float
    y_m: float
    z_m: float
    roll_rad: float = 0.0
    pitch_rad: float = 0.0
    yaw_rad: float = 0.0


def pose_of(transform: carla.Transform) -> Pose:
    place, turn = transform.location, transform.rotation
    return Pose(
        place.x, -place.y, place.z, math.radians(turn.roll), -math.radians(turn.pitch), -math.radians(turn.yaw)
    )


def transform_of(pose: Pose) -> carla.Transform:
    location = carla.Location(pose.x_m, -pose.y_m, pose.z_m)
    turn = carla.Rotation(
        roll=math.degrees(pose.roll_rad), pitch=-math.degrees(pose.pitch_rad), yaw=-math.degrees(pose.yaw_rad)
    )
    return carla.Transform(location, turn)


def connect(host: str, port: int, timeout_s: float) -> carla.Client:
    """A client that has heard the server. Raises WorldError when none answers."""
    client = carla.Client(host, port, worker_threads=1)
    client.set_timeout(timeout_s)
    try:
        client.get_server_version()
    except RuntimeError as error:
        raise WorldError(f"no CARLA server answers at {host}:{port}; it is asked again. ({error})") from error
    client.set_timeout(10.0)
    return client


def find_by_role(world: carla.World, role_name: str) -> carla.Actor | None:
    for actor in world.get_actors().filter("vehicle.*"):
        if actor.attributes.get("role_name") == role_name:
            return actor
    return None


def spawn_ego(world: carla.World, blueprint: str, role_name: str, pose: Pose) -> carla.Actor:
    """The ego at a pose of its rear axle, a little above the road. Raises WorldError."""
    try:
        template = world.get_blueprint_library().find(blueprint)
    except (RuntimeError, IndexError) as error:
        raise WorldError(f"the server has no vehicle '{blueprint}'") from error
    template.set_attribute("role_name", role_name)
    road = world.get_map().get_waypoint(carla.Location(pose.x_m, -pose.y_m, pose.z_m))
    if road is None:
        raise WorldError(f"there is no road near ({pose.x_m:.1f}, {pose.y_m:.1f}) to start from")
    axle_to_origin_m = 1.4
    start = Pose(
        pose.x_m + axle_to_origin_m * math.cos(pose.yaw_rad), pose.y_m + axle_to_origin_m * math.sin(pose.yaw_rad),
        road.transform.location.z + 0.3, 0.0, 0.0, pose.yaw_rad,
    )  # fmt: skip
    actor = world.try_spawn_actor(template, transform_of(start))
    if actor is None:
        raise WorldError(f"something stands at ({pose.x_m:.1f}, {pose.y_m:.1f}), where the car should start")
    return actor


@dataclass(frozen=True)
class Geometry:
    """What the vehicle's physics says of its shape."""

    rear_axle_x_m: float  # of base_link in CARLA's vehicle frame, forward positive (so: negative)
    steering_max_rad: float
    wheelbase_m: float
    half_length_m: float
    half_width_m: float
    half_height_m: float


def geometry_of(actor: carla.Vehicle) -> Geometry:
    """Axles and lock from the physics control; from the bounding box where the server gives no wheels."""
    box = actor.bounding_box.extent
    axle_x_m, steering_max_rad, wheelbase_m = -0.3 * 2 * box.x, math.radians(70.0), 0.6 * 2 * box.x
    wheels = actor.get_physics_control().wheels
    if len(wheels) >= 4:
        inverse = actor.get_transform().get_inverse_matrix()
        along = [_along(inverse, wheel.position) for wheel in wheels]
        front, rear = sum(along[:2]) / 2, sum(along[2:4]) / 2
        if 1.0 < front - rear < 6.0:
            axle_x_m, wheelbase_m = rear, front - rear
        steering_max_rad = math.radians(max(wheels[0].max_steer_angle, 10.0))
    return Geometry(axle_x_m, steering_max_rad, wheelbase_m, box.x, box.y, box.z)


def _along(inverse: list[list[float]], position_cm: carla.Vector3D) -> float:
    """A wheel's x in the vehicle's frame [m]; the server gives its place in the world in centimetres."""
    x, y, z = position_cm.x / 100, position_cm.y / 100, position_cm.z / 100
    return inverse[0][0] * x + inverse[0][1] * y + inverse[0][2] * z + inverse[0][3]


def rear_axle(pose: Pose, axle_x_m: float) -> Pose:
    """base_link (the rear axle at the ground) of a vehicle whose CARLA origin is at `pose`."""
    flat_m = axle_x_m * math.cos(pose.pitch_rad)
    return Pose(
        pose.x_m + flat_m * math.cos(pose.yaw_rad), pose.y_m + flat_m * math.sin(pose.yaw_rad),
        pose.z_m - axle_x_m * math.sin(pose.pitch_rad), pose.roll_rad, pose.pitch_rad, pose.yaw_rad,
    )  # fmt: skip


def motion_of(seen: carla.ActorSnapshot, steering_rad: float, time_s: float) -> Motion:
    """The ego's motion in its own right-handed frame."""
    transform = seen.get_transform()
    forward = transform.get_forward_vector()
    velocity, acceleration = seen.get_velocity(), seen.get_acceleration()
    pose = pose_of(transform)
    return Motion(
        time_s=time_s, x_m=pose.x_m, y_m=pose.y_m, speed_mps=forward.dot(velocity),
        acceleration_mps2=forward.dot(acceleration), yaw_rate_radps=-math.radians(seen.get_angular_velocity().z),
        steering_rad=steering_rad, pitch_rad=math.radians(transform.rotation.pitch),
    )  # fmt: skip


def sensor_blueprint(world: carla.World, kind: str, attributes: dict[str, Any]) -> carla.ActorBlueprint:
    """A sensor's blueprint with these attributes. Raises WorldError when the server has no such sensor."""
    names = {
        GNSS: "sensor.other.gnss", IMU: "sensor.other.imu", LIDAR: "sensor.lidar.ray_cast", CAMERA: "sensor.camera.rgb",
        COLLISION: "sensor.other.collision",
    }  # fmt: skip
    try:
        blueprint = world.get_blueprint_library().find(names[kind])
    except (RuntimeError, IndexError) as error:
        raise WorldError(f"the server has no sensor '{names[kind]}'") from error
    for name, value in attributes.items():
        blueprint.set_attribute(name, str(value))
    return blueprint
