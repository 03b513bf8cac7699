"""The ego's sensors: spawn them, collect what they send from the client's threads, hand it out in order. No ROS."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import carla
import numpy as np

from homeward_carla_bridge import client as link
from homeward_runtime.params import param

LATE_S = 10.0
QUEUE = 200  # measurements that wait for the node; more means it fell behind by seconds


@dataclass(frozen=True)
class SensorParams:
    """Section sensors of params/car.yaml."""

    carla_host: str = param("", "the CARLA server's address")
    carla_port: int = param("", "its RPC port", 1, 65535)
    role_name: str = param("", "role_name of the actor that is this car")
    tick: str = param("", "who moves the world's clock: paced (this node, in real time), external or lockstep")
    step_s: float = param("s", "of simulated time a tick", 0.005, 0.1)
    seed: int = param("", "of the traffic", 0, 2**31 - 1)
    spawn_ego: bool = param("", "false when somebody else (ScenarioRunner) spawns the car")
    ego_blueprint: str = param("", "CARLA's name of the car's model")
    start_place: str = param("", "where the car stands at the start")
    places_file: str = param("", "places.yaml of the map")
    traffic: int = param("", "how many other cars drive", 0, 200)
    traffic_port: int = param("", "port of the client's TrafficManager", 1024, 65535)
    origin_latitude_deg: float = param("deg", "of the map frame", -90.0, 90.0)
    origin_longitude_deg: float = param("deg", "of the map frame", -180.0, 180.0)
    truth_period_s: float = param("s", "between two sim/truth objects and lights", 0.02, 1.0)
    gnss_period_s: float = param("s", "between two fixes", 0.02, 1.0)
    gnss_std_m: float = param("m", "noise of a fix, horizontal", 0.0, 10.0)
    imu_acceleration_std_mps2: float = param("m/s^2", "noise of the accelerometer", 0.0, 1.0)
    imu_turn_std_radps: float = param("rad/s", "noise of the gyroscope", 0.0, 0.1)
    lidar: bool = param("", "whether there is one")
    lidar_channels: int = param("", "its rays above one another", 1, 128)
    lidar_points_per_s: int = param("1/s", "its rays a second", 1000, 5_000_000)
    lidar_range_m: float = param("m", "how far it sees", 10.0, 300.0)
    lidar_turns_hz: float = param("Hz", "turns a second", 5.0, 25.0)
    camera: bool = param("", "whether there is one, to the front")
    camera_width: int = param("px", "its picture's width", 64, 4096)
    camera_height: int = param("px", "its picture's height", 48, 2160)
    camera_fov_deg: float = param("deg", "its horizontal field of view", 20.0, 140.0)
    camera_period_s: float = param("s", "between two pictures", 0.02, 2.0)


LIDAR_POSE = link.Pose(1.4, 0.0, 1.9)  # of the vehicle's rear axle; the URDF says the same
CAMERA_POSE = link.Pose(1.8, 0.0, 1.35)
DEGREE_M = 111_195.0  # one degree of latitude on CARLA's sphere


class Rig:
    """The sensors of one ego. `on_data(kind, measurement, receipt_ns)` is called on the client's threads."""

    def __init__(self, params: SensorParams, world: carla.World, ego: carla.Actor, wake: Callable[[], None]) -> None:
        self.params, self.world, self.ego, self.wake = params, world, ego, wake
        self.geometry = link.geometry_of(ego)
        self.inbox: collections.deque[tuple[str, Any, int]] = collections.deque(maxlen=QUEUE)
        self.sensors: dict[str, carla.Sensor] = {}
        self.spin = Turn()

    def spawn(self) -> None:
        """Every sensor that the parameters ask for. Raises WorldError."""
        params = self.params
        noise_deg = params.gnss_std_m / DEGREE_M
        self._spawn(link.GNSS, link.Pose(0.0, 0.0, 0.0), {
            "sensor_tick": 0.0 if params.gnss_period_s <= params.step_s else params.gnss_period_s,
            "noise_lat_stddev": noise_deg, "noise_lon_stddev": noise_deg,
            "noise_alt_stddev": 2 * params.gnss_std_m,
        })  # fmt: skip
        accelerometer = {f"noise_accel_stddev_{axis}": params.imu_acceleration_std_mps2 for axis in "xyz"}
        gyroscope = {f"noise_gyro_stddev_{axis}": params.imu_turn_std_radps for axis in "xyz"}
        self._spawn(link.IMU, link.Pose(0.0, 0.0, 0.0), accelerometer | gyroscope)
        self._spawn(link.COLLISION, link.Pose(0.0, 0.0, 0.0), {})
        if params.lidar:
            self._spawn(link.LIDAR, LIDAR_POSE, {
                "channels": params.lidar_channels, "points_per_second": params.lidar_points_per_s,
                "range": params.lidar_range_m, "rotation_frequency": params.lidar_turns_hz,
                "upper_fov": 10.0, "lower_fov": -25.0,
            })  # fmt: skip
        if params.camera:
            self._spawn(link.CAMERA, CAMERA_POSE, {
                "image_size_x": params.camera_width, "image_size_y": params.camera_height,
                "fov": params.camera_fov_deg, "sensor_tick": params.camera_period_s,
            })  # fmt: skip

    def _spawn(self, kind: str, pose: link.Pose, attributes: dict[str, Any]) -> None:
        """GNSS, IMU and the rest sit at base_link; CARLA measures from the vehicle's middle."""
        at = link.Pose(pose.x_m + self.geometry.rear_axle_x_m, pose.y_m, pose.z_m)
        blueprint = link.sensor_blueprint(self.world, kind, attributes)
        try:
            sensor = self.world.spawn_actor(blueprint, link.transform_of(at), attach_to=self.ego)
        except RuntimeError as error:
            raise link.WorldError(f"the sensor {kind} can't be had: {error}") from error
        sensor.listen(lambda data, kind=kind: self._on_data(kind, data))
        self.sensors[kind] = sensor

    def _on_data(self, kind: str, data: Any) -> None:
        self.inbox.append((kind, data, time.monotonic_ns()))
        self.wake()

    def taken(self) -> list[tuple[str, Any, int]]:
        """What has come since the last call: kind, measurement, monotonic receipt [ns]."""
        taken = []
        while self.inbox:
            taken.append(self.inbox.popleft())
        return taken

    def wait_for(self, frame: int, kinds: set[str]) -> list[tuple[str, Any, int]]:
        """Lockstep: every measurement of this frame, in a defined order. Raises WorldError when one doesn't come."""
        have: dict[str, tuple[str, Any, int]] = {}
        deadline = time.monotonic() + LATE_S
        while not kinds <= have.keys():
            for entry in self.taken():
                if entry[1].frame == frame:
                    have[entry[0]] = entry
            if time.monotonic() > deadline:
                raise link.WorldError(f"no {', '.join(kinds - have.keys())} data for frame {frame}")
            if not kinds <= have.keys():
                time.sleep(0)
        return [have[kind] for kind in sorted(have)]

    def destroy(self) -> None:
        for sensor in self.sensors.values():
            if sensor.is_alive:
                sensor.stop()
                sensor.destroy()
        self.sensors.clear()


