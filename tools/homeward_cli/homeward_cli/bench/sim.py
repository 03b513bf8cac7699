"""How fast the world is, through the unmodified client: ticks with traffic, with a LiDAR, and pictures of a camera."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from homeward_cli.environment import ROOT

DESCRIPTION = (
    "The world through the carla client: ticks a second with 20 TrafficManager cars, with a LiDAR, camera frames."
)
TOWN, FALLBACK = "Town01", "hometown"
CARS = 20
CASES: dict[str, list[str]] = {
    "ticks_per_s": ["traffic", "--windows", "5", "--ticks", "1500"],
    "ticks_per_s_lidar": ["lidar", "--windows", "5", "--ticks", "600"],
    "camera_fps_320": ["camera", "--windows", "5", "--ticks", "200", "--width", "320", "--height", "240"],
    "camera_fps_800": ["camera", "--windows", "5", "--ticks", "60", "--width", "800", "--height", "600"],
}
CASE_TIMEOUT_S = 300.0
SOURCES = ("src/homeward_sim", "src/homeward_carla_bridge", "tools/homeward_cli")


def run(say: Callable[[str], None]) -> dict[str, object]:
    """Medians of five windows each; the client process is pinned to one core, the world takes what is left."""
    town = TOWN if _has(TOWN) else FALLBACK
    figures: dict[str, object] = {"map": town, "cars": CARS, "cores": len(os.sched_getaffinity(0)), "pokes": 0}
    for name, arguments in CASES.items():
        say(f"{name}: {' '.join(arguments)} on {town}")
        outcome = measure(town, arguments)
        rates = [float(rate) for rate in outcome["rates"]]
        figures[name] = round(median(rates), 1)
        figures[f"{name}_windows"] = [round(rate, 1) for rate in rates]
        figures["pokes"] = int(str(figures["pokes"])) + int(outcome["pokes"])
        if "points_per_tick" in outcome:
            figures["lidar_points_per_tick"] = outcome["points_per_tick"]
        say(f"{name}: {figures[name]}")
    return figures


def measure(town: str, arguments: list[str]) -> dict[str, list[float]]:
    """One case in a fresh world with a fresh client process. Raises RuntimeError where either fails."""
    with fresh_world(town) as port:
        client = [
            sys.executable,
            "-m",
            "homeward_cli.bench.sim_client",
            "--port",
            str(port),
            "--cars",
            str(CARS),
            *arguments,
        ]
        done = subprocess.run(
            client, env=environment(), capture_output=True, text=True, timeout=CASE_TIMEOUT_S, check=False
        )
    if done.returncode != 0:
        raise RuntimeError(f"the client failed: {done.stderr.strip()[-400:]}")
    outcome: dict[str, list[float]] = json.loads(done.stdout.strip().splitlines()[-1])
    return outcome


@contextmanager
def fresh_world(town: str, *options: str) -> Iterator[int]:
    """A world process of its own on a free port; yields the port and ends the process."""
    command = [sys.executable, "-m", "homeward_sim", "--map", town, "--port", "0", *options]
    world = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        yield _port_of(world)
    finally:
        world.terminate()
        world.wait(timeout=20)


def _port_of(world: subprocess.Popen[str]) -> int:
    assert world.stdout is not None
    for line in world.stdout:
        if line.startswith("World ready"):
            return int(line.split(" port ")[1].split()[0])
    raise RuntimeError(f"the world did not start (exit code {world.wait()})")


def environment() -> dict[str, str]:
    """This environment, with the sources of this checkout in front."""
    paths = [str(ROOT / source) for source in SOURCES]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])}


def _has(town: str) -> bool:
    folders = [
        *os.environ.get("HOMEWARD_MAP_PATH", "").split(os.pathsep),
        os.environ.get("HOMEWARD_DATA", "") + "/maps",
    ]
    return any((Path(folder) / f"{town}.xodr").is_file() for folder in folders if folder)
