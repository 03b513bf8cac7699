"""Finding a vehicle's files: vehicles/<name>/<name>.dbc and vehicles/<name>/mapping.yaml."""

from __future__ import annotations

from pathlib import Path

from homeward_runtime.files import read_text

DEMO_CAR = "homeward"
CHECKOUT = Path(__file__).resolve().parents[3] / "vehicles"  # where neither environment names the place


def vehicle_texts(name: str) -> tuple[str, str]:
    """The texts of its DBC and its mapping. Raises FileNotFoundError that lists where it was looked for."""
    dbc, mapping = f"{name}/{name}.dbc", f"{name}/mapping.yaml"
    if not (name and name.replace("_", "").replace("-", "").isalnum()):
        raise FileNotFoundError(f"'{name}' is no name of a vehicle: letters, digits, _ and - are")
    try:
        return read_text(dbc, "vehicles"), read_text(mapping, "vehicles")
    except FileNotFoundError:
        if not (CHECKOUT / mapping).is_file():
            raise
        return (CHECKOUT / dbc).read_text(encoding="utf-8"), (CHECKOUT / mapping).read_text(encoding="utf-8")
