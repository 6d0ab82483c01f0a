"""The test database on SQLite, migrated once and copied from then on.

Migrating takes half a minute of a process's time, and each worker of each run needs a database. The copy is kept beside
the other throw-away files, under a digest of everything that migrations are made of: another migration, another copy.
Programs that tests start on a database of their own begin with the copy too: `migrated_file`. That the programs migrate
an empty one is shown by the tests of `make run` and of a restore.
"""

import gc
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

import django
import pytest
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


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for garbage seldom: each look walks through all models of all migrations."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.collect()


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
            with _seldom_collecting():
                result = real(name, *more, **how)
            _keep(creation.connection.connection, kept)
            return result

        with mock.patch.object(management, "call_command", command):
            return create(creation, *args, **options)

    return quickly


def pytest_configure() -> None:
    DatabaseCreation.create_test_db = _create(DatabaseCreation.create_test_db)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory) -> Callable[[Path], None]:
    """Put a migrated and otherwise empty SQLite database where a program of its own will open it."""

    def put(path: Path) -> None:
        kept = _kept()
        if not kept.exists():
            draft = tmp_path_factory.mktemp("migrated") / "draft.sqlite3"
            environment = {**os.environ, "DATA_DIR": str(draft.parent), "DATABASE_URL": f"sqlite:///{draft}"}
            command = [sys.executable, "-W", "ignore", "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True, timeout=300)
            with closing(sqlite3.connect(draft)) as made:
                _keep(made, kept)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, path)

    return put
