"""Radios by URL: bumble's host on a controller that is real or a twin, and what else this package needs of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from bumble import hci, smp
from bumble.core import UUID
from bumble.device import Connection, Device, DeviceConfiguration
from bumble.host import Host
from bumble.transport import open_transport
from bumble.transport.common import Transport, TransportSource

from homeward_key_auth.fragments import most_fragment_bytes
from homeward_key_auth.radio_twin import TwinController, TwinLink, TwinPort, named_link, port_of

SERVICE = UUID("7ca10000-0000-4000-8000-00000000ca12")
TO_CAR = UUID("7ca10001-0000-4000-8000-00000000ca12")
FROM_CAR = UUID("7ca10002-0000-4000-8000-00000000ca12")

REAL = {"usb", "pyusb", "hci-socket", "serial", "tcp-client", "udp", "unix", "ws-client", "vhci", "android-netsim"}
POWER_ON_S = 10.0
HANG_UP_S = 2.0
MOST_PACKETS = 8  # on their way to the controller for one connection: enough to keep a radio busy, little enough to stop

FULL = hci.HCI_ErrorCode.REMOTE_DEVICE_TERMINATED_CONNECTION_DUE_TO_LOW_RESOURCES_ERROR  # how the car refuses politely

CANCEL_AGAIN_S = 0.2

_T = TypeVar("_T")
_LOG = logging.getLogger("homeward.key.radio")


class RadioLost(Exception):
    """The controller is gone or doesn't answer; its words say what happened."""


async def within(limit_s: float | None, work: Coroutine[Any, Any, _T]) -> _T:
    """The result of work that goes through bumble; for asyncio.timeout, which can't be relied on there (see `stop`).

    Raises TimeoutError after `limit_s` seconds (None: never), RadioLost when bumble gives the work up because the radio is gone.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task], timeout=limit_s)
        if not task.done():
            raise TimeoutError
        if task.cancelled():
            raise RadioLost("the radio was taken away")
        return task.result()
    finally:
        await stop(task)


async def stop(task: asyncio.Task[Any]) -> None:
    """Cancels until it is over: Python 3.11's wait_for, in bumble, may swallow a cancellation when its answer comes just then."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_S)
    if not task.cancelled():
        task.exception()  # looked at, so that asyncio doesn't print it; who waits reads the result


