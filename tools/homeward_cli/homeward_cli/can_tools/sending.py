"""Commands to the car from the terminal, through the same gate as the bridge's, never around it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from homeward_can_bridge.body_gate import Verb
from homeward_can_bridge.command_gate import Command, State
from homeward_can_bridge.core import BridgeParams, BridgeResult, CanBridge
from homeward_can_bridge.stop_plan import STANDSTILL_MPS
from homeward_cli.can_tools.dictionary import Dictionary, ToolError
from homeward_cli.can_tools.logs import heard_ids
from homeward_runtime import params as parameters
from homeward_runtime.can_bus import Bus

LISTEN_S, ANSWER_S, STOP_S = 0.5, 2.0, 20.0
LAST_FRAMES = 5  # "not enabled", a few times over: one could be lost
NODE = "/can_bridge"

Say = Callable[[str], None]


def bridge_params(root: Path) -> BridgeParams:
    """Section can_bridge of params/car.yaml: the limits of the gate are those of the running bridge. Raises ToolError."""
    raw: dict[str, object] = {}
    try:
        for pattern, values in parameters.read_file(root / "params" / "car.yaml"):
            if parameters.matches(pattern, NODE):
                raw.update(values)
        wanted = {key: value for key, value in raw.items() if key not in parameters.BUILT_IN}
        return parameters.build(BridgeParams, wanted, "params/car.yaml")
    except (OSError, ValueError) as error:
        raise ToolError(f"the bridge's parameters can't be read: {error}") from error


class Hand:
    """A bridge in this process, stepped at its period, between the terminal and the bus."""

    def __init__(self, bus: Bus, dictionary: Dictionary, params: BridgeParams, say: Say) -> None:
        self.bus, self.say, self.params = bus, say, replace(params, stepped=False)
        self._refuse_company(dictionary)
        try:
            self.bridge = CanBridge(self.params, dictionary.text)
        except ValueError as error:
            raise ToolError(f"this DBC can't command a car: {error}") from error
        self._told = (State.MANUAL, "started")
        self._faults: set[str] = set()
        self._sequence = int.from_bytes(os.urandom(3), "big")
        self._next_s = time.monotonic()
        self._await_car()

    def _refuse_company(self, dictionary: Dictionary) -> None:
        """Two who command one car would be neither in command."""
        if heard_ids(self.bus, LISTEN_S) & dictionary.command_ids:
            raise ToolError("a running bridge commands this car already. Drive through it (the cockpit, or "
                            "vehicle/drive_command), or end it first")  # fmt: skip

    def _await_car(self) -> None:
        end_s = time.monotonic() + ANSWER_S
        while self.bridge.vehicle is None and time.monotonic() < end_s:
            self.step(send=False)
        if self.bridge.vehicle is None:
            raise ToolError("the car doesn't answer: its own frames are not all on the bus. See what is: ./homeward can monitor")

    def step(self, command: Command | None = None, send: bool = True) -> BridgeResult:
        """One period of the bridge, at its time."""
        time.sleep(max(self._next_s - time.monotonic(), 0.0))
        now_s = time.monotonic()
        self._next_s = max(self._next_s + self.params.period_s, now_s)
        if command is not None:
            self._sequence += 1
            self.bridge.offer(replace(command, sequence=self._sequence), now_s)
        result = self.bridge.step(now_s, self.bus.receive())
        if send:
            for frame in result.frames:
                self.bus.send(frame)
            self._tell(result)
        return result

    def _tell(self, result: BridgeResult) -> None:
        """What the gate says, once each."""
        gate = self.bridge.gate
        if (gate.state, gate.reason) != self._told:
            self._told = (gate.state, gate.reason)
            self.say(f"gate: {gate.state.name} ({gate.reason}): {gate.text}")
        for each in result.faults:
            if each.code not in self._faults:
                self._faults.add(each.code)
                self.say(f"fault: {each.code} {each.detail}".rstrip())

    def drive(self, command: Command, seconds: float) -> bool:
        """Engage, offer the command, come to a standstill, hand back. False when the gate refused or ended it early."""
        self.step(command, send=False)
        outcome = self.bridge.set_engaged(True, time.monotonic())
        if not outcome.done:
            self.say(f"gate: refused ({outcome.reason}): {outcome.text}")
            return False
        try:
            end_s = time.monotonic() + seconds
            while time.monotonic() < end_s and self.bridge.gate.state is State.ENGAGED:
                self.step(command)
            kept = self.bridge.gate.state is State.ENGAGED
            self._stop()
            return kept
        except KeyboardInterrupt:
            self.say("interrupted: the gate stops the car (Ctrl-C again hands it back at once)")
            self._stop()
            return False
        finally:
            self.hand_back()

    def _stop(self) -> None:
        """Commands cease; the gate brings the car to a standstill by itself."""
        end_s = time.monotonic() + STOP_S
        while self.bridge.gate.state is not State.MANUAL and time.monotonic() < end_s:
            vehicle = self.step().vehicle
            stale = self.bridge.gate.state is State.STOPPING
            if stale and vehicle is not None and abs(vehicle.speed_mps) <= STANDSTILL_MPS:
                return

    def hand_back(self) -> None:
        self.bridge.set_engaged(False, time.monotonic())
        for _ in range(LAST_FRAMES):
            self.step()
        vehicle = self.bridge.vehicle
        speed_mps = vehicle.speed_mps if vehicle is not None else math.nan
        self.say(f"handed back at {speed_mps:.2f} m/s")

    def body(self, verb: Verb, value: float) -> bool:
        """A body command, to the end of its read-back."""
        request = self.bridge.request_body(verb, value, time.monotonic())
        while request.outcome is None:
            self.step()
        self.say(f"{verb.name.lower()}: {request.outcome.ending.name.lower()} {request.outcome.text}".rstrip())
        return request.outcome.done


def verb_named(name: str) -> Verb:
    """Raises ToolError that lists what there is."""
    try:
        return Verb[name.upper().replace("-", "_")]
    except KeyError:
        known = ", ".join(verb.name.lower().replace("_", "-") for verb in Verb)
        raise ToolError(f"there is no body command '{name}'; there are {known}") from None
