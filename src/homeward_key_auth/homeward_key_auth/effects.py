"""What the core wants done: the shell does it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Send:
    """A message to a device."""

    link: int
    message: bytes


@dataclass(frozen=True)
class Close:
    """End the connection."""

    link: int


@dataclass(frozen=True)
class Body:
    """A command to the car's body; `wish` numbers it, for the answer. `verb` and `value` are BodyCommand's.
    """

    wish: int
    verb: int
    value: float


@dataclass(frozen=True)
class Happened:
    """For the cockpit, and whoever listens: a kind, the key it is about (or none), words."""

    kind: str
    kid: bytes
    words: str


Effect = Send | Close | Body | Happened
Effects = list[Effect]
