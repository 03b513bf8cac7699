"""The command line: one small function a command; the work is in the other modules."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from homeward_cli import bench as bench_package
from homeward_cli import doctor as doctor_module
from homeward_cli import workspace
from homeward_cli.environment import ROOT, workspace_environment
from homeward_cli.launch_xml import LaunchError, declared_arguments
from homeward_cli.runner import machine_from

app = typer.Typer(
    help="Homeward: an open car stack that knows your home.",
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
)  # fmt: skip
map_app = typer.Typer(help="Maps: convert OpenDRIVE to Lanelet2.", no_args_is_help=True)
app.add_typer(map_app, name="map")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on the last line of standard output.")]
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def _ready() -> dict[str, str]:
    """Build what changed; the environment to run it in."""
    workspace.build(workspace.progress)
    return workspace_environment()


def _become(command: list[str], environment: dict[str, str]) -> None:
    os.execvpe(command[0], command, environment)


@app.command()
def setup() -> None:
    """Install and build everything that is missing, then say what to do next."""
    _ready()
    print("Ready. Next: ./homeward run")


@app.command(context_settings=PASS_ON)
def run(context: typer.Context) -> None:
    """Start the simulator composition and the dashboard. Ctrl-C ends it.

    Launch arguments may follow: ./homeward run traffic:=40 dashboard_port:=9000
    """
    launch(context, ROOT / "launch" / "simulator.launch.xml")


@app.command(context_settings=PASS_ON)
def launch(context: typer.Context, file: Annotated[Path, typer.Argument(help="An XML launch file of launch/.")]) -> None:
    """Run a launch file as `ros2 launch` would, on machines that lack it: ./homeward launch FILE [name:=value ...]."""
    from homeward_cli import start

    arguments = start.launch_arguments(context.args)
    sys.exit(start.start(file, arguments, _ready()))


@app.command(context_settings=PASS_ON)
def test(context: typer.Context) -> None:
    """Run every check and test; what follows goes to pytest, e.g. ./homeward test -k gate."""
    from homeward_cli import testing

    sys.exit(testing.run_all(context.args, _ready()))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is here, what is missing and how to mend it."""
    findings = doctor_module.examine()
    report = doctor_module.as_json(findings)
    if as_json:
        print(json.dumps(report))
    else:
        table = Table("", "what", "found", "remedy", box=None, padding=(0, 1))
        marks = {"good": "[green]ok[/]", "warning": "[yellow]!![/]", "missing": "[red]no[/]"}
        for finding in findings:
            table.add_row(marks[finding.state], finding.what, finding.found, finding.remedy)
        Console().print(table)
        print("Ready: ./homeward run" if report["ready"] else "Not ready: see the lines marked 'no'.")
    sys.exit(0 if report["ready"] else 1)


@app.command(context_settings=PASS_ON)
def shell(context: typer.Context) -> None:
    """A shell with ROS 2 and this workspace sourced; or one command in it: ./homeward shell python my_node.py."""
    command = context.args or [os.environ.get("SHELL", "/bin/bash")]
    environment = _ready()
    if not context.args:
        print("ROS 2 and the workspace are sourced here; exit leaves. Try: python -c 'import rclpy'", file=sys.stderr)
    try:
        _become(command, environment)
    except FileNotFoundError:
        raise typer.BadParameter(f"{command[0]} was not found") from None


def benchmarks() -> dict[str, str]:
    """What each benchmark measures, by its name. Read, not imported: they need the built workspace."""
    found = {}
    for file in sorted(Path(bench_package.__path__[0]).glob("*.py")):
        for statement in ast.parse(file.read_text()).body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "DESCRIPTION":
                found[file.stem] = str(ast.literal_eval(statement.value))
    return found


@app.command(context_settings=PASS_ON | {"help_option_names": []})
def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which; without a name they are listed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Measure. Progress goes to standard error, the figures to standard output; a benchmark's own options: bench NAME --help."""
    known, name = benchmarks(), name.replace("-", "_") if not name.startswith("-") else name
    if name in ("--help", "-h"):
        print(context.get_help())
        return
    if not name:
        for each, what in known.items():
            print(f"{each:12} {what}")
        return
    if name not in known:
        raise typer.BadParameter(f"there is no benchmark '{name}'; there are: {', '.join(known)}")
    environment = _ready()
    flags = ["--json"] if as_json else []
    _become([sys.executable, "-m", "homeward_cli.bench", name, *context.args, *flags], environment)


