"""Owner pairing (specification, section 4): the code's life and tries, and what both sides say.

The car counts a try before it answers a share, so that hanging up doesn't make guesses free.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from homeward_key_auth import spake2plus
from homeward_key_auth.curve import PrivateKey, is_signed, public_key
from homeward_key_auth.encoding import Malformed, decode, encode
from homeward_key_auth.spake2plus import Context, Outcome

CODE_DIGITS, CODE_LIVES_S, MOST_TRIES = 6, 120.0, 5
WAITS_S = (60.0, 300.0, 900.0, 3600.0)
COST, LEAST_COST, MOST_COST, SALT_BYTES = 15, 14, 18, 16
TEXT, PROVER = b"homeward digital key 1", b"homeward device"
PROOF = b"homeward enrolment 1"
ONCE = bytes(12)  # the nonce of a key that is used once
MOST_NAME = 32


class WrongCode(Exception):
    """The other side doesn't know the code, or isn't who it says."""


@dataclass(frozen=True)
class Tries:
    """What is stored of wrong tries. `locked_until_s` is of the wall clock, by its high-water mark."""

    used: int = 0
    locks: int = 0
    locked_until_s: float = 0.0

    def one_more(self, now_s: float) -> Tries:
        """With another try used up; locked, with a wait that grows, when it was the last."""
        if self.used + 1 < MOST_TRIES:
            return replace(self, used=self.used + 1)
        wait_s = WAITS_S[min(self.locks, len(WAITS_S) - 1)]
        return Tries(0, self.locks + 1, now_s + wait_s)

    def is_locked(self, now_s: float) -> bool:
        return now_s < self.locked_until_s


@dataclass(frozen=True)
class Code:
    """A code that is shown, with what was derived from it once, so that a guess costs the car little; `born_s` of the
    monotonic clock.
    """

    digits: str
    born_s: float
    salt: bytes
    w0: int
    w1: int

    @staticmethod
    def new(car: bytes, now_s: float) -> Code:
        """`car` is its kid. Takes a tenth of a second."""
        digits = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
        return Code.of(digits, secrets.token_bytes(SALT_BYTES), car, now_s)

    @staticmethod
    def of(digits: str, salt: bytes, car: bytes, now_s: float) -> Code:
        return Code(digits, now_s, salt, *spake2plus.derive(digits, salt, COST, Context(TEXT, PROVER, car)))

    def lives(self, now_s: float) -> bool:
        return now_s - self.born_s < CODE_LIVES_S


@dataclass(frozen=True)
class Enrolment:
    """What a device brings: its name and its two public keys (64 bytes each)."""

    name: str
    agreement: bytes
    signature: bytes


@dataclass(frozen=True)
class Welcome:
    """What it gets: the car's name and two public keys, and the token with its rights."""

    name: str
    agreement: bytes
    signature: bytes
    token: bytes


def random_scalar() -> int:
    return 1 + secrets.randbelow(spake2plus.ORDER - 1)


class CarPairing:
    """The car's side of one attempt on one connection."""

    def __init__(self, code: Code, car: bytes, scalar: int | None = None) -> None:
        """`car` is its kid. `scalar` is drawn unless a test vector gives it."""
        self.code, self._context = code, Context(TEXT, PROVER, car)
        self._scalar = random_scalar() if scalar is None else scalar
        self._outcome: Outcome | None = None

    @property
    def answered(self) -> bool:
        return self._outcome is not None

    def answer(self, share_p: bytes) -> tuple[bytes, bytes]:
        """share-v and confirm-v. Raises Malformed."""
        share_v = spake2plus.verifier_share(self.code.w0, self._scalar)
        secret = self.code.w0, self.code.w1
        self._outcome = spake2plus.verifier_finish(self._context, *secret, self._scalar, share_p, share_v)
        return share_v, self._outcome.confirm_v

    def enrolment(self, confirm_p: bytes, sealed: bytes) -> Enrolment:
        """What the device brought, once it has proven the code. Raises WrongCode, Malformed."""
        if self._outcome is None or not hmac.compare_digest(confirm_p, self._outcome.confirm_p):
            raise WrongCode
        found = unseal(self._outcome.key, b"homeward enrolment", sealed)
        name, agreement, signature, proof = fields(found, str, bytes, bytes, bytes)
        named(name)
        public_key(agreement)
        if agreement == signature or not is_signed(signature, proof, _to_prove(self._outcome, agreement, signature)):
            raise Malformed("the enrolment's proof doesn't hold")
        return Enrolment(name, agreement, signature)

    def welcome(self, welcome: Welcome) -> bytes:
        """Sealed for the device. After `enrolment` only."""
        assert self._outcome is not None
        values = (welcome.name, welcome.agreement, welcome.signature, welcome.token)
        return seal(self._outcome.key, b"homeward welcome", dict(enumerate(values, 1)))


