"""What the key service must not forget, in SQLite: each change one transaction, on the disk before anybody is answered."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homeward_key_auth.audit import Entry, first_broken
from homeward_key_auth.pairing import Tries

SCHEMA_VERSION = 1
MOST_KEYS = 64
SCHEMA = """
CREATE TABLE key (kid BLOB PRIMARY KEY, name TEXT NOT NULL, agreement BLOB NOT NULL, token BLOB NOT NULL, issuer BLOB NOT NULL,
                  number BLOB NOT NULL, added_s INTEGER NOT NULL, used_s INTEGER) STRICT;
CREATE TABLE revoked (id BLOB PRIMARY KEY, at_s INTEGER NOT NULL) STRICT;
CREATE TABLE log (number INTEGER PRIMARY KEY, at_s INTEGER NOT NULL, kind TEXT NOT NULL, kid BLOB NOT NULL, words TEXT NOT NULL,
                  hash BLOB NOT NULL) STRICT;
CREATE TABLE state (name TEXT PRIMARY KEY, number REAL NOT NULL) STRICT;
"""


class StoreError(Exception):
    """The store can't be read or written; says what to do."""


@dataclass(frozen=True)
class KeyRow:
    """A key on the list. `token` is what it may; `issuer` the kid of who signed that: the car's own for an owner's key."""

    kid: bytes
    name: str
    agreement: bytes
    token: bytes
    issuer: bytes
    number: bytes
    added_s: int
    used_s: int | None = None


class Store:
    """`path` None: in memory, for tests. Every method may raise StoreError."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._changing = path, False
        try:
            self._base = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            if path is not None:
                path.chmod(0o600)
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path}: {error}. Restore it from a copy, or move it away and pair the keys again.") from None

    def _prepare(self) -> None:
        version = self._base.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            with self.change():
                for statement in SCHEMA.split(";"):
                    self._base.execute(statement)
                self._base.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"it is of version {version}, this program knows {SCHEMA_VERSION}")

    def _ask(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._base.execute(question, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from None

    def close(self) -> None:
        self._base.close()

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """All or nothing. One within another is part of the outer one."""
        if self._changing:
            yield
            return
        try:
            self._changing = True
            self._base.execute("BEGIN IMMEDIATE")
            yield
            self._base.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):  # it may have been rolled back, or closed, already
                self._base.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"{self._path}: {error}. Nothing was changed.") from None
            raise
        finally:
            self._changing = False

    # ---- keys --------------------------------------------------------------------------------------------------------

    def rows(self) -> list[KeyRow]:
        """In the order in which they were added."""
        return [KeyRow(*row) for row in self._ask("SELECT * FROM key ORDER BY added_s, rowid")]

    def key(self, kid: bytes) -> KeyRow | None:
        return next((KeyRow(*row) for row in self._ask("SELECT * FROM key WHERE kid = ?", kid)), None)

    def put(self, row: KeyRow) -> None:
        """Add a key, or replace what it may. Raises StoreError when there are MOST_KEYS others."""
        with self.change():
            others = self._base.execute("SELECT count(*) FROM key WHERE kid != ?", (row.kid,)).fetchone()[0]
            if others >= MOST_KEYS:
                raise StoreError(f"there are {MOST_KEYS} keys already: revoke one first")
            values = (row.kid, row.name, row.agreement, row.token, row.issuer, row.number, row.added_s, row.used_s)
            self._base.execute("INSERT OR REPLACE INTO key VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def used(self, kid: bytes, at_s: float) -> None:
        with self.change():
            self._base.execute("UPDATE key SET used_s = ? WHERE kid = ?", (int(at_s), kid))

    def revoke(self, kid: bytes, at_s: float) -> list[bytes]:
        """The key, its token, and what it shared. The kids that ended."""
        with self.change():
            ended = [row for row in self.rows() if kid in (row.kid, row.issuer)]
            for row in ended:
                self._base.execute("DELETE FROM key WHERE kid = ?", (row.kid,))
                for name in (row.kid, row.number):
                    self._base.execute("INSERT OR IGNORE INTO revoked VALUES (?, ?)", (name, int(at_s)))
            self._base.execute("INSERT OR IGNORE INTO revoked VALUES (?, ?)", (kid, int(at_s)))
        return [row.kid for row in ended]

    def is_revoked(self, name: bytes) -> bool:
        """A kid, or a token's number."""
        return bool(self._ask("SELECT 1 FROM revoked WHERE id = ?", name))

    def pardon(self, kid: bytes) -> None:
        """A device that is paired anew by its owner."""
        with self.change():
            self._base.execute("DELETE FROM revoked WHERE id = ?", (kid,))

    # ---- the log -----------------------------------------------------------------------------------------------------

    def write(self, at_s: float, kind: str, kid: bytes, words: str) -> Entry:
        """Append an entry to the chain."""
        with self.change():
            last = self._base.execute("SELECT * FROM log ORDER BY number DESC LIMIT 1").fetchone()
            entry = Entry.after(Entry(*last) if last else None, at_s, kind, kid, words)
            row = (entry.number, entry.at_s, entry.kind, entry.kid, entry.words, entry.hash)
            self._base.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)", row)
        return entry

    def log(self, after: int = 0, most: int = -1) -> list[Entry]:
        return [Entry(*row) for row in self._ask("SELECT * FROM log WHERE number > ? ORDER BY number LIMIT ?", after, most)]

    def first_broken(self) -> int | None:
        """See `audit.first_broken`."""
        return first_broken(self.log())

    # ---- what is known of time and of wrong tries ----------------------------------------------------------------------

    def _number(self, name: str) -> float:
        return next((float(number) for (number,) in self._ask("SELECT number FROM state WHERE name = ?", name)), 0.0)

    def _set(self, **numbers: float) -> None:
        with self.change():
            self._base.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", numbers.items())

    @property
    def high_water_s(self) -> float:
        """The latest time of the wall clock that was ever stored."""
        return self._number("high_water_s")

    def rise(self, now_s: float) -> None:
        """Store the time; it never falls."""
        self._set(high_water_s=max(now_s, self.high_water_s))

    @property
    def tries(self) -> Tries:
        return Tries(int(self._number("tries_used")), int(self._number("tries_locks")), self._number("tries_locked_until_s"))

    @tries.setter
    def tries(self, tries: Tries) -> None:
        self._set(tries_used=tries.used, tries_locks=tries.locks, tries_locked_until_s=tries.locked_until_s)
