"""Preferences over DDS: another package sets them within bounds; a refusal is a sentence; they are in force at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from homeward_interfaces.msg import ParamsInForce
from homeward_planner.node import PlannerNode
from homeward_runtime import ledger
from homeward_runtime.params import read_file
from homeward_runtime.rclpy_host import RclpyHost, qos_profile

ROOT = Path(__file__).resolve().parents[3]


class Running:
    """The planner as a node, and a participant of another package beside it."""

    def __init__(self) -> None:
        ((_, values),) = [one for one in read_file(ROOT / "params" / "car.yaml") if one[0].endswith("/planner")]
        self.host = RclpyHost(PlannerNode, parameter_overrides=[Parameter(name, value=value) for name, value in values.items()])
        self.other = rclpy.create_node("preferring")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.host)
        self.executor.add_node(self.other)
        self.host.start()
        self.node: Any = self.host.node
        self.heard: list[Any] = []
        profile = qos_profile(ledger.PARAMS_IN_FORCE.profile)
        self.other.create_subscription(ParamsInForce, ledger.PARAMS_IN_FORCE.name, self.heard.append, profile)

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            self.executor.spin_once(timeout_sec=0.05)

    def call(self, kind: Any, name: str, request: Any) -> Any:
        client = self.other.create_client(kind, f"/planner/{name}")
        self.until(client.service_is_ready, name)
        future = client.call_async(request)
        self.until(future.done, name)
        return future.result()

    def wish(self, **values: Any) -> list[tuple[bool, str]]:
        wishes = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        answer = self.call(SetParameters, "set_parameters", SetParameters.Request(parameters=wishes))
        return [(one.successful, one.reason) for one in answer.results]

    def told(self, name: str) -> tuple[str, str]:
        """Value and source of a parameter, as the newest message has them."""
        newest = self.heard[-1]
        place = list(newest.name).index(name)
        return newest.value[place], newest.source[place]


@pytest.fixture
def running(ros_domain: int) -> Iterator[Running]:
    rclpy.init(domain_id=ros_domain)
    yield Running()
    rclpy.try_shutdown()


def test_preferences_are_set_within_bounds_and_refused_with_a_sentence(running: Running) -> None:
    assert running.node.planner.params.headway_s == 1.6
    assert running.wish(headway_s=2.5, overtaking=False) == [(True, ""), (True, "")]
    inner = running.node.planner
    for params in (running.node.params, inner.params, inner.behaviour.params, inner.behaviour.passing.params, inner.evasion.params):
        assert params.headway_s == 2.5 and params.overtaking is False, "in force by the next cycle"
    running.until(lambda: running.heard and running.told("overtaking")[0] == "false", "the parameters in force")
    assert running.told("headway_s") == ("2.5", "set while running")

    ((taken, reason),) = running.wish(headway_s=9.0)
    assert not taken and "headway_s" in reason and "0.8" in reason and "4.0" in reason, reason
    ((taken, reason),) = running.wish(lateral_acceleration_max_mps2=float("nan"))
    assert not taken and "lateral_acceleration_max_mps2" in reason
    ((taken, reason),) = running.wish(width_m=1.5)
    assert not taken and reason
    ((taken, reason),) = running.wish(overtaking="yes")
    assert not taken and reason
    assert running.node.planner.params.headway_s == 2.5, "a refusal changes nothing"

    request = DescribeParameters.Request(names=["headway_s", "width_m"])
    gap, width = running.call(DescribeParameters, "describe_parameters", request).descriptors
    assert not gap.read_only and width.read_only
    assert (gap.floating_point_range[0].from_value, gap.floating_point_range[0].to_value) == (0.8, 4.0)
