"""The CAN bridge: its codec against cantools, and two full buses into the running node."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from homeward_cli.bench import can_codec

DESCRIPTION = "The CAN codec against cantools on the same frames, and two buses of 4000 frames/s each into the bridge."
NODE = "homeward_cli.bench.can_node"


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """The codec's figures, then the node's."""
    figures = can_codec.run(say)
    if importlib.util.find_spec(NODE) is not None:
        figures |= importlib.import_module(NODE).run(say)
    return figures
