"""Bends the text of a DBC, line for line, into what cantools' parser takes. Pure.

The parser is cantools' (MIT), used as it is. Real files hold what its grammar refuses; each such place is changed as little
as can be, never moving a line, and said in a Remark:

- value tables get the `;` they lack; comments are blanked: they may lack it, too, or name a message without `BO_`, and
  nothing here reads them;
- an id over 11 bits without the flag of an extended frame gets the flag, one over 29 bits loses what no frame can have,
  wherever it is named;
- a name that begins with a digit gets a letter in front (`Bent.original` takes it off again);
- value tables and value types of signals that don't exist are blanked;
- what can't be in a CAN frame (a message over 64 bytes, a signal of no bits) is blanked or refused before the parser would
  take memory for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ERROR, WARNING, NOTE = "error", "warning", "note"
STANDARD_ID_MAX, EXTENDED_ID_MAX, EXTENDED_FLAG = 0x7FF, 0x1FFF_FFFF, 0x8000_0000
FRAME_BYTES_MAX, FRAME_BITS_MAX = 64, 512
SELECTOR_VALUES_MAX = 65536
PREFIX = "bent_"  # in front of names that begin with a digit
UNASSIGNED = "VECTOR__INDEPENDENT_SIG_MSG"  # the place where editors keep signals of no message; left out here

COMMENT = re.compile(
    r'^[ \t]*CM_\s+(?:(?:BO_\s+)?\d+\s+|SG_\s+\d+\s+\w+\s+|(?:BU_|EV_)\s+\w+\s+)?"(?:\\"|[^"])*"\s*?(?:;|(?=\n)|\Z)', re.MULTILINE
)
MESSAGE = re.compile(r"^([ \t]*BO_[ \t]+)(\d+)([ \t]+)(\w+)([ \t]*:[ \t]*)(\d+)")
SIGNAL = re.compile(r"^([ \t]*SG_[ \t]+)(\w+)([ \t]+\w+)?[ \t]*:[ \t]*(\d+)[ \t]*\|[ \t]*(\d+)")
VALUES = re.compile(r'^[ \t]*VAL_\s+(\d+)\s+(\w+)(?:\s+[-+]?\d+\s*"(?:\\"|[^"])*")*\s*?(?:;|(?=\n)|\Z)', re.MULTILINE)
VALUE_TYPE = re.compile(r"^[ \t]*SIG_VALTYPE_\s+(\d+)\s+(\w+)\s*:\s*\d+\s*;", re.MULTILINE)
SELECTOR_RANGES = re.compile(r"^[ \t]*SG_MUL_VAL_\s+(\d+)\s+(\w+)\s+(\w+)\s+([^;]*);", re.MULTILINE)
REFERENCE = re.compile(
    r'^([ \t]*(?:VAL_|SIG_VALTYPE_|SG_MUL_VAL_|SIG_GROUP_|BO_TX_BU_|BA_[ \t]+"[^"\n]*"[ \t]+(?:BO_|SG_))[ \t]+)'
    r"(\d+)((?:[ \t]+\w+)*)",
    re.MULTILINE,
)


class CodecError(ValueError):
    """A DBC that can't be read, a frame that doesn't fit it, a value that doesn't fit the frame."""


class DbcError(CodecError):
    """A DBC that can't be read, and where: `line` counts from 1, 0 where it isn't known."""

    def __init__(self, file_name: str, line: int, text: str) -> None:
        super().__init__(f"{file_name}, line {line}: {text}" if line else f"{file_name}: {text}")
        self.line, self.text = line, text


@dataclass(frozen=True)
class Remark:
    """What is odd at a line of a DBC: an error (it can't be meant), a warning (it may not be meant) or a note."""

    line: int
    severity: str
    text: str


@dataclass(frozen=True)
class Bent:
    """The text for the parser, what was bent, and where each message and signal is defined."""

    text: str
    remarks: tuple[Remark, ...]
    message_lines: dict[tuple[int, str], int]  # (id as the parser sees it, name) -> line
    signal_lines: dict[tuple[int, str], int]  # (id as the parser sees it, signal) -> line of its first definition
    roles: dict[tuple[int, str], str]  # (id, signal) -> what stands for multiplexing: M, m3, m3M

    @staticmethod
    def original(name: str) -> str:
        """The name as the file has it."""
        return name.removeprefix(PREFIX) if name[len(PREFIX) : len(PREFIX) + 1].isdigit() else name


def bend(text: str, file_name: str) -> Bent:
    """The text made fit for the parser. Raises DbcError for what can't be."""
    return _Bending(text, file_name).done()


