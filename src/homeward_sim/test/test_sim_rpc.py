"""The decoder and the dispatcher: whatever comes, an answer in the caller's shape or an orderly end of the
connection.
"""

from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_sim.dynamics import CAR
from homeward_sim.engine import Engine
from homeward_sim.protocol.calls import NOT_HERE_VALUE, NOT_HERE_VOID, Calls
from homeward_sim.protocol.messages import OTHER_ROW, ROW_BYTES, VEHICLE_ROW, WALKER_ROW, WORLD_STREAM, write_cars
from homeward_sim.protocol.rpc import BARE, VALUE, VOID, BrokenMessage, Decoder, Dispatcher, Request
from homeward_sim.world import World

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=20),
)
anything = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=8), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=30,
)  # fmt: skip


class Desk:
    """A world with its calls, and what it has published."""

    def __init__(self, hometown: Any) -> None:
        self.published: list[tuple[int, bytes]] = []
        self.world = World(hometown)
        self.engine = Engine(
            self.world, lambda stream, data: self.published.append((stream, data)), lambda stream: True
        )
        self.calls = Calls(self.engine, 2001, bytes((127, 0, 0, 1)), lambda stream: None)
        self.methods = self.calls.methods()
        self.dispatcher = Dispatcher(self.methods)

    def call(self, name: str, *arguments: Any) -> Any:
        """(error, result) of a call, through the wire's encoding."""
        packed = msgpack.packb([0, 5, name, [[False], *arguments]], unicode_errors="surrogateescape")
        (request,) = Decoder().feed(packed)
        kind, number, error, result = msgpack.unpackb(self.dispatcher.answer(request), strict_map_key=False)
        assert (kind, number) == (1, 5)
        return error, result

    def value(self, name: str, *arguments: Any) -> Any:
        error, result = self.call(name, *arguments)
        assert error is None
        ((ok, value),) = result
        assert ok == 1, value
        return value


@pytest.fixture(scope="module")
def desk(hometown: Any) -> Desk:
    return Desk(hometown)


# ---- bytes -----------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_any_bytes_are_requests_or_a_broken_message(pieces: list[bytes]) -> None:
    decoder = Decoder()
    try:
        for piece in pieces:
            for request in decoder.feed(piece):
                assert isinstance(request, Request)
    except BrokenMessage:
        pass


@given(anything)
def test_any_msgpack_is_a_request_or_a_broken_message(message: Any) -> None:
    try:
        for request in Decoder().feed(msgpack.packb(message)):
            assert isinstance(request, Request)
    except BrokenMessage:
        pass


@given(st.integers(1, 200), st.data())
def test_a_request_may_come_in_pieces(size: int, data: st.DataObject) -> None:
    packed = msgpack.packb([0, 1, "version", [[False], "x" * size]])
    cut = data.draw(st.integers(0, len(packed)))
    decoder = Decoder()
    requests = [*decoder.feed(packed[:cut]), *decoder.feed(packed[cut:])]
    assert [request.name for request in requests] == ["version"]


def test_a_header_that_promises_billions_is_not_believed() -> None:
    with pytest.raises(BrokenMessage):
        list(Decoder().feed(b"\xdd\xff\xff\xff\xff" * 4))
    with pytest.raises(BrokenMessage):
        list(Decoder().feed(b"\x91" * 5000 + b"\x01"))


def test_an_asynchronous_request_gets_no_answer(desk: Desk) -> None:
    (request,) = Decoder().feed(msgpack.packb([0, 1, "freeze_all_traffic_lights", [[True], False]]))
    assert desk.dispatcher.answer(request) == b""


# ---- calls -----------------------------------------------------------------------------------------------------


@given(st.data())
def test_any_arguments_of_any_call_get_an_answer_in_its_shape(desk: Desk, data: st.DataObject) -> None:
    names = sorted(set(desk.methods) - {"load_new_episode"})
    name = data.draw(st.sampled_from(names))
    arguments = data.draw(st.lists(anything, max_size=4))
    error, result = desk.call(name, *arguments)
    assert error is None
    assert_shaped(desk.methods[name].shape, result)
    assert desk.value("version") == "0.9.16"


def assert_shaped(shape: str, result: Any) -> None:
    if shape == VOID:
        assert result == [[False]] or (result[0][0] is True and isinstance(result[0][1][0], str))
    elif shape == VALUE:
        assert len(result) == 1 and (result[0][0] == 1 or (result[0][0] == 0 and isinstance(result[0][1][0], str)))
    else:
        assert shape == BARE and isinstance(result, list)


near_misses = st.one_of(
    st.just([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), st.just([False]), st.just([True, 24]), st.integers(0, 70), st.floats(),
    st.booleans(), st.just([1, "vehicle.tesla.model3", []]), st.just([0.5, 0.0, 0.0, False, False, False, 0]), anything,
)  # fmt: skip
commands = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 25), st.lists(near_misses, max_size=5)).map(lambda pair: [list(pair)]),
        st.tuples(st.integers(0, 25), st.lists(near_misses, max_size=5)).map(list),
        anything,
    ),
    max_size=6,
)


