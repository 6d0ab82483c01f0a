"""Where the embedded chain keeps its blocks: a key-value table in SQLite, written one block at a time."""

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth.abc import AtomicWriteBatchAPI
from eth.db.atomic import AtomicDBWriteBatch
from eth.db.backends.base import BaseAtomicDB


class Store(BaseAtomicDB):
    """py-evm's database. Outside `block()` nothing is written through."""

    def __init__(self, path: Path | str) -> None:
        """Open or create the file; `:memory:` keeps everything in this process."""
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS kv (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID")
        self._connection.execute("CREATE TABLE IF NOT EXISTS waiting (hash BLOB PRIMARY KEY, raw BLOB NOT NULL)")
        self._unwritten: dict[bytes, bytes | None] = {}
        # Also when nobody closes it: Python 3.13 warns of a connection that is merely forgotten.
        self.close = weakref.finalize(self, self._connection.close)

    def __getitem__(self, key: bytes) -> bytes:
        if key in self._unwritten:
            value = self._unwritten[key]
        else:
            row = self._connection.execute("SELECT v FROM kv WHERE k = ?", (key,)).fetchone()
            value = row[0] if row else None
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._unwritten[key] = value

    def __delitem__(self, key: bytes) -> None:
        self._unwritten[key] = None

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    @contextmanager
    def atomic_batch(self) -> Iterator[AtomicWriteBatchAPI]:
        with AtomicDBWriteBatch._commit_unless_raises(self) as batch:
            yield batch

    @contextmanager
    def block(self) -> Iterator[list[bytes]]:
        """Write all that happens inside as one transaction, or nothing of it.

        Yields a list for the hashes of waiting transactions that are settled with it.
        """
        settled: list[bytes] = []
        self._unwritten = {}
        try:
            yield settled
            self._write(settled)
        finally:
            self._unwritten = {}

    def _write(self, settled: list[bytes]) -> None:
        kept = [(key, value) for key, value in self._unwritten.items() if value is not None]
        gone = [(key,) for key, value in self._unwritten.items() if value is None]
        with self._transaction():
            self._connection.executemany("INSERT OR REPLACE INTO kv VALUES (?, ?)", kept)
            self._connection.executemany("DELETE FROM kv WHERE k = ?", gone)
            self._connection.executemany("DELETE FROM waiting WHERE hash = ?", [(key,) for key in settled])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def waiting(self) -> list[bytes]:
        """Return the raw transactions that were accepted and not mined yet."""
        return [row[0] for row in self._connection.execute("SELECT raw FROM waiting")]

    def keep_waiting(self, key: bytes, raw: bytes, *, instead_of: bytes | None) -> None:
        """Write down an accepted transaction, in the place of the one it outbids."""
        with self._transaction():
            self._connection.execute("DELETE FROM waiting WHERE hash = ?", (instead_of or b"",))
            self._connection.execute("INSERT OR REPLACE INTO waiting VALUES (?, ?)", (key, raw))
