"""A bus of python-can, SocketCAN above all: error frames counted, a bus-off recognised, a lost interface reopened.

A controller that has gone bus-off comes back by its own restart time, which whoever brings the interface up sets
(`restart-ms 100`); what is done here is to leave the dead socket, and to open a new one with growing pauses.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any

import can

from homeward_runtime.can_bus_port import (
    CONTROLLER_OVERFLOW,
    DRAIN_LIMIT,
    ERROR_BUS_OFF,
    ERROR_CONTROLLER,
    EXTENDED_ID_MAX,
    STANDARD_ID_MAX,
    BusCounters,
    BusError,
    FdFrame,
    Frame,
    WantedId,
    is_frame,
    wanted_pairs,
)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
KERNEL_FILTERS = 512  # CAN_RAW_FILTER_MAX: more are refused, and are then applied here
SO_MEMINFO, MEMINFO_FORMAT, MEMINFO_DROPS = 55, "9I", 8
REMEDY = "sudo ip link set {0} up type can bitrate 500000 restart-ms 100"
FAILURES = (can.CanError, OSError, ValueError)


def socketcan_bus(channel: str, ids: Iterable[WantedId] | None, clock: Callable[[], float]) -> PythonCanBus:
    """The interface of this name, classic and FD. Raises BusError."""
    wanted = wanted_pairs(ids)

    def opened() -> Any:
        return can.Bus(interface="socketcan", channel=channel, fd=True, receive_own_messages=False,
                       can_filters=kernel_filters(wanted))  # fmt: skip

    return PythonCanBus(opened, f"socketcan:{channel}", REMEDY.format(channel), wanted, clock)


def kernel_filters(wanted: Iterable[tuple[int, bool]] | None) -> list[dict[str, Any]] | None:
    """python-can's form of the receive filters; None (everything) where the kernel would refuse so many."""
    pairs = sorted(wanted) if wanted is not None else None
    if pairs is None or len(pairs) > KERNEL_FILTERS:
        return None
    return [{"can_id": can_id, "can_mask": EXTENDED_ID_MAX if extended else STANDARD_ID_MAX, "extended": extended}
            for can_id, extended in pairs]  # fmt: skip


class PythonCanBus:
    """`opener` gives a can.BusABC and may raise what python-can raises; it is called again after a bus-off."""

    def __init__(
        self, opener: Callable[[], Any], name: str, remedy: str,
        ids: Iterable[WantedId] | None, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._opener, self._name, self._remedy, self._clock = opener, name, remedy, clock
        self._wanted = wanted_pairs(ids)
        self._counters = BusCounters()
        self._drops_before = 0
        self._pause_s, self._retry_s, self._closed = FIRST_PAUSE_S, 0.0, False
        try:
            self._bus: Any = opener()
        except FAILURES as error:
            raise BusError(f"the CAN bus {name} can't be opened ({error}). Try: {remedy}") from error

    @property
    def counters(self) -> BusCounters:
        self._count_drops()
        return self._counters

    def send(self, frame: Frame) -> None:
        """Raises BusError, at once while the bus is lost."""
        self._reopen_when_due()
        if self._bus is None:
            raise BusError(f"{self._name} is off the bus; it is tried again every {self._pause_s:g} s. Try: {self._remedy}")
        try:
            self._bus.send(can.Message(arbitration_id=frame.can_id, data=frame.data, is_extended_id=frame.extended,
                                       is_fd=frame.is_fd))  # fmt: skip
        except FAILURES as error:
            raise BusError(f"{self._name}: the frame can't be sent: {error}") from error
        self._counters.sent += 1

    def receive(self) -> list[Frame]:
        """What came since the last time. A lost interface is silence, and is reopened when its pause is over."""
        self._reopen_when_due()
        frames: list[Frame] = []
        for _ in range(DRAIN_LIMIT):
            message = self._next()
            if message is None:
                break
            self._sort(message, frames)
        if frames:
            self._pause_s = FIRST_PAUSE_S  # traffic: the bus is well again
        self._counters.received += len(frames)
        return frames

    def _next(self) -> Any:
        if self._bus is None:
            return None
        try:
            return self._bus.recv(0)
        except FAILURES:
            self._lose()  # the interface went down or away
            return None

    def _sort(self, message: Any, frames: list[Frame]) -> None:
        """A frame to the list, an error frame into the counters."""
        if message.is_error_frame:
            return self._take_error(message)
        can_id, data, extended = message.arbitration_id, bytes(message.data), message.is_extended_id
        if message.is_remote_frame:
            return None  # asks for data that nobody here owes
        if not is_frame(can_id, data, extended):
            self._counters.malformed += 1
        elif self._wanted is None or (can_id, extended) in self._wanted:
            frames.append((FdFrame if message.is_fd else Frame)(can_id, data, extended))
        return None

    def _take_error(self, message: Any) -> None:
        """linux/can/error.h: the classes are bits of the id."""
        self._counters.error_frames += 1
        classes, data = message.arbitration_id, bytes(message.data or b"")
        if classes & ERROR_CONTROLLER and len(data) > 1 and data[1] & CONTROLLER_OVERFLOW:
            self._counters.dropped += 1
        if classes & ERROR_BUS_OFF:
            self._lose()

    def _lose(self) -> None:
        """Leave the socket; try again after a pause that doubles until traffic is heard."""
        self._counters.bus_off += 1
        self._shut()
        self._plan_retry()

    def _plan_retry(self) -> None:
        self._retry_s = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _reopen_when_due(self) -> None:
        if self._bus is not None or self._closed or self._clock() < self._retry_s:
            return
        try:
            self._bus = self._opener()
        except FAILURES:
            self._plan_retry()

    def _count_drops(self) -> None:
        """What the kernel dropped for want of room in this socket, since the last look."""
        made = getattr(self._bus, "socket", None)
        if made is None:
            return
        try:
            info = made.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, struct.calcsize(MEMINFO_FORMAT))
            drops = struct.unpack(MEMINFO_FORMAT, info)[MEMINFO_DROPS]
        except (OSError, struct.error):
            return
        self._counters.dropped += max(drops - self._drops_before, 0)
        self._drops_before = drops

    def _shut(self) -> None:
        bus, self._drops_before = self._bus, 0
        self._bus = None
        if bus is not None:
            try:
                bus.shutdown()
            except FAILURES:
                pass  # it was lost already

    def close(self) -> None:
        self._closed = True
        self._shut()
