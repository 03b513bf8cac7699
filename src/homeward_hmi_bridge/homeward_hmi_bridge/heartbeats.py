"""Which nodes have fallen silent: each says on /diagnostics once a second that it runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from homeward_runtime.faults import Fault, fault


class Heartbeats:
    """`watched` names nodes; times are of one monotonic clock [s]."""

    def __init__(self, watched: Iterable[str], silence_s: float) -> None:
        self.silence_s = silence_s
        self.heard_s: dict[str, float | None] = dict.fromkeys(watched)
        self.began_s: float | None = None

    def heard(self, nodes: Iterable[str], now_s: float) -> None:
        for node in nodes:
            if node in self.heard_s:
                self.heard_s[node] = now_s

    def silent(self, now_s: float) -> dict[str, float]:
        """Silent nodes and for how long [s]; at the start each has twice the time to come up."""
        self.began_s = now_s if self.began_s is None else self.began_s
        found = {}
        for node, heard_s in self.heard_s.items():
            age_s = now_s - heard_s if heard_s is not None else now_s - self.began_s - 2 * self.silence_s
            if age_s > self.silence_s:
                found[node] = age_s
        return found

    def faults(self, now_s: float) -> list[Fault]:
        silent = self.silent(now_s)
        names = ", ".join(sorted(silent))
        return [fault("hmi.node_silent", f"{names}: no sign of life for {max(silent.values()):.0f} s")] if silent else []
