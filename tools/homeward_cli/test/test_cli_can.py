"""`./homeward can`: real processes on a bus of their own domain; a demo car's ECUs answer where a car is wanted."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeward_can_bridge.codec import Codec
from homeward_carla_bridge.ecus import EcuParams, Ecus, Motion
from homeward_cli.environment import ROOT
from homeward_runtime import params as parameters
from homeward_runtime.can_bus import Bus, Frame, open_bus

PATHS = [ROOT / "tools" / "homeward_cli", ROOT / "src" / "homeward_runtime", ROOT / "src" / "homeward_can_bridge"]
DBC = (ROOT / "vehicles" / "homeward" / "homeward.dbc").read_text()


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(random.SystemRandom().randrange(100, 232)))


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "homeward_cli.can_tools", *map(str, arguments)]


def environment() -> dict[str, str]:
    """Without ROS: neither a sourced workspace nor its libraries."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "ROS_DOMAIN_ID", "LANG")}
    return kept | {"PYTHONPATH": os.pathsep.join(map(str, PATHS)), "HOMEWARD_ROOT": str(ROOT), "COLUMNS": "200"}


def can(*arguments: object, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), env=environment(), capture_output=True, text=True, timeout=seconds, check=False)


class Car:
    """The demo car on the bus, at 50 Hz of the real clock, with just enough physics to start and stop."""

    def __init__(self) -> None:
        raw: dict[str, object] = {}
        for pattern, values in parameters.read_file(ROOT / "params" / "car.yaml"):
            if parameters.matches(pattern, "/ecus"):
                raw.update(values)
        self.ecus = Ecus(parameters.build(EcuParams, raw, "car.yaml"), DBC, [])
        self.bus: Bus = open_bus("udp:")
        self.speeds_mps = [0.0]
        self.enabled = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        speed_mps, acceleration_mps2 = 0.0, 0.0
        codec = Codec(DBC)
        for tick in itertools.count():
            if self._done.wait(0.02):
                return
            frames = self.bus.receive()
            for frame in frames:
                name, signals = codec.decode(*frame) or ("", {})
                if name == "ActuatorCommand" and signals["Enabled"]:
                    self.enabled.set()
            pedals, out, _ = self.ecus.step(Motion(tick * 0.02, speed_mps=speed_mps, acceleration_mps2=acceleration_mps2), frames)
            acceleration_mps2 = 5.0 * pedals.throttle - (8.0 * pedals.brake if speed_mps > 0 else 0.0)
            speed_mps = max(speed_mps + acceleration_mps2 * 0.02, 0.0)
            self.speeds_mps.append(speed_mps)
            for frame in out:
                self.bus.send(frame)

    def stop(self) -> None:
        self._done.set()
        self._thread.join()
        self.bus.close()


@pytest.fixture
def car(domain: None) -> Iterator[Car]:
    made = Car()
    yield made
    made.stop()


# ---- looking

def test_monitor_shows_what_is_on_the_bus(car: Car, tmp_path: Path) -> None:
    picture = tmp_path / "monitor.svg"
    result = can("monitor", "--once", "--seconds", 1.5, "--screenshot", picture)
    assert result.returncode == 0, result.stderr
    rows = {line.split()[1]: line for line in result.stdout.splitlines() if len(line.split()) > 3}
    assert {"WheelSpeeds", "Motion", "Drivetrain", "BodyStatus", "BatteryStatus"} <= rows.keys()
    assert 35.0 < float(rows["WheelSpeeds"].split()[2]) < 60.0, "the rate"
    assert "Gear Park" in rows["Drivetrain"] and "StateOfCharge 80 %" in rows["BatteryStatus"]
    drawn = picture.read_text()
    assert drawn.startswith("<svg") and "WheelSpeeds" in drawn and "url(" not in drawn.replace("url(#", ""), "asks nobody's server"


def test_a_place_that_cant_be_written_is_named(domain: None, tmp_path: Path) -> None:
    result = can("record", tmp_path / "nowhere" / "a.log", "--seconds", 0.1)
    assert result.returncode == 1 and "can't be written" in result.stderr and "Traceback" not in result.stderr


def test_monitor_ends_quietly_on_ctrl_c(car: Car) -> None:
    process = subprocess.Popen(command("monitor", "--once", "--seconds", 600), env=environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    _await_reader(car)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=30)
    assert process.returncode == 0 and "Traceback" not in text


def _await_reader(car: Car) -> None:
    """Until the other process has had the time to open its bus: it is on the group's list of members then."""
    group = bytes(reversed([int(part) for part in car.bus._address[0].split(".")])).hex().upper()  # type: ignore[attr-defined]
    end_s = time.monotonic() + 30.0
    while time.monotonic() < end_s:
        users = [line.split()[1] for line in Path("/proc/net/igmp").read_text().splitlines() if line.strip().startswith(group)]
        if users and int(users[0]) >= 2:
            return
        time.sleep(0.01)
    pytest.fail("the tool never opened its bus")


