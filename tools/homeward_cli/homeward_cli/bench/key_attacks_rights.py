"""Attacks on who somebody is and what a key may. A story with `attack` False is its own control."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from homeward_cli.bench.key_attack import HOUR_S, all_of, attack, times_unlocked, unlocks
from homeward_cli.bench.key_car import Car
from homeward_key_auth import core, keyring, operations, policy, session, sessions, token
from homeward_key_auth.core import Now
from homeward_key_auth.curve import PrivateKey, kid_of
from homeward_key_auth.device import DeviceKey, KeyProblem, pair
from homeward_key_auth.encoding import encode
from homeward_key_auth.invitation import Grant, accept, request_text, share
from homeward_key_auth.keyring import Keyring
from homeward_key_auth.session import CarHandshake
from homeward_key_auth.sessions import Sessions
from homeward_key_auth.store import Store
from homeward_key_auth.token import Area, Issuer, Limits, Token, Verb


def _complaint(**other: Any) -> Any:
    """`token.complaint` with a guard taken away: `other` replaces an argument by a function of the token."""
    real = token.complaint

    def mutant(read: Token, car: bytes, holder: bytes, now_s: float, issuer_of: Any) -> str:
        values: dict[str, Any] = {"car": car, "holder": holder, "now_s": now_s}
        values |= {name: change(read) for name, change in other.items()}
        return real(read, values["car"], values["holder"], values["now_s"], issuer_of)

    return patch.object(keyring.tokens, "complaint", mutant)


@attack(lambda: _complaint(holder=lambda read: read.claims.holder))
def stolen_token(attack: bool) -> bool:
    """A thief with a friend's token and a key of its own."""
    car = Car()
    friend = car.friend(car.paired())
    thief = replace(DeviceKey.new("Thief"), car=friend.car, token=friend.token, car_name=friend.car_name)
    if attack:
        with patch.object(Keyring, "claims_of", _claims_of_whoever(friend, Keyring.claims_of)):
            return unlocks(car, thief)
    return unlocks(car, friend)


def _claims_of_whoever(friend: DeviceKey, real: Any) -> Any:
    """Once the token is taken, the thief's session counts as the friend's: only the holder's check stands before that."""
    return lambda self, kid: real(self, friend.kid if self._store.key(friend.kid) else kid)


@attack(lambda: _complaint(car=lambda read: read.claims.car))
def another_car_s_token(attack: bool) -> bool:
    """Ann owns two cars with one watch; a friend of the one tries its token on the other."""
    first, second = Car(), Car()
    watch = first.paired()
    code, _ = second.core.open_pairing(second.now)
    there = asyncio.run(pair(second.connect(), replace(watch, token=b"", car=b""), code))
    friend = first.friend(watch)
    return unlocks(second, replace(friend, car=there.car)) if attack else unlocks(first, friend)


@attack(lambda: patch.object(CarHandshake, "_who", lambda self, _identity, known: self.stranger))
def wrong_identity(attack: bool) -> bool:
    """A stranger who knows an owner's kid and says it is his, with a key of his own."""
    car = Car()
    watch = car.paired()
    thief = replace(DeviceKey.new("Thief"), car=watch.car, token=watch.token)
    CarHandshake.stranger = thief.agreement.public  # type: ignore[attr-defined]  # for the mutant, which believes it
    named = patch.object(session, "kid_of", lambda public: watch.kid if public == thief.agreement.public else kid_of(public))
    known = patch.object(core, "kid_of", lambda public: watch.kid if public == thief.agreement.public else kid_of(public))
    with named, known:
        return unlocks(car, thief if attack else watch)


@attack(lambda: patch.object(Store, "is_revoked", lambda _self, _name: False))
def revoked(attack: bool) -> bool:
    """A friend whose key was revoked comes back with its token."""
    car = Car()
    friend = car.friend(car.paired())
    if attack:
        car.carry_out(operations.revoke(car.core, friend.kid, "the cockpit", car.now))
    return unlocks(car, friend)


@attack(lambda: patch.object(operations, "revoke", lambda *_arguments, **_more: []))
def stolen_phone(attack: bool) -> bool:
    """It is connected, with an open session, when its owner revokes it from another key."""
    car = Car()
    key = car.paired()

    async def story() -> bool:
        talk = await car.talk(key)
        if attack:
            car.core._new_code(car.now)
            assert car.core.desk.code is not None
            await pair(car.connect(), DeviceKey.new("Ann's watch"), car.core.desk.code.digits)
            car.carry_out(operations.revoke(car.core, key.kid, "Ann's watch", car.now))
        try:
            return (await talk.command(Verb.UNLOCK)).outcome == operations.DONE
        except Exception:
            return False

    return asyncio.run(story())


