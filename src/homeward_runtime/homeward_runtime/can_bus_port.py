"""What a CAN bus is to the rest of the car: frames, a port that never waits, and counters. Pure."""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol

DRAIN_LIMIT = 2000  # frames taken in one go: a babbling bus must not hold the node up
STANDARD_ID_MAX, EXTENDED_ID_MAX = 0x7FF, 0x1FFFFFFF
FD_LENGTHS = frozenset({*range(9), 12, 16, 20, 24, 32, 48, 64})  # ISO 11898-1: what a data length code can say
ERROR_BUS_OFF, ERROR_CONTROLLER = 0x40, 0x04  # error classes of linux/can/error.h
CONTROLLER_OVERFLOW = 0x03  # receive and transmit overflow, in data[1] of a controller's error frame

WantedId = int | tuple[int, bool]


class Frame(NamedTuple):
    """One data frame: what a codec takes. `data` has up to 8 bytes (classic) or 64 (FD)."""

    can_id: int
    data: bytes
    extended: bool = False

    @property
    def is_fd(self) -> bool:
        """Does it go out in the FD format? Above 8 bytes there is no other."""
        return len(self.data) > 8


class FdFrame(Frame):
    """A frame in the FD format whatever its length. Equal to the Frame of the same id and data."""

    __slots__ = ()

    @property
    def is_fd(self) -> bool:
        return True


@dataclass
class BusCounters:
    """What has passed, in frames; all of them only rise while the bus is open."""

    received: int = 0
    sent: int = 0
    dropped: int = 0  # came in and were lost before receive(): the kernel's buffer or the controller overflowed
    error_frames: int = 0
    bus_off: int = 0  # how often the controller left the bus, or the interface went away
    malformed: int = 0  # datagrams and lines of a file that are no frame

    def __add__(self, other: BusCounters) -> BusCounters:
        return BusCounters(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


class Bus(Protocol):
    """What every bus does. receive() never waits and never raises."""

    def send(self, frame: Frame) -> None: ...  # raises BusError
    def receive(self) -> list[Frame]: ...
    def close(self) -> None: ...
    @property
    def counters(self) -> BusCounters: ...


class BusError(Exception):
    """The bus can't be opened, or a frame can't be sent; says why and what to do."""


def is_frame(can_id: object, data: object, extended: object) -> bool:
    """Could this have been on a CAN bus?"""
    return (
        type(can_id) is int and 0 <= can_id <= (EXTENDED_ID_MAX if extended else STANDARD_ID_MAX)
        and isinstance(data, bytes) and len(data) in FD_LENGTHS
    )  # fmt: skip


def wanted_pairs(ids: Iterable[WantedId] | None) -> Collection[tuple[int, bool]] | None:
    """(id, extended) of each wanted id; None: all. A bare number above 0x7FF can only be an extended id.

    Raises BusError on a number that is no CAN id.
    """
    if ids is None:
        return None
    pairs = {each if isinstance(each, tuple) else (each, each > STANDARD_ID_MAX) for each in ids}
    for can_id, extended in pairs:
        if not is_frame(can_id, b"", extended):
            raise BusError(f"{can_id!r} is no {'extended' if extended else 'standard'} CAN id")
    return frozenset((can_id, bool(extended)) for can_id, extended in pairs)


class MemoryBus:
    """The twin in this process: every other bus of the same name hears what is sent, in order."""

    _wires: dict[str, list[MemoryBus]] = collections.defaultdict(list)

    def __init__(self, name: str, ids: Iterable[WantedId] | None = None) -> None:
        self._wanted = wanted_pairs(ids)
        self._wire = self._wires[name]
        self._wire.append(self)
        self._inbox: collections.deque[Frame] = collections.deque(maxlen=DRAIN_LIMIT)
        self._counters = BusCounters()

    @property
    def counters(self) -> BusCounters:
        return self._counters

    def send(self, frame: Frame) -> None:
        self._counters.sent += 1
        for other in self._wire:
            if other is not self:
                other._hear(frame)

    def _hear(self, frame: Frame) -> None:
        if self._wanted is not None and (frame.can_id, frame.extended) not in self._wanted:
            return
        self._counters.dropped += len(self._inbox) == DRAIN_LIMIT  # the oldest makes room
        self._inbox.append(frame)

    def receive(self) -> list[Frame]:
        frames = list(self._inbox)
        self._inbox.clear()
        self._counters.received += len(frames)
        return frames

    def close(self) -> None:
        if self in self._wire:
            self._wire.remove(self)


class JoinedBus:
    """Several buses heard as one. What is sent goes to the first: the bus that the actuators are on."""

    def __init__(self, parts: list[Bus]) -> None:
        self.parts = parts

    @property
    def counters(self) -> BusCounters:
        return sum((part.counters for part in self.parts), BusCounters())

    def send(self, frame: Frame) -> None:
        self.parts[0].send(frame)

    def receive(self) -> list[Frame]:
        return [frame for part in self.parts for frame in part.receive()]

    def close(self) -> None:
        for part in self.parts:
            part.close()
