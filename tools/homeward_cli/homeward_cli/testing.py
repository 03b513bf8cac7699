"""./homeward test: style, types, the directions of imports, the page's types, then every test."""

from __future__ import annotations

import subprocess
import sys
import time

from homeward_cli.environment import ROOT, VENV
from homeward_cli.workspace import npm_command, progress

SHELLS = {"node", "convert", "scene_markers", "ideal", "controller", "navigation", "sensors_node", "ecus_node", "client",
          "rig", "server", "rclpy_host", "actions", "lockstep", "aio", "tf", "can_bus", "traffic", "traffic_watch",
          "messages"}  # fmt: skip


def pure_modules() -> list[str]:
    """The modules held to `mypy --strict`: all of src/ but the shells around ROS, sockets and CARLA's client."""
    files = sorted((ROOT / "src").glob("homeward_*/homeward_*/**/*.py"))
    return [str(file.relative_to(ROOT)) for file in files if file.stem not in SHELLS and "__pycache__" not in file.parts]


def checks() -> list[tuple[str, list[str]]]:
    """Name and command of each check before the tests."""
    tools = str(VENV / "bin")
    return [
        ("style (ruff)", [f"{tools}/ruff", "check", "--quiet", "."]),
        ("types of the pure modules (mypy --strict)", [f"{tools}/mypy", "--no-error-summary", *pure_modules()]),
        ("directions of imports (import-linter)", [f"{tools}/lint-imports", "--no-cache"]),
    ]


def run_all(arguments: list[str], environment: dict[str, str]) -> int:
    """Every check, then pytest; 0 when all is well. With arguments only pytest runs, with them."""
    failed = (
        [] if arguments else [name for name, command in [*checks(), *_web_checks()] if not _passes(name, command, environment)]
    )
    result = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=environment, check=False)
    for name in failed:
        print(f"homeward: FAILED: {name} (its output is above)", file=sys.stderr)
    return 1 if failed else result.returncode


def _web_checks() -> list[tuple[str, list[str]]]:
    web = ROOT / "src" / "homeward_hmi_bridge" / "web"
    if not (web / "package.json").exists():
        return []
    return [("the page's types (svelte-check)", [*npm_command(progress), "--prefix", str(web), "run", "check"])]


def _passes(name: str, command: list[str], environment: dict[str, str]) -> bool:
    began = time.monotonic()
    paths = [str(path) for path in sorted((ROOT / "src").glob("homeward_*"))] + [str(ROOT / "tools/homeward_cli")]
    environment = environment | {"MYPYPATH": ":".join(paths), "PYTHONPATH": ":".join([*paths, environment.get("PYTHONPATH", "")])}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    mark = "ok" if result.returncode == 0 else "FAILED"
    print(f"homeward: {mark:6} {name} ({time.monotonic() - began:.0f} s)", flush=True)
    if result.returncode:
        print(result.stdout + result.stderr)
    return result.returncode == 0
