"""A watch is paired on the page, opens and starts the simulated car: the real stack, Chromium, the command-line device."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from homeward_interfaces.msg import LocalizationState, Outcome, VehicleState
from homeward_interfaces.srv import BodyCommand
from homeward_runtime import ledger

pytestmark = pytest.mark.stack
LIST, OPEN_PAIRING, REVOKE, LOG, CHECK_LOG = 0, 1, 3, 4, 5


class Device:
    """The command line with a key's file of its own."""

    def __init__(self, stack: Any, observer: Any, file: Path) -> None:
        self.stack, self.observer, self.file = stack, observer, file

    def __call__(self, *words: str) -> tuple[int, str]:
        """(exit code, what it printed)."""
        command = [sys.executable, "-m", "homeward_cli.key_tools", *words, "--key", str(self.file)]
        if words[0] not in ("request", "accept"):
            command += ["--radio", self.stack.radio]
        environment = os.environ | {"ROS_DOMAIN_ID": str(self.stack.domain)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                self.observer.until(lambda: process.poll() is not None, 90.0, f"./homeward key {' '.join(words)}")
            finally:
                process.kill()
            assert process.stdout is not None
            return process.returncode, process.stdout.read()


@pytest.fixture(scope="module", autouse=True)
def ready(observer: Any) -> None:
    observer.watch(ledger.LOCALIZATION, ledger.VEHICLE_STATE, ledger.KEY_PRESENCE, ledger.KEY_EVENTS)
    observer.until(lambda: observer.latest.get(ledger.VEHICLE_STATE.name), 120.0, "the car's state")
    observer.until(lambda: ledger.KEY_PRESENCE.name in observer.latest, 60.0, "the key service")


@pytest.fixture(scope="module")
def watch(stack: Any, observer: Any, tmp_path_factory: pytest.TempPathFactory) -> Device:
    return Device(stack, observer, tmp_path_factory.mktemp("watch") / "watch.key")


CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.mark.slow
def test_a_person_pairs_a_watch_on_the_page(stack: Any, watch: Device, tmp_path: Path) -> None:
    """HOMEWARD_RECORD=1 keeps the picture in docs/."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here: sudo apt install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(stack.dashboard)
        page.get_by_role("button", name="Keys").click(timeout=60_000)
        page.get_by_text("No key is paired yet.").wait_for(timeout=30_000)
        page.get_by_role("button", name="Pair a key").click()
        shown = page.get_by_test_id("code").inner_text(timeout=30_000)
        page.screenshot(path=tmp_path / "pairing.png")
        code, words = watch("pair", shown.replace(" ", ""), "--name", "Ann's watch")
        assert code == 0, words
        page.get_by_test_id("key").filter(has_text="Ann's watch").wait_for(timeout=30_000)
        page.get_by_text("Ann's watch is an owner's key now").wait_for(timeout=30_000)
        page.get_by_role("button", name="Revoke").click()
        page.get_by_role("button", name="Really revoke").click()
        page.get_by_text("it is the last owner's key").wait_for(timeout=30_000)
        page.screenshot(path=tmp_path / "keys.png")
        if os.environ.get("HOMEWARD_RECORD"):
            shutil.copy(tmp_path / "keys.png", Path(__file__).resolve().parents[3] / "docs/cockpit_keys.png")
        browser.close()
    assert not complaints


def body(observer: Any, verb: int) -> int:
    return int(observer.call(ledger.BODY, verb=verb).outcome.outcome)


def is_locked(observer: Any) -> bool:
    return bool(observer.newest(ledger.VEHICLE_STATE).locked)


def test_a_watch_comes_near_the_doors_unlock_it_sits_starts_and_drives_to_the_office(
    stack: Any, observer: Any, watch: Device, tmp_path: Path
) -> None:
    friend = Device(stack, observer, tmp_path / "friend.key")
    if not watch.file.exists():  # no Chromium here
        code, words = watch("pair", observer.call(ledger.KEY_REQUEST, what=OPEN_PAIRING).code, "--name", "Ann's watch")
        assert code == 0, words
    assert body(observer, BodyCommand.Request.POWER_OFF) == body(observer, BodyCommand.Request.LOCK) == Outcome.DONE
    assert is_locked(observer) and body(observer, BodyCommand.Request.UNLOCK) == Outcome.REFUSED

    code, words = watch("walk", "--from-m", "8")
    assert code == 0 and "the doors unlock" in words and "the car starts" in words, words
    state = observer.newest(ledger.VEHICLE_STATE)
    assert not state.locked and state.power == VehicleState.POWER_READY

    observer.until(lambda: observer.newest(ledger.LOCALIZATION).status == LocalizationState.GOOD, 60.0, "the car to know where it is")
    observer.until(lambda: observer.call(ledger.DRIVE_TO, place="office").outcome.outcome == Outcome.DONE, 60.0, "the planner")
    observer.until(lambda: observer.call(ledger.SET_ENGAGED, engaged=True).outcome.outcome == Outcome.DONE, 30.0, "pilot")
    observer.until(lambda: observer.newest(ledger.VEHICLE_STATE).speed_mps > 3.0, 60.0, "the car to drive off")
    observer.call(ledger.SET_ENGAGED, engaged=False)
    shares_and_revokes(observer, watch, friend)


def shares_and_revokes(observer: Any, watch: Device, friend: Device) -> None:
    """A friend's key opens; revoked in the cockpit, it doesn't; the log tells of it and holds."""
    observer.until(lambda: abs(observer.newest(ledger.VEHICLE_STATE).speed_mps) < 0.05, 60.0, "the car to stand")
    _, asked = friend("request", "--name", "Bob")
    code, invited = watch("share", asked.strip(), "--verbs", "unlock,lock", "--lasts", "1h")
    assert code == 0, invited
    assert friend("accept", invited.splitlines()[0])[0] == 0
    code, words = friend("lock")
    assert code == 0 and is_locked(observer), words
    code, words = friend("start")
    assert code == 1 and "doesn't include start" in words
    kid = next(key.kid for key in observer.call(ledger.KEY_REQUEST, what=LIST).keys if key.name == "Bob")
    assert observer.call(ledger.KEY_REQUEST, what=REVOKE, kid=kid).outcome.outcome == Outcome.DONE
    code, words = friend("unlock")
    assert code == 1 and "doesn't know this key" in words and is_locked(observer)
    entries = observer.call(ledger.KEY_REQUEST, what=LOG).entries
    assert {"paired", "shared", "command", "revoked", "refused"} <= {entry.kind for entry in entries}
    assert observer.call(ledger.KEY_REQUEST, what=CHECK_LOG).outcome.outcome == Outcome.DONE


def test_a_request_that_is_none_is_refused(observer: Any) -> None:
    assert observer.call(ledger.KEY_REQUEST, what=99).outcome.reason == "unknown_request"
    assert observer.call(ledger.KEY_REQUEST, what=REVOKE, kid="xyz").outcome.reason == "unknown_key"
