"""P-256: public keys as 64 bytes (x ‖ y), names of keys, signatures as 64 bytes (r ‖ s)."""

from __future__ import annotations

import hashlib
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from homeward_key_auth.encoding import Malformed

CURVE, ES256 = ec.SECP256R1(), ec.ECDSA(SHA256())
KEY_BYTES, KID_BYTES, SCALAR_BYTES, SIGNATURE_BYTES = 64, 8, 32, 64


class Signer(Protocol):
    """What signs for the car: a file's key, a TPM, a PKCS#11 token."""

    @property
    def public(self) -> bytes:
        """64 bytes."""
        ...

    def sign(self, data: bytes) -> bytes:
        """ES256, 64 bytes."""
        ...


class PrivateKey:
    """A private key in memory: for agreement its `scalar`, for signatures `sign`."""

    def __init__(self, scalar: bytes) -> None:
        """`scalar`: 32 bytes, big-endian. Raises ValueError when it is no private key."""
        self._key = ec.derive_private_key(int.from_bytes(scalar, "big"), CURVE)
        self.scalar, self.public = scalar, public_bytes(self._key.public_key())

    @staticmethod
    def new() -> PrivateKey:
        number = ec.generate_private_key(CURVE).private_numbers().private_value
        return PrivateKey(number.to_bytes(SCALAR_BYTES, "big"))

    def sign(self, data: bytes) -> bytes:
        r, s = decode_dss_signature(self._key.sign(data, ES256))
        return r.to_bytes(SCALAR_BYTES, "big") + s.to_bytes(SCALAR_BYTES, "big")


def public_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """x ‖ y."""
    numbers = key.public_numbers()
    return numbers.x.to_bytes(SCALAR_BYTES, "big") + numbers.y.to_bytes(SCALAR_BYTES, "big")


def public_key(data: bytes) -> ec.EllipticCurvePublicKey:
    """From x ‖ y. Raises Malformed unless it is a point of the curve."""
    if not isinstance(data, bytes) or len(data) != KEY_BYTES:
        raise Malformed("a public key is not 64 bytes")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, b"\x04" + data)
    except ValueError:
        raise Malformed("a public key is no point of the curve") from None


def is_x_of_a_point(x: bytes) -> bool:
    """Whether some point of the curve has this x (32 bytes)."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(CURVE, b"\x02" + x)
    except ValueError:
        return False
    return True


def kid_of(agreement: bytes) -> bytes:
    """The name of who holds this agreement key (64 bytes): 8 bytes."""
    return hashlib.sha256(agreement).digest()[:KID_BYTES]


def is_signed(key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether `signature` (64 bytes) over `data` is of the key x ‖ y. Raises Malformed for a key that is none."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:SCALAR_BYTES], signature[SCALAR_BYTES:]))
    try:
        public_key(key).verify(encode_dss_signature(r, s), data, ES256)
    except InvalidSignature:
        return False
    return True
