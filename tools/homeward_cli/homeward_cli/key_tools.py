"""`./homeward key`: the reference device on the command line. It is a key like a phone: the file it keeps opens the car."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from homeward_key_auth import device, invitation, operations
from homeward_key_auth.device import Answer, DeviceKey, KeyProblem, Talk
from homeward_key_auth.radio import NotReached, connect
from homeward_key_auth.token import ALL_VERBS, Area, Limits, Verb
from homeward_key_auth.wire import Wire, WireClosed

app = typer.Typer(
    help="A phone's or a watch's key, on this computer: pair it, open the car with it, share it. Keys are files: --key FILE.",
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
)  # fmt: skip
HERE = Path("~/.local/share/homeward/device.key")
TWIN = "virtual:127.0.0.1:7910"
OUTCOMES = ("done", "refused", "unknown")
KELVIN, DAY_S, CLOSE_S = 273.15, 86400.0, 2.0
SPANS_S = {"m": 60.0, "h": 3600.0, "d": DAY_S}

Key = Annotated[Path, typer.Option("--key", help="The device's file.")]
Radio = Annotated[str, typer.Option("--radio", help="Controller: usb:0, hci-socket:0 ...; the simulator's twin unless given.")]
Passive = Annotated[bool, typer.Option("--passive", help="Without a press: the car must measure that the key is near.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def _run(story: Coroutine[Any, Any, Any]) -> Any:
    """Every expected failure is a sentence and exit code 1."""
    try:
        return _told_to_its_end(story)
    except (KeyProblem, NotReached) as error:
        _end(str(error))
    except WireClosed:
        _end("the car ended the connection")
    except ValueError as error:
        _end(str(error))


def _told_to_its_end(story: Coroutine[Any, Any, Any]) -> Any:
    """The loop isn't closed: that would wait for each task to take its cancellation, and bumble's don't always."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # what is left of the radio when the program ends
    return loop.run_until_complete(story)


def _end(words: str) -> None:
    print(f"homeward: {words}", file=sys.stderr)
    sys.exit(1)


async def _hang_up(wire: Wire) -> None:
    """In time, whatever the radio's stack waits for: the car notices by itself that a device is gone."""
    await asyncio.wait({asyncio.ensure_future(wire.close())}, timeout=CLOSE_S)


@contextlib.asynccontextmanager
async def _talk(path: Path, radio: str) -> AsyncIterator[Talk]:
    """An open session with the key in this file."""
    file = path.expanduser()
    key = device.load(file)
    if not key.token:
        raise KeyProblem("this key opens no car yet: pair it (./homeward key pair), or accept an invitation")
    wire = await connect(radio)
    talk = Talk(wire, key, lambda changed: device.save(changed, file), _told)
    try:
        await talk.open()
        yield talk
    finally:
        await _hang_up(wire)


def _told(words: str) -> None:
    print(f"the car says: {words}", file=sys.stderr)


def _ask(path: Path, radio: str, question: Callable[[Talk], Coroutine[Any, Any, Answer]]) -> Answer:
    """One request in a session of its own; ends the program unless it was done."""

    async def story() -> Answer:
        async with _talk(path, radio) as talk:
            return await question(talk)

    answer: Answer = _run(story())
    if answer.outcome:
        _end(f"{OUTCOMES[answer.outcome]}: {answer.reason}")
    return answer


def _command(path: Path, radio: str, verb: Verb, value: int = 0, passive: bool = False) -> None:
    began_s = time.monotonic()
    _ask(path, radio, lambda talk: talk.command(verb, value, pressed=not passive))
    print(f"{verb.name.lower()}: done, and read back by the car ({time.monotonic() - began_s:.2f} s)")


@app.command()
def pair(
    code: Annotated[str, typer.Argument(help="The six digits that the cockpit shows.")] = "",
    name: Annotated[str, typer.Option(help="What the car calls this key.")] = "command line",
    key: Key = HERE,
    radio: Radio = TWIN,
) -> None:
    """Become an owner's key. In the cockpit: Keys, Pair a key; it shows the code."""
    file = key.expanduser()
    made = device.load(file) if file.exists() else DeviceKey.new(name)
    asked = code or typer.prompt("The code in the cockpit")

    async def story() -> DeviceKey:
        wire = await connect(radio)
        try:
            return await device.pair(wire, made, asked.replace(" ", ""))
        finally:
            await _hang_up(wire)

    paired: DeviceKey = _run(story())
    file.parent.mkdir(parents=True, exist_ok=True)
    device.save(paired, file)
    print(f"Paired with {paired.car_name} as '{paired.name}' ({paired.kid.hex()}). Next: ./homeward key unlock")


