"""Routes through a town among traffic and walkers, in lockstep, with CARLA leaderboard 2.0's driving score."""

from __future__ import annotations

import argparse
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from homeward_cli.bench.town_score import Contact, Drive
from homeward_cli.bench.world_process import free_ports, fresh_world

DESCRIPTION = "Town routes with traffic and walkers: bench town MAP.xodr --routes N --vehicles N --walkers N --seed S"
LEAST_M, ROUTE_LIMIT_S, PORTS = 800.0, 1500.0, 3


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The benchmark's own arguments."""
    parser = argparse.ArgumentParser(prog="./homeward bench town", description=__doc__)
    parser.add_argument("map", nargs="?", default="hometown", help="name of a map, or the path of an OpenDRIVE file")
    parser.add_argument("--routes", type=int, default=3)
    parser.add_argument("--vehicles", type=int, default=30)
    parser.add_argument("--walkers", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, default=0, help="one route by its number, from 1")
    parser.add_argument("--jobs", type=int, default=1, help="routes driven at the same time; real_time_factor suffers")
    parser.add_argument("--peer", action="store_true", help="each route by one of the TrafficManager's own cars as well")
    parser.add_argument("--report", default="", help="where everything that was noted goes, as JSON")
    return parser.parse_args(list(arguments))


def run(say: Callable[[str], None], arguments: Sequence[str] = ()) -> dict[str, object]:
    """The figures. A route that could not be driven to its end counts with score 0, and is named."""
    wanted = options(arguments)
    with tempfile.TemporaryDirectory(prefix="homeward_town_") as folder:
        xodr, osm = prepare(wanted.map, Path(folder), say)
        plans = make_plans(wanted, osm, Path(folder))
        numbers = [wanted.only] if wanted.only else list(range(1, len(plans) + 1))
        drives = drive_all(plans, xodr, Path(folder), numbers, wanted.jobs, say)
        peers = drive_all([plan | {"peer": True} for plan in plans], xodr, Path(folder), numbers, wanted.jobs, say) \
            if wanted.peer else {}  # fmt: skip
    if wanted.report:
        Path(wanted.report).write_text(json.dumps({"drives": drives, "peers": peers}, indent=1))
    return settings_of(wanted, drives) | figures_of(drives) | {f"peer_{key}": value for key, value in figures_of(peers).items()}


def drive_all(
    plans: list[dict[str, Any]], xodr: Path, folder: Path, numbers: list[int], jobs: int, say: Callable[[str], None]
) -> dict[int, dict[str, Any]]:
    """What came of each route; `jobs` of them at a time, each on a core and on ports of its own."""
    rooms: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    cores = sorted(os.sched_getaffinity(0))
    first = free_ports(PORTS * max(jobs, 1))
    for job in range(max(jobs, 1)):
        rooms.put((first + PORTS * job, cores[-1 - job % len(cores)]))

    def drive(number: int) -> dict[str, Any]:
        port, core = rooms.get()
        try:
            return _drive(plans[number - 1], xodr, folder, number, port, core, say)
        finally:
            rooms.put((port, core))

    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        return dict(zip(numbers, pool.map(drive, numbers), strict=True))


def prepare(name: str, folder: Path, say: Callable[[str], None]) -> tuple[Path, Path]:
    """The OpenDRIVE file and its Lanelet2 form. Raises RuntimeError for a map that isn't one."""
    from homeward_cli.map_convert import MapConversionError, convert_file
    from homeward_sim.maps import read_map
    from homeward_sim.opendrive import MapError

    try:
        title, text = read_map(name)
        xodr, osm = folder / f"{title}.xodr", folder / f"{title}.osm"
        xodr.write_text(text)
        convert_file(xodr, osm, say)
    except (MapError, MapConversionError) as error:
        raise RuntimeError(str(error)) from None
    return xodr, osm


def make_plans(wanted: argparse.Namespace, osm: Path, folder: Path) -> list[dict[str, Any]]:
    """What each route's process needs to know."""
    from homeward_cli.bench.town_routes import draw_routes
    from homeward_planner import lanelet_map

    plans = []
    for number, route in enumerate(draw_routes(lanelet_map.load(osm), wanted.routes, LEAST_M, wanted.seed), 1):
        places = folder / f"places_{number}.yaml"
        rows = [
            {"name": name, "label": name, "kind": "junction", "x_m": pose.x_m, "y_m": pose.y_m, "yaw_rad": pose.yaw_rad}
            for name, pose in (("start", route.start), ("goal", route.goal))
        ]
        places.write_text(yaml.safe_dump({"places": rows}))
        plans.append(
            {
                "seed": wanted.seed * 1000 + number,
                "vehicles": wanted.vehicles,
                "walkers": wanted.walkers,
                "limit_s": route.limit_s,
                "map_file": str(osm),
                "places_file": str(places),
                "line_m": route.line_m.tolist(),
                "peer": False,
                "crossings": _places_at(route),
            }
        )
    return plans


