"""CAN buses behind one small port, named by a URL. The bridge and the simulated ECUs open the same kinds.

    socketcan:can0   the car's bus (Linux SocketCAN, through python-can)
    udp:             UDP multicast that never leaves this machine; group and port follow ROS_DOMAIN_ID
    mem:demo         in this process: lockstep and tests
"""

from __future__ import annotations

import collections
import os
from typing import Any, NamedTuple, Protocol

DRAIN_LIMIT = 2000  # frames taken in one go: a babbling bus must not hold the node up
SOCKET_BUFFER_BYTES = 1 << 20
DEFAULT_PORT = 43113


class Frame(NamedTuple):
    """One classic or FD data frame."""

    can_id: int
    data: bytes
    extended: bool = False


class Bus(Protocol):
    """What every bus does. receive() never waits."""

    def send(self, frame: Frame) -> None: ...  # raises BusError
    def receive(self) -> list[Frame]: ...
    def close(self) -> None: ...


class BusError(Exception):
    """The bus can't be opened, or a frame can't be sent; says why and what to do."""


def open_bus(url: str) -> Bus:
    """The bus of this URL. Raises BusError."""
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "mem":
        return MemoryBus(rest)
    if colon and scheme == "udp":
        return _PythonCan(_udp_bus())
    if colon and scheme == "socketcan" and rest:
        return _PythonCan(_opened(interface="socketcan", channel=rest, fd=True))
    raise BusError(f"'{url}' is no CAN bus; wanted socketcan:can0, udp: or mem:NAME")


def _udp_bus() -> Any:
    """Hop limit 0 keeps actuator frames on this machine; a group and port a domain keep tests apart."""
    domain = int(os.environ.get("ROS_DOMAIN_ID") or 0)
    return _opened(interface="udp_multicast", channel=f"239.74.163.{2 + domain % 250}", port=DEFAULT_PORT + domain,
                   hop_limit=0, fd=True)  # fmt: skip


def _opened(**settings: Any) -> Any:
    import can  # takes 0.2 s: only where a real bus is opened

    try:
        return can.Bus(receive_own_messages=False, **settings)
    except (can.CanError, OSError, ValueError) as error:
        channel = settings["channel"]
        remedy = (
            f"sudo ip link set {channel} up type can bitrate 500000" if settings["interface"] == "socketcan"
            else "is multicast allowed on this machine (ip route)?"
        )  # fmt: skip
        raise BusError(f"the CAN bus {channel} can't be opened ({error}). Try: {remedy}") from error


class _PythonCan:
    """A bus of python-can."""

    def __init__(self, bus: Any) -> None:
        import can

        self._bus, self._can = bus, can

    def send(self, frame: Frame) -> None:
        message = self._can.Message(
            arbitration_id=frame.can_id, data=frame.data, is_extended_id=frame.extended, is_fd=len(frame.data) > 8
        )
        try:
            self._bus.send(message)
        except (self._can.CanError, OSError) as error:
            raise BusError(str(error)) from error

    def receive(self) -> list[Frame]:
        frames = []
        for _ in range(DRAIN_LIMIT):
            try:
                message = self._bus.recv(0)
            except (self._can.CanError, OSError, ValueError, KeyError, TypeError):
                break  # a datagram that is no frame, or a bus that went away: silence is the bridge's fault to report
            if message is None:
                break
            if not (message.is_error_frame or message.is_remote_frame):
                frames.append(Frame(message.arbitration_id, bytes(message.data), message.is_extended_id))
        return frames

    def close(self) -> None:
        self._bus.shutdown()


class MemoryBus:
    """The twin in this process: every other bus of the same name hears what is sent, in order."""

    _wires: dict[str, list[MemoryBus]] = collections.defaultdict(list)

    def __init__(self, name: str) -> None:
        self._wire = self._wires[name]
        self._wire.append(self)
        self._inbox: collections.deque[Frame] = collections.deque(maxlen=DRAIN_LIMIT)

    def send(self, frame: Frame) -> None:
        for other in self._wire:
            if other is not self:
                other._inbox.append(frame)

    def receive(self) -> list[Frame]:
        frames = list(self._inbox)
        self._inbox.clear()
        return frames

    def close(self) -> None:
        self._wire.remove(self)