@app.command()
def unlock(key: Key = HERE, radio: Radio = TWIN, passive: Passive = False) -> None:
    """Unlock the doors."""
    _command(key, radio, Verb.UNLOCK, passive=passive)


@app.command()
def lock(key: Key = HERE, radio: Radio = TWIN) -> None:
    """Lock the doors."""
    _command(key, radio, Verb.LOCK)


@app.command()
def start(key: Key = HERE, radio: Radio = TWIN) -> None:
    """Start the car: where it measures distances, the key must be inside."""
    _command(key, radio, Verb.START)


@app.command()
def trunk(shut: Annotated[bool, typer.Option("--shut")] = False, key: Key = HERE, radio: Radio = TWIN) -> None:
    """Open the trunk, or shut it."""
    _command(key, radio, Verb.TRUNK, 0 if shut else 1)


@app.command()
def windows(percent: Annotated[int, typer.Argument(min=0, max=100)], key: Key = HERE, radio: Radio = TWIN) -> None:
    """How far the windows are open."""
    _command(key, radio, Verb.WINDOWS, percent)


@app.command()
def climate(celsius: Annotated[float, typer.Argument(help="10 to 35; 0 is off")], key: Key = HERE, radio: Radio = TWIN) -> None:
    """The cabin's temperature."""
    _command(key, radio, Verb.CLIMATE, round((celsius + KELVIN) * 100) if celsius else 0)


@app.command()
def status(key: Key = HERE, radio: Radio = TWIN, as_json: AsJson = False) -> None:
    """What the car says of itself and of this key."""
    found = _ask(key, radio, lambda talk: talk.request(operations.STATUS)).payload
    row = {
        "locked": found[1], "power_on": found[2], "distance_m": None if found[3] is None else found[3] / 100, "inside": found[4],
        "verbs": [Verb(verb).name.lower() for verb in found[5]], "expires_s": found[7],
    }  # fmt: skip
    if as_json:
        print(json.dumps(row))
        return
    for name, value in row.items():
        shown = time.strftime("%Y-%m-%d %H:%M", time.localtime(value)) if name == "expires_s" else value
        words = " ".join(shown) if isinstance(shown, list) else "not known" if shown is None else shown
        print(f"{name.removesuffix('_s'):12} {words}")


