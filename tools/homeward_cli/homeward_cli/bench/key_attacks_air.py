"""Attacks on what goes over the air, on pairing and around the radio. A story with `attack` False is its own control."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from homeward_can_bridge.body_gate import BodyGate
from homeward_can_bridge.body_gate import Verb as BodyVerb
from homeward_can_bridge.vehicle import Vehicle
from homeward_cli.bench.key_attack import HOUR_S, UNLOCK, all_of, attack, played, recorded, times_unlocked, unlocks
from homeward_cli.bench.key_car import Car
from homeward_key_auth import core, operations, policy, replay_window, session
from homeward_key_auth.core import Core
from homeward_key_auth.curve import PrivateKey
from homeward_key_auth.device import DeviceKey, KeyProblem, Talk, pair
from homeward_key_auth.encoding import decode, encode
from homeward_key_auth.keyring import Keyring
from homeward_key_auth.pairing import Tries
from homeward_key_auth.ranging import Fix
from homeward_key_auth.session import CarHandshake, Channel
from homeward_key_auth.token import Verb
from homeward_runtime.key_code import CodeCheck, make_code

LIGHT_MPS = 299_792_458.0


def unnumbered() -> Any:
    """A car that doesn't look at the order of requests."""
    never_told = property(lambda _self: 0, lambda _self, _value: None)
    return patch.object(core.Link, "last_request", never_told, create=True)



@attack(lambda: patch.object(policy, "_too_far", lambda *_: ""))
def relay(attack: bool) -> bool:
    """Two radios between the car and a key 40 m away; what measures the distance sees the way's delay."""
    car = Car()
    key = car.paired()
    car.core.surroundings = replace(car.core.surroundings, has_ranging=True)
    away_m, relay_delay_s = (40.0, 3e-6) if attack else (1.0, 0.0)
    flight_s = 2.0 * away_m / LIGHT_MPS + relay_delay_s

    async def story() -> bool:
        talk = await car.talk(key)
        operations.ranged(car.core, key.kid, Fix(flight_s * LIGHT_MPS / 2.0, False, car.now.mono_s))
        return (await talk.command(Verb.UNLOCK, pressed=False)).outcome == operations.DONE

    return asyncio.run(story())


@attack(lambda: all_of(patch.object(replay_window, "take", lambda _highest, _seen, counter: (counter, 0)),
                       unnumbered()))  # fmt: skip
def replay(attack: bool) -> bool:
    """The record that unlocked, once more on the same connection."""
    car = Car()
    key = car.paired()
    wire = recorded(car, key)
    if attack:
        played(car, wire.number, wire.sent[-1:])
    else:
        unlocks(car, key)
    return times_unlocked(car) == 2


@attack(lambda: patch.object(core.secrets, "token_bytes", lambda size: bytes(size)))
def hold_back(attack: bool) -> bool:
    """A resumption and its record never reach the car; they are played an hour later, on another connection."""
    car = Car()
    key = car.paired()

    async def story() -> bool:
        first = await car.talk(key)
        wire = car.connect()
        kept: list[bytes] = []
        wire.between = lambda message: kept.append(message) or ([] if attack else [message])  # type: ignore[func-returns-value]
        talk = Talk(wire, first.key, lambda _key: None, lambda _event: None)
        try:
            await talk.open()
            await talk.command(Verb.UNLOCK)
        except KeyProblem:
            pass
        if attack:
            # the attacker holds what the device sent; a command sealed for it would go the same way
            sealed = talk._channel.seal([9, operations.COMMAND, int(Verb.UNLOCK), True, 0])  # type: ignore[union-attr]
            await wire.close()
            car.later(HOUR_S)
            played(car, car.connect().number, [kept[0], sealed])
        return times_unlocked(car) == 1

    return asyncio.run(story())


@attack(lambda: unnumbered())
def reorder(attack: bool) -> bool:
    """Unlock, then lock: the attacker delivers them the other way round, and the car stays open."""
    car = Car()
    key = car.paired()

    async def story() -> bool:
        wire = car.connect()
        talk = await car.talk(key, wire)
        held: list[bytes] = []
        wire.between = lambda message: held.append(message) or []  # type: ignore[func-returns-value]
        await talk.command(Verb.UNLOCK)
        await talk.command(Verb.LOCK)
        played(car, wire.number, held[::-1] if attack else held[:1])
        return car.opened[-1:] == [UNLOCK]

    return asyncio.run(story())


