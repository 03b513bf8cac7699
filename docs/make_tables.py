"""Writes docs/interfaces.md from the ledger and docs/parameters.md from the nodes' parameter dataclasses and car.yaml."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

from homeward_runtime import faults, ledger
from homeward_runtime.ledger import Cockpit, Kind
from homeward_runtime.params import is_preference, read_file

ROOT = Path(__file__).resolve().parents[1]
PARAMETERS = {
    "can_bridge": "homeward_can_bridge.core:BridgeParams", "cockpit": "homeward_hmi_bridge.node:CockpitParams",
    "controller": "homeward_planner.parameters:ControllerParams", "description": "homeward_description.node:DescriptionParams",
    "ecus": "homeward_carla_bridge.ecus:EcuParams", "key_auth": "homeward_key_auth.parameters:KeyParams",
    "localization": "homeward_localization.core:LocalizationParams",
    "perception": "homeward_perception.ideal:IdealParams", "planner": "homeward_planner.node:PlannerNodeParams",
    "sensors": "homeward_carla_bridge.rig:SensorParams",
}  # fmt: skip
MADE = "<!-- Made by docs/make_tables.py; change the source, then run it again. -->\n"


def interfaces() -> str:
    """Every interface of the ledger, then the four profiles and the faults."""
    heading = "| interface | type | owner | kind | profile | rate | cockpit | what |"
    rows = ["# Interfaces", "", MADE, "Names are relative to the car's namespace unless they begin with a slash."]
    rows += ["", heading, "|" + "---|" * 8]
    for row in ledger.LEDGER:
        profile = row.profile.name if row.kind in (Kind.TOPIC, Kind.INBOX) else "–"
        rate = f"{row.rate_hz:g} Hz" if row.rate_hz else "on change" if row.kind is Kind.TOPIC else "–"
        owner = "every node" if row.owner == ledger.EVERY_NODE else row.owner
        cockpit = row.cockpit.value if row.cockpit is not Cockpit.NOTHING else "–"
        note = " (simulator only)" if row.simulator_only else ""
        rows.append(
            f"| `{row.name}` | `{row.type}` | {owner} | {row.kind.value} | {profile} | {rate} | {cockpit} | {row.doc}{note} |"
        )
    rows += ["", "An inbox is a topic that its owner reads and anybody may publish.", "", "# Faults", "",
             "| code | severity | the driver reads | remedy |", "|---|---|---|---|"]  # fmt: skip
    rows += [f"| `{f.code}` | {f.severity.name.lower()} | {f.text} | {f.remedy} |" for f in faults.CATALOGUE.values()]
    return "\n".join(rows) + "\n"


def parameters() -> str:
    """Every parameter of every node: default, unit, range, text."""
    defaults: dict[str, dict[str, Any]] = {p.rsplit("/", 1)[-1]: v for p, v in read_file(ROOT / "params/car.yaml")}
    rows = ["# Parameters", "", MADE, "Defaults are `params/car.yaml`'s; overlays change some.",
            "A *preference* may be set while the node runs, within its range: `ros2 param set /planner headway_s 2.0`. It is in",
            "force from the next cycle on; a value that is refused comes back with a sentence."]  # fmt: skip
    for node, where in PARAMETERS.items():
        module, name = where.split(":")
        rows += ["", f"## {node}", "", "| parameter | default | unit | range | what |", "|---|---|---|---|---|"]
        for field in dataclasses.fields(getattr(importlib.import_module(module), name)):
            facts = field.metadata
            bounded = abs(facts["min"]) != float("inf")
            span = f"{facts['min']:g} – {facts['max']:g}" if bounded else ""
            doc = f"{facts['doc']} (*preference*)" if is_preference(field) else facts["doc"]
            rows.append(f"| `{field.name}` | `{defaults[node][field.name]}` | {facts['unit']} | {span} | {doc} |")
    return "\n".join(rows) + "\n"


PAGES = {"interfaces.md": interfaces, "parameters.md": parameters}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (ROOT / "docs" / page).write_text(make())
