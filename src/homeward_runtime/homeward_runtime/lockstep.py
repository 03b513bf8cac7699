"""Lockstep: all nodes in one process on a stepped clock. Order: stamp, timers, ledger order, first come."""

from __future__ import annotations

import heapq
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from rclpy.serialization import deserialize_message, serialize_message

from homeward_runtime.car_node import CallFailed, CarNode, Later, message_class
from homeward_runtime.ledger import LEDGER, Interface
from homeward_runtime.params import BUILT_IN

TIMERS_FIRST = -1
CASCADE_LIMIT = 100_000


class Lockstep:
    """The stepped clock and the post between the nodes.

    wire: messages pass through the middleware's encoding, as between processes (float32 rounds, no aliasing).
    shuffle: a seed for another order of the interfaces at each stamp, first come first served within each; as
    repeatable as the defined order, and it finds the nodes whose output rests on that order.
    """

    def __init__(
        self, params: dict[str, dict[str, Any]], *, ledger: tuple[Interface, ...] = LEDGER, wire: bool = True,
        shuffle: int | None = None, log: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
    ) -> None:  # fmt: skip
        self.rank = {interface.name: index for index, interface in enumerate(ledger)}
        self.params, self.wire, self.shuffle, self.write_log = params, wire, shuffle, log
        self.now_ns, self.callbacks = 0, 0
        self.subscribers: dict[str, list[tuple[LockstepHost | None, Callable[[Any], None]]]] = defaultdict(list)
        self.services: dict[str, tuple[LockstepHost, Callable[[Any], Any]]] = {}
        self.actions: dict[str, tuple[LockstepHost, Callable[[Any], None]]] = {}
        self.latched: dict[str, dict[str, Any]] = defaultdict(dict)  # topic -> publisher's node -> last message
        self.hosts: dict[str, LockstepHost] = {}
        self._events: list[tuple[Any, ...]] = []
        self._order = 0

    def add(self, node_class: type[CarNode]) -> CarNode:
        """Configure and activate a node."""
        host = LockstepHost(self, node_class.name)
        node = node_class(host)  # type: ignore[arg-type]
        node.set_up()
        host.active = True
        self.hosts[node_class.name] = host
        return node

    def remove(self, name: str) -> None:
        """A node dies: its timers and subscriptions fall silent."""
        self.hosts.pop(name).active = False

    def watch(self, interface: Interface, callback: Callable[[Any], None]) -> None:
        """A listener outside of every node: a test, a recorder."""
        self.subscribers[interface.name].append((None, callback))

    def publish(self, interface: Interface, message: Any, node: str = "") -> None:
        """Post a message to all subscribers; callable from outside of the nodes too."""
        if interface.profile.latched:
            self.latched[interface.name][node] = message
        readers = self.subscribers.get(interface.name)
        if not readers:
            return
        data = serialize_message(message) if self.wire else None
        for host, callback in readers:
            copy = deserialize_message(data, message_class(interface.type)) if self.wire else message
            self.at_once(self.rank[interface.name], host, callback, copy)

    def at_once(self, rank: int, host: LockstepHost | None, callback: Callable[..., Any], *args: Any) -> None:
        self._order += 1
        if self.shuffle is not None and rank != TIMERS_FIRST:
            rank = zlib.crc32(f"{self.shuffle} {self.now_ns} {rank}".encode())
        heapq.heappush(self._events, (self.now_ns, rank, self._order, host, callback, args))

    def step(self, period_ns: int) -> None:
        """Let the nodes take in what is there, then move the clock and run what is due."""
        self.settle()
        self.now_ns += period_ns
        for host in self.hosts.values():
            host.queue_due_timers()
        self.settle()

    def settle(self) -> None:
        """Run callbacks until none is left at this time. Raises RuntimeError when nodes answer one another for ever."""
        for _ in range(CASCADE_LIMIT):
            if not self._events:
                return
            *_, host, callback, args = heapq.heappop(self._events)
            if host is None or host.active:
                self.callbacks += 1
                callback(*args)
        raise RuntimeError(f"nodes keep answering one another at {self.now_ns} ns")


