"""The four quality-of-service profiles, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """What a topic promises. Durations in seconds; 0 means none."""

    name: str
    depth: int
    reliable: bool
    latched: bool = False
    deadline_s: float = 0.0
    lifespan_s: float = 0.0


# A late joiner must never get an old drive command: volatile, one deep, and a command dies after its lifespan.
COMMAND = Profile("command", depth=1, reliable=True, deadline_s=0.2, lifespan_s=0.2)
STATE = Profile("state", depth=10, reliable=True)
SENSOR = Profile("sensor", depth=5, reliable=False)
LATCHED = Profile("latched", depth=1, reliable=True, latched=True)
