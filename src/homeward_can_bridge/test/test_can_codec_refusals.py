"""What the codec refuses, each with its sentence; names that would be code; labels; frames of CAN FD."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_can_bridge.codec import Codec, CodecError

DBC = """
BO_ 5 Plain: 8 X
 SG_ Speed : 0|16@1+ (0.01,0) [0|300] "km/h" X
 SG_ Gear : 16|3@1+ (1,0) [0|3] "" X
 SG_ Angle : 24|16@1- (0.1,0) [-100|100] "deg" X
 SG_ Count : 40|16@1+ (1,0) [0|0] "" X

BO_ 6 Switched: 8 X
 SG_ Which M : 0|4@1+ (1,0) [0|0] "" X
 SG_ Near m0 : 8|8@1+ (1,0) [0|0] "" X
 SG_ Far m1 : 8|16@1+ (1,0) [0|0] "" X

BO_ 7 Wild: 12 X
 SG_ Small : 0|32@1- (1,0) [0|0] "" X
 SG_ Large : 32|64@1- (1,0) [0|0] "" X

BO_ 2147483656 Wide: 64 X
 SG_ First : 7|12@0+ (1,0) [0|0] "" X
 SG_ Last : 448|64@1- (1,0) [0|0] "" X

BO_ 9 Shared: 1 X
 SG_ Low : 0|5@1+ (1,0) [0|0] "" X
 SG_ High : 4|4@1+ (1,0) [0|0] "" X