class LockstepHost:
    """One node's view of the stepped world."""

    def __init__(self, world: Lockstep, name: str) -> None:
        self.world, self.name, self.active = world, name, False
        self.timers: list[list[Any]] = []

    def raw_params(self) -> tuple[dict[str, Any], dict[str, str]]:
        raw = {key: value for key, value in self.world.params.get(self.name, {}).items() if key not in BUILT_IN}
        return raw, dict.fromkeys(raw, "lockstep")

    def hold_params(self, params: Any) -> None:
        self.params = params

    def publisher(self, interface: Interface) -> Any:
        return _Publisher(self.world, interface, self.name)

    def subscription(self, interface: Interface, callback: Callable[[Any], None]) -> None:
        self.world.subscribers[interface.name].append((self, callback))
        for message in self.world.latched[interface.name].values():
            self.world.at_once(self.world.rank[interface.name], self, callback, message)

    def service(self, interface: Interface, callback: Callable[[Any], Any]) -> None:
        self.world.services[interface.name] = (self, callback)

    def request(self, interface: Interface, request: Any, deadline_s: float, on_reply: Callable[[Any], None]) -> None:
        rank = self.world.rank[interface.name]
        server, answer = self.world.services.get(interface.name, (self, lambda _: CallFailed("refused")))
        if not server.active:
            server, answer = self, lambda _: CallFailed("refused")

        def serve() -> None:
            response = answer(request)
            if isinstance(response, Later):
                response.then(lambda given: self.world.at_once(rank, self, on_reply, given))
            else:
                self.world.at_once(rank, self, on_reply, response)

        self.world.at_once(rank, server, serve)

    def timer(self, period_ns: int, callback: Callable[[], None], steady: bool) -> None:
        self.timers.append([self.world.now_ns + period_ns, period_ns, callback])

    def queue_due_timers(self) -> None:
        """As rcl does: one call however late, the next due on the period's grid."""
        for timer in self.timers:
            due, period_ns, callback = timer
            if due <= self.world.now_ns:
                timer[0] = due + period_ns * ((self.world.now_ns - due) // period_ns + 1)
                self.world.at_once(TIMERS_FIRST, self, callback)

    def action(self, interface: Interface, on_goal: Callable[[Any], None]) -> None:
        self.world.actions[interface.name] = (self, on_goal)

    def goal(self, interface: Interface, goal: Any, on_feedback: Any, on_done: Any) -> Callable[[], None]:
        rank = self.world.rank[interface.name]
        server, on_goal = self.world.actions.get(interface.name, (self, lambda run: run.finish("absent", None)))
        run = _Run(
            goal,
            lambda message: self.world.at_once(rank, self, on_feedback, message),
            lambda how, result: self.world.at_once(rank, self, on_done, how, result),
        )
        self.world.at_once(rank, server, on_goal, run)
        return lambda: self.world.at_once(rank, server, run.ask_cancel)

    def bell(self, callback: Callable[[], None]) -> Callable[[], None]:
        return lambda: self.world.at_once(TIMERS_FIRST, self, callback)

    def now_ns(self) -> int:
        return self.world.now_ns

    def monotonic_ns(self) -> int:
        return self.world.now_ns

    def log(self, severity: int, text: str) -> None:
        self.world.write_log(f"[{self.world.now_ns * 1e-9:.3f}] [{self.name}] {text}")


class _Run:
    def __init__(self, goal: Any, feedback: Callable[[Any], None], finish: Callable[[str, Any], None]) -> None:
        self.goal, self.feedback, self.cancel_requested = goal, feedback, False
        self._finish, self._finished = finish, False

    def finish(self, how: str, result: Any) -> None:
        if not self._finished:
            self._finished = True
            self._finish(how, result)

    def ask_cancel(self) -> None:
        self.cancel_requested = True


class _Publisher:
    def __init__(self, world: Lockstep, interface: Interface, node: str) -> None:
        self._world, self._interface, self._node = world, interface, node

    def publish(self, message: Any) -> None:
        self._world.publish(self._interface, message, self._node)

    def wanted(self) -> bool:
        return self._interface.profile.latched or bool(self._world.subscribers.get(self._interface.name))
