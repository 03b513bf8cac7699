"""The stream port: who listens to which stream, and what waits to be sent to whom.

A client sends the number of the stream it wants (u32) and from then on only listens. What it doesn't fetch is kept
for it up to a bound; then it is cut off, loudly, so that one slow client costs neither memory nor the others'
time.
"""

import logging
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable

from homeward_sim.protocol.door import Door

LOG = logging.getLogger("homeward_sim")
MOST_WAITING_BYTES = 64 * 1024 * 1024
SUBSCRIPTION = struct.Struct("<I")
JOIN_WAIT_S = 1.0
"""How long a tick waits for a client that has asked for a stream's token and hasn't joined the stream yet."""


class Outbox:
    """A non-blocking socket's bytes that are still to be sent."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self.sock, self.name = sock, name
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    def send(self, message: bytes) -> bool:
        """Send now what goes and keep the rest; False where the peer is gone or too slow: the connection is to be
        closed.
        """
        if self._waiting:
            return self._keep(memoryview(message)) and self.flush()
        try:
            sent = self.sock.send(message)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            return False
        return sent == len(message) or self._keep(memoryview(message)[sent:])

    def flush(self) -> bool:
        """Send what waits, as far as it goes; False where the peer is gone."""
        try:
            while self._waiting:
                first = self._waiting[0]
                sent = self.sock.send(first)
                self._waiting_bytes -= sent
                if sent < len(first):
                    self._waiting[0] = first[sent:]
                    return True
                self._waiting.popleft()
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        return True

    def _keep(self, rest: memoryview) -> bool:
        if self._waiting_bytes + len(rest) > MOST_WAITING_BYTES:
            LOG.error(
                "CUT OFF: %s does not fetch what it asked for; %d MiB wait for it. Read faster or listen to less.",
                self.name,
                self._waiting_bytes >> 20,
            )
            return False
        self._waiting.append(rest)
        self._waiting_bytes += len(rest)
        return True


class Listener:
    """One connection to the stream port; `stream` is 0 until its client has said which one it wants."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self.outbox = Outbox(sock, name)
        self.sock = sock
        self.stream = 0
        self.request = b""


class Streams:
    """All connections to the stream port. `greet(stream)` gives the message that a new listener gets at once, or
    none.
    """

    def __init__(self, door: Door, selector: selectors.BaseSelector, greet: Callable[[int], bytes | None]) -> None:
        self._door, self._selector, self._greet = door, selector, greet
        self._by_stream: dict[int, list[Listener]] = {}
        self._listeners: set[Listener] = set()
        self._expected: dict[int, float] = {}
        selector.register(door.server, selectors.EVENT_READ, self._accept)

    def has_listener(self, stream: int) -> bool:
        return bool(self._by_stream.get(stream))

    @property
    def is_deserted(self) -> bool:
        return not self._listeners

    def publish(self, stream: int, message: bytes) -> None:
        """Send a message to everybody who listens to this stream."""
        for listener in tuple(self._by_stream.get(stream, ())):
            self._send(listener, message)

    def expect(self, stream: int) -> None:
        """A client has asked for this stream's token and is about to join."""
        self._expected[stream] = time.monotonic() + JOIN_WAIT_S

    def await_expected(self) -> None:
        """Let clients join that are about to: a step doesn't begin while somebody who asked for it would miss it."""
        while self._expected:
            left_s = max(self._expected.values()) - time.monotonic()
            if left_s <= 0.0:
                self._expected.clear()
                return
            self._wait(left_s)

    def _wait(self, longest_s: float) -> None:
        with selectors.DefaultSelector() as own:
            own.register(self._door.server, selectors.EVENT_READ, self._accept)
            for listener in self._listeners:
                if not listener.stream:
                    own.register(listener.sock, selectors.EVENT_READ, lambda one=listener: self._read(one))
            for key, _ in own.select(longest_s):
                key.data()

    def _send(self, listener: Listener, message: bytes) -> None:
        if not listener.outbox.send(message):
            self.close(listener)
        elif not listener.outbox.is_empty:
            self._watch(listener)

    def _watch(self, listener: Listener) -> None:
        """Wait for room only while something is to be sent."""
        events = selectors.EVENT_READ | (0 if listener.outbox.is_empty else selectors.EVENT_WRITE)
        self._selector.modify(listener.sock, events, lambda: self._serve(listener))

    def _accept(self) -> None:
        for sock, name in self._door.callers():
            listener = Listener(sock, name)
            self._listeners.add(listener)
            self._selector.register(sock, selectors.EVENT_READ, lambda one=listener: self._serve(one))

    def _serve(self, listener: Listener) -> None:
        if not listener.outbox.is_empty:
            if not listener.outbox.flush():
                self.close(listener)
                return
            if listener.outbox.is_empty:
                self._watch(listener)
        self._read(listener)

    def _read(self, listener: Listener) -> None:
        try:
            data = listener.sock.recv(4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.close(listener)
        elif not listener.stream:
            listener.request += data[: SUBSCRIPTION.size]
            if len(listener.request) >= SUBSCRIPTION.size:
                self._join(listener)

    def _join(self, listener: Listener) -> None:
        listener.stream = SUBSCRIPTION.unpack(listener.request[: SUBSCRIPTION.size])[0] or 0xFFFFFFFF
        self._by_stream.setdefault(listener.stream, []).append(listener)
        self._expected.pop(listener.stream, None)
        greeting = self._greet(listener.stream)
        if greeting is not None:
            self._send(listener, greeting)

    def close(self, listener: Listener) -> None:
        """Let a connection go."""
        if listener not in self._listeners:
            return
        self._listeners.discard(listener)
        others = self._by_stream.get(listener.stream, [])
        if listener in others:
            others.remove(listener)
        if not others:
            self._by_stream.pop(listener.stream, None)
        self._selector.unregister(listener.sock)
        listener.sock.close()

    def close_all(self) -> None:
        for listener in tuple(self._listeners):
            self.close(listener)
