"""Sessions: handshakes, records, the window, resuming."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as some

from homeward_key_auth import replay_window, session
from homeward_key_auth.curve import PrivateKey, is_signed, kid_of, public_key
from homeward_key_auth.encoding import Malformed, decode, encode
from homeward_key_auth.session import LOOK_AHEAD, CarHandshake, Channel, DeviceHandshake, Refused, Session
from homeward_key_auth.sessions import MOST_SESSIONS, Resumed, Sessions

CAR, WATCH, OTHER = PrivateKey.new(), PrivateKey.new(), PrivateKey.new()
CHALLENGE, EPOCH = bytes(range(16)), b"epoch123"


def known(kid: bytes) -> bytes | None:
    return WATCH.public if kid == kid_of(WATCH.public) else None


@pytest.mark.parametrize("by_value", [False, True])
def test_both_sides_agree_and_know_each_other(by_value: bool) -> None:
    car, device = CarHandshake(CAR), DeviceHandshake(WATCH, CAR.public, by_value)
    message_4, who, secret = car.fourth(device.third(car.second(device.first())), known)
    assert who == WATCH.public and device.secret(message_4) == secret and len(secret) == 32


def test_a_stranger_s_kid_is_refused() -> None:
    car, device = CarHandshake(CAR), DeviceHandshake(OTHER, CAR.public, by_value=False)
    with pytest.raises(Refused, match="not known"):
        car.fourth(device.third(car.second(device.first())), known)


def test_another_car_is_refused_by_the_device() -> None:
    device = DeviceHandshake(WATCH, CAR.public, by_value=False)
    with pytest.raises(Refused):
        device.third(CarHandshake(OTHER).second(device.first()))


POINT = WATCH.public[:32]


@pytest.mark.parametrize(
    "parts",
    [[3, 2, POINT], [3, 2, POINT, 1, 1], [0, 2, POINT, 1], [3, 3, POINT, 1], [3, [3, 2], POINT, 1], [3, 2, POINT[:31], 1],
     [3, 2, b"\xff" * 32, 1], [3, 2, POINT, "x"], [3, 2, POINT, True], [3, 2, 7, 1]],
)  # fmt: skip
def test_what_is_no_message_1(parts: list[object]) -> None:
    with pytest.raises(Malformed):
        CarHandshake(CAR).second(b"".join(map(encode, parts)))


@given(some.binary(max_size=300))
def test_whatever_comes_as_message_3_is_refused(message: bytes) -> None:
    car, device = CarHandshake(CAR), DeviceHandshake(WATCH, CAR.public, by_value=False)
    car.second(device.first())
    with pytest.raises((Malformed, Refused)):
        car.fourth(message, known)


@pytest.mark.parametrize("ccs", [None, [], {}, {8: 1}, {8: {1: {-2: 1, -3: 2}}}, {8: {1: {-2: POINT, -3: POINT}}},
                                 {2: "x", 8: decode(session.credential(WATCH.public))[8]}])  # fmt: skip
def test_what_is_no_credential(ccs: object) -> None:
    with pytest.raises(Malformed):
        session.holder_of(ccs)


def channels() -> tuple[Channel, Channel]:
    secret = bytes(32)
    return Channel(secret, CHALLENGE, EPOCH, is_car=True), Channel(secret, CHALLENGE, EPOCH, is_car=False)


def test_records_both_ways() -> None:
    car, device = channels()
    assert car.open(*decode(device.seal([1, "hello"]))[1:]) == [1, "hello"]
    assert device.open(*decode(car.seal([1, 0]))[1:]) == [1, 0]


def test_a_record_counts_once_and_in_its_window() -> None:
    car, device = channels()
    records = [decode(device.seal([number]))[1:] for number in range(70)]
    car.open(*records[1])
    car.open(*records[0])
    with pytest.raises(Refused, match="seen before"):
        car.open(*records[1])
    car.open(*records[69])
    car.open(*records[6])
    with pytest.raises(Refused, match="too old"):
        car.open(*records[5])


@pytest.mark.parametrize("change", [{"challenge": bytes(16)}, {"epoch": b"another1"}, {"traffic": b"x" * 32}])
def test_a_record_is_of_one_connection_and_epoch(change: dict[str, bytes]) -> None:
    given_ = {"traffic": bytes(32), "challenge": CHALLENGE, "epoch": EPOCH} | change
    _, device = channels()
    with pytest.raises(Refused, match="tag"):
        Channel(**given_, is_car=True).open(*decode(device.seal([1]))[1:])


@pytest.mark.parametrize("fields", [(0, b""), (1 << 64, b"x" * 20), (True, b"x" * 20), ("1", b""), (1, "x"), (1, bytes(2001))])
def test_what_is_no_record(fields: tuple[object, object]) -> None:
    with pytest.raises(Malformed):
        channels()[0].open(*fields)


def test_a_record_s_own_direction_and_counter_are_bound() -> None:
    car, device = channels()
    _, counter, sealed = decode(device.seal([1]))
    with pytest.raises(Refused):
        device.open(counter, sealed)
    with pytest.raises(Refused):
        car.open(counter + 1, sealed)
    with pytest.raises(Refused):
        car.open(counter, sealed[:-1])


@pytest.mark.parametrize(
    ("highest", "seen", "counter", "after", "why"),
    [
        (0, 0, 1, (1, 1), "the first"),
        (1, 1, 1, None, "seen before"),
        (1, 1, 3, (3, 0b101), "one was left out"),
        (3, 0b101, 2, (3, 0b111), "and comes late"),
        (100, 1, 37, (100, 1 | 1 << 63), "the oldest in the window"),
        (100, 1, 36, None, "older than the window"),
        (1, 1, 64, (64, 1 | 1 << 63), "just within"),
        (1, 1, 65, (65, 1), "a leap leaves nothing"),
        (5, 1, 0, None, "counters begin at 1"),
        (5, 1, -1, None, "below nothing"),
        (0, 0, (1 << 64) - 1, ((1 << 64) - 1, 1), "the last counter"),
        (0, 0, 1 << 64, None, "beyond 64 bits"),
    ],
)
def test_the_window(highest: int, seen: int, counter: int, after: tuple[int, int] | None, why: str) -> None:
    assert replay_window.take(highest, seen, counter) == after, why


@given(some.lists(some.integers(1, 200), max_size=100))
def test_no_counter_is_taken_twice(counters: list[int]) -> None:
    highest, seen, taken = 0, 0, set[int]()
    for counter in counters:
        after = replay_window.take(highest, seen, counter)
        if after is not None:
            assert counter not in taken
            taken.add(counter)
            highest, seen = after
            assert seen < 1 << replay_window.WINDOW


def begun(now_s: float = 0.0) -> Session:
    return Session.begun(b"kid-kid-", EPOCH, bytes(32), now_s)[0]


def test_each_step_is_used_once() -> None:
    sessions, mine = Sessions(), begun()
    sessions.add(mine)
    step, why, kid = sessions.resume(mine.id(), mine.proof(CHALLENGE), CHALLENGE, 1.0)
    assert step == mine and why is None and kid == b"kid-kid-"
    assert sessions.resume(mine.id(), bytes(16), CHALLENGE, 1.0)[1] is Resumed.UNKNOWN, "an echo"
    assert len(sessions) == 1
    assert sessions.resume(mine.id(), mine.proof(CHALLENGE), CHALLENGE, 1.0)[1] is Resumed.FORKED
    assert len(sessions) == 0


def test_the_car_follows_a_device_that_is_ahead() -> None:
    sessions, mine = Sessions(), begun()
    sessions.add(mine)
    ahead = mine
    for _ in range(LOOK_AHEAD - 1):
        ahead = ahead.next()
    assert sessions.resume(ahead.next().id(), ahead.next().proof(CHALLENGE), CHALLENGE, 1.0)[1] is Resumed.UNKNOWN
    assert sessions.resume(ahead.id(), ahead.proof(CHALLENGE), CHALLENGE, 1.0)[0] == ahead


def test_a_session_ends_with_its_time() -> None:
    sessions, mine = Sessions(), begun()
    sessions.add(mine)
    assert sessions.resume(mine.id(), mine.proof(CHALLENGE), CHALLENGE, mine.expires_s)[1] is Resumed.UNKNOWN
    assert len(sessions) == 0


def test_sessions_are_bounded_and_the_first_makes_room() -> None:
    sessions = Sessions()
    for number in range(MOST_SESSIONS + 1):
        sessions.add(dataclasses.replace(begun(), kid=bytes([number] * 8), resume=bytes([number] * 32)))
    assert len(sessions) == MOST_SESSIONS
    first = dataclasses.replace(begun(), resume=bytes(32))
    assert sessions.resume(first.id(), first.proof(CHALLENGE), CHALLENGE, 1.0)[1] is Resumed.UNKNOWN


@pytest.mark.parametrize("key", [b"", bytes(64), b"\xff" * 64, "x", WATCH.public[:63]])
def test_what_is_no_public_key(key: object) -> None:
    with pytest.raises(Malformed):
        public_key(key)  # type: ignore[arg-type]


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(63), b"\xff" * 64])
def test_what_is_no_signature(signature: bytes) -> None:
    assert not is_signed(WATCH.public, signature, b"words")
    assert is_signed(WATCH.public, WATCH.sign(b"words"), b"words")
    assert not is_signed(OTHER.public, WATCH.sign(b"words"), b"words")
