"""The car's side of the digital key: messages in, messages and wishes out. Pure but for the store.

One `Core` a car. A link is a radio connection, numbered by the shell; `received` is the story of one message. Nothing here
opens anything: what a key may do leaves as a `Body` wish, which the shell signs for the command gate.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from homeward_key_auth import operations
from homeward_key_auth.curve import PrivateKey, Signer, kid_of
from homeward_key_auth.effects import Close, Effect, Effects, Happened, Send
from homeward_key_auth.encoding import Malformed, decode, encode
from homeward_key_auth.keyring import Keyring
from homeward_key_auth.pairing import COST, CarPairing, Code, WrongCode
from homeward_key_auth.ranging import Nearness
from homeward_key_auth.session import RECORD, CarHandshake, Channel, Refused, Session
from homeward_key_auth.sessions import Resumed, Sessions
from homeward_key_auth.store import Store, StoreError

VERSION, CHALLENGE_BYTES, EPOCH_BYTES = 1, 16, 8
ERROR, HELLO, PAIR_REQUEST, PAIR_OFFER, PAIR_SHARE, PAIR_ANSWER, PAIR_CONFIRM, PAIR_DONE = range(8)
EDHOC_1, EDHOC_2, EDHOC_3, EDHOC_4, RESUME = range(10, 15)
NOT_PAIRING, WRONG_CODE, PAIRING_LOCKED, CODE_EXPIRED, NO_SESSION, REFUSED, BUSY, OTHER_VERSION = range(1, 9)
MOST_LINKS, MOST_HALF_OPEN, HALF_OPEN_S, SILENT_S = 8, 4, 10.0, 30.0
PAIRING_S = 60.0  # a person types, so a pairing may stay half-open longer


@dataclass(frozen=True)
class Now:
    """`wall_s` since 1970, as the clock says; `mono_s` of the monotonic clock."""

    wall_s: float
    mono_s: float


@dataclass
class Link:
    """A connection and how far it got."""

    number: int
    challenge: bytes
    began_s: float
    heard_s: float
    pairing: CarPairing | None = None
    handshake: CarHandshake | None = None
    channel: Channel | None = None
    session: Session | None = None
    agreement: bytes | None = None
    last_request: int = 0

    @property
    def is_open(self) -> bool:
        return self.channel is not None


@dataclass
class PairingDesk:
    """Whether the car lets itself be paired: asked for in the cockpit, allowed by an owner's key, then a code."""

    code: Code | None = None
    asked_s: float | None = None


@dataclass(frozen=True)
class Identity:
    """The car's name and its two keys."""

    name: str
    agreement: PrivateKey
    signer: Signer

    @property
    def kid(self) -> bytes:
        return kid_of(self.agreement.public)