class _Bending:
    def __init__(self, text: str, file_name: str) -> None:
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        self.file_name = file_name
        self.remarks: list[Remark] = []
        self.message_lines: dict[tuple[int, str], int] = {}
        self.signal_lines: dict[tuple[int, str], int] = {}
        self.roles: dict[tuple[int, str], str] = {}
        self.flagged: set[int] = set()

    def done(self) -> Bent:
        self.text = COMMENT.sub(self._comment, self.text)
        self._definitions()
        self.text = REFERENCE.sub(self._reference, self.text)
        self.text = VALUES.sub(lambda match: self._known_only(match, "a value table"), self.text)
        self.text = VALUE_TYPE.sub(lambda match: self._known_only(match, "a value type"), self.text)
        for match in SELECTOR_RANGES.finditer(self.text):
            self._check_ranges(match)
        return Bent(self.text, tuple(self.remarks), self.message_lines, self.signal_lines, self.roles)

    def _line(self, position: int) -> int:
        return self.text.count("\n", 0, position) + 1

    def _remark(self, line: int, severity: str, text: str) -> None:
        self.remarks.append(Remark(line, severity, text))

    def _refuse(self, line: int, text: str) -> DbcError:
        return DbcError(self.file_name, line, text)

    def _comment(self, match: re.Match[str]) -> str:
        if not match[0].endswith(";"):
            self._remark(self._line(match.start()), WARNING, "a comment without its ';'")
        return _blanked(match[0])

    def _definitions(self) -> None:
        """BO_ and SG_ lines: ids, names and sizes."""
        lines = self.text.split("\n")
        owner: int | None = None  # of the signals that follow; -1: a message that is left out, and they with it
        for index, line in enumerate(lines):
            if message := MESSAGE.match(line):
                owner, lines[index] = self._message(message, line, index + 1)
            elif signal := SIGNAL.match(line):
                lines[index] = _blanked(line) if owner == -1 else self._signal(signal, line, index + 1, owner or 0)
        self.text = "\n".join(lines)

    def _message(self, match: re.Match[str], line: str, number: int) -> tuple[int, str]:
        """The id as the parser shall see it (-1: the message is left out), and the line."""
        before, id_text, gap, name, colon, length = match.groups()
        if name == UNASSIGNED:
            return -1, _blanked(line)
        if len(length) > 5 or int(length) > FRAME_BYTES_MAX:
            self._remark(number, ERROR, f"{name} has {length[:12]} bytes, a frame has at most {FRAME_BYTES_MAX}: it is left out")
            return -1, _blanked(line)
        can_id = self._flagged_id(id_text, name, number)
        self.message_lines.setdefault((can_id, name), number)
        return can_id, f"{before}{can_id}{gap}{_fit_name(name)}{colon}{length}{line[match.end() :]}"

    def _flagged_id(self, id_text: str, name: str, number: int) -> int:
        can_id = int(id_text) if len(id_text) <= 10 else EXTENDED_FLAG << 1
        if can_id >= EXTENDED_FLAG << 1:
            raise self._refuse(number, f"the id {id_text[:12]} of {name} has over 32 bits")
        if can_id & ~EXTENDED_FLAG > EXTENDED_ID_MAX:
            self._remark(number, WARNING, f"the id {can_id} of {name} has over 29 bits: the upper ones are cut off")
            self.flagged.add(can_id)
            return can_id & EXTENDED_ID_MAX | EXTENDED_FLAG
        if STANDARD_ID_MAX < can_id < EXTENDED_FLAG:
            self._remark(number, WARNING, f"the id {can_id} of {name} has over 11 bits and no extended frame's flag: it is one")
            self.flagged.add(can_id)
            return can_id | EXTENDED_FLAG
        return can_id

    def _signal(self, match: re.Match[str], line: str, number: int, owner: int) -> str:
        before, name, role, start, length = match.groups()
        if len(start) > 5 or len(length) > 5 or int(start) >= FRAME_BITS_MAX or not 0 < int(length) <= FRAME_BITS_MAX:
            raise self._refuse(number, f"{name} can't be in a frame: it starts at bit {start[:12]}, has {length[:12]} bits")
        self.signal_lines.setdefault((owner, name), number)
        if role:
            self.roles.setdefault((owner, name), role.strip())
        return f"{before}{_fit_name(name)}{role or ''}{line[match.end(3 if role else 2) :]}"

    def _reference(self, match: re.Match[str]) -> str:
        """Ids get the flag, names the letter, as their definitions did."""
        before, id_text, names = match.groups()
        flagged = int(id_text) in self.flagged if len(id_text) <= 10 else False
        if before.split()[0] in ("VAL_", "SIG_VALTYPE_", "SIG_GROUP_", "BA_"):
            names = re.sub(r"\w+", lambda name: _fit_name(name[0]), names, count=1) if not before.startswith("BA_") else names
        elif before.split()[0] == "SG_MUL_VAL_":
            names = re.sub(r"\w+", lambda name: _fit_name(name[0]), names, count=2)
        return f"{before}{int(id_text) & EXTENDED_ID_MAX | EXTENDED_FLAG if flagged else id_text}{names}"

    def _known_only(self, match: re.Match[str], what: str) -> str:
        line = self._line(match.start())
        if len(match[1]) <= 10 and (int(match[1]), Bent.original(match[2])) in self.signal_lines:
            if match[0].endswith(";"):
                return match[0]
            self._remark(line, WARNING, f"{what} without its ';'")
            return match[0] + ";"
        self._remark(line, WARNING, f"{what} for {Bent.original(match[2])} of id {match[1][:12]}, which doesn't exist")
        return _blanked(match[0])

    def _check_ranges(self, match: re.Match[str]) -> None:
        """The parser makes a list of all values of a range: refuse what would fill the memory."""
        total = 0
        for low, high in re.findall(r"(\d+)\s*-\s*(\d+)", match[4]):
            total += int(high[:12]) - int(low[:12]) + 1
            if total > SELECTOR_VALUES_MAX or len(high) > 12:
                message = f"{match[2]} is in the frame for over {SELECTOR_VALUES_MAX} values of {match[3]}"
                raise self._refuse(self._line(match.start()), message)


def _fit_name(name: str) -> str:
    return PREFIX + name if name[0].isdigit() else name


def _blanked(text: str) -> str:
    """The same lines and columns, empty."""
    return re.sub(r"[^\n]", " ", text)
