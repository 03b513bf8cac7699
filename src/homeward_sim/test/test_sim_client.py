"""The PythonAPI pattern through the unmodified client: spawn, tick, sensors, control, destroy; maps; several clients.

With CARLA_HOST set, the same tests run against that server (the report's header says which). Each test is a client in a
process of its own, which finds an empty synchronous world and leaves it so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from client_cases import STEP_S, InClient, empty_world, some_car, until

HOMETOWN = Path(__file__).resolve().parents[3] / "maps" / "hometown" / "hometown.xodr"


def test_spawn_drive_stop_destroy(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            car = some_car(world)
            frame = world.tick()
            assert world.tick() == frame + 1
            for _ in range(20):
                world.tick()
            start = car.get_location()
            car.apply_control(carla.VehicleControl(throttle=0.6))
            for _ in range(150):
                world.tick()
            assert car.get_velocity().length() > 3.0
            assert car.get_location().distance(start) > 5.0
            assert car.get_control().throttle == pytest.approx(0.6)
            car.apply_control(carla.VehicleControl(brake=1.0))
            for _ in range(250):
                world.tick()
            assert car.get_velocity().length() < 0.05
            assert car.destroy()
            world.tick()
            assert car.id not in [actor.id for actor in world.get_actors()]

    in_client(body)


def test_time_and_frames_of_snapshots_are_contiguous(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            first = world.get_snapshot().timestamp
            for number in range(1, 50):
                world.tick()
                now = world.get_snapshot().timestamp
                assert now.frame == first.frame + number
                assert now.elapsed_seconds == pytest.approx(first.elapsed_seconds + number * STEP_S)
                assert now.delta_seconds == pytest.approx(STEP_S)

    in_client(body)


def test_a_place_that_is_taken_is_refused(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
            point = world.get_map().get_spawn_points()[0]
            assert world.try_spawn_actor(blueprint, point) is not None
            world.tick()
            assert world.try_spawn_actor(blueprint, point) is None
            with pytest.raises(RuntimeError, match="collision"):
                world.spawn_actor(blueprint, point)

    in_client(body)


def test_walkers_walk_where_their_control_says(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            point = world.get_map().get_spawn_points()[0]
            point.location.z += 1.0
            walker = world.spawn_actor(world.get_blueprint_library().filter("walker.pedestrian.*")[0], point)
            for _ in range(50):
                world.tick()
            start = walker.get_location()
            walker.apply_control(carla.WalkerControl(carla.Vector3D(0.0, 1.0, 0.0), 1.5, False))
            for _ in range(101):
                world.tick()
            moved = walker.get_location() - start
            assert moved.y == pytest.approx(3.0, abs=0.1)
            assert abs(moved.x) < 0.05
            assert walker.get_velocity().y == pytest.approx(1.5, abs=0.05)

    in_client(body)


def test_traffic_lights_can_be_read_set_frozen_and_timed(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            world.tick()
            lights = world.get_actors().filter("traffic.traffic_light*")
            assert len(lights) >= 3
            light = lights[0]
            group = light.get_group_traffic_lights()
            assert light.id in [one.id for one in group] and len(group) >= 2
            assert len(light.get_stop_waypoints()) >= 1
            light.set_state(carla.TrafficLightState.Yellow)
            light.freeze(True)
            light.set_green_time(7.0)
            for _ in range(200):
                world.tick()
            assert light.state == carla.TrafficLightState.Yellow
            assert light.is_frozen()
            assert light.get_green_time() == pytest.approx(7.0)
            world.reset_all_traffic_lights()
            world.tick()
            light.freeze(False)
            seen = set()
            for _ in range(4000):
                world.tick()
                seen.add(light.state)
            assert seen == {carla.TrafficLightState.Red, carla.TrafficLightState.Yellow, carla.TrafficLightState.Green}

    in_client(body)


def test_a_car_before_a_red_light_knows_which(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            world.tick()
            light = world.get_actors().filter("traffic.traffic_light*")[0]
            line = light.get_stop_waypoints()[0]
            place = line.transform
            back = place.get_forward_vector()
            place.location += carla.Location(*[-6.0 * getattr(back, axis) for axis in "xyz"])
            place.location.z += 0.3
            car = world.spawn_actor(world.get_blueprint_library().find("vehicle.tesla.model3"), place)
            light.set_state(carla.TrafficLightState.Red)
            light.freeze(True)
            car.apply_control(carla.VehicleControl(brake=1.0))
            for _ in range(10):
                world.tick()
            assert car.is_at_traffic_light()
            assert car.get_traffic_light().id == light.id
            assert car.get_traffic_light_state() == carla.TrafficLightState.Red
            world.reset_all_traffic_lights()

    in_client(body)


def test_batches_spawn_command_and_destroy(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            blueprint = world.get_blueprint_library().find("vehicle.audi.tt")
            points = world.get_map().get_spawn_points()
            command = carla.command
            wanted = [
                command.SpawnActor(blueprint, point).then(command.SetSimulatePhysics(command.FutureActor, False))
                for point in points[:5]
            ]
            answers = client.apply_batch_sync([*wanted, wanted[0]], True)
            assert [bool(answer.error) for answer in answers] == [False] * 5 + [True]
            ids = [answer.actor_id for answer in answers[:5]]
            world.tick()
            assert len(world.get_actors(ids)) == 5
            answers = client.apply_batch_sync([command.DestroyActor(one) for one in [*ids, 987654]], True)
            assert [bool(answer.error) for answer in answers] == [False] * 5 + [True]
            world.tick()
            assert not world.get_actors().filter("vehicle.*")

    in_client(body)


def test_each_command_of_a_batch_does_what_it_is_called(in_client: InClient) -> None:
    """The commands' numbers on the wire are those of the wheel: an effect of each is looked at."""

    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            car, command = some_car(world), carla.command
            for _ in range(30):
                world.tick()

            def applied(*commands: Any) -> None:
                answers = client.apply_batch_sync(list(commands), True)
                assert not [answer.error for answer in answers if answer.error]

            here = car.get_transform()
            there = world.get_map().get_spawn_points()[9]
            applied(command.ApplyTransform(car, there))
            assert car.get_location().distance(there.location) < 1.0
            applied(command.ApplyTransform(car, here), command.ApplyTargetVelocity(car, carla.Vector3D(4, 0, 0)))
            assert car.get_velocity().x == pytest.approx(4.0, abs=0.5)
            applied(
                command.ApplyTargetVelocity(car, carla.Vector3D(0, 0, 0)),
                command.ApplyImpulse(car, carla.Vector3D(5000, 0, 0)),
            )
            assert car.get_velocity().x > 1.0
            applied(
                command.ApplyTargetVelocity(car, carla.Vector3D(0, 0, 0)),
                command.ApplyForce(car, carla.Vector3D(500_000, 0, 0)),
            )
            assert car.get_velocity().x > 2.0
            applied(command.SetVehicleLightState(car, carla.VehicleLightState.Brake))
            assert car.get_light_state() != carla.VehicleLightState.NONE  # the wheel sends 1 for any flag
            applied(command.SetSimulatePhysics(car, False))
            place = car.get_location()
            applied(command.ApplyVehicleControl(car, carla.VehicleControl(throttle=1.0)))
            assert car.get_location().distance(place) < 1e-3
            applied(command.SetAutopilot(car, False), command.SetEnableGravity(car, True))
            place.z += 1.0
            walker = world.spawn_actor(
                world.get_blueprint_library().filter("walker.*")[0], world.get_map().get_spawn_points()[20]
            )
            world.tick()
            applied(
                command.ApplyWalkerState(walker, there, 1.0), command.ApplyWalkerControl(walker, carla.WalkerControl())
            )
            assert walker.get_location().distance(there.location) < 2.0

    in_client(body)


