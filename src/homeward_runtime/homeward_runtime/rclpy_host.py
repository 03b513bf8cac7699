"""The product's host: a managed (lifecycle) node that starts itself, refuses bad parameters and leaves cleanly."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import rclpy
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from homeward_runtime import actions
from homeward_runtime.car_node import CallFailed, CarNode, Later, message_class
from homeward_runtime.ledger import Interface
from homeward_runtime.params import BUILT_IN, ParamsError, is_preference, sources
from homeward_runtime.priority import go_first
from homeward_runtime.qos import Profile

GOODBYE_S = 1.5  # from the first signal to the end at the latest
SPIN_S = 0.2  # Python sees a signal only between waits


class RclpyHost(LifecycleNode):  # type: ignore[misc]
    """Lifecycle callbacks that swallow nothing, and interfaces that pass messages on only while active."""

    def __init__(self, node_class: type[CarNode], argv: tuple[str, ...] = (), **ros_options: Any) -> None:
        super().__init__(node_class.name, automatically_declare_parameters_from_overrides=True, **ros_options)
        if not self.has_parameter("autostart"):
            self.declare_parameter("autostart", True)
        self.argv, self.active, self.failed, self._held = argv, False, False, False
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._kept: list[tuple[Callable[[Any], Any], Any]] = []  # (destroy, entity)
        self._made: dict[str, Any] = {}  # publishers and clients by name
        self._periodic: list[Any] = []
        self.node = node_class(self)  # type: ignore[arg-type]

    # life
    def start(self) -> None:
        """Configure and activate, unless `autostart` says that somebody else does."""
        if self.get_parameter("autostart").value and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        return self._transition("configure", self.node.set_up)

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        return self._transition("activate", lambda: self._set_active(True))

    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        return self._transition("deactivate", lambda: self._set_active(False))

    def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
        return self._transition("cleanup", self.clear)

    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        return self._transition("shutdown", self.clear)

    def _transition(self, what: str, action: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            action()
            return TransitionCallbackReturn.SUCCESS
        except ParamsError as error:
            self.get_logger().fatal(f"{what} refused: {error}")
        except Exception as error:  # whatever a node raises: say it and end, never swallow it
            self.get_logger().fatal(f"{what} failed: {error}")
            self.get_logger().debug(traceback.format_exc())
        self.failed = True
        return TransitionCallbackReturn.FAILURE

    def _set_active(self, active: bool) -> None:
        self.active = active
        for timer in self._periodic:
            timer.reset() if active else timer.cancel()

    def clear(self) -> None:
        self._set_active(False)
        self.node.cleanup()
        for destroy, entity in reversed(self._kept):
            destroy(entity)
        for kept in (self._kept, self._made, self._periodic):
            kept.clear()

    def _keep(self, destroy: Callable[[Any], Any], entity: Any) -> Any:
        self._kept.append((destroy, entity))
        return entity

    def _once(self, interface: Interface, make: Callable[[], Any]) -> Any:
        if interface.name not in self._made:
            self._made[interface.name] = make()
        return self._made[interface.name]

    # parameters
    def raw_params(self) -> tuple[dict[str, Any], dict[str, str]]:
        origin = sources(self.argv, self.get_fully_qualified_name())
        self._check_sim_time()
        found = self.get_parameters_by_prefix("")
        values = {name: _plain(value) for name, value in found.items()}
        return {n: v for n, v in values.items() if n not in BUILT_IN and not n.startswith("qos_overrides.")}, origin

    def _check_sim_time(self) -> None:
        """rclpy only logs a use_sim_time of a wrong type, and then runs on the wall clock."""
        value = self.get_parameter("use_sim_time").value
        if not isinstance(value, bool):
            raise ParamsError(f"{self.get_name()}: 'use_sim_time' is {value!r}, wants true or false")

    def hold_params(self, params: Any) -> None:
        """Declare them anew with type, range, text and read-only, so that `ros2 param describe` tells the truth."""
        if self._held:
            return
        self._held = True
        for field in dataclasses.fields(params):
            value = getattr(params, field.name)
            self.undeclare_parameter(field.name)
            self.declare_parameter(
                field.name, list(value) if isinstance(value, tuple) else value, _descriptor(field, type(value)),
                ignore_override=True,
            )  # fmt: skip
        self._names = frozenset(field.name for field in dataclasses.fields(params))
        self.add_on_set_parameters_callback(self._check_preferences)
        self.add_post_set_parameters_callback(self._set_preferences)

    def _check_preferences(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            self.node.check_preferences(self._ours(parameters))
        except ParamsError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _set_preferences(self, parameters: list[Parameter]) -> None:
        wanted = self._ours(parameters)
        if wanted:
            self.node.set_preferences(wanted)

    def _ours(self, parameters: list[Parameter]) -> dict[str, Any]:
        """Those of the node's dataclass; the rest are ROS's own."""
        return {one.name: _plain(one) for one in parameters if one.name in self._names}

    # what nodes ask for
    def publisher(self, interface: Interface) -> Any:
        return self._once(interface, lambda: _Publisher(self._keep(self.destroy_publisher, self.create_publisher(
            message_class(interface.type), interface.name, qos_profile(interface.profile)))))  # fmt: skip

    def subscription(self, interface: Interface, callback: Callable[[Any], None]) -> None:
        self._keep(self.destroy_subscription, self.create_subscription(
            message_class(interface.type), interface.name, self._gated(callback), qos_profile(interface.profile)
        ))  # fmt: skip

    def service(self, interface: Interface, callback: Callable[[Any], Any]) -> None:
        async def serve(request: Any, _: Any) -> Any:
            response = callback(request)
            if isinstance(response, Later):
                given: Future = Future()
                response.then(given.set_result)
                response = await given
            return response

        # A group of its own: while an answer waits for its read-back, the node's other callbacks go on (one at a time still).
        kind, group = message_class(interface.type), ReentrantCallbackGroup()
        self._keep(self.destroy_service, self.create_service(kind, interface.name, serve, callback_group=group))

    def request(self, interface: Interface, request: Any, deadline_s: float, on_reply: Callable[[Any], None]) -> None:
        client = self._once(interface, lambda: self._keep(
            self.destroy_client, self.create_client(message_class(interface.type), interface.name)))  # fmt: skip
        answer = _FirstOf(self._gated(on_reply))
        if not client.service_is_ready():
            self.executor.create_task(answer, CallFailed("refused"))
            return
        future = client.call_async(request)
        future.add_done_callback(lambda done: None if done.cancelled() else answer(done.result()))

        def give_up() -> None:
            timer.cancel()
            self.destroy_timer(timer)
            if not future.done():
                client.remove_pending_request(future)
                answer(CallFailed("unknown"))

        timer = self.create_timer(deadline_s, give_up, clock=self._steady)

    def action(self, interface: Interface, on_goal: Callable[[Any], None]) -> None:
        self._keep(lambda server: server.destroy(), actions.serve(self, interface, on_goal))

    def goal(self, interface: Interface, goal: Any, on_feedback: Any, on_done: Any) -> Callable[[], None]:
        client = self._once(interface, lambda: self._keep(
            lambda client: client.destroy(), actions.client(self, interface)))  # fmt: skip
        return actions.send(self, client, goal, on_feedback, on_done)

    def timer(self, period_ns: int, callback: Callable[[], None], steady: bool) -> None:
        clock = self._steady if steady else None
        timer = self.create_timer(period_ns * 1e-9, callback, clock=clock, autostart=self.active)
        self._periodic.append(self._keep(self.destroy_timer, timer))

    def bell(self, callback: Callable[[], None]) -> Callable[[], None]:
        condition = self._keep(self.destroy_guard_condition, self.create_guard_condition(callback))
        return condition.trigger  # type: ignore[no-any-return]

    def _gated(self, callback: Callable[[Any], None]) -> Callable[[Any], None]:
        def run(message: Any) -> None:
            if self.active:
                callback(message)

        return run

    def now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def log(self, severity: int, text: str) -> None:
        logger = self.get_logger()  # rclpy wants a line of its own for each severity
        if severity == 0:
            logger.info(text)
        elif severity == 1:
            logger.warning(text)
        else:
            logger.error(text)


class _Publisher:
    """rclpy's publisher, and whether anybody listens."""

    def __init__(self, raw: Any) -> None:
        self.publish = raw.publish
        self._count = raw.get_subscription_count

    def wanted(self) -> bool:
        return bool(self._count())


