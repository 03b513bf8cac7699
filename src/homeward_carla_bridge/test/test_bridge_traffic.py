"""Traffic is the same for the same seed, keeps clear of the ego, and its watch wakes a manager that hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SETUP = """
import json, os, sys, time
from homeward_carla_bridge.traffic import CLEAR_OF_EGO_M, NoRoom, pin_to_one_core, spawn_traffic
from homeward_carla_bridge.traffic_watch import TrafficWatch
core = pin_to_one_core()
import carla
client = carla.Client("127.0.0.1", int(sys.argv[1]))
client.set_timeout(30.0)
world = client.reload_world()
settings = world.get_settings()
settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.02
world.apply_settings(settings)
ego = world.get_map().get_spawn_points()[0]
def say(**what):
    print(json.dumps(what), flush=True)
    os._exit(0)
"""
DRIVE = """
traffic = spawn_traffic(client, world, 12, seed=int(sys.argv[2]), keep_clear=[ego])
first = [(car.type_id, round(car.get_location().x, 3), round(car.get_location().y, 3)) for car in traffic.cars]
near = min(car.get_location().distance(ego.location) for car in traffic.cars)
with TrafficWatch(traffic.port) as watch:
    for _ in range(150):
        watch.tick(world)
places = [(car.get_location().x, car.get_location().y, car.get_transform().rotation.yaw) for car in traffic.cars]
say(first=first, places=places, near=near, pokes=watch.pokes, cores=len(os.sched_getaffinity(0)))
"""
STUCK = """
class Stuck:
    '''A world whose first tick hangs until somebody has poked the manager.'''
    def __init__(self):
        self.hung = False
    def tick(self, timeout_s):
        while not self.hung and watch.pokes == 0:
            time.sleep(0.05)
        self.hung = True
        return world.tick(timeout_s)
traffic = spawn_traffic(client, world, 3, seed=1)
stuck = Stuck()
with TrafficWatch(traffic.port, quiet_s=0.5) as watch:
    frames = [watch.tick(stuck) for _ in range(150)]
    pokes = watch.pokes
say(pokes=pokes, frames=frames, moved=max(car.get_velocity().length() for car in traffic.cars))
"""
TOO_MANY = """
try:
    spawn_traffic(client, world, 5000, seed=1)
except NoRoom as error:
    world.tick()
    say(error=str(error), left=len(world.get_actors().filter("vehicle.*")))
"""
IDLE = """
with TrafficWatch(1, quiet_s=0.3) as watch:
    time.sleep(1.5)
    say(pokes=watch.pokes)
"""


def environment() -> dict[str, str]:
    sources = [str(ROOT / "src" / name) for name in ("homeward_sim", "homeward_carla_bridge")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*sources, os.environ.get("PYTHONPATH", "")])}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A world of this repository, or the server that CARLA_HOST names where that is this machine."""
    command = [sys.executable, "-m", "homeward_sim", "--map", str(ROOT / "maps/hometown/hometown.xodr"), "--port", "0"]
    world = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    assert world.stdout is not None
    line = world.stdout.readline()
    assert "World ready" in line
    yield int(line.split(" port ")[1].split()[0])
    world.terminate()
    assert world.wait(timeout=20) == 0


def client(script: str, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-c", SETUP + script, *map(str, arguments)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=180, check=False)
    if done.returncode != 0:
        pytest.fail(done.stderr[-3000:], pytrace=False)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def test_the_same_seed_gives_the_same_traffic_and_another_seed_another(port: int) -> None:
    one, same, other = client(DRIVE, port, 5), client(DRIVE, port, 5), client(DRIVE, port, 6)
    assert one["first"] == same["first"]
    assert one["first"] != other["first"]
    assert len(one["first"]) == 12
    assert one["near"] >= 12.0
    assert one["cores"] == 1
    assert one["places"] == same["places"], "three seconds on, bit for bit"


def test_a_hanging_tick_is_poked_and_traffic_goes_on(port: int) -> None:
    seen = client(STUCK, port)
    assert seen["pokes"] == 1
    assert seen["frames"] == list(range(seen["frames"][0], seen["frames"][0] + 150))
    assert seen["moved"] > 0.5


def test_an_owner_that_does_not_tick_is_left_alone(port: int) -> None:
    assert client(IDLE, port)["pokes"] == 0


def test_more_cars_than_there_is_room_for_is_a_sentence_and_leaves_none(port: int) -> None:
    seen = client(TOO_MANY, port)
    assert "not for 5000" in seen["error"]
    assert seen["left"] == 0
