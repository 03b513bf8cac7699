"""A device's radio: finds a car, connects, and gives a Wire. For our own devices, tests and tools: phones bring their own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from bumble import hci
from bumble.att import ATT_Error
from bumble.core import BaseBumbleError
from bumble.device import Advertisement, Connection, ConnectionParametersPreferences, Device
from bumble.gatt_client import CharacteristicProxy, Client

from homeward_key_auth import radio_stack as stack
from homeward_key_auth.fragments import LEAST_MTU, MOST_MTU
from homeward_key_auth.radio_wire import RadioWire

LOG = logging.getLogger("homeward.key.radio")
AGAIN_S = 0.05  # between two tries
SCAN_MS = 30.0
NOT_ESTABLISHED = hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR
QUICK = ConnectionParametersPreferences(connection_interval_min=7.5, connection_interval_max=15.0)


class NotReached(Exception):
    """No connection to a car; its words say what happened last."""


class _Refused(Exception):
    """The car said that it has no room."""


class _Ended(Exception):
    """A connection ended before it was of use."""


async def connect(
    url: str,
    address: str | None = None,
    timeout_s: float = 10.0,
    mtu: int = MOST_MTU,
    avoid: Collection[str] = (),
    on_log: Callable[[str], None] = LOG.warning,
) -> RadioWire:
    """A wire to a car: to the first that advertises the key service, or to the one at `address` ("F0:F1:F2:F3:F4:F5").

    `mtu` is the ATT_MTU to ask for (23 to 517 bytes), `avoid` holds addresses of cars that aren't meant. The wire is subscribed:
    the car's hello is the first message. The radio belongs to the wire and is closed with it.
    Raises NotReached after `timeout_s` seconds, or at once when the car has no room; ValueError for a URL or MTU that can't be.
    """
    stack.check_url(url)
    if not LEAST_MTU <= mtu <= MOST_MTU:
        raise ValueError(f"an ATT_MTU is {LEAST_MTU} to {MOST_MTU} bytes, not {mtu}")
    search = _Search(url, address, mtu, frozenset(avoid), on_log)
    try:
        return await stack.within(timeout_s, search.until_connected())
    except TimeoutError:
        raise NotReached(f"{url}: {search.last_words}") from None
    except _Refused as error:
        raise NotReached(str(error)) from None


class _Search:
    """The tries of one `connect`."""

    def __init__(self, url: str, address: str | None, mtu: int, avoid: frozenset[str], on_log: Callable[[str], None]) -> None:
        self._url, self._address, self._mtu, self._avoid, self._on_log = url, address, mtu, avoid, on_log
        self.last_words = "no car answered"

    async def until_connected(self) -> RadioWire:
        while True:
            try:
                return await self._with_radio()
            except (BaseBumbleError, ATT_Error, stack.RadioLost, OSError) as error:
                self.last_words = str(error) or type(error).__name__
            await asyncio.sleep(AGAIN_S)

    async def _with_radio(self) -> RadioWire:
        air = await stack.open_device_air(self._url, self._on_log)
        try:
            device = await stack.power_on(air)
            while not air.lost:
                if wire := await self._once(air, device):
                    return wire
                await asyncio.sleep(AGAIN_S)
            raise stack.RadioLost("the radio was taken away")
        except BaseException:
            await air.close()
            raise

    async def _once(self, air: stack.Air, device: Device) -> RadioWire | None:
        found = hci.Address(self._address) if self._address else await _scan(device, self._avoid)
        connection = await _join(device, found)
        try:
            return await _before_end(connection, self._subscribed(air, connection))
        except BaseException as error:
            await stack.hang_up(connection, hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR)
            if not isinstance(error, _Ended):
                raise
            self.last_words = str(error)
            return None

    async def _subscribed(self, air: stack.Air, connection: Connection) -> RadioWire:
        client = connection.gatt_client
        if self._mtu > LEAST_MTU:
            await client.request_mtu(self._mtu)
        to_car, from_car = await _characteristics(client)
        carrier = stack.ConnectionCarrier(connection, air.host, to_car.write_value, air.close)
        wire = RadioWire(f"le:{connection.peer_address}", carrier)
        connection.on(connection.EVENT_DISCONNECTION, lambda reason: _gone(wire, air, reason))
        await from_car.subscribe(wire.feed)
        return wire


def _gone(wire: RadioWire, air: stack.Air, reason: int) -> None:
    wire.lost(stack.words_for(reason))
    air.close_soon()


async def _scan(device: Device, avoid: frozenset[str]) -> hci.Address:
    """The address of a car that advertises the key service."""
    found: asyncio.Future[hci.Address] = asyncio.get_running_loop().create_future()

    def look(heard: Advertisement) -> None:
        ours = heard.is_connectable and stack.SERVICE.to_pdu_bytes() in heard.data_bytes
        if ours and str(heard.address) not in avoid and not found.done():
            found.set_result(heard.address)

    device.on(device.EVENT_ADVERTISEMENT, look)
    try:
        await device.start_scanning(active=False, scan_interval=SCAN_MS, scan_window=SCAN_MS, scanning_phys=[hci.HCI_LE_1M_PHY])
        return await found
    finally:
        device.remove_listener(device.EVENT_ADVERTISEMENT, look)
        with contextlib.suppress(Exception):
            await device.stop_scanning()


async def _join(device: Device, address: hci.Address) -> Connection:
    preferences = {hci.Phy.LE_1M: QUICK}
    return await stack.within(None, device.connect_le(address, connection_parameters_preferences=preferences, timeout=None))


async def _characteristics(client: Client) -> tuple[CharacteristicProxy[bytes], CharacteristicProxy[bytes]]:
    services = await client.discover_service(stack.SERVICE)
    found = {one.uuid: one for one in (await client.discover_characteristics([], services[0]) if services else [])}
    if stack.TO_CAR not in found or stack.FROM_CAR not in found:
        raise stack.RadioLost("it has no key service")
    return found[stack.TO_CAR], found[stack.FROM_CAR]


async def _before_end(connection: Connection, work: Coroutine[Any, Any, RadioWire]) -> RadioWire:
    """The work's result; _Ended or _Refused when the connection ends first: bumble's requests would wait on for half a minute."""
    task, reasons, over = asyncio.create_task(work), list[int](), asyncio.Event()

    def end(reason: int) -> None:
        reasons.append(reason)
        over.set()

    connection.once(connection.EVENT_DISCONNECTION, end)
    task.add_done_callback(lambda done: over.set())
    if not stack.alive(connection):
        end(NOT_ESTABLISHED)  # before we could listen: another device was quicker
    try:
        await over.wait()
    finally:
        await stack.stop(task)
    if not reasons:
        return task.result()
    if stack.FULL in reasons:
        raise _Refused("the car has no room for another connection")
    raise _Ended(stack.words_for(reasons[0]))
