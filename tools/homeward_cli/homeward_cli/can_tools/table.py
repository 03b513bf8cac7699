"""The monitor's table: the newest frame of each id, how often it comes, and which of its bits change."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field

from rich.console import Group
from rich.table import Table
from rich.text import Text

from homeward_cli.can_tools.dictionary import Dictionary
from homeward_runtime.can_bus import BusCounters, Frame

BRIGHT_S = 1.0  # how long a changed bit stays marked
RATE_WINDOW_S = 2.0
LATE_PERIODS = 5.0  # a frame older than this many of its periods is marked
ROWS_MAX = 500  # ids beyond it are counted, not shown: random ids must not fill the memory
PROTECTION = ("CRC", "Counter", "Checksum")  # change in every frame and say nothing of the car: seen in the data alone
CHANGED = "bold black on yellow"


@dataclass
class Row:
    """One id."""

    frame: Frame
    heard_s: float
    count: int = 0
    changed_s: list[float] = field(default_factory=list)  # when each bit last changed
    marks: collections.deque[tuple[float, int]] = field(default_factory=collections.deque)  # (time, count) at refreshes

    def take(self, frame: Frame, now_s: float) -> None:
        bits = 8 * len(frame.data)
        if len(self.changed_s) != bits:
            self.changed_s = [-1e9] * bits
        elif frame.data != self.frame.data:
            difference = int.from_bytes(frame.data, "big") ^ int.from_bytes(self.frame.data, "big")
            while difference:
                lowest = (difference & -difference).bit_length() - 1
                self.changed_s[bits - 1 - lowest] = now_s
                difference &= difference - 1
        self.frame, self.heard_s = frame, now_s
        self.count += 1

    def rate_hz(self, now_s: float) -> float:
        """Over the last two seconds. Call it at each refresh."""
        self.marks.append((now_s, self.count))
        while len(self.marks) > 2 and now_s - self.marks[1][0] >= RATE_WINDOW_S:
            self.marks.popleft()
        then_s, then_count = self.marks[0]
        return (self.count - then_count) / (now_s - then_s) if now_s > then_s else 0.0


class FrameTable:
    """take() what comes; rendered() whenever somebody looks. Times are seconds of one monotonic clock."""

    def __init__(self, dictionary: Dictionary, as_bits: bool = False) -> None:
        self.dictionary, self.as_bits = dictionary, as_bits
        self.rows: dict[tuple[int, bool], Row] = {}
        self.passed_over = 0

    def take(self, frames: list[Frame], now_s: float) -> None:
        for frame in frames:
            key = (frame.can_id, frame.extended)
            row = self.rows.get(key)
            if row is None:
                if len(self.rows) >= ROWS_MAX:
                    self.passed_over += 1
                    continue
                row = self.rows[key] = Row(frame, now_s)
                row.marks.append((now_s, 0))
            row.take(frame, now_s)

    def rendered(self, now_s: float, title: str, counters: BusCounters) -> Group:
        table = Table(title=title, title_justify="left", expand=True, box=None, padding=(0, 1), header_style="bold")
        for name in ("id", "name", "Hz", "age ms", "data"):
            table.add_column(name, justify="left" if name in ("name", "data") else "right", no_wrap=True)
        table.add_column("signals", ratio=1)
        for (can_id, extended), row in sorted(self.rows.items()):
            table.add_row(*self._cells(can_id, extended, row, now_s))
        return Group(table, Text(self._footer(counters), style="dim"))

    def _cells(self, can_id: int, extended: bool, row: Row, now_s: float) -> list[Text]:
        rate_hz, age_s = row.rate_hz(now_s), now_s - row.heard_s
        late = (rate_hz > 0 and age_s > max(LATE_PERIODS / rate_hz, 0.1)) or age_s > RATE_WINDOW_S
        return [
            Text(f"{can_id:08X}" if extended else f"{can_id:03X}", style="cyan"), Text(self.dictionary.name_of(row.frame) or "?"),
            Text(f"{rate_hz:.1f}"), Text(f"{min(age_s, 99.999) * 1e3:.0f}", style="red" if late else ""),
            marked_data(row, now_s, self.as_bits), self._signals(row.frame),
        ]  # fmt: skip

    def _signals(self, frame: Frame) -> Text:
        reading = self.dictionary.read(frame)
        if reading is None:
            return Text("")
        if reading.complaint:
            return Text(reading.complaint, style="red")
        text = Text()
        for signal, phrase in self.dictionary.phrases(reading):
            if signal in PROTECTION:
                continue
            text.append(f"{signal} ", style="dim").append(f"{phrase}  ")
        return text

    def _footer(self, counters: BusCounters) -> str:
        parts = [f"{counters.received} received"]
        for name in ("dropped", "malformed", "error_frames", "bus_off"):
            if getattr(counters, name):
                parts.append(f"{getattr(counters, name)} {name.replace('_', ' ')}")
        if self.passed_over:
            parts.append(f"{self.passed_over} of ids beyond the first {ROWS_MAX} not shown")
        return " " + ", ".join(parts)


def marked_data(row: Row, now_s: float, as_bits: bool) -> Text:
    """The data in hexadecimal, each digit with a fresh change marked; or bit by bit."""
    width = 1 if as_bits else 4
    text = Text()
    digits = "".join(f"{byte:08b}" if as_bits else f"{byte:02X}" for byte in row.frame.data)
    for place, digit in enumerate(digits):
        if place and place % (8 // width) == 0:
            text.append(" ")
        fresh = any(now_s - when <= BRIGHT_S for when in row.changed_s[place * width : (place + 1) * width])
        text.append(digit, style=CHANGED if fresh else "")
    return text
