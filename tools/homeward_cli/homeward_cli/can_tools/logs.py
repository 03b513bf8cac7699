"""Recordings of a bus: written, read as signals, and sent again."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from homeward_cli.can_tools.dictionary import Dictionary, ToolError
from homeward_runtime.can_bus import Bus, BusError, Frame
from homeward_runtime.can_bus_tape import KINDS, WRITERS, TapeBus, read_tape

POLL_S = 0.001  # how often the bus is asked, and so how exact the times of a recording are
LISTEN_S = 1.0
SHOWN_S = 5.0


def batches(bus: Bus, seconds: float | None) -> Iterator[tuple[float, list[Frame]]]:
    """(monotonic time, what came) until the time is over, the tape ends, or Ctrl-C."""
    end_s = None if seconds is None else time.monotonic() + seconds
    try:
        while True:
            now_s = time.monotonic()
            frames = bus.receive()
            yield now_s, frames
            if (end_s is not None and now_s >= end_s) or (isinstance(bus, TapeBus) and bus.ended):
                return
            if not frames:
                time.sleep(POLL_S)
    except KeyboardInterrupt:
        return


def record(bus: Bus, path: Path, seconds: float | None) -> int:
    """Write what is heard, with the wall clock's times. The count of frames. Raises ToolError."""
    writer_type = WRITERS.get(path.suffix.lower())
    if writer_type is None:
        raise ToolError(f"'{path}' is no kind of recording that can be written here; wanted {KINDS}")
    try:
        with writer_type(str(path)) as writer:
            count = 0
            for _, frames in batches(bus, seconds):
                stamp_s = time.time()
                for frame in frames:
                    writer.on_message_received(_message(frame, stamp_s))
                count += len(frames)
            return count
    except OSError as error:
        raise ToolError(f"'{path}' can't be written: {error.strerror or error}") from error


def _message(frame: Frame, stamp_s: float) -> Any:
    import can

    return can.Message(timestamp=stamp_s, arbitration_id=frame.can_id, data=frame.data, is_extended_id=frame.extended,
                       is_fd=frame.is_fd, channel=0)  # fmt: skip


def decode_lines(path: Path, dictionary: Dictionary, out: TextIO) -> None:
    """A line a frame: time, id, name, signals. Raises BusError where the file breaks off."""
    for time_s, entry in read_tape(path):
        if isinstance(entry, str):
            print(f"{time_s:.6f}  {entry} frame", file=out)
            continue
        reading = dictionary.read(entry)
        if reading is None:
            text = f"?  {entry.data.hex(' ')}"
        elif reading.complaint:
            text = f"{reading.name}  !! {reading.complaint}"
        else:
            text = f"{reading.name}  " + "  ".join(f"{signal}={phrase}" for signal, phrase in dictionary.phrases(reading))
        print(f"{time_s:.6f}  {_id_text(entry)}  {text}", file=out)


def decode_json(path: Path, dictionary: Dictionary, out: TextIO) -> None:
    """One JSON object on one line, written as it is read: `frames`, then `messages` (how many of each), `unknown`,
    `malformed`, and `error` where the file breaks off (null else)."""
    counts: Counter[str] = Counter()
    unknown = malformed = 0
    error, separator = None, ""
    out.write('{"frames": [')
    try:
        for time_s, entry in read_tape(path):
            if isinstance(entry, str):
                malformed += 1
                continue
            reading = dictionary.read(entry)
            unknown += reading is None
            malformed += bool(reading and reading.complaint)
            counts[reading.name if reading else "?"] += 1
            values = _finite(reading.values) if reading else {}
            out.write(separator + json.dumps({
                "time_s": time_s, "id": entry.can_id, "extended": entry.extended, "data": entry.data.hex(),
                "name": reading.name if reading else None, "signals": values,
            }))  # fmt: skip
            separator = ", "
    except BusError as found:
        error = str(found)
    rest = {"messages": dict(counts), "unknown": unknown, "malformed": malformed, "error": error}
    out.write("], " + json.dumps(rest)[1:] + "\n")


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """JSON has no infinity."""
    return {name: value if abs(value) < float("inf") else None for name, value in values.items()}


def _id_text(frame: Frame) -> str:
    return f"{frame.can_id:08X}" if frame.extended else f"{frame.can_id:03X}"


def replay(tape: TapeBus, bus: Bus, left_out: set[tuple[int, bool]], say: Callable[[str], None]) -> tuple[int, int]:
    """Send the tape's frames at its pace. How many were sent, and how many were left out. Raises BusError."""
    sent = kept_back = 0
    told_s = time.monotonic()
    for now_s, frames in batches(tape, None):
        for frame in frames:
            if (frame.can_id, frame.extended) in left_out:
                kept_back += 1
            else:
                bus.send(frame)
                sent += 1
        if now_s - told_s > SHOWN_S:
            told_s = now_s
            say(f"{sent} frames sent")
    if tape.error is not None:
        raise tape.error
    return sent, kept_back


def heard_ids(bus: Bus, seconds: float) -> set[tuple[int, bool]]:
    """(id, extended) of whatever is on the bus in this time."""
    return {(frame.can_id, frame.extended) for _, frames in batches(bus, seconds) for frame in frames}


def check_replay(url: str, heard: set[tuple[int, bool]], commands: set[tuple[int, bool]], with_commands: bool) -> None:
    """May a recording be sent there? Raises ToolError with the reason and a remedy.

    On a bus of this machine (udp:) it may, also beside a running bridge, which then sees the recording. On a real bus only
    where nobody else talks, for a recorded frame beside a live one can make a car do anything; and recorded commands
    never, for they would reach the actuators without passing the gate.
    """
    if url.startswith(("tape:", "mem:")):
        raise ToolError(f"'{url}' can't be heard by anyone else; replay to udp: or socketcan:NAME")
    on_machine = url.startswith("udp:")
    if with_commands and not on_machine:
        raise ToolError("recorded commands never go to a real bus: they would pass the gate by. Leave out --with-commands")
    if not on_machine and heard:
        raise ToolError(f"{len(heard)} other ids are heard on {url}: a car or its computer is there, and a recording must not "
                        "mix with it. Take the car off the bus, or replay to udp:")  # fmt: skip
    if with_commands and heard & commands:
        raise ToolError("a running bridge sends commands on this bus; recorded ones must not mix with them. End it, or "
                        "leave out --with-commands")  # fmt: skip
