"""The reference device: a key that pairs, opens sessions and asks. What the web key does in a browser, in Python.

`DeviceKey` is what it keeps; `pair` and `Session` are the story over a `Wire`. Whoever has the file has the key: on a
phone it would be in the secure element.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from homeward_key_auth import core, operations, session
from homeward_key_auth import token as tokens
from homeward_key_auth.curve import PrivateKey, kid_of
from homeward_key_auth.encoding import Malformed, decode, encode
from homeward_key_auth.pairing import DevicePairing, WrongCode
from homeward_key_auth.session import Channel, DeviceHandshake, Refused
from homeward_key_auth.wire import Wire, WireClosed

ANSWER_S = 5.0
SAYS = {
    core.NOT_PAIRING: "the car isn't pairing: open pairing in the cockpit",
    core.WRONG_CODE: "the code is wrong: read it from the cockpit again",
    core.PAIRING_LOCKED: "too many wrong codes: the cockpit shows how long to wait",
    core.CODE_EXPIRED: "the code has expired: open pairing again",
    core.NO_SESSION: "the session is over",
    core.REFUSED: "the car doesn't know this key, or no longer",
    core.BUSY: "the car is busy: try again in a moment",
    core.OTHER_VERSION: "the car speaks another version of the protocol: update",
}


class KeyProblem(Exception):
    """Says what went wrong, and what to do."""


@dataclass(frozen=True)
class DeviceKey:
    """What a device keeps. `token` is empty until somebody has shared the car with it."""

    name: str
    agreement: PrivateKey
    signing: PrivateKey
    car_name: str = ""
    car: bytes = b""  # its agreement key
    token: bytes = b""
    session: session.Session | None = None

    @staticmethod
    def new(name: str) -> DeviceKey:
        return DeviceKey(name, PrivateKey.new(), PrivateKey.new())

    @property
    def kid(self) -> bytes:
        return kid_of(self.agreement.public)

    @property
    def is_owner(self) -> bool:
        return bool(self.token) and tokens.read(self.token).claims.issuer == kid_of(self.car)


def save(key: DeviceKey, path: Path) -> None:
    """For its owner's eyes only; in one step, so that a crash leaves the old one or the new one."""
    now = key.session
    row = {
        "name": key.name, "agreement": key.agreement.scalar.hex(), "signing": key.signing.scalar.hex(), "car_name": key.car_name,
        "car": key.car.hex(), "token": key.token.hex(),
        "session": [now.kid.hex(), now.epoch.hex(), now.resume.hex(), now.expires_s] if now else None,
    }  # fmt: skip
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(row, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load(path: Path) -> DeviceKey:
    """Raises KeyProblem."""
    try:
        row = json.loads(path.read_text())
        kept = row["session"]
        old = _session(*kept) if kept else None
        agreement, signing = (PrivateKey(bytes.fromhex(row[name])) for name in ("agreement", "signing"))
        car, token = (bytes.fromhex(row[name]) for name in ("car", "token"))
        return DeviceKey(str(row["name"]), agreement, signing, str(row["car_name"]), car, token, old)
    except FileNotFoundError:
        raise KeyProblem(f"There is no key in {path}. Pair one first: ./homeward key pair") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise KeyProblem(f"{path} is no key: {error}") from None


def _session(kid: str, epoch: str, resume: str, expires_s: float) -> session.Session:
    return session.Session(bytes.fromhex(kid), bytes.fromhex(epoch), bytes.fromhex(resume), float(expires_s))


# ---- messages -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hello:
    """What the car says first."""

    car: bytes
    epoch: bytes
    challenge: bytes


async def _next(wire: Wire, *kinds: int) -> list[Any]:
    """The next message, which must be of one of these kinds. Raises KeyProblem."""
    try:
        message = decode(await asyncio.wait_for(wire.receive(), ANSWER_S))
    except (TimeoutError, WireClosed):
        raise KeyProblem("the car doesn't answer any more") from None
    if not isinstance(message, list) or not message:
        raise KeyProblem("what answers is no car of ours")
    if message[0] == core.ERROR and core.ERROR not in kinds:
        raise KeyProblem(SAYS.get(message[1] if len(message) > 1 else 0, "the car refuses"))
    if message[0] not in kinds:
        raise KeyProblem("what answers is no car of ours")
    return message[1:]


async def hello(wire: Wire) -> Hello:
    """Raises KeyProblem."""
    fields = await _next(wire, core.HELLO)
    if len(fields) != 4 or fields[0] != core.VERSION or [len(one) for one in fields[1:]] != [8, 8, 16]:
        raise KeyProblem(SAYS[core.OTHER_VERSION])
    return Hello(*fields[1:])


async def pair(wire: Wire, key: DeviceKey, code: str) -> DeviceKey:
    """The key, enrolled as an owner's. Raises KeyProblem."""
    try:
        return await _pair(wire, key, code)
    except WrongCode:
        raise KeyProblem(SAYS[core.WRONG_CODE]) from None
    except (Malformed, TypeError, ValueError) as error:
        raise KeyProblem(f"what answers is no car of ours: {error}") from None


async def _pair(wire: Wire, key: DeviceKey, code: str) -> DeviceKey:
    car = (await hello(wire)).car
    await wire.send(encode([core.PAIR_REQUEST, core.VERSION]))
    salt, cost = await _next(wire, core.PAIR_OFFER)
    pairing = await asyncio.to_thread(DevicePairing, code, car, salt, cost)
    await wire.send(encode([core.PAIR_SHARE, pairing.share]))
    share_v, confirm_v = await _next(wire, core.PAIR_ANSWER)
    confirm_p, sealed = pairing.confirm(share_v, confirm_v, key.name, key.agreement.public, key.signing)
    await wire.send(encode([core.PAIR_CONFIRM, confirm_p, sealed]))
    (sealed,) = await _next(wire, core.PAIR_DONE)
    welcome = pairing.welcome(sealed)
    if kid_of(welcome.agreement) != car:
        raise KeyProblem("the car says two names")
    return replace(key, car_name=welcome.name, car=welcome.agreement, token=welcome.token, session=None)


# ---- sessions ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """`outcome` 0 done, 1 refused, 2 unknown: it may have happened, ask before trying again."""

    outcome: int
    reason: str
    payload: Any = None


class Talk:
    """An open session on one wire. `changed` is called with the key whenever it must be saved."""

    def __init__(self, wire: Wire, key: DeviceKey, changed: Callable[[DeviceKey], None], told: Callable[[str], None]) -> None:
        self.wire, self.key, self._changed, self._told = wire, key, changed, told
        self._channel: Channel | None = None
        self._number = 0
        self.resumed = False

    async def open(self) -> None:
        """By resuming where that is possible, otherwise by EDHOC, with the token shown. Raises KeyProblem."""
        try:
            heard = await hello(self.wire)
            if kid_of(self.key.car) != heard.car:
                raise KeyProblem("it is another car than this key's")
            old = self.key.session
            if old is not None and old.epoch == heard.epoch and time.time() < old.expires_s and await self._resume(old, heard):
                return
            await self._handshake(heard)
        except (Malformed, Refused, TypeError, ValueError) as error:
            raise KeyProblem(f"the car's answer doesn't hold: {error}") from None
        if not self.key.is_owner:
            shown = await self.request(operations.PRESENT, self.key.token)
            if shown.outcome:
                raise KeyProblem(f"the car doesn't take this key: {shown.reason}")

    async def _resume(self, old: session.Session, heard: Hello) -> bool:
        """The next step is kept before this one is used."""
        self._keep(replace(self.key, session=old.next()))
        self._channel = Channel(old.traffic(), heard.challenge, heard.epoch, is_car=False)
        await self.wire.send(encode([core.RESUME, old.id(), old.proof(heard.challenge)]))
        self._number += 1
        await self.wire.send(self._channel.seal([self._number, operations.STATUS]))
        fields = await _next(self.wire, core.ERROR, session.RECORD)
        if len(fields) == 2:
            self._channel.open(*fields)
            self.resumed = True
            return True
        if fields != [core.NO_SESSION]:
            raise KeyProblem(SAYS.get(fields[0], "the car refuses"))
        return False

    async def _handshake(self, heard: Hello) -> None:
        handshake = DeviceHandshake(self.key.agreement, self.key.car, by_value=not self.key.is_owner)
        await self.wire.send(encode([core.EDHOC_1, handshake.first()]))
        (message_2,) = await _next(self.wire, core.EDHOC_2)
        await self.wire.send(encode([core.EDHOC_3, handshake.third(message_2)]))
        (message_4,) = await _next(self.wire, core.EDHOC_4)
        begun, traffic = session.Session.begun(self.key.kid, heard.epoch, handshake.secret(message_4), time.time())
        self._channel = Channel(traffic, heard.challenge, heard.epoch, is_car=False)
        self._keep(replace(self.key, session=begun))

    def _keep(self, key: DeviceKey) -> None:
        self.key = key
        self._changed(key)

    async def request(self, operation: int, *fields: Any, timeout_s: float = ANSWER_S) -> Answer:
        """Without an answer in time: unknown. Raises KeyProblem when there is no session."""
        if self._channel is None:
            raise KeyProblem("there is no session")
        self._number += 1
        await self.wire.send(self._channel.seal([self._number, operation, *fields]))
        try:
            return await asyncio.wait_for(self._answer(self._number), timeout_s)
        except (TimeoutError, WireClosed):
            return Answer(operations.UNKNOWN, "the car didn't answer: it may have happened")

    async def _answer(self, number: int) -> Answer:
        """Events come between; what doesn't verify is passed over."""
        assert self._channel is not None
        while True:
            message = decode(await self.wire.receive())
            if isinstance(message, list) and message[:1] == [core.ERROR]:
                raise KeyProblem(SAYS.get(message[1], "the car refuses"))
            try:
                row = self._channel.open(*message[1:])
            except (Refused, TypeError):
                continue
            if row[0] == 0:
                self._told(str(row[1]))
            elif row[0] == number:
                return Answer(row[1], row[2], row[3] if len(row) > 3 else None)

    async def command(self, verb: tokens.Verb, value: int = 0, pressed: bool = True) -> Answer:
        return await self.request(operations.COMMAND, int(verb), pressed, value)