class Core:
    """The car's side. Methods give the effects; none raises for what came over the air."""

    def __init__(self, identity: Identity, store: Store, now: Now) -> None:
        self.identity, self.store = identity, store
        self.epoch = secrets.token_bytes(EPOCH_BYTES)
        self.keyring = Keyring(identity, store)
        self.sessions, self.nearness, self.desk = Sessions(), Nearness(), PairingDesk()
        self.links: dict[int, Link] = {}
        self.surroundings = operations.Surroundings()
        self.waiting: dict[int, tuple[int, int, bytes]] = {}  # wish -> link, request, kid
        self.keyring.see_the_clock(now.wall_s, now.mono_s)

    # ---- links -------------------------------------------------------------------------------------------------------

    def connected(self, number: int, now: Now) -> Effects:
        """A device has subscribed: it gets the hello."""
        if len(self.links) >= MOST_LINKS:
            return [Send(number, encode([ERROR, BUSY])), Close(number)]
        link = Link(number, secrets.token_bytes(CHALLENGE_BYTES), now.mono_s, now.mono_s)
        self.links[number] = link
        return self._room_for(link) + [Send(number, encode([HELLO, VERSION, self.identity.kid, self.epoch, link.challenge]))]

    def _room_for(self, new: Link) -> Effects:
        """The oldest half-open connection makes room."""
        half_open = [link for link in self.links.values() if not link.is_open and link is not new]
        if len(half_open) < MOST_HALF_OPEN:
            return []
        return self._turned_away(min(half_open, key=lambda link: link.began_s), BUSY)

    def dropped(self, number: int) -> None:
        self.links.pop(number, None)

    def received(self, number: int, message: bytes, now: Now) -> Effects:
        """One whole message of a connection."""
        link = self.links.get(number)
        if link is None:
            return [Close(number)]
        link.heard_s = now.mono_s
        try:
            self.keyring.see_the_clock(now.wall_s, now.mono_s)
            return self._answer(link, message, now)
        except StoreError as error:
            return [Happened("store", b"", str(error)), *self._closed(link)]

    def _answer(self, link: Link, message: bytes, now: Now) -> Effects:
        try:
            return self._step(link, decode(message), now)
        except Malformed as error:
            self.keyring.tell(now, "malformed", self._kid(link), str(error), by_stranger=True)
            return self._closed(link)
        except Refused as error:
            self.keyring.tell(now, "refused", self._kid(link), str(error), by_stranger=True)
            return self._turned_away(link, REFUSED)

    def _step(self, link: Link, message: Any, now: Now) -> Effects:
        if not isinstance(message, list) or not message or type(message[0]) is not int:
            raise Malformed("not a message")
        kind, fields = message[0], message[1:]
        steps: dict[int, tuple[Callable[..., Effects], tuple[type, ...]]] = {
            PAIR_REQUEST: (self._pair_request, (int,)),
            PAIR_SHARE: (self._pair_share, (bytes,)),
            PAIR_CONFIRM: (self._pair_confirm, (bytes, bytes)),
            EDHOC_1: (self._edhoc_1, (bytes,)),
            EDHOC_3: (self._edhoc_3, (bytes,)),
            RESUME: (self._resume, (bytes, bytes)),
            RECORD: (self._record, (int, bytes)),
        }
        if kind not in steps or tuple(map(type, fields)) != steps[kind][1]:
            raise Malformed(f"a message of kind {kind} with other fields, or none")
        return steps[kind][0](link, *fields, now)

    def _kid(self, link: Link) -> bytes:
        return link.session.kid if link.session else b""

    def _closed(self, link: Link) -> Effects:
        self.links.pop(link.number, None)
        return [Close(link.number)]

    def _turned_away(self, link: Link, error: int) -> Effects:
        return [Send(link.number, encode([ERROR, error])), *self._closed(link)]

    # ---- pairing -----------------------------------------------------------------------------------------------------

    def open_pairing(self, now: Now) -> tuple[str, Effects]:
        """What the cockpit is told: the code, or why there is none yet."""
        tries, trusted_s = self.store.tries, self.keyring.now_s
        if tries.is_locked(trusted_s):
            return f"locked: wait {tries.locked_until_s - trusted_s:.0f} s", []
        if self.keyring.owners():
            self.desk.asked_s = now.mono_s
            return "confirm with an owner's key inside the car", self._tell_owners("pairing_asked")
        return self._new_code(now), []

    def _new_code(self, now: Now) -> str:
        self.desk.code, self.desk.asked_s = Code.new(self.identity.kid, now.mono_s), None
        self.keyring.tell(now, "pairing_opened", b"", "a code is shown")
        return self.desk.code.digits

    def allow_pairing(self, yes: bool, now: Now) -> str:
        """An owner's key inside answers the cockpit's wish. Why not, or empty."""
        if self.desk.asked_s is None or now.mono_s - self.desk.asked_s > PAIRING_S:
            return "nobody asks to pair"
        self.desk.asked_s = None
        if yes:
            self._new_code(now)
        return ""

    def close_pairing(self) -> None:
        self.desk.code = self.desk.asked_s = None

    def _pair_request(self, link: Link, version: int, now: Now) -> Effects:
        error = OTHER_VERSION if version != VERSION else self._no_pairing(now)
        if error or self.desk.code is None:
            return self._turned_away(link, error or NOT_PAIRING)
        link.pairing = CarPairing(self.desk.code, self.identity.kid)
        return [Send(link.number, encode([PAIR_OFFER, self.desk.code.salt, COST]))]

    def _no_pairing(self, now: Now) -> int:
        """0 while a code is there to be guessed at."""
        if self.store.tries.is_locked(self.keyring.now_s):
            return PAIRING_LOCKED
        if self.desk.code is None:
            return NOT_PAIRING
        return 0 if self.desk.code.lives(now.mono_s) else CODE_EXPIRED

    def _pair_share(self, link: Link, share_p: bytes, now: Now) -> Effects:
        """A try is used up before anything is answered."""
        if link.pairing is None or link.pairing.answered:
            raise Malformed("a share out of turn")
        error = self._no_pairing(now)
        if error:
            return self._turned_away(link, error)
        with self.store.change():
            self.store.tries = self.store.tries.one_more(self.keyring.now_s)
            if self.store.tries.used == 0:
                self.keyring.tell(now, "pairing_locked", b"", "five tries")
        return [Send(link.number, encode([PAIR_ANSWER, *link.pairing.answer(share_p)]))]

    def _pair_confirm(self, link: Link, confirm_p: bytes, sealed: bytes, now: Now) -> Effects:
        pairing, code = link.pairing, self.desk.code
        if pairing is None or not pairing.answered:
            raise Malformed("a confirmation out of turn")
        if code is None or pairing.code is not code or not code.lives(now.mono_s):
            return self._turned_away(link, CODE_EXPIRED)
        try:
            enrolment = pairing.enrolment(confirm_p, sealed)
        except WrongCode:
            return self._wrong_code(link, now)
        welcome = self.keyring.enrol(enrolment, now)
        self.desk.code = None
        done: Effects = [Send(link.number, encode([PAIR_DONE, pairing.welcome(welcome)]))]
        return [*done, Happened("paired", kid_of(enrolment.agreement), enrolment.name)]

    def _wrong_code(self, link: Link, now: Now) -> Effects:
        """After the last try the code is gone."""
        self.keyring.tell(now, "wrong_code", b"", "a device doesn't know the code", by_stranger=True)
        if self.store.tries.is_locked(self.keyring.now_s):
            self.desk.code = None
        return [*self._turned_away(link, WRONG_CODE), Happened("wrong_code", b"", "")]

    # ---- sessions ----------------------------------------------------------------------------------------------------

    def _edhoc_1(self, link: Link, message_1: bytes, _now: Now) -> Effects:
        if link.handshake is not None or link.is_open:
            raise Malformed("EDHOC: a second beginning")
        link.handshake = CarHandshake(self.identity.agreement)
        return [Send(link.number, encode([EDHOC_2, link.handshake.second(message_1)]))]

    def _edhoc_3(self, link: Link, message_3: bytes, now: Now) -> Effects:
        if link.handshake is None or link.is_open:
            raise Malformed("EDHOC: message 3 out of turn")
        message_4, agreement, secret = link.handshake.fourth(message_3, self.keyring.agreement_of)
        self.keyring.admit(agreement)
        session, traffic = Session.begun(kid_of(agreement), self.epoch, secret, self.keyring.now_s)
        if self.keyring.agreement_of(session.kid) is not None:
            self.sessions.add(session)  # a stranger's isn't kept: strangers must not drive out those that belong here
        link.agreement = agreement
        self._open(link, session, traffic)
        return [Send(link.number, encode([EDHOC_4, message_4])), Happened("connected", session.kid, "")]

    def _resume(self, link: Link, number: bytes, proof: bytes, now: Now) -> Effects:
        if link.handshake is not None or link.is_open:
            raise Malformed("a resumption out of turn")
        session, why, kid = self.sessions.resume(number, proof, link.challenge, self.keyring.now_s)
        if session is None:
            return self._not_resumed(link, why, kid, now)
        link.agreement = self.keyring.agreement_of(kid)
        self._open(link, session, session.traffic())
        return [Happened("connected", kid, "resumed")]

    def _not_resumed(self, link: Link, why: Resumed | None, kid: bytes, now: Now) -> Effects:
        """The link stays: the device goes on with EDHOC."""
        answer: Effects = [Send(link.number, encode([ERROR, NO_SESSION]))]
        if why is not Resumed.FORKED:
            return answer
        self.keyring.tell(now, "forked", kid, "two devices hold one session: it was copied, or restored from a backup")
        return [*answer, *self._tell_owners("forked"), Happened("forked", kid, "")]

    def _open(self, link: Link, session: Session, traffic: bytes) -> None:
        link.session, link.handshake = session, None
        link.channel = Channel(traffic, link.challenge, self.epoch, is_car=True)

    def _record(self, link: Link, counter: int, sealed: bytes, now: Now) -> Effects:
        if link.channel is None or link.session is None:
            # it came right behind a resumption that failed: the device has its answer already
            return [] if link.pairing is None else self._closed(link)
        request = link.channel.open(counter, sealed)
        if self.keyring.now_s >= link.session.expires_s:
            return self._turned_away(link, NO_SESSION)
        return operations.answer(self, link, request, now)

    def tell(self, link: Link, value: Any) -> Effect:
        """A record for an open link."""
        assert link.channel is not None
        return Send(link.number, link.channel.seal(value))

    def _tell_owners(self, kind: str) -> Effects:
        owners = {row.kid for row in self.keyring.owners()}
        return [self.tell(link, [0, kind]) for link in self.links.values() if link.is_open and self._kid(link) in owners]

    def end_sessions(self, kid: bytes) -> Effects:
        """Of a key that was revoked: at once, the open ones too."""
        self.sessions.end(kid)
        self.nearness.forget(kid)
        ended = [link for link in self.links.values() if self._kid(link) == kid]
        return [effect for link in ended for effect in self._closed(link)]

    # ---- time --------------------------------------------------------------------------------------------------------

    def tick(self, now: Now) -> Effects:
        """A few times a second: what lasted too long ends; what the keys' places mean for the car."""
        self.keyring.see_the_clock(now.wall_s, now.mono_s)
        late = [link for link in self.links.values() if self._is_late(link, now)]
        effects = [effect for link in late for effect in self._closed(link)]
        return effects + operations.follow_the_keys(self, now)

    def _is_late(self, link: Link, now: Now) -> bool:
        if link.is_open:
            return now.mono_s - link.heard_s > SILENT_S
        return now.mono_s - link.began_s > (PAIRING_S if link.pairing else HALF_OPEN_S)