@app.command()
def request(name: Annotated[str, typer.Option(help="Your name, for the owner's list.")] = "a friend", key: Key = HERE) -> None:
    """Ask an owner to share the car with this device: prints a text to send. It holds nothing secret."""
    file = key.expanduser()
    made = _loaded(file) if file.exists() else DeviceKey.new(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    device.save(made, file)
    print(invitation.request_text(made))


def _loaded(file: Path) -> DeviceKey:
    async def story() -> DeviceKey:
        return device.load(file)

    found: DeviceKey = _run(story())
    return found


@app.command()
def share(
    text: Annotated[str, typer.Argument(metavar="REQUEST", help="What the other's `key request` printed.")],
    verbs: Annotated[
        str, typer.Option(help="Commas between: unlock,lock,trunk,windows,climate,start,drive")
    ] = "unlock,lock,start,drive",
    lasts: Annotated[str, typer.Option(help="30m, 12h or 7d from now.")] = "1d",
    speed_kmh: Annotated[float, typer.Option(help="No faster than this; 0: no limit.")] = 0.0,
    area: Annotated[str, typer.Option(help="LATITUDE,LONGITUDE,KILOMETRES: start and drive only there.")] = "",
    key: Key = HERE,
    radio: Radio = TWIN,
) -> None:
    """Share the car: prints an invitation that is of use to that device alone. The car knows of it at once, if it is near."""
    owner = _loaded(key.expanduser())
    try:
        wanted = tuple(Verb[one.strip().upper()] for one in verbs.split(","))
        limits = Limits(round(speed_kmh / 0.036) or None, _area(area))
        now_s = int(time.time())
        grant = invitation.Grant(wanted, now_s - 60, now_s + _span_s(lasts), limits)
        made = invitation.share(owner, text, grant)
    except KeyError as error:
        _end(f"there is no verb {error}; there are: {', '.join(verb.name.lower() for verb in ALL_VERBS)}")
    except (KeyProblem, ValueError) as error:
        _end(str(error))
    print(made)
    try:
        token = invitation.token_of(made)
        _told_to_its_end(_deposited(key, radio, token))
        print("The car has it on its list.", file=sys.stderr)
    except (KeyProblem, NotReached, WireClosed, ValueError):
        print("The car isn't near: it will learn of it when the key comes.", file=sys.stderr)


async def _deposited(path: Path, radio: str, token: bytes) -> None:
    async with _talk(path, radio) as talk:
        answer = await talk.request(operations.DEPOSIT, token)
        if answer.outcome:
            raise KeyProblem(answer.reason)


def _span_s(text: str) -> int:
    if text[-1:] not in SPANS_S or not text[:-1].replace(".", "", 1).isdigit():
        raise ValueError(f"'{text}' is no time span: 30m, 12h or 7d")
    return int(float(text[:-1]) * SPANS_S[text[-1]])


def _area(text: str) -> Area | None:
    if not text:
        return None
    latitude, longitude, kilometres = (float(one) for one in text.split(","))
    return Area(round(latitude * 1e7), round(longitude * 1e7), round(kilometres * 1000))


@app.command()
def accept(text: Annotated[str, typer.Argument(metavar="INVITATION")], key: Key = HERE) -> None:
    """Take an invitation that an owner's `key share` printed."""
    file = key.expanduser()
    try:
        taken = invitation.accept(_loaded(file), text)
    except KeyProblem as error:
        _end(str(error))
    device.save(taken, file)
    print(f"This device has a key of {taken.car_name} now. Next: ./homeward key status")


@app.command("list")
def list_keys(key: Key = HERE, radio: Radio = TWIN) -> None:
    """The car's keys (an owner's key sees them)."""
    for row in _pages(key, radio, operations.KEYS, len):
        kid, name, owner, verbs, _limits, expires_s, _added, used_s = row
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(expires_s)) if expires_s else "not valid now"
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(used_s)) if used_s else "never"
        what = "owner" if owner else ",".join(Verb(verb).name.lower() for verb in verbs)
        print(f"{kid.hex()}  {name:24} {what:32} until {until}, used {used}")


@app.command()
def log(key: Key = HERE, radio: Radio = TWIN) -> None:
    """The car's log of its keys (an owner's key sees it)."""
    for _number, at_s, kind, kid, words in _pages(key, radio, operations.LOG, lambda rows: rows[-1][0] if rows else 0):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at_s))}  {kid.hex() or '-':16}  {kind:16} {words}")


def _pages(path: Path, radio: str, operation: int, after: Callable[[list[Any]], int]) -> list[Any]:
    """All rows of a list that comes in pages."""

    async def story() -> list[Any]:
        rows: list[Any] = []
        async with _talk(path, radio) as talk:
            while True:
                answer = await talk.request(operation, after(rows))
                if answer.outcome:
                    raise KeyProblem(answer.reason)
                if not answer.payload:
                    return rows
                rows += answer.payload

    found: list[Any] = _run(story())
    return found


@app.command()
def revoke(kid: Annotated[str, typer.Argument(help="As `key list` prints it.")], key: Key = HERE, radio: Radio = TWIN) -> None:
    """End a key, and all that it shared, at once: whether or not it is near."""
    try:
        name = bytes.fromhex(kid)
    except ValueError:
        _end(f"'{kid}' is no key's name: 16 hexadecimal digits, as ./homeward key list prints them")
    _ask(key, radio, lambda talk: talk.request(operations.REVOKE, name))
    print("revoked")


@app.command()
def allow(no: Annotated[bool, typer.Option("--no", help="Refuse.")] = False, key: Key = HERE, radio: Radio = TWIN) -> None:
    """Answer the cockpit's wish to pair another owner's key."""
    _ask(key, radio, lambda talk: talk.request(operations.ALLOW, not no))
    print("refused" if no else "The cockpit shows the code now.")


@app.command()
def walk(
    from_m: Annotated[float, typer.Option(min=0.0, max=200.0)] = 15.0,
    speed_mps: Annotated[float, typer.Option(min=0.1, max=10.0)] = 1.4,
    sit: Annotated[bool, typer.Option(help="Sit down and start the car at the end.")] = True,
    key: Key = HERE,
    radio: Radio = TWIN,
) -> None:
    """In the simulator: come near with the key in a pocket, and sit down. Nothing is pressed."""
    from homeward_cli.key_walk import walked

    _run(walked(_talk(key, radio), from_m, speed_mps, sit))


def main() -> None:
    app()


if __name__ == "__main__":
    main()
