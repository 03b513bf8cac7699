"""A fuzz of the key service: ./homeward bench key-fuzz --messages 1000000 --json

Messages that are nearly right come over connections in every state: fresh, in a pairing, in a handshake, in an open session of
a friend who may lock and nothing else. Real messages are cut, joined, turned bit by bit, spelt otherwise; inside the session
come requests of every number and kind with values of every kind, sealed as they should be. Nothing may raise or open; the
owner's key must open the door afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from homeward_cli.bench.key_car import Car, DirectWire
from homeward_key_auth import operations
from homeward_key_auth.core import Now
from homeward_key_auth.device import DeviceKey, KeyProblem, Talk, pair
from homeward_key_auth.encoding import encode
from homeward_key_auth.token import Verb

os.environ["RUST_BACKTRACE"] = "0"  # a panic of lakers is one line on standard error, not fifty
DESCRIPTION = "messages of every kind at the key service: nothing raises, nothing opens"
OPENING = {operations.BODY_UNLOCK, operations.BODY_START, operations.BODY_TRUNK_OPEN, operations.BODY_WINDOWS}
SAY_EVERY = 50_000


def run(say: Callable[[str], None], arguments: Sequence[str] = ()) -> dict[str, object]:
    """How many were sent, what was raised, what opened."""
    parser = argparse.ArgumentParser(prog="./homeward bench key-fuzz", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args(list(arguments))
    return fuzzed(wanted.messages, wanted.seed, say)


def fuzzed(messages: int, seed: int, say: Callable[[str], None] = lambda _line: None) -> dict[str, object]:
    """The figures. `exceptions` counts what the core raised; `what` names the first few."""
    fuzz, began_s = _Fuzz(random.Random(seed)), time.monotonic()
    for number in range(messages):
        fuzz.step()
        if number % SAY_EVERY == SAY_EVERY - 1:
            say(f"{number + 1} messages, {len(fuzz.raised)} exceptions")
    opened = [body for body in fuzz.car.opened if body[0] in OPENING]
    return {
        "messages": messages, "exceptions": len(fuzz.raised), "what": fuzz.raised[:5], "opened": len(opened),
        "still_opens": fuzz.owner_opens(), "log_holds": fuzz.car.store.first_broken() is None,
        "seconds": round(time.monotonic() - began_s, 1),
    }  # fmt: skip


class _Fuzz:
    """A car, what was ever said to it, and the connections that are open."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.car, self.raised = chance, Car(), list[str]()
        self.owner = self.car.paired()
        self.friend = self.car.friend(self.owner, (Verb.LOCK,), until_s=1e9)
        self.heard = self._recorded()
        self.car.opened.clear()
        self.wire, self.talk = self.car.connect(), None
        self.car.core._new_code(self.car.now)

    def _recorded(self) -> list[bytes]:
        """Messages of a pairing that failed, of handshakes and of sessions."""
        wires = [self.car.connect() for _ in range(3)]

        async def story() -> None:
            self.car.core._new_code(self.car.now)
            try:
                await pair(wires[0], DeviceKey.new("x"), "000000")
            except KeyProblem:
                pass
            talk = await self.car.talk(self.owner, wires[1])
            await talk.command(Verb.LOCK)
            await self.car.talk(talk.key, wires[2])

        asyncio.run(story())
        return [message for wire in wires for message in wire.sent]

    def step(self) -> None:
        """One message, on a connection that is open."""
        self.car.now = Now(self.car.now.wall_s + 0.01, self.car.now.mono_s + 0.01)
        try:
            if self.wire.closed or self.chance.random() < 0.02:
                self._connect_anew()
            sealed = self.talk is not None and self.chance.random() < 0.6
            self._send(self._sealed() if sealed else self._bent(self.chance.choice(self.heard)))
            self.wire.inbox.clear()
            if self.chance.random() < 0.01:
                self.car.carry_out(self.car.core.tick(self.car.now))
        except Exception as error:
            self.raised.append(f"{type(error).__name__}: {error}"[:200])

    def _send(self, message: bytes) -> None:
        self.car.carry_out(self.car.core.received(self.wire.number, message, self.car.now))

    def _connect_anew(self) -> None:
        self.car.core.dropped(self.wire.number)
        self.car.wires.clear()
        self.car.core.links.clear()
        self.wire, self.talk = self.car.connect(), None
        if self.chance.random() < 0.3:
            self.talk = asyncio.run(self._open(self.wire))

    async def _open(self, wire: DirectWire) -> Talk | None:
        try:
            return await self.car.talk(self.friend, wire)
        except KeyProblem:
            return None

    def _sealed(self) -> bytes:
        """A request of any kind, as the friend's device would seal it."""
        assert self.talk is not None and self.talk._channel is not None
        fields = [self._value(2) for _ in range(self.chance.randrange(4))]
        number = self.talk._number = self.talk._number + self.chance.choice((0, 1, 1, 1, 2))
        head = [number, self.chance.choice((*range(9), self._value(1)))]
        if self.chance.random() < 0.5:  # of the right form
            head = [number, operations.COMMAND]
            fields = [self.chance.randrange(10), self.chance.random() < 0.9, self.chance.randrange(110)]
        return self.talk._channel.seal([*head, *fields] if self.chance.random() < 0.95 else self._value(3))

    def _value(self, depth: int) -> Any:
        """Anything that can be spelt."""
        kind = self.chance.randrange(9 if depth else 7)
        if kind < 3:
            numbers = (0, 1, 8, 255, -1, 1 << 63, (1 << 64) - 1, -(1 << 64), self.chance.randrange(1 << 32))
            return self.chance.choice(numbers)
        if kind < 7:
            others = (None, True, False, "", "x" * 40, b"", bytes(8), self.chance.randbytes(64), self.friend.token)
            return self.chance.choice(others)
        if kind == 7:
            return [self._value(depth - 1) for _ in range(self.chance.randrange(4))]
        return {self.chance.randrange(10): self._value(depth - 1) for _ in range(self.chance.randrange(4))}

    def _bent(self, message: bytes) -> bytes:
        """A real message, and what somebody could make of it."""
        kind, made = self.chance.randrange(7), bytearray(message)
        if kind == 0:
            for _ in range(self.chance.randrange(1, 4)):
                made[self.chance.randrange(len(made))] ^= 1 << self.chance.randrange(8)
        elif kind == 1:
            del made[self.chance.randrange(len(made)) :]
        elif kind == 2:
            made += self.chance.choice(self.heard)[: self.chance.randrange(100)]
        elif kind == 3:
            return encode([self.chance.randrange(25), *(self._value(2) for _ in range(self.chance.randrange(4)))])
        elif kind == 4:
            return self.chance.randbytes(self.chance.randrange(200))
        elif kind == 5:
            at = self.chance.randrange(len(made))
            made[at:at] = self.chance.randbytes(self.chance.randrange(1, 5))
        return bytes(made)

    def owner_opens(self) -> bool:
        """Afterwards."""
        self.car.core.links.clear()
        return self.car.asks(self.owner, Verb.UNLOCK)[0] == operations.DONE
