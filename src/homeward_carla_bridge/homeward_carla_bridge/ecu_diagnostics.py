"""What a workshop's tester asks the simulated ECUs: OBD-II (SAE J1979) and UDS (ISO 14229-1) over ISO-TP. Frames in, frames out.

Functional requests come on 0x7DF, physical ones on 0x7E0, answers go out on 0x7E8 (ISO 15765-4, 11-bit). The transport is
can-isotp's, without its threads; only its own time-outs (a tester that vanishes amid a transfer) follow the process's clock.
"""

from __future__ import annotations

import collections
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import isotp

from homeward_runtime.can_bus_port import Frame

FUNCTIONAL_ID, PHYSICAL_ID, ANSWER_ID = 0x7DF, 0x7E0, 0x7E8
VIN = "HMWRDSIM000000001"
ECU_NAME = "HOMEWARD-SIMULATED"
COMMANDS_LOST, COMMANDS_INVALID = "U0104", "U0405"  # SAE J2012: the cruise control module is silent, or sends nonsense
CODES_OF_FAULTS = {"ecu.command_timeout": COMMANDS_LOST, "ecu.command_refused": COMMANDS_INVALID}
STANDING_MPS = 0.1
SESSION_TIMEOUT_S = 5.0  # S3 of ISO 14229-2
WAITING_MAX = 64  # frames and answers under way: a flood must not fill the memory

# negative response codes of ISO 14229-1, annex A
SERVICE_UNKNOWN, SUB_FUNCTION_UNKNOWN, WRONG_LENGTH, CONDITIONS_NOT_CORRECT, OUT_OF_RANGE = 0x11, 0x12, 0x13, 0x22, 0x31
SILENT_WHEN_FUNCTIONAL = {SERVICE_UNKNOWN, SUB_FUNCTION_UNKNOWN, OUT_OF_RANGE}

DEFAULT_SESSION, EXTENDED_SESSION = 0x01, 0x03
SUPPRESS = 0x80
TEST_FAILED, CONFIRMED = 0x01, 0x08  # status bits of a trouble code
STATUS_MASK = TEST_FAILED | CONFIRMED
SERVER_MS, PATIENT_SERVER_MS = 50, 5000  # P2 and P2*


@dataclass(frozen=True)
class Readings:
    """The car as a tester sees it. `active_codes` are SAE J2012's, as U0104."""

    speed_mps: float = 0.0
    odometer_m: float = 0.0
    battery_ratio: float = 0.0
    outside_temperature_k: float = 283.15
    module_volts: float = 12.6
    active_codes: frozenset[str] = frozenset()


def active_codes(fault_codes: Iterable[str]) -> frozenset[str]:
    """The trouble codes of the faults that the ECUs report now."""
    return frozenset(CODES_OF_FAULTS[code] for code in fault_codes if code in CODES_OF_FAULTS)


class Refusal(Exception):
    """A negative response."""

    def __init__(self, code: int) -> None:
        super().__init__(f"negative response 0x{code:02X}")
        self.code = code


def code_bytes(code: str) -> bytes:
    """SAE J2012's two bytes of a trouble code. Raises ValueError."""
    if len(code) != 5 or code[0] not in "PCBU" or code[1] not in "0123":
        raise ValueError(f"'{code}' is no trouble code; wanted one like U0104")
    return bytes([("PCBU".index(code[0]) << 6) | (int(code[1]) << 4) | int(code[2], 16), int(code[3:], 16)])


@dataclass
class Memory:
    """Trouble codes and what is counted since they were last cleared."""

    stored: set[str] = field(default_factory=set)
    active: frozenset[str] = frozenset()
    cleared_at_m: float | None = None
    lamp_since_m: float | None = None

    def update(self, readings: Readings) -> None:
        if self.cleared_at_m is None:
            self.cleared_at_m = readings.odometer_m
        self.active = readings.active_codes
        self.stored |= self.active
        if self.stored and self.lamp_since_m is None:
            self.lamp_since_m = readings.odometer_m

    def clear(self, code: bytes | None, odometer_m: float) -> bool:
        """All, or one by its bytes. False when that one isn't stored."""
        gone = {each for each in self.stored if code is None or code_bytes(each) == code}
        self.stored -= gone
        if not self.stored:
            self.cleared_at_m, self.lamp_since_m = odometer_m, None
        return code is None or bool(gone)

    def status(self, code: str) -> int:
        return CONFIRMED | (TEST_FAILED if code in self.active else 0)


