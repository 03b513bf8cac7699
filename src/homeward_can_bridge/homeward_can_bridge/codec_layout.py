"""Where signals lie in a frame: the tree of multiplexing, and the frame cut into fields that `struct` takes apart. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from homeward_can_bridge.dbc import Message, Signal

CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}  # struct's letters, by width in bytes
FLOAT_CODES = {2: "e", 4: "f", 8: "d"}


@dataclass
class Node:
    """Signals that are in a frame together; and for each selector among them what its raw values add."""

    signals: tuple[Signal, ...]
    branches: dict[str, dict[int, Node]] = field(default_factory=dict)


def tree(message: Message, parent: Signal | None = None, value: int = 0) -> Node:
    """The message's signals by multiplexing. A selector's labelled values are known even where they add no signal."""
    signals = tuple(one for one in message.signals if _belongs(one, parent, value))
    node = Node(signals)
    for selector in signals:
        if not selector.is_selector:
            continue
        values = {value for one in message.signals if one.selector == selector.name for value in one.selector_values}
        values |= set(selector.choices)
        if values:
            node.branches[selector.name] = _branches(message, selector, values)
    return node


def _branches(message: Message, selector: Signal, values: Iterable[int]) -> dict[int, Node]:
    """Values that add the same signals share one node."""
    shared: dict[tuple[str, ...], Node] = {}
    branches = {}
    for value in sorted(values):
        names = tuple(one.name for one in message.signals if _belongs(one, selector, value))
        if names not in shared:
            shared[names] = tree(message, selector, value)
        branches[value] = shared[names]
    return branches


def _belongs(signal: Signal, parent: Signal | None, value: int) -> bool:
    if parent is None:
        return signal.selector is None
    return signal.selector == parent.name and value in signal.selector_values


@dataclass(frozen=True)
class Field:
    """A run of bytes that one byte order's signals share, `code` being struct's letter for it.

    A code such as "3s" gives bytes, which are to be made a number first.
    """

    first: int  # byte
    width: int  # bytes
    little_endian: bool
    code: str

    @property
    def is_bytes(self) -> bool:
        return self.code.endswith("s")

    def shift(self, signal: Signal) -> int:
        """Bits from the field's least significant one to the signal's."""
        if self.little_endian:
            return signal.start - 8 * self.first
        return 8 * (self.first + self.width) - (signal.network_start + signal.length)


def fields(signals: Iterable[Signal], length: int) -> list[tuple[Field, list[Signal]]]:
    """The frame's fields with the signals in each, little-endian ones first.

    A signal within one byte has no byte order of its own: it goes with the order that more of the others have, which mostly
    spares taking the frame apart twice.
    """
    signals = list(signals)
    spanning = [one.little_endian for one in signals if not _is_within_a_byte(one)]
    main = 2 * sum(spanning) >= len(spanning)
    ordered = [_as_order(one, main) if _is_within_a_byte(one) else one for one in signals]
    return [
        pair
        for order in (True, False)
        for pair in _fields_of([one for one in ordered if one.little_endian == order], order, length)
    ]  # fmt: skip


def _is_within_a_byte(signal: Signal) -> bool:
    return signal.first_byte == signal.last_byte


def _as_order(signal: Signal, little_endian: bool) -> Signal:
    """The same bits of one byte, named the other byte order's way."""
    if signal.little_endian == little_endian:
        return signal
    start = signal.start - signal.length + 1 if little_endian else signal.start + signal.length - 1
    return replace(signal, start=start, little_endian=little_endian)


def _fields_of(signals: list[Signal], little_endian: bool, length: int) -> list[tuple[Field, list[Signal]]]:
    groups: list[tuple[int, int, list[Signal]]] = []  # first byte, last byte, signals
    for signal in sorted(signals, key=lambda one: one.first_byte):
        if groups and signal.first_byte <= groups[-1][1]:
            first, last, members = groups[-1]
            groups[-1] = (first, max(last, signal.last_byte), [*members, signal])
        else:
            groups.append((signal.first_byte, signal.last_byte, [signal]))
    cut = []
    floor = 0
    for index, (first, last, members) in enumerate(groups):
        ceiling = groups[index + 1][0] if index + 1 < len(groups) else length
        one = _field(first, last, floor, ceiling, little_endian, members)
        floor = one.first + one.width
        cut.append((one, members))
    return cut


def _field(first: int, last: int, floor: int, ceiling: int, little_endian: bool, members: list[Signal]) -> Field:
    """Widened to a width that struct has, when the bytes beside it are free."""
    width = last - first + 1
    alone = members[0] if len(members) == 1 and members[0].length == 8 * width else None
    if alone is not None and alone.is_float:
        return Field(first, width, little_endian, FLOAT_CODES[width])
    if alone is not None and alone.signed and width in CODES:
        return Field(first, width, little_endian, CODES[width].lower())
    for wide, code in CODES.items():
        if wide >= width and ceiling - floor >= wide:
            start = min(first, ceiling - wide)
            return Field(start, wide, little_endian, code)
    return Field(first, width, little_endian, f"{width}s")


def struct_format(cuts: Iterable[Field], length: int, little_endian: bool) -> str:
    """struct's format of the whole frame, the bytes between the fields left out."""
    text, at = "<" if little_endian else ">", 0
    for cut in sorted(cuts, key=lambda one: one.first):
        if cut.first > at:
            text += f"{cut.first - at}x"
        text += cut.code
        at = cut.first + cut.width
    return text + (f"{length - at}x" if length > at else "")