@app.command(context_settings=PASS_ON)
def sim(context: typer.Context) -> None:
    """Run the world alone, for any CARLA 0.9.16 client: ./homeward sim [--map Town01] [--port 2000]."""
    environment = workspace_environment()
    environment["PYTHONPATH"] = f"{ROOT / 'src' / 'homeward_sim'}{os.pathsep}{environment.get('PYTHONPATH', '')}"
    _become([sys.executable, "-m", "homeward_sim", *context.args], environment)


@app.command(context_settings=PASS_ON | {"help_option_names": []})
def can(context: typer.Context) -> None:
    """What is on a CAN bus: monitor, decode, record, replay, send (through the gate), lint, obd, uds. ./homeward can --help"""
    environment = dict(os.environ)
    sources = [str(ROOT / "src" / name) for name in ("homeward_runtime", "homeward_can_bridge")]  # no ROS, nothing to build
    environment["PYTHONPATH"] = os.pathsep.join([*sources, environment.get("PYTHONPATH", "")])
    _become([sys.executable, "-m", "homeward_cli.can_tools", *context.args], environment)


@app.command(context_settings=PASS_ON | {"help_option_names": []})
def key(context: typer.Context) -> None:
    """This computer as a phone's key: pair, unlock, lock, start, share, list, revoke, log. ./homeward key --help"""
    _become([sys.executable, "-m", "homeward_cli.key_tools", *context.args], _ready())


Topics = Annotated[list[str] | None, typer.Argument(help="Topics; without, all but pictures and clouds.")]


@app.command()
def record(
    tape: Annotated[Path, typer.Argument(metavar="TAPE.mcap")],
    topics: Topics = None,
    as_tool: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Record a running stack as MCAP, until Ctrl-C. rosbag2 and Foxglove read it."""
    _tape_tool(as_tool, ["record", str(tape), *(topics or [])], lambda tapes: tapes.record(tape, topics or []))


@app.command()
def replay(
    tape: Annotated[Path, typer.Argument(metavar="TAPE.mcap")], topics: Topics = None,
    speed: Annotated[float, typer.Option(min=0.01, max=100.0, help="How many times as fast.")] = 1.0,
    as_tool: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:  # fmt: skip
    """Publish a tape's messages again, at their times."""
    arguments = ["replay", str(tape), *(topics or []), "--speed", str(speed)]
    _tape_tool(as_tool, arguments, lambda tapes: tapes.replay(tape, topics or [], speed))


def _tape_tool(inside: bool, arguments: list[str], work: Callable[[Any], int]) -> None:
    """Tapes need ROS 2 in this process: start over in the sourced environment, then do the work."""
    if not inside:
        _become([sys.executable, "-m", "homeward_cli", *arguments, "--as-tool"], _ready())
    from homeward_cli import tapes
    from homeward_runtime.tape import TapeError

    try:
        sys.exit(work(tapes))
    except TapeError as error:
        sys.exit(_complain(str(error)))


@map_app.command("convert")
def map_convert(
    source: Annotated[Path, typer.Argument(metavar="IN.xodr")], target: Annotated[Path, typer.Argument(metavar="OUT.osm")]
) -> None:
    """Convert OpenDRIVE to Lanelet2, with speed limits, traffic lights, stop lines, crosswalks and right of way."""
    from homeward_cli.map_convert import MapConversionError, convert_file

    try:
        summary = convert_file(source, target, workspace.progress)
    except MapConversionError as error:
        raise SystemExit(_complain(str(error))) from None
    print(summary)


@app.command("launch-arguments")
def launch_arguments(file: Path) -> None:
    """List the arguments of a launch file and its includes."""
    environment = _ready()
    for argument in declared_arguments(file, environment, machine_from(environment)):
        print(f"{argument.name}:={argument.default or ''}\n    {argument.description}")


def _complain(text: str) -> int:
    print(f"homeward: {text}", file=sys.stderr)
    return 1


def main() -> None:
    """Every expected failure is a sentence and exit code 1; wrong use is 2."""
    try:
        app()
    except (workspace.BuildError, LaunchError, workspace.SetupError) as error:
        sys.exit(_complain(str(error)))
    except subprocess.CalledProcessError as error:
        sys.exit(_complain(f"{error.cmd} failed with exit code {error.returncode}"))
    except KeyboardInterrupt:
        sys.exit(130)
