"""A fresh world for a benchmark: a process of its own on ports of its own, gone afterwards."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

READY_S, END_S = 60.0, 5.0


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on now."""
    for first in range(20_000 + os.getpid() % 2000 * 10, 60_000, 10):
        if all(_is_free(first + offset) for offset in range(count)):
            return first
    raise RuntimeError("no free ports; are many benchmarks running?")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def fresh_world(map_name: str, seed: int, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`homeward_sim` on this port, ready; ended on leaving. Raises RuntimeError when it doesn't come up."""
    command = [sys.executable, "-m", "homeward_sim", "--map", map_name, "--port", str(port), "--seed", str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        _wait_until_ready(process)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    """It says so on its standard output; from a cold cache it compiles for some twenty seconds first."""
    assert process.stdout is not None
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.2)[0]:
            line = process.stdout.readline()
            if b"World ready" in line:
                return
            if not line:
                raise RuntimeError(f"the world ended with exit code {process.wait()} before it was ready")
    raise RuntimeError(f"the world was not ready after {READY_S:.0f} s")
