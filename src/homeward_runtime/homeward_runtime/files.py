"""Finding the data files that parameters name: absolute, below the repository, or installed with homeward_bringup."""

from __future__ import annotations

import os
from pathlib import Path


def find(name: str, folder: str) -> Path:
    """The file of this name. Raises FileNotFoundError that lists where it was looked for."""
    places = [Path(name), *(base / folder / name for base in _bases())]
    for place in places:
        if place.is_file():
            return place.resolve()
    looked = ", ".join(str(place) for place in places)
    raise FileNotFoundError(f"there is no file '{name}'; looked for {looked}")


def read_text(name: str, folder: str) -> str:
    """Its content. Raises FileNotFoundError."""
    return find(name, folder).read_text(encoding="utf-8")


def _bases() -> list[Path]:
    bases = [Path(os.environ["HOMEWARD_ROOT"])] if "HOMEWARD_ROOT" in os.environ else []
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return bases + [Path(prefix) / "share" / "homeward_bringup" for prefix in prefixes if prefix]
