"""Starting a launch file: checks first, then the runner, then the address of the dashboard once it answers."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from homeward_cli import launch_check
from homeward_cli.launch_xml import resolve
from homeward_cli.runner import machine_from, run_specs


def launch_arguments(words: list[str]) -> dict[str, str]:
    """`name:=value` words as a mapping. Raises typer.BadParameter."""
    wrong = [word for word in words if not re.fullmatch(r"\w+:=.*", word)]
    if wrong:
        raise typer.BadParameter(f"'{wrong[0]}' is not understood; launch arguments look like traffic:=20")
    return dict(word.split(":=", 1) for word in words)


def start(file: Path, arguments: Mapping[str, str], environment: dict[str, str]) -> int:
    """Run a launch file until Ctrl-C. Raises LaunchError before anything is started when the file or a port is wrong."""
    specs = resolve(file, arguments, environment, machine_from(environment))
    launch_check.check(specs)
    return run_specs(specs, _announce)


def _announce(name: str, text: str) -> None:
    """The cockpit says where it listens; say it again where nobody overlooks it."""
    found = re.search(r"dashboard at (http\S+)", text)
    if found:
        print(f"\n  Homeward is running. Open {found.group(1)}\n  Ctrl-C ends it.\n", file=sys.stderr, flush=True)
