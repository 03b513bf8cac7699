"""The log: each entry carries a hash over its predecessor's and its own fields, so that none goes or changes unseen. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from homeward_key_auth.encoding import encode

FIRST = bytes(32)
MOST_A_MINUTE = 32
MOST_WORDS = 200


@dataclass(frozen=True)
class Entry:
    """`at_s` of the wall clock; `kid` empty where no key is known."""

    number: int
    at_s: int
    kind: str
    kid: bytes
    words: str
    hash: bytes

    @staticmethod
    def after(before: Entry | None, at_s: float, kind: str, kid: bytes, words: str) -> Entry:
        number = before.number + 1 if before else 1
        row = (number, max(int(at_s), 0), kind, kid, words[:MOST_WORDS])
        return Entry(*row, hashed(before.hash if before else FIRST, *row))


def hashed(before: bytes, number: int, at_s: int, kind: str, kid: bytes, words: str) -> bytes:
    """What an entry's hash must be."""
    return hashlib.sha256(before + encode([number, at_s, kind, kid, words])).digest()


def first_broken(entries: Iterable[Entry]) -> int | None:
    """The number that the first entry should have which doesn't follow from the one before it; None when all do."""
    before, number = FIRST, 1
    for entry in entries:
        row = (entry.number, entry.at_s, entry.kind, entry.kid, entry.words)
        if entry.number != number or entry.hash != hashed(before, *row):
            return number
        before, number = entry.hash, number + 1
    return None


@dataclass
class Throttle:
    """For entries that an attacker can cause: MOST_A_MINUTE, then a count. Times of the monotonic clock."""

    began_s: float = 0.0
    passed: int = 0
    held: int = 0

    def passes(self) -> bool:
        if self.passed < MOST_A_MINUTE:
            self.passed += 1
            return True
        self.held += 1
        return False

    def counted(self, now_s: float) -> int:
        """How many were held back in the minute that is over; 0 while it lasts."""
        if now_s - self.began_s < 60.0:
            return 0
        held, self.began_s, self.passed, self.held = self.held, now_s, 0, 0
        return held
