"""The corners of the car's side: messages out of turn, a store that fails, what isn't allowed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from homeward_cli.bench.key_car import Car, raw
from homeward_key_auth import core, operations, pairing, session
from homeward_key_auth.core import Now
from homeward_key_auth.curve import PrivateKey, kid_of
from homeward_key_auth.device import Answer, DeviceKey, KeyProblem
from homeward_key_auth.effects import Close, Happened
from homeward_key_auth.encoding import Malformed, encode
from homeward_key_auth.invitation import Grant, accept, request_text, share, token_of
from homeward_key_auth.operations import DONE, REFUSED
from homeward_key_auth.pairing import CarPairing, Code, DevicePairing, WrongCode
from homeward_key_auth.ranging import CarState, Fix
from homeward_key_auth.session import DeviceHandshake, Session
from homeward_key_auth.token import Verb


def asked(car: Car, key: DeviceKey, operation: int, *fields: Any) -> Answer:
    async def story() -> Answer:
        return await (await car.talk(key)).request(operation, *fields)

    return asyncio.run(story())


def point() -> bytes:
    return b"\x04" + PrivateKey.new().public


@pytest.mark.parametrize(
    "message",
    [[core.PAIR_SHARE, point()], [core.PAIR_CONFIRM, bytes(32), b""], [core.EDHOC_3, b"\x40"], [core.RECORD, 1, b"x"]],
    ids=["share", "confirmation", "message 3", "record"],
)
def test_a_message_out_of_turn_opens_nothing(message: list[Any]) -> None:
    car = Car()
    wire = car.connect()
    assert raw(car, wire, encode(message)) == [] and (wire.closed or message[0] == core.RECORD)


def test_a_second_share_on_one_connection_is_out_of_turn() -> None:
    car = Car()
    car.core.open_pairing(car.now)
    wire = car.connect()
    assert raw(car, wire, encode([core.PAIR_REQUEST, 1]))[0][0] == core.PAIR_OFFER
    assert raw(car, wire, encode([core.PAIR_SHARE, point()]))[0][0] == core.PAIR_ANSWER
    assert raw(car, wire, encode([core.PAIR_SHARE, point()])) == [] and wire.closed


def test_a_record_in_a_pairing_ends_it() -> None:
    car = Car()
    car.core.open_pairing(car.now)
    wire = car.connect()
    raw(car, wire, encode([core.PAIR_REQUEST, 1]))
    raw(car, wire, encode([core.RECORD, 1, b"x"]))
    assert wire.closed


def test_a_code_that_was_closed_or_locked_between_share_and_confirmation() -> None:
    car = Car()
    car.core.open_pairing(car.now)
    wire = car.connect()
    raw(car, wire, encode([core.PAIR_REQUEST, 1]))
    car.store.tries = pairing.Tries(0, 1, car.now.wall_s + 60.0)
    assert raw(car, wire, encode([core.PAIR_SHARE, point()])) == [[core.ERROR, core.PAIRING_LOCKED]]
    car.store.tries = pairing.Tries()
    wire = car.connect()
    raw(car, wire, encode([core.PAIR_REQUEST, 1]))
    raw(car, wire, encode([core.PAIR_SHARE, point()]))
    car.core.close_pairing()
    assert raw(car, wire, encode([core.PAIR_CONFIRM, bytes(32), b""])) == [[core.ERROR, core.CODE_EXPIRED]]


def test_another_version_is_told() -> None:
    car = Car()
    assert raw(car, car.connect(), encode([core.PAIR_REQUEST, 2])) == [[core.ERROR, core.OTHER_VERSION]]


def test_edhoc_and_resuming_in_an_open_session_are_out_of_turn() -> None:
    car = Car()
    key = car.paired()
    for message in ([core.EDHOC_1, b"x"], [core.RESUME, bytes(8), bytes(16)], [core.EDHOC_3, b"x"]):
        talk = asyncio.run(car.talk(key))
        wire = car.wires[talk.wire.number]  # type: ignore[attr-defined]
        assert raw(car, wire, encode(message)) == [] and wire.closed


def test_a_message_of_a_connection_that_is_no_more_closes_it() -> None:
    car = Car()
    assert car.core.received(99, b"", car.now) == [Close(99)]


def test_a_store_that_fails_ends_the_connection_and_is_told() -> None:
    car = Car()
    wire = car.connect()
    car.store.close()
    raw(car, wire, encode([99]))
    assert wire.closed and car.happened[-1].kind == "store"


def test_the_device_is_told_even_when_the_log_can_t_be_written() -> None:
    car = Car()
    key = car.paired()

    def breaks(_body: object) -> tuple[int, str]:
        car.store.close()
        return DONE, ""

    car.body_says = breaks
    assert car.asks(key, Verb.UNLOCK) == (DONE, "")
    assert Happened("unlock", key.kid, "unlock: done") in car.happened


def test_a_session_that_expires_while_it_is_open() -> None:
    car = Car()
    key = car.paired()

    async def story() -> None:
        talk = await car.talk(key)
        link = car.core.links[talk.wire.number]  # type: ignore[attr-defined]
        assert link.session is not None
        link.session = replace(link.session, expires_s=car.now.wall_s)
        with pytest.raises(KeyProblem, match="session is over"):
            await talk.command(Verb.UNLOCK)

    asyncio.run(story())


@pytest.mark.parametrize("request_", ["x", [1], [0, 0], [1, 99], [True, 0], [1, 0, 5], [1, 1, 1, 1, 1], [1 << 40, 0]])
def test_what_is_no_request_ends_the_connection(request_: Any) -> None:
    car = Car()
    key = car.paired()

    async def story() -> None:
        talk = await car.talk(key)
        assert talk._channel is not None
        await talk.wire.send(talk._channel.seal(request_))
        assert car.wires[talk.wire.number].closed  # type: ignore[attr-defined]

    asyncio.run(story())


def test_a_stranger_may_nothing_until_it_has_shown_its_token() -> None:
    car = Car()
    watch = car.paired()
    stranger = replace(DeviceKey.new("x"), car=watch.car, token=watch.token)

    async def story() -> None:
        with pytest.raises(KeyProblem, match="another key's"):
            await car.talk(replace(stranger, token=car.friend(watch).token))

    asyncio.run(story())
    for operation, fields in ((operations.STATUS, ()), (operations.KEYS, (0,)), (operations.DEPOSIT, (b"",)),
                              (operations.REVOKE, (watch.kid,)), (operations.LOG, (0,)), (operations.ALLOW, (True,))):  # fmt: skip
        assert asked_without_token(car, stranger, operation, *fields).outcome == REFUSED


def asked_without_token(car: Car, key: DeviceKey, operation: int, *fields: Any) -> Answer:
    """A device that authenticates by value and shows no token."""

    async def story() -> Answer:
        wire = car.connect()
        from homeward_key_auth.device import Talk, hello

        talk = Talk(wire, replace(key, token=b"x"), lambda _key: None, lambda _told: None)
        heard = await hello(wire)
        handshake = DeviceHandshake(key.agreement, key.car, by_value=True)
        await wire.send(encode([core.EDHOC_1, handshake.first()]))
        from homeward_key_auth.encoding import decode

        await wire.send(encode([core.EDHOC_3, handshake.third(decode(await wire.receive())[1])]))
        secret = handshake.secret(decode(await wire.receive())[1])
        _, traffic = Session.begun(key.kid, heard.epoch, secret, 0.0)
        talk._channel = session.Channel(traffic, heard.challenge, heard.epoch, is_car=False)
        return await talk.request(operation, *fields)

    return asyncio.run(story())


def test_only_an_owner_inside_lets_another_be_paired() -> None:
    car = Car()
    watch = car.paired()
    assert asked(car, watch, operations.ALLOW, True).reason == "nobody asks to pair"
    car.core.open_pairing(car.now)
    assert "only an owner's" in asked(car, car.friend(watch), operations.ALLOW, True).reason
    car.core.surroundings = replace(car.core.surroundings, has_ranging=True)
    assert asked(car, watch, operations.ALLOW, True).reason == "the key isn't in the car"
    car.core.surroundings = replace(car.core.surroundings, has_ranging=False)
    assert asked(car, watch, operations.ALLOW, False).outcome == DONE and car.core.desk.code is None


def test_an_owner_s_device_hears_that_somebody_asks_to_pair() -> None:
    car = Car()
    key = car.paired()
    heard: list[str] = []

    async def story() -> None:
        talk = await car.talk(key)
        talk._told = heard.append
        car.carry_out(car.core.open_pairing(car.now)[1])
        await talk.request(operations.STATUS)

    asyncio.run(story())
    assert heard == ["pairing_asked"]


def test_depositing_what_isn_t_one_s_own() -> None:
    car = Car()
    first, second = car.paired(), None
    car.core._new_code(car.now)
    from homeward_key_auth.device import pair

    assert car.core.desk.code is not None
    second = asyncio.run(pair(car.connect(), DeviceKey.new("Second"), car.core.desk.code.digits))
    assert asked(car, second, operations.DEPOSIT, car.friend(first).token).reason == "the token was signed by another key"
    late = car.friend(first, until_s=-10.0)
    assert asked(car, first, operations.DEPOSIT, late.token).reason == "the token has expired"
    own = accept_for(car, first, second)
    with pytest.raises(KeyProblem):
        asyncio.run(refused_deposit(car, first, own))
    assert len(car.core.keyring.owners()) == 2


def accept_for(car: Car, owner: DeviceKey, other: DeviceKey) -> bytes:
    """A token of `owner` for a device that is an owner's key itself."""
    grant = Grant((Verb.UNLOCK,), int(car.now.wall_s), int(car.now.wall_s) + 100)
    return token_of(share(owner, request_text(other), grant))