def _without_tag(channel: Channel, counter: int, sealed: bytes) -> Any:
    """A receiver that decrypts and never looks at the tag."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key = channel._raw  # type: ignore[attr-defined]
    start = session._nonce(counter) + (2).to_bytes(4, "big")
    return decode(Cipher(algorithms.AES(key), modes.CTR(start)).decryptor().update(sealed[:-16]))


@contextmanager
def no_tags() -> Iterator[None]:
    """Channels that keep their key and don't check."""
    begin, way = Channel.__init__, session.TO_CAR

    def keeps(self: Any, traffic: bytes, challenge: bytes, epoch: bytes, is_car: bool) -> None:
        begin(self, traffic, challenge, epoch, is_car)
        self._raw = session.HKDF(session.SHA256(), 32, challenge, way if is_car else session.FROM_CAR).derive(traffic)

    with patch.object(Channel, "__init__", keeps), patch.object(Channel, "open", _without_tag):
        yield


@attack(no_tags)
def tamper(attack: bool) -> bool:
    """Lock becomes unlock: the bits that differ are turned in the ciphertext."""
    car = Car()
    key = car.paired()

    async def story() -> bool:
        wire = car.connect()
        talk = await car.talk(key, wire)
        if attack:
            wire.between = lambda message: [_turned(message)]
        try:
            await talk.command(Verb.LOCK if attack else Verb.UNLOCK)
        except KeyProblem:
            pass
        return times_unlocked(car) == 1

    return asyncio.run(story())


def _turned(message: bytes) -> bytes:
    """The third number of the request inside, 2 (lock) to 1 (unlock)."""
    kind, counter, sealed = decode(message)
    return encode([kind, counter, sealed[:3] + bytes([sealed[3] ^ 3]) + sealed[4:]])


@attack(lambda: patch.object(CarHandshake, "second", lambda self, message: b"\x58\x28" + bytes(40)))
def downgrade(attack: bool) -> bool:
    """A handshake with another method and suite: whether the car goes on with it."""
    car = Car()
    wire = car.connect()
    method, suite = (0, 0) if attack else (3, 2)
    point = PrivateKey.new().public[:32]
    message_1 = encode(method) + encode(suite) + encode(point) + encode(1)
    wire.inbox.clear()
    played(car, wire.number, [encode([core.EDHOC_1, message_1])])
    return bool(wire.inbox) and decode(wire.inbox[0])[0] == core.EDHOC_2


@attack(lambda: patch.object(Tries, "one_more", lambda self, _now_s: self))
def guess_the_code(attack: bool) -> bool:
    """Five wrong codes, and then the right one; the control knows it at once."""
    car = Car()
    code, _ = car.core.open_pairing(car.now)
    guesses = [f"{(int(code) + ahead) % 10**6:06d}" for ahead in (1, 2, 3, 4, 5)] if attack else []
    for guess in [*guesses, code]:
        try:
            return unlocks(car, asyncio.run(pair(car.connect(), DeviceKey.new("Thief"), guess)))
        except KeyProblem:
            continue
    return False


@attack(lambda: patch.object(Keyring, "owners", lambda _self: []))
def compromised_cockpit(attack: bool) -> bool:
    """It asks for pairing and gives the code to a thief; no owner's key says yes."""
    car = Car()
    if attack:
        car.paired()
    words, _ = car.core.open_pairing(car.now)
    code = car.core.desk.code.digits if car.core.desk.code else words
    try:
        return unlocks(car, asyncio.run(pair(car.connect(), DeviceKey.new("Thief"), code)))
    except KeyProblem:
        return False


@attack(lambda: patch.object(Core, "_room_for", lambda _self, _link: []))
def flood(attack: bool) -> bool:
    """Ten thousand half-open handshakes: whether they keep the owner out."""
    car = Car()
    key = car.paired()
    began = time.monotonic()
    for _ in range(10_000 if attack else 0):
        wire = car.connect()
        played(car, wire.number, [encode([core.EDHOC_1, encode(3) + encode(2) + encode(key.agreement.public[:32]) + encode(1)])])
        if time.monotonic() - began > 60.0:
            break
    opens = unlocks(car, key)
    return not opens if attack else opens


@attack(lambda: patch.object(CodeCheck, "complaint", lambda *_: ""))
def stranger_on_the_topics(attack: bool) -> bool:
    """Somebody calls the car's body service without a key's code."""
    secret, now_ms = bytes(range(32)), 1_800_000_000_000
    gate = BodyGate(secret, now_ms - 1000)
    standing = Vehicle(speed_mps=0.0)
    code = b"" if attack else make_code(secret, BodyVerb.UNLOCK, 1, now_ms + 4000)
    return gate.refusal(BodyVerb.UNLOCK, 0.0, code, standing, now_ms) is None


@attack(lambda: patch("homeward_key_auth.device.operations.UNKNOWN", operations.DONE))
def jamming(attack: bool) -> bool:
    """The lock command is jammed: whether its person is told that it was done."""
    car = Car()
    key = car.paired()

    async def story() -> bool:
        wire = car.connect()
        talk = await car.talk(key, wire)
        if attack:
            wire.between = lambda _message: []
        return (await talk.command(Verb.LOCK)).outcome == operations.DONE

    return asyncio.run(story())
