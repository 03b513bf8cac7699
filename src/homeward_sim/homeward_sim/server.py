"""Sockets and the clock: two ports, one thread, one loop.

Everything happens in the order in which it arrives. A tick's state goes out before the answer to who asked for it,
and its sensors after. A plain `selectors` loop: with two small messages a tick, it costs less than an event loop
with futures.
"""

import logging
import selectors
import socket
import time
from collections.abc import Callable

from homeward_sim.engine import Engine
from homeward_sim.protocol.calls import Calls
from homeward_sim.protocol.door import Door
from homeward_sim.protocol.messages import WORLD_STREAM
from homeward_sim.protocol.rpc import BrokenMessage, Decoder, Dispatcher
from homeward_sim.protocol.streams import Outbox, Streams
from homeward_sim.world import World

LOG = logging.getLogger("homeward_sim")
READ_BYTES = 1 << 16
QUIET_START_S, LATEST_START_S = 1.0, 3.0
"""A fresh asynchronous world stands still until a client has been quiet for the first time, or has been there for the
second.
"""
LONGEST_SLEEP_S = 0.5
WINDOW_S, FLAT_OUT_SHARE, PAUSE_S, SPIN_S = 0.2, 0.5, 2e-3, 5e-4
BACKLOG = 128
MOST_LAG_STEPS = 10


class PortTaken(Exception):
    """The ports asked for can't be had; the message says what to do."""