@pytest.mark.parametrize("kind", ["log", "asc", "blf"])
def test_recorded_decoded_and_replayed_it_is_the_same(car: Car, tmp_path: Path, kind: str) -> None:
    first, second = tmp_path / f"first.{kind}", tmp_path / f"second.{kind}"
    assert can("record", first, "--seconds", 0.6).returncode == 0
    decoded = json.loads(can("decode", first, "--json").stdout)
    assert decoded["messages"]["WheelSpeeds"] > 20 and decoded["error"] is None and decoded["unknown"] == 0
    car.stop()
    recorder = subprocess.Popen(command("record", second, "--seconds", 20), env=environment(), stderr=subprocess.DEVNULL)
    try:
        listener = open_bus("udp:")
        group_of = type("Group", (), {"bus": listener})()
        _await_reader(group_of)
        result = can("replay", first, "--speed", 4)
        assert result.returncode == 0, result.stderr
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.wait(30)
    again = json.loads(can("decode", second, "--json").stdout)
    assert [(one["id"], one["data"]) for one in again["frames"]] == [(one["id"], one["data"]) for one in decoded["frames"]]
    span = lambda frames: frames[-1]["time_s"] - frames[0]["time_s"]  # noqa: E731
    assert 0.1 < span(again["frames"]) / span(decoded["frames"]) < 0.45, "four times as fast"


def test_decode_in_words(car: Car, tmp_path: Path) -> None:
    can("record", tmp_path / "a.log", "--seconds", 0.5)
    result = can("decode", tmp_path / "a.log")
    line = next(line for line in result.stdout.splitlines() if "Drivetrain" in line)
    assert "102  Drivetrain" in line and "Gear=Park" in line and "Power=Ready" in line and " m " in line


# ---- replaying carefully

def test_replay_leaves_commands_out(domain: None, tmp_path: Path) -> None:
    can_id, data = Codec(DBC).encode("WheelSpeeds", _zeros("WheelSpeeds"))
    command_id, command_data = Codec(DBC).encode("ActuatorCommand", _zeros("ActuatorCommand"))
    log = tmp_path / "a.log"
    log.write_text(f"(1.0) can0 {can_id:03X}#{data.hex()}\n(1.1) can0 {command_id:03X}#{command_data.hex()}\n")
    listener = open_bus("udp:")
    result = can("replay", log)
    assert "1 frames sent, 1 commands left out" in result.stderr and listener.receive() == [Frame(can_id, data)]
    can("replay", log, "--with-commands")
    assert [frame.can_id for frame in listener.receive()] == [can_id, command_id]


def _zeros(name: str) -> dict[str, float]:
    from homeward_can_bridge.dbc import load

    message = next(message for message in load(DBC).messages if message.name == name)
    return {one.name: 0 for one in message.signals}


def test_what_replay_refuses() -> None:
    from homeward_cli.can_tools.dictionary import ToolError
    from homeward_cli.can_tools.logs import check_replay

    commands, car_ids = {(512, False)}, {(256, False)}
    for url, heard, with_commands, text in [
        ("socketcan:can0", car_ids, False, "must not mix"), ("socketcan:can0", set(), True, "never go to a real bus"),
        ("udp:", car_ids | commands, True, "running bridge"), ("mem:x", set(), False, "replay to udp"),
        ("tape:a.log", set(), False, "replay to udp"),
    ]:  # fmt: skip
        with pytest.raises(ToolError, match=text):
            check_replay(url, heard, commands, with_commands)
    check_replay("socketcan:can0", set(), commands, False)
    check_replay("udp:", car_ids | commands, commands, False)
    check_replay("udp:1", car_ids, commands, True)


# ---- commanding

def test_send_drives_stops_and_hands_back(car: Car) -> None:
    result = can("send", "--acceleration-mps2", 1.5, "--seconds", 1.5)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "gate: ENGAGED" in result.stdout and "gate: STOPPING (command_stale)" in result.stdout
    assert "handed back at 0.0" in result.stdout
    assert max(car.speeds_mps) > 0.8 and car.speeds_mps[-1] == 0.0


def test_send_is_held_to_the_gates_limits(car: Car) -> None:
    result = can("send", "--acceleration-mps2", 30)
    assert result.returncode == 1 and "refused" in result.stdout and not car.enabled.is_set()


def test_send_engages_no_car_with_an_open_door(car: Car) -> None:
    car.ecus.doors_open = 1
    result = can("send", "--acceleration-mps2", 1)
    assert result.returncode == 1 and "a door is open" in result.stdout and not car.enabled.is_set()


def test_send_a_body_command_with_read_back(car: Car) -> None:
    result = can("send", "--body", "lights", "--value", 2)
    assert result.returncode == 0 and "lights: done" in result.stdout and car.ecus.lights == 2


def test_send_opens_nothing_without_a_key(car: Car) -> None:
    car.ecus.locked = True
    result = can("send", "--body", "unlock")
    assert result.returncode == 1 and "unlock: refused" in result.stdout and car.ecus.locked


