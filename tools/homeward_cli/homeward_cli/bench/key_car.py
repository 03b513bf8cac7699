"""A car with the key service's core and no radio, for tests, attacks and fuzzing: its wires lead straight into the core."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from homeward_key_auth import operations
from homeward_key_auth.core import Core, Identity, Now
from homeward_key_auth.curve import PrivateKey
from homeward_key_auth.device import DeviceKey, Talk, pair
from homeward_key_auth.effects import Body, Close, Effects, Happened, Send
from homeward_key_auth.invitation import Grant, accept, request_text, share
from homeward_key_auth.ranging import CarState
from homeward_key_auth.store import Store
from homeward_key_auth.token import Limits, Verb
from homeward_key_auth.wire import WireClosed

BEGAN_S = 1_800_000_000.0


@dataclass
class Car:
    """A car whose body does what it is told, unless `body_says` differs. `opened` notes each body command."""

    store: Store = field(default_factory=lambda: Store(None))
    now: Now = Now(BEGAN_S, 100.0)
    body_says: Callable[[Body], tuple[int, str] | None] = lambda _body: (operations.DONE, "")
    wires: dict[int, DirectWire] = field(default_factory=dict)
    opened: list[tuple[int, float]] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    unanswered: list[Body] = field(default_factory=list)
    identity: Identity = field(default_factory=lambda: Identity("Ann's car", PrivateKey.new(), PrivateKey.new()))
    core: Core = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new process over the same store."""
        for wire in self.wires.values():
            wire.closed = True
        self.wires.clear()
        self.core = Core(self.identity, self.store, self.now)
        self.core.surroundings = operations.Surroundings(CarState(locked=True, doors_closed=True, power_on=False))

    def later(self, seconds: float) -> None:
        self.now = Now(self.now.wall_s + seconds, self.now.mono_s + seconds)
        self.carry_out(self.core.tick(self.now))

    def connect(self) -> DirectWire:
        wire = DirectWire(self, max(self.wires, default=0) + 1)
        self.wires[wire.number] = wire
        self.carry_out(self.core.connected(wire.number, self.now))
        return wire

    def carry_out(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case Send(number, message):
                    self.wires[number].inbox.append(message)
                case Close(number):
                    self.wires[number].closed = True
                case Body():
                    self._obey(effect)
                case Happened():
                    self.happened.append(effect)

    def _obey(self, body: Body) -> None:
        says = self.body_says(body)
        if says is None:
            self.unanswered.append(body)
            return
        if says[0] == operations.DONE:
            self.opened.append((body.verb, body.value))
            self._locked(body.verb)
        self.carry_out(operations.body_done(self.core, body.wish, body.verb, *says, self.now))

    def _locked(self, verb: int) -> None:
        state = self.core.surroundings.car
        assert state is not None
        if verb in (operations.BODY_LOCK, operations.BODY_UNLOCK):
            state = replace(state, locked=verb == operations.BODY_LOCK)
        self.core.surroundings = replace(self.core.surroundings, car=replace(state, power_on=state.power_on or verb == 3))

    # ---- the usual stories -----------------------------------------------------------------------------------------------

    def paired(self, name: str = "Ann's watch") -> DeviceKey:
        """An owner's key; the first, or with the yes of `owner`'s."""
        code, _ = self.core.open_pairing(self.now)
        return asyncio.run(pair(self.connect(), DeviceKey.new(name), code))

    def friend(self, owner: DeviceKey, verbs: tuple[Verb, ...] = (Verb.UNLOCK, Verb.LOCK), limits: Limits = Limits(),
               from_s: float = 0.0, until_s: float = 86_400.0) -> DeviceKey:  # fmt: skip
        key = DeviceKey.new("Bob's phone")
        grant = Grant(verbs, int(self.now.wall_s + from_s), int(self.now.wall_s + until_s), limits)
        return accept(key, share(owner, request_text(key), grant))

    async def talk(self, key: DeviceKey, wire: DirectWire | None = None) -> Talk:
        """An open session."""
        talk = Talk(wire or self.connect(), key, lambda _key: None, lambda _event: None)
        await talk.open()
        return talk

    def asks(self, key: DeviceKey, verb: Verb, value: int = 0, pressed: bool = True) -> tuple[int, str]:
        """(outcome, reason) of a command in a session of its own."""

        async def story() -> tuple[int, str]:
            answer = await (await self.talk(key)).command(verb, value, pressed)
            return answer.outcome, answer.reason

        return asyncio.run(story())

    def log(self) -> list[str]:
        return [entry.kind for entry in self.store.log()]


@dataclass
class DirectWire:
    """A device's end of a connection to `car`, without a radio. `between` may change or drop what the device sends."""

    car: Car
    number: int
    inbox: deque[bytes] = field(default_factory=deque)
    sent: list[bytes] = field(default_factory=list)
    closed: bool = False
    between: Callable[[bytes], list[bytes]] = lambda message: [message]
    peer: str = "car"

    async def send(self, message: bytes) -> None:
        if self.closed:
            raise WireClosed
        self.sent.append(message)
        for one in self.between(message):
            self.car.carry_out(self.car.core.received(self.number, one, self.car.now))

    async def receive(self) -> bytes:
        if not self.inbox:
            raise WireClosed  # nothing comes by itself here
        return self.inbox.popleft()

    async def close(self) -> None:
        self.closed = True
        self.car.core.dropped(self.number)


def raw(car: Car, wire: DirectWire, message: bytes) -> list[Any]:
    """What the car answers to these bytes."""
    from homeward_key_auth.encoding import decode

    wire.inbox.clear()
    car.carry_out(car.core.received(wire.number, message, car.now))
    return [decode(one) for one in wire.inbox]
