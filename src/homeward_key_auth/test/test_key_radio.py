"""The radio over bumble's virtual link: two whole Bluetooth stacks, without a radio."""

import asyncio

import pytest
from bumble import hci
from bumble.gatt_client import CharacteristicProxy
from radio_cases import LONGEST, Car, closed, echo, numbers, run, stranger

from homeward_key_auth import fragments, radio_device, radio_stack
from homeward_key_auth.radio import CarRadio, NotReached, connect
from homeward_key_auth.radio_twin import TwinController
from homeward_key_auth.wire import WireClosed


@pytest.mark.parametrize("mtu", [23, 24, 185, 517])
def test_the_longest_message_passes_both_ways_at_each_mtu(mtu):
    async def scenario():
        async with Car() as car:
            wire = await car.wire(mtu=mtu)
            for message in (LONGEST, b"a", LONGEST):
                await echo(wire, message)
            await wire.close()
            assert car.log == []

    run(scenario())


def test_the_car_may_grant_less_than_is_asked():
    async def scenario():
        async with Car(mtu=100) as car:
            await echo(await car.wire(mtu=517), LONGEST)

    run(scenario())


def test_four_phones_at_the_same_time():
    async def scenario():
        async with Car() as car:
            wires = await asyncio.gather(*[car.wire() for _ in range(4)])
            await asyncio.gather(*[echo(wire, b"%d" % number * 500) for number, wire in enumerate(wires)])
            assert len({wire.peer for wire in car.wires}) == 4

    run(scenario())


def test_the_ninth_is_refused_and_comes_in_when_one_has_left():
    async def scenario():
        async with Car() as car:
            wires = [await car.wire() for _ in range(8)]
            with pytest.raises(NotReached, match="no room"):
                await car.wire()
            await asyncio.gather(*[echo(wire) for wire in wires])
            await wires.pop().close()
            await car.ended.get()
            await echo(await car.wire())

    run(scenario())


def test_a_connection_that_drops_is_known_on_both_sides_and_the_device_comes_back():
    async def scenario():
        async with Car() as car:
            wire = await car.wire()
            wire._carrier._host.hci_sink.link.remove_controller(wire._carrier._host.hci_sink)  # as when a battery is taken out
            assert await car.ended.get() == "connection timeout"
            assert await closed(wire)
            await echo(await car.wire())

    run(scenario())


def test_an_address_that_is_known_is_taken_and_one_to_avoid_is_not():
    async def scenario():
        async with Car() as car:
            wire = await car.wire(address=car.radio.address)
            assert wire.peer == f"le:{car.radio.address}"
            with pytest.raises(NotReached, match="no car answered"):
                await car.wire(avoid=[car.radio.address], timeout_s=0.3)

    run(scenario())


@pytest.mark.parametrize("fragment", [b"", b"\xc0", b"\x01a", b"\x40a", b"\xc1a", b"\xc0" + bytes(511)], ids=lambda it: it[:2].hex() or "none")
def test_malformed_fragments_end_their_connection_and_no_other(fragment, capfd):
    async def scenario():
        async with Car() as car:
            good = await car.wire()
            async with stranger(car.radio.url) as (connection, to_car, from_car):
                await connection.gatt_client.request_mtu(517)
                await from_car.subscribe(lambda value: None)
                await to_car.write_value(fragment)
                if len(fragment) > 100:  # harmless once; the next one has the wrong count
                    await to_car.write_value(fragment)
                await connection.ended.wait()
            assert (await car.ended.get()).startswith("malformed: ")
            await echo(good)

    run(scenario())
    assert capfd.readouterr() == ("", "")


def test_a_fragment_before_the_subscription_ends_the_connection():
    async def scenario():
        async with Car() as car, stranger(car.radio.url) as (connection, to_car, _from_car):
            await to_car.write_value(b"\xc0a")
            await connection.ended.wait()
            assert car.wires == []

    run(scenario())


def test_the_end_of_the_subscription_ends_the_connection():
    async def scenario():
        async with Car() as car, stranger(car.radio.url) as (connection, _to_car, from_car):
            await from_car.subscribe(lambda value: None)
            await from_car.unsubscribe(force=True)
            await connection.ended.wait()
            assert await car.ended.get() == "the subscription's end"

    run(scenario())


