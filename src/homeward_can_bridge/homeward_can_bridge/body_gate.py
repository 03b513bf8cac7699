"""What passes to the car's body: range, standstill, and a key's code for what opens or starts the car. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from homeward_can_bridge.vehicle import Power, Vehicle
from homeward_runtime.key_code import CodeCheck
from homeward_runtime.outcome import Outcome, refused

STANDING_MPS = 0.1


class Verb(IntEnum):
    """The numbers of homeward_interfaces/srv/BodyCommand."""

    LOCK = 0
    UNLOCK = 1
    POWER_OFF = 2
    START = 3
    LIGHTS = 4
    HORN = 5
    CLIMATE = 6
    TRUNK_OPEN = 7
    CHARGE = 8
    ACCESSORY = 9
    WINDOWS = 10
    TRUNK_CLOSE = 11
    CHARGE_LIMIT = 12


@dataclass(frozen=True)
class Rule:
    """When a verb passes. `low` to `high` is the value's range, 0 besides it where `zero` says so."""

    low: float = 0.0
    high: float = 0.0
    zero: bool = False
    needs_key: bool = False
    standing: bool = False
    settles_s: float = 0.0  # how long the body may move before the read-back shows it


RULES: dict[int, Rule] = {
    Verb.LOCK: Rule(),
    Verb.UNLOCK: Rule(needs_key=True, standing=True),
    Verb.POWER_OFF: Rule(standing=True),
    Verb.ACCESSORY: Rule(needs_key=True, standing=True),
    Verb.START: Rule(needs_key=True, standing=True),
    Verb.LIGHTS: Rule(high=3.0),
    Verb.HORN: Rule(high=2.0),
    Verb.CLIMATE: Rule(low=283.15, high=308.15, zero=True),
    Verb.TRUNK_OPEN: Rule(needs_key=True, standing=True, settles_s=5.0),
    Verb.TRUNK_CLOSE: Rule(standing=True, settles_s=5.0),
    Verb.WINDOWS: Rule(high=1.0, settles_s=5.0),
    Verb.CHARGE: Rule(high=1.0),
    Verb.CHARGE_LIMIT: Rule(low=0.5, high=1.0),
}


class BodyGate:
    """Says of each body command why it doesn't pass. `start_ms` and `now_ms` are of the wall clock, since 1970."""

    def __init__(self, secret: bytes, start_ms: int) -> None:
        self._codes = CodeCheck(secret, start_ms)

    def refusal(self, verb: int, value: float, code: bytes, vehicle: Vehicle | None, now_ms: int) -> Outcome | None:
        """Why not; None when it passes. A key's code is looked at last, so that no other refusal uses it up."""
        rule = RULES.get(verb)
        if rule is None:
            return refused("unknown_verb", f"There is no body command {verb}.")
        if not math.isfinite(value) or not (rule.low <= value <= rule.high or (rule.zero and value == 0.0)):
            return refused("out_of_range", f"{value:g} is out of range for this command.")
        if vehicle is None:
            return refused("vehicle_silent", "The car doesn't answer.")
        if rule.standing and not abs(vehicle.speed_mps) <= STANDING_MPS:
            return refused("moving", "The car is moving.")
        if rule.needs_key or self._opens_a_locked_car(verb, value, vehicle):
            complaint = self._codes.complaint(verb, code, now_ms)
            if complaint:
                return refused("key_required", f"Refused: {complaint}.")
        return None

    def _opens_a_locked_car(self, verb: int, value: float, vehicle: Vehicle) -> bool:
        return verb == Verb.WINDOWS and value > vehicle.windows_open_ratio and (vehicle.locked or vehicle.power == Power.OFF)
