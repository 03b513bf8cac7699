"""The whole car's side: pairing, sessions, sharing, revoking, where the key is. Threats have a file of their own."""

from __future__ import annotations

import asyncio

import pytest

from homeward_cli.bench.key_car import BEGAN_S, Car, raw
from homeward_key_auth import core as core_module
from homeward_key_auth import operations
from homeward_key_auth.core import Now
from homeward_key_auth.device import DeviceKey, KeyProblem, pair
from homeward_key_auth.encoding import encode
from homeward_key_auth.operations import DONE, REFUSED
from homeward_key_auth.ranging import CarState, Fix
from homeward_key_auth.token import Area, Hours, Limits, Verb

UNLOCKED = (operations.BODY_UNLOCK, 0.0)


def test_a_paired_watch_opens_the_car() -> None:
    car = Car()
    watch = car.paired()
    assert watch.car_name == "Ann's car" and watch.is_owner
    assert car.asks(watch, Verb.UNLOCK) == (DONE, "")
    assert car.opened == [UNLOCKED]
    assert car.log() == ["pairing_opened", "paired", "command"]


def test_a_key_still_opens_after_a_restart() -> None:
    car = Car()
    watch = car.paired()
    car.start()
    assert car.asks(watch, Verb.UNLOCK) == (DONE, "")


def test_the_second_unlock_resumes() -> None:
    car = Car()

    async def story() -> None:
        first = await car.talk(watch)
        await first.wire.close()
        second = await car.talk(first.key)
        assert not first.resumed and second.resumed
        assert (await second.command(Verb.UNLOCK)).outcome == DONE

    watch = car.paired()
    asyncio.run(story())


def test_a_session_ends_with_the_car_s_epoch_and_the_device_starts_anew() -> None:
    car = Car()

    async def story() -> None:
        first = await car.talk(watch)
        car.start()
        second = await car.talk(first.key)
        assert not second.resumed and (await second.command(Verb.UNLOCK)).outcome == DONE

    watch = car.paired()
    asyncio.run(story())


def test_a_lost_answer_leaves_the_device_ahead_and_the_car_follows() -> None:
    car = Car()

    async def story() -> None:
        talk = await car.talk(watch)
        key = talk.key
        assert key.session is not None
        from dataclasses import replace

        ahead = replace(key, session=key.session.next().next())  # two messages that never arrived
        later = await car.talk(ahead)
        assert later.resumed

    watch = car.paired()
    asyncio.run(story())


def test_a_wrong_code_is_told_and_the_right_one_still_works() -> None:
    car = Car()
    code, _ = car.core.open_pairing(car.now)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    with pytest.raises(KeyProblem, match="the code is wrong"):
        asyncio.run(pair(car.connect(), DeviceKey.new("x"), wrong))
    assert asyncio.run(pair(car.connect(), DeviceKey.new("Ann"), code)).is_owner
    assert car.store.tries.used == 0


def test_no_code_no_pairing() -> None:
    car = Car()
    with pytest.raises(KeyProblem, match="open pairing in the cockpit"):
        asyncio.run(pair(car.connect(), DeviceKey.new("x"), "123456"))


def test_a_code_lives_two_minutes() -> None:
    car = Car()
    code, _ = car.core.open_pairing(car.now)
    car.later(121.0)
    with pytest.raises(KeyProblem, match="expired"):
        asyncio.run(pair(car.connect(), DeviceKey.new("x"), code))


def test_a_second_owner_s_key_needs_the_yes_of_the_first() -> None:
    car = Car()
    watch = car.paired()
    words, _ = car.core.open_pairing(car.now)
    assert "confirm with an owner's key" in words and car.core.desk.code is None

    async def yes() -> None:
        assert (await (await car.talk(watch)).request(operations.ALLOW, True)).outcome == DONE

    asyncio.run(yes())
    assert car.core.desk.code is not None
    phone = asyncio.run(pair(car.connect(), DeviceKey.new("Ann's phone"), car.core.desk.code.digits))
    assert phone.is_owner and len(car.core.keyring.owners()) == 2


