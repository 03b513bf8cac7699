"""Two machines on one network never meet: network namespaces are the two machines, a virtual cable joins them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeward_cli.environment import MIDDLEWARE

TALKER = """
import sys, time, rclpy
from std_msgs.msg import String
rclpy.init(); node = rclpy.create_node("talker"); out = node.create_publisher(String, "hello", 10)
while True:
    out.publish(String(data="x")); time.sleep(0.05)
"""
LISTENER = """
import sys, time, rclpy
from std_msgs.msg import String
rclpy.init(); node = rclpy.create_node("listener"); heard = []
node.create_subscription(String, "hello", heard.append, 10)
end = time.monotonic() + 6.0
while not heard and time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.1)
print("heard" if heard else "silence"); import os; os._exit(0)
"""
NAMES = (f"hw{os.getpid()}a", f"hw{os.getpid()}b")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def two_machines() -> Iterator[tuple[str, str]]:
    """Two namespaces with a cable, 10.99.0.1 and .2, multicast routed over it."""
    try:
        for name in NAMES:
            ip("netns", "add", name)
        ip("link", "add", NAMES[0], "netns", NAMES[0], "type", "veth", "peer", "name", NAMES[1], "netns", NAMES[1])
    except (OSError, subprocess.CalledProcessError):
        tear_down()
        pytest.skip("network namespaces can't be made here (no `ip`, or not root)")
    for number, name in enumerate(NAMES, 1):
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "set", name, "up")
        ip("-n", name, "addr", "add", f"10.99.0.{number}/24", "dev", name)
        ip("-n", name, "route", "add", "default", "dev", name)
    yield NAMES
    tear_down()


def tear_down() -> None:
    for name in NAMES:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def inside(machine: str, program: str, memory: str) -> list[str]:
    """The command that runs a Python program there, with the machine's own /dev/shm: machines share no memory."""
    alone = f'mount --bind {memory} /dev/shm && exec "$@"'
    return ["ip", "netns", "exec", machine, "unshare", "-m", "sh", "-c", alone, "sh", sys.executable, "-c", program]


def heard(talker: str, listener: str, talkers: dict[str, str], listeners: dict[str, str]) -> str:
    """What the listener's machine hears; the last two are the environments of the two programs."""
    with tempfile.TemporaryDirectory() as folder:
        for machine in {talker, listener}:
            (Path(folder) / machine).mkdir()
        return _heard(inside(talker, TALKER, f"{folder}/{talker}"), talkers,
                      inside(listener, LISTENER, f"{folder}/{listener}"), listeners)  # fmt: skip


def _heard(talker: list[str], talkers: dict[str, str], listener: list[str], listeners: dict[str, str]) -> str:
    speaking = subprocess.Popen(talker, env=talkers)
    try:
        done = subprocess.run(listener, env=listeners, capture_output=True, text=True, check=True)
    finally:
        speaking.kill()
        speaking.wait()
    return done.stdout.strip()


OURS = {**os.environ, **MIDDLEWARE}
PLAIN = {name: value for name, value in os.environ.items() if name not in MIDDLEWARE} | {"RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"}


@pytest.mark.parametrize(
    ("talkers", "listeners"), [(OURS, OURS), (PLAIN, OURS), (OURS, PLAIN)], ids=["ours", "stranger speaks", "stranger listens"]
)
def test_what_one_machine_says_is_not_heard_on_the_other(
    two_machines: tuple[str, str], talkers: dict[str, str], listeners: dict[str, str]
) -> None:
    assert heard(*two_machines, talkers, listeners) == "silence"


def test_what_a_machine_says_is_heard_on_it(two_machines: tuple[str, str]) -> None:
    assert heard(two_machines[0], two_machines[0], OURS, OURS) == "heard"


def test_the_cable_carries_ros_2_as_it_comes(two_machines: tuple[str, str]) -> None:
    """Else the first test could not fail."""
    assert heard(*two_machines, PLAIN, PLAIN) == "heard"
