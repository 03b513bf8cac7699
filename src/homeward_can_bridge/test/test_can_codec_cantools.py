"""The codec against cantools, on real cars' DBCs and on layouts that nobody would draw."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import cantools
import numpy as np
import opendbc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_can_bridge.codec import Codec, CodecError
from homeward_can_bridge.dbc import Message, overlaps

FILES = sorted((Path(opendbc.__file__).parent / "dbc").glob("*.dbc"))
REFUSED_BY_CANTOOLS = 12
RANDOM_FRAMES, ENCODED_FRAMES = 4, 6


@cache
def cantools_of(file: Path) -> Any:
    try:
        return cantools.database.load_file(file, strict=False)
    except Exception:
        return None


def frames_of(message: Message, seed: int) -> list[bytes]:
    """Edges (no bit, every bit, one bit here and there) and random ones."""
    length = message.length
    single = [(1 << bit).to_bytes(length, "little") for bit in range(0, 8 * length, 11)]
    generator = random.Random(seed)
    return [bytes(length), b"\xff" * length, *single, *(generator.randbytes(length) for _ in range(RANDOM_FRAMES))]


def outcome(call: Any, *arguments: Any, **named: Any) -> Any:
    """What a call gives, or that it refuses: both must refuse the same frames."""
    try:
        return call(*arguments, **named)
    except Exception:
        return "refused"


@cache
def codec_of(file: Path) -> Codec:
    return Codec(file.read_text(encoding="utf-8"), file.name)


def is_sound(message: Message) -> bool:
    """cantools reads signals that overlap or leave the frame by the order of their definition, not by their bits."""
    return not message.outside and not overlaps(message)


def test_there_are_the_files_that_the_comparisons_speak_of() -> None:
    assert len(FILES) == 58
    assert sum(cantools_of(file) is None for file in FILES) == REFUSED_BY_CANTOOLS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_message_that_cantools_loads_decodes_and_encodes_as_there(file: Path) -> None:
    codec, theirs = codec_of(file), cantools_of(file)
    if theirs is None:
        return  # opendbc's own parser is the oracle for it: test_can_dbc_opendbc
    assert len(codec.messages) == len(theirs.messages)
    for message in filter(is_sound, codec.messages):
        peer = theirs.get_message_by_frame_id(message.can_id)
        assert {one.name for one in message.signals} == {one.name for one in peer.signals}
        for data in frames_of(message, message.can_id):
            mine = outcome(codec.decoder(message.name), data)
            wanted = outcome(peer.decode, data, decode_choices=False)
            assert mine == wanted, (message.name, data.hex())
            if mine != "refused":
                assert all(type(mine[name]) is type(value) for name, value in wanted.items())
        for data in frames_of(message, message.can_id)[-ENCODED_FRAMES:]:
            mine = outcome(codec.decoder(message.name), data)
            if mine == "refused":
                continue
            encoded = outcome(codec.encoder(message.name), mine)
            assert encoded == outcome(peer.encode, mine, strict=True), (message.name, mine)
            if encoded != "refused":
                assert codec.decoder(message.name)(encoded) == mine


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_batch_says_what_its_frames_say_one_by_one(file: Path) -> None:
    codec = codec_of(file)
    for message in codec.messages:
        assert_batch_is_singles(codec, message)


def assert_batch_is_singles(codec: Codec, message: Message) -> None:
    decode = codec.decoder(message.name)
    known = [data for data in frames_of(message, 1) if outcome(decode, data) != "refused"]
    if not known:
        return
    rows = np.frombuffer(b"".join(known), np.uint8).reshape(len(known), message.length)
    batch = codec.decode_batch(message.name, rows)
    for index, data in enumerate(known):
        row = {name: values[index] for name, values in batch.items() if values[index] is not np.ma.masked}
        assert_same(row, decode(data))


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal, a NaN being one."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value == other[name] or (value != value and other[name] != other[name]), (name, value, other[name])


@st.composite
def layouts(draw: st.DrawFn) -> str:
    """A message whose signals share no bit, of either byte order, any width, sign, float and scale; maybe multiplexed."""
    length = draw(st.sampled_from([1, 2, 3, 5, 7, 8, 12, 16, 24, 48, 64]))
    multiplexed = draw(st.booleans())
    lines, used = [], 0
    if multiplexed:
        lines.append(' SG_ s M : 0|2@1+ (1,0) [0|0] "" X')
        used = 0b11
    for index in range(draw(st.integers(1, 8))):
        drawn = draw(signal_lines(length, f"s{index}", multiplexed))
        if drawn is not None and not drawn[1] & used:
            lines.append(drawn[0])
            used |= drawn[1]
    types = [f"SIG_VALTYPE_ 5 {line.split()[1]} : {kind};" for line in lines for kind in (1, 2) if line.endswith(f"F{kind}")]
    return f"BO_ 5 M: {length} X\n" + "\n".join([*lines, "", *types]) + "\n"


@st.composite
def signal_lines(draw: st.DrawFn, length: int, name: str, multiplexed: bool) -> tuple[str, int] | None:
    """The SG_ line and the bits that it covers; None when it leaves the frame. Receivers F1 and F2 stand for floats."""
    kind = draw(st.sampled_from(["integer"] * 6 + ["float"]))
    bits = draw(st.sampled_from([32, 64])) if kind == "float" else draw(st.integers(1, min(64, 8 * length)))
    little = draw(st.booleans())
    start = draw(st.integers(0, 8 * length - 1))
    network = start if little else 8 * (start // 8) + 7 - start % 8
    if network + bits > 8 * length:
        return None
    places = range(network, network + bits)
    covered = sum(1 << (place if little else 8 * (place // 8) + 7 - place % 8) for place in places)
    sign = draw(st.sampled_from("+-")) if kind == "integer" else "-"
    scale = draw(st.sampled_from(["1", "2", "0.1", "0.5", "-0.25", "-3", "1.0", "1e-3", "7.8125"]))
    offset = draw(st.sampled_from(["0", "0.0", "-40", "1000", "0.3"]))
    role = f" m{draw(st.integers(0, 3))}" if multiplexed and draw(st.booleans()) else ""
    receiver = "X" if kind == "integer" else f"F{bits // 32}"
    return f' SG_ {name}{role} : {start}|{bits}@{int(little)}{sign} ({scale},{offset}) [0|0] "" {receiver}', covered


@settings(max_examples=120, deadline=None)
@given(layouts(), st.randoms(use_true_random=False))
def test_any_layout_decodes_as_with_cantools_and_comes_back(text: str, generator: random.Random) -> None:
    codec = Codec(text)
    theirs = cantools.database.load_string(text, database_format="dbc").messages[0]
    message = codec.message("M")
    for _ in range(4):
        data = generator.randbytes(message.length)
        mine = outcome(codec.decoder("M"), data)
        wanted = outcome(theirs.decode, data, decode_choices=False)
        assert (mine == "refused") == (wanted == "refused")
        if mine == "refused":
            continue
        assert_same(mine, wanted)
        encoded = outcome(codec.encode, "M", mine)
        if encoded == "refused":  # a float of no number
            assert any(isinstance(value, float) and not abs(value) < 1e308 for value in mine.values())
        elif all(one.length <= 48 for one in message.signals):
            assert encoded[1] == theirs.encode(wanted, strict=False)
            assert_same(codec.decode(5, encoded[1])[1], mine)  # type: ignore[index]
    assert_batch_is_singles(codec, message)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 64), st.booleans(), st.sampled_from([1, 2, 3, -7]), st.integers(-1000, 1000), st.data())
def test_whole_numbers_come_back_exactly_over_all_of_64_bits(
    bits: int, signed: bool, scale: int, offset: int, data: st.DataObject
) -> None:
    codec = Codec(f'BO_ 5 M: 8 X\n SG_ s : 0|{bits}@1{"-" if signed else "+"} ({scale},{offset}) [0|0] "" X\n')
    raw = data.draw(st.integers(0, (1 << bits) - 1)).to_bytes(8, "little")
    decoded = codec.decode(5, raw)
    assert decoded is not None and codec.encode("M", decoded[1]) == (5, raw)


def test_a_value_between_two_steps_is_rounded_as_cantools_does() -> None:
    text = 'BO_ 5 M: 8 X\n SG_ a : 0|16@1+ (0.1,0) [0|6000] "" X\n SG_ b : 16|16@1- (4,2) [0|0] "" X\n SG_ c : 32|12@1+ (1,0) [0|0] "" X\n'
    codec, theirs = Codec(text), cantools.database.load_string(text, database_format="dbc").messages[0]
    for values in ({"a": 0.3, "b": 4, "c": 7.5}, {"a": 0.25, "b": -3.9, "c": 2.5}, {"a": 599.94, "b": 9, "c": 0.4}):
        assert codec.encode("M", values)[1] == theirs.encode(values)


def test_what_cantools_decodes_from_a_frame_of_the_wrong_length_is_refused() -> None:
    codec = Codec('BO_ 5 M: 2 X\n SG_ a : 0|16@1+ (1,0) [0|0] "" X\n')
    for data in (b"", b"1", b"123"):
        with pytest.raises(CodecError, match=f"M has {len(data)} bytes, wants 2"):
            codec.decode(5, data)
