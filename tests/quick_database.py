"""The test database on SQLite, migrated once and copied from then on.

Migrating takes half a minute of a process's time, and each worker of each run needs a database. The copy is kept beside
the other throw-away files, under a digest of everything that migrations are made of: another migration, another copy.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest import mock

import django
from django.conf import settings
from django.core import management
from django.db.backends.sqlite3.creation import DatabaseCreation

FOLDER = Path(settings.BASE_DIR) / "var" / "test-databases"
_PACKAGES = ("appointments", "audit", "consent", "ehr", "patients", "providers", "research")
# What migrations call, beside themselves. Models stand in them as they were.
_AND = ("triggers.py", "roles.py", "words.py")


def _sources() -> Iterator[Path]:
    for package in _PACKAGES:
        for path in (Path(settings.BASE_DIR) / package).rglob("*.py"):
            if path.name in _AND or "migrations" in path.parts:
                yield path


def _kept() -> Path:
    digest = hashlib.sha256(repr((django.__version__, sqlite3.sqlite_version, settings.INSTALLED_APPS)).encode())
    for path in sorted(_sources()):
        digest.update(f"{path}\0".encode() + path.read_bytes())
    return FOLDER / f"{digest.hexdigest()[:32]}.sqlite3"


def _keep(connection: sqlite3.Connection, kept: Path) -> None:
    """Put a copy where the next run finds it, whole or not at all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    draft = kept.with_name(f"{kept.stem}.{os.getpid()}")
    with closing(sqlite3.connect(draft)) as copy:
        connection.backup(copy)
    draft.replace(kept)
    for old in sorted(FOLDER.glob("*.sqlite3"), key=lambda path: path.stat().st_mtime)[:-5]:
        old.unlink(missing_ok=True)


def _create(create):
    def quickly(creation, *args, **options):
        real = management.call_command

        def command(name, *more, **how):
            if name != "migrate":
                return real(name, *more, **how)
            kept = _kept()
            creation.connection.ensure_connection()
            if kept.exists():
                with closing(sqlite3.connect(f"file:{kept}?mode=ro", uri=True)) as copy:
                    copy.backup(creation.connection.connection)
                return None
            result = real(name, *more, **how)
            _keep(creation.connection.connection, kept)
            return result

        with mock.patch.object(management, "call_command", command):
            return create(creation, *args, **options)

    return quickly


def pytest_configure() -> None:
    DatabaseCreation.create_test_db = _create(DatabaseCreation.create_test_db)
