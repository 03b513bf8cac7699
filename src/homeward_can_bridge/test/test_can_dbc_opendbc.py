"""Real cars' DBCs against opendbc's own parser: all 58 load, and the twelve that cantools refuses read as opendbc reads them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import cantools
import opendbc
import pytest
from opendbc.can.dbc import DBC
from opendbc.can.parser import get_raw_value

from homeward_can_bridge import dbc
from homeward_can_bridge.codec import Codec, CodecError
from homeward_can_bridge.dbc_text import EXTENDED_ID_MAX, UNASSIGNED

FILES = sorted((Path(opendbc.__file__).parent / "dbc").glob("*.dbc"))


def refused_by_cantools(file: Path) -> bool:
    try:
        cantools.database.load_file(file, strict=False)
    except Exception:
        return True
    return False


REFUSED = [file for file in FILES if refused_by_cantools(file)]


def theirs_of(file: Path) -> dict[int, Any]:
    """opendbc's messages by their id without flags."""
    return {address & EXTENDED_ID_MAX: one for address, one in DBC(str(file)).msgs.items() if one.name != UNASSIGNED}


def physical(data: bytes, signal: Any) -> float:
    """As opendbc's CANParser does it: raw value, sign, factor, offset."""
    raw = get_raw_value(data, signal)
    if signal.is_signed:
        raw -= ((raw >> (signal.size - 1)) & 1) * (1 << signal.size)
    return raw * signal.factor + signal.offset


def test_all_58_load_and_cantools_alone_loads_46() -> None:
    assert (len(FILES), len(REFUSED)) == (58, 12)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_has_the_messages_and_signals_that_opendbc_finds(file: Path) -> None:
    database, theirs = dbc.load(file.read_text(encoding="utf-8"), file.name), theirs_of(file)
    mine = {message.can_id: message for message in database.messages}
    assert mine.keys() == theirs.keys()
    for can_id, message in mine.items():
        peer = theirs[can_id]
        assert (message.name, message.length) == (peer.name, peer.size)
        assert {one.name for one in (*message.signals, *message.outside)} == set(peer.sigs)


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.stem)
def test_what_cantools_refuses_decodes_as_opendbc_decodes_it(file: Path) -> None:
    codec, theirs = Codec(file.read_text(encoding="utf-8"), file.name), theirs_of(file)
    generator, compared = random.Random(7), 0
    for message in codec.messages:
        for _ in range(20):
            data = generator.randbytes(message.length)
            try:
                decoded = codec.decode(message.can_id, data, message.extended)
            except CodecError:
                assert any(signal.is_selector for signal in message.signals)
                continue
            assert decoded is not None
            for name, value in decoded[1].items():
                assert float(value) == physical(data, theirs[message.can_id].sigs[name]), (message.name, name, data.hex())
                compared += 1
    assert compared > 100


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.stem)
def test_what_was_bent_is_said_with_its_line(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    database = dbc.load(text, file.name)
    lines = text.splitlines()
    flagged = [one for one in database.remarks if "extended frame" in one.text or "29 bits" in one.text]
    assert all(lines[one.line - 1].lstrip().startswith("BO_ ") for one in flagged)
    assert len(flagged) == sum(one.extended and f"BO_ {one.can_id | 0x8000_0000} " not in text for one in database.messages)


def test_names_that_begin_with_a_digit_keep_them() -> None:
    names = {one.name for one in dbc.load((FILES[0].parent / "mazda_2017.dbc").read_text()).messages}
    assert "2017_5" in names
