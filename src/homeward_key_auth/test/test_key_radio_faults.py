"""What can go wrong beneath the key's radio: broken packets, dying processes, a dongle that is pulled out."""

import asyncio
import os
import subprocess
import sys

import pytest
from radio_cases import Car, closed, echo, run, stranger

from homeward_key_auth.radio import CarRadio, connect
from homeward_key_auth.radio_twin import TwinLink, TwinPort


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


DEVICE = """
import asyncio, sys
from homeward_key_auth.radio import connect
from homeward_key_auth.wire import WireClosed
async def main():
    wire = await connect(sys.argv[1], timeout_s=60)
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

    run(scenario(), 200.0)


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
                wire = await connect(url, timeout_s=30.0)
                assert await wire.receive() == b"hello"
                await echo(wire)
                await dongle.close()
                assert await car.faults.get() is not None
                assert await closed(wire) and await car.ended.get()
                while not car.faults.empty():
                    assert car.faults.get_nowait() is not None

    run(scenario())


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
