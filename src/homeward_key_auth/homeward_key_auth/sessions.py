"""The sessions that live: found by the next step's id, moved on, ended. In memory only: a restart ends them all. Pure."""

from __future__ import annotations

import hmac
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from homeward_key_auth.session import Session, proven

MOST_SESSIONS, KEPT_STEPS = 64, 16


class Resumed(Enum):
    """Why a session wasn't resumed."""

    UNKNOWN = "unknown"
    FORKED = "forked"  # two devices hold it


@dataclass
class _Living:
    step: Session
    over: deque[tuple[bytes, bytes]] = field(default_factory=lambda: deque(maxlen=KEPT_STEPS))  # id, proof key


class Sessions:
    """At most MOST_SESSIONS; the one that was begun first makes room."""

    def __init__(self) -> None:
        self._living: list[_Living] = []

    def add(self, session: Session) -> None:
        self._living = [*self._living[-MOST_SESSIONS + 1 :], _Living(session)]

    def end(self, kid: bytes) -> None:
        """All sessions of a key."""
        self._living = [one for one in self._living if one.step.kid != kid]

    def __len__(self) -> int:
        return len(self._living)

    def resume(self, number: bytes, proof: bytes, challenge: bytes, now_s: float) -> tuple[Session | None, Resumed | None, bytes]:
        """(the step that `number` names, moved past; why not; whose session). A forked session is ended."""
        self._living = [one for one in self._living if now_s < one.step.expires_s]
        for one in self._living:
            for step in one.step.ahead():
                if step.id() == number and hmac.compare_digest(step.proof(challenge), proof):
                    one.over.append((step.id(), step.proof_key()))
                    one.step = step.next()
                    return step, None, step.kid
            if any(number == old and hmac.compare_digest(proven(key, challenge), proof) for old, key in one.over):
                self.end(one.step.kid)
                return None, Resumed.FORKED, one.step.kid
        return None, Resumed.UNKNOWN, b""
