"""What can be said before anything starts: taken ports, parameter files with typing errors."""

from __future__ import annotations

import difflib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from homeward_cli.launch_xml import LaunchError, ProcessSpec

NODES = {"can_bridge", "description", "localization", "perception", "planner", "controller", "sensors", "ecus", "cockpit",
         "key_auth"}  # fmt: skip
PORT_PARAMETERS = {("cockpit", "port"): "dashboard_port"}


def check(specs: list[ProcessSpec]) -> None:
    """Raises LaunchError with the remedy."""
    for file in sorted({file for spec in specs for file in _files(spec)}):
        _check_file(Path(file))
    for port, argument in sorted(_ports(specs)):
        if port and not port_is_free(port):
            raise LaunchError(
                f"port {port} is taken. Is Homeward running already? End it, or choose another: {argument}:={port + 10}"
            )


def _files(spec: ProcessSpec) -> Iterator[str]:
    for flag, value in zip(spec.command, spec.command[1:]):
        if flag == "--params-file" and isinstance(value, str):
            yield value


def _check_file(path: Path) -> None:
    """Every section is meant for a node that exists. What is in it is the node's to check."""
    try:
        tree = yaml.safe_load(path.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LaunchError(f"the parameter file {path} can't be read: {error}") from error
    if not isinstance(tree, dict):
        raise LaunchError(f"the parameter file {path} holds no sections")
    for section in tree:
        name = str(section).rsplit("/", 1)[-1]
        if name not in NODES and "*" not in name:
            close = difflib.get_close_matches(name, NODES, 1)
            hint = f"; did you mean '{close[0]}'?" if close else f"; there are: {', '.join(sorted(NODES))}"
            raise LaunchError(f"{path}: there is no node '{name}'{hint}")


def _ports(specs: list[ProcessSpec]) -> Iterator[tuple[int, str]]:
    for spec in specs:
        words = [word for word in spec.command if isinstance(word, str)]
        if spec.name == "world" and "--port" in words:
            port = int(words[words.index("--port") + 1])
            yield port, "carla_port"
            yield port + 1, "carla_port"
        for word in spec.command:
            if isinstance(word, dict):
                yield from _port_parameters(spec.name, word)


def _port_parameters(node: str, values: dict[str, Any]) -> Iterator[tuple[int, str]]:
    for name, value in values.items():
        if (node, name) in PORT_PARAMETERS and isinstance(value, int):
            yield value, PORT_PARAMETERS[node, name]


def port_is_free(port: int) -> bool:
    """True when a server could listen on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
