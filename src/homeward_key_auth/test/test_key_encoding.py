"""One spelling of a message, and no other."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as some

from homeward_key_auth.encoding import MOST_BYTES, Malformed, decode, decode_sequence, encode, items_of

LEAF = some.none() | some.booleans() | some.integers(-(2**64), 2**64 - 1) | some.binary(max_size=40) | some.text(max_size=20)
KEY = some.integers(-(2**32), 2**32) | some.text(max_size=5) | some.binary(max_size=5)
VALUES = some.recursive(LEAF, lambda inner: some.lists(inner, max_size=4) | some.dictionaries(KEY, inner, max_size=4), max_leaves=20)


@given(VALUES)
def test_what_is_encoded_is_decoded_and_another_library_reads_it_too(value: object) -> None:
    spelt = encode(value)
    if items_of(value) <= 256:
        assert decode(spelt) == value == cbor2.loads(spelt)


@given(some.binary(max_size=300))
def test_whatever_comes_is_one_spelling_or_malformed(data: bytes) -> None:
    try:
        value = decode(data)
    except Malformed:
        return
    assert encode(value) == data


@pytest.mark.parametrize(
    "spelt",
    ["", "1800", "190017", "1a000000ff", "1b00000000000000ff", "9f01ff", "5f4101ff", "c000", "f93c00", "f0", "f817", "1c", "a10000ff",
     "a2020001 00", "a201000100", "a1f500", "a1f600", "a1810000", "61ff", "4201", "82", "81" * 9 + "00", "0000", "9903e8", "ff", "f7"],
)  # fmt: skip
def test_malformed(spelt: str) -> None:
    with pytest.raises(Malformed):
        decode(bytes.fromhex(spelt))


def test_the_bounds() -> None:
    assert decode(bytes.fromhex("81" * 7 + "00")) == [[[[[[[0]]]]]]]
    assert len(decode(encode([0] * 255))) == 255
    with pytest.raises(Malformed, match="256 items"):
        decode(encode([0] * 256))
    assert len(decode(encode(bytes(MOST_BYTES - 3)))) == MOST_BYTES - 3
    with pytest.raises(Malformed, match="more than 2048"):
        decode(encode(bytes(MOST_BYTES - 2)))


@pytest.mark.parametrize("value", [1.5, 2**64, -(2**64) - 1, {1, 2}, [object()], {(1, 2): 3}.keys()])
def test_what_has_no_place_in_a_message(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)


def test_values_that_follow_one_another() -> None:
    assert decode_sequence(bytes.fromhex("030200")) == [3, 2, 0]


def test_keys_are_ordered_by_their_spelling() -> None:
    assert encode({-1: 0, 24: 0, "a": 0, b"": 0}).hex() == "a418180020004000616100"
