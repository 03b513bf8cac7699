"""ROS messages from the core's values, and back."""

from __future__ import annotations

from typing import Any

from homeward_interfaces.msg import KeyEntry, KeyEvent, KeyLogEntry, KeyPresence, Outcome
from homeward_key_auth.audit import Entry
from homeward_key_auth.effects import Happened
from homeward_key_auth.ranging import CarState
from homeward_key_auth.store import KeyRow
from homeward_key_auth.token import Claims, Limits, Verb

OPEN_DOORS = 0b1111  # without the trunk
POWER_READY = 2
KMH = 0.036  # km/h in a cm/s
DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


def car_state(message: Any) -> CarState:
    """From VehicleState."""
    return CarState(message.locked, not message.doors_open & OPEN_DOORS, message.power == POWER_READY)


def entry_message(row: KeyRow, claims: Claims | None, owner: bool, connected: bool) -> KeyEntry:
    return KeyEntry(
        kid=row.kid.hex(), name=row.name, owner=owner, verbs=[verb.name.lower() for verb in claims.verbs] if claims else [],
        limits=limits_in_words(claims.limits) if claims else "", expires_s=claims.expires_s if claims else 0, added_s=row.added_s,
        used_s=row.used_s or 0, connected=connected,
    )  # fmt: skip


def limits_in_words(limits: Limits) -> str:
    """For people: km/h, kilometres, days and hours."""
    words = [f"up to {limits.speed_cmps * KMH:.0f} km/h"] if limits.speed_cmps is not None else []
    if limits.area is not None:
        at = limits.area
        words.append(f"within {at.radius_m / 1000:.1f} km of {at.latitude_e7 * 1e-7:.4f}, {at.longitude_e7 * 1e-7:.4f}")
    for one in limits.hours:
        days = " ".join(name for day, name in enumerate(DAYS) if one.days >> day & 1)
        words.append(f"{days} {_clock(one.from_min)} to {_clock(one.to_min)}")
    return ", ".join(words)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def log_message(entry: Entry) -> KeyLogEntry:
    return KeyLogEntry(number=entry.number, at_s=entry.at_s, kind=entry.kind, kid=entry.kid.hex(), text=entry.words)


def event_message(happened: Happened, name: str, stamp: Any) -> KeyEvent:
    return KeyEvent(stamp=stamp, kind=happened.kind, kid=happened.kid.hex(), name=name, text=happened.words)


def presence_message(kid: bytes, name: str, inside: bool, claims: Claims | None) -> KeyPresence:
    """`claims` None: nobody's key, or one that may nothing."""
    if claims is None:
        return KeyPresence()
    speed_cmps = claims.limits.speed_cmps or 0
    return KeyPresence(kid=kid.hex(), name=name, inside=inside, may_start=Verb.START in claims.verbs,
                       may_drive=Verb.DRIVE in claims.verbs, speed_max_mps=speed_cmps / 100.0)  # fmt: skip


def outcome_message(why: str, code: str = "key_refused") -> Outcome:
    return Outcome(outcome=Outcome.REFUSED, reason=code, text=why) if why else Outcome(outcome=Outcome.DONE)


def kid_from_text(text: str) -> bytes | None:
    """None for what is no kid."""
    try:
        kid = bytes.fromhex(text)
    except ValueError:
        return None
    return kid if len(kid) == 8 and text == kid.hex() else None
