"""SPAKE2+ (RFC 9383), suite P256-SHA256-HKDF-SHA256-HMAC-SHA256: a strong secret from a short code, one guess a try.

Names follow the RFC: the prover (the device) knows w0 and w1, the verifier (the car) w0 and L = w1·G; x and y are their secret
scalars. Point arithmetic is pycryptodome's, blinded.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from Crypto.PublicKey.ECC import EccPoint  # type: ignore[attr-defined]
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from homeward_key_auth.curve import CURVE, public_bytes, public_key
from homeward_key_auth.encoding import Malformed

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
HALF_BYTES, SCRYPT_R, SCRYPT_P = 40, 8, 1


@dataclass(frozen=True)
class Context:
    """What both sides must agree on beside the code."""

    text: bytes
    prover: bytes
    verifier: bytes


@dataclass(frozen=True)
class Outcome:
    """What comes of it: both confirmations, and the shared key (32 bytes each)."""

    confirm_p: bytes
    confirm_v: bytes
    key: bytes


def _point(encoded: bytes) -> EccPoint:
    """From 04 ‖ x ‖ y. Raises Malformed for what is no point of the curve; the neutral element has no such spelling."""
    if len(encoded) != 65 or encoded[0] != 4:
        raise Malformed("a share is not 04 and 64 bytes")
    public_key(encoded[1:])
    return EccPoint(int.from_bytes(encoded[1:33], "big"), int.from_bytes(encoded[33:], "big"), curve="p256")


def _encoded(point: EccPoint) -> bytes:
    if point.is_point_at_infinity():
        raise Malformed("a share leads to the neutral element")
    return b"\x04" + int(point.x).to_bytes(32, "big") + int(point.y).to_bytes(32, "big")


def _constant(compressed: str) -> EccPoint:
    return _point(b"\x04" + public_bytes(ec.EllipticCurvePublicKey.from_encoded_point(CURVE, bytes.fromhex(compressed))))


M = _constant("02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f")
N = _constant("03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49")
G = _constant("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")


def derive(code: str, salt: bytes, cost: int, context: Context) -> tuple[int, int]:
    """w0 and w1 from the code. `cost` is the base-2 logarithm of scrypt's N."""
    parts = (code.encode(), context.prover, context.verifier)
    password = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    found = Scrypt(salt, 2 * HALF_BYTES, 1 << cost, SCRYPT_R, SCRYPT_P).derive(password)
    halves = (int.from_bytes(half, "big") % ORDER for half in (found[:HALF_BYTES], found[HALF_BYTES:]))
    w0, w1 = halves
    return w0, w1


def prover_share(w0: int, x: int) -> bytes:
    return _encoded(G * x + M * w0)


def verifier_share(w0: int, y: int) -> bytes:
    return _encoded(G * y + N * w0)


def prover_finish(context: Context, w0: int, w1: int, x: int, share_p: bytes, share_v: bytes) -> Outcome:
    """Raises Malformed for a share that is none."""
    common = _point(share_v) + -(N * w0)
    return _schedule(context, w0, share_p, share_v, _encoded(common * x), _encoded(common * w1))


def verifier_finish(context: Context, w0: int, w1: int, y: int, share_p: bytes, share_v: bytes) -> Outcome:
    """Raises Malformed for a share that is none. The car knows the code, so it has w1 and makes L of it."""
    common = _point(share_p) + -(M * w0)
    return _schedule(context, w0, share_p, share_v, _encoded(common * y), _encoded(G * w1 * y))


def _schedule(context: Context, w0: int, share_p: bytes, share_v: bytes, z: bytes, v: bytes) -> Outcome:
    """RFC 9383, section 3.4."""
    parts = (context.text, context.prover, context.verifier, _encoded(M), _encoded(N), share_p, share_v, z, v,
             w0.to_bytes(32, "big"))  # fmt: skip
    main = hashlib.sha256(b"".join(len(part).to_bytes(8, "little") + part for part in parts)).digest()
    confirm = HKDF(SHA256(), 64, None, b"ConfirmationKeys").derive(main)
    return Outcome(
        hmac.digest(confirm[:32], share_v, "sha256"),
        hmac.digest(confirm[32:], share_p, "sha256"),
        HKDF(SHA256(), 32, None, b"SharedKey").derive(main),
    )
