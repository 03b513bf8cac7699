"""The key service killed in the middle of a change: ./homeward bench key-crash --times 1000 --json

A child process pairs, takes a shared key or revokes one, and is killed (SIGKILL) at one step of SQLite's machine; then the
store is opened again. It must be as before the change or as after it, with the log telling the same, and its chain whole.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from homeward_cli.bench.key_car import Car
from homeward_key_auth import operations
from homeward_key_auth.device import DeviceKey
from homeward_key_auth.pairing import Enrolment
from homeward_key_auth.store import Store

DESCRIPTION = "the key service killed at every step of a pairing, a share and a revocation"
CHANGES = ("pair", "share", "revoke")


def run(say: Callable[[str], None], arguments: Sequence[str] = ()) -> dict[str, object]:
    """How often it was killed, and what was neither before nor after."""
    parser = argparse.ArgumentParser(prog="./homeward bench key-crash", description=__doc__)
    parser.add_argument("--times", type=int, default=300)
    times = parser.parse_args(list(arguments)).times
    figures: dict[str, object] = {"times": times}
    torn = list[str]()
    for change in CHANGES:
        before, after, found = killed(change, times // len(CHANGES))
        say(f"{change}: before {before}, after {after}, torn {len(found)}")
        figures |= {f"{change}_before": before, f"{change}_after": after}
        torn += found
    return figures | {"torn": len(torn), "what": torn[:5]}


def killed(change: str, times: int) -> tuple[int, int, list[str]]:
    """(how often it was as before, as after, what was neither), over kills spread evenly over the change's steps."""
    with tempfile.TemporaryDirectory(prefix="homeward_key_") as folder:
        steps = _steps_of(change, Path(folder) / "whole.sqlite")
        before, after, torn = 0, 0, list[str]()
        for number in range(times):
            kill_at = 1 + number * (steps + 20) // max(times, 1)
            state = _after_a_kill(change, Path(folder) / f"{number}.sqlite", kill_at)
            before, after = before + (state == "before"), after + (state == "after")
            torn += [f"{change} at step {kill_at}: {state}"] * (state not in ("before", "after"))
        return before, after, torn


def _prepared(path: Path) -> tuple[Car, DeviceKey, DeviceKey]:
    """A car with an owner's key on the list, without the dance of a pairing, and a friend's token that it hasn't seen."""
    car = Car(store=Store(path))
    owner = _enrolled(car, "Ann")
    return car, owner, car.friend(owner)


def _enrolled(car: Car, name: str) -> DeviceKey:
    key = DeviceKey.new(name)
    welcome = car.core.keyring.enrol(Enrolment(name, key.agreement.public, key.signing.public), car.now)
    return DeviceKey(name, key.agreement, key.signing, "car", welcome.agreement, welcome.token)


def _change(car: Car, owner: DeviceKey, friend: DeviceKey, change: str) -> None:
    if change == "pair":
        _enrolled(car, "Second")
    elif change == "share":
        car.core.keyring.deposit(friend.token, owner.kid, car.now)
    else:
        operations.revoke(car.core, friend.kid, "the cockpit", car.now)


def _set_up(path: Path, change: str) -> tuple[Car, DeviceKey, DeviceKey]:
    car, owner, friend = _prepared(path)
    if change == "revoke":
        car.core.keyring.deposit(friend.token, owner.kid, car.now)
    return car, owner, friend


def _steps_of(change: str, path: Path) -> int:
    """How many steps of SQLite's machine the change takes."""
    car, owner, friend = _set_up(path, change)
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    car.store._base.set_progress_handler(count, 1)
    _change(car, owner, friend, change)
    car.store.close()
    return counted[0]


def _after_a_kill(change: str, path: Path, kill_at: int) -> str:
    """In which state the store is found."""
    child = os.fork()
    if child == 0:
        _die_in_the_middle(change, path, kill_at)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        return f"the child ended with {status}"
    return _state(Store(path), change)


def _die_in_the_middle(change: str, path: Path, kill_at: int) -> None:
    """In the child: never returns."""
    counted = [0]

    def count() -> int:
        counted[0] += 1
        if counted[0] >= kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    try:
        car, owner, friend = _set_up(path, change)
        car.store._base.set_progress_handler(count, 1)
        _change(car, owner, friend, change)
        os.kill(os.getpid(), signal.SIGKILL)  # after the last step
    finally:
        sys.stderr.flush()
        os._exit(3)


def _state(store: Store, change: str) -> str:
    """before, after, or what is wrong."""
    rows, kinds = len(store.rows()), [entry.kind for entry in store.log()]
    broken = store.first_broken()
    store.close()
    if broken is not None:
        return f"the log is broken at {broken}"
    wanted: dict[str, Any] = {
        "pair": {(1, 1, 0, 0): "before", (2, 2, 0, 0): "after"},
        "share": {(1, 1, 0, 0): "before", (2, 1, 1, 0): "after"},
        "revoke": {(2, 1, 1, 0): "before", (1, 1, 1, 1): "after"},
    }
    found = (rows, kinds.count("paired"), kinds.count("shared"), kinds.count("revoked"))
    return str(wanted[change].get(found, f"rows, paired, shared, revoked are {found}"))
