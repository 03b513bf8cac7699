"""Tokens: what a key may do, signed, and of use to its holder only (specification, section 6). RFC 8392, 9052, 8747."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from homeward_key_auth.curve import KEY_BYTES, KID_BYTES, SIGNATURE_BYTES, Signer, is_signed, kid_of, public_key
from homeward_key_auth.encoding import Malformed, decode, encode
from homeward_key_auth.pairing import named

MOST_BYTES, CTI_BYTES = 1024, 8
PROTECTED = encode({1: -7})
VERBS, LIMITS, SIGNATURE_KEY = -70001, -70002, -70003
REQUIRED = {1, 2, 3, 4, 5, 6, 7, 8, VERBS}
SKEW_S = 60
FASTEST_CMPS, WIDEST_M, DAY_MINUTES = 10_000, 1_000_000, 1440
LATITUDE_E7, LONGITUDE_E7 = 900_000_000, 1_800_000_000
END_OF_TIME = 1 << 40


class Verb(IntEnum):
    """What a key can be allowed to do."""

    UNLOCK = 1
    LOCK = 2
    TRUNK = 3
    WINDOWS = 4
    CLIMATE = 5
    START = 6
    DRIVE = 7
    SHARE = 8


ALL_VERBS = tuple(Verb)


@dataclass(frozen=True)
class Area:
    """A circle in which the car may be started and driven."""

    latitude_e7: int
    longitude_e7: int
    radius_m: int


@dataclass(frozen=True)
class Hours:
    """A part of some days of the week, in minutes of the car's local day; bit 0 of `days` is Monday."""

    days: int
    from_min: int
    to_min: int


@dataclass(frozen=True)
class Limits:
    """What bounds a key's verbs. None and empty: no bound."""

    speed_cmps: int | None = None
    area: Area | None = None
    hours: tuple[Hours, ...] = ()


@dataclass(frozen=True)
class Claims:
    """A token's content. Times in seconds since 1970; `holder` and `signature_key` x ‖ y, the latter empty without SHARE."""

    issuer: bytes
    name: str
    car: bytes
    expires_s: int
    not_before_s: int
    issued_s: int
    number: bytes
    holder: bytes
    verbs: tuple[Verb, ...]
    limits: Limits = Limits()
    signature_key: bytes = b""

    @property
    def kid(self) -> bytes:
        return kid_of(self.holder)


@dataclass(frozen=True)
class Token:
    """A token that was read, not yet verified."""

    claims: Claims
    payload: bytes
    signature: bytes

    def is_signed_by(self, key: bytes) -> bool:
        return is_signed(key, self.signature, to_sign(self.payload))


def to_sign(payload: bytes) -> bytes:
    """RFC 9052's Sig_structure of a COSE_Sign1."""
    return encode(["Signature1", PROTECTED, b"", payload])


def issue(claims: Claims, signer: Signer) -> bytes:
    """The token. Raises Malformed for claims that no car would take."""
    payload = encode(_to_map(claims))
    token = encode([PROTECTED, {}, payload, signer.sign(to_sign(payload))])
    read(token)
    return token


def read(token: Any) -> Token:
    """Raises Malformed."""
    if not isinstance(token, bytes) or len(token) > MOST_BYTES:
        raise Malformed("a token that is none, or too long")
    parts = decode(token)
    if not isinstance(parts, list) or len(parts) != 4 or parts[:2] != [PROTECTED, {}]:
        raise Malformed("a token that is no ES256 COSE_Sign1")
    payload, signature = parts[2:]
    if not isinstance(payload, bytes) or not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise Malformed("a token without payload or signature")
    return Token(_from_map(decode(payload)), payload, signature)


def _to_map(claims: Claims) -> dict[int, Any]:
    key = {1: 2, -1: 1, -2: claims.holder[:32], -3: claims.holder[32:]}
    found: dict[int, Any] = {
        1: claims.issuer.hex(), 2: claims.name, 3: claims.car.hex(), 4: claims.expires_s, 5: claims.not_before_s,
        6: claims.issued_s, 7: claims.number, 8: {1: key}, VERBS: [int(verb) for verb in claims.verbs],
    }  # fmt: skip
    limits = limits_to_map(claims.limits)
    if limits:
        found[LIMITS] = limits
    if claims.signature_key:
        found[SIGNATURE_KEY] = claims.signature_key
    return found


def limits_to_map(limits: Limits) -> dict[int, Any]:
    """As they are spelt in a token; empty for none."""
    found: dict[int, Any] = {}
    if limits.speed_cmps is not None:
        found[1] = limits.speed_cmps
    if limits.area is not None:
        found[2] = [limits.area.latitude_e7, limits.area.longitude_e7, limits.area.radius_m]
    if limits.hours:
        found[3] = [[one.days, one.from_min, one.to_min] for one in limits.hours]
    return found


