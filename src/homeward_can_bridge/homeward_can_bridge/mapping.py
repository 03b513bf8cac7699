"""Which signal of the bus is which fact of the vehicle: a vehicle's mapping.yaml, compiled once against its DBC. Pure.

`applied` and `drive` are straight-line functions made from the file: no YAML is looked at while the car runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from homeward_can_bridge.codec import Codec, CodecError, Signals
from homeward_can_bridge.codec_encode import physical
from homeward_can_bridge.mapping_check import check_mapping
from homeward_can_bridge.mapping_files import DEMO_CAR, vehicle_texts
from homeward_can_bridge.mapping_text import FIELDS, Car, Command, MappingError, Reading, parse
from homeward_can_bridge.vehicle import Vehicle
from homeward_runtime.can_protection import Protection

Applier = Callable[[Vehicle, Signals], Vehicle]

__all__ = ["Mapping", "MappingError"]


class Mapping:
    """A car's signals and frames by the names that Homeward gives them."""

    def __init__(self, codec: Codec, mapping_text: str | None = None, file_name: str = "mapping.yaml") -> None:
        """Without a text, the demo car's. Raises MappingError (a ValueError) for a file that can't be read, or that names what
        the DBC doesn't have.
        """
        self.car: Car = parse(vehicle_texts(DEMO_CAR)[1] if mapping_text is None else mapping_text, file_name)
        self._codec = codec
        lacking = _lacking(self.car, codec)
        if lacking:
            raise MappingError(f"{file_name}: {'; '.join(lacking)}")
        self.needed, self.driving = self.car.needed, self.car.driving
        self.protection: dict[str, Protection] = self.car.protection
        read = dict.fromkeys(one.message for one in self.car.readings)
        try:
            self._appliers = {name: _applier(self._of(name), codec) for name in read}
        except MappingError as error:
            raise MappingError(f"{file_name}, {error}") from error
        self._body_units = {label: (factor, offset) for label, factor, offset in self.car.body.units} if self.car.body else {}

    def _of(self, message: str) -> list[Reading]:
        return [one for one in self.car.readings if one.message == message]

    @property
    def can_drive(self) -> bool:
        """False: the car is read alone; engaging is to be refused with `why_not_drive`."""
        return not self.why_not_drive

    @property
    def why_not_drive(self) -> list[str]:
        """What the mapping lacks for driving, a sentence each."""
        return check_mapping(self.car).driving

    def applied(self, vehicle: Vehicle, message: str, signals: Signals) -> Vehicle:
        """The vehicle with what this message says; unchanged for messages of no interest."""
        apply = self._appliers.get(message)
        return vehicle if apply is None else apply(vehicle, signals)

    def reads(self, message: str) -> bool:
        """Whether this message says anything of the vehicle."""
        return message in self._appliers

    def drive(self, actuation: Any) -> tuple[str, dict[str, float]]:
        """Message and signals that command this actuation (its fields as the command gate names them)."""
        command = self.car.drive
        if command is None:
            raise MappingError(f"{self.car.name} can't be driven: the mapping has no drive command")
        return command.message, _sent(command, {one.field: getattr(actuation, one.field) for one in command.signals})

    def body(self, verb: int, value: float) -> tuple[str, dict[str, float]]:
        """Message and signals of a body command. 0 stays 0 in any unit: it switches off."""
        command = self.car.body
        if command is None:
            raise MappingError(f"{self.car.name} takes no body commands: the mapping has none")
        carrier = next((one.signal for one in command.signals if one.field == "verb"), "")
        label = self._codec.label(command.message, carrier, verb) if carrier else None
        factor, offset = self._body_units.get(label or "", (1.0, 0.0))
        return command.message, _sent(command, {"verb": verb, "value": (value - offset) / factor if value else 0.0})


def _sent(command: Command, fields: dict[str, Any]) -> dict[str, float]:
    sent = {one.signal: (float(fields[one.field]) - one.offset) / one.factor for one in command.signals}
    return sent | dict.fromkeys(command.zero, 0)


def _lacking(car: Car, codec: Codec) -> list[str]:
    """Every message and signal that is named and isn't in the DBC."""
    wanted: list[tuple[str, tuple[str, ...]]] = [(one.message, one.signals) for one in car.readings]
    for command in (car.drive, car.body):
        if command is not None:
            wanted.append((command.message, (*(one.signal for one in command.signals), *command.zero)))
    wanted += [(name, ()) for name in (*car.needed, *car.driving, *car.protection)]
    found: dict[str, None] = {}
    for message, signals in wanted:
        if message not in codec.names:
            found[f"the DBC has no message '{message}'"] = None
            continue
        known = {signal.name for signal in codec.message(message).signals}
        found |= {f"{message} has no signal '{name}'": None for name in signals if name not in known}
    return list(found)


def _applier(readings: list[Reading], codec: Codec) -> Applier:
    """One function for a message. Multiplexed signals that a frame doesn't have leave their fields as they are."""
    names = {name for one in readings for name in one.signals}
    message = codec.message(readings[0].message)
    optional = {one.name for one in message.signals if one.selector is not None} & names
    scope: dict[str, Any] = {"Vehicle": Vehicle, "new": object.__new__}
    lines = []
    for index, one in enumerate(readings):
        value = _expression(one, index, codec, scope)
        guard = " and ".join(f"{name!r} in signals" for name in one.signals if name in optional)
        if one.values:
            guard = " and ".join(filter(None, [guard, f"signals[{one.signals[0]!r}] in table{index}"]))
        lines.append(f"    {f'if {guard}: ' if guard else ''}fields[{one.field!r}] = {value}")
    body = "\n".join(lines)
    source = f"""
def apply(vehicle, signals):
    made = new(Vehicle)
    fields = made.__dict__
    fields.update(vehicle.__dict__)
{body}
    return made
"""
    exec(compile(source, f"<mapping of {message.name!r}>", "exec"), scope)  # names are literals in it, never code
    made: Applier = scope["apply"]
    return made


def _expression(one: Reading, index: int, codec: Codec, scope: dict[str, Any]) -> str:
    if one.values:
        scope[f"table{index}"] = _value_table(one, codec)
        return f"table{index}[signals[{one.signals[0]!r}]]"
    factor = f" * {one.factor!r}" if one.factor != 1.0 else ""
    offset = f" + {one.offset!r}" if one.offset else ""
    terms = [f"signals[{name!r}]{factor}" for name in one.signals]
    if one.join == "each":
        return f"({', '.join(f'{term}{offset}' for term in terms)})"
    if one.join == "bits":
        return " | ".join(f"(signals[{name!r}] != 0) << {bit}" for bit, name in enumerate(one.signals))
    joined = f"({' + '.join(terms)})"
    if one.join == "mean":
        joined += f" / {len(terms)}"
    kind = type(FIELDS[one.field])
    return f"{'float' if kind is float else 'bool' if kind is bool else 'int'}({joined}{offset})"


def _value_table(one: Reading, codec: Codec) -> dict[float, int | bool]:
    """Physical value -> the field's value; keys in the file are labels of the DBC or raw numbers."""
    signal = codec.message(one.message).signal(one.signals[0])
    table: dict[float, int | bool] = {}
    for key, value in one.values:
        try:
            table[codec.number(one.message, signal.name, key) if isinstance(key, str) else physical(signal, key)] = value
        except CodecError as error:
            raise MappingError(f"line {one.line}: {error}") from error
    return table