class DiagnosticServer:
    """One ECU that answers for the car. step() once a tick with whatever frames came in."""

    def __init__(self, vin: str = VIN, ecu_name: str = ECU_NAME) -> None:
        self.vin, self.ecu_name = vin.encode("ascii"), ecu_name.encode("ascii")
        self.memory = Memory()
        self.session = DEFAULT_SESSION
        self._began_s: float | None = None
        self._asked_s = 0.0
        self._now_s = 0.0
        self._readings = Readings()
        self._inbox: collections.deque[Frame] = collections.deque(maxlen=WAITING_MAX)
        self._outbox: list[Frame] = []
        address = isotp.Address(isotp.AddressingMode.Normal_11bits, txid=ANSWER_ID, rxid=PHYSICAL_ID)
        self._transport = isotp.TransportLayerLogic(
            self._transport_receive, self._transport_send, address, error_handler=lambda error: None,
            params={"tx_padding": 0x00, "stmin": 0, "blocksize": 0, "max_frame_size": 4095},
        )  # fmt: skip
        self._services: dict[int, Callable[[bytes], bytes]] = {
            0x01: self._current_data, 0x03: self._stored_codes, 0x04: self._clear_codes, 0x07: self._pending_codes,
            0x09: self._vehicle_information, 0x10: self._change_session, 0x14: self._clear_group, 0x19: self._read_codes,
            0x22: self._read_identifiers, 0x3E: self._tester_present,
        }  # fmt: skip

    # transport

    def _transport_receive(self, timeout: float) -> isotp.CanMessage | None:
        if not self._inbox:
            return None
        frame = self._inbox.popleft()
        return isotp.CanMessage(arbitration_id=frame.can_id, data=frame.data, dlc=len(frame.data))

    def _transport_send(self, message: isotp.CanMessage) -> None:
        self._outbox.append(Frame(message.arbitration_id, bytes(message.data)))

    def step(self, now_s: float, frames: list[Frame], readings: Readings) -> list[Frame]:
        """The answers to what came in, as far as the transport lets them out now."""
        self._now_s, self._readings = now_s, readings
        self._began_s = now_s if self._began_s is None else self._began_s
        self.memory.update(readings)
        if self.session != DEFAULT_SESSION and not 0.0 <= now_s - self._asked_s <= SESSION_TIMEOUT_S:
            self.session = DEFAULT_SESSION
        for frame in frames:
            if frame.extended or frame.is_fd:
                continue
            if frame.can_id == FUNCTIONAL_ID:
                self._take_functional(frame.data)
            elif frame.can_id == PHYSICAL_ID and frame.data:
                self._inbox.append(frame)
                self._process()
        self._process()
        sent, self._outbox = self._outbox, []
        return sent

    def _process(self) -> None:
        self._transport.process()
        while self._transport.available():
            request = self._transport.recv()
            if request:
                self._answer(bytes(request), functional=False)
        self._transport.process()

    def _take_functional(self, data: bytes) -> None:
        """Requests to everyone are single frames."""
        if data and data[0] >> 4 == 0 and 1 <= data[0] & 0x0F <= min(len(data) - 1, 7):
            self._answer(data[1 : 1 + data[0]], functional=True)

    def _answer(self, request: bytes, functional: bool) -> None:
        response = self.respond(request, functional)
        if response and not self._transport.transmitting():
            self._transport.send(response)
            self._process_once()

    def _process_once(self) -> None:
        self._transport.process(do_rx=False)

    # services

    def respond(self, request: bytes, functional: bool = False) -> bytes:
        """The response to one request; empty where the standards want silence."""
        service = self._services.get(request[0])
        self._asked_s = self._now_s
        try:
            if service is None:
                raise Refusal(SERVICE_UNKNOWN)
            return service(request)
        except Refusal as refusal:
            if functional and refusal.code in SILENT_WHEN_FUNCTIONAL:
                return b""
            return bytes([0x7F, request[0], refusal.code])

    def _current_data(self, request: bytes) -> bytes:
        """J1979 service 01: up to six PIDs; those that aren't there are left out of the answer."""
        _expect(2 <= len(request) <= 7, WRONG_LENGTH)
        values = self._pids()
        found = b"".join(bytes([pid]) + values[pid] for pid in request[1:] if pid in values)
        _expect(bool(found), SUB_FUNCTION_UNKNOWN)
        return b"\x41" + found

    def _pids(self) -> dict[int, bytes]:
        """Each PID's bytes, J1979 annex B; and the masks that say which there are."""
        readings, memory = self._readings, self.memory
        lamp_m = readings.odometer_m - memory.lamp_since_m if memory.lamp_since_m is not None else 0.0
        clear_m = readings.odometer_m - (memory.cleared_at_m or 0.0)
        run_s = self._now_s - (self._began_s or 0.0)
        values = {
            0x01: bytes([(0x80 if memory.stored else 0) | min(len(memory.stored), 127), 0, 0, 0]),
            0x0D: _byte(abs(readings.speed_mps) * 3.6),
            0x1C: bytes([0x01]),  # OBD-II as CARB defines it
            0x1F: _word(run_s),
            0x21: _word(lamp_m / 1000),
            0x31: _word(clear_m / 1000),
            0x42: _word(readings.module_volts * 1000),
            0x46: _byte(readings.outside_temperature_k - 273.15 + 40),
            0x51: bytes([0x08]),  # electric
            0x5B: _byte(readings.battery_ratio * 255),
            0xA6: struct.pack(">I", _held(readings.odometer_m / 100, 0xFFFFFFFF)),
        }
        return values | _masks(set(values))

    def _stored_codes(self, request: bytes) -> bytes:
        _expect(len(request) == 1, WRONG_LENGTH)
        codes = sorted(self.memory.stored)
        return bytes([0x43, len(codes)]) + b"".join(map(code_bytes, codes))

    def _pending_codes(self, request: bytes) -> bytes:
        """None: here a code is confirmed as soon as it is seen."""
        _expect(len(request) == 1, WRONG_LENGTH)
        return bytes([0x47, 0])

    def _clear_codes(self, request: bytes) -> bytes:
        _expect(len(request) == 1, WRONG_LENGTH)
        self._expect_standing()
        self.memory.clear(None, self._readings.odometer_m)
        return b"\x44"

    def _vehicle_information(self, request: bytes) -> bytes:
        """J1979 service 09: VIN and the ECU's name."""
        _expect(len(request) == 2, WRONG_LENGTH)
        known = {0x02: b"\x01" + self.vin, 0x0A: b"\x01" + self.ecu_name.ljust(20, b"\x00")[:20]}
        known |= _masks(set(known))
        _expect(request[1] in known, SUB_FUNCTION_UNKNOWN)
        return bytes([0x49, request[1]]) + known[request[1]]

    def _change_session(self, request: bytes) -> bytes:
        _expect(len(request) == 2, WRONG_LENGTH)
        wanted = request[1] & ~SUPPRESS
        _expect(wanted in (DEFAULT_SESSION, EXTENDED_SESSION), SUB_FUNCTION_UNKNOWN)
        self.session = wanted
        return _unless_suppressed(request, struct.pack(">BBHH", 0x50, wanted, SERVER_MS, PATIENT_SERVER_MS // 10))

    def _tester_present(self, request: bytes) -> bytes:
        _expect(len(request) == 2, WRONG_LENGTH)
        _expect(request[1] & ~SUPPRESS == 0, SUB_FUNCTION_UNKNOWN)
        return _unless_suppressed(request, b"\x7e\x00")

    def _read_identifiers(self, request: bytes) -> bytes:
        """ReadDataByIdentifier; those that aren't there are left out, unless none is."""
        _expect(len(request) >= 3 and len(request) % 2 == 1, WRONG_LENGTH)
        known = {0xF190: self.vin, 0xF186: bytes([self.session]), 0xF197: self.ecu_name}
        wanted = [int.from_bytes(request[place : place + 2], "big") for place in range(1, len(request), 2)]
        found = b"".join(struct.pack(">H", each) + known[each] for each in wanted if each in known)
        _expect(bool(found), OUT_OF_RANGE)
        _expect(len(found) < 4095, OUT_OF_RANGE)
        return b"\x62" + found

    def _read_codes(self, request: bytes) -> bytes:
        """ReadDTCInformation: how many there are (01), which (02), by status mask; which are supported (0A)."""
        _expect(len(request) >= 2, WRONG_LENGTH)
        kind = request[1] & ~SUPPRESS
        _expect(kind in (0x01, 0x02, 0x0A), SUB_FUNCTION_UNKNOWN)
        _expect(len(request) == (2 if kind == 0x0A else 3), WRONG_LENGTH)
        if kind == 0x0A:
            codes = sorted({COMMANDS_LOST, COMMANDS_INVALID} | self.memory.stored)
            listed = [(code, self.memory.status(code) if code in self.memory.stored else 0) for code in codes]
        else:
            codes = [code for code in sorted(self.memory.stored) if self.memory.status(code) & request[2] & STATUS_MASK]
            listed = [(code, self.memory.status(code)) for code in codes]
        if kind == 0x01:  # the format is that of ISO 14229-1
            return _unless_suppressed(request, struct.pack(">BBBBH", 0x59, kind, STATUS_MASK, 0x01, len(listed)))
        rows = b"".join(code_bytes(code) + bytes([0x00, status]) for code, status in listed)
        return _unless_suppressed(request, bytes([0x59, kind, STATUS_MASK]) + rows)

    def _clear_group(self, request: bytes) -> bytes:
        """ClearDiagnosticInformation: all, or one code."""
        _expect(len(request) == 4, WRONG_LENGTH)
        group = request[1:]
        stored = {code_bytes(code) + b"\x00" for code in self.memory.stored | {COMMANDS_LOST, COMMANDS_INVALID}}
        _expect(group == b"\xff\xff\xff" or group in stored, OUT_OF_RANGE)
        self._expect_standing()
        self.memory.clear(None if group == b"\xff\xff\xff" else group[:2], self._readings.odometer_m)
        return b"\x54"

    def _expect_standing(self) -> None:
        _expect(abs(self._readings.speed_mps) <= STANDING_MPS, CONDITIONS_NOT_CORRECT)


def _expect(true: bool, otherwise: int) -> None:
    if not true:
        raise Refusal(otherwise)


def _unless_suppressed(request: bytes, response: bytes) -> bytes:
    return b"" if request[1] & SUPPRESS else response


def _held(value: float, largest: int) -> int:
    """Rounded and within 0 and the largest; 0 for what is no number."""
    return round(max(0.0, min(value, largest))) if value == value else 0


def _byte(value: float) -> bytes:
    return bytes([_held(value, 0xFF)])


def _word(value: float) -> bytes:
    return struct.pack(">H", _held(value, 0xFFFF))


def _masks(pids: set[int]) -> dict[int, bytes]:
    """0x00, 0x20, ...: four bytes, a bit for each of the next 32 PIDs; the last one tells whether a further mask follows."""
    masks: dict[int, bytes] = {}
    for base in range(max(pids) // 32 * 32, -1, -32):
        bits = sum(1 << (base + 32 - pid) for pid in pids | masks.keys() if base < pid <= base + 32)
        masks[base] = struct.pack(">I", bits)
    return masks
