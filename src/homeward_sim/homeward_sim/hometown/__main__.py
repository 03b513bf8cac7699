"""`python -m homeward_sim.hometown FOLDER` writes hometown.xodr and places.yaml there."""

from __future__ import annotations

import sys
from pathlib import Path

from .network import build_town
from .opendrive import to_xml
from .places import to_yaml


def write(folder: Path) -> list[Path]:
    """Write both files into a folder (made if need be) and return their paths."""
    town = build_town()
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "hometown.xodr", folder / "places.yaml"]
    for path, text in zip(written, (to_xml(town), to_yaml(town)), strict=True):
        path.write_text(text, encoding="utf-8", newline="\n")
    return written


def main(arguments: list[str]) -> int:
    """The command line: exit code 0 on success, 2 on wrong use, 1 where the folder can't be written."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m homeward_sim.hometown FOLDER", file=sys.stderr)
        return 2
    try:
        for path in write(Path(arguments[0])):
            print(path)
    except OSError as error:
        print(f"{error.strerror}: {error.filename}. Name a folder that you may write to.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
