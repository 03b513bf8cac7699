"""What every test of the workspace shares: a ROS domain of its own, and where the data for development is."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("homeward", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("homeward")  # the machines are shared and slow at times: never a failure for that alone

ROOT = Path(__file__).resolve().parent
DATA = Path(os.environ.get("HOMEWARD_DATA", ROOT.parent / "shared" / "data"))


KEPT: list[object] = []
ENDED_WITH: list[int] = []


@pytest.fixture(scope="session", autouse=True)
def participants_live_on() -> None:
    """Nodes of this process stay until it ends: Fast DDS 2.14 can wait for good for its TCP readers when a participant is
    destroyed while its peers live.
    """
    from rclpy.node import Node

    begin = Node.__init__

    def kept(self: Node, *arguments: object, **options: object) -> None:
        KEPT.append(self)
        begin(self, *arguments, **options)

    Node.__init__ = kept
    Node.destroy_node = lambda self: None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    ENDED_WITH.append(int(exitstatus))


def pytest_unconfigure(config: pytest.Config) -> None:
    if KEPT and ENDED_WITH:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ENDED_WITH[0])


def pytest_report_header(config: pytest.Config) -> list[str]:
    host = os.environ.get("CARLA_HOST")
    world = f"the CARLA server at {host}" if host else "homeward_sim, the world of this repository"
    return [f"data: {DATA if DATA.exists() else 'absent; tests that need it are skipped'}", f"carla tests run against {world}"]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of maps and scenarios; the test is skipped where it is absent."""
    if not DATA.exists():
        pytest.skip(f"no data in {DATA} (HOMEWARD_DATA names another place)")
    return DATA


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A ROS domain that no other test of this machine uses: held by a socket while the test runs."""
    for domain in range(1, 100):
        keeper = socket.socket()
        try:
            keeper.bind(("127.0.0.1", 29_000 + domain))
        except OSError:
            keeper.close()
            continue
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        yield domain
        keeper.close()
        return
    pytest.fail("no free ROS domain: are 99 tests running?")


@pytest.fixture
def free_port() -> int:
    """A port that was free a moment ago, whose successor was free as well (the world takes both)."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
