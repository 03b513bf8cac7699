"""Drives commonroad-reactive-planner over the benchmark's scenarios, each in a process of the peer's own environment."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

PEER = Path(__file__).with_name("commonroad_peer.py")
PREDICTIONS = ("recorded", "constant_velocity")
LIMIT_S = 900.0
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {"MPLBACKEND": "Agg"}


def drive_all(
    python: Path, files: Sequence[Path], jobs: int, prediction: str, say: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The peer's drives for the judge, and the names of the scenarios that it did not drive (each is told with the reason)."""
    rows, failed = [], []
    with ThreadPoolExecutor(jobs) as pool:
        for place, (file, told) in enumerate(
            zip(files, pool.map(lambda one: drive_one(python, one, prediction), files), strict=True), start=1
        ):
            if "failed" in told:
                say(f"the peer did not drive {file.name}: {told['failed']}")
                failed.append(file.stem)
            else:
                rows.append({"file": str(file), "kind": "peer", **told})
            if place % 5 == 0 or place == len(files):
                say(f"driven by the peer: {place} of {len(files)}")
    return rows, failed


def drive_one(python: Path, file: Path, prediction: str) -> dict[str, Any]:
    """States and times of one drive, or the reason why there are none under "failed"."""
    command = [str(python), "-I", str(PEER), str(file), prediction]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S, env=os.environ | ONE_CORE)
    except subprocess.TimeoutExpired:
        return {"failed": f"not ended after {LIMIT_S:.0f} s"}
    last = (done.stdout.strip().splitlines() or [""])[-1]
    try:
        told = json.loads(last)
    except json.JSONDecodeError:
        told = None
    if isinstance(told, dict) and ("failed" in told or "states" in told):
        return told
    return {"failed": f"it ended with exit code {done.returncode}: {done.stderr.strip()[-300:]}"}


def figures(
    rows: Sequence[Mapping[str, Any]], failed: Sequence[str], prediction: str, judged: Mapping[tuple[str, str], str],
    places: Sequence[str], our_p95_ms: float,
) -> dict[str, Any]:
    """The peer's counts over the scenarios whose start is valid, and its times over all its cycles, beside ours."""
    judgeable = [file for (file, kind), said in judged.items() if kind == "start" and said == "valid"]
    said = [judged.get((file, "peer"), "not driven") for file in judgeable]
    times = [time for row in rows for time in row["cycle_ms"]]
    p50, p95, p99 = (round(float(one), 2) for one in np.percentile(times, [50, 95, 99])) if times else (None,) * 3
    return {
        "peer": "commonroad-reactive-planner 2025.1",
        "peer_prediction": prediction,
        "peer_driven": len(rows),
        "peer_failed": list(failed),
        "peer_valid": said.count("valid"),
        "peer_collisions": said.count("collision"),
        "peer_off_road": said.count("off_road"),
        "peer_goals_missed": said.count("goal"),
        "peer_infeasible": said.count("infeasible"),
        "peer_place_goals_reached": sum(judged.get((file, "peer")) == "valid" for file in places),
        "peer_cycles": len(times),
        "peer_cycles_without_plan": sum(row["without_plan"] for row in rows),
        "peer_p50_ms": p50,
        "peer_p95_ms": p95,
        "peer_p99_ms": p99,
        "peer_p95_ratio": round(p95 / our_p95_ms, 1) if p95 is not None else None,
    }
