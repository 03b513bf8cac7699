"""Which keys there are and what they may: the list, its tokens, revocations, the clock and the log, over the store."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from homeward_key_auth import token as tokens
from homeward_key_auth.audit import Throttle
from homeward_key_auth.curve import kid_of
from homeward_key_auth.encoding import Malformed
from homeward_key_auth.pairing import Enrolment, Tries, Welcome
from homeward_key_auth.session import Refused
from homeward_key_auth.store import KeyRow, Store, StoreError
from homeward_key_auth.token import Claims, Issuer, Verb

if TYPE_CHECKING:
    from homeward_key_auth.core import Identity, Now

OWNER_LIVES_S = 20 * 365 * 86400
STORE_CLOCK_EVERY_S, LAGS_S = 60.0, 60.0


class Keyring:
    """`now_s` is the time that keys go by: the wall clock, but never below the latest ever stored."""

    def __init__(self, identity: Identity, store: Store) -> None:
        self._identity, self._store = identity, store
        self.now_s = store.high_water_s
        self._stored_s: float | None = None
        self._lags = False
        self._throttle = Throttle()

    # ---- the clock and the log -----------------------------------------------------------------------------------------

    def see_the_clock(self, wall_s: float, mono_s: float) -> None:
        """Time moves on; a clock that was set back doesn't move it."""
        self.now_s = max(self.now_s, wall_s)
        if self._stored_s is None or mono_s - self._stored_s >= STORE_CLOCK_EVERY_S:
            self._stored_s = mono_s
            self._store.rise(self.now_s)
        if not self._lags and wall_s < self.now_s - LAGS_S:
            self._store.write(self.now_s, "clock", b"", f"the clock is {self.now_s - wall_s:.0f} s behind what it was")
        self._lags = wall_s < self.now_s - LAGS_S
        held = self._throttle.counted(mono_s)
        if held:
            self._store.write(self.now_s, "more", b"", f"{held} more of what strangers tried")

    def tell(self, _now: Now, kind: str, kid: bytes, words: str, by_stranger: bool = False) -> None:
        """Into the log; what strangers cause at a bounded rate."""
        if not by_stranger or self._throttle.passes():
            self._store.write(self.now_s, kind, kid, words)

    # ---- who is who ------------------------------------------------------------------------------------------------------

    def owners(self) -> list[KeyRow]:
        return [row for row in self._store.rows() if row.issuer == self._identity.kid]

    def agreement_of(self, kid: bytes) -> bytes | None:
        """Of a key on the list. A revoked one isn't on it."""
        row = self._store.key(kid)
        return row.agreement if row else None

    def admit(self, agreement: bytes) -> None:
        """Raises Refused for a key that was revoked."""
        if self._store.is_revoked(kid_of(agreement)):
            raise Refused(f"the key {kid_of(agreement).hex()} was revoked")

    def claims_of(self, kid: bytes) -> tuple[Claims | None, str]:
        """What a key holds now, or why it holds nothing: its token is judged anew each time."""
        row = self._store.key(kid)
        if row is None:
            return None, "show the key's token first"
        return self._judged(row.token, row.agreement)

    def _judged(self, token: bytes, holder: bytes) -> tuple[Claims | None, str]:
        """Raises nothing: a token that can't be read is one that isn't taken."""
        try:
            found = tokens.read(token)
        except Malformed as error:
            return None, str(error)
        claims = found.claims
        why = tokens.complaint(found, self._identity.kid, holder, self.now_s, self._issuer)
        if not why and (self._store.is_revoked(claims.number) or self._store.is_revoked(claims.kid)):
            why = "the key was revoked"
        return (None, why) if why else (claims, "")

    def _issuer(self, kid: bytes) -> Issuer | None:
        """The car, or an owner's key that is valid now. Owners' tokens are the car's own, so this ends there."""
        if kid == self._identity.kid:
            return Issuer(self._identity.signer.public)
        row = self._store.key(kid)
        if row is None or row.issuer != self._identity.kid:
            return None
        claims, _ = self._judged(row.token, row.agreement)
        return Issuer(claims.signature_key, claims) if claims and Verb.SHARE in claims.verbs else None

    # ---- changes -----------------------------------------------------------------------------------------------------------

    def enrol(self, enrolment: Enrolment, now: Now) -> Welcome:
        """An owner's key: one transaction, with the tries forgotten and the log's entry. Raises StoreError."""
        identity, kid, now_s = self._identity, kid_of(enrolment.agreement), int(self.now_s)
        claims = Claims(identity.kid, enrolment.name, identity.kid, now_s + OWNER_LIVES_S, max(now_s - 60, 0), now_s,
                        secrets.token_bytes(tokens.CTI_BYTES), enrolment.agreement, tokens.ALL_VERBS,
                        signature_key=enrolment.signature)  # fmt: skip
        token = tokens.issue(claims, identity.signer)
        with self._store.change():
            self._store.pardon(kid)
            self._store.put(KeyRow(kid, claims.name, claims.holder, token, identity.kid, claims.number, now_s))
            self._store.tries = Tries()
            self.tell(now, "paired", kid, f"{claims.name} is an owner's key now")
        return Welcome(identity.name, identity.agreement.public, identity.signer.public, token)

    def present(self, token: bytes, agreement: bytes, now: Now) -> str:
        """A key shows its token. Why it isn't taken, or empty. Raises Malformed, StoreError."""
        claims, why = self._judged(token, agreement)
        if claims is None:
            self.tell(now, "token_refused", kid_of(agreement), why, by_stranger=True)
            return why
        known = self._store.key(claims.kid)
        if known is None or known.token != token:
            self._put(claims, token, now, "came with its token")
        return ""

    def deposit(self, token: bytes, by: bytes, now: Now) -> str:
        """An owner leaves a token for a key that hasn't come yet. Why not, or empty. Raises Malformed, StoreError."""
        read = tokens.read(token)
        claims, why = self._judged(token, read.claims.holder)
        if claims is None:
            return why
        if claims.issuer != by:
            return "the token was signed by another key"
        self._put(claims, token, now, f"was shared by {by.hex()}")
        return ""

    def _put(self, claims: Claims, token: bytes, now: Now, words: str) -> None:
        known = self._store.key(claims.kid)
        if known is not None and known.issuer == self._identity.kid and claims.issuer != self._identity.kid:
            raise StoreError("an owner's key keeps its own token")
        with self._store.change():
            self._store.put(KeyRow(claims.kid, claims.name, claims.holder, token, claims.issuer, claims.number, int(self.now_s)))
            self.tell(now, "shared", claims.kid, f"{claims.name} {words}")

    def revoke(self, kid: bytes, by: str, now: Now) -> tuple[str, list[bytes]]:
        """(why not, the kids that ended). Raises StoreError."""
        owners = self.owners()
        if [row.kid for row in owners] == [kid]:
            return "it is the last owner's key: pair another one first", []
        if self._store.key(kid) is None and self._store.is_revoked(kid):
            return "", []
        with self._store.change():
            row = self._store.key(kid)
            ended = self._store.revoke(kid, self.now_s)
            self.tell(now, "revoked", kid, f"{row.name if row else 'a key that never came'} was revoked by {by}")
        return "", ended

    def used(self, kid: bytes) -> None:
        self._store.used(kid, self.now_s)
        self._store.rise(self.now_s)
