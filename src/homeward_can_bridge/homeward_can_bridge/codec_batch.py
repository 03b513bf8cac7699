"""Many frames of one message at once, with numpy. Pure.

The result is what decoding frame by frame gives, as arrays: int64 (uint64 or Python integers where those don't fit) for whole
numbers, float64 for others. Signals that a selector leaves out of some frames are masked arrays (numpy.ma), masked there.

All signals that lie in the same eight bytes are taken out together, as the rows of one array: numpy's cost is a call's, much
more than a number's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeward_can_bridge.codec_decode import exact_scaling, wrong_length
from homeward_can_bridge.codec_layout import Node, tree
from homeward_can_bridge.dbc import Message, Signal
from homeward_can_bridge.dbc_text import CodecError

Arrays = dict[str, NDArray[Any]]
BatchDecoder = Callable[[NDArray[np.uint8]], Arrays]
FLOAT_TYPES = {16: np.float16, 32: np.float32, 64: np.float64}
INT64_MAX = (1 << 63) - 1
WINDOW = 8  # bytes


def compile_batch_decoder(message: Message) -> BatchDecoder:
    """Frames [n, length] uint8 -> {signal: [n]}. Raises CodecError on a wrong shape or a selector's unknown value."""
    root = tree(message)
    message = replace(message, signals=tuple(_reachable(root)))
    windows, others = _windows(message)

    def decode(data: NDArray[np.uint8]) -> Arrays:
        _check_shape(message, data)
        values: Arrays = {}
        raws: Arrays = {}
        if not len(data):
            return {signal.name: np.empty(0) for signal in message.signals}
        for window in windows:
            window.read(data, values, raws)
        for signal in others:
            raws[signal.name] = _python_integers(signal, data)
            values[signal.name] = _exactly_scaled(signal, raws[signal.name])
        if root.branches:
            _mask(message, root, raws, None, values)
        return values

    return decode


def _reachable(node: Node) -> list[Signal]:
    """Every signal that some frame has. A file may name one under a selector that is not marked as one."""
    found = {signal.name: signal for signal in node.signals}
    for branches in node.branches.values():
        for child in {id(child): child for child in branches.values()}.values():
            found |= {signal.name: signal for signal in _reachable(child)}
    return list(found.values())


def _check_shape(message: Message, data: NDArray[np.uint8]) -> None:
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2:
        raise CodecError(f"{message.name}: a batch is an array of uint8, a row a frame")
    if data.shape[1] != message.length:
        raise wrong_length(message, bytes(data.shape[1]))


def _windows(message: Message) -> tuple[list[_Window], list[Signal]]:
    """As few windows as hold the signals; and those that fit none, or whose values leave int64."""
    made: list[_Window] = []
    others: list[Signal] = []
    for signal in sorted(message.signals, key=lambda one: (one.little_endian, one.first_byte)):
        first = min(signal.first_byte, max(message.length - WINDOW, 0))
        if _leaves_int64(signal) or signal.last_byte >= first + WINDOW:
            others.append(signal)
            continue
        last = made[-1] if made else None
        if last is None or last.little_endian != signal.little_endian or signal.last_byte >= last.first + WINDOW:
            made.append(_Window(first, signal.little_endian))
        made[-1].signals.append(signal)
    for window in made:
        window.arrange()
    return made, others


def _leaves_int64(signal: Signal) -> bool:
    scale, offset = exact_scaling(signal)
    if signal.is_float or (scale == 1 and offset == 0) or not isinstance(scale, int):
        return False
    return max(abs(raw * scale) + abs(offset) for raw in signal.raw_range) > INT64_MAX


class _Window:
    """Eight bytes of each frame as one number, and the signals in them, as rows: signed ones first, scaled ones last of each."""

    def __init__(self, first: int, little_endian: bool) -> None:
        self.first, self.little_endian = first, little_endian
        self.signals: list[Signal] = []

    def arrange(self) -> None:
        self.floats = [one for one in self.signals if one.is_float]
        self.groups = [
            _Group([one for one in self.signals if not one.is_float and one.signed == signed], self) for signed in (True, False)
        ]
        self.groups = [group for group in self.groups if group.signals]

    def places(self, signal: Signal) -> tuple[int, int]:
        """Bits above the signal and below it, in the window's number."""
        start = (signal.start if signal.little_endian else signal.network_start) - 8 * self.first
        below = start if signal.little_endian else 8 * WINDOW - start - signal.length
        return 8 * WINDOW - below - signal.length, below

    def numbers(self, data: NDArray[np.uint8]) -> NDArray[np.uint64]:
        """The window of each frame, read where it lies; what a short frame's reaches over of the next is shifted out later."""
        count, length = data.shape
        flat = np.ascontiguousarray(data).reshape(-1)
        if length < WINDOW:
            flat = np.concatenate((flat, np.zeros(WINDOW, np.uint8)))
        order = "<u8" if self.little_endian else ">u8"
        lying: NDArray[np.uint64] = np.ndarray((count,), order, flat, self.first, (length,))
        return lying.astype(np.uint64)

    def read(self, data: NDArray[np.uint8], values: Arrays, raws: Arrays) -> None:
        numbers = self.numbers(data)
        for group in self.groups:
            group.read(numbers, values, raws)
        for signal in self.floats:
            _, below = self.places(signal)
            whole = (numbers >> np.uint64(below)).astype(f"u{signal.length // 8}")
            raws[signal.name] = whole.view(FLOAT_TYPES[signal.length]).astype(np.float64)
            values[signal.name] = _exactly_scaled(signal, raws[signal.name])


