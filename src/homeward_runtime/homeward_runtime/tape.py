"""Tapes: a run recorded as MCAP with ROS 2 messages (rosbag2 and Foxglove read it), and read back.

Messages stay in the middleware's encoding, so that what is replayed is what was sent, byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

SEPARATOR = "=" * 80


class TapeError(Exception):
    """A tape that can't be written or read; says which and why."""


class Taped(NamedTuple):
    """One message: topic and type as in the ledger, the encoded bytes, the time that it was recorded at."""

    topic: str
    type: str
    data: bytes
    time_ns: int


class TapeWriter:
    """Use as a context: the tape is whole once it is left."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: BinaryIO = path.open("wb")
        except OSError as error:
            raise TapeError(f"the tape {path} can't be written: {error.strerror}") from error
        self._writer = Writer(self._file, compression=CompressionType.ZSTD)
        self._writer.start(profile="ros2", library="homeward")
        self._channels: dict[tuple[str, str], int] = {}
        self.count = 0

    def write(self, message: Taped) -> None:
        """Append one message."""
        channel = self._channel(message.topic, message.type)
        self._writer.add_message(channel, log_time=message.time_ns, publish_time=message.time_ns, data=message.data)
        self.count += 1

    def _channel(self, topic: str, kind: str) -> int:
        key = (topic, kind)
        if key not in self._channels:
            schema = self._writer.register_schema(name=kind, encoding="ros2msg", data=definition(kind).encode())
            absolute = topic if topic.startswith("/") else f"/{topic}"
            self._channels[key] = self._writer.register_channel(topic=absolute, message_encoding="cdr", schema_id=schema)
        return self._channels[key]

    def close(self) -> None:
        self._writer.finish()  # type: ignore[no-untyped-call]
        self._file.close()

    def __enter__(self) -> TapeWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read_tape(path: Path, topics: Iterable[str] | None = None) -> Iterator[Taped]:
    """The messages of a tape in the order of their times; of these topics only, if given. Raises TapeError."""
    wanted = [f"/{topic.lstrip('/')}" for topic in topics] if topics is not None else None
    try:
        with path.open("rb") as file:
            for schema, channel, message in make_reader(file).iter_messages(topics=wanted):
                if schema is not None:
                    yield Taped(channel.topic, schema.name, message.data, message.log_time)
    except (OSError, McapError, ValueError, EOFError, KeyError) as error:
        raise TapeError(f"the tape {path} can't be read: {error}") from error


def definition(kind: str) -> str:
    """The .msg text of a type and of every type in it, as MCAP wants them. Raises TapeError."""
    todo, done = [kind], dict[str, str]()
    while todo:
        name = todo.pop(0)
        if name not in done:
            done[name] = _message_file(name).read_text()
            todo += _types_in(name, done[name])
    parts = [done[kind]]
    for name, text in done.items():
        if name != kind:
            package, _, short = name.split("/")
            parts.append(f"{SEPARATOR}\nMSG: {package}/{short}\n{text}")
    return "\n".join(parts)


def _message_file(name: str) -> Path:
    package, _, short = name.split("/")
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        path = Path(prefix) / "share" / package / "msg" / f"{short}.msg"
        if prefix and path.exists():
            return path
    raise TapeError(f"the definition of {name} is not installed")


PRIMITIVES = {"bool", "byte", "char", "float32", "float64", "string", "wstring", "int8", "uint8", "int16", "uint16", "int32",
              "uint32", "int64", "uint64"}  # fmt: skip


def _types_in(owner: str, text: str) -> list[str]:
    """The message types that a .msg text names, as package/msg/Name."""
    found = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if len(words) < 2 or "=" in words[1]:
            continue
        name = words[0].split("[")[0].split("<")[0]
        if name not in PRIMITIVES:
            package, _, short = name.rpartition("/")
            found.append(f"{package.removesuffix('/msg') or owner.split('/')[0]}/msg/{short}")
    return found
