"""Sharing a key: a friend's device makes a request, the owner's device signs an invitation for it. Both are texts.

They may go by any way, a messenger or a picture of a code: a request holds nothing secret, and an invitation is of use to the
device that made the request and to nobody else.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace

from homeward_key_auth import token as tokens
from homeward_key_auth.curve import kid_of, public_key
from homeward_key_auth.device import DeviceKey, KeyProblem
from homeward_key_auth.encoding import Malformed, decode, encode

REQUEST, INVITATION = "homeward-request:", "homeward-key:"


@dataclass(frozen=True)
class Grant:
    """What is shared: verbs and limits, from when until when (seconds since 1970)."""

    verbs: tuple[tokens.Verb, ...]
    from_s: int
    until_s: int
    limits: tokens.Limits = tokens.Limits()


def request_text(key: DeviceKey) -> str:
    """What a friend's device shows, for the owner to read: its name and agreement key."""
    return f"{REQUEST}{encode([key.name, key.agreement.public]).hex()}"


def share(owner: DeviceKey, request: str, grant: Grant) -> str:
    """The invitation for who made the request: the car's identity and the token. Raises KeyProblem."""
    try:
        name, agreement = decode(bytes.fromhex(request.strip().removeprefix(REQUEST)))
        public_key(agreement)
        number, verbs = secrets.token_bytes(tokens.CTI_BYTES), tuple(sorted(set(grant.verbs)))
        claims = tokens.Claims(owner.kid, name, kid_of(owner.car), grant.until_s, grant.from_s, int(time.time()), number,
                               agreement, verbs, grant.limits)  # fmt: skip
        token = tokens.issue(claims, owner.signing)
    except (Malformed, ValueError, TypeError) as error:
        raise KeyProblem(f"that is no request of a device: {error}") from None
    return f"{INVITATION}{encode([owner.car_name, owner.car, token]).hex()}"


def token_of(invitation: str) -> bytes:
    """The token in an invitation. Raises KeyProblem."""
    try:
        _, _, token = decode(bytes.fromhex(invitation.strip().removeprefix(INVITATION)))
        tokens.read(token)
    except (Malformed, ValueError, TypeError) as error:
        raise KeyProblem(f"that is no invitation: {error}") from None
    return bytes(token)


def accept(key: DeviceKey, invitation: str) -> DeviceKey:
    """Raises KeyProblem unless it was made for this device."""
    try:
        car_name, car, token = decode(bytes.fromhex(invitation.strip().removeprefix(INVITATION)))
        public_key(car)
        if tokens.read(token).claims.holder != key.agreement.public:
            raise KeyProblem("that key was made for another device")
    except (Malformed, ValueError, TypeError) as error:
        raise KeyProblem(f"that is no invitation: {error}") from None
    return replace(key, car_name=car_name, car=car, token=token, session=None)
