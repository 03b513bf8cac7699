"""Strict parameters: a frozen dataclass a node, each field with unit, range and text; values live in params/ alone."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

Params = TypeVar("Params")
BUILT_IN = frozenset({"use_sim_time", "autostart", "start_type_description_service"})  # every node has these


class ParamsError(ValueError):
    """Says which node, which key, what is wrong with it."""


def param(unit: str, doc: str, low: float = -math.inf, high: float = math.inf) -> Any:
    """A field of a parameter dataclass. It has no default: defaults live in params/car.yaml."""
    return dataclasses.field(metadata={"unit": unit, "min": low, "max": high, "doc": doc})


def preference(unit: str, doc: str, low: float = -math.inf, high: float = math.inf) -> Any:
    """A parameter that may be set while the node runs, within its range: somebody's taste, not a fact of the car."""
    return dataclasses.field(metadata={"unit": unit, "min": low, "max": high, "doc": doc, "preference": True})


def is_preference(field: dataclasses.Field[Any]) -> bool:
    """Whether a parameter may be set while the node runs."""
    return bool(field.metadata.get("preference", False))


def replaced(params: Params, values: Mapping[str, Any], where: str) -> Params:
    """The parameters with some preferences set anew. Raises ParamsError that lists everything that is wrong."""
    fields = {field.name: field for field in dataclasses.fields(params)}  # type: ignore[arg-type]
    fixed = [name for name in sorted(values.keys() & fields.keys()) if not is_preference(fields[name])]
    if fixed:
        raise ParamsError(f"{where}: " + "; ".join(f"'{name}' can't be set while the node runs" for name in fixed))
    return build(type(params), {name: getattr(params, name) for name in fields} | dict(values), where)


def build(params_type: type[Params], raw: Mapping[str, Any], where: str) -> Params:
    """The dataclass from raw values. Raises ParamsError that lists everything that is wrong."""
    fields = {field.name: field for field in dataclasses.fields(params_type)}  # type: ignore[arg-type]
    hints = get_type_hints(params_type)
    wrong = [f"unknown key '{key}'{_nearest(key, fields)}" for key in sorted(raw.keys() - fields.keys())]
    wrong += [f"missing key '{key}'" for key in sorted(fields.keys() - raw.keys())]
    values: dict[str, Any] = {}
    for key in sorted(fields.keys() & raw.keys()):
        try:
            values[key] = _checked(fields[key], hints[key], raw[key])
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ParamsError(f"{where}: " + "; ".join(wrong))
    return params_type(**values)


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    import difflib

    close = difflib.get_close_matches(key, list(known), 1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _checked(field: dataclasses.Field[Any], wanted: Any, value: Any) -> Any:
    """The value in the field's type, or ValueError."""
    if get_origin(wanted) is tuple:
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise ValueError(f"'{field.name}' is {value!r}, wants a list")
        return tuple(_checked(field, get_args(wanted)[0], item) for item in value)
    if wanted is float and type(value) is int:
        value = float(value)  # `period_s: 1` in YAML is an int
    if type(value) is not wanted:
        raise ValueError(f"'{field.name}' is {value!r}, wants {wanted.__name__}")
    low, high = field.metadata.get("min", -math.inf), field.metadata.get("max", math.inf)
    if wanted in (int, float) and not (math.isfinite(value) and low <= value <= high):
        unit = field.metadata.get("unit", "")
        raise ValueError(f"'{field.name}' is {value:g}, wants {low:g} to {high:g}{' ' + unit if unit else ''}")
    return value


def sections(tree: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The (node pattern, parameters) pairs of a parameter file's content. Raises ParamsError when it isn't one."""
    if not isinstance(tree, dict):
        raise ParamsError(f"'{path or 'the file'}' holds {tree!r}, wants a mapping")
    for key, below in tree.items():
        if key == "ros__parameters":
            if not isinstance(below, dict):
                raise ParamsError(f"'{path}': ros__parameters holds {below!r}, wants a mapping")
            yield path, below
        else:
            yield from sections(below, f"{path}/{str(key).strip('/')}")


def matches(pattern: str, node: str) -> bool:
    """Whether a section's pattern (with * and **) is meant for the node of this full name."""
    expression = re.escape(pattern).replace(r"/\*\*", "(/[^/]+)*").replace(r"\*", "[^/]+")
    return re.fullmatch(expression, node) is not None


def read_file(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The sections of a parameter file. Raises ParamsError with the file's name, and the line where YAML knows it."""
    try:
        return list(sections(yaml.safe_load(path.read_text()) or {}))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ParamsError) as error:
        raise ParamsError(f"{path}: {error}") from error


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters with dots between the levels, as ROS names them."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flattened(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def sources(argv: Sequence[str], node: str) -> dict[str, str]:
    """Where each parameter of a node came from: the last of the files on its command line, or 'command line'.

    Raises ParamsError when a file can't be read, or when no file says anything for this node.
    """
    found: dict[str, str] = {}
    files = [Path(path) for flag, path in zip(argv, argv[1:]) if flag == "--params-file"]
    for path in files:
        for pattern, values in read_file(path):
            if matches(pattern, node):
                found |= dict.fromkeys(flattened(values), path.name)
    for flag, rule in zip(argv, argv[1:]):
        if flag in ("-p", "--param") and ":=" in rule:
            found[rule.split(":=")[0]] = "command line"
    if files and not found.keys() - BUILT_IN:
        names = ", ".join(path.name for path in files)
        raise ParamsError(f"{node}: there is no section for it in {names}")
    return found
