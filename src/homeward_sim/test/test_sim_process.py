"""The world as a process: how it starts, what it says when it can't, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[1]


def run_world(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "homeward_sim", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--map", "Nowhere"), 1, "HOMEWARD_MAP_PATH"),
        (("--map", "missing.xodr"), 1, "can't be read"),
        (("--map", __file__), 1, "not an OpenDRIVE map"),
        (("--port", "70000"), 2, "0 to 65534"),
        (("--port", "no"), 2, "--port"),
        (("--speed", "9"), 2, "--speed"),
    ],
)
def test_a_world_that_can_not_start_says_why_in_a_sentence(options: tuple[str, ...], code: int, says: str) -> None:
    done = run_world(*options)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    if code == 1:
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_taken_port_is_named_with_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_world("--map", "hometown", "--port", str(port))
    assert done.returncode == 1
    assert str(port) in done.stderr and "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_at_once_and_quietly(
    own_world: Callable[..., Any], number: signal.Signals, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("w+") as log:
        world = own_world("--ros-args", "-r", "__node:=world", "--params-file", "/nowhere.yaml", log=log)
        with (
            socket.create_connection(("127.0.0.1", world.port)),
            socket.create_connection(("127.0.0.1", world.port + 1)),
        ):
            world.process.send_signal(number)
            assert world.process.wait(timeout=2.0) == 0
        log.seek(0)
        assert log.read() == ""
