"""Whatever a stranger, or a friend gone mad, sends: nothing opens, nothing raises. `./homeward bench key-fuzz` goes on for a million."""

from __future__ import annotations

from homeward_cli.bench import key_fuzz


def test_a_few_thousand_messages() -> None:
    found = key_fuzz.fuzzed(messages=4000, seed=1)
    assert found["exceptions"] == 0 and found["opened"] == 0 and found["still_opens"]
