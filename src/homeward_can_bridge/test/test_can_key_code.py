"""The code with which a key vouches for a body command: once, for one verb, for a short time."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from homeward_runtime.key_code import CODE_BYTES, LIFETIME_MS, CodeCheck, make_code

SECRET = bytes(range(32))
START_MS = 1_000_000
NOW_MS = START_MS + 1000
EXPIRY_MS = START_MS + LIFETIME_MS
UNLOCK, TRUNK = 1, 7


def check() -> CodeCheck:
    return CodeCheck(SECRET, START_MS)


def test_the_code_is_as_documented() -> None:
    code = make_code(SECRET, UNLOCK, 258, 3)
    head = bytes.fromhex("0000000000000102" "0000000000000003")
    assert code == head + hmac.new(SECRET, b"homeward body command 1\x01" + head, hashlib.sha256).digest()
    assert len(code) == CODE_BYTES == 48


def test_a_good_code_opens_once() -> None:
    gate, code = check(), make_code(SECRET, UNLOCK, 1, EXPIRY_MS)
    assert gate.complaint(UNLOCK, code, NOW_MS) == ""
    assert gate.complaint(UNLOCK, code, NOW_MS) == "the key's code was used before"
    assert gate.complaint(UNLOCK, make_code(SECRET, UNLOCK, 1, EXPIRY_MS + 1), NOW_MS) == "the key's code was used before"
    assert gate.complaint(TRUNK, make_code(SECRET, TRUNK, 2, EXPIRY_MS), NOW_MS) == ""
    assert check().complaint(UNLOCK, make_code(SECRET, UNLOCK, 0, EXPIRY_MS), NOW_MS) == "the key's code was used before"


def test_a_refusal_uses_nothing_up() -> None:
    gate = check()
    assert gate.complaint(UNLOCK, make_code(SECRET, UNLOCK, 9, EXPIRY_MS), EXPIRY_MS + 1) != ""
    assert gate.complaint(TRUNK, make_code(SECRET, UNLOCK, 9, EXPIRY_MS), NOW_MS) != ""
    assert gate.complaint(UNLOCK, make_code(SECRET, UNLOCK, 5, EXPIRY_MS), NOW_MS) == ""
    assert gate.complaint(UNLOCK, make_code(SECRET, UNLOCK, 4, EXPIRY_MS), NOW_MS) == "the key's code was used before"


@pytest.mark.parametrize("secret", [b"", bytes(31)])
def test_without_a_real_secret_nothing_passes(secret: bytes) -> None:
    assert CodeCheck(secret, 0).complaint(UNLOCK, make_code(secret, UNLOCK, 1, 5000), 1000) == "no key is set up"


def test_the_shortest_secret_that_serves_has_32_bytes() -> None:
    assert CodeCheck(bytes(32), 0).complaint(UNLOCK, make_code(bytes(32), UNLOCK, 1, 5000), 1000) == ""


@pytest.mark.parametrize("code", [b"", bytes(47), bytes(49)])
def test_a_code_of_another_length_is_none(code: bytes) -> None:
    assert check().complaint(UNLOCK, code, NOW_MS) == "it needs a key"


@pytest.mark.parametrize("place", [0, 8, 15, 16, 47])
def test_a_code_with_one_bit_changed_is_not_genuine(place: int) -> None:
    code = bytearray(make_code(SECRET, UNLOCK, 1, EXPIRY_MS))
    code[place] ^= 1
    assert check().complaint(UNLOCK, bytes(code), NOW_MS) == "the key's code is not genuine"


def test_a_code_is_for_one_verb_and_one_secret() -> None:
    assert check().complaint(TRUNK, make_code(SECRET, UNLOCK, 1, EXPIRY_MS), NOW_MS) == "the key's code is not genuine"
    assert check().complaint(UNLOCK, make_code(bytes(32), UNLOCK, 1, EXPIRY_MS), NOW_MS) == "the key's code is not genuine"


@pytest.mark.parametrize(
    "now_ms, complaint",
    [
        (EXPIRY_MS - LIFETIME_MS - 1, "the key's code is out of its time"), (EXPIRY_MS - LIFETIME_MS, ""),
        (EXPIRY_MS, ""), (EXPIRY_MS + 1, "the key's code is out of its time"),
    ],
)  # fmt: skip
def test_a_code_has_its_time(now_ms: int, complaint: str) -> None:
    assert check().complaint(UNLOCK, make_code(SECRET, UNLOCK, 1, EXPIRY_MS), now_ms) == complaint


def test_a_code_made_before_the_gate_began_is_refused() -> None:
    older = make_code(SECRET, UNLOCK, 1, EXPIRY_MS - 1)
    assert check().complaint(UNLOCK, older, NOW_MS) == "the key's code is older than the gate"
