"""The list of benchmarks: without a built workspace, and each one a module that can be run."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

from homeward_cli.app import benchmarks
from homeward_cli.environment import ROOT


def test_they_are_listed_without_the_workspace() -> None:
    bare = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "tools/homeward_cli")}
    listed = subprocess.run([sys.executable, "-m", "homeward_cli", "bench"], env=bare, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(benchmarks())
    assert {"trip", "lockstep", "sim", "middleware", "can", "gate", "gate_fuzz", "stopping", "town"} <= benchmarks().keys()


@pytest.mark.parametrize("name", benchmarks())
def test_each_can_be_run(name: str) -> None:
    parameters = list(inspect.signature(importlib.import_module(f"homeward_cli.bench.{name}").run).parameters)
    assert parameters in (["say"], ["say", "arguments"]) or parameters[0] == "say"
