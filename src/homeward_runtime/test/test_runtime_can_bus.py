"""Bus ports: in this process, between processes by UDP, and python-can's with error frames and a bus-off."""

from __future__ import annotations

import itertools
import random
import socket
import time
from collections.abc import Iterator

import can
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_runtime.can_bus import DRAIN_LIMIT, Bus, BusCounters, BusError, FdFrame, Frame, open_bus, open_buses
from homeward_runtime.can_bus_port import wanted_pairs
from homeward_runtime.can_bus_python_can import KERNEL_FILTERS, LONGEST_PAUSE_S, PythonCanBus, kernel_filters
from homeward_runtime.can_bus_udp import address_of, domain_id, parsed

NAMES = itertools.count()
FRAME = Frame(0x123, b"\x01\x02\x03")


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> int:
    """A ROS domain that no other test here uses at this moment."""
    number = random.SystemRandom().randrange(100, 232)
    monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
    return number


def heard(bus: Bus, count: int) -> list[Frame]:
    """What comes until there are `count`; gives up after two seconds."""
    frames: list[Frame] = []
    deadline_s = time.monotonic() + 2.0
    while len(frames) < count and time.monotonic() < deadline_s:
        frames += bus.receive()
    return frames


# ---- URLs, ids, frames

@pytest.mark.parametrize("url", ["", "can0", "socketcan:", "udp:x", "udp:10", "udp:-1", "tape:", "tape:none.log",
                                 "tape:none.txt",
                                 "tape:none.log?speed=0", "tape:none.log?speed=nan", "tape:x.log?pace=1",
                                 "http://x"])  # fmt: skip
def test_a_url_that_is_no_bus_says_so(url: str) -> None:
    with pytest.raises(BusError):
        open_bus(url)


def test_socketcan_that_is_not_there_names_the_remedy() -> None:
    with pytest.raises(BusError, match="ip link set nothing0 up"):
        open_bus("socketcan:nothing0")


@pytest.mark.parametrize("text", ["abc", "-1", "233", "1e3"])
def test_a_domain_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", text)
    with pytest.raises(BusError, match="ROS_DOMAIN_ID"):
        domain_id()


def test_no_two_buses_share_a_group_and_port() -> None:
    every = {address_of(str(number), domain) for number in range(10) for domain in range(233)}
    assert len(every) == 10 * 233


def test_wanted_ids_tell_standard_from_extended() -> None:
    assert wanted_pairs([0x7FF, 0x800, (0x10, True)]) == {(0x7FF, False), (0x800, True), (0x10, True)}


@pytest.mark.parametrize("bad", [-1, 1 << 29, (0x800, False), 1.5])
def test_a_number_that_is_no_id_is_refused(bad: object) -> None:
    with pytest.raises(BusError, match="CAN id"):
        wanted_pairs([bad])  # type: ignore[list-item]


def test_a_frame_unpacks_to_what_a_codec_takes() -> None:
    assert tuple(FdFrame(1, b"", True)) == (1, b"", True)
    assert FdFrame(1, b"").is_fd and not Frame(1, bytes(8)).is_fd and Frame(1, bytes(12)).is_fd


# ---- in this process

def test_memory_is_heard_by_all_others_in_order() -> None:
    one, two, three = (open_bus("mem:order") for _ in range(3))
    one.send(FRAME)
    two.send(Frame(2, b""))
    assert one.receive() == [Frame(2, b"")] and two.receive() == [FRAME] and three.receive() == [FRAME, Frame(2, b"")]
    assert three.counters == BusCounters(received=2) and one.counters == BusCounters(received=1, sent=1)
    for bus in (one, two, three):
        bus.close()
        bus.close()


def test_memory_hears_only_the_wanted_ids() -> None:
    sender, listener = open_bus("mem:wanted"), open_bus("mem:wanted", ids=[5, (6, True)])
    for frame in (Frame(5, b""), Frame(6, b""), Frame(6, b"", True)):
        sender.send(frame)
    assert listener.receive() == [Frame(5, b""), Frame(6, b"", True)]


def test_a_flood_in_memory_drops_the_oldest_and_counts_them() -> None:
    sender, listener = open_bus("mem:flood"), open_bus("mem:flood")
    for number in range(DRAIN_LIMIT + 7):
        sender.send(Frame(number % 2048, b""))
    frames = listener.receive()
    assert len(frames) == DRAIN_LIMIT and frames[0].can_id == 7 and listener.counters.dropped == 7


