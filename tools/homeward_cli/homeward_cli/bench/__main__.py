"""Run one benchmark inside the sourced environment; ./homeward bench comes here."""

from __future__ import annotations

import importlib
import json
import sys

from homeward_cli.workspace import progress


def main(arguments: list[str]) -> int:
    """Figures as lines for people, or as one JSON object on the last line."""
    name, as_json = arguments[0], "--json" in arguments
    figures = importlib.import_module(f"homeward_cli.bench.{name}").run(progress)
    if as_json:
        print(json.dumps(figures))
    else:
        width = max(map(len, figures))
        for key, value in figures.items():
            print(f"{key:{width}}  {value}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except RuntimeError as error:
        sys.exit(f"homeward: {error}")
