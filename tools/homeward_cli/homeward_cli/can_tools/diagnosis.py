"""A tester on the bus: OBD-II by the bytes of SAE J1979, UDS by udsoncan; both over can-isotp, without threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import isotp
from udsoncan import AsciiCodec
from udsoncan.client import Client
from udsoncan.connections import BaseConnection
from udsoncan.exceptions import InvalidResponseException, NegativeResponseException, TimeoutException, UnexpectedResponseException

from homeward_cli.can_tools.dictionary import ToolError
from homeward_runtime.can_bus import Bus, BusError, Frame

FUNCTIONAL_ID, FIRST_PHYSICAL_ID, FIRST_ANSWER_ID = 0x7DF, 0x7E0, 0x7E8  # ISO 15765-4, 11-bit
ANSWER_S, POLL_S = 1.0, 0.002
DIDS = {0xF190: AsciiCodec(17), 0xF197: AsciiCodec(18), 0xF186: "B"}

Formula = Callable[[bytes], float]
# J1979 annex B: name, unit, bytes to value
PIDS: dict[int, tuple[str, str, int, Formula]] = {
    0x04: ("calculated load", "%", 1, lambda data: data[0] / 2.55),
    0x05: ("coolant temperature", "degC", 1, lambda data: data[0] - 40.0),
    0x0C: ("engine speed", "1/min", 2, lambda data: _word(data) / 4),
    0x0D: ("vehicle speed", "km/h", 1, lambda data: float(data[0])),
    0x11: ("throttle position", "%", 1, lambda data: data[0] / 2.55),
    0x1C: ("OBD standard", "", 1, lambda data: float(data[0])),
    0x1F: ("time since start", "s", 2, lambda data: float(_word(data))),
    0x21: ("distance with the lamp on", "km", 2, lambda data: float(_word(data))),
    0x2F: ("fuel level", "%", 1, lambda data: data[0] / 2.55),
    0x31: ("distance since codes were cleared", "km", 2, lambda data: float(_word(data))),
    0x42: ("control module voltage", "V", 2, lambda data: _word(data) / 1000),
    0x46: ("ambient temperature", "degC", 1, lambda data: data[0] - 40.0),
    0x51: ("fuel type (8: electric)", "", 1, lambda data: float(data[0])),
    0x5B: ("battery charge", "%", 1, lambda data: data[0] / 2.55),
    0xA6: ("odometer", "km", 4, lambda data: int.from_bytes(data, "big") / 10),
}


def _word(data: bytes) -> int:
    return int.from_bytes(data[:2], "big")


def code_text(two_bytes: bytes) -> str:
    """SAE J2012: U0104 and the like."""
    first = two_bytes[0]
    return f"{'PCBU'[first >> 6]}{first >> 4 & 0x3}{first & 0x0F:X}{two_bytes[1]:02X}"


class EcuConnection(BaseConnection):  # type: ignore[misc]
    """udsoncan's way to one ECU, over a bus port."""

    def __init__(self, bus: Bus, ecu: int = 0, between: Callable[[], None] = lambda: time.sleep(POLL_S)) -> None:
        super().__init__("homeward")
        self._bus, self._between = bus, between
        self._answer_id = FIRST_ANSWER_ID + ecu
        self._arrived: list[Frame] = []
        self._open = False
        address = isotp.Address(isotp.AddressingMode.Normal_11bits, txid=FIRST_PHYSICAL_ID + ecu, rxid=self._answer_id)
        self._transport = isotp.TransportLayerLogic(
            self._receive, self._send, address, error_handler=lambda error: None, params={"tx_padding": 0x00, "stmin": 0}
        )

    def _receive(self, timeout: float) -> isotp.CanMessage | None:
        if not self._arrived:
            self._arrived = [frame for frame in self._bus.receive() if frame.can_id == self._answer_id and not frame.extended]
        if not self._arrived:
            return None
        frame = self._arrived.pop(0)
        return isotp.CanMessage(arbitration_id=frame.can_id, data=frame.data, dlc=len(frame.data))

    def _send(self, message: isotp.CanMessage) -> None:
        self._bus.send(Frame(message.arbitration_id, bytes(message.data)))

    def open(self) -> EcuConnection:
        self._open = True
        return self

    def close(self) -> None:
        self._open = False

    def is_open(self) -> bool:
        return self._open

    def empty_rxqueue(self) -> None:
        self._arrived = []
        self._bus.receive()
        while self._transport.available():
            self._transport.recv()

    def specific_send(self, payload: bytes, timeout: float | None = None) -> None:
        self._transport.send(bytes(payload))
        self._transport.process()

    def specific_wait_frame(self, timeout: float | None = None) -> bytes:
        end_s = time.monotonic() + (ANSWER_S if timeout is None else timeout)
        while not self._transport.available():
            if time.monotonic() > end_s:
                raise TimeoutException("the ECU did not answer")
            self._transport.process()
            self._between()
        return bytes(self._transport.recv())

    def ask_everyone(self, request: bytes) -> bytes | None:
        """A functional request (up to seven bytes); this ECU's answer, or None when it keeps silent."""
        self.empty_rxqueue()
        self._bus.send(Frame(FUNCTIONAL_ID, bytes([len(request), *request]).ljust(8, b"\x00")))
        try:
            return self.specific_wait_frame()
        except TimeoutException:
            return None


