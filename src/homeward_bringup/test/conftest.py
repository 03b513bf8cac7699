"""The whole stack as real processes over DDS, started from the real launch file, in a domain and on ports of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor

from homeward_runtime.car_node import message_class
from homeward_runtime.ledger import Interface
from homeward_runtime.rclpy_host import qos_profile

ROOT = Path(__file__).resolve().parents[3]
UP_S, END_S = 90.0, 15.0


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that are free."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        if first + count < 65000 and all(_free(first + offset) for offset in range(count)):
            return first


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class Observer:
    """A ROS participant of the test's own: the newest message of each topic, and calls."""

    context: Any
    node: Any
    executor: SingleThreadedExecutor
    latest: dict[str, Any] = field(default_factory=dict)

    def watch(self, *interfaces: Interface) -> None:
        for interface in interfaces:
            self.node.create_subscription(
                message_class(interface.type), interface.name,
                lambda message, name=interface.name: self.latest.__setitem__(name, message), qos_profile(interface.profile),
            )  # fmt: skip

    def until(self, condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
        """Spin until the condition gives something true. Fails with `what` that was waited for."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            self.executor.spin_once(timeout_sec=0.1)
        return pytest.fail(
            f"waited {timeout_s:.0f} s in vain for {what}; last heard: { {k: str(v)[:300] for k, v in self.latest.items()} }"
        )

    def newest(self, interface: Interface, timeout_s: float = 30.0) -> Any:
        """A message that comes after this call."""
        self.latest.pop(interface.name, None)
        return self.until(lambda: self.latest.get(interface.name), timeout_s, interface.name)

    def call(self, interface: Interface, **fields: Any) -> Any:
        kind = message_class(interface.type)
        client = self.node.create_client(kind, interface.name)
        self.until(client.service_is_ready, 30.0, f"the service {interface.name}")
        for _ in range(4):  # a killed server is still listed for a while, and a request to it is lost
            future = client.call_async(kind.Request(**fields))
            deadline = time.monotonic() + 5.0
            while not future.done() and time.monotonic() < deadline:
                self.executor.spin_once(timeout_sec=0.1)
            if future.done():
                break
        assert future.done(), f"no answer of {interface.name}"
        self.node.destroy_client(client)
        return future.result()

    def act(self, interface: Interface, goal: Any, on_feedback: Callable[[Any], None] | None = None) -> Any:
        """Send a goal; its handle once accepted."""
        client = ActionClient(self.node, message_class(interface.type), interface.name)
        self.until(client.server_is_ready, 30.0, f"the action {interface.name}")
        sent = client.send_goal_async(goal, feedback_callback=on_feedback)
        self.until(sent.done, 10.0, f"{interface.name} to take the goal")
        return sent.result()


@dataclass
class Stack:
    """The running processes."""

    process: subprocess.Popen[str]
    domain: int
    carla_port: int
    dashboard: str
    radio: str
    log: Path

    def pid_of(self, program: str) -> int:
        """The process of a node, by the name of its program."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            if f"/{program} --ros-args" in " ".join(child.cmdline()):
                return int(child.pid)
        raise LookupError(f"no process {program}")


def start_stack(folder: Path, domain: int, **arguments: Any) -> Stack:
    ports = free_ports(5)
    given = {"carla_port": ports, "traffic_port": ports + 2, "dashboard_port": ports + 3, "traffic": 5,
             "key_store": folder / "keys", "key_radio": f"virtual:127.0.0.1:{ports + 4}"} | arguments
    words = [f"{name}:={value}" for name, value in given.items()]
    log = folder / "stack.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "homeward_cli", "launch", str(ROOT / "launch/simulator.launch.xml"), *words],
        cwd=ROOT, env=os.environ | {"ROS_DOMAIN_ID": str(domain)}, stdout=log.open("w"), stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    return Stack(process, domain, ports, f"http://127.0.0.1:{ports + 3}", str(given["key_radio"]), log)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    keeper, domain = hold_a_domain()
    running = start_stack(tmp_path_factory.mktemp("stack"), domain)
    yield running
    running.process.send_signal(signal.SIGINT)
    try:
        running.process.wait(END_S)
    finally:
        running.process.kill()
        keeper.close()
    print(running.log.read_text()[-20000:])


def hold_a_domain() -> tuple[socket.socket, int]:
    """A ROS domain that no other test uses: held by a socket."""
    for domain in range(1, 100):
        keeper = socket.socket()
        try:
            keeper.bind(("127.0.0.1", 29_000 + domain))
            return keeper, domain
        except OSError:
            keeper.close()
    raise RuntimeError("no free ROS domain: are 99 tests running?")


@pytest.fixture(scope="module")
def observer(stack: Stack) -> Iterator[Observer]:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=stack.domain)
    node = rclpy.create_node("observer", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    yield Observer(context, node, executor)
    node.destroy_node()
    context.try_shutdown()
