"""DBCs that are wrong: a clear error with file and line, a remark for what is odd, never another exception."""

from __future__ import annotations

from pathlib import Path

import opendbc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_can_bridge.codec import Codec, CodecError
from homeward_can_bridge.dbc import load
from homeward_can_bridge.dbc_lint import lint

ROOT = Path(__file__).resolve().parents[3]
SIGNAL = ' SG_ a : 0|8@1+ (1,0) [0|255] "" X\n'
HEAD = f"BO_ 1 One: 2 X\n{SIGNAL}"
ODD = {
    "overlap": (f'{HEAD} SG_ b : 7|2@1+ (1,0) [0|3] "" X\n', 3, "error", "b overlaps a in One"),
    "beyond": (f'{HEAD} SG_ b : 12|8@1+ (1,0) [0|255] "" X\n', 3, "error", "b is beyond the 2 bytes of One"),
    "same id": (f"{HEAD}\nBO_ 1 Two: 2 X\n{SIGNAL}", 4, "error", "Two has the id of One"),
    "same name": (f"{HEAD}\nBO_ 2 One: 2 X\n{SIGNAL}", 4, "error", "two messages named One"),
    "same signal": (f'{HEAD} SG_ a : 8|8@1+ (1,0) [0|255] "" X\n', 2, "error", "One has two signals named a"),
    "small range": ('BO_ 1 One: 2 X\n SG_ a : 0|8@1+ (5,0) [0|4] "m" X\n', 2, "warning", "smaller than one step of 5"),
    "large range": ('BO_ 1 One: 2 X\n SG_ a : 0|4@1+ (1,0) [0|255] "" X\n', 2, "warning", "beyond what 4 bits hold: 0 to 15"),
    "upside down": ('BO_ 1 One: 2 X\n SG_ a : 0|8@1+ (1,0) [9|1] "" X\n', 2, "error", "upside down"),
    "scale 0": ('BO_ 1 One: 2 X\n SG_ a : 0|8@1+ (0,0) [0|1] "" X\n', 2, "error", "a scale of 0"),
    "no unit": ('BO_ 1 One: 2 X\n SG_ a : 0|8@1+ (0.5,0) [0|9] "" X\n', 2, "note", "scaled and has no unit"),
    "lonely selector": ('BO_ 1 One: 2 X\n SG_ a M : 0|8@1+ (1,0) [0|1] "" X\n', 2, "warning", "selects nothing"),
    "no selector": (f'{HEAD} SG_ b m1 : 8|8@1+ (1,0) [0|1] "" X\n', 3, "error", "b is multiplexed"),
    "bad role": (f'{HEAD} SG_ b m : 8|8@1+ (1,0) [0|1] "" X\n', 3, "error", "'m' is no role"),
    "value too large": (
        'BO_ 1 One: 2 X\n SG_ a M : 0|2@1+ (1,0) [0|1] "" X\n SG_ b m4 : 8|8@1+ (1,0) [0|1] "" X\n', 3, "error", "that a can't have",
    ),
    "unmarked selector": (
        f'{HEAD} SG_ b m1 : 8|8@1+ (1,0) [0|1] "" X\nSG_MUL_VAL_ 1 b a 1-1;\n', 3, "error", "isn't marked as a selector",
    ),
    "unknown value table": (f'{HEAD}\nVAL_ 1 z 0 "x" ;\n', 4, "warning", "for z of id 1, which doesn't exist"),
    "no semicolon": (f'{HEAD}\nCM_ "a car"\nBO_ 2 Two: 2 X\n{SIGNAL}', 4, "warning", "without its ';'"),
    "no flag": (f"BO_ 4096 One: 2 X\n{SIGNAL}", 1, "warning", "over 11 bits"),
    "too long": (f"BO_ 1 One: 65 X\n{SIGNAL}", 1, "error", "a frame has at most 64"),
    "syntax": (f"{HEAD} SG_ b 8|8@1+ (1,0) [0|1] \"\" X\n", 3, "error", "column 8: not as a DBC has it"),
    "no bits": (f'{HEAD} SG_ b : 8|0@1+ (1,0) [0|1] "" X\n', 3, "error", "it starts at bit 8, has 0 bits"),
    "id over 32 bits": (f"BO_ 99999999999 One: 2 X\n{SIGNAL}", 1, "error", "over 32 bits"),
    "endless selection": (
        f'{HEAD} SG_ b m1 : 8|8@1+ (1,0) [0|1] "" X\nSG_MUL_VAL_ 1 b a 0-4294967295;\n', 4, "error", "over 65536 values of a",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_is_wrong_is_said_with_its_line(name: str) -> None:
    text, line, severity, words = ODD[name]
    assert any((one.line, one.severity) == (line, severity) and words in one.text for one in lint(text, "x.dbc")), lint(text, "x.dbc")


def test_a_clean_file_has_no_remark() -> None:
    assert lint(HEAD, "x.dbc") == []


def test_a_file_that_cant_be_read_names_itself_and_the_line() -> None:
    with pytest.raises(CodecError, match=r"^my_car\.dbc, line 3: column 2: not as a DBC has it"):
        Codec(f"{HEAD} SGX_ b : 8|8@1+ (1,0) [0|1] \"\" X\n", "my_car.dbc")


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_scale_that_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(CodecError, match="line 2: the scale or offset of a is not finite"):
        load(f'BO_ 1 One: 2 X\n SG_ a : 0|8@1+ ({number},0) [0|255] "" X\n')


def test_overlapping_signals_are_read_with_a_remark() -> None:
    codec = Codec(ODD["overlap"][0])
    assert [remark.severity for remark in codec.remarks] == ["warning"]
    assert codec.decode(1, b"\x80\x01") == ("One", {"a": 128, "b": 3})


def test_a_signal_beyond_the_frame_is_left_out() -> None:
    codec = Codec(ODD["beyond"][0])
    assert codec.decode(1, b"\x05\xff") == ("One", {"a": 5})
    assert codec.encode("One", {"a": 5}) == (1, b"\x05\x00")


def test_the_shipped_cars_have_no_errors() -> None:
    files = sorted((ROOT / "vehicles").glob("*/*.dbc"))
    assert files
    for file in files:
        assert [one for one in lint(file.read_text(encoding="utf-8"), file.name) if one.severity == "error"] == [], file


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_never_worse(data: st.DataObject) -> None:
    text = (Path(opendbc.__file__).parent / "dbc" / "toyota_radar_dsu_tssp.dbc").read_text()[:3000]
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 20))
        text = text[:place] + data.draw(st.text(alphabet='BOSG_VAL 0129|@+-()[];:"\n.eMm', max_size=8)) + text[place + gone :]
    lint(text, "x.dbc")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        Codec(text)
    except CodecError:
        pass
    lint(text, "x.dbc")