def test_who_is_silent_is_sent_away_and_who_speaks_stays():
    async def scenario():
        async with Car(silence_s=0.4) as car:
            silent, speaking = await car.wire(), await car.wire()
            gone = asyncio.ensure_future(closed(silent))
            while not gone.done():
                await echo(speaking)
                await asyncio.wait([gone], timeout=0.05)
            assert await car.ended.get() == "silent for 0.4 s"
            await echo(speaking)

    run(scenario())


def test_who_does_not_subscribe_is_sent_away():
    async def scenario():
        async with Car(subscribe_s=0.2) as car, stranger(car.radio.url) as (connection, *_):
            await connection.ended.wait()

    run(scenario())


def test_a_message_that_is_never_finished_ends_the_connection(monkeypatch):
    monkeypatch.setattr(fragments, "MOST_MESSAGE_S", 0.2)

    async def scenario():
        async with Car() as car, stranger(car.radio.url) as (connection, to_car, from_car):
            await from_car.subscribe(lambda value: None)
            await to_car.write_value(b"\x80a")
            await connection.ended.wait()
            assert "longer than" in await car.ended.get()

    run(scenario())


def test_what_is_said_before_hanging_up_arrives():
    async def scenario():
        async def refuse(wire):
            for _ in range(3):
                await wire.send(LONGEST)

        async with CarRadio(f"virtual:test{next(numbers)}", refuse) as radio:
            wire = await connect(radio.url, mtu=23)
            assert [await wire.receive() for _ in range(3)] == [LONGEST] * 3
            assert await closed(wire) == "remote user terminated connection"

    run(scenario())


def test_a_bug_behind_one_connection_is_told_and_ends_that_one():
    async def scenario():
        async with Car() as car:
            bad, good = await car.wire(), await car.wire()
            await bad.send(b"fail")
            await closed(bad)
            await echo(good)
            assert len(car.log) == 1 and "a bug in the car" in car.log[0]

    run(scenario())


def test_the_cars_going_away_closes_the_wire_at_the_device():
    async def scenario():
        async with Car() as car:
            wire = await car.wire()
            waiting = asyncio.ensure_future(closed(wire))
        assert await waiting == "remote user terminated connection"
        with pytest.raises(WireClosed):
            await wire.send(b"a")
        with pytest.raises(NotReached):
            await connect(car.radio.url, timeout_s=0.1)

    run(scenario())


def test_it_advertises_the_service_and_nothing_else():
    async def scenario():
        async with Car() as car:
            air = await radio_stack.open_device_air(car.radio.url, car.log.append)
            device = await radio_stack.power_on(air)
            heard = asyncio.Queue()
            device.on("advertisement", heard.put_nowait)
            await device.start_scanning(active=True)
            flags, service = b"\x02\x01\x06", b"\x11\x07" + radio_stack.SERVICE.to_pdu_bytes()
            assert {(await heard.get()).data_bytes for _ in range(4)} <= {flags + service, b""}
            connection = await radio_device._join(device, hci.Address(car.radio.address))
            services = await connection.gatt_client.discover_services()
            named = [found for one in services for found in await one.discover_characteristics() if found.uuid.to_hex_str() == "2A00"]
            assert [await CharacteristicProxy.read_value(one) for one in named] == [b""]
            await air.close()

    run(scenario())


def test_the_address_changes_and_connections_outlive_it():
    async def scenario():
        async with Car(address_s=0.1) as car:
            wire, before = await car.wire(), car.radio.address
            while car.radio.address == before:
                await echo(wire)
            assert (hci.Address(before).is_resolvable, hci.Address(car.radio.address).is_resolvable) == (True, True)
            await echo(wire)
            await echo(await car.wire())

    run(scenario())


def test_a_slow_link_holds_the_sender_back(monkeypatch):
    held = []
    send = TwinController.send_hci_packet

    def hold(self, packet):
        if isinstance(packet, hci.HCI_Number_Of_Completed_Packets_Event) and self.name.endswith("slow"):
            held.append((self, packet))
        else:
            send(self, packet)

    async def scenario():
        async with Car("virtual:slow") as car:
            wire = await car.wire(mtu=23)
            monkeypatch.setattr(TwinController, "send_hci_packet", hold)
            sending = asyncio.ensure_future(car.wires[0].send(LONGEST))
            done, _ = await asyncio.wait([sending], timeout=0.2)
            assert not done and 0 < len(held) <= radio_stack.MOST_PACKETS + 1
            monkeypatch.setattr(TwinController, "send_hci_packet", send)
            for controller, packet in held:
                send(controller, packet)
            await sending
            assert await wire.receive() == LONGEST

    run(scenario())
