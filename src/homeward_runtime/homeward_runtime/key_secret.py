"""The secret that the key service and the command gate share: a file that only they may read, made by whoever needs it first."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from homeward_runtime.key_code import LEAST_SECRET_BYTES


def read_or_make(path: str) -> bytes:
    """The secret in this file (`~` is the home folder); none for an empty path. A file that isn't there is made. Raises
    OSError, and ValueError for a file that others may read, or that is too short.
    """
    if not path:
        return b""
    file = Path(path).expanduser()
    if not file.exists():
        _make(file)
    if os.stat(file).st_mode & 0o077:
        raise ValueError(f"{file} may be read by others: chmod 600 {file}")
    found = file.read_bytes()
    if len(found) < LEAST_SECRET_BYTES:
        raise ValueError(f"{file} is too short for a secret: remove it, and a new one is made")
    return found


def _make(file: Path) -> None:
    """Whole or not at all: written beside, then linked under its name, which fails where another was faster."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(secrets.token_bytes(LEAST_SECRET_BYTES))
        out.flush()
        os.fsync(out.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(beside, file)
    beside.unlink()
