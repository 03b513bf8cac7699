"""Reads ROS 2 XML launch files as the stock `ros2 launch` does and says what would be started. Pure but for reading files.

The subset: launch, arg, let, include, group, push_ros_namespace, set_env, set_remap, node, executable, log; the
substitutions var, env, find-pkg-share, find-pkg-prefix, dirname, eval; if and unless. What is outside it is refused by
name and place, so that a file which runs here runs under `ros2 launch` as well. Semantics after launch and launch_ros
of ROS 2 Jazzy: an include shares the configurations of its parent, a group is scoped.
"""

from __future__ import annotations

import ast
import operator
import re
import shlex
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml


class LaunchError(Exception):
    """Which file, which element, what is wrong with it."""


@dataclass(frozen=True)
class ProcessSpec:
    """One process that a launch file asks for.

    `command` holds, for each `<param name value>`, the argument after --params-file as a one-entry dict
    {parameter: value}: the stock runner writes those into files of their own, and so does ours.
    """

    name: str
    command: tuple[str | dict[str, Any], ...]
    environment: Mapping[str, str]
    respawn: bool = False
    respawn_delay_s: float = 0.0
    output: str = "log"
    full_name: str = ""  # the node's name with its namespace; empty for a plain executable


@dataclass
class Scope:
    """What a launch file's lines change for the lines after them."""

    variables: dict[str, str]
    environment: dict[str, str]
    namespace: str = ""
    remaps: list[tuple[str, str]] = field(default_factory=list)

    def copy(self) -> Scope:
        return replace(self, variables=dict(self.variables), environment=dict(self.environment), remaps=list(self.remaps))


@dataclass(frozen=True)
class Machine:
    """Where packages and programs are; a test gives its own."""

    share: Callable[[str], str]  # package -> its share folder; LookupError when there is none
    prefix: Callable[[str], str]
    executable: Callable[[str, str], str]  # package, name -> path; LookupError when there is none


@dataclass(frozen=True)
class Argument:
    """One declared argument of a launch file, for help texts."""

    name: str
    default: str | None
    description: str


def resolve(
    file: Path, arguments: Mapping[str, str], environment: Mapping[str, str], machine: Machine
) -> list[ProcessSpec]:
    """The processes that `ros2 launch FILE name:=value ...` would start, in order. Raises LaunchError."""
    reader = Reader(machine)
    specs = list(reader.file(file, Scope(dict(arguments), dict(environment))))
    unknown = sorted(set(arguments) - reader.declared.keys())
    if unknown:
        known = ", ".join(sorted(reader.declared)) or "none"
        raise LaunchError(f"{file.name} has no argument {', '.join(unknown)}; it has: {known}")
    return specs


def declared_arguments(file: Path, environment: Mapping[str, str], machine: Machine) -> list[Argument]:
    """The arguments that a launch file and its includes declare, in order. Raises LaunchError."""
    reader = Reader(machine)
    list(reader.file(file, Scope({}, dict(environment))))
    return list(reader.declared.values())


def _parse(file: Path) -> ElementTree.Element:
    try:
        root = ElementTree.parse(file).getroot()
    except FileNotFoundError as error:
        raise LaunchError(f"there is no launch file {file}") from error
    except ElementTree.ParseError as error:
        raise LaunchError(f"{file} is not well-formed XML: {error}") from error
    if root.tag != "launch":
        raise LaunchError(f"{file}: the outermost element is <{root.tag}>, wants <launch>")
    return root


ATTRIBUTES = {
    "arg": {"name", "default", "value", "description"},
    "let": {"name", "value"},
    "include": {"file"},
    "group": {"scoped"},
    "push_ros_namespace": {"namespace"},
    "set_env": {"name", "value"},
    "set_remap": {"from", "to"},
    "node": {"pkg", "exec", "name", "namespace", "output", "respawn", "respawn_delay", "args"},
    "executable": {"cmd", "name", "output", "respawn", "respawn_delay"},
    "log": {"message"},
}  # fmt: skip


