"""What the tests through the unmodified client share: an empty world, a car, a sensor that is listened to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

InClient = Callable[..., str]
STEP_S = 0.02


@contextmanager
def empty_world(client: Any) -> Iterator[Any]:
    """A fresh episode of the present map in synchronous mode."""
    world = client.reload_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    yield world
    settings.synchronous_mode = False
    world.apply_settings(settings)


def some_car(world: Any, name: str = "vehicle.tesla.model3", point: int = 0) -> Any:
    return world.spawn_actor(world.get_blueprint_library().find(name), world.get_map().get_spawn_points()[point])


def listen(world: Any, name: str, parent: Any, carla: Any, **attributes: Any) -> tuple[Any, list[Any]]:
    blueprint = world.get_blueprint_library().find(name)
    for key, value in attributes.items():
        blueprint.set_attribute(key, str(value))
    sensor = world.spawn_actor(blueprint, carla.Transform(carla.Location(x=0.5, z=1.8)), attach_to=parent)
    received: list[Any] = []
    sensor.listen(received.append)
    return sensor, received


def until(condition: Callable[[], bool], what: str, seconds: float = 5.0) -> None:
    """Wait for the client's own threads to hand over what has been sent."""
    import time

    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.005)
