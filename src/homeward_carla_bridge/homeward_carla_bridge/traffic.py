"""Traffic by the client's own TrafficManager, the same for the same seed, in synchronous mode.

Whoever ticks the world hosts the traffic: TrafficManager computes in `world.tick()`. Two things are to be known
(and cost others hours): on two cores its threads lose a wake-up about once in some thousand ticks and then wait
for ever, hence `pin_to_one_core` before the client is made and a `TrafficWatch` beside it; and hybrid physics
teleports cars, so it stays off.
"""

import os
import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot
from typing import Any

import carla

CLEAR_OF_EGO_M = 12.0
HEADWAY_M = 2.5
AUTOPILOT_ROLE = "autopilot"
CAR_TYPES = ("car", "van")


class NoRoom(Exception):
    """The map has too few free spawn points for the traffic asked for."""


@dataclass(frozen=True)
class Traffic:
    """The cars that drive, in the order in which they were spawned, and the port of the manager that drives them."""

    cars: tuple[Any, ...]
    manager: Any
    port: int

    def destroy(self, client: Any) -> None:
        """Take the cars out of the world."""
        _destroy(client, self.cars)


def pin_to_one_core(core: int | None = None) -> int:
    """Keep this process, and every thread it will start, on one core; the last of those allowed unless one is given.

    Call it before `carla.Client` is made: its threads keep the cores that were allowed when they began.
    """
    allowed = sorted(os.sched_getaffinity(0))
    chosen = allowed[-1] if core is None else core
    os.sched_setaffinity(0, {chosen})
    return chosen


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def spawn_traffic(
    client: Any, world: Any, count: int, seed: int, keep_clear: Iterable[Any] = (), port: int = 0
) -> Traffic:
    """Spawn `count` cars under TrafficManager. The world must be in synchronous mode already.

    `keep_clear` are transforms (of the ego) that no car may start within CLEAR_OF_EGO_M of. `port` 0 finds a free
    one. The same world, seed and arguments give the same cars at the same places in the same order. Raises NoRoom.
    """
    manager_port = port or free_port()
    manager = client.get_trafficmanager(manager_port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(seed)
    manager.set_hybrid_physics_mode(False)
    manager.set_global_distance_to_leading_vehicle(HEADWAY_M)
    chance = random.Random(seed)
    cars = _spawn_cars(client, world, count, chance, list(keep_clear))
    for car in cars:
        car.set_autopilot(True, manager_port)
    return Traffic(tuple(cars), manager, manager_port)


def _spawn_cars(client: Any, world: Any, count: int, chance: random.Random, keep_clear: list[Any]) -> list[Any]:
    points = [point for point in world.get_map().get_spawn_points() if _is_clear(point, keep_clear)]
    chance.shuffle(points)
    blueprints = car_blueprints(world)
    cars: list[Any] = []
    for point in points:
        if len(cars) == count:
            break
        car = world.try_spawn_actor(_painted(chance.choice(blueprints), chance), point)
        if car is not None:
            cars.append(car)
    if len(cars) < count:
        _destroy(client, cars)
        raise NoRoom(f"The map has room for {len(cars)} traffic cars, not for {count}. Ask for fewer.")
    return cars


def _destroy(client: Any, cars: Iterable[Any]) -> None:
    """By command: the client's own `destroy()` does nothing for an actor that no frame has shown yet."""
    client.apply_batch_sync([carla.command.DestroyActor(car.id) for car in cars], False)


def car_blueprints(world: Any) -> list[Any]:
    """Blueprints of cars and vans, in the order of their names."""
    library = world.get_blueprint_library().filter("vehicle.*")
    ordered = sorted(library, key=lambda blueprint: blueprint.id)
    return [blueprint for blueprint in ordered if _is_car(blueprint)]


def _is_car(blueprint: Any) -> bool:
    if int(blueprint.get_attribute("number_of_wheels")) != 4:
        return False
    return not blueprint.has_attribute("base_type") or str(blueprint.get_attribute("base_type").as_str()) in CAR_TYPES


def _painted(blueprint: Any, chance: random.Random) -> Any:
    blueprint.set_attribute("role_name", AUTOPILOT_ROLE)
    if blueprint.has_attribute("color"):
        blueprint.set_attribute("color", chance.choice(blueprint.get_attribute("color").recommended_values))
    return blueprint


def _is_clear(point: Any, keep_clear: list[Any]) -> bool:
    here = point.location
    return all(hypot(here.x - other.location.x, here.y - other.location.y) >= CLEAR_OF_EGO_M for other in keep_clear)
