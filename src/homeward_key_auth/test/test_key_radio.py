"""The radio over bumble's virtual link: two whole Bluetooth stacks, without a radio."""

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys

import pytest
from bumble import hci
from bumble.gatt_client import CharacteristicProxy

from homeward_key_auth import fragments, radio_device, radio_stack
from homeward_key_auth.radio import CarRadio, NotReached, RadioLimits, connect
from homeward_key_auth.radio_twin import TwinController, TwinLink, TwinPort
from homeward_key_auth.wire import WireClosed

LONGEST = bytes(range(256)) * 8
numbers = itertools.count()


def run(scenario, limit_s=30.0):
    return asyncio.run(asyncio.wait_for(scenario, limit_s))


class Car:
    """A car that greets, and says back what it is told; keeps what happened for the test to look at."""

    def __init__(self, url="", **limits):
        self.log, self.faults, self.wires = [], asyncio.Queue(), []
        self.ended = asyncio.Queue()
        self.radio = CarRadio(url or f"virtual:test{next(numbers)}", self.serve, RadioLimits(**limits), self.faults.put_nowait, self.log.append)

    async def serve(self, wire):
        self.wires.append(wire)
        try:
            await wire.send(b"hello")
            while True:
                message = await wire.receive()
                if message == b"fail":
                    raise RuntimeError("a bug in the car")
                await wire.send(message)
        except WireClosed as error:
            self.ended.put_nowait(str(error))
            raise

    async def __aenter__(self):
        await self.radio.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.radio.__aexit__(*error)

    async def wire(self, **options):
        """A device's wire, greeted."""
        wire = await connect(self.radio.url, **options)
        assert await wire.receive() == b"hello"
        return wire


async def echo(wire, message=b"are you there?"):
    await wire.send(message)
    assert await wire.receive() == message


async def closed(wire):
    """Why a wire ended; whatever had come before is read."""
    try:
        while True:
            await wire.receive()
    except WireClosed as error:
        return str(error)


@contextlib.asynccontextmanager
async def stranger(url):
    """A device that is connected and follows no rule: its connection, and the characteristics to car and from car."""
    air = await radio_stack.open_device_air(url, lambda line: None)
    device = await radio_stack.power_on(air)
    connection = await radio_device._join(device, await radio_device._scan(device, frozenset()))
    ended = asyncio.Event()
    connection.on(connection.EVENT_DISCONNECTION, lambda reason: ended.set())
    connection.ended = ended
    try:
        yield connection, *await radio_device._characteristics(connection.gatt_client)
    finally:
        await air.close()


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


@pytest.mark.parametrize("pdu", [b"", b"\x12", b"\x02\x17", b"\xff" * 40, b"\x18\x01", b"\x04\x00\x00"], ids=lambda it: it[:3].hex() or "none")
def test_broken_bluetooth_packets_hurt_nobody_and_are_not_printed(pdu, capfd):
    async def scenario():
        async with Car() as car:
            good = await car.wire()
            async with stranger(car.radio.url) as (connection, *_):
                for cid in (4, 5, 6, 0x40):
                    connection.send_l2cap_pdu(cid, pdu)
                await echo(good)
            await echo(await car.wire())

    run(scenario())
    assert capfd.readouterr() == ("", "")


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


DEVICE = """
import asyncio, sys
from homeward_key_auth.radio import connect
from homeward_key_auth.wire import WireClosed
async def main():
    wire = await connect(sys.argv[1], timeout_s=20)
    assert await wire.receive() == b"hello"
    await wire.send(sys.argv[2].encode() * 1000)
    print((await wire.receive())[:1].decode(), flush=True)
    try:
        await wire.receive()
    except WireClosed as error:
        print("closed:", error, flush=True)
asyncio.run(main())
"""


async def device_process(url, letter):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", DEVICE, url, letter, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_devices_in_processes_of_their_own():
    async def scenario():
        async with Car("virtual:127.0.0.1:0", silence_s=300.0) as car:  # a busy machine is slow to start processes
            here = await car.wire()
            processes = [await device_process(car.radio.url, letter) for letter in "ab"]
            assert [await process.stdout.readline() for process in processes] == [b"a\n", b"b\n"]
            processes[0].kill()  # a device whose process dies is a connection that is lost, and no other
            await processes[0].wait()
            assert await car.ended.get() == "connection timeout"
            await echo(here)
        told, errors = await processes[1].communicate()
        assert (told, errors) == (b"closed: remote user terminated connection\n", b"")
        assert await closed(here)

    run(scenario(), 90.0)


def test_a_radio_that_is_pulled_out_is_a_fault_until_it_is_back():
    """A real controller's life, over HCI: absent, there, pulled out, there again. The air between stays the same."""

    async def scenario():
        link = TwinLink()
        first = TwinPort(link)
        port = int((await first.open("127.0.0.1", 0)).rsplit(":", 1)[1])
        await first.close()
        async with Car(f"tcp-client:127.0.0.1:{port}", retry_s=(0.05, 0.1)) as car:
            assert f"tcp-client:127.0.0.1:{port}" in await car.faults.get()
            for _ in range(2):
                dongle = TwinPort(link)
                url = await dongle.open("127.0.0.1", port)
                assert await car.faults.get() is None
                wire = await connect(url)
                await echo_after_hello(wire)
                await dongle.close()
                assert await car.faults.get() is not None
                assert await closed(wire) and await car.ended.get()
                while not car.faults.empty():
                    assert car.faults.get_nowait() is not None

    run(scenario())


async def echo_after_hello(wire):
    assert await wire.receive() == b"hello"
    await echo(wire)


@pytest.mark.parametrize("url", ["", "virtual", "virtual:", "bluetooth:0", "/dev/ttyUSB0", "virtual:0.0.0.0:7000", "virtual:car.example:7000"])
def test_what_names_no_radio_of_this_machine_is_refused_at_once(url):
    with pytest.raises(ValueError):
        CarRadio(url, None)
    with pytest.raises(ValueError):
        asyncio.run(connect(url))


def test_the_port_is_taken_is_a_fault_and_not_the_end():
    async def scenario():
        async with Car("virtual:127.0.0.1:0") as first, Car(first.radio.url) as second:
            assert "in use" in await second.faults.get()
            await echo(await first.wire())

    run(scenario())
