"""`python -m homeward_sim`: the world as a process."""

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence

from homeward_sim.maps import Trial, read_map
from homeward_sim.opendrive import MapError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a world until SIGINT or SIGTERM. 0: ended as asked; 1: can't start, with the reason; 2: wrong use."""
    options = _read_options(list(sys.argv[1:] if arguments is None else arguments))
    logging.basicConfig(level=logging.INFO, format="[world] %(levelname)s %(message)s", stream=sys.stderr)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        return _serve(options)
    except MapError as error:
        print(error, file=sys.stderr)
        return 1


def _read_options(arguments: list[str]) -> argparse.Namespace:
    if "--ros-args" in arguments:
        arguments = arguments[: arguments.index("--ros-args")]
    parser = argparse.ArgumentParser(prog="world", description="A headless world that the carla client connects to.")
    parser.add_argument("--map", default="hometown", help="name of a map, or the path of an OpenDRIVE file")
    parser.add_argument(
        "--port", type=_port, default=2000, help="port for calls; streams use the next one; 0 finds two"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sensors' noise")
    parser.add_argument(
        "--priority", type=int, default=0, help="real-time priority, where the system allows it; 0: an ordinary program"
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65534:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65534")
    return port


def _serve(options: argparse.Namespace) -> int:
    name, text = read_map(options.map)
    trial = Trial(text)  # runs beside the heavy imports
    from homeward_sim.roads import RoadNetwork
    from homeward_sim.server import PortTaken, Server
    from homeward_sim.warm_up import warm_up
    from homeward_sim.world import World

    trial.finish()
    world = World(RoadNetwork(name, text), options.seed)
    try:
        server = Server(world, options.host, options.port)
    except PortTaken as error:
        print(error, file=sys.stderr)
        return 1
    warm_up(world.network)
    _go_first(options.priority)
    print(f"World ready: {name} on port {server.port} (streams on {server.port + 1}).", flush=True)
    server.run()
    return 0


def _go_first(priority: int) -> None:
    """Before what else the computer does: a car in real time waits for its world. Silent where that isn't allowed."""
    if priority > 0:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))


if __name__ == "__main__":
    sys.exit(main())
