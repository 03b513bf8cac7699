"""./homeward record and ./homeward replay: a running stack to a tape, and a tape to whoever listens."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import rclpy

from homeward_runtime.car_node import message_class
from homeward_runtime.ledger import LEDGER, Interface, Kind
from homeward_runtime.rclpy_host import qos_profile
from homeward_runtime.tape import Taped, TapeError, TapeWriter, read_tape

SAY_EVERY_S = 5.0


def rows_of(topics: list[str]) -> list[Interface]:
    """The ledger's topics of these names, or all but pictures and clouds. Raises TapeError for a name that isn't there."""
    rows = {row.name.lstrip("/"): row for row in LEDGER if row.kind is not Kind.SERVICE and row.kind is not Kind.ACTION}
    if not topics:
        return [row for row in rows.values() if not row.type.endswith(("PointCloud2", "CompressedImage"))]
    unknown = [topic for topic in topics if topic.lstrip("/") not in rows]
    if unknown:
        raise TapeError(f"the ledger has no topic {', '.join(unknown)}")
    return [rows[topic.lstrip("/")] for topic in topics]


def record(path: Path, topics: list[str]) -> int:
    """Until Ctrl-C."""
    rows = rows_of(topics)
    rclpy.init()
    node = rclpy.create_node("recorder")
    said = time.monotonic()
    with TapeWriter(path) as tape:
        for row in rows:
            take = lambda data, row=row: tape.write(Taped(row.name, row.type, data, time.time_ns()))  # noqa: E731
            node.create_subscription(message_class(row.type), row.name, take, qos_profile(row.profile), raw=True)
        print(f"recording {len(rows)} topics to {path}; Ctrl-C ends it", file=sys.stderr)
        try:
            while rclpy.ok():
                rclpy.spin_once(node, timeout_sec=0.2)
                if sys.stderr.isatty() and time.monotonic() - said > SAY_EVERY_S:
                    said = time.monotonic()
                    print(f"\r{tape.count} messages", end="", file=sys.stderr, flush=True)
        except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
            pass
        print(f"{tape.count} messages in {path}")
    rclpy.try_shutdown()
    return 0


def replay(path: Path, topics: list[str], speed: float) -> int:
    """Publish a tape's messages at their times, `speed` times as fast."""
    rows = {f"/{row.name.lstrip('/')}": row for row in rows_of(topics)}
    rclpy.init()
    node = rclpy.create_node("replayer")
    publishers = {
        name: node.create_publisher(message_class(row.type), row.name, qos_profile(row.profile)) for name, row in rows.items()
    }
    time.sleep(1.0)  # for those who listen to find us
    began, first, count = time.monotonic(), None, 0
    try:
        for message in read_tape(path, list(rows)):
            first = message.time_ns if first is None else first
            due = began + (message.time_ns - first) * 1e-9 / speed
            time.sleep(max(due - time.monotonic(), 0.0))
            publishers[message.topic].publish(message.data)
            count += 1
    except KeyboardInterrupt:
        pass
    print(f"{count} messages replayed")
    rclpy.try_shutdown()
    return 0
