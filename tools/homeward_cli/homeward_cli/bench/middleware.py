"""A 2 MB point cloud between two processes at 20 Hz: with the tuned transports, and with Fast DDS's own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable

from homeward_cli.environment import MIDDLEWARE

DESCRIPTION = "A 2 MB cloud between two processes at 20 Hz: latency with the tuned middleware and without."
MESSAGES, REPEATS = 200, 3
PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")


def run(say: Callable[[str], None]) -> dict[str, object]:
    """Medians over repeats, tuned and untuned in turn."""
    tuned, untuned = [], []
    for repeat in range(REPEATS):
        for name, is_tuned, into in (("tuned", True, tuned), ("untuned", False, untuned)):
            into.append(_once(is_tuned, 40 + repeat))
            say(f"{name}: p50 {into[-1]['p50_ms']:.2f} ms, p95 {into[-1]['p95_ms']:.2f} ms, {into[-1]['lost']} lost")
    return {
        "p50_ms": round(statistics.median(one["p50_ms"] for one in tuned), 2),
        "p95_ms": round(statistics.median(one["p95_ms"] for one in tuned), 2),
        "untuned_p50_ms": round(statistics.median(one["p50_ms"] for one in untuned), 2),
        "untuned_p95_ms": round(statistics.median(one["p95_ms"] for one in untuned), 2),
        "lost": sum(int(one["lost"]) for one in tuned),
        "untuned_lost": sum(int(one["lost"]) for one in untuned),
        "messages": MESSAGES * REPEATS,
    }


def _once(tuned: bool, domain: int) -> dict[str, float]:
    """One publisher and one subscriber, each a process of its own."""
    environment = {**os.environ, "ROS_DOMAIN_ID": str(domain)}
    for name in PROFILES:
        environment.pop(name, None)
        if tuned:
            environment[name] = MIDDLEWARE[name]
    command = [sys.executable, "-m", "homeward_cli.bench.middleware_ends"]
    reader = subprocess.Popen([*command, "read", str(MESSAGES)], env=environment, stdout=subprocess.PIPE, text=True)
    writer = subprocess.Popen([*command, "write", str(MESSAGES)], env=environment)
    out, _ = reader.communicate(timeout=120)
    writer.wait(30)
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found
