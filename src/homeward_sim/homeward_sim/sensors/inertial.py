"""GNSS and IMU, with the noise that their blueprints state (none by default, as in CARLA).

The noise of a frame depends on the sensor's seed and the frame alone, not on who listened before.
"""

from math import cos, sin, tau

import carla
import msgpack
import numpy as np

from homeward_sim.dynamics import GRAVITY_MPS2
from homeward_sim.geometry import rotation_matrix
from homeward_sim.sensors import View, number

LARGE = 1e9


def frame_noise(seed: int, frame: int, count: int) -> list[float]:
    """`count` standard normal numbers for this frame."""
    generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, frame]))
    values: list[float] = generator.standard_normal(count).tolist()
    return values


class Gnss:
    """Latitude and longitude in degrees and altitude in metres, as `carla.Map.transform_to_geolocation` has them."""

    def __init__(self, attributes: dict[str, str], seed: int) -> None:
        self.period_s = number(attributes, "sensor_tick", 0.0, LARGE)
        axes = ("lat", "lon", "alt")
        self.bias = [number(attributes, f"noise_{axis}_bias", -LARGE, LARGE) for axis in axes]
        self.spread = [number(attributes, f"noise_{axis}_stddev", 0.0, LARGE) for axis in axes]
        self.seed = seed

    def measure(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> bytes:
        pose = view.pose(actor_id)
        place = view.network.map.transform_to_geolocation(carla.Location(pose.x_m, pose.y_m, pose.z_m))
        truth = (place.latitude, place.longitude, place.altitude)
        noise = frame_noise(self.seed, view.frame, 3) if any(self.spread) else (0.0, 0.0, 0.0)
        values = [t + b + s * n for t, b, s, n in zip(truth, self.bias, self.spread, noise, strict=True)]
        packed: bytes = msgpack.packb(values)
        return packed


class Imu:
    """Specific force (m/s², gravity included) and turn rates (rad/s) in the sensor's frame, and the compass (rad from
    north).

    North is -y, as in CARLA: a sensor that looks along +x reads π/2.
    """

    def __init__(self, attributes: dict[str, str], seed: int) -> None:
        self.period_s = number(attributes, "sensor_tick", 0.0, LARGE)
        names = [f"{kind}_{axis}" for kind in ("accel_stddev", "gyro_stddev", "gyro_bias") for axis in "xyz"]
        values = [number(attributes, f"noise_{name}", -LARGE, LARGE) for name in names]
        self.force_spread, self.turn_spread, self.turn_bias = values[0:3], values[3:6], values[6:9]
        self.seed = seed

    def measure(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> bytes:
        pose = view.pose(actor_id)
        to_sensor = rotation_matrix(pose.pitch_rad, pose.yaw_rad, pose.roll_rad).T
        acceleration, turning = _motion(view, actor_id, parent_id)
        force = to_sensor @ (acceleration + np.array((0.0, 0.0, GRAVITY_MPS2)))
        turn = to_sensor @ turning
        noisy = any(self.force_spread) or any(self.turn_spread)
        noise = np.array(frame_noise(self.seed, view.frame, 6)) if noisy else np.zeros(6)
        force = force + noise[:3] * self.force_spread
        turn = turn + noise[3:] * self.turn_spread + self.turn_bias
        compass = (pose.yaw_rad + tau / 4) % tau
        packed: bytes = msgpack.packb([force.tolist(), turn.tolist(), compass])
        return packed


def _motion(view: View, actor_id: int, parent_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Acceleration (m/s²) and turn rate (rad/s) of the place where a sensor sits, in the map's frame."""
    found = np.flatnonzero(view.car_rows["id"] == parent_id)
    if not len(found):
        return np.zeros(3), np.zeros(3)
    car = view.car_rows[found[0]]
    place = view.pose(actor_id)
    dx, dy, rate = place.x_m - car["x"], place.y_m - car["y"], float(car["yaw_rate"])
    acceleration = np.array((car["ax"] - rate * rate * dx, car["ay"] - rate * rate * dy, car["az"]))
    c, s = cos(car["yaw"]), sin(car["yaw"])
    # nose up is a turn about the car's left in a left-handed frame, hence the sign of the pitch rate
    pitch, roll = -float(car["pitch_rate"]), -float(car["roll_rate"])
    return acceleration, np.array((c * roll - s * pitch, s * roll + c * pitch, rate))
