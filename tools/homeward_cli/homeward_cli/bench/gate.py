"""The proof of the command gate: coverage of lines and branches, and a mutation tester's verdict, in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from homeward_cli.environment import ROOT

DESCRIPTION = "The command gate's tests: lines and branches covered, and mutants of a mutation tester killed."
PACKAGE, RUNTIME = ROOT / "src/homeward_can_bridge", ROOT / "src/homeward_runtime"
PROVEN = ("command_gate", "body_gate", "stop_plan")
NEEDED = ("__init__", "vehicle")
RUNTIME_PROVEN, RUNTIME_NEEDED = ("key_code",), ("__init__", "outcome")
TESTS = ("gate_cases", "test_can_command_gate", "test_can_gate_stopping", "test_can_gate_braking", "test_can_body_gate",
         "test_can_stop_plan", "test_can_key_code")  # fmt: skip
SETTINGS = """[mutmut]
source_paths=
    homeward_can_bridge
    homeward_runtime
only_mutate=
{only}
pytest_add_cli_args_test_selection=tests/
"""
LONGEST_S = 1800.0


def run(say: Callable[[str], None]) -> dict[str, object]:
    """The figures; survivors are listed with what the mutant changed. Raises RuntimeError where the tests fail."""
    with tempfile.TemporaryDirectory(prefix="homeward_gate_") as folder:
        place = Path(folder)
        _lay_out(place)
        say("coverage of lines and branches")
        covered = _coverage(place)
        say(f"{covered['coverage_percent']} % covered; mutants are next (minutes)")
        return {"modules": [*PROVEN, *RUNTIME_PROVEN], **covered, **_mutants(place)}


def _lay_out(place: Path) -> None:
    """The modules, what they import, and their tests: nothing else can lend a hand."""
    for package, names in ((PACKAGE, (*PROVEN, *NEEDED)), (RUNTIME, (*RUNTIME_PROVEN, *RUNTIME_NEEDED))):
        inner = place / package.name
        inner.mkdir()
        for name in names:
            shutil.copy(package / package.name / f"{name}.py", inner)
    (place / "tests").mkdir()
    for name in TESTS:
        shutil.copy(PACKAGE / "test" / f"{name}.py", place / "tests")
    proven = [f"homeward_can_bridge/{name}.py" for name in PROVEN] + [f"homeward_runtime/{name}.py" for name in RUNTIME_PROVEN]
    (place / "setup.cfg").write_text(SETTINGS.format(only="\n".join(f"    {path}" for path in proven)))


def _coverage(place: Path) -> dict[str, object]:
    only = ",".join(f"*/{name}.py" for name in (*PROVEN, *RUNTIME_PROVEN))
    _in(place, "coverage", "run", "--branch", f"--include={only}", "-m", "pytest", "-q", "tests")
    _in(place, "coverage", "json", "-q")
    found = json.loads((place / "coverage.json").read_text())
    totals = found["totals"]
    missing = {Path(path).stem: one["missing_lines"] + one["missing_branches"] for path, one in found["files"].items()}
    return {
        "lines": totals["num_statements"], "branches": totals["num_branches"],
        "coverage_percent": round(totals["percent_covered"], 2),
        "not_covered": {name: lines for name, lines in missing.items() if lines},
    }  # fmt: skip


def _mutants(place: Path) -> dict[str, object]:
    _in(place, "mutmut", "run", "--max-children", str(len(os.sched_getaffinity(0))))
    _in(place, "mutmut", "export-cicd-stats")
    stats = json.loads((place / "mutants" / "mutmut-cicd-stats.json").read_text())
    left = [line.split(":") for line in _in(place, "mutmut", "results").splitlines() if ": " in line and "Warning" not in line]
    survivors = {name.strip(): _changed(place, name.strip()) for name, verdict in left if verdict.strip() != "killed"}
    return {"mutants": stats["total"], "killed": stats["killed"], "survivors": survivors}


def _changed(place: Path, mutant: str) -> list[str]:
    """The lines that the mutant has otherwise."""
    shown = _in(place, "mutmut", "show", mutant).splitlines()
    return [line for line in shown if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def _in(place: Path, module: str, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["."]), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    environment.pop("COLUMNS", None)
    done = subprocess.run([sys.executable, "-m", module, *words], cwd=place, env=environment, capture_output=True, text=True,
                          timeout=LONGEST_S, check=False)  # fmt: skip
    if done.returncode and not (module == "mutmut" and words[0] == "run"):
        raise RuntimeError(f"{module} {words[0]} failed:\n{(done.stdout + done.stderr)[-1500:]}")
    return done.stdout
