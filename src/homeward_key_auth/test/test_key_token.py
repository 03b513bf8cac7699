"""Tokens: another library reads and checks them; what is no token; why one isn't taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cbor2
import cwt
import pytest
from hypothesis import given
from hypothesis import strategies as some

from homeward_key_auth import token
from homeward_key_auth.curve import PrivateKey, kid_of
from homeward_key_auth.encoding import Malformed, decode, encode
from homeward_key_auth.token import ALL_VERBS, Area, Claims, Hours, Issuer, Limits, Verb

CAR, OWNER, FRIEND, SIGNING = (PrivateKey.new() for _ in range(4))
KID = kid_of(CAR.public)
OWN = Claims(KID, "Ann's watch", KID, 10_000, 0, 100, b"number-1", OWNER.public, ALL_VERBS, Limits(), SIGNING.public)
LIMITS = Limits(1388, Area(520_000_000, -130_000_000, 5000), (Hours(31, 480, 1080), Hours(96, 0, 1440)))
SHARED = Claims(kid_of(OWNER.public), "Bob", KID, 9000, 50, 100, b"number-2", FRIEND.public, (Verb.UNLOCK, Verb.DRIVE), LIMITS)


def test_a_token_says_what_was_signed() -> None:
    made = token.issue(SHARED, SIGNING)
    assert token.read(made).claims == SHARED and len(made) < 300
    assert token.read(made).claims.kid == kid_of(FRIEND.public)


def test_another_library_takes_its_signature_and_reads_its_claims() -> None:
    key = cwt.COSEKey.new({1: 2, -1: 1, 3: -7, -2: CAR.public[:32], -3: CAR.public[32:]})
    signed = cbor2.dumps(cbor2.CBORTag(18, cbor2.loads(token.issue(OWN, CAR))))
    claims = cbor2.loads(cwt.COSE.new().decode(signed, key))
    assert claims[3] == KID.hex() and claims[8][1][-2] == OWNER.public[:32] and claims[-70001] == [1, 2, 3, 4, 5, 6, 7, 8]


def issuers(kid: bytes) -> Issuer | None:
    return {KID: Issuer(CAR.public), kid_of(OWNER.public): Issuer(SIGNING.public, OWN)}.get(kid)


@pytest.mark.parametrize(
    ("change", "now_s", "why"),
    [
        ({}, 100, ""),
        ({"car": b"12345678"}, 100, "another car"),
        ({"issuer": b"12345678"}, 100, "may not share"),
        ({"issuer": KID}, 100, "signature"),
        ({"holder": OWNER.public}, 100, "another key's"),
        ({}, 49, "isn't valid yet"),
        ({}, 50, ""),
        ({}, 8999, ""),
        ({}, 9000, "expired"),
        ({"issued_s": 160}, 100, ""),
        ({"issued_s": 161}, 100, "future"),
        ({"verbs": (Verb.UNLOCK, Verb.SHARE), "signature_key": OWNER.public}, 100, "can't share"),
        ({"expires_s": 10_000}, 100, ""),
        ({"expires_s": 10_001}, 100, "outlives"),
    ],
)
def test_why_a_token_is_not_taken(change: dict[str, Any], now_s: int, why: str) -> None:
    made = token.read(token.issue(replace(SHARED, **change), SIGNING))
    found = token.complaint(made, KID, FRIEND.public, now_s, issuers)
    assert (why in found) if why else found == ""


def test_no_more_than_its_signer_holds() -> None:
    less = replace(OWN, verbs=(Verb.LOCK, Verb.SHARE))
    made = token.read(token.issue(SHARED, SIGNING))
    assert "doesn't hold" in token.complaint(made, KID, FRIEND.public, 100, lambda _kid: Issuer(SIGNING.public, less))


def test_a_signature_covers_every_byte() -> None:
    made = token.issue(SHARED, SIGNING)
    read = token.read(made)
    for at in range(len(read.payload)):
        changed = read.payload[:at] + bytes([read.payload[at] ^ 1]) + read.payload[at + 1 :]
        assert not token.Token(SHARED, changed, read.signature).is_signed_by(SIGNING.public)


def changed_claims(changes: dict[int, Any], without: tuple[int, ...] = ()) -> bytes:
    """SHARED's token with its claims changed, unsigned."""
    protected, unprotected, payload, signature = decode(token.issue(SHARED, SIGNING))
    claims = {key: value for key, value in (decode(payload) | changes).items() if key not in without}
    return encode([protected, unprotected, encode(claims), signature])


