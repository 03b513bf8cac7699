"""A car, devices and a stranger, for the tests of the radio."""

import asyncio
import contextlib
import itertools

from homeward_key_auth import radio_device, radio_stack
from homeward_key_auth.radio import CarRadio, RadioLimits, connect
from homeward_key_auth.wire import WireClosed

LONGEST = bytes(range(256)) * 8
numbers = itertools.count()


def run(scenario, limit_s=90.0):
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
        wire = await connect(self.radio.url, **{"timeout_s": 30.0} | options)  # a busy machine may take seconds
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