def test_pairing_again_with_the_same_keys_replaces_the_entry() -> None:
    car = Car()
    watch = car.paired()
    car.core._new_code(car.now)
    assert car.core.desk.code is not None
    asyncio.run(pair(car.connect(), watch, car.core.desk.code.digits))
    assert len(car.store.rows()) == 1


def test_a_friend_opens_with_what_was_shared_and_no_more() -> None:
    car = Car()
    friend = car.friend(car.paired())
    assert car.asks(friend, Verb.UNLOCK) == (DONE, "")
    assert car.asks(friend, Verb.START) == (REFUSED, "this key doesn't include start")
    assert [row.name for row in car.store.rows()] == ["Ann's watch", "Bob's phone"]


def test_a_friend_s_second_visit_resumes() -> None:
    car = Car()

    async def story() -> None:
        await car.talk(friend)  # a stranger until it showed its token
        second = await car.talk(friend)
        third = await car.talk(second.key)
        assert third.resumed

    friend = car.friend(car.paired())
    asyncio.run(story())


def test_a_deposited_token_waits_for_its_key() -> None:
    car = Car()
    watch = car.paired()
    friend = car.friend(watch)

    async def story() -> None:
        talk = await car.talk(watch)
        assert (await talk.request(operations.DEPOSIT, friend.token)).outcome == DONE
        answer = await talk.request(operations.KEYS, 0)
        assert [row[1] for row in answer.payload] == ["Ann's watch", "Bob's phone"]

    asyncio.run(story())


def test_a_revoked_key_is_out_at_once_with_all_that_it_shared() -> None:
    car = Car()
    watch = car.paired()
    friend = car.friend(watch)

    async def story() -> None:
        here, there = await car.talk(watch), await car.talk(friend)
        assert (await here.request(operations.REVOKE, friend.kid)).outcome == DONE
        assert car.wires[2 + 1].closed
        assert (await there.command(Verb.UNLOCK)).outcome == operations.UNKNOWN if not there.wire.closed else True

    asyncio.run(story())
    with pytest.raises(KeyProblem, match="doesn't know this key"):
        car.asks(friend, Verb.UNLOCK)
    assert car.opened == []


def test_the_last_owner_s_key_can_t_be_revoked() -> None:
    car = Car()
    watch = car.paired()
    why, ended = car.core.keyring.revoke(watch.kid, "the cockpit", car.now)
    assert "last owner" in why and not ended


@pytest.mark.parametrize("operation", [operations.KEYS, operations.LOG])
def test_a_friend_sees_no_list_and_no_log(operation: int) -> None:
    car = Car()
    friend = car.friend(car.paired())

    async def story() -> None:
        answer = await (await car.talk(friend)).request(operation, 0)
        assert answer.outcome == REFUSED and answer.payload is None

    asyncio.run(story())


def test_the_body_s_no_is_the_device_s_no() -> None:
    car = Car(body_says=lambda _body: (REFUSED, "The car is moving."))
    assert car.asks(car.paired(), Verb.UNLOCK) == (REFUSED, "The car is moving.")


def test_no_answer_is_unknown() -> None:
    car = Car(body_says=lambda _body: None)
    assert car.asks(car.paired(), Verb.UNLOCK)[0] == operations.UNKNOWN


@pytest.mark.parametrize(
    ("verb", "value", "body"),
    [(Verb.LOCK, 0, (0, 0.0)), (Verb.TRUNK, 1, (7, 0.0)), (Verb.TRUNK, 0, (11, 0.0)), (Verb.WINDOWS, 50, (10, 0.5)),
     (Verb.CLIMATE, 29515, (6, 295.15)), (Verb.CLIMATE, 0, (6, 0.0)), (Verb.START, 0, (3, 0.0))],
)  # fmt: skip
def test_each_verb_s_body_command(verb: Verb, value: int, body: tuple[int, float]) -> None:
    car = Car()
    assert car.asks(car.paired(), verb, value) == (DONE, "")
    assert car.opened == [body]


