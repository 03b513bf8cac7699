"""A world for the tests, and clients in processes of their own: a C++ client that terminates must not take pytest
along.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[1]
HOMETOWN = Path(__file__).resolve().parents[3] / "maps" / "hometown" / "hometown.xodr"
START_S, CLIENT_S, END_S = 90.0, 120.0, 20.0


@dataclass
class WorldProcess:
    """A world that runs for a test: where it listens, and its process where it is ours."""

    host: str
    port: int
    process: subprocess.Popen[str] | None = None

    def is_up(self) -> bool:
        return self.process is None or self.process.poll() is None

    def end(self) -> int:
        """End it as Ctrl-C would; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=END_S)


def start_world(*options: str, town: str | Path = HOMETOWN, log: Any = subprocess.DEVNULL) -> WorldProcess:
    """Start a world of this repository on free ports."""
    command = [sys.executable, "-m", "homeward_sim", "--map", str(town), "--port", "0", *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_S)
    line = process.stdout.readline() if ready else ""
    if "World ready" not in line:
        process.kill()
        pytest.fail(f"the world did not start: {line!r}")
    return WorldProcess("127.0.0.1", int(line.split(" port ")[1].split()[0]), process)


@pytest.fixture(scope="session")
def shared_world() -> Iterator[WorldProcess]:
    """The server that CARLA_HOST (and CARLA_PORT) name; without, a world of this repository with Hometown."""
    host = os.environ.get("CARLA_HOST")
    if host:
        yield WorldProcess(host, int(os.environ.get("CARLA_PORT", "2000")))
        return
    world = start_world()
    yield world
    if world.is_up():
        assert world.end() == 0


@pytest.fixture
def own_world() -> Iterator[Callable[..., WorldProcess]]:
    """Starts worlds of this repository that end with the test."""
    started: list[WorldProcess] = []

    def start(*options: str, **how: Any) -> WorldProcess:
        started.append(start_world(*options, **how))
        return started[-1]

    yield start
    for world in started:
        if world.is_up():
            assert world.process is not None
            world.process.kill()
            world.process.wait(timeout=END_S)


@pytest.fixture(scope="module")
def module_world() -> Iterator[WorldProcess]:
    """A world of this repository for the tests of one file; at their end it must be up and end in good order."""
    world = start_world()
    yield world
    assert world.is_up()
    assert world.end() == 0


Client = Callable[[Any, Any], Any]


def run_client(world: WorldProcess, body: Client, timeout_s: float = CLIENT_S) -> str:
    """Run `body(carla, client)` in a process of its own; its returned text, or its failure as this test's."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _be_client(world, body, writer)
    os.close(writer)
    answer = _read_all(reader, child, timeout_s)
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if status != 0:
        pytest.fail(f"the client ended with {os.waitstatus_to_exitcode(status)}:\n{answer}", pytrace=False)
    return answer


def _be_client(world: WorldProcess, body: Client, writer: int) -> None:
    code = 0
    try:
        import carla

        client = carla.Client(world.host, world.port)
        client.set_timeout(20.0)
        result = body(carla, client)
        os.write(writer, str(result or "").encode())
    except BaseException:
        os.write(writer, traceback.format_exc().encode()[:60_000])
        code = 1
    os._exit(code)


def _read_all(reader: int, child: int, timeout_s: float) -> str:
    parts: list[bytes] = []
    deadline_s = time.monotonic() + timeout_s
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline_s - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGKILL)
            parts.append(f"no answer within {timeout_s:g} s".encode())
            break
        data = os.read(reader, 65536)
        if not data:
            break
        parts.append(data)
    return b"".join(parts).decode()


@pytest.fixture
def in_client(shared_world: WorldProcess) -> Callable[..., str]:
    """Runs `body(carla, client)` against the shared world, in a process of its own."""
    return lambda body, **how: run_client(shared_world, body, **how)


@pytest.fixture(scope="session")
def hometown_text() -> str:
    return HOMETOWN.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def hometown(hometown_text: str) -> Any:
    """Hometown's roads, read once. Not to be changed."""
    from homeward_sim.roads import RoadNetwork

    return RoadNetwork("hometown", hometown_text)


@pytest.fixture
def town(hometown: Any) -> Any:
    """A world of Hometown in this process, empty."""
    from homeward_sim.world import World

    return World(hometown, seed=7)
