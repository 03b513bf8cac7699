"""Tapes: what was written is read back, byte for byte; other readers understand them; broken ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcap_ros2.reader import read_ros2_messages
from rclpy.serialization import deserialize_message, serialize_message

from homeward_interfaces.msg import DriveCommand, TrackedObject, TrackedObjects
from homeward_runtime import ledger
from homeward_runtime.car_node import CarNode
from homeward_runtime.ledger import Kind
from homeward_runtime.lockstep import Lockstep
from homeward_runtime.tape import Taped, TapeError, TapeWriter, definition, read_tape


def written(path: Path) -> list[Taped]:
    objects = TrackedObjects(objects=[TrackedObject(id=7, x_m=1.5)])
    command = DriveCommand(sequence=3, acceleration_mps2=-1.25, stop_distance_m=[0.0, 2.5])
    rows = [Taped("/perception/objects", ledger.OBJECTS.type, serialize_message(objects), 1_000),
            Taped("/vehicle/drive_command", ledger.DRIVE_COMMAND.type, serialize_message(command), 2_000)]  # fmt: skip
    with TapeWriter(path) as tape:
        for row in rows:
            tape.write(row)
    return rows


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    rows = written(tmp_path / "a.mcap")
    assert list(read_tape(tmp_path / "a.mcap")) == rows
    assert list(read_tape(tmp_path / "a.mcap", ["vehicle/drive_command"])) == rows[1:]


def test_another_reader_understands_it_by_the_definitions_in_it(tmp_path: Path) -> None:
    written(tmp_path / "a.mcap")
    messages = [message.ros_msg for message in read_ros2_messages(str(tmp_path / "a.mcap"))]
    assert messages[0].objects[0].x_m == 1.5 and messages[0].objects[0].id == 7
    assert messages[1].acceleration_mps2 == -1.25 and list(messages[1].stop_distance_m) == [0.0, 2.5]


@pytest.mark.parametrize("row", [row for row in ledger.LEDGER if row.kind is Kind.TOPIC], ids=lambda row: row.name)
def test_every_topic_of_the_ledger_can_be_taped(row: ledger.Interface) -> None:
    assert definition(row.type)


def test_a_tape_replays_through_a_node(tmp_path: Path) -> None:
    written(tmp_path / "a.mcap")
    heard: list[float] = []

    class Listener(CarNode):
        name = "listener"

        def configure(self) -> None:
            self.subscribe_to(ledger.DRIVE_COMMAND, lambda message: heard.append(message.acceleration_mps2))

    world = Lockstep({})
    world.add(Listener)
    for taped in read_tape(tmp_path / "a.mcap", [ledger.DRIVE_COMMAND.name]):
        world.publish(ledger.DRIVE_COMMAND, deserialize_message(taped.data, DriveCommand))
        world.step(20_000_000)
    assert heard == [-1.25]


@pytest.mark.parametrize("content", [b"", b"not a tape", b"\x89MCAP0\r\n" + b"\x00" * 40])
def test_a_broken_tape_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.mcap").write_bytes(content)
    with pytest.raises(TapeError, match=r"b\.mcap"):
        list(read_tape(tmp_path / "b.mcap"))
    with pytest.raises(TapeError):
        list(read_tape(tmp_path / "nowhere.mcap"))


def test_a_tape_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="can't be written"):
        TapeWriter(tmp_path / "no" / "such" / "folder.mcap")
