"""Tapes of a bus: candump, ASC and BLF played back by an injected clock; broken files end with a reason."""

from __future__ import annotations

from pathlib import Path

import can
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeward_runtime.can_bus import DRAIN_LIMIT, BusError, Frame, open_bus
from homeward_runtime.can_bus_tape import WRITERS, read_tape

KINDS = sorted(WRITERS)


class Clock:
    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def frame_of(number: int) -> Frame:
    extended = number % 3 == 0
    return Frame((0x1ABCDE00 if extended else 0x100) + number % 8, bytes([number % 256] * (number % 9)), extended)


def write(path: Path, count: int, period_s: float = 0.01) -> list[Frame]:
    frames = [frame_of(number) for number in range(count)]
    with WRITERS[path.suffix](str(path)) as writer:
        for number, frame in enumerate(frames):
            writer(can.Message(timestamp=1_700_000_000.0 + number * period_s, arbitration_id=frame.can_id, data=frame.data,
                               is_extended_id=frame.extended, channel=0))  # fmt: skip
    return frames


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_a_tape_plays_at_its_speed(tmp_path: Path, kind: str, speed: float) -> None:
    path, clock = tmp_path / f"drive{kind}", Clock()
    frames = write(path, 101)
    bus = open_bus(f"tape:{path}?speed={speed:g}", clock=clock)
    clock.now_s += 10.0  # the tape begins when it is first asked
    got = bus.receive()
    assert got == frames[:1]
    clock.now_s += 0.5 / speed + 0.001
    got += bus.receive()
    assert got == frames[:51]
    clock.now_s += 0.5 / speed
    got += bus.receive()
    assert got == frames and bus.ended and bus.error is None  # type: ignore[attr-defined]
    assert bus.counters.received == 101
    bus.send(frames[0])
    assert bus.counters.sent == 1
    bus.close()
    assert bus.receive() == []


@pytest.mark.parametrize("kind", KINDS)
def test_as_fast_as_it_is_read_and_only_the_wanted(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"drive{kind}"
    frames = write(path, 3 * DRAIN_LIMIT, 1.0)
    bus = open_bus(f"tape:{path}?speed=max", ids=[0x101], clock=Clock())
    got: list[Frame] = []
    for _ in range(10):
        got += bus.receive()
    assert got == [frame for frame in frames if frame.can_id == 0x101] and len(got) > 100


def test_a_clock_that_jumps_back_holds_the_tape(tmp_path: Path) -> None:
    path, clock = tmp_path / "drive.log", Clock()
    frames = write(path, 3, 1.0)
    bus = open_bus(f"tape:{path}", clock=clock)
    bus.receive()
    clock.now_s -= 100.0
    assert bus.receive() == []
    clock.now_s += 101.0
    assert bus.receive() == frames[1:2]


def test_fd_error_and_remote_frames_of_a_candump(tmp_path: Path) -> None:
    path = tmp_path / "drive.log"
    lines = ["(1.0) can0 123##1010203", "(2.0) can0 123#R2", "(3.0) can0 20000080#0000000000000000", "(nan) can0 1#"]
    path.write_text("\n".join([*lines, "(4.0) can0 001#05", ""]))
    bus = open_bus(f"tape:{path}?speed=max")
    got = bus.receive()
    assert got == [Frame(0x123, b"\x01\x02\x03"), Frame(1, b"\x05")] and got[0].is_fd and not got[1].is_fd
    assert bus.counters.error_frames == 1 and bus.counters.malformed == 1


@pytest.mark.parametrize(("name", "content"), [
    ("a.log", b"no candump at all"), ("a.log", b"(1.0) can0 xyz#00\n"), ("a.log", b"\xff\xfe\x00"), ("a.blf", b""),
    ("a.blf", b"LOGGnonsense"), ("a.csv", b""),
])  # fmt: skip
def test_a_broken_beginning_is_told_at_once(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BusError, match=r"can't be read|can be read here"):
        open_bus(f"tape:{tmp_path / name}")


def test_a_tape_that_breaks_off_ends_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "drive.log"
    write(path, 20)
    path.write_text(path.read_text() + "(1.0) can0 gibberish\n")
    bus = open_bus(f"tape:{path}?speed=max")
    assert len(bus.receive()) == 20
    assert bus.ended and "after 20 frames" in str(bus.error) and bus.counters.malformed == 1  # type: ignore[attr-defined]


def test_an_empty_candump_is_an_empty_tape(tmp_path: Path) -> None:
    path = tmp_path / "drive.log"
    path.write_text("")
    bus = open_bus(f"tape:{path}")
    assert bus.receive() == [] and bus.ended  # type: ignore[attr-defined]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_a_damaged_file_raises_nothing_but_a_bus_error(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    path = tmp_path / f"drive{kind}"
    write(path, 30)
    content = bytearray(path.read_bytes())
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=6)):
        content[place % len(content)] = value
    del content[max(1, round(data.draw(st.floats(0.0, 1.0)) * len(content))) :]
    path.write_bytes(content)
    try:
        for _, entry in read_tape(path):
            assert isinstance(entry, str) or (entry.can_id < 1 << 29 and len(entry.data) <= 64)
    except BusError as error:
        assert str(path) in str(error)
