"""What passes to the car's body: a table of verbs, and a sentence for each refusal."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from homeward_can_bridge.body_gate import RULES, BodyGate, Verb
from homeward_can_bridge.vehicle import Power, Vehicle
from homeward_runtime.key_code import make_code
from homeward_runtime.outcome import refused

SECRET = bytes(range(32))
STANDING = Vehicle(power=Power.READY)
ROLLING = replace(STANDING, speed_mps=0.1001)
OPENING = {Verb.UNLOCK, Verb.START, Verb.ACCESSORY, Verb.TRUNK_OPEN}
WHILE_DRIVING = {Verb.LOCK, Verb.LIGHTS, Verb.HORN, Verb.CLIMATE, Verb.WINDOWS, Verb.CHARGE, Verb.CHARGE_LIMIT}


def reason(verb: int, value: float, vehicle: Vehicle | None = STANDING, code: bytes = b"") -> str:
    outcome = BodyGate(SECRET, 0).refusal(verb, value, code, vehicle, 1000)
    return "" if outcome is None else outcome.reason


def inside(verb: Verb) -> float:
    return RULES[verb].high


def test_every_verb_has_its_rule() -> None:
    assert set(RULES) == set(Verb)


@pytest.mark.parametrize("verb", [-1, 13, 255])
def test_an_unknown_verb_is_refused(verb: int) -> None:
    outcome = BodyGate(SECRET, 0).refusal(verb, 0.0, b"", STANDING, 1000)
    assert outcome == refused("unknown_verb", f"There is no body command {verb}.")


@pytest.mark.parametrize("verb", Verb, ids=lambda verb: verb.name)
def test_only_what_must_not_happen_while_driving_is_refused_then(verb: Verb) -> None:
    code = make_code(SECRET, verb, 1, 5000)
    assert reason(verb, inside(verb), ROLLING, code) == ("" if verb in WHILE_DRIVING else "moving")
    assert reason(verb, inside(verb), replace(ROLLING, speed_mps=-0.1001), code) == ("" if verb in WHILE_DRIVING else "moving")
    assert reason(verb, inside(verb), replace(ROLLING, speed_mps=0.1), code) == ""
    assert reason(verb, inside(verb), replace(ROLLING, speed_mps=math.nan), code) == ("" if verb in WHILE_DRIVING else "moving")


def test_the_sentences() -> None:
    gate = BodyGate(SECRET, 0)
    assert gate.refusal(Verb.POWER_OFF, 0.0, b"", ROLLING, 0) == refused("moving", "The car is moving.")
    assert gate.refusal(Verb.LOCK, 0.0, b"", None, 0) == refused("vehicle_silent", "The car doesn't answer.")
    assert gate.refusal(Verb.HORN, 2.5, b"", STANDING, 0) == refused("out_of_range", "2.5 is out of range for this command.")
    assert gate.refusal(Verb.START, 0.0, b"", STANDING, 0) == refused("key_required", "Refused: it needs a key.")


@pytest.mark.parametrize("verb", Verb, ids=lambda verb: verb.name)
def test_what_opens_or_starts_the_car_wants_a_key(verb: Verb) -> None:
    assert reason(verb, inside(verb)) == ("key_required" if verb in OPENING else "")
    assert reason(verb, inside(verb), code=make_code(SECRET, verb, 1, 5000)) == ""
    outcome = BodyGate(SECRET, 0).refusal(verb, inside(verb), make_code(SECRET, verb, 1, 5000), STANDING, 9000)
    assert (outcome is None) is (verb not in OPENING), "the time counts"


def test_a_code_from_before_the_start_is_none() -> None:
    assert BodyGate(SECRET, 1).refusal(Verb.UNLOCK, 0.0, make_code(SECRET, Verb.UNLOCK, 1, 5000), STANDING, 1000) is not None


@pytest.mark.parametrize(
    "verb, value, passes",
    [
        (Verb.LIGHTS, 0.0, True), (Verb.LIGHTS, 3.0, True), (Verb.LIGHTS, 3.01, False), (Verb.LIGHTS, -0.01, False),
        (Verb.HORN, math.nan, False), (Verb.HORN, math.inf, False), (Verb.HORN, 2.0, True),
        (Verb.CLIMATE, 0.0, True), (Verb.CLIMATE, 283.15, True), (Verb.CLIMATE, 283.14, False), (Verb.CLIMATE, 308.16, False),
        (Verb.CLIMATE, 0.01, False), (Verb.CHARGE_LIMIT, 0.0, False), (Verb.CHARGE_LIMIT, 0.5, True), (Verb.CHARGE_LIMIT, 1.01, False),
        (Verb.LOCK, 0.0, True), (Verb.LOCK, 1.0, False),
    ],
)  # fmt: skip
def test_a_value_has_its_range(verb: Verb, value: float, passes: bool) -> None:
    assert reason(verb, value) == ("" if passes else "out_of_range")


@pytest.mark.parametrize(
    "vehicle, value, wants_key",
    [
        (replace(STANDING, locked=True, windows_open_ratio=0.5), 0.6, True),
        (replace(STANDING, locked=True, windows_open_ratio=0.5), 0.5, False),
        (replace(STANDING, locked=True, windows_open_ratio=0.5), 0.0, False),
        (replace(STANDING, windows_open_ratio=0.0), 1.0, False),
        (replace(STANDING, power=Power.OFF), 1.0, True),
        (replace(STANDING, power=Power.ACCESSORY), 1.0, False),
        (replace(STANDING, power=Power.OFF, windows_open_ratio=0.7), 0.2, False),
    ],
)  # fmt: skip
def test_opening_a_window_of_a_shut_car_wants_a_key(vehicle: Vehicle, value: float, wants_key: bool) -> None:
    assert reason(Verb.WINDOWS, value, vehicle) == ("key_required" if wants_key else "")
    assert reason(Verb.WINDOWS, value, vehicle, make_code(SECRET, Verb.WINDOWS, 1, 5000)) == ""


def test_lights_of_a_locked_car_want_none() -> None:
    assert reason(Verb.LIGHTS, 3.0, replace(STANDING, locked=True, power=Power.OFF)) == ""
