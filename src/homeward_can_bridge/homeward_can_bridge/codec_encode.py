"""Physical values to frames: straight-line Python for what is right, and a checking encoder that says what isn't. Pure.

The compiled function takes the common case in one breath: every signal there, nothing else, every value a number in its
range. Whatever doesn't fit that goes to `CheckedEncoder`, which encodes it after all (a label's value outside the range, a
number of numpy's) or raises CodecError with the reason. What is made for a message of two signals:

    def encode(signals):
        try:
            a = signals['Speed']
            if len(signals) == 2 and 0 <= a <= 655.35:
                return pack_little(round(a / 0.01), table1[signals['Gear']])
        except failures:
            pass
        return checked(signals)

`table1` holds, for each value that a signal of at most eight bits may have, its bits where they go.
"""

from __future__ import annotations

import math
import numbers
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from homeward_can_bridge.codec_decode import FLOAT_FORMATS, exact_scaling
from homeward_can_bridge.codec_layout import Field, Node, fields, struct_format, tree
from homeward_can_bridge.dbc import Message, Number, Signal, overlaps
from homeward_can_bridge.dbc_text import CodecError

Encoder = Callable[[Mapping[str, Any]], bytes]
TABLE_BITS = 8
TOLERANCE = 1e-6  # of a raw step beyond [min|max], as cantools allows: 0.1 * 3 is not 0.3
EXACT_BITS = 48  # beyond these a float's rounding may leave the field: checked on the raw value, too
FAILURES = (KeyError, TypeError, ValueError, OverflowError, AttributeError, struct.error)


def compile_encoder(message: Message) -> Encoder:
    """{signal: physical value} -> bytes; raises CodecError with the reason when it can't be."""
    root = tree(message)
    checked = CheckedEncoder(message, root)
    if overlaps(message) or any(signal.scale == 0 for signal in message.signals):
        return checked.encode
    if not root.branches:
        return _straight(message, root.signals, checked.encode)
    if len(root.branches) > 1 or any(child.branches for child in next(iter(root.branches.values())).values()):
        return checked.encode
    return _dispatch(message, root, checked.encode)


def _dispatch(message: Message, root: Node, checked: Encoder) -> Encoder:
    """One selector: by its physical value to the function for the frame as it then is."""
    ((name, branches),) = root.branches.items()
    selector = next(signal for signal in root.signals if signal.name == name)
    made: dict[Any, Encoder] = {}
    shared: dict[int, Encoder] = {}
    for value, child in branches.items():
        if id(child) not in shared:
            shared[id(child)] = _straight(message, root.signals + child.signals, checked)
        made[physical(selector, value)] = shared[id(child)]

    def encode(signals: Mapping[str, Any]) -> bytes:
        try:
            variant = made.get(signals[name], checked)
        except FAILURES:
            variant = checked
        return variant(signals)

    return encode


def _straight(message: Message, signals: tuple[Signal, ...], checked: Encoder) -> Encoder:
    cut = fields(signals, message.length)
    orders = {one.little_endian for one, _ in cut}
    if len(orders) > 1 or any(one.is_bytes for one, _ in cut):
        cut = []  # two byte orders, or fields of odd widths: one number for the whole frame
    scope = {"checked": checked, "failures": FAILURES, "from_bytes": int.from_bytes}
    made = _Source(scope, [], [f"len(signals) == {len(signals)}"])
    packed = _packed(message, cut, made) if cut else _whole(message, signals, made)
    source = f"""
def encode(signals):
    try:
        {(chr(10) + "        ").join(made.lines) or "pass"}
        if {" and ".join(made.conditions)}:
            return {packed}
    except failures:
        pass
    return checked(signals)
"""
    exec(compile(source, f"<encoder of {message.name!r}>", "exec"), made.scope)  # names are literals in it, never code
    function: Encoder = made.scope["encode"]
    return function


@dataclass
class _Source:
    """An encoder in the making: what its names mean, its reading lines, its conditions."""

    scope: dict[str, Any]
    lines: list[str]
    conditions: list[str]


def _packed(message: Message, cut: list[tuple[Field, list[Signal]]], made: _Source) -> str:
    """pack() of the fields, each the union of its signals' bits."""
    little_endian = cut[0][0].little_endian
    made.scope["pack"] = struct.Struct(struct_format([one for one, _ in cut], message.length, little_endian)).pack
    values = []
    for one, members in sorted(cut, key=lambda pair: pair[0].first):
        whole = one.code.islower()  # the only signal of its field, which struct places with its sign
        values.append(" | ".join(_bits(signal, one.shift(signal), whole, made) for signal in members))
    return f"pack({', '.join(values)})"