@pytest.mark.parametrize(("verb", "value"), [(Verb.UNLOCK, 1), (Verb.TRUNK, 2), (Verb.WINDOWS, 101), (Verb.CLIMATE, 1), (Verb.DRIVE, 0)])
def test_a_value_out_of_range_does_nothing(verb: Verb, value: int) -> None:
    car = Car()
    assert car.asks(car.paired(), verb, value) == (REFUSED, "there is no such command")
    assert car.opened == []


def ranged(car: Car, key: DeviceKey, fix: Fix | None, verb: Verb, pressed: bool) -> tuple[int, str]:
    """A command of a key that is ranged there."""
    from dataclasses import replace

    car.core.surroundings = replace(car.core.surroundings, has_ranging=True)

    async def story() -> tuple[int, str]:
        talk = await car.talk(key)
        if fix is not None:
            operations.ranged(car.core, key.kid, fix)
        answer = await talk.command(verb, 0, pressed)
        return answer.outcome, answer.reason

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("distance_m", "inside", "age_s", "verb", "pressed", "outcome"),
    [
        (1.9, False, 0.0, Verb.UNLOCK, False, DONE),
        (2.1, False, 0.0, Verb.UNLOCK, False, REFUSED),
        (1.0, False, 1.1, Verb.UNLOCK, False, REFUSED),  # too old to be true
        (9.0, False, 0.0, Verb.UNLOCK, True, DONE),
        (10.1, False, 0.0, Verb.UNLOCK, True, REFUSED),
        (0.5, True, 0.0, Verb.START, False, DONE),
        (0.5, False, 0.0, Verb.START, True, REFUSED),
        (1.0, False, 0.0, Verb.TRUNK, False, REFUSED),
    ],
)
def test_where_the_key_must_be(distance_m: float, inside: bool, age_s: float, verb: Verb, pressed: bool, outcome: int) -> None:
    car = Car()
    fix = Fix(distance_m, inside, car.now.mono_s - age_s)
    found, _ = ranged(car, car.paired(), fix, verb, pressed)
    assert found == (outcome if verb is not Verb.TRUNK else REFUSED)


def test_without_ranging_there_is_no_passive_entry() -> None:
    car = Car()
    assert car.asks(car.paired(), Verb.UNLOCK, pressed=False) == (REFUSED, "the key's distance isn't known: press the key")


def test_walking_away_locks() -> None:
    car = Car()
    watch = car.paired()
    ranged(car, watch, Fix(1.0, False, car.now.mono_s), Verb.UNLOCK, False)
    operations.ranged(car.core, watch.kid, Fix(7.0, False, car.now.mono_s))
    car.carry_out(car.core.tick(car.now))
    assert car.opened == [UNLOCKED, (operations.BODY_LOCK, 0.0)]
    assert "walked_away" in car.log()


def test_a_key_left_inside_sleeps_until_it_is_touched() -> None:
    car = Car()
    watch = car.paired()
    ranged(car, watch, Fix(1.0, False, car.now.mono_s), Verb.UNLOCK, False)
    car.carry_out(car.core.tick(car.now))
    operations.ranged(car.core, watch.kid, Fix(0.4, True, car.now.mono_s))
    from dataclasses import replace

    car.core.surroundings = replace(car.core.surroundings, car=CarState(True, True, False))
    car.carry_out(car.core.tick(car.now))
    assert car.happened[-1].kind == "key_left_inside"
    fix = Fix(0.4, True, car.now.mono_s)
    assert ranged(car, watch, fix, Verb.UNLOCK, False) == (REFUSED, "the key's distance isn't known: press the key")
    assert ranged(car, watch, fix, Verb.UNLOCK, True) == (DONE, "")