def obd(connection: EcuConnection, clear: bool) -> dict[str, Any]:
    """What an OBD-II tester shows. Raises ToolError when nobody answers or clearing is refused."""
    supported = _supported(connection)
    if clear:
        _clear(connection)
    return {
        "vin": _vin(connection), "supported_pids": [f"0x{pid:02X}" for pid in sorted(supported)],
        "values": _values(connection, supported), "trouble_codes": _trouble_codes(connection),
    }  # fmt: skip


def _supported(connection: EcuConnection) -> set[int]:
    """By the masks of PIDs 0x00, 0x20, ..."""
    found: set[int] = set()
    for base in range(0, 0x100, 0x20):
        answer = connection.ask_everyone(bytes([0x01, base]))
        if answer is None and base == 0:
            raise ToolError("nobody answers OBD-II requests on this bus. Is the car on, and is this its diagnostic socket's bus?")
        if answer is None or len(answer) < 6 or answer[:2] != bytes([0x41, base]):
            break
        mask = int.from_bytes(answer[2:6], "big")
        found |= {base + 32 - bit for bit in range(32) if mask >> bit & 1}
        if not mask & 1:
            break
    return {pid for pid in found if pid % 32}


def _values(connection: EcuConnection, supported: set[int]) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {}
    for pid in sorted(supported & PIDS.keys()):
        name, unit, length, formula = PIDS[pid]
        answer = connection.ask_everyone(bytes([0x01, pid]))
        if answer is not None and answer[:2] == bytes([0x41, pid]) and len(answer) >= 2 + length:
            values[name] = {"value": round(formula(answer[2 : 2 + length]), 3), "unit": unit}
    return values


def _trouble_codes(connection: EcuConnection) -> list[str]:
    answer = connection.ask_everyone(b"\x03") or b""
    if len(answer) < 2 or answer[0] != 0x43:
        return []
    pairs = answer[2 : 2 + 2 * answer[1]]
    return [code_text(pairs[place : place + 2]) for place in range(0, len(pairs) - 1, 2)]


def _vin(connection: EcuConnection) -> str:
    answer = connection.ask_everyone(b"\x09\x02") or b""
    return answer[3:20].decode("ascii", "replace") if answer[:2] == b"\x49\x02" else ""


def _clear(connection: EcuConnection) -> None:
    answer = connection.ask_everyone(b"\x04") or b""
    if answer[:1] != b"\x44":
        raise ToolError("the ECU does not clear its trouble codes now; the car must stand")


def uds(connection: EcuConnection, clear: bool) -> dict[str, Any]:
    """What a UDS tester shows. Raises ToolError."""
    config = {"data_identifiers": DIDS, "request_timeout": 2.0, "p2_timeout": ANSWER_S, "standard_version": 2013}
    try:
        with Client(connection, config=config) as client:
            client.tester_present()
            if clear:
                client.change_session(3)  # extended: some ECUs clear in no other; what only reads stays in the default one
                client.clear_dtc(0xFFFFFF)
            return {
                "vin": client.read_data_by_identifier_first(0xF190),
                "trouble_codes": [_dtc(each) for each in client.get_dtc_by_status_mask(0xFF).service_data.dtcs],
            }  # fmt: skip
    except TimeoutException as error:
        raise ToolError("nobody answers UDS requests on this bus. Is the car on, and is --ecu the right one?") from error
    except NegativeResponseException as error:
        remedy = "; the car must stand" if error.response.code == 0x22 else ""
        raise ToolError(f"the ECU refuses: {error.response.code_name}{remedy}") from error
    except (InvalidResponseException, UnexpectedResponseException, BusError, ValueError) as error:
        raise ToolError(f"the ECU's answer can't be used: {error}") from error


def _dtc(dtc: Any) -> dict[str, Any]:
    number = dtc.id.to_bytes(3, "big")
    return {"code": code_text(number), "failure_type": number[2], "active": bool(dtc.status.test_failed),
            "confirmed": bool(dtc.status.confirmed)}  # fmt: skip
