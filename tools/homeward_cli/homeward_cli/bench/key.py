"""How long the digital key takes, over bumble's virtual link: ./homeward bench key --json

A car with the real core and store (on disk, synchronous) and the real radio stack, a device with the reference library, both
in this process; the body says done at once. A real radio adds its connection intervals: homeward_key_auth's README has them.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from homeward_key_auth import operations
from homeward_key_auth.core import Core, Identity, Now
from homeward_key_auth.curve import PrivateKey
from homeward_key_auth.device import DeviceKey, Talk, pair
from homeward_key_auth.effects import Body, Close, Effects, Send
from homeward_key_auth.radio import CarRadio, connect
from homeward_key_auth.store import Store
from homeward_key_auth.token import Verb
from homeward_key_auth.wire import Wire, WireClosed

DESCRIPTION = "digital key: pairing, cold and warm unlocking, over bumble's virtual link"
URL, MANY = "virtual:bench-key", 200


class CarOnAir:
    """The core behind the radio, as the node has it, without ROS."""

    def __init__(self, folder: Path) -> None:
        identity = Identity("bench", PrivateKey.new(), PrivateKey.new())
        self.core = Core(identity, Store(folder / "keys.sqlite"), self.now())
        self.wires: dict[int, Wire] = {}
        self.count = 0

    def now(self) -> Now:
        return Now(time.time(), time.monotonic())

    async def on_wire(self, wire: Wire) -> None:
        self.count += 1
        number = self.count
        self.wires[number] = wire
        try:
            await self.carry_out(self.core.connected(number, self.now()))
            while number in self.wires:
                await self.carry_out(self.core.received(number, await wire.receive(), self.now()))
        except WireClosed:
            pass
        finally:
            self.wires.pop(number, None)
            self.core.dropped(number)

    async def carry_out(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case Send(number, message):
                    await self.wires[number].send(message)
                case Close(number):
                    self.wires.pop(number, None)
                case Body():
                    done = operations.body_done(self.core, effect.wish, effect.verb, operations.DONE, "", self.now())
                    await self.carry_out(done)


def run(say: Callable[[str], None], arguments: Sequence[str] = ()) -> dict[str, object]:
    """Medians in milliseconds, and rates."""
    parser = argparse.ArgumentParser(prog="./homeward bench key", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    with tempfile.TemporaryDirectory(prefix="homeward_key_") as folder:
        return asyncio.run(_measured(Path(folder), parser.parse_args(list(arguments)).rounds, say))


async def _measured(folder: Path, rounds: int, say: Callable[[str], None]) -> dict[str, object]:
    car = CarOnAir(folder)
    pairs, cold, warm = list[float](), list[float](), list[float]()
    key = DeviceKey.new("watch")
    async with CarRadio(URL, car.on_wire):
        for number in range(rounds):
            key, took_ms = await _paired(car, key)
            pairs.append(took_ms)
            key, took_ms = await _unlocked(replace(key, session=None))
            cold.append(took_ms)
            key, took_ms = await _unlocked(key)
            warm.append(took_ms)
            say(f"{number + 1} of {rounds}: paired {pairs[-1]:.0f} ms, cold {cold[-1]:.0f} ms, warm {warm[-1]:.0f} ms")
        connected_ms, cpu_ms = await _many(key)
    return {
        "rounds": rounds, "pair_ms": round(statistics.median(pairs), 1), "unlock_cold_ms": round(statistics.median(cold), 1),
        "unlock_cold_max_ms": round(max(cold), 1), "unlock_warm_ms": round(statistics.median(warm), 1),
        "unlock_warm_max_ms": round(max(warm), 1), "unlock_connected_ms": round(connected_ms, 2),
        "unlocks_per_s": round(1000.0 / connected_ms, 1), "cpu_ms_per_unlock": round(cpu_ms, 2),
    }  # fmt: skip


async def _paired(car: CarOnAir, key: DeviceKey) -> tuple[DeviceKey, float]:
    """From the code typed in to the key enrolled."""
    code = car.core._new_code(car.now())
    began_s = time.monotonic()
    wire = await connect(URL)
    try:
        return await pair(wire, key, code), 1000.0 * (time.monotonic() - began_s)
    finally:
        await wire.close()


async def _unlocked(key: DeviceKey) -> tuple[DeviceKey, float]:
    """From the car's advertising, with the device's radio off, to the answer that the doors are unlocked."""
    began_s = time.monotonic()
    wire = await connect(URL)
    try:
        talk = Talk(wire, key, lambda _key: None, lambda _told: None)
        await talk.open()
        answer = await talk.command(Verb.UNLOCK)
        took_ms = 1000.0 * (time.monotonic() - began_s)
        if answer.outcome != operations.DONE or talk.resumed != (key.session is not None):
            raise RuntimeError(f"the door didn't open as it should: {answer}")
        return talk.key, took_ms
    finally:
        await wire.close()


async def _many(key: DeviceKey) -> tuple[float, float]:
    """(milliseconds, processor milliseconds) an unlock on a connection that is open, both sides together."""
    wire = await connect(URL)
    talk = Talk(wire, key, lambda _key: None, lambda _told: None)
    await talk.open()
    began_s, cpu_s = time.monotonic(), time.process_time()
    for _ in range(MANY):
        await talk.command(Verb.UNLOCK)
    took = 1000.0 * (time.monotonic() - began_s) / MANY, 1000.0 * (time.process_time() - cpu_s) / MANY
    await wire.close()
    return took
