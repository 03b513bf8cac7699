"""What a key asks for inside its session (specification, section 7), and what follows from where the keys are. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homeward_key_auth.effects import Body, Effects, Happened
from homeward_key_auth.encoding import Malformed, encode, items_of
from homeward_key_auth.policy import Circumstances, refusal
from homeward_key_auth.ranging import CarState, Fix, Happening
from homeward_key_auth.session import Refused
from homeward_key_auth.store import StoreError
from homeward_key_auth.token import Claims, Verb, limits_to_map

if TYPE_CHECKING:
    from homeward_key_auth.core import Core, Link, Now

STATUS, COMMAND, PRESENT, KEYS, DEPOSIT, REVOKE, LOG, ALLOW = range(8)
DONE, REFUSED, UNKNOWN = range(3)
PAGE_BYTES, PAGE_ITEMS = 1600, 240
MOST_REQUEST = (1 << 32) - 1

# BodyCommand's numbers (homeward_interfaces/srv/BodyCommand)
BODY_LOCK, BODY_UNLOCK, BODY_START, BODY_CLIMATE, BODY_TRUNK_OPEN, BODY_WINDOWS, BODY_TRUNK_CLOSE = 0, 1, 3, 6, 7, 10, 11
WORDS = {
    Happening.WALKED_AWAY: "its person walked away: the car locks",
    Happening.FORGOTTEN: "the car is on, and no key is in it",
    Happening.LEFT_INSIDE: "a key was left in the locked car; it sleeps until it is touched",
}


@dataclass(frozen=True)
class Surroundings:
    """What the shell knows of the car and the place; None: not known."""

    car: CarState | None = None
    has_ranging: bool = False
    place_e7: tuple[int, int] | None = None
    weekday: int = 0
    minute: int = 0


def answer(core: Core, link: Link, request: Any, now: Now) -> Effects:
    """One request of an authenticated key. Raises Malformed, Refused."""
    if not isinstance(request, list) or len(request) < 2 or not all(type(one) is int for one in request[:2]):
        raise Malformed("not a request")
    number, operation, *fields = request
    if not 1 <= number <= MOST_REQUEST or operation not in OPERATIONS:
        raise Malformed("a request without a number, or unknown")
    if number <= link.last_request:
        raise Refused(f"request {number} comes after {link.last_request}: somebody changed the order")
    link.last_request = number
    kinds, step = OPERATIONS[operation]
    if tuple(map(type, fields)) != kinds:
        raise Malformed("a request with other fields")
    return step(core, link, number, now, *fields)


def _say(core: Core, link: Link, number: int, why: str, payload: Any = None) -> Effects:
    """Done, or refused with the reason."""
    row = [number, REFUSED if why else DONE, why]
    return [core.tell(link, row if payload is None else [*row, payload])]


def _kid(link: Link) -> bytes:
    assert link.session is not None
    return link.session.kid


def _sharer(core: Core, link: Link) -> str:
    """Why this key may not see or change the list; empty when it may."""
    claims, why = core.keyring.claims_of(_kid(link))
    if claims is None:
        return why
    return "" if Verb.SHARE in claims.verbs else "this key doesn't include share"


# ---- the operations ----------------------------------------------------------------------------------------------------


def _status(core: Core, link: Link, number: int, now: Now) -> Effects:
    claims, why = core.keyring.claims_of(_kid(link))
    if claims is None:
        return _say(core, link, number, why)
    car, fix = core.surroundings.car, core.nearness.fresh(_kid(link), now.mono_s)
    payload = {
        1: car.locked if car else None,
        2: car.power_on if car else None,
        3: round(fix.distance_m * 100) if fix else None,
        4: fix.inside if fix else None,
        5: [int(verb) for verb in claims.verbs],
        6: limits_to_map(claims.limits),
        7: claims.expires_s,
    }
    return _say(core, link, number, "", payload)


def _command(core: Core, link: Link, number: int, now: Now, verb: int, pressed: bool, value: int) -> Effects:
    kid = _kid(link)
    if pressed:
        core.nearness.touched(kid)
    claims, why = core.keyring.claims_of(kid)
    body = _body(verb, value)
    if claims is not None:
        why = "there is no such command" if body is None else refusal(claims, Verb(verb), _here(core, kid, pressed, now))
    if why or body is None:
        core.keyring.tell(now, "not_allowed", kid, why, by_stranger=True)
        return _say(core, link, number, why)
    return [_wish(core, (link.number, number, kid), *body)]


def _body(verb: int, value: int) -> tuple[int, float] | None:
    """The body command; None for a verb that is none, or a value out of range."""
    plain = {Verb.UNLOCK: BODY_UNLOCK, Verb.LOCK: BODY_LOCK, Verb.START: BODY_START}
    if verb in plain:
        return (plain[Verb(verb)], 0.0) if value == 0 else None
    if verb == Verb.TRUNK:
        return {1: (BODY_TRUNK_OPEN, 0.0), 0: (BODY_TRUNK_CLOSE, 0.0)}.get(value)
    if verb == Verb.WINDOWS:
        return (BODY_WINDOWS, value / 100.0) if 0 <= value <= 100 else None
    if verb == Verb.CLIMATE:
        return (BODY_CLIMATE, value / 100.0) if value == 0 or 28315 <= value <= 30815 else None
    return None


def _here(core: Core, kid: bytes, pressed: bool, now: Now) -> Circumstances:
    around, fix = core.surroundings, core.nearness.fresh(kid, now.mono_s)
    measured = fix if around.has_ranging else None
    return Circumstances(
        core.keyring.now_s, around.weekday, around.minute, pressed, around.has_ranging,
        measured.distance_m if measured else None, measured.inside if measured else None, around.place_e7,
    )  # fmt: skip


def _wish(core: Core, whose: tuple[int, int, bytes], verb: int, value: float) -> Body:
    number = max(core.waiting, default=0) + 1
    core.waiting[number] = whose
    return Body(number, verb, value)


def body_done(core: Core, wish: int, verb: int, outcome: int, reason: str, now: Now) -> Effects:
    """The car's answer to a wish: to the device that asked, if it still listens, and into the log."""
    link_number, number, kid = core.waiting.pop(wish, (0, 0, b""))
    words = f"{BODY_WORDS.get(verb, verb)}: {('done', 'refused', 'unknown')[outcome]}{f' ({reason})' if reason else ''}"
    effects: Effects = []
    try:
        core.keyring.tell(now, "command", kid, words)
        core.keyring.used(kid)
    except StoreError as error:  # the door has opened or not: the device is told all the same
        effects.append(Happened("store", b"", str(error)))
    if verb == BODY_UNLOCK and outcome == DONE:
        core.nearness.opened(kid)
    effects.append(Happened(BODY_WORDS.get(verb, "command"), kid, words))
    link = core.links.get(link_number)
    if link is not None and link.is_open and number and _kid(link) == kid:
        effects.insert(0, core.tell(link, [number, outcome, reason]))
    return effects


