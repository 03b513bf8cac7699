"""Messages in pieces, for a radio that carries few bytes at once. docs/protocol/digital_key.md, section 3.

Pure: whoever calls says what time it is, on any clock that runs steadily.
"""

from __future__ import annotations

MOST_MESSAGE_BYTES = 2048
MOST_MESSAGE_S = 5.0
FIRST, LAST, COUNT = 0x80, 0x40, 0x3F  # a fragment's head
ATTRIBUTE_BYTES = 512  # Bluetooth's limit for a characteristic's value, whatever the ATT_MTU (Vol 3, Part F, 3.2.9)
LEAST_MTU, MOST_MTU = 23, 517


class Malformed(Exception):
    """The other side broke the rules of section 3; its words say which. The connection has to end."""


def most_fragment_bytes(mtu: int) -> int:
    """How many bytes a fragment may have, its head included, on a link with this ATT_MTU (bytes)."""
    return min(mtu - 3, ATTRIBUTE_BYTES)


def split(message: bytes, most_bytes: int, count: int) -> list[bytes]:
    """The fragments of a message, each at most `most_bytes` long with its head; `count` numbers the first one.

    The next message begins at `count` plus the number of these fragments (modulo 64).
    Raises ValueError for a message that is empty or longer than 2048 bytes, and for fragments without room for one byte.
    """
    if not 0 < len(message) <= MOST_MESSAGE_BYTES:
        raise ValueError(f"a message has 1 to {MOST_MESSAGE_BYTES} bytes, not {len(message)}")
    if most_bytes < 2:
        raise ValueError(f"a fragment of {most_bytes} bytes holds a head and nothing else")
    step = most_bytes - 1
    return [_head(at, step, len(message), count) + message[at : at + step] for at in range(0, len(message), step)]


def _head(at: int, step: int, length: int, count: int) -> bytes:
    marks = (FIRST if at == 0 else 0) | (LAST if at + step >= length else 0)
    return bytes([marks | (count + at // step) & COUNT])


class Assembler:
    """Puts the fragments of one direction of one connection together. After a fault it accepts nothing more."""

    def __init__(self) -> None:
        self._count = 0
        self._parts = bytearray()
        self._began_s: float | None = None
        self._broken = ""

    @property
    def held_bytes(self) -> int:
        """How much of an unfinished message is kept: never more than 2048 bytes."""
        return len(self._parts)

    @property
    def deadline_s(self) -> float | None:
        """When `check` will begin to object, on the caller's clock; None while no message has begun."""
        return None if self._began_s is None else self._began_s + MOST_MESSAGE_S

    def take(self, fragment: bytes, now_s: float) -> bytes | None:
        """The message that this fragment completes, or None. Raises Malformed for whatever section 3 forbids."""
        self.check(now_s)
        if len(fragment) < 2:
            raise self._fault("a fragment without a byte of its message")
        self._follow(fragment[0], now_s)
        if len(self._parts) + len(fragment) - 1 > MOST_MESSAGE_BYTES:
            raise self._fault(f"a message longer than {MOST_MESSAGE_BYTES} bytes")
        self._parts += fragment[1:]
        return self._finish() if fragment[0] & LAST else None

    def check(self, now_s: float) -> None:
        """Raises Malformed when the message that began isn't complete after 5 s: to be asked when nothing arrives, too."""
        if self._broken:
            raise Malformed(self._broken)
        # Written so that a time that is no number counts as too late.
        if self._began_s is not None and not now_s - self._began_s <= MOST_MESSAGE_S:
            raise self._fault(f"a message that takes longer than {MOST_MESSAGE_S:.0f} s")

    def _follow(self, head: int, now_s: float) -> None:
        if head & COUNT != self._count:
            raise self._fault(f"fragment {head & COUNT} where {self._count} was due")
        begins, begun = bool(head & FIRST), self._began_s is not None
        if begins and begun:
            raise self._fault("a message that begins in the middle of another")
        if not begins and not begun:
            raise self._fault("the middle of a message that never began")
        self._count = (self._count + 1) & COUNT
        self._began_s = now_s if begins else self._began_s

    def _finish(self) -> bytes:
        message = bytes(self._parts)
        self._parts.clear()
        self._began_s = None
        return message

    def _fault(self, words: str) -> Malformed:
        self._broken = words
        self._parts = bytearray()
        return Malformed(words)