@given(commands, st.booleans())
def test_any_batch_gets_one_answer_a_command(desk: Desk, batch: list[Any], tick: bool) -> None:
    error, result = desk.call("apply_batch", batch, tick)
    assert error is None
    assert len(result) == len(batch)
    for ((kind, value),) in result:
        assert (kind == 1 and isinstance(value, int)) or (kind == 0 and isinstance(value[0], str))
    for actor_id in [a for a in desk.world.actors if desk.world.actors[a].blueprint.startswith("vehicle")]:
        desk.world.destroy(actor_id)


def test_unknown_calls_are_errors_of_the_rpc_itself(desk: Desk) -> None:
    error, result = desk.call("fly_to_the_moon", 1)
    assert result is None
    assert "fly_to_the_moon" in error


@pytest.mark.parametrize("name", [*NOT_HERE_VALUE, *NOT_HERE_VOID])
def test_what_is_not_here_says_so(desk: Desk, name: str) -> None:
    _, result = desk.call(name, 1)
    assert "not part of this world" in str(result)


def test_a_fault_of_ours_is_an_error_and_not_an_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.engine, "tick", lambda: 1 // 0)
    desk.engine.settings[0] = True
    _, result = desk.call("tick_cue")
    desk.engine.settings[0] = False
    assert "failed inside the world" in str(result)


# ---- actors that have gone -------------------------------------------------------------------------------------


def spawn_car(desk: Desk, number: int = 0) -> int:
    return int(desk.value("spawn_actor", [1, "vehicle.tesla.model3", []], desk.world.spawn_points[number].wire())[0])


def test_reads_of_an_actor_that_has_just_gone_are_answered(desk: Desk) -> None:
    """The client asks in threads that an error would end, and with them the process."""
    car = spawn_car(desk)
    box = desk.value("get_actor_bounding_box", car)
    assert desk.value("destroy_actor", car) is True
    assert desk.value("get_actor_bounding_box", car) == box
    assert len(desk.value("get_physics_control", car)) == 17
    assert desk.value("get_vehicle_light_state", car) == [0]
    assert desk.call("set_actor_simulate_physics", car, True) == (None, [[False]])
    assert desk.value("destroy_actor", car) is False
    assert desk.value("get_actors_by_id", [car]) == []


def test_commands_to_what_is_not_there_are_answered_one_by_one(desk: Desk) -> None:
    car = spawn_car(desk)
    control = [0.5, 0.1, 0.0, False, False, False, 0]
    _, result = desk.call(
        "apply_batch", [[[2, [car, control]]], [[2, [9999, control]]], [[1, [car]]], [[1, [car]]]], False
    )
    assert [one[0][0] for one in result] == [1, 0, 1, 0]
    assert "9999" in result[1][0][1][0]


@pytest.mark.parametrize("bad", [[float("nan"), 0.0, 0.0], [0.0, float("inf"), 0.0], ["x", 0.0, 0.0]])
def test_a_control_that_is_no_number_changes_nothing(desk: Desk, bad: list[Any]) -> None:
    car = spawn_car(desk, 3)
    row = desk.world.car(car)
    before = row["throttle"], row["steering"]
    _, result = desk.call("apply_batch", [[[2, [car, [*bad, False, False, False, 0]]]]], False)
    assert result[0][0][0] == 0
    assert (row["throttle"], row["steering"]) == before
    desk.world.destroy(car)


def test_spawning_follows_on_with_commands_for_the_new_actor(desk: Desk) -> None:
    point = desk.world.spawn_points[5].wire()
    then = [[[14, [0, False]]], [[18, [0, 3]]]]
    _, result = desk.call("apply_batch", [[[0, [[1, "vehicle.audi.tt", []], point, [False], 0, "", then]]]], False)
    car = result[0][0][1]
    assert desk.world.actors[car].light_flags == 3
    assert not desk.world.car(car)["physics"]
    desk.world.destroy(car)


def test_turning_is_told_as_a_vector_in_the_maps_frame() -> None:
    """A car that looks along +y and lifts its nose turns about its left, which is +x there."""
    cars, rows = np.zeros(1, CAR), np.zeros(1, VEHICLE_ROW)
    cars["yaw"], cars["pitch_rate"], cars["yaw_rate"] = np.pi / 2, 0.1, 0.2
    write_cars(cars, rows)
    assert (rows["wx"][0], rows["wz"][0]) == pytest.approx((np.degrees(0.1), np.degrees(0.2)))
    assert rows["wy"][0] == pytest.approx(0.0, abs=1e-5)


# ---- frames ----------------------------------------------------------------------------------------------------


def test_a_state_frame_has_a_row_for_every_actor(desk: Desk) -> None:
    assert {VEHICLE_ROW.itemsize, WALKER_ROW.itemsize, OTHER_ROW.itemsize} == {ROW_BYTES}
    car = spawn_car(desk, 7)
    desk.published.clear()
    desk.engine.tick()
    ((stream, message),) = desk.published
    assert stream == WORLD_STREAM
    body = message[4:]
    assert len(body) == int.from_bytes(message[:4], "little")
    rows = body[84:]
    ids = np.frombuffer(rows, np.dtype([("id", "<u4"), ("rest", "V115")]))["id"]
    assert sorted(ids.tolist()) == sorted(desk.world.actors)
    desk.world.destroy(car)
