"""From a bare Python to the virtual environment, then on to the command line. Standard library only.

The environment is whole or it is redone: a stamp with the hash of everything that went into it is written last.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(os.environ.get("HOMEWARD_ROOT", Path(__file__).resolve().parents[3]))
STATE = Path(os.environ.get("HOMEWARD_STATE", ROOT / ".homeward"))
VENV = STATE / "venv"
TESTING = {"test"}  # the command that needs requirements/test.in as well


class SetupError(Exception):
    """What went wrong and what to do about it, in words for the person at the terminal."""


def uses_installed_ros() -> bool:
    """True where a ROS 2 installation is sourced and not overruled by HOMEWARD_WHEELS."""
    return bool(os.environ.get("ROS_DISTRO") and os.environ.get("AMENT_PREFIX_PATH")) and not os.environ.get(
        "HOMEWARD_WHEELS"
    )


def lock_files(testing: bool) -> list[Path]:
    """The locked requirements that this machine and this command need."""
    base = "system" if uses_installed_ros() else "wheels"
    return [ROOT / "requirements" / (f"{base}-test.txt" if testing else f"{base}.txt")]


def stamp_of(files: list[Path]) -> str:
    """What the environment was made from: the Python, the kind of ROS, and each lock file."""
    digest = hashlib.sha256(f"{sys.version_info[:3]} {sys.prefix} {uses_installed_ros()}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def stamp_path(testing: bool) -> Path:
    return STATE / ("venv-test.stamp" if testing else "venv.stamp")


def is_ready(testing: bool) -> bool:
    """True when the environment is complete for this command; the test environment contains the other one."""
    if not (VENV / "bin" / "python").exists():
        return False
    return any(
        stamp_path(kind).exists() and stamp_path(kind).read_text() == stamp_of(lock_files(kind))
        for kind in ({True} if testing else {False, True})
    )


def run(command: list[str], remedy: str) -> None:
    """Run one step of the set-up; its failure becomes a sentence with the remedy."""
    try:
        result = subprocess.run(command, check=False)
    except FileNotFoundError as error:
        raise SetupError(f"{command[0]} was not found. {remedy}") from error
    if result.returncode:
        raise SetupError(f"this step failed (exit code {result.returncode}): {' '.join(command[:6])} ...\n{remedy}")


def make_venv() -> None:
    """An empty environment; with a sourced ROS 2 it sees the system's packages, so that rclpy is the installed one."""
    flags = ["--system-site-packages"] if uses_installed_ros() else []
    shutil.rmtree(VENV, ignore_errors=True)
    run(
        [sys.executable, "-m", "venv", *flags, str(VENV)],
        "If ensurepip is missing: sudo apt install python3.11-venv (or python3-venv), then run this again.",
    )


def installer() -> list[str]:
    """`uv pip install` where uv is to be had (ten times faster), else pip."""
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--python", str(VENV / "bin" / "python")]
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    uv_lock = ROOT / "requirements" / "uv.txt"
    if subprocess.run([*pip, "--require-hashes", "-r", str(uv_lock)], check=False).returncode == 0:
        return [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(VENV / "bin" / "python")]
    return pip


def install(files: list[Path]) -> None:
    """Every package at its locked version, each checked against its hash."""
    command = [*installer(), "--require-hashes"]
    for file in files:
        command += ["-r", str(file)]
    run(command, "Is the package index reachable? Check the network (or the proxy settings) and run this again.")


def relocate_ros_wheels() -> int:
    """The wheels' CMake exports carry the paths of the machine that built them; put this one's in. Idempotent."""
    python = VENV / "bin" / "python"
    script = "import sysconfig, numpy; print(sysconfig.get_paths()['include']); print(numpy.get_include())"
    include, numpy_include = subprocess.run(
        [str(python), "-c", script], check=True, capture_output=True, text=True
    ).stdout.split("\n")[:2]
    built_with = "/opt/python/cp311-cp311"
    replacements = {
        f"{built_with}/lib/python3.11/site-packages/numpy/_core/include": numpy_include,
        f"{built_with}/include/python3.11": include,
    }
    changed = 0
    for file in (VENV / "share").rglob("*.cmake"):
        before = file.read_text(encoding="utf-8", errors="surrogateescape")
        after = before
        for old, new in replacements.items():
            after = after.replace(old, new)
        if after != before:
            file.write_text(after, encoding="utf-8", errors="surrogateescape")
            changed += 1
    return changed


def set_up(testing: bool) -> None:
    """Make or complete the virtual environment."""
    began = time.monotonic()
    files = lock_files(testing)
    print(f"homeward: setting up {VENV} (downloads about 700 MB the first time)", file=sys.stderr, flush=True)
    for kind in (False, True):
        stamp_path(kind).unlink(missing_ok=True)
    STATE.mkdir(parents=True, exist_ok=True)
    if not (VENV / "bin" / "python").exists():
        make_venv()
    install(files)
    if not uses_installed_ros():
        relocate_ros_wheels()
    stamp_path(testing).write_text(stamp_of(files))
    print(f"homeward: environment ready after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def main() -> int:
    """Set up what the command needs, then become the command line inside the environment."""
    arguments = sys.argv[1:]
    testing = bool(arguments) and arguments[0] in TESTING
    try:
        if not is_ready(testing):
            set_up(testing)
    except SetupError as error:
        print(f"homeward: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nhomeward: set-up interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, "-m", "homeward_cli", *arguments])


if __name__ == "__main__":
    sys.exit(main())