KEY = {1: 2, -1: 1, -2: FRIEND.public[:32], -3: FRIEND.public[32:]}


@pytest.mark.parametrize(
    "changes",
    [{1: "xyz"}, {1: "0" * 15}, {1: "A" * 16}, {1: 1}, {2: ""}, {2: "x" * 33}, {2: 5}, {2: "a\nb"}, {3: "g" * 16}, {4: -1}, {4: True}, {4: 1 << 41},
     {5: "now"}, {6: None}, {7: b"short"}, {7: 7}, {8: None}, {8: {}}, {8: {1: {}}}, {8: {1: KEY | {-4: b""}}}, {8: {1: KEY | {-1: 2}}},
     {8: {1: KEY | {-2: bytes(32)}}}, {8: {1: KEY | {-2: 1, -3: 2}}}, {8: {1: KEY | {-2: b"x"}}}, {-70001: []}, {-70001: [2, 1]}, {-70001: [1, 1]},
     {-70001: [9]}, {-70001: [True]}, {-70001: "1"}, {-70001: [1, 8]}, {-70003: SIGNING.public}, {-70001: [8], -70003: bytes(64)}, {-70002: {}},
     {-70002: {4: 1}}, {-70002: []}, {-70002: {1: 0}}, {-70002: {1: 10_001}}, {-70002: {2: [0, 0]}}, {-70002: {2: [900_000_001, 0, 1]}},
     {-70002: {2: [0, 1_800_000_001, 1]}}, {-70002: {2: [0, 0, 0]}}, {-70002: {2: 1}}, {-70002: {3: []}}, {-70002: {3: 1}}, {-70002: {3: [1]}},
     {-70002: {3: [[0, 0, 1]]}}, {-70002: {3: [[128, 0, 1]]}}, {-70002: {3: [[1, 1441, 1]]}}, {-70002: {3: [[1, 0, 1441]]}}, {-70002: {3: [[1, 0]]}},
     {9: 1}],
)  # fmt: skip
def test_claims_that_are_none(changes: dict[int, Any]) -> None:
    with pytest.raises(Malformed):
        token.read(changed_claims(changes))


@pytest.mark.parametrize("claim", [1, 2, 3, 4, 5, 6, 7, 8, -70001])
def test_a_claim_that_is_missing(claim: int) -> None:
    with pytest.raises(Malformed, match="missing"):
        token.read(changed_claims({}, (claim,)))


@pytest.mark.parametrize(
    "made",
    [None, b"", bytes(1025), encode(1), encode([token.PROTECTED, {}, b"", bytes(64), 1]), encode([encode({1: -8}), {}, b"", bytes(64)]),
     encode([token.PROTECTED, {4: b""}, b"", bytes(64)]), encode([token.PROTECTED, {}, 1, bytes(64)]),
     encode([token.PROTECTED, {}, b"\x01", bytes(63)]), encode([token.PROTECTED, {}, b"\x01", "x"]), encode([token.PROTECTED, {}, b"\x01", bytes(64)])],
)  # fmt: skip
def test_what_is_no_token(made: object) -> None:
    with pytest.raises(Malformed):
        token.read(made)


@given(some.binary(max_size=400))
def test_whatever_comes_is_a_token_or_malformed(made: bytes) -> None:
    with pytest.raises(Malformed):
        token.read(made)


@given(some.integers(0, 10**9), some.integers(0, 400), some.integers(1, 255))
def test_a_token_with_a_byte_changed_is_malformed_or_not_signed(_: int, at: int, by: int) -> None:
    made = bytearray(token.issue(SHARED, SIGNING))
    made[at % len(made)] ^= by
    try:
        assert not token.read(bytes(made)).is_signed_by(SIGNING.public)
    except Malformed:
        pass