class _Quiet(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _LOG.debug("bumble: %s", record.getMessage())


def hush() -> None:
    """Takes bumble's own log off the console: strangers could fill it. It goes to `homeward.key.radio`, at debug level."""
    bumble = logging.getLogger("bumble")
    if bumble.propagate:
        bumble.propagate = False
        bumble.setLevel(logging.WARNING)
        bumble.addHandler(_Quiet())


def check_url(url: str) -> None:
    """Raises ValueError for a URL that names no radio."""
    scheme, colon, rest = url.partition(":")
    if scheme == "virtual" and colon and rest:
        port_of(url)
    elif scheme not in REAL:
        raise ValueError(f"{url}: no radio; one of virtual:NAME, virtual:127.0.0.1:PORT, {':…, '.join(sorted(REAL))}:…")


def words_for(reason: int) -> str:
    """Why a connection ended, from Bluetooth's code for it."""
    try:
        name = hci.HCI_ErrorCode(reason).name
    except ValueError:
        return f"reason 0x{reason:02x}"
    return name.lower().removesuffix("_error").replace("_", " ") if reason else "the radio is gone"


class RadioHost(Host):
    """bumble's host. Whatever it can't digest is dropped and told; packets on their way are counted per connection."""

    def __init__(self, on_error: Callable[[str], None]) -> None:
        super().__init__()
        self._on_error = on_error
        self._under_way: Counter[int] = Counter()
        self._moved = asyncio.Event()

    def on_packet(self, packet: bytes) -> None:
        """A packet from the controller. What is wrong with one, possibly a stranger's, ends nothing."""
        try:
            super().on_packet(packet)
        except Exception as error:
            self._on_error(f"dropped a packet of {len(packet)} bytes: {type(error).__name__}: {error}")

    async def room(self, connection_handle: int, most_packets: int) -> None:
        """Waits until at most so many packets of a connection are on their way; at once when it has ended."""
        while self._under_way[connection_handle] > most_packets:
            self._moved.clear()
            await self._moved.wait()

    def send_acl_sdu(self, connection_handle: int, sdu: bytes) -> None:
        """Counts, then sends."""
        connection = self.connections.get(connection_handle)
        if connection and connection.acl_packet_queue:
            self._under_way[connection_handle] += -(-len(sdu) // connection.acl_packet_queue.max_packet_size)
        super().send_acl_sdu(connection_handle, sdu)

    def on_hci_number_of_completed_packets_event(self, event: hci.HCI_Number_Of_Completed_Packets_Event) -> None:
        """The controller has sent packets: those who wait may go on."""
        super().on_hci_number_of_completed_packets_event(event)
        for handle, number in zip(event.connection_handles, event.num_completed_packets, strict=False):
            self._under_way[handle] = max(0, self._under_way[handle] - number)
        self._moved.set()

    def on_hci_disconnection_complete_event(self, event: hci.HCI_Disconnection_Complete_Event) -> None:
        """Nothing more is on its way; the handle may come again for another connection."""
        self._under_way.pop(event.connection_handle, None)
        self._moved.set()
        super().on_hci_disconnection_complete_event(event)

    def on_transport_lost(self) -> None:
        """As after the end of each connection."""
        self._under_way.clear()
        self._moved.set()
        super().on_transport_lost()  # type: ignore[no-untyped-call]


@dataclass
class Air:
    """A radio that is open."""

    url: str  # as others connect to it: with the port, where any free one was asked for
    host: RadioHost
    transport: Transport | None = None
    link: TwinLink | None = None
    controller: TwinController | None = None
    port: TwinPort | None = None
    _closing: asyncio.Task[None] | None = None

    @property
    def lost(self) -> bool:
        """Whether the controller was taken away."""
        return self.transport is not None and _source(self.transport).terminated.done()

    async def close(self) -> None:
        """Leaves the controller silent: neither advertising nor connected. Never raises; closing twice is fine."""
        await asyncio.shield(self.close_soon())

    def close_soon(self) -> asyncio.Task[None]:
        """As close, without waiting."""
        self._closing = self._closing or asyncio.create_task(self._close())
        return self._closing

    async def _close(self) -> None:
        with contextlib.suppress(Exception):
            if self.transport and not self.lost:
                await self.host.send_sync_command(hci.HCI_Reset_Command(), response_timeout=0.5)
        with contextlib.suppress(Exception):
            await self._close_all()

    async def _close_all(self) -> None:
        if self.link and self.controller:
            self.link.remove_controller(self.controller)
        if self.port:
            await self.port.close()
        if self.transport:
            await self.transport.close()


def _source(transport: Transport) -> TransportSource:
    return transport.source


async def open_car_air(url: str, on_error: Callable[[str], None]) -> Air:
    """The car's radio. With `virtual:HOST:PORT` it holds the link and offers controllers there.

    Raises ValueError for a URL that names no radio, and whatever bumble does when it can't be opened.
    """
    hush()
    check_url(url)
    if not url.startswith("virtual:"):
        return await _open_real(url, url, on_error)
    if (place := port_of(url)) is None:
        return _join(url, named_link(url), on_error)
    port = TwinPort(link := TwinLink())
    air = _join(await port.open(*place), link, on_error)
    air.port = port
    return air


async def open_device_air(url: str, on_error: Callable[[str], None]) -> Air:
    """A device's radio; errors as for the car's."""
    hush()
    check_url(url)
    if place := port_of(url):
        return await _open_real(url, f"tcp-client:{place[0]}:{place[1]}", on_error)
    if url.startswith("virtual:"):
        return _join(url, named_link(url), on_error)
    return await _open_real(url, url, on_error)


def _join(url: str, link: TwinLink, on_error: Callable[[str], None]) -> Air:
    host, controller = RadioHost(on_error), link.join(url)
    host.set_packet_source(controller)
    host.set_packet_sink(controller)
    return Air(url, host, link=link, controller=controller)


async def _open_real(url: str, bumble_url: str, on_error: Callable[[str], None]) -> Air:
    transport = await open_transport(bumble_url)
    host = RadioHost(on_error)
    host.set_packet_source(transport.source)
    host.set_packet_sink(transport.sink)
    return Air(url, host, transport)


def changing_address() -> hci.Address:
    """A resolvable private address that nobody can resolve: its key is thrown away."""
    return hci.Address.generate_private_address(secrets.token_bytes(16))


async def power_on(air: Air) -> Device:
    """A device without a name on this radio. Raises RadioLost when the controller doesn't answer in 10 s."""
    device = Device(config=DeviceConfiguration(name="", address=changing_address()), host=air.host)
    device.l2cap_channel_manager.deregister_fixed_channel(smp.SMP_CID)  # Bluetooth's own pairing isn't offered
    try:
        await within(POWER_ON_S, device.power_on())
    except TimeoutError:
        raise RadioLost(f"{air.url}: the controller doesn't answer") from None
    return device


class ConnectionCarrier:
    """What RadioWire needs of a connection, whichever side we are."""

    def __init__(
        self,
        connection: Connection,
        host: RadioHost,
        put: Callable[[bytes], Awaitable[None]],
        after: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection, self._host, self._put, self._after = connection, host, put, after

    def most_fragment_bytes(self) -> int:
        """At the ATT_MTU that holds now."""
        return most_fragment_bytes(self._connection.att_mtu)

    async def put(self, fragment: bytes) -> None:
        """Sends when there is room."""
        await self._host.room(self._connection.handle, MOST_PACKETS)
        await self._put(fragment)

    async def drain(self) -> None:
        """Waits until everything was sent."""
        await self._host.room(self._connection.handle, 0)

    async def hang_up(self) -> None:
        """Disconnects, or gives up after 2 s; then does what is to be done afterwards."""
        await hang_up(self._connection, hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR)
        await self._after()


def alive(connection: Connection) -> bool:
    """Whether it hasn't ended: bumble waits for answers on ended ones."""
    return connection.device.lookup_connection(connection.handle) is connection


async def hang_up(connection: Connection, reason: hci.HCI_ErrorCode) -> None:
    """Disconnects for a reason that the other side reads; never raises, and gives up after 2 s."""
    if not alive(connection):
        return
    with contextlib.suppress(Exception):
        await within(HANG_UP_S, connection.disconnect(reason))
