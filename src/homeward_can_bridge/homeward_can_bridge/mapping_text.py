"""A vehicle's mapping.yaml as values, strictly read: every key is known, every value of its kind, every error has its line. Pure.

See docs/add_a_car.md for the file as its writers know it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from homeward_can_bridge.vehicle import Gear, Indicators, Power, Vehicle
from homeward_runtime.can_protection import Protection

UNITS: dict[str, tuple[str, float, float]] = {  # unit -> ending of the fields it goes with, and factor and offset to SI
    "m/s": ("_mps", 1.0, 0.0), "km/h": ("_mps", 1 / 3.6, 0.0), "mph": ("_mps", 0.44704, 0.0),
    "m/s2": ("_mps2", 1.0, 0.0), "g": ("_mps2", 9.80665, 0.0),
    "rad": ("_rad", 1.0, 0.0), "deg": ("_rad", math.pi / 180, 0.0),
    "rad/s": ("_radps", 1.0, 0.0), "deg/s": ("_radps", math.pi / 180, 0.0),
    "m": ("_m", 1.0, 0.0), "km": ("_m", 1000.0, 0.0), "mi": ("_m", 1609.344, 0.0),
    "K": ("_k", 1.0, 0.0), "degC": ("_k", 1.0, 273.15), "degF": ("_k", 5 / 9, 459.67 * 5 / 9),
    "ratio": ("_ratio", 1.0, 0.0), "%": ("_ratio", 0.01, 0.0), "W": ("_w", 1.0, 0.0), "kW": ("_w", 1000.0, 0.0),
}  # fmt: skip
NAMES: dict[str, dict[str, int]] = {
    field: {one.name.lower(): int(one) for one in kind}
    for field, kind in {"gear": Gear, "power": Power, "indicators": Indicators}.items()
}
JOINS = ("signal", "sum", "mean", "each", "bits")
FIELDS = {one.name: one.default for one in dataclasses.fields(Vehicle)}
DRIVE_FIELDS = ("enabled", "acceleration_mps2", "steering_rad", "gear", "indicators", "brake_only")
BODY_FIELDS = ("verb", "value")
WHEELS = 4


class MappingError(ValueError):
    """A mapping that can't be: the file, the line, the key."""


@dataclass(frozen=True)
class Reading:
    """A field of the vehicle from signals of one message: joined, times `factor`, plus `offset`; or looked up in `values`."""

    field: str
    message: str
    join: str  # one of JOINS
    signals: tuple[str, ...]
    factor: float = 1.0
    offset: float = 0.0
    values: tuple[tuple[int | float | str, int | bool], ...] = ()  # value or label -> the field's
    line: int = 0


@dataclass(frozen=True)
class Sending:
    """A signal of a command frame, from a field of the command: (value - offset) / factor."""

    signal: str
    field: str
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Command:
    """A command frame: its signals, those that are 0 until the protection fills them in, units of values by a label."""

    message: str
    signals: tuple[Sending, ...]
    zero: tuple[str, ...] = ()
    units: tuple[tuple[str, float, float], ...] = ()  # label of the verb, factor, offset
    line: int = 0


@dataclass(frozen=True)
class Car:
    """All of a mapping.yaml."""

    name: str
    readings: tuple[Reading, ...]
    needed: tuple[str, ...]
    driving: tuple[str, ...]
    protection: dict[str, Protection]
    drive: Command | None
    body: Command | None


