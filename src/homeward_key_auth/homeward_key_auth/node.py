"""Key service shell: moves data between the radio, ROS and the core, and signs body commands for the gate. It decides nothing."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from pathlib import Path
from typing import Any

from homeward_interfaces.msg import KeyPresence, Outcome
from homeward_interfaces.srv import BodyCommand, KeyRequest
from homeward_key_auth import convert, operations
from homeward_key_auth.core import Core, Now
from homeward_key_auth.effects import Body, Close, Effects, Happened, Send
from homeward_key_auth.identity import load_or_make
from homeward_key_auth.pairing import CODE_LIVES_S
from homeward_key_auth.parameters import KeyParams
from homeward_key_auth.radio import CarRadio
from homeward_key_auth.ranging import Fix
from homeward_key_auth.store import Store, StoreError
from homeward_key_auth.wire import Wire, WireClosed
from homeward_runtime import key_secret, ledger, rclpy_host
from homeward_runtime.aio import AsyncioSide
from homeward_runtime.car_node import CallFailed, CarNode
from homeward_runtime.faults import fault
from homeward_runtime.key_code import LIFETIME_MS, make_code

TICK_S, LOG_PAGE = 0.2, 64
RANGING = ("none", "simulated")
os.environ["RUST_BACKTRACE"] = "0"  # a stranger's message that makes lakers panic is one line, not fifty


class KeyAuthNode(CarNode):
    """The radio's messages <-> the core; vehicle/body for what keys may do; key/request, key/events, key/presence."""

    name = "key_auth"
    priority = 10

    def configure(self) -> None:
        self.params = self.load_params(KeyParams)
        if self.params.ranging not in RANGING:
            raise ValueError(f"ranging is '{self.params.ranging}', wants {' or '.join(RANGING)}")
        folder = Path(self.params.store_folder).expanduser() if self.params.store_folder else None
        identity = load_or_make(self.params.name, folder)
        self.secret = key_secret.read_or_make(self.params.key_file)
        self.store = Store(folder / "keys.sqlite" if folder else None)
        self.core = Core(identity, self.store, self.now())
        self.counter = 0
        self.wires: dict[int, asyncio.Queue[bytes | None]] = {}
        self.numbers = itertools.count(1)
        self.radio_fault: str | None = None
        self.store_fault = ""
        self.place_e7: tuple[int, int] | None = None
        self.car: Any = None
        self.car_ns = 0
        self.told_presence: KeyPresence | None = None
        self.events, self.presence = self.publish_to(ledger.KEY_EVENTS), self.publish_to(ledger.KEY_PRESENCE)
        self.serve(ledger.KEY_REQUEST, self.on_request)
        self.subscribe_to(ledger.VEHICLE_STATE, self.on_vehicle)
        self.subscribe_to(ledger.GNSS, self.on_fix)
        if self.params.ranging == "simulated":
            self.subscribe_to(ledger.KEY_RANGE, self.on_range)
        self.aio = AsyncioSide(self)
        self.radio = self.aio.to_asyncio(self.run_radio()) if self.params.radio_url else None
        self.run_every(TICK_S, self.on_tick, steady=True)
        self.tell_presence()

    def cleanup(self) -> None:
        if self.radio is not None:
            self.radio.cancel()
        self.aio.close()
        self.store.close()

    def now(self) -> Now:
        return Now(time.time(), self.monotonic_ns() * 1e-9)

    # ---- the radio, on the loop's thread -----------------------------------------------------------------------------------

    async def run_radio(self) -> None:
        def failed(text: str | None) -> None:
            self.aio.to_node(lambda: setattr(self, "radio_fault", text))

        async with CarRadio(self.params.radio_url, self.on_wire, on_fault=failed, on_log=self.log_later):
            await asyncio.Event().wait()

    def log_later(self, line: str) -> None:
        self.aio.to_node(lambda: self.log(line))

    async def on_wire(self, wire: Wire) -> None:
        """One connection, until either side ends it."""
        number, out = next(self.numbers), asyncio.Queue[bytes | None]()
        self.aio.to_node(lambda: self.on_connected(number, out))
        sending = asyncio.create_task(self.send_all(wire, out))
        try:
            while not sending.done():
                message = await wire.receive()
                self.aio.to_node(lambda message=message: self.on_message(number, message))  # type: ignore[misc]
        except WireClosed:
            pass
        finally:
            self.aio.to_node(lambda: self.on_dropped(number))
            sending.cancel()

    async def send_all(self, wire: Wire, out: asyncio.Queue[bytes | None]) -> None:
        """What the core says on this connection, in order; None ends it."""
        try:
            while (message := await out.get()) is not None:
                await wire.send(message)
            await wire.close()
        except WireClosed:
            pass

    # ---- the core, on the node's thread --------------------------------------------------------------------------------------

    def on_connected(self, number: int, out: asyncio.Queue[bytes | None]) -> None:
        self.wires[number] = out
        self.carry_out(self.core.connected(number, self.now()))

    def on_message(self, number: int, message: bytes) -> None:
        self.carry_out(self.core.received(number, message, self.now()))

    def on_dropped(self, number: int) -> None:
        self.wires.pop(number, None)
        self.core.dropped(number)
        self.tell_presence()

    def carry_out(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case Send(number, message):
                    self.say(number, message)
                case Close(number):
                    self.say(number, None)
                case Body():
                    self.ask_the_body(effect)
                case Happened():
                    self.tell(effect)
        self.tell_presence()

    def say(self, number: int, message: bytes | None) -> None:
        out = self.wires.get(number)
        if out is not None:
            self.aio.call_in_asyncio(out.put_nowait, message)

    def tell(self, happened: Happened) -> None:
        self.store_fault = happened.words if happened.kind == "store" else self.store_fault
        row = self.store.key(happened.kid) if happened.kid else None
        self.events.publish(convert.event_message(happened, row.name if row else "", self.stamp()))

    def ask_the_body(self, body: Body) -> None:
        """With a code for the gate, where there is a secret to make one with."""
        now_ms = time.time_ns() // 1_000_000
        self.counter = max(self.counter + 1, now_ms)  # rises over restarts too
        code = make_code(self.secret, body.verb, self.counter, now_ms + LIFETIME_MS - 100) if self.secret else b""
        request = BodyCommand.Request(verb=body.verb, value=body.value, authorisation=code)
        self.call(ledger.BODY, request, lambda reply: self.on_body(body, reply), self.params.body_timeout_s)

    def on_body(self, body: Body, reply: Any) -> None:
        if isinstance(reply, CallFailed):
            ending = operations.REFUSED if reply.ending == "refused" else operations.UNKNOWN
            outcome, words = ending, "the car doesn't answer"
        else:
            outcome, words = reply.outcome.outcome, reply.outcome.text
        self.carry_out(operations.body_done(self.core, body.wish, body.verb, outcome, words, self.now()))

    # ---- what is around ------------------------------------------------------------------------------------------------------

    def on_vehicle(self, message: Any) -> None:
        self.car, self.car_ns = convert.car_state(message), self.monotonic_ns()

    def on_fix(self, message: Any) -> None:
        if message.status.status >= 0 and abs(message.latitude) <= 90.0 and abs(message.longitude) <= 180.0:
            self.place_e7 = round(message.latitude * 1e7), round(message.longitude * 1e7)

    def on_range(self, message: Any) -> None:
        kid = convert.kid_from_text(message.kid)
        if kid is not None:
            operations.ranged(self.core, kid, Fix(message.distance_m, message.inside, self.monotonic_ns() * 1e-9))

    def on_tick(self) -> None:
        now = self.now()
        local = time.localtime(self.core.keyring.now_s)
        car = self.car if self.monotonic_ns() - self.car_ns < 1_000_000_000 else None
        self.core.surroundings = operations.Surroundings(
            car, self.params.ranging != "none", self.place_e7, local.tm_wday, local.tm_hour * 60 + local.tm_min
        )
        try:
            self.carry_out(self.core.tick(now))
        except StoreError as error:
            self.store_fault = str(error)
        faults = [fault("key.radio", self.radio_fault)] if self.radio_fault else []
        faults += [] if self.secret else [fault("key.no_secret")]
        self.report(faults + ([fault("key.store", self.store_fault)] if self.store_fault else []))

    def tell_presence(self) -> None:
        """Whose key is with the car: one that is inside before one that is connected."""
        found = operations.who_is_here(self.core, self.now())
        message = KeyPresence() if found is None else convert.presence_message(*found)
        if message != self.told_presence:
            self.told_presence = message
            self.presence.publish(message)

    # ---- the cockpit -----------------------------------------------------------------------------------------------------------

    def on_request(self, request: Any) -> Any:
        steps = {
            KeyRequest.Request.LIST: self.list_keys, KeyRequest.Request.OPEN_PAIRING: self.open_pairing,
            KeyRequest.Request.CLOSE_PAIRING: self.close_pairing, KeyRequest.Request.REVOKE: self.revoke,
            KeyRequest.Request.LOG: self.read_log, KeyRequest.Request.CHECK_LOG: self.check_log,
        }  # fmt: skip
        step = steps.get(request.what)
        if step is None:
            return KeyRequest.Response(outcome=convert.outcome_message(f"There is no request {request.what}.", "unknown_request"))
        try:
            return step(request)
        except StoreError as error:
            self.store_fault = str(error)
            return KeyRequest.Response(outcome=Outcome(outcome=Outcome.UNKNOWN, reason="store", text=str(error)))

    def list_keys(self, _request: Any) -> Any:
        here = {link.session.kid for link in self.core.links.values() if link.session is not None}
        ring, car = self.core.keyring, self.core.identity.kid
        keys = [
            convert.entry_message(row, ring.claims_of(row.kid)[0], row.issuer == car, row.kid in here)
            for row in self.store.rows()
        ]
        return KeyRequest.Response(keys=keys, **self.shown_code())

    def shown_code(self) -> dict[str, Any]:
        """The code and how long it lives, where one is shown."""
        code, now_s = self.core.desk.code, self.now().mono_s
        if code is None or not code.lives(now_s):
            return {}
        return {"code": code.digits, "code_left_s": CODE_LIVES_S - (now_s - code.born_s)}

    def open_pairing(self, _request: Any) -> Any:
        if self.shown_code():
            return KeyRequest.Response(**self.shown_code())
        words, effects = self.core.open_pairing(self.now())
        self.carry_out(effects)
        shown = self.shown_code()
        return KeyRequest.Response(outcome=convert.outcome_message("" if shown else words, "pairing"), **shown)

    def close_pairing(self, _request: Any) -> Any:
        self.core.close_pairing()
        return KeyRequest.Response()

    def revoke(self, request: Any) -> Any:
        kid = convert.kid_from_text(request.kid)
        if kid is None or self.store.key(kid) is None:
            return KeyRequest.Response(outcome=convert.outcome_message(f"There is no key '{request.kid}'.", "unknown_key"))
        said: list[str] = []

        def hears(words: str) -> Effects:
            said.append(words)
            return []

        self.carry_out(operations.revoke(self.core, kid, "the cockpit", self.now(), hears))
        return KeyRequest.Response(outcome=convert.outcome_message(said[0]))

    def read_log(self, request: Any) -> Any:
        return KeyRequest.Response(entries=[convert.log_message(entry) for entry in self.store.log(request.after, LOG_PAGE)])

    def check_log(self, _request: Any) -> Any:
        broken = self.store.first_broken()
        words = f"The log was changed: entry {broken} doesn't follow from the one before it." if broken else ""
        return KeyRequest.Response(outcome=convert.outcome_message(words, "log_broken"))


def main() -> None:
    sys.exit(rclpy_host.main(KeyAuthNode))