def _whole(message: Message, signals: tuple[Signal, ...], made: _Source) -> str:
    """One number of all little-endian signals, one of the others, joined."""
    joined: dict[bool, list[str]] = {True: [], False: []}
    for signal in signals:
        frame = Field(0, message.length, signal.little_endian, f"{message.length}s")
        joined[signal.little_endian].append(_bits(signal, frame.shift(signal), False, made))
    little, big, length = " | ".join(joined[True]), " | ".join(joined[False]), message.length
    if not big:
        return f"({little or 0}).to_bytes({length}, 'little')"
    if not little:
        return f"({big}).to_bytes({length}, 'big')"
    return f"({little} | from_bytes(({big}).to_bytes({length}, 'big'), 'little')).to_bytes({length}, 'little')"


def _bits(signal: Signal, shift: int, whole: bool, made: _Source) -> str:
    """The expression of a signal's bits at their place; reading and checking it go to lines and conditions."""
    if signal.length <= TABLE_BITS and not signal.is_float and not whole:
        name = f"table{len(made.scope)}"
        made.scope[name] = _table(signal, shift)
        return f"{name}[signals[{signal.name!r}]]"
    value = f"v{len(made.lines)}"
    made.lines.append(f"{value} = signals[{signal.name!r}]")
    raw = _raw(signal, value, made.conditions)
    if whole:
        return raw
    if signal.is_float:
        pack = f"pack_{signal.length}"
        made.scope[pack] = struct.Struct("<" + FLOAT_FORMATS[signal.length]).pack
        raw = f"from_bytes({pack}({raw}), 'little')"
    elif signal.signed:
        raw = f"({raw} & {(1 << signal.length) - 1:#x})"
    return f"{raw} << {shift}" if shift else raw


def _raw(signal: Signal, value: str, conditions: list[str]) -> str:
    """The expression of the raw value; conditions that hold it in its range, which NaN and infinities fail."""
    scale, offset = exact_scaling(signal)
    low, high = bounds(signal)
    conditions.append(f"{low!r} <= {value} <= {high!r}")
    raw = value if offset == 0 else f"({value} - {offset!r})"
    if signal.is_float:
        return raw if scale == 1 else f"{raw} / {scale!r}"
    if isinstance(scale, int) and isinstance(offset, int):
        if scale == 1:
            return f"({raw} | 0)"  # integers alone: the checking encoder rounds others
        name = f"{value}_raw"
        conditions.append(f"({name} := {raw} // {scale!r}) * {scale!r} == {raw}")
        return f"({name} | 0)"
    if signal.length > EXACT_BITS:
        smallest, largest = signal.raw_range
        conditions.append(f"{smallest} <= round({raw} / {scale!r}) <= {largest}")
    return f"round({raw})" if scale == 1 else f"round({raw} / {scale!r})"


def _table(signal: Signal, shift: int) -> dict[Number, int]:
    """Every physical value that may be encoded, and as people write it (0.3 for 0.1 * 3), to its bits at their place."""
    table: dict[Number, int] = {}
    smallest, largest = signal.raw_range
    for raw in range(smallest, largest + 1):
        value = physical(signal, raw)
        if in_range(signal, value, raw):
            bits = (raw & (1 << signal.length) - 1) << shift
            table[value] = bits
            if round(value, 9) != value and raw_of(signal, round(value, 9)) == raw:
                table.setdefault(round(value, 9), bits)
    return table


def physical(signal: Signal, raw: Number) -> Number:
    """raw * scale + offset, whole numbers staying so."""
    scale, offset = exact_scaling(signal)
    return raw * scale + offset


def bounds(signal: Signal) -> tuple[Number, Number]:
    """Smallest and largest physical value: of the field, and of [min|max] where given."""
    if signal.is_float:
        low, high = -sys.float_info.max, sys.float_info.max
    else:
        ends = [physical(signal, raw) for raw in signal.raw_range]
        low, high = min(ends), max(ends)
    room = 0 if _is_whole(signal) else abs(signal.scale) * TOLERANCE
    if not signal.is_float:
        low, high = low - room, high + room
    if signal.minimum is not None:
        low = max(low, signal.minimum - abs(signal.scale) * TOLERANCE)
    if signal.maximum is not None:
        high = min(high, signal.maximum + abs(signal.scale) * TOLERANCE)
    return low, high


def _is_whole(signal: Signal) -> bool:
    return all(isinstance(one, int) for one in exact_scaling(signal))


def in_range(signal: Signal, value: Number, raw: Number) -> bool:
    """Within [min|max], or one of the labelled values, which need not be."""
    low, high = bounds(signal)
    return bool(low <= value <= high) or (not signal.is_float and raw in signal.choices)


