"""A CAN bus between the processes of this machine: UDP multicast on the loopback interface.

Group and socket are of the loopback interface alone and the hop limit is 0, so that no frame can leave this machine and
none from a network can come in; it works without any network. The datagrams are those of python-can's `udp_multicast`.
"""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Iterable

import msgpack

from homeward_runtime.can_bus_port import (
    DRAIN_LIMIT,
    BusCounters,
    BusError,
    FdFrame,
    Frame,
    WantedId,
    is_frame,
    wanted_pairs,
)

SOCKET_BUFFER_BYTES = 1 << 20
FIRST_PORT, PORTS_A_BUS, BUSES = 43113, 256, 10
DATAGRAM_BYTES = 4096
LOOPBACK = "127.0.0.1"
# Linux's own numbers, which the socket module doesn't name.
SO_RCVBUFFORCE, SO_MEMINFO, IP_MULTICAST_ALL = 33, 55, 49
MEMINFO_FORMAT, MEMINFO_DROPS = "9I", 8


def address_of(number: str, domain: int) -> tuple[str, int]:
    """Multicast group and port of this bus in this ROS domain. Raises BusError."""
    if not (number == "" or (number.isdecimal() and int(number) < BUSES)):
        raise BusError(f"'udp:{number}' is no CAN bus; wanted udp: or udp:1 to udp:{BUSES - 1}")
    bus = int(number or 0)
    return f"239.74.{163 + bus}.{2 + domain % 250}", FIRST_PORT + bus * PORTS_A_BUS + domain


def domain_id() -> int:
    """ROS_DOMAIN_ID, 0 where it is unset. Raises BusError."""
    text = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not (text.isdecimal() and int(text) <= 232):
        raise BusError(f"ROS_DOMAIN_ID is '{text}'; wanted a number from 0 to 232")
    return int(text)


class UdpBus:
    """Everyone on the same machine, in the same domain, who opened the same number hears what is sent."""

    def __init__(self, number: str = "", ids: Iterable[WantedId] | None = None) -> None:
        self._wanted = wanted_pairs(ids)
        self._address = address_of(number, domain_id())
        self._token = random.getrandbits(48)  # multicast comes back to its sender: this tells our own datagrams
        self._counters = BusCounters()
        try:
            self._socket = _member_socket(*self._address)
        except OSError as error:
            raise BusError(f"the CAN bus udp:{number} can't be opened ({error}). "
                           "Try: sudo ip link set lo up; is the port taken (ss -ulpn)?") from error  # fmt: skip

    @property
    def counters(self) -> BusCounters:
        """`dropped` is the kernel's own count of datagrams for which this socket had no room."""
        try:
            info = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, struct.calcsize(MEMINFO_FORMAT))
            self._counters.dropped = struct.unpack(MEMINFO_FORMAT, info)[MEMINFO_DROPS]
        except (OSError, struct.error):
            pass  # closed, or a kernel before 4.12: the last known count stays
        return self._counters

    def send(self, frame: Frame) -> None:
        """To everyone on the bus. Raises BusError."""
        fields = {
            "arbitration_id": frame.can_id, "data": frame.data, "is_extended_id": frame.extended,
            "is_fd": frame.is_fd, "channel": self._token,
        }  # fmt: skip
        try:
            self._socket.sendto(msgpack.packb(fields), self._address)
        except (OSError, TypeError, ValueError, OverflowError) as error:
            raise BusError(f"the frame can't be sent: {error}") from error
        self._counters.sent += 1

    def receive(self) -> list[Frame]:
        """What came since the last time, at most DRAIN_LIMIT datagrams of it."""
        frames: list[Frame] = []
        receive, wanted, token = self._socket.recv, self._wanted, self._token
        for _ in range(DRAIN_LIMIT):
            try:
                datagram = receive(DATAGRAM_BYTES)
            except OSError:
                break  # nothing left; or closed: silence is the bridge's fault to report
            frame = parsed(datagram, token)
            if frame is None:
                self._counters.malformed += 1
            elif frame is not NOT_FOR_US and (wanted is None or (frame.can_id, frame.extended) in wanted):
                frames.append(frame)
        self._counters.received += len(frames)
        return frames

    def close(self) -> None:
        self._socket.close()


NOT_FOR_US = Frame(-1, b"")  # stands for what this bus sent itself, and for remote and error frames


def parsed(datagram: bytes, own_token: int = -1) -> Frame | None:
    """The data frame in a datagram, NOT_FOR_US for one with our token or without data, None for what is no frame."""
    try:
        fields = msgpack.unpackb(datagram)
        can_id, data, extended = fields["arbitration_id"], fields["data"], fields.get("is_extended_id", False)
        if fields.get("channel") == own_token or fields.get("is_remote_frame") or fields.get("is_error_frame"):
            return NOT_FOR_US
        if not is_frame(can_id, data, extended):
            return None
        return (FdFrame if fields.get("is_fd") else Frame)(can_id, data, bool(extended))
    except Exception:  # whatever a stranger's bytes make msgpack or a dict raise, they are no frame
        return None


def _member_socket(group: str, port: int) -> socket.socket:
    """Bound to the group (not to all addresses: a unicast datagram must not pass for a frame). Raises OSError."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _widen(made)
        made.bind((group, port))
        loopback = socket.inet_aton(LOOPBACK)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + loopback)
        made.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)  # only what came over the interface joined above
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _widen(made: socket.socket) -> None:
    """Room for what comes while the reader is busy; above the system's limit only where we may."""
    try:
        made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES)
    except OSError:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
