"""A DBC as values: messages and signals, read by cantools' parser from a text bent to it (dbc_text.py). Pure."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cantools.database.can.formats import dbc as parser

from homeward_can_bridge.dbc_text import ERROR, EXTENDED_FLAG, WARNING, Bent, CodecError, DbcError, Remark, bend

Number = int | float
FLOAT_BITS = (16, 32, 64)
NO_MESSAGES = "\nBS_:\n"  # the parser wants at least one statement
OVERLAP = WARNING  # such files are read: the signals are seldom meant to be used together

logging.getLogger("cantools").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Signal:
    """One signal. Physical value = raw * scale + offset; `minimum` and `maximum` are physical, None when not given.

    `start` is the DBC's: the least significant bit of a little-endian signal, the most significant one of a big-endian.
    A multiplexed signal is in the frame while the raw value of `selector` is one of `selector_values`.
    """

    name: str
    start: int
    length: int
    little_endian: bool = True
    signed: bool = False
    is_float: bool = False
    scale: Number = 1
    offset: Number = 0
    minimum: Number | None = None
    maximum: Number | None = None
    unit: str = ""
    choices: Mapping[int, str] = field(default_factory=dict)
    role: str = ""  # in multiplexing, as the file has it: M, m3, m3M
    is_selector: bool = False
    selector: str | None = None
    selector_values: tuple[int, ...] = ()
    line: int = 0

    @property
    def network_start(self) -> int:
        """The most significant bit, counted from the frame's first transmitted bit (big-endian signals)."""
        return 8 * (self.start // 8) + 7 - self.start % 8

    @property
    def first_byte(self) -> int:
        return self.start // 8

    @property
    def last_byte(self) -> int:
        last_bit = self.start + self.length - 1 if self.little_endian else self.network_start + self.length - 1
        return last_bit // 8

    @property
    def bits(self) -> int:
        """The bits it covers, as a mask over the frame read as one little-endian number."""
        if self.little_endian:
            return ((1 << self.length) - 1) << self.start
        places = range(self.network_start, self.network_start + self.length)
        return sum(1 << (8 * (place // 8) + 7 - place % 8) for place in places)

    @property
    def raw_range(self) -> tuple[int, int]:
        """Smallest and largest raw value of the field (integers)."""
        half = 1 << (self.length - 1)
        return (-half, half - 1) if self.signed else (0, 2 * half - 1)


@dataclass(frozen=True)
class Message:
    """One message; `signals` are those that fit the frame, in the order of their bits."""

    name: str
    can_id: int
    extended: bool
    length: int  # bytes
    signals: tuple[Signal, ...]
    outside: tuple[Signal, ...] = ()  # beyond the frame's end: neither decoded nor encoded
    line: int = 0

    def signal(self, name: str) -> Signal:
        """Raises CodecError when there is none of that name."""
        for signal in self.signals:
            if signal.name == name:
                return signal
        raise CodecError(f"{self.name} has no signal '{name}'")


@dataclass(frozen=True)
class Database:
    """All of a DBC: the messages, and what is odd about the file."""

    messages: tuple[Message, ...]
    remarks: tuple[Remark, ...]


def load(text: str, file_name: str = "the DBC") -> Database:
    """Read a DBC. Raises DbcError (a CodecError) with the file's name and the line of what can't be read."""
    bent = bend(text, file_name)
    try:
        found = parser.load_string(bent.text + NO_MESSAGES, strict=False).messages
    except Exception as error:  # cantools raises whatever its parser does
        raise _syntax_error(error, file_name) from error
    remarks = list(bent.remarks)
    if not found and not remarks:
        raise DbcError(file_name, 0, "there is no message in it")
    messages = tuple(_message(one, bent, remarks, file_name) for one in found)
    _note_duplicates(messages, remarks)
    for message in messages:
        for first, second in overlaps(message):
            remarks.append(Remark(second.line, OVERLAP, f"{second.name} overlaps {first.name} in {message.name}"))
    return Database(messages, tuple(sorted(remarks, key=lambda remark: remark.line)))


def _syntax_error(error: Exception, file_name: str) -> DbcError:
    text = str(error)
    place = re.search(r"Invalid syntax at line (\d+), column (\d+): \"(.*)\"", text, re.DOTALL)
    if place is None:
        return DbcError(file_name, 0, f"it can't be read as a DBC: {text[:300]}")
    return DbcError(file_name, int(place[1]), f"column {place[2]}: not as a DBC has it: {place[3][:200]}")


def _message(found: Any, bent: Bent, remarks: list[Remark], file_name: str) -> Message:
    name = Bent.original(found.name)
    key = found.frame_id | EXTENDED_FLAG * found.is_extended_frame
    lines = [at for (one, _), at in bent.message_lines.items() if one == key]
    line = bent.message_lines.get((key, name)) or min(lines, default=0)
    known: dict[str, Signal] = {}
    for one in found.signals:
        signal = _signal(one, bent, key, file_name)
        if signal.name in known:
            remarks.append(Remark(signal.line, ERROR, f"{name} has two signals named {signal.name}: one is left out"))
            continue
        known[signal.name] = signal
    inside = tuple(signal for signal in known.values() if signal.last_byte < found.length)
    outside = tuple(signal for signal in known.values() if signal.last_byte >= found.length)
    message = Message(name, found.frame_id, found.is_extended_frame, found.length, inside, outside, line)
    remarks += [Remark(one.line, ERROR, f"{one.name} is beyond the {found.length} bytes of {name}: left out") for one in outside]
    return message


def _signal(found: Any, bent: Bent, key: int, file_name: str) -> Signal:
    name = Bent.original(found.name)
    line = bent.signal_lines.get((key, name), 0)
    conversion = found.conversion
    if not (math.isfinite(conversion.scale) and math.isfinite(conversion.offset)):
        raise DbcError(file_name, line, f"the scale or offset of {name} is not finite")
    if conversion.is_float and found.length not in FLOAT_BITS:
        raise DbcError(file_name, line, f"{name} is a float of {found.length} bits; floats have 16, 32 or 64")
    return Signal(
        name, found.start, found.length, found.byte_order == "little_endian", found.is_signed, conversion.is_float,
        conversion.scale, conversion.offset, found.minimum, found.maximum, found.unit or "",
        {int(value): str(text) for value, text in (conversion.choices or {}).items()},
        bent.roles.get((key, name), ""), found.is_multiplexer,
        Bent.original(found.multiplexer_signal) if found.multiplexer_signal else None,
        tuple(sorted(found.multiplexer_ids or ())), line,
    )  # fmt: skip


def _note_duplicates(messages: tuple[Message, ...], remarks: list[Remark]) -> None:
    ids: dict[tuple[int, bool], str] = {}
    names: set[str] = set()
    for message in messages:
        key = (message.can_id, message.extended)
        if key in ids:
            remarks.append(Remark(message.line, ERROR, f"{message.name} has the id of {ids[key]}: the later one is taken"))
        if message.name in names:
            remarks.append(Remark(message.line, ERROR, f"there are two messages named {message.name}: the later one is taken"))
        ids[key] = message.name
        names.add(message.name)


def overlaps(message: Message) -> list[tuple[Signal, Signal]]:
    """Pairs of signals that share bits and can be in one frame together."""
    found, signals = [], message.signals
    masks = [signal.bits for signal in signals]
    for index, second in enumerate(signals):
        for before in range(index):
            if masks[index] & masks[before] and _together(signals[before], second):
                found.append((signals[before], second))
    return found


def _together(first: Signal, second: Signal) -> bool:
    """False when one selector keeps them apart."""
    if first.selector is None or first.selector != second.selector:
        return True
    return bool(set(first.selector_values) & set(second.selector_values))