class Reader:
    """Walks the elements in order; one method an element."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.declared: dict[str, Argument] = {}

    def file(self, file: Path, scope: Scope) -> Iterator[ProcessSpec]:
        for element in _parse(file):
            yield from self.element(element, scope, file)

    def element(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        tag = element.tag.replace("-", "_")
        if tag not in ATTRIBUTES:
            raise LaunchError(f"{file.name}: <{element.tag}> is not read by this runner")
        unknown = set(element.attrib) - ATTRIBUTES[tag] - {"if", "unless"}
        if unknown:
            raise LaunchError(f"{file.name}: <{element.tag}> has no attribute {', '.join(sorted(unknown))}")
        if self._wanted(element, scope, file):
            yield from getattr(self, f"on_{tag}")(element, scope, file)

    def text(self, element: ElementTree.Element, name: str, scope: Scope, file: Path, default: str | None = None) -> str:
        raw = element.get(name, default)
        if raw is None:
            raise LaunchError(f"{file.name}: <{element.tag}> lacks the attribute {name}")
        return Substitution(scope, file, self.machine).perform(raw)

    def _wanted(self, element: ElementTree.Element, scope: Scope, file: Path) -> bool:
        return _truth(self.text(element, "if", scope, file, "true"), file) and not _truth(
            self.text(element, "unless", scope, file, "false"), file
        )

    def on_arg(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        name = self.text(element, "name", scope, file)
        argument = Argument(name, element.get("default"), element.get("description", ""))
        self.declared.setdefault(name, argument)
        if name not in scope.variables:
            if element.get("default") is None:
                raise LaunchError(f"{file.name} needs the argument {name}:=... ({element.get('description', '')})")
            scope.variables[name] = self.text(element, "default", scope, file)
        yield from ()

    def on_let(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        scope.variables[self.text(element, "name", scope, file)] = self.text(element, "value", scope, file)
        yield from ()

    def on_include(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        for child in element:
            if child.tag not in ("arg", "let"):
                raise LaunchError(f"{file.name}: <include> holds a <{child.tag}>, wants <arg> or <let>")
            scope.variables[self.text(child, "name", scope, file)] = self.text(child, "value", scope, file)
        yield from self.file(Path(self.text(element, "file", scope, file)), scope)

    def on_group(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        scoped = _truth(self.text(element, "scoped", scope, file, "true"), file)
        inner = scope.copy() if scoped else scope
        for child in element:
            yield from self.element(child, inner, file)

    def on_push_ros_namespace(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        scope.namespace = _joined(scope.namespace, self.text(element, "namespace", scope, file))
        yield from ()

    def on_set_env(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        scope.environment[self.text(element, "name", scope, file)] = self.text(element, "value", scope, file)
        yield from ()

    def on_set_remap(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        scope.remaps.append((self.text(element, "from", scope, file), self.text(element, "to", scope, file)))
        yield from ()

    def on_log(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        yield from ()

    def on_executable(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        command = tuple(shlex.split(self.text(element, "cmd", scope, file)))
        yield self._spec(element, scope, file, Path(command[0]).name, command, "")

    def on_node(self, element: ElementTree.Element, scope: Scope, file: Path) -> Iterator[ProcessSpec]:
        package, name = self.text(element, "pkg", scope, file), self.text(element, "exec", scope, file)
        try:
            command: list[str | dict[str, Any]] = [self.machine.executable(package, name)]
        except LookupError as error:
            raise LaunchError(f"{file.name}: {error}") from error
        command += shlex.split(self.text(element, "args", scope, file, ""))
        command.append("--ros-args")
        node_name = self.text(element, "name", scope, file, "")
        if node_name:
            command += ["-r", f"__node:={node_name}"]
        namespace = _joined(scope.namespace, self.text(element, "namespace", scope, file, ""))
        if namespace:
            namespace = "/" + namespace.strip("/")
            command += ["-r", f"__ns:={namespace}"]
        command += self._parameters(element, scope, file)
        for old, new in [*scope.remaps, *self._remaps(element, scope, file)]:
            command += ["-r", f"{old}:={new}"]
        full_name = f"{namespace.rstrip('/')}/{node_name or name}"
        yield self._spec(element, scope, file, node_name or name, tuple(command), full_name)

    def _spec(
        self, element: ElementTree.Element, scope: Scope, file: Path,
        name: str, command: tuple[str | dict[str, Any], ...], full_name: str,
    ) -> ProcessSpec:  # fmt: skip
        return ProcessSpec(
            name=self.text(element, "name", scope, file, name),
            command=command,
            environment=dict(scope.environment),
            respawn=_truth(self.text(element, "respawn", scope, file, "false"), file),
            respawn_delay_s=float(self.text(element, "respawn_delay", scope, file, "0")),
            output=self.text(element, "output", scope, file, "log"),
            full_name=full_name,
        )

    def _parameters(self, element: ElementTree.Element, scope: Scope, file: Path) -> list[str | dict[str, Any]]:
        found: list[str | dict[str, Any]] = []
        for child in element.findall("param"):
            if child.get("from") is not None:
                found += ["--params-file", self.text(child, "from", scope, file)]
            else:
                value = yaml.safe_load(self.text(child, "value", scope, file))
                found += ["--params-file", {self.text(child, "name", scope, file): value}]
        return found

    def _remaps(self, element: ElementTree.Element, scope: Scope, file: Path) -> list[tuple[str, str]]:
        return [
            (self.text(child, "from", scope, file), self.text(child, "to", scope, file))
            for child in element.findall("remap")
        ]


def _joined(base: str, name: str) -> str:
    """A pushed namespace: an absolute one replaces what was there."""
    if name.startswith("/") or not base:
        return name
    return f"{base.rstrip('/')}/{name}" if name else base


def _truth(text: str, file: Path) -> bool:
    lowered = text.strip().lower()
    if lowered not in ("true", "false", "1", "0"):
        raise LaunchError(f"{file.name}: a condition is '{text}', wants true or false")
    return lowered in ("true", "1")


class Substitution:
    """$(...) in an attribute, from the innermost outwards."""

    INNERMOST = re.compile(r"\$\(([^()$]*(?:\([^()$]*\)[^()$]*)*)\)")

    def __init__(self, scope: Scope, file: Path, machine: Machine) -> None:
        self.scope, self.file, self.machine = scope, file, machine

    def perform(self, text: str) -> str:
        for _ in range(50):
            replaced = self.INNERMOST.sub(lambda match: self._one(match.group(1)), text)
            if replaced == text:
                return text
            text = replaced
        raise LaunchError(f"{self.file.name}: '{text}' never comes to an end")

    def _one(self, inside: str) -> str:
        kind, _, rest = inside.strip().partition(" ")
        rest = rest.strip()
        known = {
            "var": self._var, "env": self._env, "dirname": lambda _: str(self.file.parent.resolve()),
            "find-pkg-share": lambda name: self._find(self.machine.share, name),
            "find-pkg-prefix": lambda name: self._find(self.machine.prefix, name),
            "eval": lambda expression: str(evaluate(_unquoted(expression), self.file)),
        }  # fmt: skip
        if kind not in known:
            raise LaunchError(f"{self.file.name}: $({inside}) is not read by this runner")
        return known[kind](rest)

    def _var(self, name: str) -> str:
        if name not in self.scope.variables:
            raise LaunchError(f"{self.file.name}: there is no variable '{name}' (argument missing, or a typing error?)")
        return self.scope.variables[name]

    def _env(self, rest: str) -> str:
        name, _, default = rest.partition(" ")
        if name in self.scope.environment:
            return self.scope.environment[name]
        if not default:
            raise LaunchError(f"{self.file.name}: the environment has no {name}, and no default is given")
        return _unquoted(default.strip())

    def _find(self, find: Callable[[str], str], name: str) -> str:
        try:
            return find(name)
        except LookupError as error:
            raise LaunchError(f"{self.file.name}: {error}") from error


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.In: lambda item, box: item in box, ast.NotIn: lambda item, box: item not in box,
    ast.Not: operator.not_, ast.USub: operator.neg,
}  # fmt: skip


def evaluate(expression: str, file: Path) -> Any:
    """The Python expressions that launch files really use: literals, comparisons, arithmetic, and/or/not."""
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise LaunchError(f"{file.name}: $(eval {expression}) can't be evaluated: {error!r}") from error


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.BoolOp(op=op, values=values):
            found = [_value(value) for value in values]
            return all(found) if isinstance(op, ast.And) else any(found)
        case ast.UnaryOp(op=op, operand=operand):
            return OPERATORS[type(op)](_value(operand))
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_value(left), _value(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return OPERATORS[type(op)](_value(left), _value(right))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body) if _value(test) else _value(orelse)
    raise ValueError(f"{type(node).__name__} is not read by this runner")