class _FirstOf:
    """Passes on the first answer only: a reply and a deadline may both come."""

    def __init__(self, callback: Callable[[Any], None]) -> None:
        self._callback: Callable[[Any], None] | None = callback

    def __call__(self, answer: Any) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(answer)


def _plain(parameter: Parameter) -> Any:
    value = parameter.value
    return list(value) if hasattr(value, "tolist") else value


def qos_profile(profile: Profile) -> QoSProfile:
    """rclpy's words for one of the four profiles."""
    qos = QoSProfile(
        depth=profile.depth,
        reliability=ReliabilityPolicy.RELIABLE if profile.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if profile.latched else DurabilityPolicy.VOLATILE,
    )
    if profile.deadline_s:
        qos.deadline = Duration(seconds=profile.deadline_s)
    if profile.lifespan_s:
        qos.lifespan = Duration(seconds=profile.lifespan_s)
    return qos


def _descriptor(field: dataclasses.Field[Any], kind: type) -> ParameterDescriptor:
    facts = field.metadata
    text = f"{facts.get('doc', '')} [{facts.get('unit', '')}]"
    descriptor = ParameterDescriptor(description=text, read_only=not is_preference(field))
    low, high = facts.get("min", float("-inf")), facts.get("max", float("inf"))
    if kind is float and high < float("inf"):
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    elif kind is int and high < float("inf"):
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
    return descriptor


def main(node_class: type[CarNode]) -> int:
    """Run one node until it fails or is told to stop. The exit code is 0 only after a clean stop."""
    stopping: list[int] = []

    def on_signal(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one ends a node that hangs
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    _leave_in_time()
    why_not = go_first(node_class.priority)  # its start too: a node that died is wanted back soon
    try:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # else the context is gone before the goodbye
        host = RclpyHost(node_class, tuple(sys.argv))
        executor = SingleThreadedExecutor()
        executor.add_node(host)
        host.start()
        if why_not:
            host.get_logger().debug(f"no real-time priority: {why_not}")
        while not (stopping or host.failed):
            executor.spin_once(timeout_sec=SPIN_S)
        if not host.failed:
            host.trigger_shutdown()
        return _leave(int(host.failed))
    except Exception:  # what a callback raises ends this node, loudly; launch starts it again
        rclpy.logging.get_logger(node_class.name).fatal(traceback.format_exc())
        return _leave(1)


def _leave(code: int) -> NoReturn:
    """End the process now. Fast DDS 2.14 can wait for good for its TCP readers when a participant is destroyed while its
    peers live; they notice by themselves that this one is gone.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _leave_in_time() -> None:
    """End this process soon after the first signal, even when a library's call never comes back to Python."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)

    def leave() -> None:
        os.read(told, 1)
        time.sleep(GOODBYE_S)
        os._exit(0)

    threading.Thread(target=leave, name="leave-in-time", daemon=True).start()
