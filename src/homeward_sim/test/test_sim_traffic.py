"""The client's own TrafficManager drives twenty cars through Hometown: they go, stop at red, and don't hit one
another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SECONDS, CARS = 60, 20

DRIVE = """
import json, os, sys
import numpy as np
from homeward_carla_bridge.traffic import pin_to_one_core, spawn_traffic
from homeward_carla_bridge.traffic_watch import TrafficWatch
pin_to_one_core()
import carla
host, port, ticks, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
client = carla.Client(host, port)
client.set_timeout(60.0)
world = client.reload_world()
settings = world.get_settings()
settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.02
world.apply_settings(settings)
traffic = spawn_traffic(client, world, count, seed=3)
crashes, sensors = [], []
blueprint = world.get_blueprint_library().find("sensor.other.collision")
for car in traffic.cars:
    sensor = world.spawn_actor(blueprint, carla.Transform(), attach_to=car)
    sensor.listen(lambda event: crashes.append((event.frame, event.actor.id, event.other_actor.id)))
    sensors.append(sensor)
lights = list(world.get_actors().filter("traffic.traffic_light*"))
lines = [(n, w.transform.location, w.transform.get_forward_vector(), w.lane_width / 2)
         for n, light in enumerate(lights) for w in light.get_stop_waypoints()]
of_light = np.array([n for n, _, _, _ in lines])
middle = np.array([(place.x, place.y) for _, place, _, _ in lines])
ahead = np.array([(forward.x, forward.y) for _, _, forward, _ in lines])
half = np.array([width for _, _, _, width in lines])
reach = np.array([car.bounding_box.extent.x for car in traffic.cars])
red_runs, passed, travelled, before = [], 0, 0.0, None
with TrafficWatch(traffic.port) as watch:
    for tick in range(ticks):
        watch.tick(world)
        poses = [car.get_transform() for car in traffic.cars]
        forward = np.array([(f.x, f.y) for f in (pose.get_forward_vector() for pose in poses)])
        nose = np.array([(pose.location.x, pose.location.y) for pose in poses]) + reach[:, None] * forward
        travelled += sum(car.get_velocity().length() for car in traffic.cars) * 0.02
        is_red = np.array([light.state == carla.TrafficLightState.Red for light in lights])[of_light]
        away = nose[:, None, :] - middle[None]
        along = (away * ahead).sum(axis=2)
        aside = np.abs(away[..., 1] * ahead[:, 0] - away[..., 0] * ahead[:, 1])
        on_lane = (aside < half) & (forward @ ahead.T > 0.5)
        if before is not None:
            crossed = on_lane & (before[0] < 0.0) & (along >= 0.0) & (along < 5.0)
            passed += int(crossed.sum())
            for car, line in np.argwhere(crossed & before[1] & is_red):
                red_runs.append((tick, traffic.cars[car].id, lights[of_light[line]].id))
        before = (along, is_red)
    pokes = watch.pokes
print(json.dumps(dict(crashes=crashes, red_runs=red_runs, passed=passed, travelled=travelled, pokes=pokes)), flush=True)
settings.synchronous_mode = False
world.apply_settings(settings)
os._exit(0)
"""


def test_twenty_cars_drive_without_crashes_or_red_lights(shared_world: Any) -> None:
    sources = [str(ROOT / "src" / name) for name in ("homeward_sim", "homeward_carla_bridge")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sources, os.environ.get("PYTHONPATH", "")])}
    arguments = [shared_world.host, str(shared_world.port), str(SECONDS * 50), str(CARS)]
    done = subprocess.run(
        [sys.executable, "-c", DRIVE, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(done.stderr[-3000:], pytrace=False)
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    assert seen["crashes"] == []
    assert seen["red_runs"] == []
    assert seen["travelled"] > CARS * SECONDS * 1.0, "on average they go faster than one metre a second"
    assert seen["passed"] > 5, "some came by a light"
