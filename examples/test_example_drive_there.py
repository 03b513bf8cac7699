"""The example says what it lacks; the calls that it makes are tested on the wire in test_stack_navigation.py."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "drive_there.py"


def test_without_the_commander_it_says_how_to_get_it() -> None:
    if importlib.util.find_spec("nav2_simple_commander"):
        pytest.skip("nav2_simple_commander is installed here")
    result = subprocess.run([sys.executable, str(EXAMPLE), "0", "0", "0"], capture_output=True, text=True, check=False)
    assert result.returncode == 1 and "apt install ros-jazzy-nav2-simple-commander" in result.stderr