def test_an_actor_that_was_destroyed_does_not_take_the_client_down(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            car = some_car(world)
            same = world.get_actor(car.id) or car
            world.tick()
            assert client.apply_batch_sync([carla.command.DestroyActor(car.id)], True)[0].error == ""
            same.apply_control(carla.VehicleControl(throttle=1.0))
            same.set_target_velocity(carla.Vector3D(1, 0, 0))
            assert same.bounding_box.extent.x > 0
            for _ in range(5):
                world.tick()

    in_client(body)


def test_what_is_not_there_is_a_clear_error(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            with pytest.raises(RuntimeError, match="not part of this world"):
                client.start_recorder("never.log")
            with pytest.raises(RuntimeError, match="no map named"):
                client.load_world("NoSuchTown")
            with pytest.raises(RuntimeError, match="OpenDRIVE"):
                client.generate_opendrive_world("<osm/>")
            assert world.tick() > 0

    import os

    if os.environ.get("CARLA_HOST"):
        pytest.skip("what this world lacks, CARLA has")
    in_client(body)


def test_maps_can_be_loaded_generated_and_reloaded(in_client: InClient) -> None:
    text = HOMETOWN.read_text(encoding="utf-8")

    def body(carla: Any, client: Any) -> None:
        generated = client.generate_opendrive_world(text)
        assert generated.get_map().name.endswith("OpenDriveMap")
        assert generated.get_map().to_opendrive() == text
        with empty_world(client) as world:
            some_car(world, point=3)
            world.tick()
        assert not client.reload_world().get_actors().filter("vehicle.*")
        home = next((name for name in client.get_available_maps() if name.endswith("hometown")), None)
        if home:
            world = client.load_world("hometown")
            assert world.get_map().name.endswith("hometown")
            assert len(world.get_map().get_spawn_points()) > 50

    in_client(body)


def test_a_second_client_sees_every_frame(shared_world: Any, in_client: InClient) -> None:
    """`on_tick` into a list, contiguous frames, while the first client ticks flat out."""
    host, port = shared_world.host, shared_world.port

    def body(carla: Any, client: Any) -> None:
        with empty_world(client) as world:
            watcher = carla.Client(host, port, worker_threads=1)
            watcher.set_timeout(20.0)
            frames: list[int] = []
            watched = watcher.get_world()
            watched.on_tick(lambda snapshot: frames.append(snapshot.frame))
            car = some_car(world)
            world.tick()
            until(lambda: bool(frames), "the watcher sees nothing")
            start = frames[-1]
            last = [world.tick() for _ in range(500)][-1]
            until(lambda: frames[-1] == last, "the watcher is behind")
            assert [frame for frame in frames if frame >= start] == list(range(start, last + 1))
            assert watched.get_snapshot().find(car.id) is not None

    in_client(body)


def test_an_asynchronous_world_keeps_the_time_of_the_clock(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        import time

        world = client.reload_world()
        world.wait_for_tick(10.0)
        car = some_car(world)
        start, began = world.wait_for_tick(10.0).timestamp.elapsed_seconds, time.monotonic()
        while time.monotonic() - began < 1.5:
            world.wait_for_tick(10.0)
        passed = world.get_snapshot().timestamp.elapsed_seconds - start
        assert passed == pytest.approx(time.monotonic() - began, rel=0.2)
        assert car.is_alive
        car.destroy()

    in_client(body)


def test_the_blueprint_library_has_its_kinds(in_client: InClient) -> None:
    def body(carla: Any, client: Any) -> None:
        library = client.get_world().get_blueprint_library()
        cars = library.filter("vehicle.*")
        assert len([one for one in cars if int(one.get_attribute("number_of_wheels")) == 4]) >= 12
        assert len([one for one in cars if int(one.get_attribute("number_of_wheels")) == 2]) >= 3
        assert len(library.filter("walker.*")) >= 10
        assert library.find("sensor.camera.rgb").has_attribute("fov")

    in_client(body)