class Turn:
    """Collects a LiDAR's sectors to one full turn, moved into the frame of the last one (the car drives meanwhile)."""

    def __init__(self) -> None:
        self.sectors: list[tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, Any]]] = []
        self.angle = 0.0

    def add(self, points: np.ndarray[Any, np.dtype[np.float32]], pose: link.Pose, share: float) -> np.ndarray[Any, Any] | None:
        """Add one sector, `share` of a turn; the (n, 4) cloud when the turn is full. `pose` is the sensor's in map."""
        self.sectors.append((points, matrix_of(pose)))
        self.angle += share
        if self.angle < 1.0 - 1e-6:
            return None
        last = np.linalg.inv(self.sectors[-1][1])
        parts = [moved(points, last @ matrix) for points, matrix in self.sectors]
        self.sectors, self.angle = [], 0.0
        return np.concatenate(parts)


def matrix_of(pose: link.Pose) -> np.ndarray[Any, Any]:
    """4x4 homogeneous matrix of a pose."""
    from transforms3d.euler import euler2mat

    matrix = np.eye(4)
    matrix[:3, :3] = euler2mat(pose.roll_rad, pose.pitch_rad, pose.yaw_rad, "sxyz")
    matrix[:3, 3] = pose.x_m, pose.y_m, pose.z_m
    return matrix


def moved(points: np.ndarray[Any, np.dtype[np.float32]], matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(n, 4) points with their intensity, by a 4x4 matrix."""
    out = points.copy()
    out[:, :3] = points[:, :3] @ matrix[:3, :3].T.astype(np.float32) + matrix[:3, 3].astype(np.float32)
    return out
