"""Frames to signals and back by a DBC file, through cantools. Pure: text and bytes in, values out."""

from __future__ import annotations

from typing import Any

import cantools

Signals = dict[str, float]


class CodecError(ValueError):
    """A DBC that can't be read, a frame that doesn't fit it, a value that doesn't fit the frame."""


class Codec:
    """One DBC. Frames of ids that it doesn't know are nobody's fault: decode() gives None for them."""

    def __init__(self, dbc_text: str) -> None:
        try:
            database: Any = cantools.database.load_string(dbc_text, database_format="dbc")
        except Exception as error:  # cantools raises whatever its parser does
            raise CodecError(f"the DBC can't be read: {error}") from error
        self._by_id = {(message.frame_id, message.is_extended_frame): message for message in database.messages}
        self._by_name = {message.name: message for message in database.messages}

    @property
    def names(self) -> list[str]:
        return list(self._by_name)

    def decode(self, can_id: int, data: bytes, extended: bool = False) -> tuple[str, Signals] | None:
        """The message's name and its signals in the DBC's units. Raises CodecError on a wrong length."""
        message = self._by_id.get((can_id, extended))
        if message is None:
            return None
        if len(data) != message.length:
            raise CodecError(f"{message.name} has {len(data)} bytes, wants {message.length}")
        try:
            return message.name, message.decode(data, decode_choices=False)
        except Exception as error:
            raise CodecError(f"{message.name} can't be decoded: {error}") from error

    def encode(self, name: str, signals: Signals) -> tuple[int, bytes]:
        """The id and bytes of a message. Raises CodecError on an unknown name or signal, or a value out of range."""
        message = self._by_name.get(name)
        if message is None:
            raise CodecError(f"the DBC has no message '{name}'")
        try:
            return message.frame_id, bytes(message.encode(signals, strict=True))
        except Exception as error:
            raise CodecError(f"{name} can't be encoded from {signals}: {error}") from error