def test_a_key_forgotten_is_told_of_once() -> None:
    from dataclasses import replace

    car = Car()
    watch = car.paired()
    ranged(car, watch, Fix(1.0, False, car.now.mono_s), Verb.UNLOCK, False)
    car.core.surroundings = replace(car.core.surroundings, car=CarState(False, True, True))
    for _ in range(10):
        car.later(1.0)
    assert [one.kind for one in car.happened].count("key_forgotten") == 1


HERE = Area(520_000_000, 130_000_000, 1000)


@pytest.mark.parametrize(("place", "why"), [((520_000_000, 130_000_000), ""), ((520_200_000, 130_000_000), "outside"), (None, "doesn't know where")])
def test_a_key_bound_to_an_area(place: tuple[int, int] | None, why: str) -> None:
    from dataclasses import replace

    car = Car()
    friend = car.friend(car.paired(), (Verb.UNLOCK, Verb.START), Limits(area=HERE))
    car.core.surroundings = replace(car.core.surroundings, place_e7=place)
    assert car.asks(friend, Verb.UNLOCK)[0] == DONE
    outcome, reason = car.asks(friend, Verb.START)
    assert (outcome == DONE) == (not why) and why in reason


@pytest.mark.parametrize(("weekday", "minute", "opens"), [(0, 480, True), (0, 479, False), (0, 1080, False), (5, 600, False)])
def test_a_key_bound_to_hours(weekday: int, minute: int, opens: bool) -> None:
    from dataclasses import replace

    car = Car()
    friend = car.friend(car.paired(), limits=Limits(hours=(Hours(31, 480, 1080),)))
    car.core.surroundings = replace(car.core.surroundings, weekday=weekday, minute=minute)
    assert (car.asks(friend, Verb.UNLOCK)[0] == DONE) == opens
    assert car.asks(friend, Verb.LOCK)[0] == DONE


def test_status_says_what_the_key_may() -> None:
    car = Car()
    watch = car.paired()

    async def story() -> None:
        answer = await (await car.talk(watch)).request(operations.STATUS)
        assert answer.payload[1] is True and answer.payload[5] == [1, 2, 3, 4, 5, 6, 7, 8] and answer.payload[3] is None

    asyncio.run(story())


def test_a_long_list_comes_in_pages() -> None:
    car = Car()
    watch = car.paired()

    async def story() -> None:
        talk = await car.talk(watch)
        for _ in range(40):
            assert (await talk.request(operations.DEPOSIT, car.friend(watch).token)).outcome == DONE
        rows: list[object] = []
        while True:
            page = (await talk.request(operations.KEYS, len(rows))).payload
            if not page:
                break
            rows += page
        assert len(rows) == 41

    asyncio.run(story())


def test_the_ninth_connection_is_turned_away() -> None:
    car = Car()
    watch = car.paired()

    async def story() -> None:
        for _ in range(core_module.MOST_LINKS):
            await car.talk(watch)
        ninth = car.connect()
        assert ninth.closed

    car.wires.clear()
    car.core.links.clear()
    asyncio.run(story())


def test_a_silent_connection_ends() -> None:
    car = Car()
    talk = asyncio.run(car.talk(car.paired()))
    car.later(31.0)
    assert car.wires[talk.wire.number].closed


def test_a_half_open_connection_ends_after_ten_seconds() -> None:
    car = Car()
    wire = car.connect()
    car.later(9.0)
    assert not wire.closed
    car.later(2.0)
    assert wire.closed


@pytest.mark.parametrize("message", [[], [99], [10], [10, 1], [20, 1], "x", [True, b""], [2, 1, 1]])
def test_what_is_no_message_ends_the_connection(message: object) -> None:
    car = Car()
    wire = car.connect()
    assert raw(car, wire, encode(message)) == [] and wire.closed
    assert car.log() == ["malformed"]


def test_a_clock_set_back_is_told_once() -> None:
    car = Car()
    car.later(100.0)
    for _ in range(3):
        car.now = Now(BEGAN_S - 1000.0, car.now.mono_s + 1.0)
        car.carry_out(car.core.tick(car.now))
    assert car.log() == ["clock"] and car.core.keyring.now_s == BEGAN_S + 100.0
