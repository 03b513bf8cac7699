"""The port between the protocol and whatever carries it: one connection, whole messages, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from homeward_key_auth.fragments import MOST_MESSAGE_BYTES

MOST_UNREAD = 32  # messages; whoever sends more than are read is cut off, so that memory stays bounded (64 KiB a wire)


class WireClosed(Exception):
    """The connection is over. Its words say why; what had arrived before was received first."""


class Wire(Protocol):
    """One connection between a car and a device."""

    @property
    def peer(self) -> str:
        """Who is at the other end, for logs: an address that changes and proves nothing."""

    async def send(self, message: bytes) -> None:
        """Sends one message of 1 to 2048 bytes; waits while the link is slow.

        Raises WireClosed when the connection is over, ValueError for a message of another length. That it returns doesn't
        say that the message arrived.
        """

    async def receive(self) -> bytes:
        """The next message. Raises WireClosed when the connection is over and everything before was received."""

    async def close(self) -> None:
        """Ends the connection, after what was sent has gone out. Closing twice is fine."""


class Inbox:
    """Messages that have arrived and wait to be received."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._news = asyncio.Event()
        self.closed = ""

    def put(self, message: bytes) -> bool:
        """Keeps a message to be received; False when it is closed, or MOST_UNREAD wait already."""
        if self.closed or len(self._messages) >= MOST_UNREAD:
            return False
        self._messages.append(message)
        self._news.set()
        return True

    def shut(self, reason: str) -> None:
        """Nothing more will come. The first reason counts."""
        self.closed = self.closed or reason or "closed"
        self._news.set()

    async def take(self) -> bytes:
        """The oldest message; raises WireClosed when there is none and none will come."""
        while not self._messages:
            if self.closed:
                raise WireClosed(self.closed)
            self._news.clear()
            await self._news.wait()
        return self._messages.popleft()


class MemoryWire:
    """One end of a pair in this process. What is sent arrives `delay_s` later, in order."""

    def __init__(self, peer: str, delay_s: float) -> None:
        self.peer = peer
        self.delay_s = delay_s
        self.inbox = Inbox()
        self.other: MemoryWire = self
        self._under_way: deque[bytes | None] = deque()

    async def send(self, message: bytes) -> None:
        """As Wire.send."""
        if not 0 < len(message) <= MOST_MESSAGE_BYTES:
            raise ValueError(f"a message has 1 to {MOST_MESSAGE_BYTES} bytes, not {len(message)}")
        if self.inbox.closed:
            raise WireClosed(self.inbox.closed)
        self._dispatch(bytes(message))

    async def receive(self) -> bytes:
        """As Wire.receive."""
        return await self.inbox.take()

    async def close(self) -> None:
        """As Wire.close."""
        if not self.inbox.closed:
            self.inbox.shut("closed here")
            self._dispatch(None)

    def _dispatch(self, message: bytes | None) -> None:
        self._under_way.append(message)
        asyncio.get_running_loop().call_later(self.delay_s, self._arrive)

    def _arrive(self) -> None:
        # A queue, not the timer's argument: two timers for the same instant may fire in any order.
        message = self._under_way.popleft()
        if message is None:
            self.other.inbox.shut("closed by the other side")
        elif not self.other.inbox.put(message) and not self.other.inbox.closed:
            self.other.inbox.shut("too many messages unread")
            self.inbox.shut("too many messages unread")


def memory_pair(delay_s: float = 0.0) -> tuple[MemoryWire, MemoryWire]:
    """Two joined wires, for tests: what one sends the other receives, `delay_s` seconds later."""
    car, device = MemoryWire("memory:device", delay_s), MemoryWire("memory:car", delay_s)
    car.other, device.other = device, car
    return car, device
