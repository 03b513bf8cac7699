"""The virtual environments of the judge and of the peer: made on demand from requirements/commonroad*.txt, never part of
the car's.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from homeward_cli.environment import ROOT, STATE, VENV

LOCK, PEER_LOCK = ROOT / "requirements" / "commonroad.txt", ROOT / "requirements" / "commonroad_peer.txt"
FOLDER, PEER_FOLDER = STATE / "commonroad", STATE / "commonroad_peer"


def judge_python(say: Callable[[str], None], lock: Path = LOCK, folder: Path = FOLDER) -> Path:
    """The judge's Python, its environment whole. Raises RuntimeError with what to do."""
    return _python_of("judge", say, lock, folder)


def peer_python(say: Callable[[str], None], lock: Path = PEER_LOCK, folder: Path = PEER_FOLDER) -> Path:
    """The peer's Python, its environment whole. Raises RuntimeError with what to do."""
    if sys.version_info >= (3, 12):
        raise RuntimeError(f"the peer's packages are for Python 3.9 to 3.11, and this is {sys.version.split()[0]}")
    return _python_of("peer", say, lock, folder)


def _python_of(whose: str, say: Callable[[str], None], lock: Path, folder: Path) -> Path:
    python, stamp = folder / "bin" / "python", folder / "made-from"
    wanted = hashlib.sha256(f"{sys.version_info[:2]}".encode() + lock.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    say(f"setting up the {whose} in {folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder} (300 MB, once)")
    shutil.rmtree(folder, ignore_errors=True)
    _run(whose, [sys.executable, "-m", "venv", str(folder)])
    uv = shutil.which("uv") or (str(VENV / "bin" / "uv") if (VENV / "bin" / "uv").exists() else None)
    installer = [uv, "pip", "install", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]
    _run(whose, [*installer, "--quiet", "--require-hashes", "-r", str(lock)])
    stamp.write_text(wanted)
    return python


def _run(whose: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"the {whose}'s environment could not be made: {done.stderr.strip()[-600:]}\n"
            "Is the package index reachable, and a C compiler installed (sudo apt install build-essential python3-dev)?"
        )
