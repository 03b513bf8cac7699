"""What a DBC says of the frames on a bus: names, values, units and the names of values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from homeward_can_bridge.codec import Codec
from homeward_can_bridge.dbc import Message, Signal, load
from homeward_runtime.can_bus import Frame
from homeward_runtime.files import find

DEFAULT_DBC = "homeward/homeward.dbc"
COMMANDS = ("ActuatorCommand", "BodyRequest")  # what only a command gate sends


class ToolError(Exception):
    """What went wrong and what to do about it, in words for the person at the terminal."""


@dataclass(frozen=True)
class Reading:
    """One decoded frame. `complaint` says why there are no values, where the frame doesn't fit its message."""

    name: str
    values: dict[str, float]
    complaint: str = ""


class Dictionary:
    """One DBC, for reading."""

    def __init__(self, text: str, file_name: str) -> None:
        """Raises ToolError with the file and line of what can't be read."""
        self.text = text
        try:
            database = load(text, file_name)  # first: it knows the file's name and the line
            self._codec = Codec(text)
        except ValueError as error:
            raise ToolError(f"{error}. See what is wrong with it: ./homeward can lint {file_name}") from error
        self.messages: dict[str, Message] = {message.name: message for message in database.messages}
        self._by_id = {(message.can_id, message.extended): message for message in database.messages}
        self._signals: dict[str, dict[str, Signal]] = {
            message.name: {signal.name: signal for signal in message.signals} for message in database.messages
        }

    @property
    def command_ids(self) -> set[tuple[int, bool]]:
        """(id, extended) of the frames that command the car, as far as this DBC has them."""
        found = (self.messages[name] for name in COMMANDS if name in self.messages)
        return {(message.can_id, message.extended) for message in found}

    def name_of(self, frame: Frame) -> str:
        """Empty for an id that the DBC doesn't have."""
        message = self._by_id.get((frame.can_id, frame.extended))
        return message.name if message else ""

    def read(self, frame: Frame) -> Reading | None:
        """None for an id that the DBC doesn't have."""
        try:
            decoded = self._codec.decode(frame.can_id, frame.data, frame.extended)
        except ValueError as error:
            return Reading(self.name_of(frame), {}, str(error))
        return Reading(*decoded) if decoded is not None else None

    def choice(self, message: str, signal: str, value: float) -> str:
        """The name that the DBC gives this raw value of an unscaled signal; empty where it has none."""
        known = self._signals.get(message, {}).get(signal)
        if known is None or not known.choices or known.is_float or value != value:
            return ""
        raw = round((value - known.offset) / known.scale) if known.scale else 0
        return known.choices.get(raw, "")

    def unit(self, message: str, signal: str) -> str:
        known = self._signals.get(message, {}).get(signal)
        return known.unit if known else ""

    def phrases(self, reading: Reading) -> list[tuple[str, str]]:
        """(signal, value with its unit or name) of a reading."""
        return [(signal, self.phrase(reading.name, signal, value)) for signal, value in reading.values.items()]

    def phrase(self, message: str, signal: str, value: float) -> str:
        name = self.choice(message, signal, value)
        unit = self.unit(message, signal)
        return name or (f"{value:g} {unit}" if unit else f"{value:g}")


def load_dictionary(dbc: Path | None) -> Dictionary:
    """The DBC of this file; without one the demo car's. Raises ToolError."""
    try:
        path = find(str(dbc or DEFAULT_DBC), "vehicles")
        return Dictionary(path.read_text(encoding="utf-8", errors="replace"), str(path if dbc is None else dbc))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ToolError(f"{error}. Name one: --dbc FILE.dbc") from error
