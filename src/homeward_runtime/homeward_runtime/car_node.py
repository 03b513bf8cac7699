"""The seam: one small node class that runs under rclpy and under lockstep. It knows no host, only the Host protocol."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from homeward_runtime import ledger
from homeward_runtime.faults import Fault, Severity
from homeward_runtime.ledger import Interface
from homeward_runtime.params import build, replaced

Params = TypeVar("Params")
Message = Any
Callback = Callable[[Any], None]
STARTING_NS = 8_000_000_000
DIAGNOSTICS_PERIOD_S = 1.0


class Publisher(Protocol):
    """What publish_to() gives."""

    def publish(self, message: Message) -> None: ...

    def wanted(self) -> bool: ...  # false when nobody listens: spare the work of making the message


class Run(Protocol):
    """One accepted goal of an action. Keep it; end it from any later callback."""

    goal: Any

    @property
    def cancel_requested(self) -> bool: ...

    def feedback(self, message: Message) -> None: ...

    def finish(self, how: str, result: Message) -> None: ...  # succeed, abort or canceled


class Host(Protocol):
    """What a node stands on. Callbacks run one at a time, and only while the node is active."""

    def raw_params(self) -> tuple[dict[str, Any], dict[str, str]]: ...  # values, and where each came from
    def hold_params(self, params: Any) -> None: ...
    def publisher(self, interface: Interface) -> Publisher: ...
    def subscription(self, interface: Interface, callback: Callback) -> None: ...
    def service(self, interface: Interface, callback: Callable[[Message], Message]) -> None: ...
    def request(self, interface: Interface, request: Message, deadline_s: float, on_reply: Callback) -> None: ...
    def action(self, interface: Interface, on_goal: Callable[[Run], None]) -> None: ...
    def goal(self, interface: Interface, goal: Message, on_feedback: Callback,
             on_done: Callable[[str, Message], None]) -> Callable[[], None]: ...  # fmt: skip
    def timer(self, period_ns: int, callback: Callable[[], None], steady: bool) -> None: ...
    def bell(self, callback: Callable[[], None]) -> Callable[[], None]: ...  # ring it from any thread
    def now_ns(self) -> int: ...
    def monotonic_ns(self) -> int: ...
    def log(self, severity: int, text: str) -> None: ...


class CallFailed:
    """What on_reply gets instead of a response: `ending` is 'refused' (nobody serves it) or 'unknown' (no answer came)."""

    def __init__(self, ending: str) -> None:
        self.ending = ending


class Later:
    """What a service's callback returns when the answer comes later, after a read-back: give() it then, once."""

    def __init__(self) -> None:
        self._answer: list[Message] = []
        self._waiting: list[Callback] = []

    def give(self, response: Message) -> None:
        if not self._answer:
            self._answer.append(response)
            for waiting in self._waiting:
                waiting(response)

    def then(self, callback: Callback) -> None:
        """For hosts: callback(response), at once when it is there already."""
        if self._answer:
            callback(self._answer[0])
        else:
            self._waiting.append(callback)


