"""ROS messages <-> JSON, as rosbridge writes them: bytes as base64, what is not finite as null. Strict on the way in."""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any

from homeward_runtime.car_node import message_class

# rosidl's setters check nothing unless told to, and a number that doesn't fit would end the process when it is packed
INTEGERS = {f"{sign}int{bits}": ((0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
            for sign in ("", "u") for bits in (8, 16, 32, 64)} | dict.fromkeys(("octet", "byte", "char"), (0, 255))  # fmt: skip
FLOATS = {"float", "double", "float32", "float64"}
SEQUENCE = re.compile(r"(?:sequence<(?P<of>.+?)(?:, (?P<most>\d+))?>|(?P<item>.+)\[(?P<exactly>\d*)\])$")


class MessageError(ValueError):
    """JSON that doesn't fit the type; says which field and why."""


def to_json(message: Any) -> dict[str, Any]:
    """A message as plain values for json.dumps."""
    return {name: _out(getattr(message, name), kind) for name, kind in message.get_fields_and_field_types().items()}


def _out(value: Any, kind: str) -> Any:
    found = SEQUENCE.match(kind)
    if found:
        item = found["of"] or found["item"]
        if item in ("uint8", "octet", "byte", "char"):
            return base64.b64encode(bytes(value)).decode()
        if "/" in item:
            return [to_json(one) for one in value]
        plain = value.tolist() if hasattr(value, "tolist") else list(value)
        return [_finite(one) for one in plain] if item in FLOATS else plain
    if "/" in kind:
        return to_json(value)
    if isinstance(value, bytes):
        return value[0] if value else 0
    return _finite(value) if kind in FLOATS else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def from_json(type_name: str, values: Any, where: str = "") -> Any:
    """A message (or request, or goal) class instance from JSON. Fields that are left out keep their default.

    `type_name` is package/msg/Name, or a class of rclpy's. Raises MessageError.
    """
    return fill(message_class(type_name)(), values, where)


def fill(message: Any, values: Any, where: str = "") -> Any:
    """Set the fields that `values` names. Raises MessageError."""
    if not isinstance(values, dict):
        raise MessageError(f"{where or 'the message'} is {_short(values)}, wants an object")
    kinds = message.get_fields_and_field_types()
    for name, value in values.items():
        path = f"{where}.{name}" if where else str(name)
        if name not in kinds:
            raise MessageError(f"there is no field '{path}'; there are: {', '.join(kinds) or 'none'}")
        try:
            setattr(message, name, _in(value, kinds[name], path))
        except (AssertionError, OverflowError, TypeError) as error:  # the generated setters check with assert
            raise MessageError(f"'{path}' is {_short(value)}, wants {kinds[name]}") from error
    return message


def _in(value: Any, kind: str, path: str) -> Any:
    found = SEQUENCE.match(kind)
    if found:
        items = _sequence(value, found["of"] or found["item"], path)
        if (found["most"] and len(items) > int(found["most"])) or (found["exactly"] and len(items) != int(found["exactly"])):
            raise MessageError(f"'{path}' has {len(items)} entries, wants {kind}")
        return items
    if "/" in kind:
        package, name = kind.split("/")
        return from_json(f"{package}/msg/{name}", value, path)
    if kind in FLOATS and type(value) in (int, float):
        return float(value)
    wanted = bool if kind == "boolean" else int if kind in INTEGERS else float if kind in FLOATS else str
    if type(value) is not wanted:
        raise MessageError(f"'{path}' is {_short(value)}, wants {kind}")
    if isinstance(value, int) and wanted is int and not INTEGERS[kind][0] <= value <= INTEGERS[kind][1]:
        raise MessageError(f"'{path}' is {_short(value)}, wants {kind}")
    if isinstance(value, str) and any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise MessageError(f"'{path}' holds half a character")
    return value


def _sequence(value: Any, item: str, path: str) -> Any:
    if item in ("uint8", "octet", "byte", "char") and isinstance(value, str):
        try:
            return list(base64.b64decode(value, validate=True))
        except binascii.Error as error:
            raise MessageError(f"'{path}' is not base64") from error
    if not isinstance(value, list):
        raise MessageError(f"'{path}' is {_short(value)}, wants a list")
    return [_in(one, item, f"{path}[{index}]") for index, one in enumerate(value)]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