def _places_at(route: Any) -> list[tuple[float, float]]:
    import numpy as np

    along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(route.line_m, axis=0), axis=1))))
    return [
        (float(np.interp(at, along, route.line_m[:, 0])), float(np.interp(at, along, route.line_m[:, 1])))
        for at in route.crossings_m
    ]


def _drive(
    plan: dict[str, Any], xodr: Path, folder: Path, number: int, port: int, core: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """One route against a fresh world, in a fresh process."""
    who = "the peer on route" if plan["peer"] else "route"
    name = f"peer_{number}" if plan["peer"] else f"ours_{number}"
    out, file = folder / f"{name}_out.json", folder / f"{name}.json"
    file.write_text(json.dumps(plan))
    command = [sys.executable, "-m", "homeward_cli.bench.town_run", str(port), str(core), str(file), str(out)]
    with fresh_world(str(xodr), plan["seed"], port):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=ROUTE_LIMIT_S, check=False)
            problem = (done.stdout + done.stderr)[-1500:] if done.returncode or not out.exists() else ""
        except subprocess.TimeoutExpired:
            problem = f"not ended after {ROUTE_LIMIT_S:.0f} s"
    if problem:
        say(f"{who} {number}: failed: {problem}")
        return {"failed": problem, "score": 0.0}
    found: dict[str, Any] = json.loads(out.read_text())
    drive = judged(found)
    found |= {"score": drive.score, "completion": drive.completion, "at_fault": drive.at_fault, "pace_factor": drive.pace_factor}
    contacts, ending = len(found["contacts"]), "arrived" if found["arrived"] else f"ended in {found['last_word']}"
    say(
        f"{who} {number}: score {drive.score:.1f}, {100 * drive.completion:.1f} % of {found['length_m']:.0f} m in "
        f"{found['duration_s']:.0f} s ({found['real_time_factor']:.1f} x real time), {contacts} contacts "
        f"({drive.at_fault} ours), "
        f"{found['red_lights']} red lights, {found['stop_signs']} stop signs; {ending}"
    )
    return found


def judged(found: dict[str, Any]) -> Drive:
    """What a route's process wrote, as the score wants it."""
    contacts = [
        Contact(one["at_s"], one["kind"], one["from_behind"], one["in_lane"], one["acceleration_mps2"])
        for one in found["contacts"]
    ]
    speeds = [(ours, traffic) for ours, traffic in found["speeds"]]
    return Drive(
        found["length_m"], found["gone_m"], found["off_road_m"], contacts, found["red_lights"], found["stop_signs"], speeds
    )


def settings_of(wanted: argparse.Namespace, drives: dict[int, dict[str, Any]]) -> dict[str, object]:
    """What was asked for."""
    return {"map": wanted.map, "routes": len(drives), "vehicles": wanted.vehicles, "walkers": wanted.walkers,
            "seed": wanted.seed, "jobs": wanted.jobs}  # fmt: skip


def figures_of(drives: dict[int, dict[str, Any]]) -> dict[str, object]:
    """Means over the routes; one that failed has score and completion 0. Empty for no routes."""
    rows = list(drives.values())
    whole = [row for row in rows if "failed" not in row]
    if not whole:
        return {"driving_score": 0.0, "route_completion": 0.0, "failed": list(drives)} if rows else {}
    return {
        "driving_score": round(statistics.fmean(row["score"] for row in rows), 2),
        "route_completion": round(statistics.fmean(row.get("completion", 0.0) for row in rows), 4),
        "pace_factor": round(statistics.fmean(row["pace_factor"] for row in whole), 4),
        "at_fault": sum(row["at_fault"] for row in whole),
        "contacts": sum(len(row["contacts"]) for row in whole),
        "red_lights": sum(row["red_lights"] for row in whole),
        "stop_signs": sum(row["stop_signs"] for row in whole),
        "crossers": sum(row["crossers"] for row in whole),
        "failed": [number for number, row in drives.items() if "failed" in row],
        "scores": [round(row["score"], 1) for row in rows],
        "real_time_factor": round(statistics.median(row["real_time_factor"] for row in whole), 2),
        "pokes": sum(row["pokes"] for row in whole),
    }
