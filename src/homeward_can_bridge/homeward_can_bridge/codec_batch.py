"""Many frames of one message at once, with numpy. Pure.

The result is what decoding frame by frame gives, as arrays: int64 (uint64 or Python integers where those don't fit) for whole
numbers, float64 for others. Signals that a selector leaves out of some frames are masked arrays (numpy.ma), masked there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeward_can_bridge.codec_decode import exact_scaling, wrong_length
from homeward_can_bridge.codec_layout import Node, tree
from homeward_can_bridge.dbc import Message, Signal
from homeward_can_bridge.dbc_text import CodecError

BatchDecoder = Callable[[NDArray[np.uint8]], dict[str, NDArray[Any]]]
FLOAT_TYPES = {16: np.float16, 32: np.float32, 64: np.float64}
INT64_MAX = (1 << 63) - 1


def compile_batch_decoder(message: Message) -> BatchDecoder:
    """Frames [n, length] uint8 -> {signal: [n]}. Raises CodecError on a wrong shape or a selector's unknown value."""
    root = tree(message)
    readers = {signal.name: _Reader(signal, message.length) for signal in message.signals}

    def decode(data: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        if data.ndim != 2 or data.shape[1] != message.length or data.dtype != np.uint8:
            if data.ndim == 2 and data.dtype == np.uint8:
                raise wrong_length(message, bytes(data.shape[1]))
            raise CodecError(f"{message.name}: frames are rows of uint8, not {data.dtype} of shape {data.shape}")
        windows = _Windows(data)
        values = {signal.name: readers[signal.name].physical(windows) for signal in root.signals}
        _branches(message, root, windows, readers, None, values)
        return values

    return decode


class _Windows:
    """Frames as numbers of eight bytes from any byte on, each made once."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data = data
        self._made: dict[tuple[int, bool], NDArray[np.int64]] = {}

    def at(self, first: int, little_endian: bool) -> NDArray[np.int64]:
        key = (first, little_endian)
        if key not in self._made:
            part = self.data[:, first : first + 8]
            if part.shape[1] < 8:  # short frames: zeros behind
                padded = np.zeros((len(part), 8), np.uint8)
                padded[:, : part.shape[1]] = part
                part = padded
            numbers = np.ascontiguousarray(part).view("<i8" if little_endian else ">i8").reshape(len(part))
            self._made[key] = numbers if little_endian else numbers.astype(np.int64)
        return self._made[key]


class _Reader:
    """One signal's way out of the windows."""

    def __init__(self, signal: Signal, length: int) -> None:
        self.signal = signal
        self.scale, self.offset = exact_scaling(signal)
        self.first = min(signal.first_byte, max(length - 8, 0))
        bit = signal.start if signal.little_endian else signal.network_start
        self.bit = bit - 8 * self.first  # from the window's first bit of that byte order
        self.fits = self.bit + signal.length <= 64
        self.wide = self._needs_python_integers()

    def _needs_python_integers(self) -> bool:
        if self.signal.is_float:
            return not self.fits
        ends = self.signal.raw_range
        if isinstance(self.scale, int):  # whole numbers all the way, or whole until a fractional offset
            reach = max(abs(raw * self.scale) + abs(self.offset) for raw in ends)
            return not self.fits or (reach > INT64_MAX and (self.scale != 1 or self.offset != 0))
        return not self.fits

    def raw(self, windows: _Windows) -> NDArray[Any]:
        signal, length = self.signal, self.signal.length
        if not self.fits:
            return self._python_integers(windows.data)
        number = windows.at(self.first, signal.little_endian)
        below = self.bit if signal.little_endian else 64 - self.bit - length
        above = 64 - below - length
        if signal.is_float:
            shifted: NDArray[Any] = (number >> below).astype(f"u{length // 8}").view(FLOAT_TYPES[length])
            return shifted.astype(np.float64)
        if signal.signed:
            return (number << above if above else number) >> (64 - length)
        if length == 64:
            return number.view(np.uint64)
        return (number >> below if below else number) & ((1 << length) - 1)

    def _python_integers(self, data: NDArray[np.uint8]) -> NDArray[Any]:
        signal, length = self.signal, data.shape[1]
        order, mask = ("little" if signal.little_endian else "big"), (1 << signal.length) - 1
        shift = signal.start if signal.little_endian else 8 * length - signal.network_start - signal.length
        half = 1 << (signal.length - 1) if signal.signed else 0
        values = [((int.from_bytes(row.tobytes(), order) >> shift & mask) ^ half) - half for row in data]  # type: ignore[arg-type]
        if signal.is_float:
            packed = b"".join(value.to_bytes(signal.length // 8, "little") for value in values)
            return np.frombuffer(packed, FLOAT_TYPES[signal.length]).astype(np.float64)
        made = np.empty(len(values), object)
        made[:] = values
        return made

    def physical(self, windows: _Windows) -> NDArray[Any]:
        raw = self.raw(windows)
        if self.wide and raw.dtype != object and not self.signal.is_float:
            raw = raw.astype(object)
        if self.scale != 1:
            raw = raw * self.scale
        if self.offset != 0:
            raw = raw + self.offset
        return self._narrowed(raw)

    def _narrowed(self, values: NDArray[Any]) -> NDArray[Any]:
        """Python numbers back to int64, uint64 or float64 where the signal's whole range fits."""
        if values.dtype != object:
            return values
        if not (isinstance(self.scale, int) and isinstance(self.offset, int)):
            return values.astype(np.float64)
        ends = [raw * self.scale + self.offset for raw in self.signal.raw_range]
        if min(ends) >= -INT64_MAX - 1 and max(ends) <= INT64_MAX:
            return values.astype(np.int64)
        return values.astype(np.uint64) if min(ends) >= 0 and max(ends) < 1 << 64 else values


def _branches(
    message: Message, node: Node, windows: _Windows, readers: dict[str, _Reader], within: NDArray[np.bool_] | None,
    values: dict[str, NDArray[Any]],
) -> None:  # fmt: skip
    """Fill in what the selectors of this node add, for the rows in `within` (None: all)."""
    for name, branches in node.branches.items():
        chosen = readers[name].raw(windows)
        known = np.isin(chosen, np.array(list(branches), chosen.dtype))
        if not np.all(known if within is None else known | ~within):
            row = int(np.argmin(known if within is None else known | ~within))
            raise CodecError(f"{message.name}, frame {row}: nothing is known of {name} {chosen[row]}")
        children: dict[int, tuple[Node, list[int]]] = {}
        for value, child in branches.items():
            children.setdefault(id(child), (child, []))[1].append(value)
        for child, selecting in children.values():
            rows = np.isin(chosen, np.array(selecting, chosen.dtype))
            rows = rows if within is None else rows & within
            _add(child, rows, windows, readers, values)
            _branches(message, child, windows, readers, rows, values)


def _add(
    child: Node, rows: NDArray[np.bool_], windows: _Windows, readers: dict[str, _Reader], values: dict[str, NDArray[Any]]
) -> None:
    for signal in child.signals:
        if signal.name not in values:
            values[signal.name] = np.ma.MaskedArray(readers[signal.name].physical(windows), mask=~rows)
        else:
            values[signal.name].mask &= ~rows  # type: ignore[attr-defined]
