"""The trip in real time: the real processes from the real launch file, judged by a referee that is a CARLA client apart."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil

from homeward_cli.bench.stack_process import Stack, running_simulator

DESCRIPTION = "Home to Office among 20 cars, real processes in real time: arrival, offences, latency, CPU."
TRAFFIC, PLACE, ARRIVAL_M = 20, "office", 2.0
READY_S, TRIP_S = 90.0, 600.0
SETTLE_S = 5.0


def run(say: Callable[[str], None]) -> dict[str, object]:
    """One trip. Raises RuntimeError when the stack doesn't come up or won't engage."""
    with running_simulator(f"traffic:={TRAFFIC}") as stack:
        return _trip(stack, say)


def _trip(stack: Stack, say: Callable[[str], None]) -> dict[str, object]:
    from homeward_cli.bench.trip_observer import TripObserver

    observer = TripObserver()
    say("waiting for the stack")
    observer.until_located(READY_S)
    observer.spin(SETTLE_S)
    goal = observer.place(PLACE)
    verdict_file = stack.folder / "verdict.json"
    referee = subprocess.Popen(
        [sys.executable, "-m", "homeward_cli.bench.referee", "--port", str(stack.port), "--role", "ego_vehicle",
         "--goal", str(goal.x_m), str(goal.y_m), "--radius", str(ARRIVAL_M), "--out", str(verdict_file)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    observer.spin(3.0)
    say(f"driving to {goal.label}")
    observer.send(PLACE)
    before = _cpu_times(stack)
    began = time.monotonic()
    observer.drive(TRIP_S, say, lambda: referee.poll() is not None)
    wall_s = time.monotonic() - began
    cpu = {name: round((used - before.get(name, 0.0)) / wall_s, 3) for name, used in _cpu_times(stack).items()}
    if referee.poll() is None:
        observer.spin(2.0)  # standing for a second is part of having arrived
        referee.send_signal(signal.SIGTERM)
    referee.wait(10.0)
    verdict = json.loads(verdict_file.read_text())
    return _figures(verdict, observer, wall_s, cpu)


def _figures(verdict: dict[str, Any], observer: Any, wall_s: float, cpu: dict[str, float]) -> dict[str, object]:
    ages_ms = [(sent - receipt) / 1e6 for receipt, sent in observer.timings if receipt]
    sent_s = np.array([sent for _, sent in observer.timings]) / 1e6
    periods_ms = np.diff(sent_s) if len(sent_s) > 1 else np.zeros(1)
    return {
        "arrived": verdict["arrived"], "collisions": verdict["collisions"],
        "red_lights_run": verdict["red_lights_run"], "lane_departures": verdict["lane_departures"],
        "duration_s": round(wall_s, 1), "distance_m": verdict.get("distance_m"),
        "real_time_factor": round(observer.simulated_s / wall_s, 3),
        "sensor_to_can_p50_ms": _percentile(ages_ms, 50), "sensor_to_can_p99_ms": _percentile(ages_ms, 99),
        "control_period_p50_ms": _percentile(periods_ms, 50), "control_period_p99_ms": _percentile(periods_ms, 99),
        "planning_cycle_p99_ms": _percentile(1e3 * np.array(observer.planning_s), 99),
        "mpc_step_p99_ms": _percentile(1e3 * np.array(observer.control_s), 99),
        **observer.quality.figures(),
        "times_stopped_by_the_gate": observer.stops, "traffic": TRAFFIC,
        "cpu_share": dict(sorted(cpu.items(), key=lambda row: -row[1])), "cpu_share_total": round(sum(cpu.values()), 2),
        "referee": verdict,
    }  # fmt: skip


def _percentile(values: Any, share: float) -> float | None:
    return round(float(np.percentile(values, share)), 2) if len(values) else None


def _cpu_times(stack: Stack) -> dict[str, float]:
    """CPU seconds of each process of the stack so far, by node."""
    found: dict[str, float] = {}
    for name, process in stack.nodes():
        try:
            used = process.cpu_times()
        except psutil.Error:
            continue
        found[name] = found.get(name, 0.0) + used.user + used.system
    return found