class CarNode:
    """Subclass it, name it, fill in configure()."""

    name = ""
    priority = 5  # real-time, where the system allows it: the nearer to the wheels, the higher

    def __init__(self, host: Host) -> None:
        self._host = host
        self._faults: dict[str, Fault] = {}
        self._told: dict[str, Fault] = {}
        self._began_ns = host.monotonic_ns()

    # what a subclass fills in
    def configure(self) -> None:
        """Load parameters, open what is outside, make interfaces and timers."""
        raise NotImplementedError

    def cleanup(self) -> None:
        """Close what configure() opened outside of ROS."""

    def on_preferences(self, params: Any) -> None:
        """Somebody set preferences: `params` are in force from now on."""

    # what a subclass calls
    def load_params(self, params_type: type[Params]) -> Params:
        """The node's parameters. An unknown or missing key, or a value out of range, refuses to start."""
        raw, self._sources = self._host.raw_params()
        params = build(params_type, raw, self.name)
        self._host.hold_params(params)
        self._in_force: Any = params
        self.publish_to(ledger.PARAMS_IN_FORCE).publish(_params_message(self.name, params, self._sources))
        return params

    def publish_to(self, interface: Interface) -> Publisher:
        return self._host.publisher(interface)

    def subscribe_to(self, interface: Interface, callback: Callback) -> None:
        self._host.subscription(interface, callback)

    def serve(self, interface: Interface, callback: Callable[[Message], Message]) -> None:
        """callback(request) -> response, or a Later when the answer comes after a read-back."""
        self._host.service(interface, callback)

    def call(self, interface: Interface, request: Message, on_reply: Callback, deadline_s: float = 2.0) -> None:
        """on_reply(response) later, or on_reply(CallFailed): 'refused' when nobody serves it, 'unknown' at the deadline."""
        self._host.request(interface, request, deadline_s, on_reply)

    def serve_action(self, interface: Interface, on_goal: Callable[[Run], None]) -> None:
        """Every goal is accepted; one that can't be done is finished with "abort" and a result that says why."""
        self._host.action(interface, on_goal)

    def send_goal(
        self, interface: Interface, goal: Message, on_feedback: Callback, on_done: Callable[[str, Message], None]
    ) -> Callable[[], None]:
        """A function that asks to cancel. on_done(how, result): succeed, abort, canceled or absent (result None)."""
        return self._host.goal(interface, goal, on_feedback, on_done)

    def run_every(self, period_s: float, callback: Callable[[], None], *, steady: bool = False) -> None:
        """On the node's clock (simulated or real), or on the monotonic one: watchdogs."""
        self._host.timer(round(period_s * 1e9), callback, steady)

    def bell(self, callback: Callable[[], None]) -> Callable[[], None]:
        """A function for other threads: it makes `callback` run on the node's own soon. Several rings may be one call."""
        return self._host.bell(callback)

    def now_s(self) -> float:
        return self._host.now_ns() * 1e-9

    def monotonic_ns(self) -> int:
        """For ages and deadlines; under lockstep it is the stepped clock."""
        return self._host.monotonic_ns()

    def stamp(self) -> Message:
        """Now, as builtin_interfaces/msg/Time."""
        return time_message(self._host.now_ns())

    def log(self, text: str, severity: Severity = Severity.OK) -> None:
        self._host.log(int(severity), text)

    def report(self, faults: Iterable[Fault]) -> None:
        """The whole set of faults that hold now: diagnostics on each change, a log line for each that is new."""
        before, self._faults = self._faults, {fault.code: fault for fault in faults}
        if self._faults.keys() == before.keys():
            return  # the heartbeat carries the newest details
        self._tell()
        self.publish_diagnostics()

    @property
    def is_starting(self) -> bool:
        """Whether the whole car may still be starting, and what others haven't begun yet is no news for the log."""
        return self.monotonic_ns() - self._began_ns < STARTING_NS

    def _tell(self) -> None:
        """Log what has come and what is over since the log was last told."""
        if self.is_starting:
            return
        before, self._told = self._told, self._faults
        for code in self._faults.keys() - before.keys():
            fault = self._faults[code]
            self._host.log(int(fault.severity), f"{code}: {fault.text} {fault.detail}".rstrip())
        for code in before.keys() - self._faults.keys():
            self._host.log(int(Severity.OK), f"{code}: over")

    # what hosts call
    def check_preferences(self, values: Mapping[str, Any]) -> None:
        """Raises ParamsError, with a sentence for each, where values can't be set while the node runs."""
        replaced(self._in_force, values, self.name)

    def set_preferences(self, values: Mapping[str, Any]) -> None:
        """Set them, and tell. Raises ParamsError, and changes nothing, where one is refused."""
        self._in_force = replaced(self._in_force, values, self.name)
        self._sources |= dict.fromkeys(values, "set while running")
        self.publish_to(ledger.PARAMS_IN_FORCE).publish(_params_message(self.name, self._in_force, self._sources))
        self.on_preferences(self._in_force)

    def set_up(self) -> None:
        """configure(), and what every node has."""
        self.configure()
        self.publish_diagnostics()
        self.run_every(DIAGNOSTICS_PERIOD_S, self.publish_diagnostics)

    def publish_diagnostics(self) -> None:
        """The heartbeat: one status a fault, or one that says that all is well."""
        self._tell()
        message = message_class(ledger.DIAGNOSTICS.type)()
        message.header.stamp = self.stamp()
        message.status = [_status(self.name, fault) for fault in self._faults.values()] or [_status(self.name, None)]
        self.publish_to(ledger.DIAGNOSTICS).publish(message)


def message_class(type_name: str) -> Any:
    """The class of "package/msg/Name", "package/srv/Name" or "package/action/Name"."""
    found = _CLASSES.get(type_name)
    if found is None:
        package, kind, name = type_name.split("/")
        found = _CLASSES[type_name] = getattr(importlib.import_module(f"{package}.{kind}"), name)
    return found


_CLASSES: dict[str, Any] = {}


def time_message(time_ns: int) -> Message:
    """builtin_interfaces/msg/Time from nanoseconds."""
    seconds, nanoseconds = divmod(time_ns, 10**9)
    return message_class("builtin_interfaces/msg/Time")(sec=seconds, nanosec=nanoseconds)


def seconds_of(stamp: Message) -> float:
    """builtin_interfaces/msg/Time (or Duration) in seconds."""
    return float(stamp.sec) + float(stamp.nanosec) * 1e-9


def _status(node: str, fault: Fault | None) -> Message:
    key_value = message_class("diagnostic_msgs/msg/KeyValue")
    status = message_class("diagnostic_msgs/msg/DiagnosticStatus")(name=node)
    if fault is None:
        status.level, status.message = bytes([Severity.OK]), "running"
        return status
    status.level, status.message = bytes([fault.severity]), fault.text
    facts = {"code": fault.code, "remedy": fault.remedy, "detail": fault.detail}
    status.values = [key_value(key=key, value=value) for key, value in facts.items()]
    return status


def _params_message(node: str, params: Any, sources: dict[str, str]) -> Message:
    import dataclasses
    import json

    fields = dataclasses.fields(params)
    return message_class(ledger.PARAMS_IN_FORCE.type)(
        node=node,
        name=[field.name for field in fields],
        value=[json.dumps(getattr(params, field.name)) for field in fields],  # JSON is YAML
        unit=[field.metadata.get("unit", "") for field in fields],
        source=[sources.get(field.name, "") for field in fields],
    )
