"""The trip in lockstep: every node in one process on a stepped clock, the world beside it; how fast, and is it the same."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from homeward_cli.bench.world_process import free_ports, fresh_world

DESCRIPTION = "Home to Office in lockstep: how many times real time, and whether runs are equal bit for bit."
TRIP_LIMIT_S = 900.0


def run(say: Callable[[str], None]) -> dict[str, object]:
    """Two runs idle, one under CPU load, one with another seed that must differ."""
    plan = (("idle", 1, False), ("idle again", 1, False), ("under load", 1, True), ("another seed", 2, False))
    runs = {}
    for name, seed, loaded in plan:
        runs[name] = _one(seed, loaded)
        say(f"{name}: {runs[name]['real_time_factor']:.1f} times real time, {runs[name]['ticks']} ticks, "
            f"{'arrived' if runs[name]['arrived'] else 'did not arrive'}, {runs[name]['pokes']} pokes")  # fmt: skip
    first = runs["idle"]
    differing = {name: _first_difference(first["hashes"], other["hashes"]) for name, other in runs.items()}
    complete = all(one["arrived"] for name, one in runs.items() if name != "another seed")
    equal = complete and differing["idle again"] is None and differing["under load"] is None
    return {
        "real_time_factor": round(statistics.median([first["real_time_factor"], runs["idle again"]["real_time_factor"]]), 2),
        "real_time_factor_under_load": round(runs["under load"]["real_time_factor"], 2),
        "equal": equal and differing["another seed"] is not None,
        "first_differing_tick": {name: tick for name, tick in differing.items() if name != "idle"},
        "another_seed_differs": differing["another seed"] is not None,
        "pokes": sum(one["pokes"] for one in runs.values()),
        "arrived": first["arrived"],
        "simulated_s": first["simulated_s"],
        "callbacks_per_s": round(first["callbacks"] / first["wall_s"]),
        **first["verdict"],
        "traffic": first["traffic"],
        "sensors": first["sensors"],
    }


def _first_difference(one: list[str], other: list[str]) -> int | None:
    """The first tick whose hash differs, None when all are equal."""
    for tick, (mine, theirs) in enumerate(zip(one, other)):
        if mine != theirs:
            return tick
    return None if len(one) == len(other) else min(len(one), len(other))


def _one(seed: int, loaded: bool) -> dict[str, Any]:
    """One trip against a fresh world, in a fresh process."""
    port = free_ports(3)
    with tempfile.TemporaryDirectory() as folder, fresh_world("hometown", seed, port), _load(loaded):
        out = Path(folder) / "run.json"
        command = [sys.executable, "-m", "homeward_cli.bench.lockstep_run", str(port), str(seed), str(out)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=TRIP_LIMIT_S, check=False)
        if result.returncode:
            raise RuntimeError(f"the lockstep run failed:\n{(result.stdout + result.stderr)[-3000:]}")
        found: dict[str, Any] = json.loads(out.read_text())
        return found


@contextmanager
def _load(wanted: bool) -> Iterator[None]:
    """Another process that keeps a core busy."""
    burner = multiprocessing.Process(target=_burn, daemon=True)
    if wanted:
        burner.start()
    try:
        yield
    finally:
        if wanted:
            burner.terminate()
            burner.join()


def _burn() -> None:
    while True:
        sum(range(100_000))
