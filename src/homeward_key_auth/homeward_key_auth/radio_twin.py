"""A Bluetooth radio's twin, for machines without one: controllers of bumble on a link in this process, or behind a port.

The car's process holds the link. `virtual:NAME` is shared within the process; `virtual:HOST:PORT` also gives each process that
connects to the port a controller of its own on it, over HCI.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from weakref import WeakValueDictionary

from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import PhysicalTransport
from bumble.link import LocalLink
from bumble.transport.common import StreamPacketSink, StreamPacketSource

MOST_PROCESSES = 16
MOST_UNREAD_BYTES = 1 << 18  # of a process that connected and doesn't read

_links: WeakValueDictionary[str, TwinLink] = WeakValueDictionary()


def named_link(name: str) -> TwinLink:
    """The link of this name in this process."""
    return _links.setdefault(name, TwinLink())


def port_of(url: str) -> tuple[str, int] | None:
    """Host and port of `virtual:HOST:PORT`; None for another URL.

    Raises ValueError for a host that isn't this machine: whoever reaches the port has a radio beside the car.
    """
    if not (found := re.fullmatch(r"virtual:(?P<host>.+):(?P<port>\d{1,5})", url)):
        return None
    if not _is_loopback(found["host"]):
        raise ValueError(f"{url}: a virtual radio is for this machine only, as virtual:127.0.0.1:{found['port']}")
    return found["host"], int(found["port"])


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class TwinController(Controller):
    """A controller with buffers as those of today's radios, not of the first ones (27 bytes)."""

    le_acl_data_packet_length = 251
    supported_max_tx_octets = 251
    supported_max_rx_octets = 251


class TwinLink(LocalLink):
    """The air between controllers. More like the real one than bumble's where that matters here."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def join(self, name: str) -> TwinController:
        """A further controller on this link."""
        return TwinController(name, link=self)

    def remove_controller(self, controller: Controller) -> None:
        """Takes a controller off the air: its connections time out, on both sides."""
        self.controllers.discard(controller)
        controller.le_legacy_advertiser.stop()
        for advertising in controller.advertising_sets.values():
            advertising.stop()
        for connection in list(controller.le_connections.values()):
            lost = ll.TerminateInd(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
            self.send_ll_control_pdu(connection.self_address, connection.peer_address, lost)
            controller.on_ll_control_pdu(connection.peer_address, lost)

    def send_acl_data(
        self, sender_controller: Controller, destination_address: hci.Address, transport: PhysicalTransport, data: bytes
    ) -> None:
        """Data come from the address that the connection was made with, also after the controller took another one."""
        connection = sender_controller.le_connections.get(destination_address)
        receiver = self.find_le_controller(destination_address)
        if connection and receiver:
            asyncio.get_running_loop().call_soon(receiver.on_link_acl_data, connection.self_address, transport, data)

    def send_ll_control_pdu(self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu) -> None:
        """What is sent to somebody who is gone is lost, and no error."""
        if self.find_le_controller(receiver_address):
            super().send_ll_control_pdu(sender_address, receiver_address, packet)

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        """To all; a request to connect that nobody takes fails, as it does on the air when two ask at once."""
        super().send_advertising_pdu(sender_controller, packet)
        if isinstance(packet, ll.ConnectInd):
            asyncio.get_running_loop().call_soon(self._fail_unless_joined, sender_controller, packet)

    def _fail_unless_joined(self, sender: Controller, request: ll.ConnectInd) -> None:
        others = [controller for controller in self.controllers if controller is not sender]
        taken = [controller.le_connections.get(request.initiator_address) for controller in others]
        if not any(connection and connection.self_address == request.advertiser_address for connection in taken):
            failed = ll.TerminateInd(hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR)
            sender.on_ll_control_pdu(request.advertiser_address, failed)


class TwinPort:
    """Offers controllers on a link to other processes of this machine: HCI over TCP, one controller a connection."""

    def __init__(self, link: TwinLink) -> None:
        self._link = link
        self._server: asyncio.Server | None = None
        self._offers: set[_Offer] = set()

    async def open(self, host: str, port: int) -> str:
        """Listens; port 0 is any free one. Returns the URL to connect to. Raises OSError when the port is taken."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Offer(self._link, self._offers), host, port)
        return f"virtual:{host}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Takes the controllers away."""
        if self._server:
            self._server.close()
        for offer in list(self._offers):
            offer.drop()


class _Offer(StreamPacketSource):
    """One process that uses one of our controllers."""

    def __init__(self, link: TwinLink, offers: set[_Offer]) -> None:
        super().__init__()
        self._link, self._offers = link, offers
        self._controller: TwinController | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._offers.add(self)
        if len(self._offers) > MOST_PROCESSES:
            transport.abort()
            return
        self._controller = self._link.join("process")
        self.set_packet_sink(self._controller)
        self._controller.set_packet_sink(_Bounded(transport))

    def connection_lost(self, exc: Exception | None) -> None:
        self._offers.discard(self)
        if self._controller:
            self._link.remove_controller(self._controller)
            self._controller.set_packet_sink(None)

    def drop(self) -> None:
        if self._transport:
            self._transport.abort()


class _Bounded(StreamPacketSink):
    def on_packet(self, packet: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            self.transport.abort()
        else:
            super().on_packet(packet)