async def refused_deposit(car: Car, owner: DeviceKey, token: bytes) -> None:
    talk = await car.talk(owner)
    answer = await talk.request(operations.DEPOSIT, token)
    if answer.outcome:
        raise KeyProblem(answer.reason)


def test_revoking_what_never_came_and_what_is_revoked_already() -> None:
    car = Car()
    watch = car.paired()
    assert asked(car, watch, operations.REVOKE, bytes(8)).outcome == DONE
    assert asked(car, watch, operations.REVOKE, bytes(8)).outcome == DONE
    assert car.log().count("revoked") == 1
    assert asked(car, watch, operations.LOG, 1 << 33).reason == "there is no such entry"


def test_a_stored_token_that_was_spoilt_holds_nothing() -> None:
    car = Car()
    watch = car.paired()
    row = car.store.key(watch.kid)
    assert row is not None
    car.store.put(replace(row, token=b"spoilt"))
    assert car.core.keyring.claims_of(watch.kid)[0] is None
    assert operations.key_row(car.core, watch.kid)[3] == []


def test_strangers_are_logged_at_a_bounded_rate_and_then_counted() -> None:
    car = Car()
    for _ in range(50):
        raw(car, car.connect(), b"\xff")
    car.later(61.0)
    assert car.log().count("malformed") == 32 and "18 more" in car.store.log()[-1].words


