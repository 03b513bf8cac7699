"""What is wrong or odd in a DBC, by line. Pure: text in, remarks out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from homeward_can_bridge.codec_layout import Node, tree
from homeward_can_bridge.dbc import Message, Signal, load
from homeward_can_bridge.dbc_text import ERROR, NOTE, WARNING, DbcError, Remark

__all__ = ["Remark", "lint"]

ROLE = re.compile(r"M|m\d+M?")
ROUNDING = 1e-6  # of a step: decimal limits seldom are binary ones


def lint(dbc_text: str, file_name: str) -> list[Remark]:
    """Every remark, by line. A file that can't be read has one: the place where reading ended."""
    try:
        database = load(dbc_text, file_name)
    except DbcError as error:
        return [Remark(error.line, ERROR, error.text)]
    found = [_harder(remark) for remark in database.remarks]
    for message in database.messages:
        found += _multiplexing(message)
        for signal in message.signals:
            found += _signal(message, signal)
    return sorted(found, key=lambda remark: remark.line)


def _harder(remark: Remark) -> Remark:
    """Signals that share bits are read all the same, but whoever lints wants to know."""
    return replace(remark, severity=ERROR) if " overlaps " in remark.text else remark


def _signal(message: Message, signal: Signal) -> Iterator[Remark]:
    where = f"{message.name}.{signal.name}"
    if signal.scale == 0:
        yield Remark(signal.line, ERROR, f"{where} has a scale of 0")
        return
    yield from _range(where, signal)
    scaled = signal.is_float or signal.scale != 1 or signal.offset != 0
    if scaled and not signal.unit and not signal.choices:
        yield Remark(signal.line, NOTE, f"{where} is scaled and has no unit")


def _range(where: str, signal: Signal) -> Iterator[Remark]:
    low, high = signal.minimum, signal.maximum
    if low is None or high is None:
        return
    step = abs(signal.scale)
    if low > high:
        yield Remark(signal.line, ERROR, f"{where} has a range upside down: [{low}|{high}]")
    elif not signal.is_float and high - low < step * (1 - ROUNDING):
        yield Remark(signal.line, WARNING, f"{where} has a range [{low}|{high}] smaller than one step of {step}")
    if signal.is_float:
        return
    ends = [raw * signal.scale + signal.offset for raw in signal.raw_range]
    if low < min(ends) - step * ROUNDING or high > max(ends) + step * ROUNDING:
        held = f"{min(ends):.10g} to {max(ends):.10g}"
        yield Remark(signal.line, WARNING, f"{where} has a range [{low}|{high}] beyond what {signal.length} bits hold: {held}")


def _multiplexing(message: Message) -> Iterator[Remark]:
    by_name = {signal.name: signal for signal in (*message.signals, *message.outside)}
    reachable = _names(tree(message))
    for signal in message.signals:
        where = f"{message.name}.{signal.name}"
        selector = by_name.get(signal.selector or "")
        if signal.role and not ROLE.fullmatch(signal.role):
            yield Remark(signal.line, ERROR, f"{where}: {signal.role!r} is no role in multiplexing; M, m<value>, m<value>M are")
        elif signal.role.startswith("m") and signal.selector is None:
            yield Remark(signal.line, ERROR, f"{where} is multiplexed, and it isn't said which of several selectors selects it")
        if signal.selector is None:
            continue
        if selector is None:
            yield Remark(signal.line, ERROR, f"{where} is selected by {signal.selector}, which doesn't exist")
        elif not selector.is_selector:
            yield Remark(signal.line, ERROR, f"{where} is selected by {selector.name}, which isn't marked as a selector (M)")
        elif not _selectable(signal, selector):
            yield Remark(signal.line, ERROR, f"{where} is in the frame for values that {selector.name} can't have")
        elif signal.name not in reachable:
            yield Remark(signal.line, ERROR, f"{where} is never in the frame: its selector isn't either")
    for signal in message.signals:
        if signal.is_selector and not any(one.selector == signal.name for one in message.signals):
            yield Remark(signal.line, WARNING, f"{message.name}.{signal.name} is marked as a selector and selects nothing")


def _selectable(signal: Signal, selector: Signal) -> bool:
    smallest, largest = selector.raw_range
    return all(smallest <= value <= largest for value in signal.selector_values)


def _names(node: Node) -> set[str]:
    found = {signal.name for signal in node.signals}
    for branches in node.branches.values():
        for child in branches.values():
            found |= _names(child)
    return found
