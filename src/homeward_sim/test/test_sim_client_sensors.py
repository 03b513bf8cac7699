"""Sensors through the unmodified client: each delivers at its tick, and feels what happens to its car."""

from __future__ import annotations

from typing import Any

import pytest
from client_cases import InClient, empty_world, listen, some_car, until


def test_every_sensor_delivers_for_every_tick(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            car = some_car(world)
            world.tick()
            kinds = {"sensor.other.gnss": {}, "sensor.other.imu": {}, "sensor.lidar.ray_cast": {"range": 50}}
            kinds |= {"sensor.lidar.ray_cast_semantic": {"range": 50}}
            sensors = {name: listen(world, name, car, carla, **attributes) for name, attributes in kinds.items()}
            frames = [world.tick() for _ in range(20)]
            for name, (_, received) in sensors.items():
                until(lambda got=received: bool(got) and got[-1].frame == frames[-1], f"{name} is behind")
                assert [data.frame for data in received] == frames, name
            imu = sensors["sensor.other.imu"][1][-1]
            assert imu.accelerometer.z == pytest.approx(9.81, abs=0.5)
            gnss = sensors["sensor.other.gnss"][1][-1]
            place = world.get_map().transform_to_geolocation(sensors["sensor.other.gnss"][0].get_location())
            assert (gnss.latitude, gnss.longitude) == pytest.approx((place.latitude, place.longitude), abs=1e-7)
            tags = {detection.object_tag for detection in sensors["sensor.lidar.ray_cast_semantic"][1][-1]}
            assert tags
            for sensor, _ in sensors.values():
                sensor.stop()
                assert sensor.destroy()

    in_client(body)


def test_cameras_deliver_pictures_of_their_size(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> str:
        with empty_world(client) as world:
            car = some_car(world)
            world.tick()
            size = {"image_size_x": 64, "image_size_y": 48}
            try:
                names = ("sensor.camera.rgb", "sensor.camera.depth", "sensor.camera.semantic_segmentation")
                cameras = [listen(world, name, car, carla, **size) for name in names]
            except RuntimeError as error:
                assert "libegl1" in str(error)
                return "skip"
            frame = world.tick()
            for camera, received in cameras:
                until(lambda got=received: bool(got), camera.type_id)
                assert (received[0].frame, received[0].width, received[0].height) == (frame, 64, 48)
                assert len(received[0].raw_data) == 64 * 48 * 4
                assert len(set(bytes(received[0].raw_data)[2::4])) > 1, "not all of one colour"
            return ""

    if in_client(body) == "skip":
        pytest.skip("no OpenGL through EGL on this machine")


def test_sensor_tick_spaces_measurements(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            car = some_car(world)
            world.tick()
            _keep, received = listen(world, "sensor.other.imu", car, carla, sensor_tick=0.1)
            for _ in range(51):
                world.tick()
            until(lambda: len(received) >= 10, f"{len(received)} of 10 measurements")
            gaps = {b.frame - a.frame for a, b in zip(received, received[1:], strict=False)}
            assert gaps == {5}

    in_client(body)


def test_a_crash_is_felt_by_both_and_told_to_the_sensor(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            car = some_car(world)
            world.tick()
            place = car.get_transform()
            place.location += carla.Location(*[12 * getattr(place.get_forward_vector(), axis) for axis in "xyz"])
            place.location.z += 0.3
            other = world.spawn_actor(world.get_blueprint_library().find("vehicle.audi.tt"), place)
            for _ in range(20):
                world.tick()
            _keep, received = listen(world, "sensor.other.collision", car, carla)
            forward = car.get_transform().get_forward_vector()
            car.set_target_velocity(carla.Vector3D(*[12 * getattr(forward, axis) for axis in "xyz"]))
            for _ in range(60):
                world.tick()
            until(lambda: bool(received), "no collision was told")
            event = received[0]
            assert (event.actor.id, event.other_actor.id) == (car.id, other.id)
            assert event.normal_impulse.length() > 1000.0
            assert other.get_location().distance(place.location) > 0.5, "the other was pushed"

    in_client(body)


def test_crossing_a_line_is_noticed(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            road_map = world.get_map()
            start = next(
                w for w in road_map.generate_waypoints(8.0)
                if not w.is_junction and w.left_lane_marking.type != carla.LaneMarkingType.NONE
                and all(not a.is_junction for d in (10.0, 20.0, 30.0) for a in w.next(d))
            )  # fmt: skip
            place = start.transform
            place.location.z += 0.3
            car = world.spawn_actor(world.get_blueprint_library().find("vehicle.audi.a2"), place)
            world.tick()
            _keep, received = listen(world, "sensor.other.lane_invasion", car, carla)
            car.apply_control(carla.VehicleControl(throttle=0.5, steer=-0.15))
            for _ in range(200):
                world.tick()
            until(lambda: bool(received), "no line was crossed")

    in_client(body)