def _present(core: Core, link: Link, number: int, now: Now, token: bytes) -> Effects:
    assert link.agreement is not None
    return _say(core, link, number, core.keyring.present(token, link.agreement, now))


def _keys(core: Core, link: Link, number: int, _now: Now, start: int) -> Effects:
    """From the `start`-th on, as many as fit."""
    why = _sharer(core, link)
    return _say(core, link, number, why, None if why else _page([key_row(core, row.kid) for row in core.store.rows()[start:]]))


def key_row(core: Core, kid: bytes) -> list[Any]:
    """[kid, name, whether it is an owner's, verbs, limits, expires, added, used]; no verbs when its token isn't valid now."""
    row = core.store.key(kid)
    assert row is not None
    claims, _ = core.keyring.claims_of(kid)
    rights: list[Any] = [[], {}, 0]
    if claims is not None:
        rights = [[int(verb) for verb in claims.verbs], limits_to_map(claims.limits), claims.expires_s]
    return [row.kid, row.name, row.issuer == core.identity.kid, *rights, row.added_s, row.used_s]


def _page(rows: list[list[Any]]) -> list[list[Any]]:
    """As many of the rows as fit one record."""
    size, items, fit = 0, 0, list[list[Any]]()
    for row in rows:
        size, items = size + len(encode(row)), items + items_of(row)
        if size > PAGE_BYTES or items > PAGE_ITEMS:
            break
        fit.append(row)
    return fit


