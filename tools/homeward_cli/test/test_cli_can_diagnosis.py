"""A tester against the simulated ECUs: udsoncan's own client, and the OBD-II reader, over a bus in this process and by UDP."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from udsoncan.client import Client
from udsoncan.exceptions import NegativeResponseException

from homeward_carla_bridge.ecu_diagnostics import COMMANDS_INVALID, COMMANDS_LOST, VIN, DiagnosticServer, Readings, code_bytes
from homeward_cli.can_tools import diagnosis
from homeward_cli.can_tools.diagnosis import EcuConnection, code_text
from homeward_cli.can_tools.dictionary import ToolError
from homeward_cli.environment import ROOT
from homeward_runtime.can_bus import open_bus

NAMES = itertools.count()
CAR = Readings(odometer_m=123_456.0, battery_ratio=0.8, active_codes=frozenset({COMMANDS_LOST}))


def connected(readings: Readings = CAR) -> tuple[EcuConnection, Callable[[Readings], None]]:
    """A connection to a server that is stepped whenever the tester waits; and a way to change the car."""
    name, server, now, held = f"mem:diagnosis{next(NAMES)}", DiagnosticServer(), [0.0], [readings]
    ours, theirs = open_bus(name), open_bus(name)

    def between() -> None:
        now[0] += 0.02
        for frame in server.step(now[0], theirs.receive(), held[0]):
            theirs.send(frame)

    between()
    return EcuConnection(ours, between=between), lambda changed: held.__setitem__(0, changed)


def test_obd_reads_the_car() -> None:
    connection, _ = connected()
    found = diagnosis.obd(connection, clear=False)
    assert found["vin"] == VIN and found["trouble_codes"] == [COMMANDS_LOST]
    assert found["values"]["battery charge"] == {"value": 80.0, "unit": "%"}
    assert found["values"]["odometer"]["value"] == pytest.approx(123.5, abs=0.05)
    assert {"0x01", "0x0D", "0xA6"} <= set(found["supported_pids"])


def test_udsoncans_client_reads_and_clears() -> None:
    connection, change = connected()
    with Client(connection, config={"data_identifiers": diagnosis.DIDS, "request_timeout": 2}) as client:
        assert client.change_session(3).service_data.session_echo == 3
        assert client.read_data_by_identifier_first(0xF186) == (3,)
        client.tester_present()
        values = client.read_data_by_identifier([0xF190, 0xF197]).service_data.values
        assert values[0xF190] == VIN and values[0xF197].startswith("HOMEWARD")
        (dtc,) = client.get_dtc_by_status_mask(0xFF).service_data.dtcs
        assert code_text(dtc.id.to_bytes(3, "big")) == COMMANDS_LOST and dtc.status.test_failed and dtc.status.confirmed
        assert client.get_number_of_dtc_by_status_mask(0x08).service_data.dtc_count == 1
        assert len(client.get_supported_dtc().service_data.dtcs) == 2
        change(dataclasses.replace(CAR, active_codes=frozenset()))
        client.tester_present()
        client.clear_dtc(0xFFFFFF)
        assert client.get_dtc_by_status_mask(0xFF).service_data.dtcs == []


@pytest.mark.parametrize(("ask", "code"), [
    (lambda client: client.change_session(2), 0x12), (lambda client: client.clear_dtc(0x123456), 0x31),
    (lambda client: client.ecu_reset(1), 0x11), (lambda client: client.clear_dtc(0xFFFFFF), 0x22),
])  # fmt: skip
def test_udsoncans_client_is_refused_by_the_book(ask: Callable[[Client], object], code: int) -> None:
    connection, _ = connected(dataclasses.replace(CAR, speed_mps=5.0))
    with Client(connection, config={"request_timeout": 2}) as client:
        with pytest.raises(NegativeResponseException) as refusal:
            ask(client)
    assert refusal.value.response.code == code


def test_many_codes_need_a_transfer_of_several_frames() -> None:
    codes = frozenset(f"B{number:04X}" for number in range(0x1000, 0x1040))
    connection, _ = connected(dataclasses.replace(CAR, active_codes=codes))
    assert {one["code"] for one in diagnosis.uds(connection, clear=False)["trouble_codes"]} == codes


def test_silence_and_refusals_are_sentences() -> None:
    with pytest.raises(ToolError, match="must stand"):
        diagnosis.uds(connected(dataclasses.replace(CAR, speed_mps=5.0))[0], clear=True)
    with pytest.raises(ToolError, match="must stand"):
        diagnosis.obd(connected(dataclasses.replace(CAR, speed_mps=5.0))[0], clear=True)


def test_every_code_is_written_as_it_is_read() -> None:
    for number in range(0x10000):
        text = code_text(number.to_bytes(2, "big"))
        assert code_bytes(text) == number.to_bytes(2, "big")


def test_the_commands_over_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(random.SystemRandom().randrange(100, 232)))
    bus, server, done = open_bus("udp:"), DiagnosticServer(), threading.Event()
    readings = dataclasses.replace(CAR, active_codes=frozenset({COMMANDS_INVALID}))

    def live() -> None:
        for tick in itertools.count():
            if done.wait(0.01):
                return
            for frame in server.step(tick * 0.01, bus.receive(), readings):
                bus.send(frame)

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    obd, uds = _can("obd", "--json"), _can("uds")
    nobody = _can("uds", "--ecu", "3")
    done.set()
    thread.join()
    assert json.loads(obd.stdout)["vin"] == VIN and json.loads(obd.stdout)["trouble_codes"] == [COMMANDS_INVALID]
    assert VIN in uds.stdout and f"{COMMANDS_INVALID}-00  active" in uds.stdout
    assert nobody.returncode == 1 and "nobody answers" in nobody.stderr and "Traceback" not in nobody.stderr


def _can(*arguments: str) -> subprocess.CompletedProcess[str]:
    paths = [ROOT / "tools" / "homeward_cli", ROOT / "src" / "homeward_runtime", ROOT / "src" / "homeward_can_bridge"]
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "ROS_DOMAIN_ID")}
    environment |= {"PYTHONPATH": os.pathsep.join(map(str, paths)), "HOMEWARD_ROOT": str(ROOT)}
    command = [sys.executable, "-m", "homeward_cli.can_tools", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