def raw_of(signal: Signal, value: Number) -> Number:
    """The nearest raw value. Raises CodecError for a scale of 0."""
    scale, offset = exact_scaling(signal)
    if scale == 0:
        raise CodecError(f"{signal.name} has a scale of 0: nothing can be encoded")
    shifted = value - offset
    if signal.is_float:
        return shifted / scale
    if isinstance(scale, int) and isinstance(offset, int):
        whole, rest = divmod(shifted, scale)
        return round(whole if rest == 0 else shifted / scale)
    return round(shifted / scale)


class CheckedEncoder:
    """Encodes one message signal by signal, each mistake with its sentence."""

    def __init__(self, message: Message, root: Node) -> None:
        self.message, self.root = message, root

    def encode(self, signals: Mapping[str, Any]) -> bytes:
        """Raises CodecError."""
        if not isinstance(signals, Mapping):
            raise CodecError(f"{self.message.name}: signals are a mapping of names to numbers, not {type(signals).__name__}")
        wanted: list[Signal] = []
        self._gather(self.root, signals, wanted)
        names = {signal.name for signal in wanted}
        for name in signals:
            if name not in names:
                raise CodecError(self._why_not(name, signals))
        return self._placed(wanted, signals)

    def _gather(self, node: Node, signals: Mapping[str, Any], wanted: list[Signal]) -> None:
        for signal in node.signals:
            if signal.name not in signals:
                raise CodecError(f"{self.message.name}: the signal {signal.name} is missing")
            wanted.append(signal)
        for name, branches in node.branches.items():
            selector = next(signal for signal in node.signals if signal.name == name)
            value = self._raw(selector, signals[name])
            if value not in branches:
                known = ", ".join(map(str, list(branches)[:20]))
                raise CodecError(f"{self.message.name}: {name} is {value}, which selects nothing; known are {known}")
            self._gather(branches[int(value)], signals, wanted)

    def _why_not(self, name: object, signals: Mapping[str, Any]) -> str:
        for signal in self.message.signals:
            if signal.name == name:
                chosen = signals.get(signal.selector or "")
                return f"{self.message.name}: {name} is not in the frame while {signal.selector} is {chosen}"
        return f"{self.message.name} has no signal {name!r}"

    def _raw(self, signal: Signal, value: Any) -> Number:
        """The raw value, in range."""
        where = f"{self.message.name}.{signal.name}"
        number = _number(value, where)
        try:
            raw = raw_of(signal, number)
        except OverflowError as error:
            raise CodecError(f"{where}: {_shown(number)} is out of range") from error
        low, high = bounds(signal)
        smallest, largest = signal.raw_range
        if not in_range(signal, number, raw) or not (signal.is_float or smallest <= raw <= largest):
            text = f"{where}: {_shown(number)} is out of range, which is {low:.6g} to {high:.6g} {signal.unit}"
            raise CodecError(text.rstrip())
        return raw

    def _placed(self, wanted: list[Signal], signals: Mapping[str, Any]) -> bytes:
        frame = used = 0
        for signal in wanted:
            bits = self._frame_bits(signal, self._raw(signal, signals[signal.name]))
            if (frame ^ bits) & used & signal.bits:
                raise CodecError(f"{self.message.name}: {signal.name} shares bits with another signal, and wants others there")
            frame |= bits
            used |= signal.bits
        return frame.to_bytes(self.message.length, "little")

    def _frame_bits(self, signal: Signal, raw: Number) -> int:
        """The bits at their place in the frame read as one little-endian number."""
        if signal.is_float:
            try:
                whole = int.from_bytes(struct.pack("<" + FLOAT_FORMATS[signal.length], raw), "little")
            except (OverflowError, struct.error) as error:
                raise CodecError(f"{self.message.name}.{signal.name}: {raw:.6g} doesn't fit {signal.length} bits") from error
        else:
            whole = int(raw) & (1 << signal.length) - 1
        if signal.little_endian:
            return whole << signal.start
        length = self.message.length
        placed = whole << (8 * length - signal.network_start - signal.length)
        return int.from_bytes(placed.to_bytes(length, "big"), "little")


def _shown(number: Number) -> str:
    """Short; Python's own conversions refuse integers of hundreds of digits."""
    return f"{number:.6g}" if abs(number) < sys.float_info.max else f"a number of {int(number).bit_length()} bits"


def _number(value: Any, where: str) -> Number:
    """A finite int or float of a number of any kind."""
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real) or type(value).__name__ == "bool_":
        number = float(value)
        if math.isfinite(number):
            return number
        raise CodecError(f"{where}: {number} is no value")
    raise CodecError(f"{where}: {value!r:.60} is no number")
