"""How a command to the world ends: done, refused, or unknown. Nothing shows the wish as the fact."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Ending(enum.IntEnum):
    """The numbers of homeward_interfaces/msg/Outcome."""

    DONE = 0
    REFUSED = 1
    UNKNOWN = 2


@dataclass(frozen=True)
class Outcome:
    """`reason` is a stable code (empty when done), `text` a sentence for the person who asked."""

    ending: Ending
    reason: str = ""
    text: str = ""

    @property
    def done(self) -> bool:
        return self.ending is Ending.DONE


DONE = Outcome(Ending.DONE)


def refused(reason: str, text: str) -> Outcome:
    """It did not happen."""
    return Outcome(Ending.REFUSED, reason, text)


def unknown(reason: str, text: str) -> Outcome:
    """It may have happened: ask before trying again."""
    return Outcome(Ending.UNKNOWN, reason, text)
