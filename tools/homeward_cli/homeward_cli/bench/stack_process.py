"""The running simulator for a benchmark: the real launch file in processes of its own, on free ports, in a domain of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from homeward_cli.bench.world_process import free_ports
from homeward_cli.environment import ROOT

END_S = 15.0


@dataclass(frozen=True)
class Stack:
    """`port` is the world's; `folder` is there for as long as the stack runs."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def nodes(self) -> Iterator[tuple[str, psutil.Process]]:
        """Every process of the stack with its node's name."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                words = child.cmdline()
            except psutil.Error:
                continue
            names = [word.removeprefix("__node:=") for word in words if word.startswith("__node:=")]
            yield (names[0] if names else "traffic_watch"), child

    def kill(self, node: str) -> None:
        """As if it had crashed; launch starts it again."""
        next(child for name, child in self.nodes() if name == node).kill()


@contextmanager
def running_simulator(*arguments: str) -> Iterator[Stack]:
    """launch/simulator.launch.xml with these arguments. A RuntimeError inside comes out with the stack's last words."""
    port = free_ports(4)
    os.environ["ROS_DOMAIN_ID"] = str(1 + port // 10 % 90)
    ports = [f"carla_port:={port}", f"traffic_port:={port + 2}", f"dashboard_port:={port + 3}"]
    command = [sys.executable, "-m", "homeward_cli", "launch", str(ROOT / "launch/simulator.launch.xml"), *ports, *arguments]
    with tempfile.TemporaryDirectory() as folder:
        command += [f"key_store:={folder}/keys", "key_radio:="]
        log = Path(folder) / "stack.log"
        with log.open("w") as output:
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield Stack(process, port, Path(folder))
        except RuntimeError as error:
            raise RuntimeError(f"{error}\nThe stack's last words:\n{log.read_text()[-3000:]}") from error
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