def test_send_keeps_off_a_bus_with_a_running_bridge(car: Car) -> None:
    done = threading.Event()
    bridge = open_bus("udp:")
    frame = Frame(*Codec(DBC).encode("ActuatorCommand", _zeros("ActuatorCommand")))

    def command_on() -> None:
        while not done.wait(0.02):
            bridge.send(frame)

    thread = threading.Thread(target=command_on, daemon=True)
    thread.start()
    result = can("send", "--acceleration-mps2", 1)
    done.set()
    thread.join()
    assert result.returncode == 1 and "running bridge" in result.stderr and not car.enabled.is_set()


# ---- errors

@pytest.mark.parametrize(("arguments", "code", "text"), [
    (["send"], 1, "the car doesn't answer"),
    (["send", "--bus", "tape:x.log"], 1, "can't be commanded"),
    (["send", "--body", "dance"], 1, "there are lock, unlock"),
    (["monitor", "--bus", "can0"], 1, "is no CAN bus"),
    (["monitor", "--bus", "socketcan:nothing0", "--once"], 1, "ip link set nothing0 up"),
    (["monitor", "--dbc", "nowhere.dbc"], 1, "nowhere.dbc"),
    (["decode", "nowhere.log"], 1, "no file"),
    (["decode", "nowhere.txt", "--json"], 1, ".blf"),
    (["replay", "nowhere.log"], 1, "no file"),
    (["record", "out.txt", "--seconds", "0.1"], 1, ".blf"),
    (["bogus"], 2, "No such command"),
    (["monitor", "--seconds", "soon"], 2, "--seconds"),
    (["send", "--seconds", "1000"], 2, "--seconds"),
])  # fmt: skip
def test_errors_are_a_sentence(domain: None, arguments: list[str], code: int, text: str) -> None:
    result = can(*arguments)
    assert result.returncode == code and text in result.stderr and "Traceback" not in result.stderr


def test_a_broken_dbc_is_named_with_its_line(domain: None, tmp_path: Path) -> None:
    broken = tmp_path / "broken.dbc"
    broken.write_text('VERSION ""\n\nBO_ 1 A: 8 X\n SG_ S : 0|8@1+ (1,0 [0|1] "" X\n')
    result = can("monitor", "--once", "--dbc", broken)
    assert result.returncode == 1 and f"{broken}, line 4" in result.stderr and "Traceback" not in result.stderr


def test_lint(tmp_path: Path) -> None:
    overlapping = tmp_path / "overlapping.dbc"
    signals = [f' SG_ {name} : {start}|8@1+ (1,0) [0|255] "" X' for name, start in (("S", 0), ("T", 4))]
    overlapping.write_text("\n".join(['VERSION ""', "", "BU_: X", "", "BO_ 1 A: 8 X", *signals, ""]))
    result = can("lint", overlapping)
    assert "overlapping.dbc:7: " in result.stdout and "overlaps" in result.stdout
    assert can("lint", tmp_path / "nowhere.dbc").returncode == 1


def test_help_has_examples() -> None:
    for name in ("monitor", "decode", "record", "replay", "send", "lint"):
        assert f"./homeward can {name} " in can(name, "--help").stdout


# ---- the table

def test_the_table_marks_fresh_changes_and_silence() -> None:
    from homeward_cli.can_tools.dictionary import Dictionary
    from homeward_cli.can_tools.table import CHANGED, FrameTable, marked_data
    from homeward_runtime.can_bus import BusCounters

    table = FrameTable(Dictionary(DBC, "homeward.dbc"))
    for step in range(10):
        table.take([Frame(0x7FE, bytes([0, step % 2]))], step * 0.1)
    row = table.rows[(0x7FE, False)]
    assert row.rate_hz(1.0) == pytest.approx(10.0)
    marked = [text for start, end, text in ((span.start, span.end, span.style) for span in marked_data(row, 1.0, False).spans)]
    assert marked == [CHANGED] and marked_data(row, 1.0, False).plain == "00 01"
    assert marked_data(row, 1.0, True).plain == "00000000 00000001" and marked_data(row, 1.0, True).spans[0].start == 16
    assert not marked_data(row, 3.0, False).spans
    table.rendered(3.0, "x", BusCounters())


def test_the_table_survives_random_ids_and_lengths() -> None:
    from rich.console import Console

    from homeward_cli.can_tools.dictionary import Dictionary
    from homeward_cli.can_tools.table import ROWS_MAX, FrameTable
    from homeward_runtime.can_bus import BusCounters

    source, table = random.Random(1), FrameTable(Dictionary(DBC, "homeward.dbc"))
    for step in range(5000):
        extended = source.random() < 0.5
        frame = Frame(source.getrandbits(29 if extended else 11), source.randbytes(source.choice([0, 3, 8, 12, 64])), extended)
        table.take([frame], step * 0.001)
    assert len(table.rows) == ROWS_MAX and table.passed_over > 0
    with open(os.devnull, "w") as nowhere:
        Console(file=nowhere).print(table.rendered(5.0, "x", BusCounters(malformed=1)))
