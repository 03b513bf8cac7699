"""GNSS is the map's own projection; the IMU feels what the car does; noise is stated and seeded."""

from math import atan, pi
from typing import Any

import carla
import msgpack
import numpy as np
import pytest

from homeward_sim.geometry import Pose
from homeward_sim.world import World


def spawn_with(town: Any, kind: str, place: Pose | None = None, **attributes: str) -> Any:
    car = town.spawn([1, "vehicle.tesla.model3", []], place or town.spawn_points[0])
    wanted = [[name, 4, value] for name, value in attributes.items()]
    return town.spawn([1, kind, wanted], Pose(x_m=0.5, z_m=1.0), car.actor_id)


def read(town: Any, sensor: Any) -> Any:
    return msgpack.unpackb(town.measure(sensor.actor_id))


def test_gnss_is_the_maps_projection(town: Any, hometown_text: str) -> None:
    """The same latitude, longitude and altitude as the client's own map gives for where the sensor is."""
    theirs = carla.Map("hometown", hometown_text)
    for point in town.spawn_points[:20]:
        sensor = spawn_with(town, "sensor.other.gnss", point)
        town.step()
        pose = town.pose(sensor.actor_id)
        place = theirs.transform_to_geolocation(carla.Location(pose.x_m, pose.y_m, pose.z_m))
        assert read(town, sensor) == pytest.approx([place.latitude, place.longitude, place.altitude], abs=1e-9)
        town.destroy(sensor.parent)


def test_gnss_bias_and_noise_are_those_of_the_blueprint(town: Any) -> None:
    exact = spawn_with(town, "sensor.other.gnss")
    rough = town.spawn(
        [1, "sensor.other.gnss", [["noise_lat_stddev", 4, "0.001"], ["noise_alt_bias", 4, "5"]]],
        Pose(x_m=0.5, z_m=1.0),
        exact.parent,
    )
    errors = []
    for _ in range(400):
        town.step()
        errors.append(np.subtract(read(town, rough), read(town, exact)))
    assert np.std([error[0] for error in errors]) == pytest.approx(0.001, rel=0.15)
    assert all(error[1] == 0.0 for error in errors)
    assert np.mean([error[2] for error in errors]) == pytest.approx(5.0)


def noisy_imu(seed: int, hometown: Any, noise_seed: str = "0") -> list[Any]:
    world = World(hometown, seed=seed)
    sensor = spawn_with(
        world, "sensor.other.imu", noise_accel_stddev_x="0.2", noise_gyro_stddev_z="0.01", noise_seed=noise_seed
    )
    values = []
    for _ in range(20):
        world.step()
        values.append(read(world, sensor))
    return values


def test_noise_follows_the_seeds(hometown: Any) -> None:
    assert noisy_imu(1, hometown) == noisy_imu(1, hometown)
    assert noisy_imu(1, hometown) != noisy_imu(2, hometown)
    assert noisy_imu(1, hometown) != noisy_imu(1, hometown, noise_seed="9")


def test_at_rest_the_imu_feels_gravity_alone(town: Any) -> None:
    sensor = spawn_with(town, "sensor.other.imu")
    for _ in range(50):
        town.step()
    force, turn, compass = read(town, sensor)
    assert force == pytest.approx([0.0, 0.0, 9.81], abs=0.02)
    assert turn == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)
    assert compass == pytest.approx((town.pose(sensor.parent).yaw_rad + pi / 2) % (2 * pi))


def test_speeding_up_is_felt_forwards_and_a_right_turn_to_the_right(town: Any) -> None:
    sensor = spawn_with(town, "sensor.other.imu")
    car = town.cars.row(sensor.parent)
    car["throttle"] = 0.6
    for _ in range(60):
        town.step()
    assert read(town, sensor)[0][0] > 1.0
    car["steering"] = 0.15
    for _ in range(20):
        town.step()
    force, turn, _ = read(town, sensor)
    speed = float(np.hypot(car["world_vx"], car["world_vy"]))
    assert turn[2] == pytest.approx(float(car["yaw_rate"]), abs=1e-6)
    assert turn[2] > 0.05, "clockwise is positive in CARLA's frame"
    assert force[1] == pytest.approx(speed * turn[2], rel=0.25)


def test_on_a_slope_gravity_has_a_part_along_the_car(town: Any) -> None:
    slope = next(pose for pose in town.spawn_points if pose.pitch_rad > 0.03)
    sensor = spawn_with(town, "sensor.other.imu", slope)
    town.cars.row(sensor.parent)["brake"] = 1.0
    for _ in range(60):
        town.step()
    pitch = town.pose(sensor.parent).pitch_rad
    assert pitch > 0.02
    assert read(town, sensor)[0][0] == pytest.approx(9.81 * np.sin(pitch), abs=0.02)
    assert atan(1.0) == pi / 4
