"""The referee beside a real world: it sees every frame and judges drives that offend and such that don't."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homeward_cli.bench.sim import environment, fresh_world

SETUP = """
import os, sys
import carla
client = carla.Client("127.0.0.1", int(sys.argv[1]))
client.set_timeout(30.0)
world = client.get_world()
settings = world.get_settings()
settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.02
world.apply_settings(settings)
road_map, library = world.get_map(), world.get_blueprint_library()
blueprint = library.find("vehicle.lincoln.mkz_2020")
blueprint.set_attribute("role_name", "ego")
def straight(length, beyond=0.0):
    for waypoint in road_map.generate_waypoints(5.0):
        ahead = [w for d in range(2, int(length) + 2, 2) for w in waypoint.next(float(d))]
        if waypoint.is_junction or len(ahead) < length // 2 or any(w.is_junction for w in ahead):
            continue
        if all(abs(w.transform.rotation.yaw - waypoint.transform.rotation.yaw) % 360 < 0.5 for w in ahead):
            return waypoint
def place(waypoint, lift=0.3):
    transform = waypoint.transform
    transform.location.z += lift
    return transform
def tick(count):
    for _ in range(count):
        world.tick()
"""
STRAIGHT = """
start = straight(80.0)
ego = world.spawn_actor(blueprint, place(start))
tick(50)
ego.apply_control(carla.VehicleControl(throttle=0.35))
tick(200)
ego.apply_control(carla.VehicleControl(brake=0.6))
tick(250)
"""
CRASH = """
start = straight(80.0)
world.spawn_actor(library.find("vehicle.audi.tt"), place(start.next(25.0)[0]))
ego = world.spawn_actor(blueprint, place(start))
tick(50)
ego.apply_control(carla.VehicleControl(throttle=0.6))
tick(250)
"""
WRONG_WAY = """
start = straight(80.0)
transform = place(start)
transform.rotation.yaw += 180.0
ego = world.spawn_actor(blueprint, transform)
tick(50)
ego.apply_control(carla.VehicleControl(throttle=0.3))
tick(150)
"""
OFF_ROAD = """
start = straight(80.0)
ego = world.spawn_actor(blueprint, place(start))
tick(50)
ego.apply_control(carla.VehicleControl(throttle=0.35, steer=0.08))
tick(250)
"""
RED = """
light = world.get_actors().filter("traffic.traffic_light*")[0]
light.set_state(carla.TrafficLightState.Red)
light.freeze(True)
line = light.get_stop_waypoints()[0]
ego = world.spawn_actor(blueprint, place(line.previous(12.0)[0]))
tick(50)
light.set_state(carla.TrafficLightState.Red)
ego.apply_control(carla.VehicleControl(throttle=0.5))
tick(250)
"""


class Judged:
    """Runs a drive under a referee and gives its verdict."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder

    def empty(self) -> None:
        """A fresh episode, before the referee looks."""
        self._client("client.reload_world()\nos._exit(0)\n")

    def _client(self, script: str) -> str:
        command = [sys.executable, "-c", SETUP + script, str(self.port)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def drive(self, script: str, *options: str) -> dict[str, Any]:
        """The verdict on a drive."""
        out = self.folder / "verdict.json"
        command = [
            sys.executable,
            "-m",
            "homeward_cli.bench.referee",
            "--port",
            str(self.port),
            "--out",
            str(out),
            *options,
        ]
        referee = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
        assert referee.stdout is not None
        assert "watching" in referee.stdout.readline()
        ending = "\nprint(ego.get_location().x, -ego.get_location().y, flush=True)\nos._exit(0)\n"
        self.last_place = [float(number) for number in self._client(script + ending).split()[-2:]]
        referee.send_signal(signal.SIGTERM)
        assert referee.wait(timeout=30) == 0
        verdict: dict[str, Any] = json.loads(out.read_text())
        assert verdict["ego_seen"]
        assert verdict["frames_missing"] == 0
        assert verdict["frames"] > 40
        return verdict


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    if os.environ.get("CARLA_HOST"):
        pytest.skip("the referee's drives are made for a world of their own")
    with fresh_world("hometown") as port:
        yield port


@pytest.fixture
def judged(port: int, tmp_path: Path) -> Judged:
    judged = Judged(port, tmp_path)
    judged.empty()
    return judged


def offences(verdict: dict[str, Any]) -> tuple[int, int, int]:
    return verdict["collisions"], verdict["red_lights_run"], verdict["lane_departures"]


def test_a_straight_drive_is_blameless(judged: Judged) -> None:
    verdict = judged.drive(STRAIGHT)
    assert offences(verdict) == (0, 0, 0)
    assert 10.0 < verdict["distance_m"] < 80.0
    assert not verdict["arrived"]


def test_standing_at_the_goal_is_arriving(judged: Judged) -> None:
    judged.drive(STRAIGHT)
    x, y = judged.last_place
    hashes = judged.folder / "hashes"
    stay = "ego = world.get_actors().filter('vehicle.lincoln*')[0]\ntick(120)"
    verdict = judged.drive(stay, "--goal", str(x), str(y), "--hashes", str(hashes))
    assert verdict["arrived"]
    assert verdict["duration_s"] < 1.5
    assert len(hashes.read_text().split()) > 40


@pytest.mark.parametrize(
    ("script", "which", "kind"),
    [(CRASH, 0, "collisions"), (RED, 1, "red_lights_run"), (WRONG_WAY, 2, "wrong_way"), (OFF_ROAD, 2, "off_road")],
)
def test_offences_are_seen(judged: Judged, script: str, which: int, kind: str) -> None:
    verdict = judged.drive(script)
    assert offences(verdict)[which] >= 1, verdict
    if which < 2:
        assert offences(verdict)[which] == 1
        assert verdict[kind] == 1
    else:
        assert kind in [name for _, name in verdict["events"]["lane_departures"]]
