"""Run one benchmark inside the sourced environment; ./homeward bench comes here."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
from collections.abc import Callable

from homeward_cli.workspace import progress


def main(arguments: list[str]) -> int:
    """Figures as lines for people, or as one JSON object on the last line."""
    name, own = arguments[0], [one for one in arguments[1:] if one != "--json"]
    figures = measure(importlib.import_module(f"homeward_cli.bench.{name}").run, name, own)
    if "--json" in arguments:
        print(json.dumps(figures))
    else:
        width = max(map(len, figures))
        for key, value in figures.items():
            print(f"{key:{width}}  {value}")
    return 0


def measure(run: Callable[..., dict[str, object]], name: str, own: list[str]) -> dict[str, object]:
    """A benchmark with what it was given: `run(say)` takes nothing more, `run(say, arguments)` reads them itself."""
    if len(inspect.signature(run).parameters) > 1:
        return run(progress, own)
    argparse.ArgumentParser(prog=f"./homeward bench {name}", usage="%(prog)s [--json]").parse_args(own)
    return run(progress)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except RuntimeError as error:
        sys.exit(f"homeward: {error}")
