"""End-to-end protection of CAN frames: AUTOSAR E2E profiles 1 (classic frames) and 5 (CAN FD), by the library autosar-e2e.

Profile 1: CRC-8 in byte 0, a counter from 0 to 14 in the low half of byte 1. Profile 5: CRC-16 in bytes 0 and 1, a
counter from 0 to 255 in byte 2. The data id is part of the checksum and not of the frame: a frame under a wrong id
doesn't pass. Source: AUTOSAR "E2E Protocol Specification", profiles 1 (PRS_E2E, data id mode BOTH) and 5.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from e2e import p01, p05

MOST_LOST = 3  # in a row; beyond, one frame is passed over to find the sequence again
ROOM_BYTES = {1: 2, 5: 3}


class Verdict(StrEnum):
    """What the protection of a received frame says. GOOD and LOST (some before it) may be used; the others not."""

    GOOD = "good"
    LOST = "lost"
    REPEATED = "repeated"
    OUT_OF_SEQUENCE = "out of sequence"
    CORRUPTED = "corrupted"

    @property
    def usable(self) -> bool:
        return self in (Verdict.GOOD, Verdict.LOST)


@dataclass(frozen=True)
class Protection:
    """How one message is protected. Raises ValueError where it can't be so."""

    data_id: int
    profile: int = 1

    def __post_init__(self) -> None:
        if self.profile not in ROOM_BYTES:
            raise ValueError(f"there is no protection by profile {self.profile}; 1 and 5 are known")
        if not 0 <= self.data_id <= 0xFFFF:
            raise ValueError(f"the data id {self.data_id} does not fit 16 bits")

    @property
    def counters(self) -> int:
        """How many values the counter has."""
        return 15 if self.profile == 1 else 256

    def counter_of(self, data: bytes) -> int:
        return data[1] & 0x0F if self.profile == 1 else data[2]

    def fits(self, data: bytes) -> bool:
        """Whether the checksum is right. A frame too short for one isn't."""
        if len(data) <= ROOM_BYTES[self.profile] or self.counter_of(data) >= self.counters:
            return False
        check = p01.e2e_p01_check if self.profile == 1 else p05.e2e_p05_check
        return bool(check(bytearray(data), self.data_id))  # the library takes nothing that it could not write to


class Protector:
    """The sending end of one message."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection
        self._counter = 0

    def protect(self, data: bytes) -> bytes:
        """The frame with the next counter and its checksum in their places."""
        profile, frame = self._protection.profile, bytearray(data)
        place, other = (1, 0xF0) if profile == 1 else (2, 0x00)
        frame[place] = frame[place] & other | self._counter
        self._counter = (self._counter + 1) % self._protection.counters
        protect = p01.e2e_p01_protect if profile == 1 else p05.e2e_p05_protect
        protect(frame, self._protection.data_id, increment_counter=False)
        return bytes(frame)


class Inspector:
    """The receiving end of one message; `counts` says how often each verdict was given, and how many frames are lost."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection
        self._last: int | None = None
        self.counts: Counter[str] = Counter()

    def inspect(self, data: bytes) -> Verdict:
        """The verdict on the next frame. The first whole one is believed."""
        verdict = self._verdict(data)
        self.counts[verdict] += 1
        return verdict

    def _verdict(self, data: bytes) -> Verdict:
        if not self._protection.fits(data):
            return Verdict.CORRUPTED
        counter, last = self._protection.counter_of(data), self._last
        self._last = counter
        if last is None:
            return Verdict.GOOD
        ahead = (counter - last) % self._protection.counters
        if ahead == 0:
            return Verdict.REPEATED
        if ahead == 1:
            return Verdict.GOOD
        self.counts["frames lost"] += ahead - 1
        return Verdict.LOST if ahead - 1 <= MOST_LOST else Verdict.OUT_OF_SEQUENCE
