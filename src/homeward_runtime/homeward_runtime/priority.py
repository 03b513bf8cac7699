"""Who gets the processor first: the car's nodes run before whatever else the computer does.

A real-time priority (sched(7), SCHED_RR) takes the privilege CAP_SYS_NICE or a limit that allows it (RLIMIT_RTPRIO); without,
a node runs as before. All nodes have one: with only those nearest to the wheels raised, commands still came up to 0.3 s
apart beside a test suite (a reader that is put aside while it holds the lock of a queue in shared memory may be why; that
was not shown). The kernel keeps a share of each core for the others (sched_rt_runtime_us), so that a node that runs wild
doesn't take the machine with it.
"""

from __future__ import annotations

import os
from pathlib import Path


def go_first(priority: int) -> str:
    """Give all threads of this process a real-time priority (1 to 99, the higher the sooner). What they start later (a
    thread for each new peer) has it too.

    Returns the reason where the system doesn't allow it, else "".
    """
    if not hasattr(os, "sched_setscheduler"):
        return "this system has no real-time priorities"
    try:
        for thread in sorted(int(entry.name) for entry in Path("/proc/self/task").iterdir()):
            _raise_thread(thread, priority)
    except OSError as error:
        return str(error)
    return ""


def _raise_thread(thread: int, priority: int) -> None:
    try:
        os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(priority))
    except ProcessLookupError:
        pass  # it has ended meanwhile
