"""RViz's settings name topics that the ledger has, with a quality of service that can match."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from homeward_runtime import ledger

RVIZ = Path(__file__).resolve().parents[2] / "rviz" / "homeward.rviz"


def topics(tree: Any) -> list[dict[str, Any]]:
    if isinstance(tree, dict):
        own = [tree] if "Value" in tree and str(tree["Value"]).startswith("/") else []
        return own + [found for value in tree.values() for found in topics(value)]
    return [found for value in tree for found in topics(value)] if isinstance(tree, list) else []


def test_every_topic_is_in_the_ledger_and_its_profile_matches() -> None:
    rows = {f"/{row.name.lstrip('/')}": row for row in ledger.LEDGER}
    found = topics(yaml.safe_load(RVIZ.read_text()))
    assert len(found) >= 6
    for topic in found:
        profile = rows[topic["Value"]].profile
        if topic.get("Durability Policy") == "Transient Local":
            assert profile.latched, topic
        if topic.get("Reliability Policy") == "Reliable":
            assert profile.reliable, topic
