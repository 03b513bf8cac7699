"""One node class, two hosts: the same nodes, fed alike, publish the same under rclpy and under lockstep."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Float32, String
from std_srvs.srv import SetBool, Trigger

from homeward_runtime.car_node import CallFailed, CarNode, message_class
from homeward_runtime.ledger import DIAGNOSTICS, PARAMS_IN_FORCE, Interface, Kind
from homeward_runtime.lockstep import Lockstep
from homeward_runtime.params import ParamsError, param
from homeward_runtime.rclpy_host import RclpyHost

PERIOD_NS = 20_000_000
CLOCK = Interface("/clock", "rosgraph_msgs/msg/Clock", "driver")
NUMBERS = Interface("numbers", "std_msgs/msg/Float32", "counter")
SUMS = Interface("sums", "std_msgs/msg/Float32", "adder")
TALK = Interface("talk", "std_msgs/msg/String", "adder")
SWITCH = Interface("switch", "std_srvs/srv/SetBool", "adder", Kind.SERVICE)
NOBODY = Interface("nobody", "std_srvs/srv/Trigger", "nobody", Kind.SERVICE)
TOYS = (CLOCK, NUMBERS, SUMS, TALK, SWITCH, NOBODY, DIAGNOSTICS, PARAMS_IN_FORCE)


@dataclass(frozen=True)
class CounterParams:
    step: float = param("", "added a tick", 0.0, 10.0)


class Counter(CarNode):
    """Publishes a sum a tick; every tenth tick it switches the adder."""

    name = "counter"

    def configure(self) -> None:
        self.params = self.load_params(CounterParams)
        self.total, self.ticks, self.answers = 0.0, 0, 0
        self.numbers = self.publish_to(NUMBERS)
        self.run_every(0.02, self.on_tick)

    def on_tick(self) -> None:
        self.ticks += 1
        self.total += self.params.step
        self.numbers.publish(Float32(data=self.total))
        if self.ticks % 10 == 0:
            self.call(SWITCH, SetBool.Request(data=self.ticks % 20 == 0), self.on_answer)

    def on_answer(self, answer: Any) -> None:
        self.answers += 0 if isinstance(answer, CallFailed) else 1


class Adder(CarNode):
    name = "adder"

    def configure(self) -> None:
        self.sums, self.total = self.publish_to(SUMS), 0.0
        self.subscribe_to(NUMBERS, self.on_number)
        self.serve(SWITCH, self.on_switch)

    def on_number(self, message: Any) -> None:
        self.total += message.data
        self.sums.publish(Float32(data=self.total))

    def on_switch(self, request: Any) -> Any:
        return SetBool.Response(success=request.data)


def lockstep_run(steps: int, shuffle: int | None = None) -> tuple[list[float], int]:
    world = Lockstep({"counter": {"step": 0.1}}, ledger=TOYS, shuffle=shuffle)
    heard: list[float] = []
    world.watch(SUMS, lambda message: heard.append(message.data))
    counter = world.add(Counter)
    world.add(Adder)
    for _ in range(steps):
        world.step(PERIOD_NS)
    assert isinstance(counter, Counter)
    return heard, counter.answers


class RosRun:
    """Both toys and a driver in one process over DDS; the clock moves on when all that was sent was received."""

    def __init__(self) -> None:
        sim_time = [Parameter("use_sim_time", value=True)]
        self.driver = rclpy.create_node("driver")
        self.clock = self.driver.create_publisher(Clock, "/clock", 10)
        self.heard: list[float] = []
        self.driver.create_subscription(Float32, "sums", lambda message: self.heard.append(message.data), 10)
        step = Parameter("step", value=0.1)
        self.hosts = [RclpyHost(Counter, parameter_overrides=[*sim_time, step]), RclpyHost(Adder, parameter_overrides=sim_time)]
        self.executor = SingleThreadedExecutor()
        for node in (self.driver, *self.hosts):
            self.executor.add_node(node)
        for host in self.hosts:
            host.start()

    def until(self, condition: Any, timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "the nodes did not get there in time"
            self.executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        for node in (*self.hosts, self.driver):
            node.destroy_node()


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch, ros_domain: int) -> Any:
    rclpy.init(domain_id=ros_domain)
    yield
    rclpy.try_shutdown()


def test_both_hosts_give_the_same_outputs(ros: None) -> None:
    expected, answers = lockstep_run(60)
    run = RosRun()
    counter = run.hosts[0].node
    assert isinstance(counter, Counter)
    run.until(lambda: run.driver.count_subscribers("numbers") == 1 and run.driver.count_publishers("sums") == 1)
    run.until(lambda: run.clock.get_subscription_count() == 2)
    for tick in range(1, 61):
        stamp = Clock()
        stamp.clock.sec, stamp.clock.nanosec = divmod(tick * PERIOD_NS, 10**9)
        run.clock.publish(stamp)
        run.until(lambda tick=tick: len(run.heard) == tick and counter.answers == counter.ticks // 10)
    run.close()
    assert run.heard == expected
    assert counter.answers == answers == 6


def test_lockstep_gives_the_same_under_every_order_that_it_may_choose() -> None:
    first = lockstep_run(200)
    assert all(lockstep_run(200, shuffle) == first for shuffle in range(5))


def test_a_call_that_nobody_serves_is_refused_under_both_hosts(ros: None) -> None:
    class Caller(CarNode):
        name = "caller"
        answers: list[Any]

        def configure(self) -> None:
            self.answers = []
            self.run_every(0.01, self.ask, steady=True)

        def ask(self) -> None:
            self.call(NOBODY, Trigger.Request(), self.answers.append)

    world = Lockstep({}, ledger=TOYS)
    stepped = world.add(Caller)
    world.step(PERIOD_NS)
    host = RclpyHost(Caller)
    executor = SingleThreadedExecutor()
    executor.add_node(host)
    host.start()
    deadline = time.monotonic() + 10.0
    while not host.node.answers and time.monotonic() < deadline:  # type: ignore[attr-defined]
        executor.spin_once(timeout_sec=0.05)
    for answers in (stepped.answers, host.node.answers):  # type: ignore[attr-defined]
        assert isinstance(answers[0], CallFailed) and answers[0].ending == "refused"
    host.destroy_node()


def test_a_call_whose_server_never_answers_is_unknown_at_its_deadline(ros: None) -> None:
    silent = rclpy.create_node("silent")
    silent.create_service(Trigger, "nobody", lambda request, response: response)  # there, but never spun

    class Caller(CarNode):
        name = "caller"

        def configure(self) -> None:
            self.answers: list[Any] = []
            self.asked = False
            self.run_every(0.05, self.ask, steady=True)

        def ask(self) -> None:
            if not self.asked and silent.count_services("nobody"):
                self.asked = True
                self.call(NOBODY, Trigger.Request(), self.answers.append, deadline_s=0.3)

    host = RclpyHost(Caller)
    executor = SingleThreadedExecutor()
    executor.add_node(host)
    host.start()
    deadline = time.monotonic() + 10.0
    endings = host.node.answers  # type: ignore[attr-defined]
    while time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.05)
        if endings:
            if endings[0].ending == "unknown":
                break
            host.node.asked = False  # type: ignore[attr-defined]  # discovery wasn't through yet: ask again
            endings.clear()
    assert [answer.ending for answer in endings] == ["unknown"]
    host.destroy_node()
    silent.destroy_node()


def test_a_wrong_parameter_refuses_to_start_under_both_hosts(ros: None) -> None:
    with pytest.raises(ParamsError, match="'step' is 99, wants 0 to 10"):
        Lockstep({"counter": {"step": 99.0}}, ledger=TOYS).add(Counter)
    host = RclpyHost(Counter, parameter_overrides=[Parameter("step", value=99.0)])
    executor = SingleThreadedExecutor()
    executor.add_node(host)
    host.start()
    assert host.failed and not host.active
    host.destroy_node()


def test_latched_messages_reach_late_subscribers_in_lockstep() -> None:
    world = Lockstep({"counter": {"step": 1.0}}, ledger=TOYS)
    world.add(Counter)
    heard: list[Any] = []

    class Late(CarNode):
        name = "late"

        def configure(self) -> None:
            self.subscribe_to(PARAMS_IN_FORCE, heard.append)

    world.add(Late)
    world.settle()
    assert [(message.node, list(message.value)) for message in heard] == [("counter", ["1.0"])]


def test_types_are_found_by_name() -> None:
    assert message_class("std_msgs/msg/String") is String