def _from_map(found: Any) -> Claims:
    if not isinstance(found, dict) or not set(found) >= REQUIRED or set(found) - REQUIRED - {LIMITS, SIGNATURE_KEY}:
        raise Malformed("claims missing, or unknown ones")
    verbs = _verbs(found[VERBS])
    signature_key = found.get(SIGNATURE_KEY, b"")
    if (Verb.SHARE in verbs) != bool(signature_key):
        raise Malformed("a signature key goes with the verb share, and only with it")
    if signature_key:
        public_key(signature_key)
    expires_s, not_before_s, issued_s = (_whole(found[claim], 0, END_OF_TIME) for claim in (4, 5, 6))
    limits = _limits(found[LIMITS]) if LIMITS in found else Limits()
    return Claims(
        _kid(found[1]), named(_text(found[2])), _kid(found[3]), expires_s, not_before_s, issued_s,
        _bytes(found[7], CTI_BYTES), _holder(found[8]), verbs, limits, signature_key,
    )  # fmt: skip


def _verbs(value: Any) -> tuple[Verb, ...]:
    known = set(ALL_VERBS)
    if not isinstance(value, list) or not value or not all(type(one) is int and one in known for one in value):
        raise Malformed("verbs that are unknown, or none")
    if sorted(set(value)) != value:
        raise Malformed("verbs out of order, or twice")
    return tuple(map(Verb, value))


def _holder(value: Any) -> bytes:
    """The key in `cnf`."""
    try:
        key = value[1]
        holder = key[-2] + key[-3]
    except (LookupError, TypeError):
        raise Malformed("a token without a holder's key") from None
    if not isinstance(holder, bytes) or len(holder) != KEY_BYTES or value != {1: {1: 2, -1: 1, -2: holder[:32], -3: holder[32:]}}:
        raise Malformed("a holder's key of another kind")
    public_key(holder)
    return holder


def _limits(value: Any) -> Limits:
    if not isinstance(value, dict) or not value or set(value) - {1, 2, 3}:
        raise Malformed("limits that are unknown, or none")
    speed = _whole(value[1], 1, FASTEST_CMPS) if 1 in value else None
    return Limits(speed, _area(value[2]) if 2 in value else None, _hours(value[3]) if 3 in value else ())


def _area(value: Any) -> Area:
    if not isinstance(value, list) or len(value) != 3:
        raise Malformed("an area of another form")
    latitude = _whole(value[0], -LATITUDE_E7, LATITUDE_E7)
    return Area(latitude, _whole(value[1], -LONGITUDE_E7, LONGITUDE_E7), _whole(value[2], 1, WIDEST_M))


def _hours(value: Any) -> tuple[Hours, ...]:
    if not isinstance(value, list) or not value:
        raise Malformed("hours of another form")
    return tuple(map(_one_hours, value))


def _one_hours(value: Any) -> Hours:
    if not isinstance(value, list) or len(value) != 3:
        raise Malformed("hours of another form")
    return Hours(_whole(value[0], 1, 127), _whole(value[1], 0, DAY_MINUTES), _whole(value[2], 0, DAY_MINUTES))


def _whole(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise Malformed("a number out of range")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed("a name that is no text")
    return value


def _bytes(value: Any, size: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise Malformed("a claim of another size")
    return value


def _kid(value: Any) -> bytes:
    """From 16 lower-case hexadecimal digits."""
    if not isinstance(value, str) or len(value) != 2 * KID_BYTES or set(value) - set("0123456789abcdef"):
        raise Malformed("a name of a key that is none")
    return bytes.fromhex(value)


@dataclass(frozen=True)
class Issuer:
    """Whoever may sign tokens: its signature key, and for an owner's key what it holds itself."""

    signature_key: bytes
    own: Claims | None = None  # None: the car


def complaint(token: Token, car: bytes, holder: bytes, now_s: float, issuer_of: Callable[[bytes], Issuer | None]) -> str:
    """Why this car, in a session with `holder`, doesn't take the token; empty when it does. In the specification's order but
    for revocation, which `policy` looks at.
    """
    claims = token.claims
    if claims.car != car:
        return "the token is for another car"
    issuer = issuer_of(claims.issuer)
    if issuer is None:
        return "the token's signer may not share this car"
    if not token.is_signed_by(issuer.signature_key):
        return "the token's signature doesn't hold"
    if claims.holder != holder:
        return "the token is another key's"
    if not claims.not_before_s <= now_s:
        return "the token isn't valid yet"
    if not now_s < claims.expires_s:
        return "the token has expired"
    if not claims.issued_s <= now_s + SKEW_S:
        return "the token comes from the future"
    return _beyond(claims, issuer.own) if issuer.own is not None else ""


def _beyond(claims: Claims, own: Claims) -> str:
    """What a shared key claims beyond what its signer holds."""
    if Verb.SHARE in claims.verbs:
        return "a shared key can't share"
    if set(claims.verbs) - set(own.verbs):
        return "the token grants what its signer doesn't hold"
    if claims.expires_s > own.expires_s:
        return "the token outlives its signer's"
    return ""
