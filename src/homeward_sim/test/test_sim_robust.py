"""Bad peers on real sockets: whatever they send or don't fetch, the world stays up and a good client doesn't notice."""

from __future__ import annotations

import os
import random
import resource
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

BYTES = st.binary(min_size=1, max_size=200)


class Plain:
    """A client made of two sockets, to see what goes over the wire."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.calls = socket.create_connection(("127.0.0.1", port), 10.0)
        self.calls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unpacker = msgpack.Unpacker(unicode_errors="surrogateescape")
        self._number = 0

    def call(self, name: str, *arguments: Any) -> Any:
        """The result of a call, in its shape."""
        self._number += 1
        self.calls.sendall(msgpack.packb([0, self._number, name, [[False], *arguments]]))
        while True:
            for message in self._unpacker:
                assert message[:2] == [1, self._number]
                return message[3] if message[2] is None else message[2]
            data = self.calls.recv(65536)
            assert data, "the world has hung up"
            self._unpacker.feed(data)

    def synchronous(self) -> None:
        settings_ = self.call("get_episode_settings")[0][1]
        settings_[0], settings_[2] = True, [True, 0.02]
        self.call("set_episode_settings", settings_)

    def listen(self, stream: int) -> socket.socket:
        self.call("get_sensor_token", stream)
        listener = socket.create_connection(("127.0.0.1", self.port + 1), 10.0)
        listener.sendall(struct.pack("<I", stream))
        return listener

    def close(self) -> None:
        self.calls.close()


def read_frame(listener: socket.socket) -> bytes:
    (size,) = struct.unpack("<I", read_exactly(listener, 4))
    return read_exactly(listener, size)


def read_exactly(listener: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = listener.recv(size - len(data))
        assert part, "the stream has ended"
        data += part
    return data


@pytest.fixture(scope="module")
def world(module_world: Any) -> Any:
    """A world that must still be up when all tests of this file have had their way with it."""
    return module_world


@contextmanager
def good_client(world: Any) -> Iterator[Callable[[], None]]:
    """A client whose frames must go on one by one; the yielded function ticks and checks."""
    plain = Plain(world.port)
    plain.synchronous()
    listener = plain.listen(1)
    frames = [struct.unpack_from("<QQ", read_frame(listener))[1]]

    def check() -> None:
        assert plain.call("tick_cue")[0][1] == frames[-1] + 1
        frames.append(struct.unpack_from("<QQ", read_frame(listener))[1])
        assert frames[-1] == frames[-2] + 1

    check()
    yield check
    check()
    listener.close()
    plain.close()


@settings(max_examples=40)
@given(st.lists(BYTES, min_size=1, max_size=5), st.integers(0, 1))
def test_noise_on_either_port_bothers_nobody(world: Any, pieces: list[bytes], which: int) -> None:
    with good_client(world) as check:
        with socket.create_connection(("127.0.0.1", world.port + which)) as stranger:
            for piece in pieces:
                try:
                    stranger.sendall(piece)
                except OSError:
                    break  # it has hung up on us, as it may
            check()


@settings(max_examples=30)
@given(st.data())
def test_a_client_that_vanishes_in_mid_frame_bothers_nobody(world: Any, data: st.DataObject) -> None:
    whole = msgpack.packb([0, 1, "get_map_data", [[False]]]) + msgpack.packb(
        [0, 2, "copy_opendrive_to_file", [[False], "x" * 5000, []]]
    )
    cut = data.draw(st.integers(1, len(whole) - 1))
    reset = data.draw(st.booleans())
    with good_client(world) as check:
        stranger = socket.create_connection(("127.0.0.1", world.port))
        stranger.sendall(whole[:cut])
        if reset:  # not a polite end, but a reset in the middle
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stranger.close()
        check()


def test_fifty_clients_coming_and_going_bother_nobody(world: Any) -> None:
    chance = random.Random(5)
    with good_client(world) as check:
        strangers: list[tuple[Plain, socket.socket]] = []
        for number in range(50):
            stranger = Plain(world.port)
            assert stranger.call("version")[0][1] == "0.9.16"
            strangers.append((stranger, stranger.listen(1)))
            if number % 3 == 0:
                gone, listener = strangers.pop(chance.randrange(len(strangers)))
                listener.close()
                gone.close()
            check()
        for stranger, listener in strangers:
            assert stranger.call("get_episode_info")[0][0] == 1
            listener.close()
            stranger.close()
            check()


def test_a_listener_that_does_not_fetch_is_cut_off_loudly(own_world: Any, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as log:
        world = own_world(log=log)
        plain = Plain(world.port)
        plain.synchronous()
        point = plain.call("get_map_info")[0][1][1][0]
        car = plain.call("spawn_actor", [1, "vehicle.audi.tt", []], point)[0][1][0]
        dense = [
            ["points_per_second", 2, "4000000"],
            ["channels", 2, "64"],
            ["range", 3, "100"],
            ["dropoff_general_rate", 3, "0"],
        ]
        lidar = plain.call(
            "spawn_actor_with_parent", [1, "sensor.lidar.ray_cast", dense], [[0, 0, 2], [0, 0, 0]], car, 0, ""
        )[0][1][0]
        lazy, prompt = plain.listen(lidar), plain.listen(1)
        read_frame(prompt)
        deadline = time.monotonic() + 60.0
        while "CUT OFF" not in Path(log.name).read_text():
            plain.call("tick_cue")
            read_frame(prompt)
            assert time.monotonic() < deadline, "nobody was cut off"
        for _ in range(20):
            plain.call("tick_cue")
            read_frame(prompt)
        assert world.is_up()
        lazy.close()


def test_a_caller_that_does_not_read_its_answers_bothers_nobody(world: Any) -> None:
    with good_client(world) as check:
        rude = socket.create_connection(("127.0.0.1", world.port))
        rude.setblocking(False)
        asked = msgpack.packb([0, 1, "get_map_data", [[False]]])
        for _ in range(300):
            try:
                rude.send(asked)
            except BlockingIOError:
                break
        check()
        rude.close()


def test_a_listener_may_ask_in_pieces_and_for_what_is_not_there(world: Any) -> None:
    with good_client(world) as check:
        for stream in (0, 424242, 0xFFFFFFFF):
            listener = socket.create_connection(("127.0.0.1", world.port + 1))
            packed = struct.pack("<I", stream)
            listener.sendall(packed[:2])
            check()
            listener.sendall(packed[2:])
            check()
            listener.close()


def test_memory_does_not_grow_with_clients_that_come_and_go(world: Any) -> None:
    def resident_kb() -> int:
        return int(Path(f"/proc/{world.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

    def visit() -> None:
        for _ in range(100):
            stranger = Plain(world.port)
            stranger.call("get_map_data")
            stranger.close()

    visit()
    before = resident_kb()
    visit()
    assert resident_kb() - before < 20_000


def test_more_connections_than_files_turns_new_ones_away_and_bothers_nobody(own_world: Any, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as log:
        world = own_world(log=log)
        with good_client(world) as check:
            resource.prlimit(world.process.pid, resource.RLIMIT_NOFILE, (48, 48))
            strangers = [socket.create_connection(("127.0.0.1", world.port + number % 2)) for number in range(80)]
            check()
            deadline = time.monotonic() + 10.0
            while "TURNED AWAY" not in Path(log.name).read_text():
                assert time.monotonic() < deadline
                check()
            for stranger in strangers:
                stranger.close()
            check()
        late = Plain(world.port)
        assert late.call("version")[0][1] == "0.9.16"
        late.close()
