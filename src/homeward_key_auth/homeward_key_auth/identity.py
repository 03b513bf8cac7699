"""The car's own keys, in a folder that only the service may read. A TPM or PKCS#11 signer takes the second one's place."""

from __future__ import annotations

import os
from pathlib import Path

from homeward_key_auth.core import Identity
from homeward_key_auth.curve import SCALAR_BYTES, PrivateKey

FILES = ("agreement.key", "signature.key")


def load_or_make(name: str, folder: Path | None) -> Identity:
    """The identity in `folder`, made at the first start; None: one that ends with the process. Raises OSError, ValueError."""
    if folder is None:
        return Identity(name, PrivateKey.new(), PrivateKey.new())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.stat(folder).st_mode & 0o077:
        raise ValueError(f"{folder} may be read by others: chmod 700 {folder}")
    agreement, signature = (_key(folder / file) for file in FILES)
    return Identity(name, agreement, signature)


def _key(file: Path) -> PrivateKey:
    """A raw 32-byte scalar; written whole or not at all."""
    if not file.exists():
        beside = file.with_suffix(".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(PrivateKey.new().scalar)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(file)
    scalar = file.read_bytes()
    if len(scalar) != SCALAR_BYTES:
        raise ValueError(f"{file} is no key of 32 bytes: restore it from a copy, or pair all keys again")
    return PrivateKey(scalar)
