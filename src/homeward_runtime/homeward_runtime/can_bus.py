"""CAN buses behind one small port, named by a URL. The bridge, the simulated ECUs and the tools open the same kinds.

    socketcan:can0              the car's bus, classic and FD (Linux SocketCAN, through python-can)
    udp:                        UDP multicast on this machine's loopback; group and port follow ROS_DOMAIN_ID
    udp:1                       a second bus of the same kind, up to udp:9
    mem:demo                    in this process: lockstep and tests
    tape:drive.log?speed=2      a candump .log, Vector .asc or .blf played back; speed=max as fast as it is read
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from homeward_runtime.can_bus_port import (
    DRAIN_LIMIT,
    Bus,
    BusCounters,
    BusError,
    FdFrame,
    Frame,
    JoinedBus,
    MemoryBus,
    WantedId,
    wanted_pairs,
)

__all__ = ["DRAIN_LIMIT", "Bus", "BusCounters", "BusError", "FdFrame", "Frame", "JoinedBus", "MemoryBus", "WantedId",
           "open_bus", "open_buses", "wanted_pairs"]  # fmt: skip


def open_bus(url: str, ids: Iterable[WantedId] | None = None, clock: Callable[[], float] = time.monotonic) -> Bus:
    """The bus of this URL, hearing only these ids where some are given. `clock` [s, monotonic] paces tapes and the
    reopening of a lost SocketCAN interface. Raises BusError."""
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "mem":
        return MemoryBus(rest, ids)
    if colon and scheme == "udp":
        from homeward_runtime.can_bus_udp import UdpBus

        return UdpBus(rest, ids)
    if colon and scheme == "socketcan" and rest:
        from homeward_runtime.can_bus_python_can import socketcan_bus  # python-can takes 0.2 s: only where it is wanted

        return socketcan_bus(rest, ids, clock)
    if colon and scheme == "tape" and rest:
        from homeward_runtime.can_bus_tape import open_tape

        return open_tape(rest, ids, clock)
    raise BusError(f"'{url}' is no CAN bus; wanted socketcan:can0, udp:, mem:NAME or tape:FILE")


def open_buses(urls: Iterable[str], ids: Iterable[WantedId] | None = None) -> Bus:
    """The buses of these URLs as one: all are heard, the first is sent to. Raises BusError, and leaves none open then."""
    wanted = list(ids) if ids is not None else None
    parts: list[Bus] = []
    try:
        for url in urls:
            parts.append(open_bus(url, wanted))
    except BusError:
        for part in parts:
            part.close()
        raise
    if not parts:
        raise BusError("no CAN bus is named; wanted socketcan:can0, udp: or another")
    return parts[0] if len(parts) == 1 else JoinedBus(parts)
