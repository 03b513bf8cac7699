"""Frames to signals and back by a DBC: each message compiled to straight-line Python on its first use. Pure.

Values are physical (raw * scale + offset) and what cantools' `decode(data, decode_choices=False)` gives, to the last bit:
whole numbers stay integers. Ways to differ from it, by intent: a frame of the wrong length, long ones too, is a CodecError; a
signal beyond the frame's end is left out; a selector picks by its raw value; encoding never wraps, never takes NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeward_can_bridge import dbc
from homeward_can_bridge.codec_batch import BatchDecoder, compile_batch_decoder
from homeward_can_bridge.codec_decode import Decoder, compile_decoder
from homeward_can_bridge.codec_encode import Encoder, compile_encoder, raw_of
from homeward_can_bridge.dbc_text import CodecError, Remark

__all__ = ["Codec", "CodecError", "Signals"]

Signals = dict[str, float]
Entry = tuple[str, Decoder | None]
UNKNOWN: Entry = ("", None)


class _Entries(dict[int, Entry]):
    """Id -> name and decoder, compiled when an id is first met. Unknown ids are not kept: there are 2^29 of them."""

    def __init__(self, messages: dict[int, dbc.Message]) -> None:
        self._messages = messages

    def __missing__(self, can_id: int) -> Entry:
        message = self._messages.get(can_id)
        if message is None:
            return UNKNOWN
        self[can_id] = entry = (message.name, compile_decoder(message))
        return entry


class Codec:
    """One DBC. Frames of ids that it doesn't know are nobody's fault: decode() gives None for them."""

    def __init__(self, dbc_text: str, file_name: str = "the DBC") -> None:
        """Raises CodecError, with file name and line, for a DBC that can't be read."""
        database = dbc.load(dbc_text, file_name)
        self.remarks: tuple[Remark, ...] = database.remarks
        self._messages = {message.name: message for message in database.messages}
        self._standard = _Entries({one.can_id: one for one in database.messages if not one.extended})
        self._extended = _Entries({one.can_id: one for one in database.messages if one.extended})
        self._encoders: dict[str, tuple[int, Encoder]] = {}
        self._decoders: dict[str, Decoder] = {}
        self._batch_decoders: dict[str, BatchDecoder] = {}

    @property
    def names(self) -> list[str]:
        return list(self._messages)

    @property
    def messages(self) -> tuple[dbc.Message, ...]:
        return tuple(self._messages.values())

    def message(self, name: str) -> dbc.Message:
        """Raises CodecError for an unknown name."""
        message = self._messages.get(name)
        if message is None:
            raise CodecError(f"the DBC has no message '{name}'")
        return message

    def decode(self, can_id: int, data: bytes, extended: bool = False) -> tuple[str, Signals] | None:
        """The message's name and its signals in the DBC's units; None for an unknown id. Raises CodecError on a wrong length."""
        name, decode = self._extended[can_id] if extended else self._standard[can_id]
        return None if decode is None else (name, decode(data))

    def decoder(self, name: str) -> Decoder:
        """The compiled function of one message, bytes -> signals, for who knows the id already."""
        made = self._decoders.get(name)
        if made is None:
            made = self._decoders[name] = compile_decoder(self.message(name))
        return made

    def decode_batch(self, name: str, data: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Frames of one message as rows [n, length] -> {signal: values [n]}; see codec_batch. Raises CodecError."""
        made = self._batch_decoders.get(name)
        if made is None:
            made = self._batch_decoders[name] = compile_batch_decoder(self.message(name))
        return made(data)

    def encode(self, name: str, signals: Mapping[str, Any]) -> tuple[int, bytes]:
        """The id and bytes of a message. Raises CodecError on an unknown name or signal, a missing one, a value out of range."""
        can_id, encode = self._encoders.get(name) or self._encoder(name)
        return can_id, encode(signals)

    def _encoder(self, name: str) -> tuple[int, Encoder]:
        message = self.message(name)
        made = self._encoders[name] = (message.can_id, compile_encoder(message))
        return made

    def encoder(self, name: str) -> Encoder:
        """The compiled function of one message, signals -> bytes."""
        return self._encoder(name)[1]

    def label(self, name: str, signal_name: str, value: float) -> str | None:
        """What the value table calls a decoded value; None when it has no name for it."""
        signal = self.message(name).signal(signal_name)
        return signal.choices.get(int(raw_of(signal, value))) if signal.choices and value == value else None

    def number(self, name: str, signal_name: str, label: str) -> float:
        """The physical value that has this label. Raises CodecError."""
        signal = self.message(name).signal(signal_name)
        for raw, text in signal.choices.items():
            if text == label:
                return raw * signal.scale + signal.offset
        raise CodecError(f"{name}.{signal_name} has no value called {label!r}")