VAL_ 5 Gear 0 "Park" 3 "Drive" 7 "Unknown" ;
SIG_VALTYPE_ 7 Small : 1;
SIG_VALTYPE_ 7 Large : 2;
"""
GOOD = {"Speed": 12.34, "Gear": 3, "Angle": -4.5, "Count": 77}


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec(DBC, "test.dbc")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"Speed": math.nan}, "Plain.Speed: nan is no value"),
        ({"Speed": math.inf}, "Plain.Speed: inf is no value"),
        ({"Count": -math.inf}, "Plain.Count: -inf is no value"),
        ({"Gear": math.nan}, "Plain.Gear: nan is no value"),
        ({"Speed": 300.1}, "Plain.Speed: 300.1 is out of range"),
        ({"Speed": -0.01}, "Plain.Speed: -0.01 is out of range"),
        ({"Angle": -100.1}, "Plain.Angle: -100.1 is out of range, which is -100 to 100 deg"),
        ({"Gear": 4}, "Plain.Gear: 4 is out of range"),
        ({"Count": 65536}, "Plain.Count: 65536 is out of range"),
        ({"Count": -1}, "Plain.Count: -1 is out of range"),
        ({"Count": 10**400}, "Plain.Count"),
        ({"Speed": 10**400}, "Plain.Speed"),
        ({"Speed": "fast"}, "Plain.Speed: 'fast' is no number"),
        ({"Gear": None}, "Plain.Gear: None is no number"),
        ({"Gear": [1]}, "is no number"),
        ({"Sped": 1}, "Plain has no signal 'Sped'"),
        ({3: 1}, "Plain has no signal 3"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(codec: Codec, change: dict[Any, Any], complaint: str) -> None:
    with pytest.raises(CodecError, match=complaint.replace(".", r"\.")):
        codec.encode("Plain", {**GOOD, **change})


def test_a_missing_signal_an_unknown_message_and_what_is_no_mapping_are_refused(codec: Codec) -> None:
    for name in GOOD:
        with pytest.raises(CodecError, match=f"Plain: the signal {name} is missing"):
            codec.encode("Plain", {key: value for key, value in GOOD.items() if key != name})
    with pytest.raises(CodecError, match="the DBC has no message 'Nothing'"):
        codec.encode("Nothing", {})
    with pytest.raises(CodecError, match="mapping"):
        codec.encode("Plain", [1, 2])  # type: ignore[arg-type]


def test_a_labelled_value_may_lie_outside_the_range(codec: Codec) -> None:
    assert codec.decode(5, codec.encode("Plain", {**GOOD, "Gear": 7})[1]) == ("Plain", {**GOOD, "Gear": 7})


def test_numbers_of_numpy_are_numbers(codec: Codec) -> None:
    odd = {"Speed": np.float32(12.34), "Gear": np.uint8(3), "Angle": np.float64(-4.5), "Count": np.int64(77)}
    assert codec.encode("Plain", odd) == codec.encode("Plain", GOOD)


@pytest.mark.parametrize(
    ("signals", "complaint"),
    [
        ({"Which": 2, "Near": 1}, "Which is 2, which selects nothing; known are 0, 1"),
        ({"Which": 0, "Far": 1}, "the signal Near is missing"),
        ({"Which": 0, "Near": 1, "Far": 1}, "Far is not in the frame while Which is 0"),
        ({"Near": 1}, "the signal Which is missing"),
        ({"Which": math.nan, "Near": 1}, "nan is no value"),
    ],
)
def test_a_wrong_combination_of_multiplexed_signals_is_refused(codec: Codec, signals: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CodecError, match=complaint):
        codec.encode("Switched", signals)


def test_a_selectors_unknown_value_is_refused_in_a_frame_and_in_a_batch(codec: Codec) -> None:
    with pytest.raises(CodecError, match="Switched: nothing is known of Which 9"):
        codec.decode(6, bytes([9, *[0] * 7]))
    rows = np.zeros((3, 8), np.uint8)
    rows[1, 0] = 9
    with pytest.raises(CodecError, match="frame 1: nothing is known of Which 9"):
        codec.decode_batch("Switched", rows)


def test_floats_are_held_to_what_their_bits_hold(codec: Codec) -> None:
    assert codec.decode(7, codec.encode("Wild", {"Small": 0.5, "Large": 1e300})[1]) == ("Wild", {"Small": 0.5, "Large": 1e300})
    with pytest.raises(CodecError, match=r"Wild.Small: 1e\+39 doesn't fit 32 bits"):
        codec.encode("Wild", {"Small": 1e39, "Large": 0.0})
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(CodecError, match="is no value"):
            codec.encode("Wild", {"Small": bad, "Large": 0.0})


def test_frames_of_64_bytes_and_ids_of_29_bits(codec: Codec) -> None:
    values = {"First": 0xABC, "Last": -(1 << 63)}
    can_id, data = codec.encode("Wide", values)
    assert (can_id, len(data), data[:2], data[-1]) == (8, 64, b"\xab\xc0", 0x80)
    assert codec.decode(8, data, extended=True) == ("Wide", values)
    assert codec.decode(8, data) is None


def test_signals_that_share_bits_are_encoded_when_they_agree_on_them(codec: Codec) -> None:
    assert codec.encode("Shared", {"Low": 0b10001, "High": 0b0011}) == (9, b"\x31")
    with pytest.raises(CodecError, match="Shared: High shares bits with another signal"):
        codec.encode("Shared", {"Low": 0b00001, "High": 0b0011})


def test_labels_both_ways(codec: Codec) -> None:
    assert [codec.label("Plain", "Gear", value) for value in (0, 3.0, 2, math.nan)] == ["Park", "Drive", None, None]
    assert codec.number("Plain", "Gear", "Drive") == 3
    with pytest.raises(CodecError, match="no value called 'Reverse'"):
        codec.number("Plain", "Gear", "Reverse")
    with pytest.raises(CodecError, match="Plain has no signal 'Gears'"):
        codec.label("Plain", "Gears", 0)


def test_a_batch_of_the_wrong_shape_is_refused_and_an_empty_one_is_empty(codec: Codec) -> None:
    for rows in (np.zeros((4, 7), np.uint8), np.zeros(8, np.uint8), np.zeros((4, 8), np.int64), [[0] * 8]):
        with pytest.raises(CodecError):
            codec.decode_batch("Plain", rows)  # type: ignore[arg-type]
    assert {name: len(values) for name, values in codec.decode_batch("Plain", np.zeros((0, 8), np.uint8)).items()} == dict.fromkeys(GOOD, 0)


def test_ids_that_nobody_knows_leave_nothing_behind(codec: Codec) -> None:
    before = len(codec._standard)
    assert all(codec.decode(can_id, b"") is None for can_id in range(1000, 2000))
    assert len(codec._standard) == before


@given(st.binary(max_size=70), st.integers(0, 10), st.booleans())
def test_any_frame_decodes_or_is_refused(codec: Codec, data: bytes, can_id: int, extended: bool) -> None:
    try:
        codec.decode(can_id, data, extended)
    except CodecError:
        pass


VALUES = st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=3), st.none())


@settings(max_examples=400)
@given(st.dictionaries(st.sampled_from([*GOOD, "Which", "Near", "Far", "Other"]), VALUES), st.sampled_from(["Plain", "Switched"]))
def test_whatever_is_encoded_decodes_to_it_and_the_rest_is_refused(codec: Codec, signals: dict[str, Any], name: str) -> None:
    full = {**GOOD, **signals} if name == "Plain" and "Other" not in signals else signals
    full = {key: value for key, value in full.items() if name != "Plain" or key in GOOD}
    try:
        can_id, data = codec.encode(name, full)
    except CodecError:
        return
    decoded = codec.decode(can_id, data)
    assert decoded is not None and decoded[1].keys() == full.keys()
    for key, value in decoded[1].items():
        assert abs(value - full[key]) <= 0.51 * codec.message(name).signal(key).scale


def test_a_name_is_never_code() -> None:
    """Long names come from an attribute, which may hold anything."""
    evil = "a': __import__('os').abort(), 'b\\n"
    text = f"""BO_ 5 M: 8 X
 SG_ a : 0|16@1+ (0.1,0) [0|0] "" X

BA_DEF_ SG_ "SystemSignalLongSymbol" STRING ;
BA_DEF_ BO_ "SystemMessageLongSymbol" STRING ;
BA_ "SystemSignalLongSymbol" SG_ 5 a "{evil}";
BA_ "SystemMessageLongSymbol" BO_ 5 "{evil}";
"""
    codec = Codec(text)
    assert codec.names == [evil]
    assert codec.decode(5, b"\x0a" + bytes(7)) == (evil, {evil: 1.0})
    assert codec.encode(evil, {evil: 1.0}) == (5, b"\x0a" + bytes(7))
    assert codec.decode_batch(evil, np.zeros((2, 8), np.uint8))[evil].tolist() == [0.0, 0.0]