def parse(text: str, file_name: str = "mapping.yaml") -> Car:
    """Raises MappingError."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise MappingError(f"{file_name}{where}: no YAML: {getattr(error, 'problem', None) or error}") from error
    if root is None:
        raise MappingError(f"{file_name}: the file is empty")
    return _Parser(file_name).car(root)


class _Parser:
    def __init__(self, file_name: str) -> None:
        self.file_name = file_name

    def car(self, root: yaml.Node) -> Car:
        top = self.table(root, "", {"car", "state", "needed", "driving", "protection", "commands"}, {"car", "state", "needed"})
        readings = tuple(
            self.reading(message, field, node)
            for message, fields in self.table(top["state"], "state").items()
            for field, node in self.table(fields, f"state.{message}").items()
        )
        self.once(readings)
        commands = self.table(top["commands"], "commands", {"drive", "body"}) if "commands" in top else {}
        guarded = self.table(top["protection"], "protection") if "protection" in top else {}
        return Car(
            self.text(top["car"], "car"), readings, self.texts(top["needed"], "needed"),
            self.texts(top["driving"], "driving") if "driving" in top else (),
            {message: self.protection(message, node) for message, node in guarded.items()},
            self.command("drive", commands["drive"], DRIVE_FIELDS) if "drive" in commands else None,
            self.command("body", commands["body"], BODY_FIELDS) if "body" in commands else None,
        )  # fmt: skip

    def once(self, readings: tuple[Reading, ...]) -> None:
        seen: dict[str, Reading] = {}
        for one in readings:
            if one.field in seen:
                raise self.at_line(one.line, f"{one.field} is already read from {seen[one.field].message}")
            seen[one.field] = one

    def reading(self, message: str, field: str, node: yaml.Node) -> Reading:
        path = f"state.{message}.{field}"
        if field not in FIELDS:
            raise self.error(node, path, f"a vehicle has no field '{field}'")
        table = self.table(node, path, {*JOINS, "unit", "factor", "values"})
        joins = [join for join in JOINS if join in table]
        if len(joins) != 1:
            raise self.error(node, path, f"needs one of {', '.join(JOINS)}")
        (join,) = joins
        given = table[join]
        signals = (self.text(given, f"{path}.{join}"),) if join == "signal" else self.texts(given, f"{path}.{join}")
        if (join == "each") != (field == "wheel_speed_mps") or (join == "each" and len(signals) != WHEELS):
            raise self.error(given, path, "wheel_speed_mps takes 'each' with four signals (front left, front right, rear ones)")
        factor, offset = self.unit(table["unit"], f"{path}.unit", field) if "unit" in table else (1.0, 0.0)
        if "factor" in table:
            factor *= self.number(table["factor"], f"{path}.factor")
        values = self.values(table["values"], f"{path}.values", field) if "values" in table else ()
        if values and ("unit" in table or "factor" in table or join != "signal"):
            raise self.error(node, path, "'values' goes with 'signal' alone")
        return Reading(field, message, join, signals, factor, offset, values, node.start_mark.line + 1)

    def values(self, node: yaml.Node, path: str, field: str) -> tuple[tuple[int | float | str, int | bool], ...]:
        found = []
        for key, value in self.pairs(node, path):
            shown = value.value if isinstance(value, yaml.ScalarNode) else ""
            named: int | bool | None = NAMES.get(field, {}).get(shown)
            if named is None:
                named = self.whole(value, f"{path}.{key.value}", field)
            found.append((self.scalar(key, path), named))
        return tuple(found)

    def whole(self, node: yaml.Node, path: str, field: str) -> int | bool:
        value = self.scalar(node, path)
        wanted = bool if isinstance(FIELDS[field], bool) else int
        if type(value) is not wanted:
            known = ", ".join(NAMES.get(field, ())) or ("true, false" if wanted is bool else "whole numbers")
            raise self.error(node, path, f"takes {known}, not {value!r}")
        return wanted(value)

    def protection(self, message: str, node: yaml.Node) -> Protection:
        path = f"protection.{message}"
        table = self.table(node, path, {"profile", "data_id"}, {"profile", "data_id"})
        numbers = {key: self.scalar(one, f"{path}.{key}") for key, one in table.items()}
        for key, value in numbers.items():
            if type(value) is not int:
                raise self.error(table[key], f"{path}.{key}", f"takes a whole number, not {value!r}")
        try:
            return Protection(int(numbers["data_id"]), int(numbers["profile"]))
        except ValueError as error:
            raise self.error(node, path, str(error)) from error

    def command(self, name: str, node: yaml.Node, fields: tuple[str, ...]) -> Command:
        path = f"commands.{name}"
        known = {"message", "signals", "zero", "units"} if name == "body" else {"message", "signals", "zero"}
        table = self.table(node, path, known, {"message", "signals"})
        signals = tuple(self.sending(signal, one, f"{path}.signals", fields) for signal, one in self.table(
            table["signals"], f"{path}.signals").items())  # fmt: skip
        zero = self.texts(table["zero"], f"{path}.zero") if "zero" in table else ()
        labels = self.table(table["units"], f"{path}.units") if "units" in table else {}
        units = tuple((label, *self.unit(one, f"{path}.units.{label}", None)) for label, one in labels.items())
        return Command(self.text(table["message"], f"{path}.message"), signals, zero, units, node.start_mark.line + 1)

    def sending(self, signal: str, node: yaml.Node, path: str, fields: tuple[str, ...]) -> Sending:
        path = f"{path}.{signal}"
        table = self.table(node, path, {"from", "unit", "factor"}, {"from"})
        field = self.text(table["from"], f"{path}.from")
        if field not in fields:
            raise self.error(table["from"], path, f"a command has no '{field}'; it has {', '.join(fields)}")
        factor, offset = self.unit(table["unit"], f"{path}.unit", field) if "unit" in table else (1.0, 0.0)
        if "factor" in table:
            factor *= self.number(table["factor"], f"{path}.factor")
        return Sending(signal, field, factor, offset)

    def unit(self, node: yaml.Node, path: str, field: str | None) -> tuple[float, float]:
        """Factor and offset to SI; the unit must be of the field's kind."""
        name = self.text(node, path)
        if name not in UNITS:
            raise self.error(node, path, f"the unit '{name}' is not known; these are: {', '.join(UNITS)}")
        ending, factor, offset = UNITS[name]
        if field is not None and not field.endswith(ending):
            raise self.error(node, path, f"{field} can't be in {name}")
        return factor, offset

    def number(self, node: yaml.Node, path: str) -> float:
        value = self.scalar(node, path)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value == 0:
            raise self.error(node, path, f"takes a number other than 0, not {value!r}")
        return float(value)

    def text(self, node: yaml.Node, path: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            raise self.error(node, path, "takes a name")
        return str(node.value)

    def texts(self, node: yaml.Node, path: str) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.error(node, path, "takes a list of names")
        return tuple(self.text(one, path) for one in node.value)

    def scalar(self, node: yaml.Node, path: str) -> int | float | str | bool:
        value: Any = None
        if isinstance(node, yaml.ScalarNode):
            construct: Callable[[yaml.Node], Any] = yaml.constructor.SafeConstructor().construct_object
            try:
                value = construct(node)
            except (yaml.YAMLError, ValueError) as error:
                raise self.error(node, path, f"no value: {error}") from error
        if not isinstance(value, int | float | str):
            raise self.error(node, path, "takes a name or a number")
        return value

    def pairs(self, node: yaml.Node, path: str) -> list[tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, path, "takes keys with values")
        seen: set[str] = set()
        for key, _ in node.value:
            name = self.text(key, path)
            if name in seen:
                raise self.error(key, path, f"has '{name}' twice")
            seen.add(name)
        return list(node.value)

    def table(
        self, node: yaml.Node, path: str, known: set[str] | None = None, wanted: set[str] = frozenset()  # type: ignore[assignment]
    ) -> dict[str, yaml.Node]:
        """Key -> node. Of `known` keys alone (None: any), all of `wanted` among them."""
        found = {}
        for key, value in self.pairs(node, path):
            if known is not None and key.value not in known:
                raise self.error(key, path, f"'{key.value}' is not known here; these are: {', '.join(sorted(known))}")
            found[str(key.value)] = value
        missing = sorted(wanted - found.keys())
        if missing:
            raise self.error(node, path, f"lacks {', '.join(missing)}")
        return found

    def error(self, node: yaml.Node, path: str, text: str) -> MappingError:
        return self.at_line(node.start_mark.line + 1, f"{path}: {text}" if path else text)

    def at_line(self, line: int, text: str) -> MappingError:
        return MappingError(f"{self.file_name}, line {line}: {text}")
