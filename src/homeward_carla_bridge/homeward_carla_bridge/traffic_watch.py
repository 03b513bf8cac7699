"""A watch over TrafficManager, in a process of its own: it pokes a manager that has lost a wake-up.

Why a process: the deadlock sits in the client's C++ threads, inside `world.tick()`; no signal handler and, where
the call holds the interpreter, no Python thread of that process runs then. Owner and watch share a page of memory:
the owner says when a tick begins and ends (two stores), the watch counts its pokes there. A poke is two calls to
the manager's own port: asynchronous, and synchronous again; it wakes the threads and, as measured, changes nothing
in what they compute.
"""

import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgpack

QUIET_S = 1.5
LOOK_EVERY_S = 0.25
POKE_TIMEOUT_S = 2.0
PAGE = struct.Struct("<QQQ")
BEGUN, ENDED, POKES = 0, 8, 16
COUNTER = struct.Struct("<Q")


class TrafficWatch:
    """Watches the ticks of its owner. Use `with TrafficWatch(port) as watch: watch.tick(world)`."""

    def __init__(self, manager_port: int, quiet_s: float = QUIET_S) -> None:
        handle, self._path = tempfile.mkstemp(prefix="homeward_traffic_watch_")
        os.truncate(handle, PAGE.size)
        self._page = mmap.mmap(handle, PAGE.size)
        os.close(handle)
        self._ticks = 0
        # the file and not the module: a module would import its package, and this process should be up in no time
        command = [sys.executable, __file__, self._path, str(manager_port), str(quiet_s)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)

    @property
    def pokes(self) -> int:
        """How often the manager had to be poked so far."""
        count: int = COUNTER.unpack_from(self._page, POKES)[0]
        return count

    def tick(self, world: Any, timeout_s: float = 60.0) -> int:
        """`world.tick()`, watched; returns the new frame."""
        self._ticks += 1
        COUNTER.pack_into(self._page, BEGUN, self._ticks)
        frame: int = world.tick(timeout_s)
        COUNTER.pack_into(self._page, ENDED, self._ticks)
        return frame

    def close(self) -> None:
        """End the watch."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=10)
        Path(self._path).unlink(missing_ok=True)

    def __enter__(self) -> "TrafficWatch":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def poke(port: int) -> bool:
    """Wake the traffic manager on this port of this machine; False where nobody answers there."""
    calls = ([0, 1, "set_synchronous_mode", [False]], [0, 2, "set_synchronous_mode", [True]])
    try:
        with socket.create_connection(("127.0.0.1", port), POKE_TIMEOUT_S) as connection:
            connection.sendall(b"".join(msgpack.packb(call) for call in calls))
            connection.settimeout(POKE_TIMEOUT_S)
            return bool(connection.recv(1024))
    except OSError:
        return False


def watch(path: str, port: int, quiet_s: float) -> None:
    """The watch's own process: look, poke, until the owner closes the pipe or dies."""
    with open(path, "r+b") as file:
        page = mmap.mmap(file.fileno(), PAGE.size)
    os.unlink(path)  # both have it; nothing stays behind, whoever dies first
    seen, since = (0, 0), time.monotonic()
    while not select.select([sys.stdin], [], [], LOOK_EVERY_S)[0]:
        begun, ended, pokes = PAGE.unpack_from(page)
        now = time.monotonic()
        if (begun, ended) != seen or begun == ended:
            seen, since = (begun, ended), now
        elif now - since >= quiet_s:
            print(
                f"[traffic watch] no tick for {now - since:.1f} s: poking the traffic manager",
                file=sys.stderr,
                flush=True,
            )
            poke(port)
            COUNTER.pack_into(page, POKES, pokes + 1)
            since = now


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C: the world goes, and nobody wants another tick
        signal.signal(number, lambda *_: os._exit(0))
    watch(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
