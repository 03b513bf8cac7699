"""The client that `sim` measures with, in a process of its own: it must be pinned before it makes a `carla.Client`."""

from __future__ import annotations

import argparse
import json
import os
import queue
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from homeward_carla_bridge.traffic import Traffic, pin_to_one_core, spawn_traffic
from homeward_carla_bridge.traffic_watch import TrafficWatch

STEP_S, SEED, SETTLING_TICKS = 0.02, 1, 100
SENSOR_TIMEOUT_S = 20.0
LIDAR = {
    "channels": "32",
    "points_per_second": "320000",
    "rotation_frequency": "10",
    "range": "100",
    "dropoff_general_rate": "0.0",
    "dropoff_zero_intensity": "0.0",
}


def main() -> None:
    """Measure one case and print `{"rates": [...], "pokes": n}`."""
    options = _options()
    pin_to_one_core()
    import carla

    client = carla.Client("127.0.0.1", options.port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    traffic = spawn_traffic(client, world, options.cars, SEED)
    with TrafficWatch(traffic.port) as watch:
        consume = _prepare(carla, world, traffic, options)
        rates = [_rate(world, watch, consume, ticks) for ticks in (SETTLING_TICKS, *[options.ticks] * options.windows)][
            1:
        ]
        outcome: dict[str, Any] = {"rates": rates, "pokes": watch.pokes}
    if options.case == "lidar":
        outcome["points_per_tick"] = SEEN[-1]
    print(json.dumps(outcome), flush=True)
    os._exit(0)  # TrafficManager's threads can't be joined: an orderly exit would end in std::terminate


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=("traffic", "lidar", "camera"))
    for name, default in (
        ("port", 2000),
        ("cars", 20),
        ("ticks", 1000),
        ("windows", 5),
        ("width", 320),
        ("height", 240),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


KEPT: list[Any] = []
"""Sensors: the client stops listening where nobody holds one."""
SEEN: list[int] = []
"""How many points each LiDAR measurement had."""


def _prepare(carla: Any, world: Any, traffic: Traffic, options: argparse.Namespace) -> Callable[[int], None]:
    """What is done after each tick with the frame's number: nothing, or fetching the sensor's data of that very
    frame.
    """
    if options.case == "traffic":
        return lambda frame: None
    library = world.get_blueprint_library()
    blueprint = library.find("sensor.lidar.ray_cast" if options.case == "lidar" else "sensor.camera.rgb")
    wanted = LIDAR if options.case == "lidar" else {"image_size_x": options.width, "image_size_y": options.height}
    for name, value in wanted.items():
        blueprint.set_attribute(name, str(value))
    sensor = world.spawn_actor(blueprint, carla.Transform(carla.Location(x=0.5, z=1.9)), attach_to=traffic.cars[0])
    waiting: queue.Queue[Any] = queue.Queue()
    sensor.listen(waiting.put)
    KEPT.append(sensor)
    return lambda frame: _fetch(waiting, frame)


def _fetch(waiting: queue.Queue[Any], frame: int) -> None:
    """Take the measurement of this frame and look at every number of it."""
    data = waiting.get(timeout=SENSOR_TIMEOUT_S)
    while data.frame < frame:
        data = waiting.get(timeout=SENSOR_TIMEOUT_S)
    if data.frame != frame:
        raise RuntimeError(f"the sensor skipped frame {frame}: it is at {data.frame}")
    numbers = np.frombuffer(data.raw_data, np.uint8)
    if not numbers.any():
        raise RuntimeError("the sensor sent nothing but zeros")
    SEEN.append(len(numbers) // 16)


def _rate(world: Any, watch: TrafficWatch, consume: Callable[[int], None], ticks: int) -> float:
    start_s = time.perf_counter()
    for _ in range(ticks):
        consume(watch.tick(world))
    return ticks / (time.perf_counter() - start_s)


if __name__ == "__main__":
    main()
