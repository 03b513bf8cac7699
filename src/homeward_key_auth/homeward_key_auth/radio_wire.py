"""A Wire over one Bluetooth connection: fragments, their count and their time limits; knows no Bluetooth stack."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from homeward_key_auth.fragments import MOST_MESSAGE_S, Assembler, Malformed, split
from homeward_key_auth.wire import Inbox, WireClosed

DRAIN_S = 1.0  # for the last words, before hanging up


class Carrier(Protocol):
    """What carries the fragments."""

    def most_fragment_bytes(self) -> int:
        """The longest fragment that passes now, in bytes."""

    async def put(self, fragment: bytes) -> None:
        """Sends a fragment; waits for room."""

    async def drain(self) -> None:
        """Waits until all fragments are out."""

    async def hang_up(self) -> None:
        """Ends the connection; never raises."""


class RadioWire:
    """As wire.Wire. `silence_s`: how long the other side may send nothing; None for any time."""

    def __init__(self, peer: str, carrier: Carrier, silence_s: float | None = None) -> None:
        self.peer = peer
        self._carrier = carrier
        self._silence_s = silence_s
        self._inbox = Inbox()
        self._assembler = Assembler()
        self._loop = asyncio.get_running_loop()
        self._heard_s = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._sending = asyncio.Lock()
        self._count = 0
        self._ending: asyncio.Task[None] | None = None
        self._look_again()

    @property
    def closed(self) -> str:
        """Why the connection is over; empty while it isn't."""
        return self._inbox.closed

    async def send(self, message: bytes) -> None:
        """As Wire.send. A message that the link can't take within 5 s ends the connection: the other side would end it too."""
        async with self._sending:
            self._check_open()
            fragments = split(message, self._carrier.most_fragment_bytes(), self._count)
            self._count += len(fragments)
            await self._send_whole(fragments)

    async def receive(self) -> bytes:
        """As Wire.receive."""
        return await self._inbox.take()

    async def close(self) -> None:
        """As Wire.close."""
        self.end("closed here")
        if self._ending:
            await asyncio.shield(self._ending)

    def feed(self, fragment: bytes) -> None:
        """A fragment has come from the other side. One that breaks the rules ends the connection."""
        if self.closed:
            return
        self._heard_s = self._loop.time()
        try:
            message = self._assembler.take(fragment, self._heard_s)
        except Malformed as error:
            self.end(f"malformed: {error}")
            return
        if message is not None and not self._inbox.put(message):
            self.end("too many messages unread")
        self._look_again()

    def end(self, reason: str) -> None:
        """Ends the connection from this side, after what was sent has gone out."""
        if not self.closed:
            self.lost(reason)
            self._ending = asyncio.create_task(self._hang_up())

    def lost(self, reason: str) -> None:
        """The connection has ended by itself, or by the other side."""
        self._inbox.shut(reason)
        if self._watch:
            self._watch.cancel()

    async def _send_whole(self, fragments: list[bytes]) -> None:
        try:
            async with asyncio.timeout(MOST_MESSAGE_S):
                for fragment in fragments:
                    await self._carrier.put(fragment)
                    self._check_open()
        except TimeoutError:
            self.end(f"the link took no message for {MOST_MESSAGE_S:.0f} s")
            raise WireClosed(self.closed) from None
        except asyncio.CancelledError:
            self.end("a message was cut off")  # half of it may be out: the count can't be mended
            raise

    def _check_open(self) -> None:
        if self.closed:
            raise WireClosed(self.closed)

    async def _hang_up(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._carrier.drain()
        await self._carrier.hang_up()

    def _look_again(self) -> None:
        if self._watch:
            self._watch.cancel()
        due = [due_s for due_s in (self._silent_at_s(), self._assembler.deadline_s) if due_s is not None]
        if due and not self.closed:
            self._watch = self._loop.call_at(min(due) + 1e-3, self._look)

    def _silent_at_s(self) -> float | None:
        return None if self._silence_s is None else self._heard_s + self._silence_s

    def _look(self) -> None:
        silent_at_s = self._silent_at_s()
        try:
            self._assembler.check(self._loop.time())
        except Malformed as error:
            self.end(f"malformed: {error}")
        if silent_at_s is not None and self._loop.time() >= silent_at_s:
            self.end(f"silent for {self._silence_s:g} s")
        self._look_again()