def test_joined_buses_are_heard_together_and_sent_to_the_first() -> None:
    joined, first, second = open_buses(["mem:first", "mem:second"], ids=[1, 2]), open_bus("mem:first"), open_bus("mem:second")
    first.send(Frame(1, b"a"))
    second.send(Frame(2, b"b"))
    second.send(Frame(3, b"c"))
    joined.send(FRAME)
    assert joined.receive() == [Frame(1, b"a"), Frame(2, b"b")]
    assert first.receive() == [FRAME] and second.receive() == []
    assert joined.counters == BusCounters(received=2, sent=1)
    joined.close()
    first.send(Frame(1, b"a"))
    assert joined.receive() == []


def test_joining_fails_whole() -> None:
    with pytest.raises(BusError):
        open_buses(["mem:whole", "nonsense"])
    lone = open_bus("mem:whole")
    assert lone._wire == [lone]  # type: ignore[attr-defined]
    with pytest.raises(BusError, match="no CAN bus"):
        open_buses([])


# ---- UDP

@pytest.mark.parametrize("frame", [FRAME, Frame(0x1ABCDEF0, b"", True), Frame(1, bytes(64)), FdFrame(1, b"\x05")])
def test_udp_carries_every_kind_of_frame(domain: int, frame: Frame) -> None:
    one, two = open_bus("udp:"), open_bus("udp:")
    one.send(frame)
    (got,) = heard(two, 1)
    assert got == frame and got.is_fd == frame.is_fd
    assert one.receive() == [], "a bus doesn't hear itself"
    assert two.counters == BusCounters(received=1) and one.counters == BusCounters(sent=1)
    one.close()
    two.close()


def test_udp_buses_of_other_numbers_and_domains_stay_apart(domain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one, same, second = open_bus("udp:"), open_bus("udp:0"), open_bus("udp:1")
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain - 1))
    elsewhere = open_bus("udp:")
    one.send(FRAME)
    assert heard(same, 1) == [FRAME]
    assert second.receive() == [] and elsewhere.receive() == []


def test_udp_filters_ids(domain: int) -> None:
    sender, listener = open_bus("udp:"), open_bus("udp:", ids=[2])
    for number in range(4):
        sender.send(Frame(number, b""))
    assert heard(listener, 1) == [Frame(2, b"")]


def test_udp_counts_what_the_kernel_had_no_room_for(domain: int) -> None:
    sender, listener = open_bus("udp:"), open_bus("udp:")
    sent = 12_000
    for _ in range(sent):
        sender.send(FRAME)
    frames = heard(listener, sent)
    counters = listener.counters
    assert counters.dropped > 0, "more than a megabyte of datagrams can't all wait"
    assert len(frames) + counters.dropped == sent


def test_udp_reads_no_unicast_datagram(domain: int) -> None:
    """Somebody on the network who knows the port is not on the bus."""
    listener, (_, port) = open_bus("udp:"), address_of("", domain)
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.sendto(msgpack.packb({"arbitration_id": 1, "data": b""}), ("127.0.0.1", port))
    open_bus("udp:").send(FRAME)
    assert heard(listener, 1) == [FRAME]
    assert listener.receive() == []


def test_udp_datagrams_are_python_cans(domain: int) -> None:
    """python-can's own parser understands what goes out, so that its tools can listen."""
    from can.interfaces.udp_multicast.utils import pack_message, unpack_message

    message = unpack_message(_datagram_of(Frame(7, bytes(12))), check=True)
    assert (message.arbitration_id, bytes(message.data), message.is_fd) == (7, bytes(12), True)
    ours = parsed(pack_message(can.Message(arbitration_id=9, data=b"\x01", is_extended_id=True)))
    assert ours == Frame(9, b"\x01", True)


def _datagram_of(frame: Frame) -> bytes:
    bus = open_bus("udp:")
    caught: list[bytes] = []
    bus._socket.close()  # type: ignore[attr-defined]
    bus._socket = type("Wire", (), {"sendto": lambda self, data, address: caught.append(data)})()  # type: ignore[attr-defined]
    bus.send(frame)
    return caught[0]


VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5) | st.binary(max_size=70)
FIELDS = st.dictionaries(
    st.sampled_from(["arbitration_id", "data", "is_extended_id", "is_fd", "channel", "is_error_frame", "is_remote_frame"]),
    VALUES | st.lists(VALUES, max_size=3) | st.dictionaries(st.text(max_size=3), VALUES, max_size=2),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200) | FIELDS.map(msgpack.packb))
def test_no_datagram_raises_and_only_frames_pass(datagram: bytes) -> None:
    frame = parsed(datagram, 1)
    if frame is not None and frame.can_id >= 0:
        assert frame.can_id < (1 << 29 if frame.extended else 0x800) and len(frame.data) <= 64


def test_nonsense_on_the_group_is_counted_and_passed_over(domain: int) -> None:
    listener, sender, group = open_bus("udp:"), open_bus("udp:"), address_of("", domain)
    stranger, source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), random.Random(4)
    stranger.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    nonsense = [source.randbytes(source.randrange(0, 1400)) for _ in range(300)]
    for datagram in nonsense:
        stranger.sendto(datagram, group)
    sender.send(FRAME)
    assert heard(listener, 1) == [FRAME] and listener.counters.malformed == len(nonsense)