def test_without_the_car_s_state_nothing_follows_from_where_keys_are() -> None:
    car = Car()
    car.core.surroundings = operations.Surroundings()
    assert car.core.tick(car.now) == []


def test_a_fix_of_a_key_without_a_session_is_dropped() -> None:
    car = Car()
    operations.ranged(car.core, bytes(8), Fix(1.0, False, car.now.mono_s))
    assert car.core.nearness.fresh(bytes(8), car.now.mono_s) is None


def test_whose_key_is_here() -> None:
    car = Car()
    watch = car.paired()
    friend = car.friend(watch)
    assert operations.who_is_here(car.core, car.now) is None

    async def story() -> None:
        await car.talk(friend)
        found = operations.who_is_here(car.core, car.now)
        assert found is not None and found[1] == "Bob's phone" and not found[2]
        await car.talk(watch)
        found = operations.who_is_here(car.core, car.now)
        assert found is not None and found[1] == "Ann's watch", "an owner's before a shared one"
        operations.ranged(car.core, friend.kid, Fix(0.3, True, car.now.mono_s))
        found = operations.who_is_here(car.core, car.now)
        assert found is not None and found[1:3] == ("Bob's phone", True), "one inside before any other"

    asyncio.run(story())


def test_a_body_answer_that_nobody_waits_for() -> None:
    car = Car(body_says=lambda _body: None)
    key = car.paired()
    car.asks(key, Verb.LOCK)
    car.core.dropped(max(car.core.links))
    effects = operations.body_done(car.core, car.unanswered[0].wish, 99, DONE, "", Now(*vars(car.now).values()))
    assert [type(one) for one in effects] == [Happened]


