"""What the stories of `bench key-attacks` share: the list of attacks, and how a door is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from homeward_cli.bench.key_car import Car, DirectWire
from homeward_key_auth import operations
from homeward_key_auth.device import DeviceKey, KeyProblem
from homeward_key_auth.token import Verb

HOUR_S = 3600.0
UNLOCK = (operations.BODY_UNLOCK, 0.0)


@dataclass(frozen=True)
class Attack:
    """`story(attack)` gives whether the door opened (or what else the name says the attacker wants)."""

    name: str
    story: Callable[[bool], bool]
    mutant: Callable[[], AbstractContextManager[Any]]


ATTACKS: list[Attack] = []


def attack(mutant: Callable[[], AbstractContextManager[Any]]) -> Callable[[Callable[[bool], bool]], Callable[[bool], bool]]:
    def kept(story: Callable[[bool], bool]) -> Callable[[bool], bool]:
        ATTACKS.append(Attack(story.__name__, story, mutant))
        return story

    return kept


@contextmanager
def all_of(*patches: Any) -> Iterator[None]:
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


def unlocks(car: Car, key: DeviceKey, pressed: bool = True) -> bool:
    """Whether this key opens the door now."""
    try:
        return car.asks(key, Verb.UNLOCK, pressed=pressed)[0] == operations.DONE
    except KeyProblem:
        return False


def times_unlocked(car: Car) -> int:
    return car.opened.count(UNLOCK)


def recorded(car: Car, key: DeviceKey) -> DirectWire:
    """A wire on which this key unlocked."""

    async def story() -> DirectWire:
        wire = car.connect()
        await (await car.talk(key, wire)).command(Verb.UNLOCK)
        return wire

    return asyncio.run(story())


def played(car: Car, number: int, messages: list[bytes]) -> None:
    for message in messages:
        car.carry_out(car.core.received(number, message, car.now))