def test_a_closed_bus_is_silent(domain: int) -> None:
    bus = open_bus("udp:")
    bus.close()
    assert bus.receive() == [] and bus.counters.received == 0
    with pytest.raises(BusError):
        bus.send(FRAME)


# ---- python-can (its virtual bus gives real messages; AF_CAN itself is not run here)

class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def wire() -> Iterator[tuple[can.BusABC, PythonCanBus, Clock, list[int]]]:
    """The far end, the bus under test, its clock, and how many times it was opened (an entry each)."""
    channel, clock, openings = f"wire{next(NAMES)}", Clock(), [0]
    far = can.Bus(interface="virtual", channel=channel)

    def opener() -> can.BusABC:
        openings.append(len(openings))
        return can.Bus(interface="virtual", channel=channel)

    bus = PythonCanBus(opener, "virtual:x", "try harder", None, clock)
    yield far, bus, clock, openings
    bus.close()
    far.shutdown()


def error_frame(classes: int, data: bytes = bytes(8)) -> can.Message:
    return can.Message(arbitration_id=classes, is_error_frame=True, data=data, is_extended_id=False)


def test_python_can_carries_classic_and_fd(wire: tuple) -> None:
    far, bus, _, _ = wire
    for frame in (FRAME, Frame(0x1ABCDEF0, b"", True), FdFrame(1, b"\x05"), Frame(1, bytes(64))):
        bus.send(frame)
        message = far.recv(1.0)
        assert (message.arbitration_id, bytes(message.data), message.is_extended_id) == tuple(frame)
        assert message.is_fd == frame.is_fd
        far.send(message)
        (back,) = bus.receive()
        assert back == frame and back.is_fd == frame.is_fd
    assert bus.counters == BusCounters(received=4, sent=4)


def test_error_frames_are_counted_and_are_no_data(wire: tuple) -> None:
    far, bus, _, _ = wire
    far.send(error_frame(0x08))  # a protocol violation
    far.send(error_frame(0x04, b"\x00\x01" + bytes(6)))  # the controller's receive buffer overflowed
    far.send(can.Message(arbitration_id=3, is_remote_frame=True, is_extended_id=False))
    assert bus.receive() == []
    assert bus.counters == BusCounters(error_frames=2, dropped=1)


def test_bus_off_is_left_and_reopened_with_growing_pauses(wire: tuple) -> None:
    far, bus, clock, openings = wire
    pauses = []
    for _ in range(8):
        far.send(error_frame(0x40))
        before, lost_s = len(openings), clock.now_s
        assert bus.receive() == []
        with pytest.raises(BusError, match="off the bus"):
            bus.send(FRAME)
        while len(openings) == before:
            clock.now_s += 0.05
            bus.receive()
        pauses.append(clock.now_s - lost_s)
    assert bus.counters.bus_off == 8
    assert pauses == sorted(pauses) and pauses[0] == pytest.approx(0.1, abs=0.06)
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_S, abs=0.06)
    bus.send(FRAME)
    assert far.recv(1.0) is not None
    far.send(can.Message(arbitration_id=3, is_extended_id=False))
    assert bus.receive() == [Frame(3, b"")], "after the recovery it hears again"


def test_an_interface_that_stays_away_is_tried_again_without_end() -> None:
    clock, there, tries = Clock(), [True], []

    class Interface:
        def recv(self, timeout: float) -> None:
            raise can.CanOperationError("Network is down")

        def shutdown(self) -> None:
            raise OSError("already gone")

    def opener() -> Interface:
        tries.append(clock.now_s)
        if not there[0]:
            raise OSError(19, "No such device")
        return Interface()

    bus = PythonCanBus(opener, "socketcan:can0", "plug it in", None, clock)
    there[0] = False
    for _ in range(600):
        assert bus.receive() == []
        clock.now_s += 0.1
    assert bus.counters.bus_off == 1
    assert 12 <= len(tries) <= 22, "60 s with pauses that double up to 5 s"
    bus.close()
    clock.now_s += 100.0
    bus.receive()
    assert tries[-1] < 61.0, "a closed bus is not opened again"


def test_filters_go_to_the_kernel_while_it_takes_them() -> None:
    assert kernel_filters(None) is None
    assert kernel_filters({(5, False), (6, True)}) == [
        {"can_id": 5, "can_mask": 0x7FF, "extended": False},
        {"can_id": 6, "can_mask": 0x1FFFFFFF, "extended": True},
    ]
    assert kernel_filters({(number, False) for number in range(KERNEL_FILTERS + 1)}) is None
