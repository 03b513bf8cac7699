"""A session: EDHOC (RFC 9528) by lakers, the records after it, and the ratchet of resuming (specification, section 5).

lakers panics, with a BaseException, on some messages: what comes in is checked before it gets there, and every call is
guarded all the same.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import lakers
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from homeward_key_auth import replay_window
from homeward_key_auth.curve import PrivateKey, is_x_of_a_point, kid_of, public_key
from homeward_key_auth.encoding import Malformed, decode, decode_sequence, encode

EXPORTER_LABEL, SECRET_BYTES = 100, 32
METHOD, SUITE = 3, 2
SESSION_LIVES_S, LOOK_AHEAD, ID_BYTES, PROOF_BYTES = 12 * 3600.0, 4, 8, 16
RECORD = 20
MOST_RECORD = 2000
LEAST_MESSAGE_3, MOST_MESSAGE_3 = 26, 240
TO_CAR, FROM_CAR = b"homeward device to car", b"homeward car to device"
BY_KID, BY_VALUE = 4, 14  # COSE header parameters: kid, and kccs (RFC 9528)


class Refused(Exception):
    """Authentication failed; the text is for the log."""


def credential(agreement: bytes) -> bytes:
    """The CCS of who holds this agreement key (64 bytes)."""
    x, y = agreement[:32], agreement[32:]
    return encode({2: "", 8: {1: {1: 2, 2: kid_of(agreement), -1: 1, -2: x, -3: y}}})


def holder_of(ccs: Any) -> bytes:
    """The agreement key that a decoded CCS carries. Raises Malformed unless it is spelt as `credential` does."""
    try:
        key = ccs[8][1]
        agreement = key[-2] + key[-3]
        public_key(agreement)
    except (LookupError, TypeError):
        raise Malformed("a credential of another kind") from None
    if encode(ccs) != credential(agreement):
        raise Malformed("a credential with more or less than a key")
    return bytes(agreement)


def guarded(step: Callable[..., Any], *arguments: Any) -> Any:
    """A step of lakers. Raises Refused for all that goes wrong in it."""
    try:
        return step(*arguments)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise Refused(f"EDHOC: {type(error).__name__}: {error}"[:200]) from None


class CarHandshake:
    """The responder. One object a handshake; spent after a failure."""

    def __init__(self, car: PrivateKey) -> None:
        self._edhoc = lakers.EdhocResponder(car.scalar, lakers.Credential(credential(car.public)))

    def second(self, message_1: bytes) -> bytes:
        """Message 2. Raises Malformed, Refused."""
        check_message_1(message_1)
        guarded(self._edhoc.process_message_1, message_1)
        return bytes(guarded(self._edhoc.prepare_message_2, lakers.CredentialTransfer.ByReference, None, []))

    def fourth(self, message_3: bytes, known: Callable[[bytes], bytes | None]) -> tuple[bytes, bytes, bytes]:
        """(message 4, the device's agreement key, the secret). `known` gives the agreement key to an enrolled kid. Raises
        Malformed, Refused.
        """
        check_message_3(message_3)
        identity, additional = guarded(self._edhoc.parse_message_3, message_3)
        if additional:
            raise Malformed("EDHOC carries additional data")
        agreement = self._who(bytes(identity), known)
        guarded(self._edhoc.verify_message_3, lakers.Credential(credential(agreement)))
        message_4 = bytes(guarded(self._edhoc.prepare_message_4))
        return message_4, agreement, bytes(guarded(self._edhoc.edhoc_exporter, EXPORTER_LABEL, b"", SECRET_BYTES))

    def _who(self, identity: bytes, known: Callable[[bytes], bytes | None]) -> bytes:
        found = decode(identity)
        if isinstance(found, dict) and list(found) == [BY_VALUE]:
            return holder_of(found[BY_VALUE])
        if not isinstance(found, dict) or list(found) != [BY_KID] or not isinstance(found[BY_KID], bytes):
            raise Malformed("an identity that is neither a kid nor a credential")
        agreement = known(found[BY_KID])
        if agreement is None:
            raise Refused(f"the key {found[BY_KID].hex()} is not known here")
        return agreement


class DeviceHandshake:
    """The initiator. `by_value` for a key that the car hasn't met."""

    def __init__(self, device: PrivateKey, car: bytes, by_value: bool) -> None:
        """`car` is its agreement key (64 bytes)."""
        self._device, self._car = device, car
        way = lakers.CredentialTransfer
        self._transfer = way.ByValue if by_value else way.ByReference
        self._edhoc = lakers.EdhocInitiator()

    def first(self) -> bytes:
        return bytes(guarded(self._edhoc.prepare_message_1, None))

    def third(self, message_2: bytes) -> bytes:
        """Message 3. Raises Refused when it isn't this car."""
        _, identity, additional = guarded(self._edhoc.parse_message_2, message_2)
        if additional or decode(bytes(identity)) != {BY_KID: kid_of(self._car)}:
            raise Refused("it is another car")
        ours = lakers.Credential(credential(self._device.public))
        guarded(self._edhoc.verify_message_2, self._device.scalar, ours, lakers.Credential(credential(self._car)))
        message_3, _ = guarded(self._edhoc.prepare_message_3, self._transfer, [])
        return bytes(message_3)

    def secret(self, message_4: bytes) -> bytes:
        """Raises Refused."""
        guarded(self._edhoc.process_message_4, message_4)
        return bytes(guarded(self._edhoc.edhoc_exporter, EXPORTER_LABEL, b"", SECRET_BYTES))


def check_message_1(message_1: bytes) -> None:
    """Method 3, suite 2, a point of the curve, nothing more. Raises Malformed."""
    parts = decode_sequence(message_1)
    if len(parts) != 4 or parts[:2] != [METHOD, SUITE] or any(isinstance(part, bool) for part in parts):
        raise Malformed("EDHOC: another method or suite, or additional data")
    if not isinstance(parts[2], bytes) or len(parts[2]) != 32 or not is_x_of_a_point(parts[2]):
        raise Malformed("EDHOC: G_X is no point of the curve")
    if not isinstance(parts[3], int | bytes):
        raise Malformed("EDHOC: a connection identifier of another kind")


def check_message_3(message_3: bytes) -> None:
    """One byte string, not too short for an identity and a tag. Raises Malformed."""
    sealed = decode(message_3)
    if not isinstance(sealed, bytes) or not LEAST_MESSAGE_3 <= len(sealed) <= MOST_MESSAGE_3:
        raise Malformed("EDHOC: message 3 of another form")


def expand(secret: bytes, purpose: bytes, size: int = SECRET_BYTES) -> bytes:
    return HKDFExpand(SHA256(), size, purpose).derive(secret)


@dataclass(frozen=True)
class Session:
    """What outlives a connection. `resume` is the ratchet's next step; times in seconds of the wall clock."""

    kid: bytes
    epoch: bytes
    resume: bytes
    expires_s: float

    @staticmethod
    def begun(kid: bytes, epoch: bytes, secret: bytes, now_s: float) -> tuple[Session, bytes]:
        """(the session, this connection's traffic secret)."""
        session = Session(kid, epoch, expand(secret, b"homeward resume"), now_s + SESSION_LIVES_S)
        return session, expand(secret, b"homeward traffic")

    def id(self) -> bytes:
        return expand(self.resume, b"id", ID_BYTES)

    def traffic(self) -> bytes:
        return expand(self.resume, b"traffic")

    def proof(self, challenge: bytes) -> bytes:
        """That whoever resumes holds this step, on this connection and no other."""
        return proven(self.proof_key(), challenge)

    def proof_key(self) -> bytes:
        """Opens nothing: the car keeps it of steps that are over, to know a copied session from a listener's echo."""
        return expand(self.resume, b"proof")

    def next(self) -> Session:
        return replace(self, resume=expand(self.resume, b"next"))

    def ahead(self) -> list[Session]:
        """This step and those that the car accepts beyond it."""
        steps = [self]
        for _ in range(LOOK_AHEAD - 1):
            steps.append(steps[-1].next())
        return steps


def proven(proof_key: bytes, challenge: bytes) -> bytes:
    return hmac.digest(proof_key, challenge, "sha256")[:PROOF_BYTES]


class Channel:
    """The records of one connection, of one side. Never two with the same keys: the challenge is in them."""

    def __init__(self, traffic: bytes, challenge: bytes, epoch: bytes, is_car: bool) -> None:
        keys = [AESGCM(HKDF(SHA256(), 32, challenge, way).derive(traffic)) for way in (TO_CAR, FROM_CAR)]
        self._open, self._seal = keys if is_car else keys[::-1]
        self._epoch, self._sent, self._highest, self._seen = epoch, 0, 0, 0

    def seal(self, value: Any) -> bytes:
        """The record's message."""
        self._sent += 1
        sealed = self._seal.encrypt(_nonce(self._sent), encode(value), self._associated(self._sent))
        return encode([RECORD, self._sent, sealed])

    def open(self, counter: Any, sealed: Any) -> Any:
        """What a record says. Raises Refused for one that is forged or was seen before, Malformed."""
        if type(counter) is not int or not 0 < counter < 1 << 64 or not isinstance(sealed, bytes) or len(sealed) > MOST_RECORD:
            raise Malformed("a record of another form")
        try:
            plain = self._open.decrypt(_nonce(counter), sealed, self._associated(counter))
        except InvalidTag:
            raise Refused("a record's tag doesn't hold") from None
        window = replay_window.take(self._highest, self._seen, counter)
        if window is None:
            raise Refused(f"the record {counter} was seen before, or is too old")
        self._highest, self._seen = window
        return decode(plain)

    def _associated(self, counter: int) -> bytes:
        return encode([RECORD, counter, self._epoch])


def _nonce(counter: int) -> bytes:
    return bytes(4) + counter.to_bytes(8, "big")
