"""The car's radio: advertises the key service and hands each device that subscribes to it to a callback, as a Wire."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

from bumble import data_types, hci
from bumble.att import AttributeValue
from bumble.core import AdvertisingData
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, Service

from homeward_key_auth import radio_stack as stack
from homeward_key_auth.fragments import LEAST_MTU, MOST_MTU
from homeward_key_auth.radio_device import NotReached, connect
from homeward_key_auth.radio_wire import RadioWire
from homeward_key_auth.wire import Wire, WireClosed

__all__ = ["CarRadio", "NotReached", "RadioLimits", "connect"]

LOG = logging.getLogger("homeward.key.radio")
_Notify = Callable[[Connection, bytes], Awaitable[None]]
CHECK_S = 5.0  # how often a controller is asked whether it is still there


@dataclass(frozen=True)
class RadioLimits:
    """What the car's radio allows, and its rhythm; the numbers of the protocol's sections 3 and 9."""

    connections: int = 8
    silence_s: float = 30.0  # without anything from the device
    subscribe_s: float = 10.0  # from the connection to the subscription
    mtu: int = MOST_MTU  # bytes; the most that is granted
    advertising_ms: tuple[float, float] = (20.0, 50.0)
    address_s: float = 900.0  # how long an address is advertised, as Bluetooth recommends
    retry_s: tuple[float, float] = (0.5, 30.0)  # after a fault: the first wait, doubled up to the last


class CarRadio:
    """`async with CarRadio(url, on_wire)`: the peripheral, until the block is left.

    `on_wire(wire)` runs once for each connection, as a task; the connection ends when it returns. `on_fault(text)` says that the
    radio doesn't work and is tried again, `on_fault(None)` that it does; each is said once. `on_log(line)` gets what is odd but
    ends nothing. Raises ValueError for a URL that names no radio; nothing else that the radio does reaches the caller.
    """

    def __init__(
        self,
        url: str,
        on_wire: Callable[[Wire], Awaitable[None]],
        limits: RadioLimits | None = None,
        on_fault: Callable[[str | None], None] = lambda text: None,
        on_log: Callable[[str], None] = LOG.warning,
    ) -> None:
        stack.check_url(url)
        self.url = url
        self.limits = limits or RadioLimits()
        if not LEAST_MTU <= self.limits.mtu <= MOST_MTU:
            raise ValueError(f"an ATT_MTU is {LEAST_MTU} to {MOST_MTU} bytes, not {self.limits.mtu}")
        self.address = ""  # the one advertised now
        self._on_wire, self._on_fault, self._on_log = on_wire, on_fault, on_log
        self._fault: str | None = None
        self._advertises = False
        self._wires: dict[Connection, RadioWire] = {}
        self._served: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tried, self._news, self._leaving = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._runs: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Returns once the radio advertises, or has failed for the first time and said so to `on_fault`."""
        self._runs = asyncio.create_task(self._run())
        await self._tried.wait()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends all connections and leaves the controller silent."""
        await asyncio.gather(*[wire.close() for wire in list(self._wires.values())])
        self._leaving.set()
        self._news.set()
        if self._runs:
            await asyncio.wait([self._runs], timeout=CHECK_S)
            await stack.stop(self._runs)
        await asyncio.gather(*[stack.stop(task) for task in list(self._tasks)])

    async def _run(self) -> None:
        first_s, last_s = self.limits.retry_s
        wait_s = first_s
        while not self._leaving.is_set():
            try:
                await self._run_once()
            except Exception as error:  # whatever bumble, libusb or the system raise: this radio failed, and the car lives on
                wait_s = first_s if self._fault is None else wait_s
                self._say_fault(f"{self.url}: {error or type(error).__name__}")
            self._tried.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._leaving.wait()
            wait_s = min(wait_s * 2, last_s)

    async def _run_once(self) -> None:
        air = await stack.open_car_air(self.url, self._on_log)
        try:
            device = await stack.power_on(air)
            self._advertises = False
            self._offer_service(air, device)
            self.url = air.url
            await self._stay_on_air(air, device)
        finally:
            for connection in list(self._wires):
                self._gone(connection, "the car's radio is gone")
            await air.close()

    def _offer_service(self, air: stack.Air, device: Device) -> None:
        device.gatt_server.max_mtu = self.limits.mtu
        properties, permissions = Characteristic.Properties, Characteristic.Permissions
        writes = AttributeValue(write=self._on_write)
        to_car: Characteristic[bytes] = Characteristic(
            stack.TO_CAR, properties.WRITE | properties.WRITE_WITHOUT_RESPONSE, permissions.WRITEABLE, writes
        )
        from_car: Characteristic[bytes] = Characteristic(stack.FROM_CAR, properties.NOTIFY, Characteristic.Permissions(0))
        from_car.on(from_car.EVENT_SUBSCRIPTION, self._on_subscription)
        device.add_service(Service(stack.SERVICE, [to_car, from_car]))

        async def notify(connection: Connection, fragment: bytes) -> None:
            await device.notify_subscriber(connection, from_car, fragment)

        device.on(device.EVENT_CONNECTION, lambda connection: self._on_connection(air, connection, notify))

    async def _stay_on_air(self, air: stack.Air, device: Device) -> None:
        clock = asyncio.get_running_loop().time
        renew_s = clock() + self.limits.address_s
        while not self._leaving.is_set():
            self._news.clear()
            if air.lost:
                raise stack.RadioLost("the radio was taken away")
            if clock() >= renew_s:
                await stack.within(CHECK_S, self._take_new_address(device))
                renew_s = clock() + self.limits.address_s
            await self._advertise(device)
            self._tried.set()
            await self._wait_for_news(air, device)

    async def _advertise(self, device: Device) -> None:
        if self._advertises:
            return
        # Said before it is true, since a connection may come, and end it, before bumble knows that it began. bumble's own
        # is_advertising stays true then, and the car would be invisible for good.
        self._advertises = True
        least_ms, most_ms = self.limits.advertising_ms
        try:
            starts = device.start_advertising(
                advertising_data=_advertisement(), advertising_interval_min=least_ms, advertising_interval_max=most_ms
            )
            await stack.within(CHECK_S, starts)
        except hci.HCI_Error:
            self._advertises, device.legacy_advertiser = False, None  # bumble keeps the advertiser as if it had started
            if not self._wires:
                raise
            return  # many controllers don't advertise while all their connections are in use: again when one has ended
        self.address = str(device.random_address)
        self._say_fault(None)

    async def _take_new_address(self, device: Device) -> None:
        self._advertises = False
        await device.stop_advertising()
        device.random_address = stack.changing_address()
        if not device.supports_le_extended_advertising:
            await device.send_sync_command(hci.HCI_LE_Set_Random_Address_Command(random_address=device.random_address))

    async def _wait_for_news(self, air: stack.Air, device: Device) -> None:
        """Until there is a reason to advertise again; asks now and then whether the controller is still there."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(CHECK_S, self.limits.address_s)):
                await self._news.wait()
            return
        try:
            if not air.lost:
                await air.host.send_sync_command(hci.HCI_Read_BD_ADDR_Command(), response_timeout=CHECK_S)
        except TimeoutError:
            raise stack.RadioLost("the controller doesn't answer") from None

    def _on_connection(self, air: stack.Air, connection: Connection, notify: _Notify) -> None:
        self._advertises = False  # each connection ends it
        self._news.set()
        if len(self._wires) >= self.limits.connections:
            self._spawn(stack.hang_up(connection, stack.FULL))
            return

        async def forget() -> None:  # also when the controller never says that the connection ended
            self._gone(connection, "hung up")

        carrier = stack.ConnectionCarrier(connection, air.host, partial(notify, connection), forget)
        wire = RadioWire(f"le:{connection.peer_address}", carrier, self.limits.silence_s)
        self._wires[connection] = wire
        connection.on(connection.EVENT_DISCONNECTION, lambda reason: self._gone(connection, stack.words_for(reason)))
        self._spawn(self._expect_subscription(connection, wire))

    async def _expect_subscription(self, connection: Connection, wire: RadioWire) -> None:
        await asyncio.sleep(self.limits.subscribe_s)
        if connection not in self._served:
            wire.end("no subscription")

    def _on_subscription(self, connection: Connection, notify: bool, indicate: bool) -> None:
        if (wire := self._wires.get(connection)) is None:
            return
        if not notify:
            wire.end("the subscription's end")
        elif connection not in self._served:
            self._served.add(connection)
            self._spawn(self._serve(wire))

    async def _serve(self, wire: RadioWire) -> None:
        try:
            await self._on_wire(wire)
        except WireClosed:
            pass
        except Exception as error:  # the callback's fault, but one connection's only
            self._on_log(f"{wire.peer}: {type(error).__name__}: {error}")
        finally:
            wire.end("done")

    def _on_write(self, connection: Connection, fragment: bytes) -> None:
        if (wire := self._wires.get(connection)) is None:
            return
        if connection in self._served:
            wire.feed(bytes(fragment))
        else:
            wire.end("a fragment before the subscription")

    def _gone(self, connection: Connection, reason: str) -> None:
        self._served.discard(connection)
        if wire := self._wires.pop(connection, None):
            wire.lost(reason)
        self._news.set()

    def _say_fault(self, text: str | None) -> None:
        if text != self._fault:
            self._fault = text
            try:
                self._on_fault(text)
            except Exception as error:  # the callback's own fault: the radio goes on
                self._on_log(f"on_fault: {type(error).__name__}: {error}")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._on_log(f"{type(error).__name__}: {error}")


def _advertisement() -> bytes:
    flags = AdvertisingData.Flags.LE_GENERAL_DISCOVERABLE_MODE | AdvertisingData.Flags.BR_EDR_NOT_SUPPORTED
    services = data_types.CompleteListOf128BitServiceUUIDs([stack.SERVICE])
    return bytes(AdvertisingData([data_types.Flags(flags), services]))
