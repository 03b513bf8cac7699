"""Runs what a launch file asks for, on machines without `ros2 launch`: prefixes the output, restarts what `respawn`
says, reports who died and why, and ends everything at once on Ctrl-C.
"""

from __future__ import annotations

import asyncio
import collections
import ctypes
import itertools
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import yaml

from homeward_cli.launch_xml import Machine, ProcessSpec

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
GRACE_S = (4.0, 2.0)  # how long after SIGINT, then after SIGTERM, before the next stronger signal
PR_SET_PDEATHSIG = 1
AT_ONCE_S, SHORTEST_RESPAWN_S, LONGEST_RESPAWN_S = 5.0, 0.2, 30.0


def machine_from(environment: dict[str, str]) -> Machine:
    """Finds packages and their programs along AMENT_PREFIX_PATH."""
    prefixes = [Path(entry) for entry in environment.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]

    def prefix(package: str) -> str:
        for candidate in prefixes:
            if (candidate / "share" / package / "package.xml").exists():
                return str(candidate)
        raise LookupError(f"package '{package}' is not built here; run ./homeward setup")

    def executable(package: str, name: str) -> str:
        path = Path(prefix(package)) / "lib" / package / name
        if not path.exists():
            raise LookupError(f"package '{package}' has no program '{name}'")
        return str(path)

    return Machine(lambda package: f"{prefix(package)}/share/{package}", prefix, executable)


class Console:
    """Writes lines with the process's name before them; in colour on a terminal."""

    def __init__(self, stream: TextIO, width: int) -> None:
        self.stream, self.width, self.colours = stream, width, itertools.cycle(COLOURS)
        self.colour_of: dict[str, int] = {}
        self.coloured = stream.isatty() and "NO_COLOR" not in os.environ

    def line(self, name: str, text: str) -> None:
        tag = name.ljust(self.width)
        if self.coloured:
            colour = self.colour_of.setdefault(name, next(self.colours))
            tag = f"\x1b[{colour}m{tag}\x1b[0m"
        self.stream.write(f"{tag} | {text}\n")
        self.stream.flush()


class Runner:
    """Starts the processes and keeps them until told to stop. `on_line(name, text)` sees every line they print."""

    def __init__(
        self,
        specs: list[ProcessSpec],
        console: Console,
        on_line: Callable[[str, str], None] = lambda name, text: None,
    ) -> None:
        self.specs, self.console, self.on_line = specs, console, on_line
        self.stopping = asyncio.Event()
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self.deaths: list[str] = []
        self.folder = tempfile.TemporaryDirectory(prefix="homeward_params_")

    async def run(self) -> int:
        """Until Ctrl-C, or until every process has ended; 0 when none died by itself with an error."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stopping.set)
        keepers = [asyncio.create_task(self._keep(spec)) for spec in self.specs]
        stop = asyncio.create_task(self.stopping.wait())
        everyone = asyncio.gather(*keepers)
        await asyncio.wait([everyone, stop], return_when=asyncio.FIRST_COMPLETED)
        self.stopping.set()
        await self._end_all()
        await everyone
        stop.cancel()
        self.folder.cleanup()
        return 1 if self.deaths else 0

    def stop(self) -> None:
        self.stopping.set()

    async def _keep(self, spec: ProcessSpec) -> None:
        """One process's life, over again as `respawn` says; later and later where it dies at once each time."""
        delay_s = spec.respawn_delay_s
        while not self.stopping.is_set():
            began = time.monotonic()
            code, last = await self._once(spec)
            if self.stopping.is_set() or (code == 0 and not spec.respawn):
                return
            lived_s = time.monotonic() - began
            longer_s = min(max(2 * delay_s, SHORTEST_RESPAWN_S), LONGEST_RESPAWN_S)
            delay_s = longer_s if lived_s < AT_ONCE_S else spec.respawn_delay_s
            sentence = f"{spec.name} {describe_exit(code)} after {lived_s:.1f} s"
            self.console.line("homeward", sentence + (f"; it will be started again in {delay_s:g} s"
                                                      if spec.respawn else ""))  # fmt: skip
            for line in last if code else ():
                self.console.line("homeward", f"    its last words: {line}")
            if not spec.respawn:
                self.deaths.append(sentence)
                return
            await self._pause(delay_s)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            pass

    async def _once(self, spec: ProcessSpec) -> tuple[int, list[str]]:
        last: collections.deque[str] = collections.deque(maxlen=3)
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(spec), env=dict(spec.environment), stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, limit=1 << 20,
                start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip
        except OSError as error:
            return 127, [str(error)]
        self.running[spec.name] = process
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # a line longer than the limit: not ours to print
                continue
            if not line:
                break
            text = line.decode(errors="replace").rstrip()
            last.append(text)
            self.on_line(spec.name, text)
            self.console.line(spec.name, text)
        code = await process.wait()
        self.running.pop(spec.name, None)
        return code, list(last)

    def _command(self, spec: ProcessSpec) -> list[str]:
        """The command line, with each `<param name value>` written into a file of its own, as `ros2 launch` does."""
        words = []
        for index, word in enumerate(spec.command):
            words.append(self._parameter_file(spec, index, word) if isinstance(word, dict) else word)
        return words

    def _parameter_file(self, spec: ProcessSpec, index: int, values: dict[str, Any]) -> str:
        path = Path(self.folder.name) / f"{spec.name}_{index}.yaml"
        path.write_text(yaml.safe_dump({spec.full_name or "/**": {"ros__parameters": values}}))
        return str(path)

    async def _end_all(self) -> None:
        """SIGINT to all at once, then stronger words to those that stay."""
        for number, grace_s in zip((signal.SIGINT, signal.SIGTERM), GRACE_S):
            self._signal(number)
            waits = [asyncio.create_task(process.wait()) for process in self.running.values()]
            if waits:
                await asyncio.wait(waits, timeout=grace_s)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        for process in list(self.running.values()):
            if process.returncode is None:
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    pass


def _die_with_parent() -> None:
    """Linux: the kernel ends the child when this runner is killed outright."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"was ended by signal {signal.Signals(-code).name}"
    return "ended" if code == 0 else f"died with exit code {code}"


def run_specs(specs: list[ProcessSpec], on_line: Callable[[str, str], None] = lambda name, text: None) -> int:
    """Run them in the foreground until Ctrl-C."""
    width = max([len(spec.name) for spec in specs] + [8])

    async def everything() -> int:
        return await Runner(specs, Console(sys.stdout, width), on_line).run()

    return asyncio.run(everything())
