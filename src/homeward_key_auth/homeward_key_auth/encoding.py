"""Deterministic CBOR, of the few kinds the protocol knows (docs/protocol/digital_key.md, section 2).

A general decoder accepts more than one spelling of a value, and more kinds of values than anybody here needs; each is
room for two readers to disagree on what was signed. This one knows one spelling: what `encode` writes.
"""

from __future__ import annotations

from typing import Any

MOST_BYTES, DEEPEST, MOST_ITEMS = 2048, 8, 256
UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, SIMPLE = 0, 1, 2, 3, 4, 5, 7
SIMPLES: dict[int, bool | None] = {20: False, 21: True, 22: None}
SIZES = {24: 1, 25: 2, 26: 4, 27: 8}


class Malformed(Exception):
    """Not the one spelling of a message; the text is for the log, never for the sender."""


def encode(value: Any) -> bytes:
    """Of None, bool, int, bytes, str, list, tuple and dict. Raises TypeError for anything else."""
    if value is None or isinstance(value, bool):
        return _head(SIMPLE, {False: 20, True: 21, None: 22}[value])
    if isinstance(value, int):
        return _head(UINT, value) if value >= 0 else _head(NEGATIVE, -1 - value)
    if isinstance(value, bytes):
        return _head(BYTES, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(TEXT, len(text)) + text
    if isinstance(value, list | tuple):
        return _head(ARRAY, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        rows = sorted((encode(key), encode(item)) for key, item in value.items())
        return _head(MAP, len(rows)) + b"".join(key + item for key, item in rows)
    raise TypeError(f"{type(value).__name__} has no place in a message")


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, size in SIZES.items():
        if argument < 1 << 8 * size:
            return bytes([major << 5 | info]) + argument.to_bytes(size, "big")
    raise TypeError(f"{argument} is beyond 64 bits")


def items_of(value: Any) -> int:
    """How many items a value has, itself among them: what MOST_ITEMS bounds."""
    if isinstance(value, dict):
        return 1 + sum(items_of(key) + items_of(item) for key, item in value.items())
    return 1 + sum(map(items_of, value)) if isinstance(value, list | tuple) else 1


def decode(data: bytes) -> Any:
    """The one value that `data` spells. Raises Malformed."""
    values = decode_sequence(data)
    if len(values) != 1:
        raise Malformed(f"{len(values)} values where one was expected")
    return values[0]


def decode_sequence(data: bytes) -> list[Any]:
    """The values that follow one another (RFC 8742). Raises Malformed."""
    if len(data) > MOST_BYTES:
        raise Malformed(f"{len(data)} bytes are more than {MOST_BYTES}")
    reader, values = _Reader(data), list[Any]()
    while reader.at < len(data):
        values.append(reader.value(1))
    return values


class _Reader:
    """Reads from `at` on; counts the items, so that a short message can't ask for much."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.items = data, 0, 0

    def value(self, depth: int) -> Any:
        """The value at `at`, which lies `depth` deep."""
        if depth > DEEPEST:
            raise Malformed(f"nested deeper than {DEEPEST}")
        self.items += 1
        if self.items > MOST_ITEMS:
            raise Malformed(f"more than {MOST_ITEMS} items")
        major, argument = self.head()
        match major:
            case 0:
                return argument
            case 1:
                return -1 - argument
            case 2:
                return self.take(argument)
            case 3:
                return self.text(argument)
            case 4:
                return [self.value(depth + 1) for _ in range(self.count(argument))]
            case 5:
                return self.map(self.count(argument), depth + 1)
            case _:
                return SIMPLES[argument]

    def head(self) -> tuple[int, int]:
        """Major type and argument, in the shortest spelling."""
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if major == 6 or (major == SIMPLE and info not in SIMPLES):
            raise Malformed(f"a tag, a float or a reserved value at byte {self.at - 1}")
        if info < 24:
            return major, info
        if info not in SIZES:
            raise Malformed(f"an indefinite or reserved length at byte {self.at - 1}")
        argument = int.from_bytes(self.take(SIZES[info]), "big")
        if len(_head(0, argument)) != 1 + SIZES[info]:
            raise Malformed(f"a number spelt longer than needed at byte {self.at - 1}")
        return major, argument

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise Malformed("ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def text(self, count: int) -> str:
        try:
            return self.take(count).decode()
        except UnicodeDecodeError:
            raise Malformed("text that isn't UTF-8") from None

    def count(self, argument: int) -> int:
        if argument > len(self.data) - self.at:
            raise Malformed("more items than bytes")
        return argument

    def map(self, count: int, depth: int) -> dict[Any, Any]:
        found, before = dict[Any, Any](), b""
        for _ in range(count):
            begins = self.at
            key = self.value(depth)
            spelt = self.data[begins : self.at]
            if not isinstance(key, int | str | bytes) or isinstance(key, bool):
                raise Malformed("a key that is no number, text or bytes")
            if spelt <= before:
                raise Malformed("keys out of order, or twice")
            before, found[key] = spelt, self.value(depth)
        return found
