"""The pair of wires in memory behaves as the port says: what tests of sessions stand on."""

import asyncio

import pytest

from homeward_key_auth.wire import MOST_UNREAD, WireClosed, memory_pair


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 10.0))


@pytest.mark.parametrize("delay_s", [0.0, 0.01])
def test_messages_pass_both_ways_in_order(delay_s):
    async def scenario():
        car, device = memory_pair(delay_s)
        for number in range(20):
            await car.send(b"car %d" % number)
            await device.send(b"device %d" % number)
        assert [await device.receive() for _ in range(20)] == [b"car %d" % number for number in range(20)]
        assert [await car.receive() for _ in range(20)] == [b"device %d" % number for number in range(20)]

    run(scenario())


def test_a_delay_delays():
    async def scenario():
        car, device = memory_pair(0.05)
        began_s = asyncio.get_running_loop().time()
        await car.send(b"a")
        await device.receive()
        assert asyncio.get_running_loop().time() - began_s >= 0.045

    run(scenario())


def test_what_was_sent_before_the_end_is_received_before_the_end():
    async def scenario():
        car, device = memory_pair(0.01)
        await car.send(b"refused")
        await car.close()
        await car.close()
        assert await device.receive() == b"refused"
        for _ in range(2):
            with pytest.raises(WireClosed, match="other side"):
                await device.receive()
        with pytest.raises(WireClosed):
            await device.send(b"a")
        with pytest.raises(WireClosed, match="closed here"):
            await car.receive()
        with pytest.raises(WireClosed):
            await car.send(b"a")

    run(scenario())


def test_whoever_waits_learns_of_the_end():
    async def scenario():
        car, device = memory_pair()
        waiting = asyncio.ensure_future(device.receive())
        await asyncio.sleep(0)
        await car.close()
        with pytest.raises(WireClosed):
            await waiting

    run(scenario())


def test_messages_that_nobody_reads_end_the_connection():
    async def scenario():
        car, device = memory_pair()
        with pytest.raises(WireClosed, match="unread"):
            for _ in range(MOST_UNREAD + 10):
                await car.send(b"a")
                await asyncio.sleep(0)
        assert [await device.receive() for _ in range(MOST_UNREAD)] == [b"a"] * MOST_UNREAD
        with pytest.raises(WireClosed, match="unread"):
            await device.receive()

    run(scenario())


@pytest.mark.parametrize("length", [0, 2049])
def test_messages_of_no_length_or_too_much_are_the_senders_fault(length):
    async def scenario():
        car, _ = memory_pair()
        with pytest.raises(ValueError):
            await car.send(bytes(length))

    run(scenario())
