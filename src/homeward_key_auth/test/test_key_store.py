"""The store: what it keeps, what it refuses, and that a process killed in the middle leaves it whole."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from homeward_cli.bench import key_crash
from homeward_cli.bench.key_car import BEGAN_S, Car
from homeward_key_auth.audit import Entry, Throttle, first_broken
from homeward_key_auth.identity import load_or_make
from homeward_key_auth.pairing import MOST_TRIES, WAITS_S, Tries
from homeward_key_auth.store import MOST_KEYS, KeyRow, Store, StoreError


def row(number: int) -> KeyRow:
    return KeyRow(number.to_bytes(8, "big"), f"key {number}", bytes(64), b"token", b"issuer12", number.to_bytes(8, "little"), 1000 + number)


def test_it_is_all_there_after_closing(tmp_path: Path) -> None:
    store = Store(tmp_path / "keys.sqlite")
    store.put(row(1))
    store.tries = Tries(3, 1, 17.5)
    store.rise(100.0)
    store.rise(50.0)
    store.write(1.0, "paired", b"12345678", "words")
    store.close()
    again = Store(tmp_path / "keys.sqlite")
    assert again.rows() == [row(1)] and again.tries == Tries(3, 1, 17.5) and again.high_water_s == 100.0
    assert again.first_broken() is None and (tmp_path / "keys.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", key_crash.CHANGES)
def test_killed_at_any_step_it_is_before_or_after(change: str) -> None:
    before, after, torn = key_crash.killed(change, 40)
    assert not torn and before and after


def test_a_failed_change_changes_nothing() -> None:
    store = Store(None)
    with pytest.raises(ZeroDivisionError):
        with store.change():
            store.put(row(1))
            raise ZeroDivisionError
    assert store.rows() == []


def test_the_list_is_bounded() -> None:
    store = Store(None)
    for number in range(MOST_KEYS):
        store.put(row(number))
    store.put(replace(row(0), name="the same key again"))
    with pytest.raises(StoreError, match="revoke one first"):
        store.put(row(MOST_KEYS))


def test_a_file_that_is_no_store_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "keys.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 20)
    with pytest.raises(StoreError, match="Restore it from a copy"):
        Store(tmp_path / "keys.sqlite")


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "keys.sqlite")
    base.execute("PRAGMA user_version=99")
    base.close()
    with pytest.raises(StoreError, match="version 99"):
        Store(tmp_path / "keys.sqlite")


def test_a_store_that_went_away_says_so() -> None:
    store = Store(None)
    store.close()
    with pytest.raises(StoreError):
        store.rows()
    with pytest.raises(StoreError):
        store.rise(1.0)


def test_the_log_shows_what_was_changed_left_out_or_put_in() -> None:
    entries: list[Entry] = []
    for number in range(5):
        entries.append(Entry.after(entries[-1] if entries else None, 100.0 + number, "command", b"", f"words {number}"))
    assert first_broken(entries) is None and first_broken([]) is None
    assert first_broken(entries[1:]) == 1
    assert first_broken(entries[:2] + entries[3:]) == 3
    assert first_broken([*entries[:2], replace(entries[2], words="other"), *entries[3:]]) == 3
    assert first_broken([*entries[:2], Entry.after(entries[1], 1.0, "x", b"", ""), *entries[3:]]) == 4


def test_what_strangers_cause_is_counted_not_kept() -> None:
    throttle = Throttle()
    assert sum(throttle.passes() for _ in range(100)) == 32
    assert throttle.counted(59.0) == 0 and throttle.counted(60.0) == 68 and throttle.counted(120.0) == 0


def test_waits_grow_with_each_lock() -> None:
    tries, now_s = Tries(), 0.0
    for wait_s in (*WAITS_S, WAITS_S[-1]):
        for _ in range(MOST_TRIES):
            assert not tries.is_locked(now_s)
            tries = tries.one_more(now_s)
        assert tries.is_locked(now_s + wait_s - 1.0)
        now_s += wait_s
        assert not tries.is_locked(now_s)


def test_wrong_tries_outlive_a_restart() -> None:
    car = Car()
    car.store.tries = Tries(0, 1, BEGAN_S + 60.0)
    car.start()
    assert "locked" in car.core.open_pairing(car.now)[0]


def test_the_identity_is_made_once_and_kept(tmp_path: Path) -> None:
    made = load_or_make("car", tmp_path / "keys")
    again = load_or_make("car", tmp_path / "keys")
    assert again.kid == made.kid and again.signer.public == made.signer.public and made.kid != load_or_make("car", None).kid
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "keys").iterdir())
    (tmp_path / "keys" / "agreement.key").write_bytes(b"short")
    with pytest.raises(ValueError, match="no key of 32 bytes"):
        load_or_make("car", tmp_path / "keys")
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(ValueError, match="chmod 700"):
        load_or_make("car", tmp_path / "keys")