@attack(lambda: patch.object(Sessions, "resume", _never_moves_on))
def forked(attack: bool) -> bool:
    """A copy of a device's session, without its private keys, used after the device itself."""
    car = Car()
    key = car.paired()

    async def story() -> bool:
        first = await car.talk(key)
        copy = replace(first.key, agreement=PrivateKey.new(), signing=PrivateKey.new())
        await car.talk(first.key)
        before = times_unlocked(car)
        second = await car.talk(copy if attack else key)
        await second.command(Verb.UNLOCK)
        return times_unlocked(car) > before

    try:
        return asyncio.run(story())
    except KeyProblem:
        return False


def _never_moves_on(self: Sessions, number: bytes, proof: bytes, challenge: bytes, _now_s: float) -> Any:
    for one in self._living:
        if one.step.id() == number and one.step.proof(challenge) == proof:
            return one.step, None, one.step.kid
    return None, sessions.Resumed.UNKNOWN, b""


@attack(lambda: patch.object(token, "_beyond", lambda _claims, _own: ""))
def more_than_the_owner_has(attack: bool) -> bool:
    """A token that outlives its signer's own, by which somebody would stay in for ever."""
    car = Car()
    watch = car.paired()
    own = token.read(watch.token).claims.expires_s
    until_s = own + 10 if attack else own - 10
    return unlocks(car, car.friend(watch, until_s=until_s - car.now.wall_s))


@attack(lambda: patch.object(Keyring, "_issuer", lambda self, kid: Issuer(
    self._identity.signer.public if kid == self._identity.kid else malicious_friend.signer)))  # type: ignore[attr-defined]  # fmt: skip
def malicious_friend(attack: bool) -> bool:
    """A friend signs a key for an accomplice."""
    car = Car()
    watch = car.paired()
    friend, accomplice = car.friend(watch), DeviceKey.new("Accomplice")
    signer = friend if attack else watch
    malicious_friend.signer = signer.signing.public  # type: ignore[attr-defined]
    unlocks(car, friend)
    grant = Grant((Verb.UNLOCK,), int(car.now.wall_s), int(car.now.wall_s + HOUR_S))

    return unlocks(car, accept(accomplice, share(signer, request_text(accomplice), grant)))


@attack(lambda: patch.object(Token, "is_signed_by", lambda _self, _key: True))
def forged_rights(attack: bool) -> bool:
    """A friend writes more verbs into its token."""
    car = Car()
    friend = car.friend(car.paired(), (Verb.LOCK,) if attack else (Verb.UNLOCK, Verb.LOCK))
    if attack:
        read = token.read(friend.token)
        payload = encode(token._to_map(replace(read.claims, verbs=(Verb.UNLOCK, Verb.LOCK))))
        friend = replace(friend, token=encode([token.PROTECTED, {}, payload, read.signature]))
    return unlocks(car, friend)


def _looks_once(self: Keyring, wall_s: float, _mono_s: float) -> None:
    self.now_s = self.now_s or wall_s


@attack(lambda: patch.object(Keyring, "see_the_clock", _looks_once))
def expired(attack: bool) -> bool:
    """A friend's hour is over."""
    car = Car()
    friend = car.friend(car.paired(), until_s=HOUR_S)
    car.later(HOUR_S + 1.0 if attack else HOUR_S - 1.0)
    return unlocks(car, friend)


def _believes_the_clock(self: Keyring, wall_s: float, _mono_s: float) -> None:
    self.now_s = wall_s


@attack(lambda: patch.object(Keyring, "see_the_clock", _believes_the_clock))
def clock_set_back(attack: bool) -> bool:
    """The friend's hour is over; somebody sets the car's clock back, and restarts the service."""
    car = Car()
    friend = car.friend(car.paired(), until_s=HOUR_S)
    car.later(2.0 * HOUR_S if attack else 60.0)
    car.now = Now(car.now.wall_s - 1.5 * HOUR_S if attack else car.now.wall_s, car.now.mono_s)
    car.start()
    return unlocks(car, friend)


@attack(lambda: all_of(_complaint(now_s=lambda read: read.claims.not_before_s), patch.object(policy, "refusal", lambda *_: ""),
                       patch.object(operations, "refusal", lambda *_: "")))  # fmt: skip
def from_the_future(attack: bool) -> bool:
    """Tomorrow's token, today."""
    car = Car()
    return unlocks(car, car.friend(car.paired(), from_s=24 * HOUR_S if attack else 0.0, until_s=48 * HOUR_S))


@attack(lambda: patch.object(policy, "_out_of_area", lambda *_: ""))
def out_of_area(attack: bool) -> bool:
    """A valet's key starts the car outside its area."""
    car = Car()
    valet = car.friend(car.paired(), (Verb.START,), Limits(area=Area(520_000_000, 130_000_000, 1000)))
    car.core.surroundings = replace(car.core.surroundings, place_e7=(520_000_000, 130_300_000 if attack else 130_000_000))
    return car.asks(valet, Verb.START)[0] == operations.DONE