CAR = b"carcarca"


def test_pairing_s_own_corners() -> None:
    code = Code.of("123456", bytes(16), CAR, 0.0)
    car = CarPairing(code, CAR)
    with pytest.raises(WrongCode):
        car.enrolment(bytes(32), b"")
    with pytest.raises(Malformed, match="out of range"):
        DevicePairing("123456", CAR, bytes(16), 30)
    device = DevicePairing("123456", CAR, bytes(16), pairing.COST)
    share_v, confirm_v = car.answer(device.share)
    with pytest.raises(WrongCode):
        device.confirm(share_v, bytes(32), "x", PrivateKey.new().public, PrivateKey.new())
    agreement, signing = PrivateKey.new(), PrivateKey.new()
    confirm_p, sealed = device.confirm(share_v, confirm_v, "x", agreement.public, signing)
    with pytest.raises(Malformed, match="doesn't open"):
        car.enrolment(confirm_p, sealed[:-1])
    with pytest.raises(Malformed, match="doesn't open"):
        car.enrolment(confirm_p, b"")
    same = device.confirm(share_v, confirm_v, "x", signing.public, signing)[1]
    with pytest.raises(Malformed, match="proof"):
        car.enrolment(confirm_p, same)
    assert car.enrolment(confirm_p, sealed).name == "x"


@pytest.mark.parametrize("value", [None, {}, {1: "x"}, {1: "x", 2: 5}, {1: "x", 2: b"", 3: 1}, {1: b"", 2: b""}])
def test_a_map_with_other_fields(value: Any) -> None:
    with pytest.raises(Malformed):
        pairing.fields(value, str, bytes)


@pytest.mark.parametrize("name", ["", "x" * 33, "a\tb", "ä" * 17])
def test_a_name_that_can_t_be_shown(name: str) -> None:
    with pytest.raises(Malformed):
        pairing.named(name)


def test_locked_state_is_kept_while_the_car_is_not_known() -> None:
    assert CarState(True, True, False) != CarState(False, True, False) and kid_of(bytes(64)) != bytes(8)


def test_an_invitation_for_another_device_or_none() -> None:
    car = Car()
    owner, other = car.paired(), DeviceKey.new("x")
    grant = Grant((Verb.UNLOCK,), 0, 100)
    made = share(owner, request_text(other), grant)
    assert accept(other, made).token == token_of(made)
    with pytest.raises(KeyProblem, match="another device"):
        accept(DeviceKey.new("y"), made)
    for text in ("", "homeward-key:zz", "homeward-key:8100", "nonsense"):
        with pytest.raises(KeyProblem):
            accept(other, text)
        with pytest.raises(KeyProblem):
            share(owner, text, grant)
        with pytest.raises(KeyProblem):
            token_of(text)