class _Group:
    """Integers of one window, all signed or none: two shifts for all, then the scales of those that have one."""

    def __init__(self, signals: list[Signal], window: _Window) -> None:
        scaled = [one for one in signals if exact_scaling(one) != (1, 0)]
        self.plain = len(signals) - len(scaled)
        self.signals = [one for one in signals if one not in scaled] + scaled
        self.type = np.int64 if signals and signals[0].signed else np.uint64
        places = [window.places(one) for one in self.signals]
        self.above = np.array([above for above, _ in places], self.type).reshape(-1, 1)
        self.down = np.array([above + below for above, below in places], self.type).reshape(-1, 1)
        scales = [exact_scaling(one) for one in scaled]
        self.fractional = all(isinstance(scale, float) for scale, _ in scales)  # then one product does for all
        self.scales = np.array([float(scale) for scale, _ in scales]).reshape(-1, 1)
        self.offsets = np.array([float(offset) for _, offset in scales]).reshape(-1, 1)
        self.has_offsets = bool(np.any(self.offsets != 0))

    def read(self, numbers: NDArray[np.uint64], values: Arrays, raws: Arrays) -> None:
        raw = numbers.view(self.type) << self.above
        np.right_shift(raw, self.down, out=raw)
        whole = raw.view(np.int64)
        for row, signal in enumerate(self.signals):
            raws[signal.name] = raw[row] if signal.length == 64 else whole[row]
            if row < self.plain:
                values[signal.name] = raws[signal.name]
        if self.fractional and len(self.scales):
            self._scale_together(raw[self.plain :], values)
        else:
            for signal in self.signals[self.plain :]:
                values[signal.name] = _exactly_scaled(signal, raws[signal.name])

    def _scale_together(self, raw: NDArray[Any], values: Arrays) -> None:
        scaled = raw * self.scales
        if self.has_offsets:
            scaled += self.offsets
        for row, signal in enumerate(self.signals[self.plain :]):
            values[signal.name] = scaled[row]


def _exactly_scaled(signal: Signal, raw: NDArray[Any]) -> NDArray[Any]:
    """raw * scale + offset as Python would: whole numbers stay whole."""
    scale, offset = exact_scaling(signal)
    values = raw if scale == 1 else raw * scale
    values = values if offset == 0 else values + offset
    if values.dtype != object:
        return values
    if not (isinstance(scale, int) and isinstance(offset, int)):
        return values.astype(np.float64)
    ends = [one * scale + offset for one in signal.raw_range]
    if min(ends) >= -INT64_MAX - 1 and max(ends) <= INT64_MAX:
        return values.astype(np.int64)
    return values.astype(np.uint64) if min(ends) >= 0 and max(ends) < 1 << 64 else values


def _python_integers(signal: Signal, data: NDArray[np.uint8]) -> NDArray[Any]:
    """Row by row, for signals over nine bytes or beyond int64; floats come as float64."""
    mask, half = (1 << signal.length) - 1, (1 << (signal.length - 1) if signal.signed and not signal.is_float else 0)
    shift = signal.start if signal.little_endian else 8 * data.shape[1] - signal.network_start - signal.length
    wholes = (int.from_bytes(row.tobytes(), "little" if signal.little_endian else "big") for row in data)
    raws = [((whole >> shift & mask) ^ half) - half for whole in wholes]
    if signal.is_float:
        packed = b"".join(raw.to_bytes(signal.length // 8, "little") for raw in raws)
        return np.frombuffer(packed, FLOAT_TYPES[signal.length]).astype(np.float64)
    made = np.empty(len(raws), object)
    made[:] = raws
    return made


def _mask(message: Message, node: Node, raws: Arrays, within: NDArray[np.bool_] | None, values: Arrays) -> None:
    """Mask what the selectors of this node leave out, for the rows in `within` (None: all)."""
    for name, branches in node.branches.items():
        chosen = raws[name]
        inside = chosen if within is None else chosen[within]
        present = set(inside.tolist())
        if not present <= branches.keys():
            value = min(present - branches.keys())
            row = int(np.flatnonzero((chosen == value) & (True if within is None else within))[0])
            raise CodecError(f"{message.name}, frame {row}: nothing is known of {name} {value}")
        rows_of: dict[int, NDArray[np.bool_]] = {}
        children = {id(child): child for child in branches.values()}
        for value in present:
            same = chosen == value
            key = id(branches[value])
            rows_of[key] = rows_of[key] | same if key in rows_of else same
        nothing = np.zeros(len(chosen), np.bool_)
        rows = {key: rows_of.get(key, nothing) if within is None else rows_of.get(key, nothing) & within for key in children}
        _mask_signals(children, rows, values)
        for key, child in children.items():
            if child.branches:
                _mask(message, child, raws, rows[key], values)


def _mask_signals(children: dict[int, Node], rows: dict[int, NDArray[np.bool_]], values: Arrays) -> None:
    """A signal is there in the rows of every child that has it."""
    shown: dict[str, list[int]] = {}
    for key, child in children.items():
        for signal in child.signals:
            shown.setdefault(signal.name, []).append(key)
    masks: dict[tuple[int, ...], NDArray[np.bool_]] = {}
    for name, keys in shown.items():
        together = tuple(keys)
        if together not in masks:
            masks[together] = ~np.logical_or.reduce([rows[key] for key in keys])
        values[name] = np.ma.MaskedArray(values[name], masks[together])
