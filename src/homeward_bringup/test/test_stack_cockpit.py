"""The cockpit with its real peers: roslib from npm, and Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from homeward_cli.workspace import npm_command, progress
from homeward_interfaces.msg import LocalizationState
from homeward_runtime import ledger

pytestmark = pytest.mark.stack
ROOT = Path(__file__).resolve().parents[3]
ROSLIB = ROOT / "src/homeward_hmi_bridge/test/roslib"
TRIP_S = 600.0
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def ready(observer: Any) -> None:
    observer.watch(ledger.LOCALIZATION, ledger.PLANNER_STATE)

    def located() -> bool:
        seen = observer.latest.get(ledger.LOCALIZATION.name)
        return seen is not None and seen.status == LocalizationState.GOOD and ledger.PLANNER_STATE.name in observer.latest

    observer.until(located, 180.0, "the stack to be up")


@pytest.fixture(scope="module")
def talk(stack: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the unmodified roslib saw."""
    folder = tmp_path_factory.mktemp("roslib")
    for name in ("package.json", "package-lock.json", ".npmrc", "talk.mjs"):
        shutil.copy(ROSLIB / name, folder)
    npm = npm_command(progress)
    node = [npm[0]] if npm[0].endswith("node") else ["node"]
    subprocess.run([*npm, "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
    address = stack.dashboard.replace("http", "ws")
    result = subprocess.run([*node, "talk.mjs", address], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_roslib_subscribes_and_is_throttled(talk: dict[str, Any]) -> None:
    assert talk["vehicle"]["power"] == 2 and len(talk["vehicle"]["wheel_speed_mps"]) == 4
    assert 150 < talk["period_ms"] < 400


def test_roslib_calls_services(talk: dict[str, Any]) -> None:
    assert "Office" in talk["unknown_place"]["values"]["outcome"]["text"]
    assert "no field 'plaice'" in talk["wrong_field"]["error"]


def test_what_the_ledger_does_not_allow_is_refused(talk: dict[str, Any]) -> None:
    assert "no service '/planner/set_parameters'" in talk["parameters"]["error"]
    assert "no field 'data'" in talk["type"]["error"]
    assert "truth" not in talk
    told = " ".join(json.dumps(status) for status in talk["statuses"])
    assert "may not subscribe to '/sim/truth/ego'" in told
    assert "no inbox '/vehicle/drive_command'" in told


def test_roslib_sends_a_goal_hears_feedback_and_cancels(talk: dict[str, Any]) -> None:
    assert talk["feedback"]["distance_remaining"] > 500.0
    assert "result" in talk or "failed" in talk, "a cancelled goal ends"
    assert "off_map" in talk


def test_a_page_of_another_site_may_not_speak_to_the_cockpit(stack: Any) -> None:
    request = urllib.request.Request(f"{stack.dashboard}/health", headers={"Origin": "https://evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=5)
    assert refusal.value.code == 403


@pytest.mark.slow
def test_a_person_drives_to_the_office_in_chromium(stack: Any, observer: Any, tmp_path: Path) -> None:
    """Chooses Office on the page, engages, sees the car arrive. HOMEWARD_RECORD=1 keeps the picture in docs/."""
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
        page.get_by_test_id("place-office").click(timeout=30_000)
        page.get_by_text("Engage to drive").wait_for(timeout=15_000)
        page.get_by_test_id("engage").click()
        drive(page, tmp_path)
        browser.close()
    assert not complaints


# The gate stopped the car: a busy machine, see the README, "Real time". In one go, for the button may be gone in a moment.
ENGAGE_IF_ASKED = "() => document.querySelector('[data-testid=engage]:not([disabled])')?.click()"


def drive(page: Any, folder: Path) -> None:
    """Watch the page until the car has arrived; take over from stops as a person would: engage again."""
    began, shot = time.monotonic(), False
    while time.monotonic() - began < TRIP_S:
        headline = page.get_by_test_id("headline").inner_text()
        if headline.startswith("Arrived: Office"):
            assert int(page.get_by_test_id("speed").inner_text()) == 0
            return
        page.evaluate(ENGAGE_IF_ASKED)
        if not shot and time.monotonic() - began > 30.0 and int(page.get_by_test_id("speed").inner_text()) > 20:
            page.screenshot(path=str(folder / "cockpit.png"))
            shot = True
            if os.environ.get("HOMEWARD_RECORD"):
                shutil.copy(folder / "cockpit.png", ROOT / "docs" / "cockpit.png")
        page.wait_for_timeout(500)
    pytest.fail(f"not there after {TRIP_S:.0f} s: {page.get_by_test_id('headline').inner_text()}")
