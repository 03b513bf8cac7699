"""The nodes that drive go first, where the system lets them."""

from __future__ import annotations

import os
import subprocess
import sys

LOOK = """
import os, resource, sys, threading
from homeward_runtime.priority import go_first
if sys.argv[1] == "forbidden":
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    if os.getuid() == 0:
        os.setuid(65534)
try:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(7))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    allowed = "allowed"
except OSError:
    allowed = "refused"
waits = threading.Event()
thread = threading.Thread(target=waits.wait)
thread.start()
why = go_first(7)
later = []
fresh = threading.Thread(target=lambda: later.append(os.sched_getscheduler(0)))
fresh.start()
fresh.join()
print(allowed, why, os.sched_getscheduler(0), os.sched_getscheduler(thread.native_id), later[0], sep="|")
waits.set()
"""


def _tried(how: str) -> tuple[str, str, int, int, int]:
    done = subprocess.run([sys.executable, "-c", LOOK, how], capture_output=True, text=True, check=True, timeout=30.0)
    allowed, why, *policies = done.stdout.strip().split("|")
    ours, thread, later = map(int, policies)
    return allowed, why, ours, thread, later


def test_every_thread_goes_first_where_that_is_allowed_and_what_it_starts_later() -> None:
    allowed, why, ours, thread, later = _tried("as it is")
    expected = os.SCHED_RR if allowed == "allowed" else os.SCHED_OTHER
    assert (why == "") == (allowed == "allowed")
    assert (ours, thread, later) == (expected, expected, expected)


def test_where_it_is_forbidden_the_node_runs_on_and_knows_why() -> None:
    _, why, ours, thread, _ = _tried("forbidden")
    assert "permitted" in why
    assert (ours, thread) == (0, 0)