def _deposit(core: Core, link: Link, number: int, now: Now, token: bytes) -> Effects:
    return _say(core, link, number, _sharer(core, link) or core.keyring.deposit(token, _kid(link), now))


def _revoke(core: Core, link: Link, number: int, now: Now, kid: bytes) -> Effects:
    why = _sharer(core, link)
    if why:
        return _say(core, link, number, why)
    return revoke(core, kid, _kid(link).hex(), now, lambda words: _say(core, link, number, words))


def revoke(core: Core, kid: bytes, by: str, now: Now, say: Callable[[str], Effects] = lambda _words: []) -> Effects:
    """By an owner's key, or in the cockpit: answered first, for the key may end its own connection."""
    why, ended = core.keyring.revoke(kid, by, now)
    effects = say(why)
    for one in ended:
        effects += [*core.end_sessions(one), Happened("revoked", one, f"revoked by {by}")]
    return effects


def _log(core: Core, link: Link, number: int, _now: Now, after: int) -> Effects:
    why = _sharer(core, link)
    if why or after > MOST_REQUEST:
        return _say(core, link, number, why or "there is no such entry")
    rows = [[one.number, one.at_s, one.kind, one.kid, one.words] for one in core.store.log(after, 32)]
    return _say(core, link, number, "", _page(rows))


def _allow(core: Core, link: Link, number: int, now: Now, yes: bool) -> Effects:
    claims, why = core.keyring.claims_of(_kid(link))
    if claims is not None and Verb.SHARE not in claims.verbs:
        why = "only an owner's key lets another be paired"
    if not why and core.surroundings.has_ranging and not _is_inside(core.nearness.fresh(_kid(link), now.mono_s)):
        why = "the key isn't in the car"
    return _say(core, link, number, why or core.allow_pairing(yes, now))


def _is_inside(fix: Fix | None) -> bool:
    return fix is not None and fix.inside


OPERATIONS: dict[int, tuple[tuple[type, ...], Callable[..., Effects]]] = {
    STATUS: ((), _status),
    COMMAND: ((int, bool, int), _command),
    PRESENT: ((bytes,), _present),
    KEYS: ((int,), _keys),
    DEPOSIT: ((bytes,), _deposit),
    REVOKE: ((bytes,), _revoke),
    LOG: ((int,), _log),
    ALLOW: ((bool,), _allow),
}
BODY_WORDS = {BODY_LOCK: "lock", BODY_UNLOCK: "unlock", BODY_START: "start", BODY_CLIMATE: "climate",
              BODY_TRUNK_OPEN: "open the trunk", BODY_TRUNK_CLOSE: "close the trunk", BODY_WINDOWS: "windows"}  # fmt: skip


# ---- where the keys are ------------------------------------------------------------------------------------------------


def follow_the_keys(core: Core, now: Now) -> Effects:
    """Lock when its person walks away; tell of a key forgotten or left."""
    car = core.surroundings.car
    if car is None:
        return []
    effects: Effects = []
    for happening, kid in core.nearness.step(now.mono_s, car):
        core.keyring.tell(now, happening.value, kid, WORDS[happening])
        effects.append(Happened(happening.value, kid, WORDS[happening]))
        if happening is Happening.WALKED_AWAY:
            effects.append(_wish(core, (0, 0, kid), BODY_LOCK, 0.0))
    return effects


def ranged(core: Core, kid: bytes, fix: Fix) -> None:
    """A measurement, bound by its hardware to the key's session."""
    if any(link.is_open and link.session is not None and link.session.kid == kid for link in core.links.values()):
        core.nearness.saw(kid, fix)


def who_is_here(core: Core, now: Now) -> tuple[bytes, str, bool, Claims] | None:
    """(kid, name, whether it is inside, what it may) of the key that the car goes by: one inside before one that is connected,
    an owner's before a shared one; None when there is none.
    """
    connected = {link.session.kid for link in core.links.values() if link.session is not None}
    inside = set(core.nearness.inside(now.mono_s)) & connected
    found = []
    for row in core.store.rows():
        claims, _ = core.keyring.claims_of(row.kid) if row.kid in connected else (None, "")
        if claims is not None:
            found.append((row.kid not in inside, row.issuer != core.identity.kid, row, claims))
    if not found:
        return None
    outside, _, row, claims = min(found, key=lambda one: one[:2])
    return row.kid, row.name, not outside, claims
