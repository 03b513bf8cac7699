"""The same calls and the same seed give the same bytes, in fresh processes, also while the machine is busy."""

from __future__ import annotations

import hashlib
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import msgpack
import pytest

BUSY = "while True: sum(range(10000))"
TICKS = 300


class Script:
    """The same session for every world: cars, a walker, sensors, controls, a crash, a removal; a hash over all
    streams.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._calls = socket.create_connection(("127.0.0.1", port), 20.0)
        self._calls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unpacker = msgpack.Unpacker()
        self._number = 0

    def call(self, name: str, *arguments: Any) -> Any:
        self._number += 1
        self._calls.sendall(msgpack.packb([0, self._number, name, [[False], *arguments]]))
        while True:
            for message in self._unpacker:
                assert message[2] is None, message
                return message[3]
            self._unpacker.feed(self._calls.recv(1 << 20))

    def value(self, name: str, *arguments: Any) -> Any:
        ((ok, value),) = self.call(name, *arguments)
        assert ok == 1, value
        return value

    def listen(self, stream: int) -> socket.socket:
        self.value("get_sensor_token", stream)
        listener = socket.create_connection(("127.0.0.1", self._port + 1), 20.0)
        listener.sendall(struct.pack("<I", stream))
        return listener

    def run(self) -> list[str]:
        """Hashes of each tick's messages: state, LiDAR, IMU."""
        settings = self.value("get_episode_settings")
        settings[0], settings[2] = True, [True, 0.02]
        self.value("set_episode_settings", settings)
        points = self.value("get_map_info")[1]
        cars = [self.value("spawn_actor", [1, "vehicle.tesla.model3", []], points[n])[0] for n in range(8)]
        self.value(
            "spawn_actor", [1, "walker.pedestrian.0003", []], [[points[9][0][0], points[9][0][1], 1.5], points[9][1]]
        )
        lidar = self._attach("sensor.lidar.ray_cast", [["noise_stddev", 3, "0.02"]], cars[0])
        imu = self._attach("sensor.other.imu", [["noise_accel_stddev_x", 3, "0.1"]], cars[0])
        streams = [self.listen(stream) for stream in (1, lidar, imu)]
        read_message(streams[0])
        hashes = []
        for tick in range(TICKS):
            self._control(cars, tick)
            self.value("tick_cue")
            hashes.append(hashlib.sha256(b"".join(read_message(stream) for stream in streams)).hexdigest())
        return hashes

    def _attach(self, kind: str, attributes: list[Any], parent: int) -> int:
        actor: int = self.value(
            "spawn_actor_with_parent", [1, kind, attributes], [[0.0, 0.0, 1.8], [0.0, 0.0, 0.0]], parent, 0, ""
        )[0]
        return actor

    def _control(self, cars: list[int], tick: int) -> None:
        commands = []
        for number, car in enumerate(cars):
            throttle, steer = 0.3 + 0.08 * number, 0.3 * ((tick // 40 + number) % 3 - 1)
            commands.append([[2, [car, [throttle, steer, 0.0, False, False, False, 0]]]])
        self.call("apply_batch", commands, False)
        if tick == 150:
            self.value("destroy_actor", cars.pop())


def read_message(listener: socket.socket) -> bytes:
    """One message of a stream, with its length."""
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack_from("<I", data)[0]:
        wanted = 4 if len(data) < 4 else 4 + struct.unpack_from("<I", data)[0]
        part = listener.recv(wanted - len(data))
        assert part
        data += part
    return data


def first_difference(one: list[str], other: list[str]) -> int | None:
    return next((tick for tick, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]), None)


def test_two_fresh_worlds_give_the_same_bytes_also_under_load(own_world: Callable[..., Any]) -> None:
    quiet = Script(own_world("--seed", "3").port).run()
    burners = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2)]
    try:
        loaded = Script(own_world("--seed", "3").port).run()
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    assert len(set(quiet)) == TICKS, "every tick is another picture of the world"
    assert first_difference(quiet, loaded) is None


def test_another_seed_gives_other_noise(own_world: Callable[..., Any]) -> None:
    assert (
        first_difference(Script(own_world("--seed", "3").port).run(), Script(own_world("--seed", "4").port).run())
        is not None
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="worlds are started as Linux processes")
def test_two_episodes_of_one_world_move_alike(own_world: Callable[..., Any]) -> None:
    """After reload_world, the same calls move cars as before; ids, frames and noise go on."""
    world = own_world()
    first = Script(world.port)
    before = first_places(first)
    first.call("load_new_episode", "", True, 0)
    assert first_places(first) == before


def first_places(script: Script) -> list[tuple[float, ...]]:
    settings = script.value("get_episode_settings")
    settings[0], settings[2] = True, [True, 0.02]
    script.value("set_episode_settings", settings)
    point = script.value("get_map_info")[1][0]
    car = script.value("spawn_actor", [1, "vehicle.audi.tt", []], point)[0]
    script.call("apply_batch", [[[2, [car, [0.6, 0.1, 0.0, False, False, False, 0]]]]], False)
    stream = script.listen(1)
    read_message(stream)
    places = []
    for _ in range(50):
        script.value("tick_cue")
        body = read_message(stream)[4 + 84 :]
        rows = [body[start : start + 119] for start in range(0, len(body), 119)]
        row = next(row for row in rows if struct.unpack_from("<I", row)[0] == car)
        places.append(struct.unpack_from("<6f", row, 5))
    script.value("destroy_actor", car)
    stream.close()
    return places
