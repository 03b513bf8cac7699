"""The runner: real processes that print, die, come back and resist."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import time

import psutil

from homeward_cli.launch_xml import ProcessSpec
from homeward_cli.runner import Console, Runner


def spec(name: str, program: str, **options: object) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-u", "-c", program), dict(os.environ), **options)  # type: ignore[arg-type]


def children() -> set[int]:
    """Of this process, whoever started them: other tests keep some."""
    return {child.pid for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE}


def run(specs: list[ProcessSpec], seconds: float) -> tuple[int, str, float]:
    """Exit code, what was printed, and how long it took to end everything once told to."""
    out = io.StringIO()

    async def whole() -> tuple[int, float]:
        runner = Runner(specs, Console(out, 8))
        task = asyncio.create_task(runner.run())
        await asyncio.wait([task], timeout=seconds)
        began = time.monotonic()
        runner.stop()
        return await task, time.monotonic() - began

    code, took_s = asyncio.run(whole())
    return code, out.getvalue(), took_s


def test_lines_carry_the_name_of_their_process() -> None:
    code, text, _ = run([spec("one", "print('hello')"), spec("two", "print('there')")], 10.0)
    assert code == 0 and "one      | hello\n" in text and "two      | there\n" in text


def test_a_death_is_told_with_the_last_words() -> None:
    code, text, _ = run([spec("frail", "import sys; print('I saw it coming'); sys.exit(3)")], 10.0)
    assert code == 1 and "frail died with exit code 3" in text and "its last words: I saw it coming" in text


def test_one_that_dies_at_once_comes_back_later_and_later() -> None:
    _, text, _ = run([spec("moth", "print('again'); raise SystemExit(1)", respawn=True, respawn_delay_s=0.1)], 3.0)
    assert 2 <= text.count("| again") <= 6
    assert "started again in 0.2 s" in text and "started again in 0.4 s" in text and "started again in 0.8 s" in text


def test_everything_ends_at_once_and_nothing_is_left() -> None:
    before = children()
    quiet = spec("quiet", "import time\nwhile True: time.sleep(1)")
    _, _, took_s = run([quiet, quiet.__class__(**{**quiet.__dict__, "name": "other"})], 1.0)
    assert took_s < 6.0 and children() <= before


def test_one_that_ignores_signals_is_killed() -> None:
    before = children()
    deaf = "import signal, time\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\nprint('deaf')\nwhile True: time.sleep(1)"
    _, text, took_s = run([spec("deaf", deaf)], 1.5)
    assert "| deaf" in text and took_s < 15.0 and children() <= before


def test_an_endless_line_is_passed_over() -> None:
    _, text, _ = run([spec("loud", "print('x' * 3_000_000)\nprint('after')")], 10.0)
    assert "loud     | after" in text
