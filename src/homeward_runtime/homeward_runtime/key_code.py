"""The short-lived code with which key authentication vouches for a body command, and its check.

    code = counter (8 bytes) ‖ expiry in ms since 1970 (8 bytes) ‖ HMAC-SHA256(secret, domain ‖ verb ‖ counter ‖ expiry)

Numbers are big-endian. Two services read the secret: the one that vouches and the command gate. A code serves once
(its counter must rise, from 1 on), for one verb, and for LIFETIME_MS; none that was made before the gate started is
taken, so that a gate which has forgotten the counter takes no old one.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

LIFETIME_MS = 5000
LEAST_SECRET_BYTES = 32
DOMAIN = b"homeward body command 1"
HEAD = struct.Struct(">QQ")
CODE_BYTES = HEAD.size + 32


def make_code(secret: bytes, verb: int, counter: int, expiry_ms: int) -> bytes:
    """A code for one verb. `expiry_ms` is at most LIFETIME_MS ahead."""
    head = HEAD.pack(counter, expiry_ms)
    return head + _seal(secret, verb, head)


def _seal(secret: bytes, verb: int, head: bytes) -> bytes:
    return hmac.new(secret, DOMAIN + bytes([verb]) + head, hashlib.sha256).digest()


class CodeCheck:
    """Checks codes; remembers the highest counter. `secret` is empty where no key service is set up: nothing passes then."""

    def __init__(self, secret: bytes, start_ms: int) -> None:
        self._secret = secret
        self._start_ms = start_ms
        self._counter = 0

    def complaint(self, verb: int, code: bytes, now_ms: int) -> str:
        """Why this code does not open; empty when it does, and then never again. A refusal uses nothing up."""
        if len(self._secret) < LEAST_SECRET_BYTES:
            return "no key is set up"
        if len(code) != CODE_BYTES:
            return "it needs a key"
        head = code[: HEAD.size]
        if not hmac.compare_digest(code[HEAD.size :], _seal(self._secret, verb, head)):
            return "the key's code is not genuine"
        counter, expiry_ms = HEAD.unpack(head)
        if not now_ms <= expiry_ms <= now_ms + LIFETIME_MS:
            return "the key's code is out of its time"
        if expiry_ms - LIFETIME_MS < self._start_ms:
            return "the key's code is older than the gate"
        if counter <= self._counter:
            return "the key's code was used before"
        self._counter = counter
        return ""
