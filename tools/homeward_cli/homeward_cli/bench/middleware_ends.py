"""The two ends of bench/middleware.py: `... write N` and `... read N`."""

from __future__ import annotations

import array
import json
import struct
import sys
import time

import numpy as np
import rclpy
from sensor_msgs.msg import PointCloud2

from homeward_runtime.qos import Profile
from homeward_runtime.rclpy_host import qos_profile

BYTES, PERIOD_S, PATIENCE_S = 2_000_000, 0.05, 5.0
RELIABLE_CLOUD = Profile("cloud", depth=5, reliable=True)  # so that a lost one is the middleware's fault alone
TOPIC = "bench/cloud"


def write(count: int) -> None:
    node = rclpy.create_node("writer")
    publisher = node.create_publisher(PointCloud2, TOPIC, qos_profile(RELIABLE_CLOUD))
    data = np.random.default_rng(1).integers(0, 255, BYTES, dtype=np.uint8)
    deadline = time.monotonic() + 30.0
    while publisher.get_subscription_count() == 0 and time.monotonic() < deadline:
        rclpy.spin_once(node, timeout_sec=0.05)
    time.sleep(1.0)  # discovery of the other direction
    began = time.monotonic()
    for index in range(count):
        message = PointCloud2(height=1, width=BYTES // 16, point_step=16, row_step=BYTES)
        message.data = array.array("B", data.tobytes())
        message.data[:12] = array.array("B", struct.pack("<Iq", index, time.monotonic_ns()))
        publisher.publish(message)
        time.sleep(max(began + (index + 1) * PERIOD_S - time.monotonic(), 0.0))
    time.sleep(1.0)


def read(count: int) -> None:
    node = rclpy.create_node("reader")
    ages_ms: list[float] = []
    seen: set[int] = set()

    def on_cloud(message: PointCloud2) -> None:
        received = time.monotonic_ns()
        index, sent = struct.unpack("<Iq", bytes(message.data[:12]))
        seen.add(index)
        ages_ms.append((received - sent) / 1e6)

    node.create_subscription(PointCloud2, TOPIC, on_cloud, qos_profile(RELIABLE_CLOUD))
    last = time.monotonic() + 30.0
    while len(seen) < count and time.monotonic() < last:
        before = len(seen)
        rclpy.spin_once(node, timeout_sec=0.1)
        if len(seen) > before:
            last = time.monotonic() + PATIENCE_S
    ages = ages_ms or [float("inf")]
    print(
        json.dumps(
            {"p50_ms": float(np.percentile(ages, 50)), "p95_ms": float(np.percentile(ages, 95)), "lost": count - len(seen)}
        )
    )


if __name__ == "__main__":
    rclpy.init()
    {"write": write, "read": read}[sys.argv[1]](int(sys.argv[2]))
    rclpy.try_shutdown()