class DevicePairing:
    """The device's side."""

    def __init__(self, code: str, car: bytes, salt: bytes, cost: int, scalar: int | None = None) -> None:
        """Raises Malformed when the car asks for absurd work."""
        if not LEAST_COST <= cost <= MOST_COST or len(salt) != SALT_BYTES:
            raise Malformed("the car's offer is out of range")
        self._context = Context(TEXT, PROVER, car)
        self._w0, self._w1 = spake2plus.derive(code, salt, cost, self._context)
        self._scalar = random_scalar() if scalar is None else scalar
        self.share = spake2plus.prover_share(self._w0, self._scalar)
        self._outcome: Outcome | None = None

    def confirm(self, share_v: bytes, confirm_v: bytes, name: str, agreement: bytes, signing: PrivateKey) -> tuple[bytes, bytes]:
        """confirm-p and the sealed enrolment. Raises WrongCode when the car doesn't know the code, Malformed."""
        outcome = spake2plus.prover_finish(self._context, self._w0, self._w1, self._scalar, self.share, share_v)
        if not hmac.compare_digest(confirm_v, outcome.confirm_v):
            raise WrongCode
        self._outcome = outcome
        proof = signing.sign(_to_prove(outcome, agreement, signing.public))
        values = (name, agreement, signing.public, proof)
        return outcome.confirm_p, seal(outcome.key, b"homeward enrolment", dict(enumerate(values, 1)))

    def welcome(self, sealed: bytes) -> Welcome:
        """Raises Malformed."""
        assert self._outcome is not None
        found = unseal(self._outcome.key, b"homeward welcome", sealed)
        name, agreement, signature, token = fields(found, str, bytes, bytes, bytes)
        public_key(agreement)
        public_key(signature)
        return Welcome(named(name), agreement, signature, token)


def _to_prove(outcome: Outcome, agreement: bytes, signature: bytes) -> bytes:
    return PROOF + hashlib.sha256(outcome.confirm_p + outcome.confirm_v).digest() + agreement + signature


def seal(shared: bytes, purpose: bytes, value: Any) -> bytes:
    return AESGCM(HKDFExpand(SHA256(), 32, purpose).derive(shared)).encrypt(ONCE, encode(value), None)


def unseal(shared: bytes, purpose: bytes, sealed: bytes) -> Any:
    """Raises Malformed."""
    try:
        return decode(AESGCM(HKDFExpand(SHA256(), 32, purpose).derive(shared)).decrypt(ONCE, sealed, None))
    except (InvalidTag, ValueError):
        raise Malformed("what was sealed doesn't open") from None


def fields(value: Any, *kinds: type) -> list[Any]:
    """The values of a map with the keys 1, 2, 3 … of these kinds, all there and no others. Raises Malformed."""
    wanted = range(1, len(kinds) + 1)
    if not isinstance(value, dict) or set(value) != set(wanted):
        raise Malformed("a map with other fields than expected")
    found = [value[number] for number in wanted]
    if not all(type(one) is kind for one, kind in zip(found, kinds, strict=True)):
        raise Malformed("a field of another kind than expected")
    return found


def named(name: str) -> str:
    """A name that may be shown: 1 to 32 bytes, printable. Raises Malformed."""
    if not 1 <= len(name.encode()) <= MOST_NAME or not name.isprintable():
        raise Malformed("a name that can't be shown")
    return name
