"""The environment that ROS 2 programs need here: where things are, the library path, the middleware's settings."""

from __future__ import annotations

import glob
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from homeward_cli.bootstrap import ROOT, STATE, VENV, uses_installed_ros

__all__ = ["MIDDLEWARE", "ROOT", "STATE", "VENV", "Paths", "ros_environment", "uses_installed_ros", "workspace_environment"]

# The same in every participant, or topics are seen and no data comes (docs/architecture.md, "Middleware").
# launch/include/middleware.launch.xml says the same to the stock `ros2 launch`; a test compares the two.
MIDDLEWARE = {
    "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
    "FASTRTPS_DEFAULT_PROFILES_FILE": str(ROOT / "params" / "fastdds.xml"),  # Fast DDS 2 (Jazzy)
    "FASTDDS_DEFAULT_PROFILES_FILE": str(ROOT / "params" / "fastdds.xml"),  # Fast DDS 3 (Kilted and later)
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT",
}


@dataclass(frozen=True)
class Paths:
    """Where the workspace keeps what it makes. All of it can be deleted and comes back."""

    build: Path = STATE / "build"
    install: Path = STATE / "install"
    log: Path = STATE / "log"
    runs: Path = STATE / "runs"


def wheels_environment() -> dict[str, str]:
    """What a sourced ROS 2 would set, for the wheels (they have no setup.bash)."""
    libraries = [str(VENV / "lib"), *sorted(glob.glob(str(VENV / "lib/python3*/site-packages/ros_*.libs")))]
    inherited = os.environ.get("LD_LIBRARY_PATH", "")
    return {
        "ROS_DISTRO": "jazzy",
        "ROS_VERSION": "2",
        "ROS_PYTHON_VERSION": "3",
        "AMENT_PREFIX_PATH": str(VENV),
        "CMAKE_PREFIX_PATH": str(VENV),
        "LD_LIBRARY_PATH": os.pathsep.join([*libraries, *([inherited] if inherited else [])]),
        "_ROS_WHEELS_BOOTSTRAP_COMPLETE": "1",  # else importing rclpy starts Python a second time
    }


def ros_environment() -> dict[str, str]:
    """This process's environment with ROS 2 and the virtual environment in it, without our workspace."""
    environment = dict(os.environ)
    if not uses_installed_ros():
        environment.update(wheels_environment())
    for name, value in MIDDLEWARE.items():
        environment.setdefault(name, value)
    environment["VIRTUAL_ENV"] = str(VENV)
    environment["PATH"] = f"{VENV / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
    environment["HOMEWARD_ROOT"] = str(ROOT)
    environment.setdefault("HOMEWARD_DATA", str(ROOT.parent / "shared" / "data"))
    environment.setdefault("PYTHONUNBUFFERED", "1")
    environment.setdefault("RCUTILS_COLORIZED_OUTPUT", "0")
    return environment


def workspace_environment(paths: Paths = Paths()) -> dict[str, str]:
    """`ros_environment()` with the built workspace sourced; remembered beside the install folder until it changes."""
    environment = ros_environment()
    setup = paths.install / "local_setup.sh"
    if not setup.exists():
        return environment
    remembered = paths.install / ".environment.json"
    if remembered.exists() and remembered.stat().st_mtime >= setup.stat().st_mtime:
        changes = json.loads(remembered.read_text())
    else:
        changes = _sourced(setup, environment)
        remembered.write_text(json.dumps(changes, indent=1))
    for name, value in changes.items():  # prepended, never replaced: what the person set stays in force
        environment[name] = os.pathsep.join(filter(None, [value, environment.get(name, "")]))
    return environment


def _sourced(setup: Path, environment: dict[str, str]) -> dict[str, str]:
    """What sourcing prepends to each path-like variable."""
    names = ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH")
    blank = environment | {name: "" for name in names if name != "PATH"}
    shell = subprocess.run(
        ["/bin/bash", "-c", f'. "{setup}" >/dev/null; env -0'], env=blank, capture_output=True, text=True, check=True
    )
    after = dict(line.split("=", 1) for line in shell.stdout.split("\0") if "=" in line)
    changes = {}
    for name in names:
        before = blank.get(name, "").split(os.pathsep)
        added = [entry for entry in after.get(name, "").split(os.pathsep) if entry and entry not in before]
        if added:
            changes[name] = os.pathsep.join(added)
    return changes