class Caller:
    """One connection to the RPC port."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self.sock, self.name = sock, name
        self.decoder = Decoder()
        self.outbox = Outbox(sock, name)
        self.traffic_managers: set[int] = set()


class Server:
    """Serves one world on port N (calls) and N + 1 (streams) of `host`. Raises PortTaken."""

    def __init__(self, world: World, host: str = "127.0.0.1", port: int = 2000) -> None:
        calls, streams = open_ports(host, port)
        self._rpc, self._stream = Door(calls), Door(streams)
        self.port = int(calls.getsockname()[1])
        self._selector = selectors.DefaultSelector()
        self.streams = Streams(self._stream, self._selector, self._greeting)
        self.engine = Engine(world, self.streams.publish, self.streams.has_listener)
        address = socket.inet_aton(_reachable(host))
        self._calls = Calls(self.engine, self.port + 1, address, self.streams.expect)
        methods = self._calls.methods()
        self._dispatcher = Dispatcher(methods)
        self._callers: set[Caller] = set()
        self._selector.register(calls, selectors.EVENT_READ, self._accept)
        self._first_seen_s = self._last_call_s = 0.0
        self._moving_episode = self._watched_episode = 0
        self._next_tick_s = self._window_start_s = self._paused_s = 0.0
        self._is_flat_out = False
        self._stopping = False

    # ---- the loop -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until `stop`."""
        while not self._stopping:
            for key, _ in self._wait():
                ready: Callable[[], None] = key.data
                ready()
            self._run_freely()
        self.close()

    def stop(self) -> None:
        """End `run` at its next turn; may be called from a signal handler."""
        self._stopping = True

    def close(self) -> None:
        """Close every connection and both ports."""
        for caller in tuple(self._callers):
            self._drop(caller)
        self.streams.close_all()
        self._selector.close()
        self._rpc.close()
        self._stream.close()

    def _patience_s(self) -> float:
        if not self._runs_freely():
            return LONGEST_SLEEP_S
        return min(max(self._next_tick_s - time.monotonic(), 0.0), LONGEST_SLEEP_S)

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready. Between the calls of a client that runs flat out, look again and again instead of falling
        asleep: waking up costs more than such a client's pause. A client that keeps real time mostly pauses, and
        we sleep.
        """
        start = time.monotonic()
        while self.engine.has_work:
            ready = self._selector.select(0)
            if ready:
                return ready
            self.engine.work()
        if self._is_flat_out and self.engine.is_synchronous:
            while time.monotonic() - start < SPIN_S:
                ready = self._selector.select(0)
                if ready:
                    return ready
        before = time.monotonic()
        ready = self._selector.select(self._patience_s())
        self._note_pause(before, time.monotonic())
        return ready

    def _note_pause(self, before_s: float, after_s: float) -> None:
        """Judge by the last window whether clients leave us idle for most of the time."""
        if after_s - before_s > PAUSE_S:
            self._paused_s += after_s - before_s
        elapsed_s = after_s - self._window_start_s
        if elapsed_s > WINDOW_S:
            self._is_flat_out = self._paused_s < FLAT_OUT_SHARE * elapsed_s
            self._paused_s, self._window_start_s = 0.0, after_s

    def _runs_freely(self) -> bool:
        return not self.engine.is_synchronous and not self.streams.is_deserted

    def _run_freely(self) -> None:
        """In asynchronous mode, while anybody listens: the step that is due, at the pace of the wall clock."""
        now = time.monotonic()
        if not self._runs_freely():
            self._next_tick_s = now
            self._moving_episode = self._moving_episode if self.streams.is_deserted else self.engine.world.episode
            return
        if self._stands_still(now) or now < self._next_tick_s:
            return
        self.engine.tick()
        self.engine.flush_sensors()
        step_s = self.engine.world.step_s
        self._next_tick_s = max(self._next_tick_s + step_s, now - MOST_LAG_STEPS * step_s)

    def _stands_still(self, now: float) -> bool:
        """Whether a fresh episode still waits for somebody to say that it is to be synchronous."""
        if self._moving_episode == self.engine.world.episode:
            return False
        if self._watched_episode != self.engine.world.episode:
            self._watched_episode = self.engine.world.episode
            self._first_seen_s = self._last_call_s = now
        start_s = min(self._last_call_s + QUIET_START_S, self._first_seen_s + LATEST_START_S)
        if now < start_s:
            self._next_tick_s = start_s
            return True
        self._moving_episode = self.engine.world.episode
        self._next_tick_s = now
        return False

    # ---- streams ------------------------------------------------------------------------------------------------

    def _greeting(self, stream: int) -> bytes | None:
        return self.engine.state_message() if stream == WORLD_STREAM else None

    # ---- calls --------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        for sock, name in self._rpc.callers():
            caller = Caller(sock, name)
            self._callers.add(caller)
            self._selector.register(sock, selectors.EVENT_READ, lambda one=caller: self._read(one))

    def _read(self, caller: Caller) -> None:
        if not caller.outbox.is_empty and not self._flush(caller):
            return
        try:
            data = caller.sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._drop(caller)
            return
        self._last_call_s = time.monotonic()
        try:
            self._answer(caller, data)
        except BrokenMessage as error:
            LOG.warning("Closed the connection of %s: %s", caller.name, error)
            self._drop(caller)

    def _answer(self, caller: Caller, data: bytes) -> None:
        for request in caller.decoder.feed(data):
            if request.name in ("tick_cue", "apply_batch"):
                self.streams.await_expected()
            answer = self._dispatcher.answer(request)
            if answer and not caller.outbox.send(answer):
                self._drop(caller)
                return
            if request.name == "add_traffic_manager_running" and request.arguments:
                caller.traffic_managers.add(request.arguments[0][1])
            self.engine.flush_sensors()
        if not caller.outbox.is_empty:
            self._watch(caller)

    def _flush(self, caller: Caller) -> bool:
        if not caller.outbox.flush():
            self._drop(caller)
            return False
        if caller.outbox.is_empty:
            self._watch(caller)
        return True

    def _watch(self, caller: Caller) -> None:
        events = selectors.EVENT_READ | (0 if caller.outbox.is_empty else selectors.EVENT_WRITE)
        self._selector.modify(caller.sock, events, lambda: self._read(caller))

    def _drop(self, caller: Caller) -> None:
        """Let a client go; a traffic manager that it ran is no longer there."""
        if caller not in self._callers:
            return
        self._callers.discard(caller)
        for port in caller.traffic_managers:
            self._calls.traffic_managers.pop(port, None)
        self._selector.unregister(caller.sock)
        caller.sock.close()


def open_ports(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Two listening sockets on neighbouring ports; port 0 finds a free pair. Raises PortTaken."""
    if port:
        return _listen(host, port), _listen(host, port + 1)
    for _ in range(100):
        first = _listen(host, 0)
        number = first.getsockname()[1]
        try:
            if number < 65535:
                return first, _listen(host, number + 1)
        except PortTaken:
            pass
        first.close()
    raise PortTaken("No two neighbouring free ports were found. Give a port with --port.")


def _listen(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise PortTaken(
            f"Port {port} of {host} can't be used: {error.strerror}. "
            "End what uses it, or give another with --port (the next one is needed, too)."
        ) from None
    sock.setblocking(False)
    return sock


def _reachable(host: str) -> str:
    """The address that stream tokens name; clients replace 0.0.0.0 by the host that they called."""
    return socket.gethostbyname(host) if host else "0.0.0.0"
