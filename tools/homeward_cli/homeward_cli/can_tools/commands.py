"""The sub-commands of `./homeward can`: one small function each; the work is in the modules beside it."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from homeward_can_bridge.command_gate import Command
from homeward_cli.can_tools import logs
from homeward_cli.can_tools.dictionary import ToolError, load_dictionary
from homeward_cli.can_tools.sending import Hand, bridge_params, verb_named
from homeward_cli.can_tools.table import FrameTable
from homeward_cli.environment import ROOT
from homeward_cli.workspace import progress
from homeward_runtime.can_bus import Bus, BusError, open_bus
from homeward_runtime.can_bus_tape import TapeBus, open_tape

app = typer.Typer(
    help="What is on a CAN bus: watch, decode, record, replay; command a car through the gate. Needs no ROS.\n\n"
    "A bus is named socketcan:can0, udp: (this machine, in the domain of ROS_DOMAIN_ID) or tape:drive.log?speed=2.",
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
)  # fmt: skip

BusUrl = Annotated[str, typer.Option("--bus", help="socketcan:can0, udp:, udp:1, or tape:FILE?speed=max.")]
Dbc = Annotated[Path | None, typer.Option("--dbc", metavar="FILE.dbc", help="Without it the demo car's.")]
Seconds = Annotated[float | None, typer.Option("--seconds", min=0.05, help="How long; without it until Ctrl-C.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on the last line of standard output.")]
Log = Annotated[Path, typer.Argument(metavar="LOG", help="candump's .log, Vector's .asc or .blf.")]
FONT_FACE = re.compile(r"@font-face\s*{[^}]*}\s*")  # rich names a font on somebody's server: the viewer's own will do
REFRESH_S, ONCE_S, PICTURE_COLUMNS = 0.2, 1.0, 150


@app.command()
def monitor(
    bus: BusUrl = "udp:", dbc: Dbc = None, seconds: Seconds = None,
    once: Annotated[bool, typer.Option("--once", help="Listen for a second (or --seconds), print the table, end.")] = False,
    bits: Annotated[bool, typer.Option("--bits", help="Show the data bit by bit.")] = False,
    screenshot: Annotated[Path | None, typer.Option(metavar="OUT.svg", help="Leave the last table as a picture.")] = None,
) -> None:  # fmt: skip
    """Show each id's newest frame, rate, age, changed bits and decoded signals, live.

    \b
    ./homeward can monitor
    ./homeward can monitor --bus socketcan:can0 --dbc my_car.dbc
    ./homeward can monitor --once --seconds 2
    """
    table, wire = FrameTable(load_dictionary(dbc), bits), open_bus(bus)
    if once or not sys.stdout.isatty():
        for now_s, frames in logs.batches(wire, seconds or ONCE_S):
            table.take(frames, now_s)
        Console().print(table.rendered(time.monotonic(), bus, wire.counters))
    else:
        _watch(table, wire, bus, seconds)
    if screenshot is not None:
        _take_picture(table, wire, bus, screenshot)
    _end(wire)


def _watch(table: FrameTable, wire: Bus, title: str, seconds: float | None) -> None:
    shown_s = -math.inf
    with Live(table.rendered(time.monotonic(), title, wire.counters), auto_refresh=False, screen=False) as live:
        for now_s, frames in logs.batches(wire, seconds):
            table.take(frames, now_s)
            if now_s - shown_s > REFRESH_S:
                shown_s = now_s
                live.update(table.rendered(now_s, title, wire.counters), refresh=True)


def _take_picture(table: FrameTable, wire: Bus, title: str, path: Path) -> None:
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=PICTURE_COLUMNS, file=nowhere, force_terminal=True)
        console.print(table.rendered(time.monotonic(), title, wire.counters))
        picture = FONT_FACE.sub("", console.export_svg(title="./homeward can monitor"))
        try:
            path.write_text(picture, encoding="utf-8")
        except OSError as error:
            raise ToolError(f"'{path}' can't be written: {error.strerror or error}") from error


def _end(wire: Bus) -> None:
    wire.close()
    if isinstance(wire, TapeBus) and wire.error is not None:
        raise wire.error


@app.command()
def decode(log: Log, dbc: Dbc = None, as_json: AsJson = False) -> None:
    """Print a recording's frames as signals, with units and the names of values.

    \b
    ./homeward can decode drive.blf --dbc my_car.dbc
    ./homeward can decode drive.log --json > drive.json
    """
    dictionary = load_dictionary(dbc)
    if as_json:
        next(logs.read_tape(log), None)  # a broken beginning is an error, not half an object
        logs.decode_json(log, dictionary, sys.stdout)
    else:
        logs.decode_lines(log, dictionary, sys.stdout)


@app.command()
def record(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Ends in .log, .asc or .blf.")],
    bus: BusUrl = "udp:", seconds: Seconds = None,
) -> None:  # fmt: skip
    """Record a bus, until Ctrl-C. Times are the wall clock's, exact to about a millisecond.

    \b
    ./homeward can record drive.blf --bus socketcan:can0
    """
    wire = open_bus(bus)
    count = logs.record(wire, out, seconds)
    lost = wire.counters.dropped
    progress(f"{count} frames in {out}" + (f"; {lost} were lost before they could be read" if lost else ""))
    _end(wire)


@app.command()
def replay(
    log: Log, bus: BusUrl = "udp:", dbc: Dbc = None,
    speed: Annotated[str, typer.Option(help="How many times as fast; max: as fast as it is read.")] = "1",
    with_commands: Annotated[bool, typer.Option("--with-commands", help="Also what a gate sent: on udp: only.")] = False,
) -> None:  # fmt: skip
    """Send a recording's frames again, at their times.

    Frames that command the car (ActuatorCommand, BodyRequest of the DBC) are left out, unless --with-commands: then they go to
    udp: alone, and only while no running bridge is heard there. On a real bus it refuses when anybody else is heard
    within a second: a recording must not mix with a live car.

    \b
    ./homeward can replay drive.blf --speed 2
    ./homeward can replay drive.log --bus socketcan:vcan0
    """
    commands = load_dictionary(dbc).command_ids
    tape = open_tape(f"{log}?speed={speed}", None, time.monotonic)
    wire = open_bus(bus)
    logs.check_replay(bus, logs.heard_ids(wire, logs.LISTEN_S), commands, with_commands)
    sent, kept_back = logs.replay(tape, wire, set() if with_commands else commands, progress)
    progress(f"{sent} frames sent" + (f", {kept_back} commands left out" if kept_back else ""))
    wire.close()


@app.command()
def send(
    bus: BusUrl = "udp:", dbc: Dbc = None,
    acceleration_mps2: Annotated[float, typer.Option("--acceleration-mps2")] = 0.0,
    steering_deg: Annotated[float, typer.Option("--steering-deg", help="Of the front wheels; left positive.")] = 0.0,
    reverse: Annotated[bool, typer.Option("--reverse")] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=0.05, max=60.0, help="How long the command is held.")] = 1.0,
    body: Annotated[str, typer.Option("--body", help="Instead of driving: lock, lights, horn, climate, ...")] = "",
    value: Annotated[float, typer.Option("--value", help="Of the body command, SI, as vehicle/body takes it.")] = 0.0,
) -> None:  # fmt: skip
    """Command a car through the gate, never around it; then stop it and hand it back.

    The gate, its limits (params/car.yaml) and its rules are those of the bridge: it engages only a car that is started, closed
    and answers, and lets nothing through that is out of range. After --seconds the gate brings the car to a standstill,
    then the driver has it. Refuses while a running bridge commands the same bus. What needs a key stays refused.

    \b
    ./homeward can send --acceleration-mps2 0.5 --steering-deg 2 --seconds 3
    ./homeward can send --body lights --value 2
    """
    if bus.startswith("tape:"):
        raise ToolError("a tape can't be commanded; name a bus: --bus udp: or --bus socketcan:can0")
    verb = verb_named(body) if body else None
    dictionary, params, wire = load_dictionary(dbc), bridge_params(ROOT), open_bus(bus)
    hand = Hand(wire, dictionary, params, print)
    if verb is not None:
        good = hand.body(verb, value)
    else:
        gear = 1 if reverse else 3
        good = hand.drive(Command(0, acceleration_mps2, math.radians(steering_deg), gear), seconds)
    wire.close()
    raise typer.Exit(0 if good else 1)


@app.command()
def lint(file: Annotated[Path, typer.Argument(metavar="FILE.dbc")]) -> None:
    """Say what is wrong or odd in a DBC, by line. Exit code 1 where it can't be meant as it stands.

    \b
    ./homeward can lint my_car.dbc
    """
    from homeward_can_bridge.dbc_lint import lint as remarks_on

    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ToolError(f"'{file}' can't be read: {error.strerror or error}") from error
    try:
        remarks = remarks_on(text, str(file))
    except ValueError as error:
        raise ToolError(str(error)) from error
    for remark in remarks:
        print(f"{file}:{remark.line}: {remark.severity}: {remark.text}")
    print(f"{len(remarks)} remark{'' if len(remarks) == 1 else 's'}")
    raise typer.Exit(1 if any(remark.severity == "error" for remark in remarks) else 0)


Ecu = Annotated[int, typer.Option("--ecu", min=0, max=7, help="Which: requests go to 0x7E0 and its number.")]
Clear = Annotated[bool, typer.Option("--clear", help="Clear the trouble codes first; the car must stand.")]


@app.command()
def obd(bus: BusUrl = "udp:", ecu: Ecu = 0, clear: Clear = False, as_json: AsJson = False) -> None:
    """Ask a car by OBD-II (SAE J1979): VIN, supported PIDs and their values, trouble codes.

    \b
    ./homeward can obd
    ./homeward can obd --bus socketcan:can0 --clear
    """
    from homeward_cli.can_tools import diagnosis

    found = _asked(bus, ecu, diagnosis.obd, clear)
    if as_json:
        print(json.dumps(found))
        return
    print(f"VIN            {found['vin'] or '(none told)'}")
    print(f"trouble codes  {', '.join(found['trouble_codes']) or 'none'}")
    for name, entry in found["values"].items():
        print(f"{name:34} {entry['value']:g} {entry['unit']}".rstrip())


@app.command()
def uds(bus: BusUrl = "udp:", ecu: Ecu = 0, clear: Clear = False, as_json: AsJson = False) -> None:
    """Ask an ECU by UDS (ISO 14229-1): VIN, and trouble codes with their status.

    \b
    ./homeward can uds
    ./homeward can uds --bus socketcan:can0 --ecu 2
    """
    from homeward_cli.can_tools import diagnosis

    found = _asked(bus, ecu, diagnosis.uds, clear)
    if as_json:
        print(json.dumps(found))
        return
    print(f"VIN            {found['vin']}")
    for code in found["trouble_codes"]:
        print(f"{code['code']}-{code['failure_type']:02X}  {'active' if code['active'] else 'stored'}")
    if not found["trouble_codes"]:
        print("trouble codes  none")


def _asked(url: str, ecu: int, ask: Callable[[Any, bool], dict[str, Any]], clear: bool) -> dict[str, Any]:
    from homeward_cli.can_tools.diagnosis import FIRST_ANSWER_ID, EcuConnection

    wire = open_bus(url, ids=[FIRST_ANSWER_ID + ecu])
    try:
        return ask(EcuConnection(wire, ecu), clear)
    finally:
        wire.close()


def main() -> None:
    """Every expected failure is a sentence and exit code 1; wrong use is 2; Ctrl-C is quiet."""
    try:
        code = app(prog_name="./homeward can", standalone_mode=False)
        sys.stdout.flush()
    except (ToolError, BusError) as error:
        print(f"homeward: {error}", file=sys.stderr)
        code = 1
    except typer.Abort:
        code = 130
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if not hasattr(error, "show"):
            raise
        error.show()  # wrong use: click's own words
        code = 2
    sys.exit(code or 0)
