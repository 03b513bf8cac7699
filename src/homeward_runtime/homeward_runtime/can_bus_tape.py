"""Recorded buses: candump .log, Vector .asc and .blf, read by python-can, played back at their times or faster."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import can

from homeward_runtime.can_bus_port import (
    DRAIN_LIMIT,
    BusCounters,
    BusError,
    FdFrame,
    Frame,
    WantedId,
    is_frame,
    wanted_pairs,
)

READERS: dict[str, Callable[[str], Any]] = {".log": can.CanutilsLogReader, ".asc": can.ASCReader, ".blf": can.BLFReader}
WRITERS: dict[str, Callable[[str], Any]] = {".log": can.CanutilsLogWriter, ".asc": can.ASCWriter, ".blf": can.BLFWriter}
KINDS = "candump's .log, Vector's .asc or .blf"
MALFORMED = "malformed"
ERROR = "error"

Stamped = tuple[float, Frame | str]  # time in the file [s], -inf where it makes no sense; a frame, or which counter rises


def read_tape(path: Path) -> Iterator[Stamped]:
    """Everything in the file, in its order. Raises BusError where it can't be opened or read on, with the reason."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BusError(f"'{path}' is no recording of a CAN bus that can be read here; wanted {KINDS}")
    place = 0
    try:
        with reader(str(path)) as messages:
            for message in messages:
                place += 1
                if not message.is_remote_frame:
                    yield _stamped(message)
    except FileNotFoundError as error:
        raise BusError(f"there is no file '{path}'") from error
    except Exception as error:  # python-can's readers raise whatever their parsing does
        where = f"after {place} frames" if place else "from its beginning on"
        raise BusError(f"'{path}' can't be read {where}: {type(error).__name__}: {error}") from error


def _stamped(message: Any) -> Stamped:
    time_s = float(message.timestamp)
    if not math.isfinite(time_s):
        return -math.inf, MALFORMED
    if message.is_error_frame:
        return time_s, ERROR
    can_id, data, extended = message.arbitration_id, bytes(message.data), bool(message.is_extended_id)
    if not is_frame(can_id, data, extended):
        return time_s, MALFORMED
    return time_s, (FdFrame if message.is_fd else Frame)(can_id, data, extended)


def open_tape(rest: str, ids: Iterable[WantedId] | None, clock: Callable[[], float]) -> TapeBus:
    """`FILE?speed=2`, `FILE?speed=max`, or just a file. Raises BusError, also when its first frame can't be read."""
    name, question, query = rest.rpartition("?")
    if not question:
        name, query = rest, "speed=1"
    key, _, value = query.partition("=")
    return TapeBus(Path(name), _speed(value if key == "speed" else ""), clock, ids)


def _speed(text: str) -> float:
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not (math.isfinite(speed) and speed > 0.0):
        raise BusError(f"a tape plays at ?speed=NUMBER (above 0) or ?speed=max, not at '{text}'")
    return speed


class TapeBus:
    """A recording as a bus. What is sent to it is counted and goes nowhere: the past can't be steered.

    `error` says why it ended early, where the file breaks off; `ended` is true once nothing more will come.
    """

    def __init__(
        self, path: Path, speed: float, clock: Callable[[], float], ids: Iterable[WantedId] | None = None
    ) -> None:
        self._speed, self._clock, self._wanted = speed, clock, wanted_pairs(ids)
        self._entries = read_tape(path)
        self._counters = BusCounters()
        self.error: BusError | None = None
        self._began_s: float | None = None  # by the clock, when the first frame was asked for
        self._next: Stamped | None = next(self._entries, None)  # a broken beginning is told here
        self._first_s: float | None = None  # by the file, of the first frame

    @property
    def counters(self) -> BusCounters:
        return self._counters

    @property
    def ended(self) -> bool:
        return self._next is None

    def send(self, frame: Frame) -> None:
        self._counters.sent += 1

    def receive(self) -> list[Frame]:
        """What the recording holds up to now. The first call is its beginning."""
        now_s = self._clock()
        self._began_s = now_s if self._began_s is None else self._began_s
        played_s = math.inf if math.isinf(self._speed) else (now_s - self._began_s) * self._speed
        frames: list[Frame] = []
        while self._next is not None and self._place_s(self._next[0]) <= played_s and len(frames) < DRAIN_LIMIT:
            self._sort(self._next[1], frames)
            self._next = self._advanced()
        self._counters.received += len(frames)
        return frames

    def _place_s(self, time_s: float) -> float:
        """How far into the recording this is [s]."""
        if self._first_s is None and math.isfinite(time_s):
            self._first_s = time_s
        return time_s - (self._first_s or 0.0)

    def _sort(self, entry: Frame | str, frames: list[Frame]) -> None:
        if entry == MALFORMED:
            self._counters.malformed += 1
        elif entry == ERROR:
            self._counters.error_frames += 1
        elif isinstance(entry, Frame) and (self._wanted is None or (entry.can_id, entry.extended) in self._wanted):
            frames.append(entry)

    def _advanced(self) -> Stamped | None:
        try:
            return next(self._entries, None)
        except BusError as error:
            self.error = error
            self._counters.malformed += 1
            return None

    def close(self) -> None:
        self._entries = iter(())
        self._next = None
