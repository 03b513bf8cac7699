"""The simulated ECUs' answers to OBD-II and UDS, request by request; and to nonsense."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_carla_bridge.ecu_diagnostics import (
    ANSWER_ID,
    COMMANDS_INVALID,
    COMMANDS_LOST,
    FUNCTIONAL_ID,
    PHYSICAL_ID,
    SESSION_TIMEOUT_S,
    VIN,
    DiagnosticServer,
    Readings,
    active_codes,
    code_bytes,
)
from homeward_runtime.can_bus import FdFrame, Frame

CAR = Readings(speed_mps=0.0, odometer_m=123_456.0, battery_ratio=0.8, outside_temperature_k=283.15, module_volts=12.6)


def server(*codes: str, speed_mps: float = 0.0) -> DiagnosticServer:
    """One that has run for 10 s."""
    made = DiagnosticServer()
    readings = dataclasses.replace(CAR, speed_mps=speed_mps, active_codes=frozenset(codes))
    made.step(0.0, [], readings)
    made.step(10.0, [], readings)
    return made


REQUESTS = [  # what is asked, what comes back
    ("01 0D", "41 0D 00"),
    ("01 1C", "41 1C 01"),
    ("01 1F", "41 1F 00 0A"),
    ("01 42", "41 42 31 38"),
    ("01 46", "41 46 32"),
    ("01 51", "41 51 08"),
    ("01 5B", "41 5B CC"),
    ("01 A6", "41 A6 00 00 04 D3"),
    ("01 0D 51 99", "41 0D 00 51 08"),
    ("01 99", "7F 01 12"),
    ("01", "7F 01 13"),
    ("03", "43 00"),
    ("03 00", "7F 03 13"),
    ("04", "44"),
    ("07", "47 00"),
    ("09 02", "49 02 01 " + VIN.encode().hex(" ")),
    ("09 04", "7F 09 12"),
    ("10 01", "50 01 00 32 01 F4"),
    ("10 03", "50 03 00 32 01 F4"),
    ("10 83", ""),
    ("10 02", "7F 10 12"),
    ("10", "7F 10 13"),
    ("3E 00", "7E 00"),
    ("3E 80", ""),
    ("3E 01", "7F 3E 12"),
    ("22 F1 90", "62 F1 90 " + VIN.encode().hex(" ")),
    ("22 F1 86", "62 F1 86 01"),
    ("22 F1 86 12 34", "62 F1 86 01"),
    ("22 12 34", "7F 22 31"),
    ("22 F1", "7F 22 13"),
    ("19 01 FF", "59 01 09 01 00 00"),
    ("19 02 FF", "59 02 09"),
    ("19 0A", "59 0A 09 C1 04 00 00 C4 05 00 00"),
    ("19 06 FF", "7F 19 12"),
    ("19 02", "7F 19 13"),
    ("14 FF FF FF", "54"),
    ("14 12 34 56", "7F 14 31"),
    ("14 FF", "7F 14 13"),
    ("2E F1 90 00", "7F 2E 11"),
    ("27 01", "7F 27 11"),
]


@pytest.mark.parametrize(("request_text", "response"), REQUESTS)
def test_each_request_has_its_response(request_text: str, response: str) -> None:
    assert server().respond(bytes.fromhex(request_text)) == bytes.fromhex(response)


def test_the_masks_name_exactly_the_pids_that_answer() -> None:
    asked, found = server(), set()
    for base in range(0, 0x100, 0x20):
        answer = asked.respond(bytes([0x01, base]))
        if answer[0] == 0x7F:
            break
        mask = int.from_bytes(answer[2:6], "big")
        found |= {base + 32 - bit for bit in range(32) if mask >> bit & 1}
    answering = {pid for pid in range(1, 256) if asked.respond(bytes([0x01, pid]))[0] == 0x41}
    assert found == answering and {0x01, 0x0D, 0x5B, 0xA6, 0x20, 0xA0} <= found and 0xC0 not in found


def test_codes_are_stored_until_they_are_cleared() -> None:
    asked = server(COMMANDS_LOST)
    assert asked.respond(b"\x03").hex() == "4301c104"
    assert asked.respond(b"\x01\x01").hex() == "410181000000", "the lamp, and one code"
    assert asked.respond(b"\x19\x02\xff").hex() == "590209c1040009", "confirmed and failing now"
    asked.step(20.0, [], CAR)
    assert asked.respond(b"\x19\x02\xff").hex() == "590209c1040008", "over, still stored"
    assert asked.respond(b"\x19\x02\x01").hex() == "590209", "nothing fails now"
    assert asked.respond(b"\x19\x01\x08").hex() == "590109010001"
    assert asked.respond(b"\x14\xff\xff\xff") == b"\x54" and asked.respond(b"\x03").hex() == "4300"


def test_one_code_can_be_cleared_alone() -> None:
    asked = server(COMMANDS_LOST, COMMANDS_INVALID)
    assert asked.respond(b"\x14" + code_bytes(COMMANDS_INVALID) + b"\x00") == b"\x54"
    assert asked.respond(b"\x03").hex() == "4301c104"


def test_an_active_code_comes_back_after_clearing() -> None:
    asked = server(COMMANDS_LOST)
    asked.respond(b"\x04")
    asked.step(11.0, [], dataclasses.replace(CAR, active_codes=frozenset({COMMANDS_LOST})))
    assert asked.respond(b"\x03").hex() == "4301c104"


def test_a_moving_car_clears_nothing() -> None:
    asked = server(COMMANDS_LOST, speed_mps=3.0)
    assert asked.respond(b"\x04").hex() == "7f0422" and asked.respond(b"\x14\xff\xff\xff").hex() == "7f1422"
    assert asked.respond(b"\x03").hex() == "4301c104"


def test_distances_with_the_lamp_and_since_clearing() -> None:
    asked = server(COMMANDS_LOST)
    asked.step(20.0, [], dataclasses.replace(CAR, odometer_m=CAR.odometer_m + 7000.0))
    assert asked.respond(b"\x01\x21").hex() == "41210007"
    asked.respond(b"\x04")
    asked.step(30.0, [], dataclasses.replace(CAR, odometer_m=CAR.odometer_m + 9000.0))
    assert asked.respond(b"\x01\x21").hex() == "41210000" and asked.respond(b"\x01\x31").hex() == "41310002"


def test_an_extended_session_ends_when_nobody_asks() -> None:
    asked = server()
    asked.respond(b"\x10\x03")
    asked.step(10.0 + SESSION_TIMEOUT_S - 0.1, [], CAR)
    assert asked.respond(b"\x3e\x80") == b"" and asked.respond(b"\x22\xf1\x86")[-1] == 3
    asked.step(10.0 + 3 * SESSION_TIMEOUT_S, [], CAR)
    assert asked.respond(b"\x22\xf1\x86")[-1] == 1


# ---- frames

def test_functional_and_physical_requests_are_answered_on_the_same_id() -> None:
    asked = server()
    for can_id in (FUNCTIONAL_ID, PHYSICAL_ID):
        (answer,) = asked.step(11.0, [Frame(can_id, bytes.fromhex("02010D0000000000"))], CAR)
        assert answer == Frame(ANSWER_ID, bytes.fromhex("03410D0000000000"))


@pytest.mark.parametrize("text", ["02 01 99", "03 22 12 34", "02 27 01", "02 3E 05"])
def test_what_isnt_there_is_met_with_silence_when_everyone_was_asked(text: str) -> None:
    data = bytes.fromhex(text).ljust(8, b"\x00")
    assert server().step(11.0, [Frame(FUNCTIONAL_ID, data)], CAR) == []
    assert len(server().step(11.0, [Frame(PHYSICAL_ID, data)], CAR)) == 1


def test_a_long_answer_waits_for_the_testers_go() -> None:
    asked = server()
    (first,) = asked.step(11.0, [Frame(FUNCTIONAL_ID, bytes.fromhex("0209020000000000"))], CAR)
    assert first.data[:5] == bytes.fromhex("1014490201") and asked.step(11.02, [], CAR) == []
    rest = asked.step(11.04, [Frame(PHYSICAL_ID, bytes.fromhex("3000000000000000"))], CAR)
    text = b"".join([first.data[5:], *(frame.data[1:] for frame in rest)])
    assert [frame.data[0] for frame in rest] == [0x21, 0x22] and text[:17] == VIN.encode()


@pytest.mark.parametrize("frame", [
    Frame(PHYSICAL_ID, b""), Frame(FUNCTIONAL_ID, b""), Frame(FUNCTIONAL_ID, b"\x07\x01"), Frame(FUNCTIONAL_ID, b"\x00" * 8),
    Frame(FUNCTIONAL_ID, bytes.fromhex("1014490201000000")), Frame(PHYSICAL_ID, bytes.fromhex("02010D"), True),
    FdFrame(PHYSICAL_ID, bytes.fromhex("02010D")), Frame(0x123, bytes.fromhex("02010D")),
])  # fmt: skip
def test_what_is_no_request_is_passed_over(frame: Frame) -> None:
    assert server().step(11.0, [frame], CAR) == []


IDS = st.sampled_from([PHYSICAL_ID, FUNCTIONAL_ID, ANSWER_ID, 0x100])
FRAMES = st.lists(st.builds(Frame, IDS, st.binary(max_size=8)), max_size=30)


@settings(max_examples=200, deadline=None)
@given(st.lists(FRAMES, max_size=4), st.floats(0.0, 1e6), st.floats(allow_nan=True))
def test_random_frames_raise_nothing_and_are_answered_in_frames(bursts: list[list[Frame]], now_s: float, odd: float) -> None:
    asked = DiagnosticServer()
    readings = Readings(odd, odd, odd, odd, odd, frozenset({COMMANDS_LOST}))
    for place, burst in enumerate(bursts):
        for frame in asked.step(now_s + place, burst, readings):
            assert frame.can_id == ANSWER_ID and len(frame.data) == 8


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_random_requests_are_answered_by_their_service_or_refused(request_bytes: bytes, functional: bool) -> None:
    response = server(COMMANDS_LOST).respond(request_bytes, functional)
    if response:
        assert response[0] == (request_bytes[0] + 0x40) & 0xFF or response[:2] == bytes([0x7F, request_bytes[0]])


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_it_still_answers_after_nonsense(frames: list[Frame]) -> None:
    asked = server()
    asked.step(11.0, frames, CAR)
    asked.step(11.5, [Frame(PHYSICAL_ID, bytes.fromhex("3200000000000000"))], CAR)  # a transfer under way is called off
    for _ in range(3):
        got = asked.step(12.0, [Frame(PHYSICAL_ID, bytes.fromhex("02010D0000000000"))], CAR)
    assert Frame(ANSWER_ID, bytes.fromhex("03410D0000000000")) in got


@pytest.mark.parametrize("text", ["", "X0100", "U4100", "U010", "U01000", "U01G0"])
def test_what_is_no_trouble_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        code_bytes(text)


def test_faults_become_trouble_codes() -> None:
    assert active_codes(["ecu.command_timeout", "can.bus_silent"]) == {COMMANDS_LOST}
