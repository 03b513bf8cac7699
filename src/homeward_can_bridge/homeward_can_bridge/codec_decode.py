"""Messages compiled to straight-line Python that takes a frame apart. Pure.

What is made for a message of two signals:

    def decode(data):
        try:
            a, b = unpack_little(data)
        except error:
            raise wrong_length(data) from None
        return {'Speed': a * 0.01, 'Gear': b >> 4 & 7}
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from homeward_can_bridge.codec_layout import Field, Node, fields, struct_format, tree
from homeward_can_bridge.dbc import Message, Number, Signal
from homeward_can_bridge.dbc_text import CodecError

Decoder = Callable[[bytes], dict[str, Number]]
FLOAT_FORMATS = {16: "e", 32: "f", 64: "d"}


def compile_decoder(message: Message) -> Decoder:
    """bytes -> {signal: physical value}; raises CodecError on a wrong length or a selector's unknown value."""
    return _compile(message, tree(message), ())


def _compile(message: Message, node: Node, inherited: tuple[Signal, ...]) -> Decoder:
    signals = inherited + node.signals
    if len(node.branches) == 1:
        return _dispatch(message, node, signals)
    plain = _straight(message, signals)
    if not node.branches:
        return plain
    parts = [_dispatch(message, Node(node.signals, {name: node.branches[name]}), ()) for name in node.branches]

    def decode(data: bytes) -> dict[str, Number]:
        values = plain(data)
        for part in parts:
            values.update(part(data))
        return values

    return decode


def _dispatch(message: Message, node: Node, inherited: tuple[Signal, ...]) -> Decoder:
    """By the selector's raw value to the function for the frame as it then is."""
    ((name, branches),) = node.branches.items()
    selector = next(signal for signal in node.signals if signal.name == name)
    made: dict[int, Decoder] = {}
    shared: dict[int, Decoder] = {}
    for value, child in branches.items():
        if id(child) not in shared:
            shared[id(child)] = _compile(message, child, inherited)
        made[value] = shared[id(child)]

    def unknown(value: int) -> CodecError:
        return CodecError(f"{message.name}: nothing is known of {name} {value}")

    mask = (1 << selector.length) - 1
    sign = f" ^ {mask + 1 >> 1:#x}) - {mask + 1 >> 1:#x}" if selector.signed else ")"
    if selector.little_endian:
        raw = f"((from_bytes(data, 'little') >> {selector.start} & {mask:#x}{sign}"
    else:
        shift = 8 * message.length - selector.network_start - selector.length
        raw = f"((from_bytes(data, 'big') >> {shift} & {mask:#x}{sign}"
    if selector.first_byte == selector.last_byte:
        shift = selector.start % 8 - (0 if selector.little_endian else selector.length - 1)
        raw = f"((data[{selector.first_byte}] >> {shift} & {mask:#x}{sign}"
    source = f"""
def decode(data):
    if len(data) != {message.length}:
        raise wrong_length(data)
    value = {raw})
    branch = branches(value)
    if branch is None:
        raise unknown(value)
    return branch(data)
"""
    return _function(source, message, branches=made.get, unknown=unknown, from_bytes=int.from_bytes)


def _straight(message: Message, signals: tuple[Signal, ...]) -> Decoder:
    """One dict literal."""
    cut = fields(signals, message.length)
    lines, names = [], {}
    scope: dict[str, Any] = {"from_bytes": int.from_bytes}
    for index, (one, _) in enumerate(cut):
        names[one] = f"f{index}"
    for order, unpack in ((True, "unpack_little"), (False, "unpack_big")):
        mine = sorted((one for one, _ in cut if one.little_endian == order), key=lambda one: one.first)
        if not mine and (order is False or cut):
            continue
        scope[unpack] = struct.Struct(struct_format(mine, message.length, order)).unpack
        lines.append(f"{', '.join(names[one] for one in mine)}, = {unpack}(data)" if mine else f"{unpack}(data)")
    read = "\n        ".join(lines)
    odd = [(names[one], "little" if one.little_endian else "big") for one, _ in cut if one.is_bytes]
    numbers = "".join(f"    {name} = from_bytes({name}, {order!r})\n" for name, order in odd)
    by_name = {signal.name: _value(signal, one, names[one], scope) for one, members in cut for signal in members}
    literal = ", ".join(f"{signal.name!r}: {by_name[signal.name]}" for signal in signals)
    source = f"""
def decode(data):
    try:
        {read}
    except error:
        raise wrong_length(data) from None
{numbers}    return {{{literal}}}
"""
    return _function(source, message, **scope)


def _value(signal: Signal, cut: Field, name: str, scope: dict[str, Any]) -> str:
    """The expression of a signal's physical value, operations that change nothing left out."""
    text, shift = name, cut.shift(signal)
    if cut.code in ("e", "f", "d") or (cut.code.islower() and not cut.is_bytes):
        return scaled(text, signal)
    if shift:
        text += f" >> {shift}"
    if shift + signal.length < 8 * cut.width:
        text += f" & {(1 << signal.length) - 1:#x}"
    if signal.is_float:
        scope[f"unpack_{signal.length}"] = struct.Struct("<" + FLOAT_FORMATS[signal.length]).unpack
        text = f"unpack_{signal.length}(({text}).to_bytes({signal.length // 8}, 'little'))[0]"
    elif signal.signed:
        half = 1 << (signal.length - 1)
        text = f"raw if (raw := {text}) < {half:#x} else raw - {2 * half:#x}"  # a little faster than (x ^ half) - half
    return scaled(f"({text})", signal) if text != name else scaled(text, signal)


def scaled(text: str, signal: Signal) -> str:
    """raw * scale + offset; an integer stays one when scale and offset are whole."""
    scale, offset = exact_scaling(signal)
    if scale != 1:
        text += f" * {scale!r}"
    if offset != 0:
        text += f" + {offset!r}"
    return text


def exact_scaling(signal: Signal) -> tuple[Number, Number]:
    """Scale and offset, as integers when both are whole and the raw value is an integer."""
    scale, offset = signal.scale, signal.offset
    if not signal.is_float and float(scale).is_integer() and float(offset).is_integer():
        return int(scale), int(offset)
    return scale, offset


def wrong_length(message: Message, data: bytes) -> CodecError:
    return CodecError(f"{message.name} has {len(data)} bytes, wants {message.length}")


def _function(source: str, message: Message, **scope: Any) -> Decoder:
    scope.update(error=struct.error, wrong_length=lambda data: wrong_length(message, data))
    exec(compile(source, f"<decoder of {message.name!r}>", "exec"), scope)  # names are literals in it, never code
    made: Decoder = scope["decode"]
    return made
