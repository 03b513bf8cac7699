"""Launch files resolve to the command lines that the stock `ros2 launch` gives (launch and launch_ros of Jazzy).

The order is launch_ros's: program, args, --ros-args, -r __node, -r __ns, parameters in the order of the elements, remaps
(those of set_remap first). `<param name value>` becomes a parameter file of its own, shown here as {name: value}.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_cli.environment import MIDDLEWARE
from homeward_cli.launch_check import NODES, check
from homeward_cli.launch_xml import LaunchError, Machine, ProcessSpec, declared_arguments, resolve
from homeward_runtime import ledger

ROOT = Path(__file__).resolve().parents[3]
TABLE = Path(__file__).parent / "launch_table.txt"
MACHINE = Machine(
    share=lambda package: f"/opt/share/{package}",
    prefix=lambda package: "/opt",
    executable=lambda package, name: f"/opt/lib/{package}/{name}",
)


def launched(text: str, folder: Path, **arguments: str) -> list[ProcessSpec]:
    file = folder / "a.launch.xml"
    file.write_text(f"<launch>{text}</launch>")
    return resolve(file, arguments, {"HOME": "/home/me"}, MACHINE)


def table(file: str, **arguments: str) -> str:
    """One line a process: what decides how it runs. Paths are relative to the repository."""
    lines = [f"# {file} {' '.join(f'{k}:={v}' for k, v in arguments.items())}".rstrip()]
    for spec in resolve(ROOT / "launch" / file, arguments, {}, MACHINE):
        words = [
            str(word).replace(f"{ROOT}/launch/include/../../", "").replace(f"{ROOT}/launch/../", "") for word in spec.command
        ]
        respawn = f"respawn after {spec.respawn_delay_s:g} s" if spec.respawn else "no respawn"
        lines.append(f"{spec.full_name} [{spec.output}, {respawn}]\n    {' '.join(words)}")
    return "\n".join(lines) + "\n"


def test_the_launch_files_give_the_recorded_command_lines() -> None:
    """After a meant change: HOMEWARD_RECORD=1 ./homeward test -k recorded, and read the difference."""
    found = "\n".join([
        table("simulator.launch.xml"),
        table("carla.launch.xml", carla_host="192.0.2.7", traffic="5"),
        table("vehicle.launch.xml", namespace="car_one"),
    ])  # fmt: skip
    if os.environ.get("HOMEWARD_RECORD"):
        TABLE.write_text(found)
    assert found == TABLE.read_text()


def test_everything_in_stock_order(tmp_path: Path) -> None:
    specs = launched(
        """<arg name="who" default="me"/><let name="port" value="7"/>
        <set_env name="A" value="$(env HOME)/x"/><set_remap from="a" to="b"/>
        <group><push_ros_namespace namespace="one"/><push-ros-namespace namespace="two"/>
          <node pkg="p" exec="e" name="n" namespace="three" args="--port $(var port) 'two words'" output="screen">
            <remap from="c" to="d"/><param from="$(find-pkg-share q)/f.yaml"/><param name="x" value="$(var port)"/>
            <param name="s" value="$(var who)"/></node></group>
        <node pkg="p" exec="late"/>""",
        tmp_path,
    )
    assert list(specs[0].command) == [
        "/opt/lib/p/e", "--port", "7", "two words", "--ros-args", "-r", "__node:=n", "-r", "__ns:=/one/two/three",
        "--params-file", "/opt/share/q/f.yaml", "--params-file", {"x": 7}, "--params-file", {"s": "me"},
        "-r", "a:=b", "-r", "c:=d",
    ]  # fmt: skip
    assert specs[0].full_name == "/one/two/three/n" and specs[0].environment["A"] == "/home/me/x"
    assert list(specs[1].command) == ["/opt/lib/p/late", "--ros-args", "-r", "a:=b"], "a group's namespace ends with it"


def test_arguments_pass_through_includes_and_leak_back_as_in_launch(tmp_path: Path) -> None:
    (tmp_path / "in.launch.xml").write_text(
        '<launch><arg name="v" default="d"/><node pkg="p" exec="$(var v)"/><let name="back" value="y"/></launch>'
    )
    specs = launched(
        """<include file="$(dirname)/in.launch.xml"><arg name="v" value="given"/></include>
        <node pkg="p" exec="$(var back)"/><node pkg="p" exec="$(var v)"/>""",
        tmp_path,
    )
    assert [spec.command[0] for spec in specs] == ["/opt/lib/p/given", "/opt/lib/p/y", "/opt/lib/p/given"]


@pytest.mark.parametrize(
    "condition, there",
    [('if="true"', True), ('if="0"', False), ('unless="1"', False), ("if=\"$(eval '3 &gt; 2')\"", True),
     ("if=\"$(eval '\\'$(var w)\\' == \\'x\\'')\"", False)],
)  # fmt: skip
def test_conditions(tmp_path: Path, condition: str, there: bool) -> None:
    text = f'<let name="w" value="y"/><node pkg="p" exec="e" {condition}/>'.replace("\\'", "&quot;")
    assert bool(launched(text, tmp_path)) is there


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("<nod/>", "<nod> is not read"), ('<node pkg="p" exec="e" nam="x"/>', "no attribute nam"),
        ('<node pkg="p"/>', "lacks the attribute exec"), ('<arg name="a"/>', "needs the argument a"),
        ('<let name="a" value="$(var b)"/>', "no variable 'b'"), ('<let name="a" value="$(env NOPE)"/>', "no NOPE"),
        ('<let name="a" value="$(comand x)"/>', "not read by this runner"), ("<node", "not well-formed"),
        ('<node pkg="p" exec="e" if="perhaps"/>', "wants true or false"),
        ("<let name=\"a\" value=\"$(eval '__import__(1)')\"/>", "can't be evaluated"),
        ('<include file="/nowhere/x.xml"/>', "no launch file"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_file(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(LaunchError) as error:
        launched(text, tmp_path)
    assert complaint in str(error.value)


@given(st.text(max_size=80))
def test_whatever_an_attribute_holds_ends_in_a_launch_or_a_launch_error(text: str) -> None:
    import tempfile
    from xml.sax.saxutils import quoteattr

    cleaned = "".join(character for character in text if character.isprintable())
    with tempfile.TemporaryDirectory() as folder:
        try:
            launched(f"<let name='a' value={quoteattr(cleaned)}/>", Path(folder))
        except LaunchError:
            pass


def test_an_unknown_argument_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(LaunchError, match="has no argument trafic; it has: .*traffic"):
        resolve(ROOT / "launch/simulator.launch.xml", {"trafic": "3"}, {}, MACHINE)


def test_every_argument_of_every_launch_file_is_explained() -> None:
    for file in sorted((ROOT / "launch").glob("*.launch.xml")):
        for argument in declared_arguments(file, {}, MACHINE):
            assert argument.description, f"{argument.name} in {file.name}"


def test_launch_files_and_command_line_set_the_same_middleware() -> None:
    spec = resolve(ROOT / "launch/simulator.launch.xml", {}, {}, MACHINE)[1]
    found = {name: spec.environment[name].replace("launch/include/../../", "") for name in MIDDLEWARE}
    assert found == MIDDLEWARE
    chosen = resolve(ROOT / "launch/simulator.launch.xml", {}, {"RMW_IMPLEMENTATION": "mine"}, MACHINE)[1]
    assert chosen.environment["RMW_IMPLEMENTATION"] == "mine", "what the person set stays in force"


def test_a_section_for_a_node_that_does_not_exist_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "over.yaml").write_text("/**/planer:\n  ros__parameters: {period_s: 0.1}\n")
    text = '<node pkg="p" exec="planner" name="planner"><param from="$(dirname)/over.yaml"/></node>'
    with pytest.raises(LaunchError, match="no node 'planer'; did you mean 'planner'"):
        check(launched(text, tmp_path))


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = f'<node pkg="p" exec="cockpit" name="cockpit"><param name="port" value="{port}"/></node>'
        with pytest.raises(LaunchError, match=f"port {port} is taken.*dashboard_port"):
            check(launched(text, tmp_path))


def test_the_checked_names_are_the_nodes_of_the_ledger() -> None:
    assert {*ledger.NODES, "ecus", "cockpit"} == NODES
