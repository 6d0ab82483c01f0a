"""The test database, migrated once and copied from then on.

Migrating takes seconds of a process's time, and each worker of each run needs a database. The copy is kept under
a digest of everything that migrations are made of: another migration, another copy. On SQLite it is a file beside the
other throw-away files; on PostgreSQL a database of the same server, the template of each worker's. Workers that start
at the same time wait for the one that migrates.

Programs that tests start on a SQLite database of their own begin with the copy too: `migrated_file`. That they migrate
an empty one, and that it becomes what was copied here, is shown by the test of `make run`; on PostgreSQL, by the drill.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from unittest import mock

import django
import pytest
from django.conf import settings
from django.core import management
from django.db import OperationalError
from django.db.backends.base.creation import BaseDatabaseCreation

FOLDER = Path(settings.BASE_DIR) / "var" / "test-databases"
_PACKAGES = ("appointments", "audit", "consent", "ehr", "patients", "providers", "research")
# What migrations call, beside themselves. Models stand in them as they were.
_AND = ("triggers.py", "roles.py", "words.py", "migrate.py")
_TEMPLATES = "chartseal_migrated_"


def _sources() -> Iterator[Path]:
    for package in _PACKAGES:
        for path in (Path(settings.BASE_DIR) / package).rglob("*.py"):
            if path.name in _AND or "migrations" in path.parts:
                yield path


@cache
def _digest() -> str:
    digest = hashlib.sha256(repr((django.__version__, sqlite3.sqlite_version, settings.INSTALLED_APPS)).encode())
    lock = Path(settings.BASE_DIR) / "requirements" / "run.txt"  # other people's migrations
    for path in (*sorted(_sources()), lock, Path(__file__)):
        digest.update(f"{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:32]


# --- SQLite: a file that is copied ---------------------------------------------------------------
@contextmanager
def _one_at_a_time() -> Iterator[None]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _kept(make: Callable[[Path], None]) -> Path:
    """Return the file to copy; the first call writes it by `make`, given where to."""
    kept = FOLDER / f"{_digest()}.sqlite3"
    with _one_at_a_time():
        if not kept.exists():
            draft = kept.with_suffix(".draft")
            draft.unlink(missing_ok=True)
            make(draft)
            draft.replace(kept)
            for old in sorted(FOLDER.glob("*.sqlite3"), key=lambda path: path.stat().st_mtime)[:-5]:
                old.unlink(missing_ok=True)
    return kept


def _copy_of_file(create: Callable[[], str], creation: BaseDatabaseCreation) -> str:
    real = management.call_command

    def command(name, *more, **how):
        if name != "migrate":
            return real(name, *more, **how)
        creation.connection.ensure_connection()
        own = creation.connection.connection

        def make(draft: Path) -> None:
            real(name, *more, **how)
            with closing(sqlite3.connect(draft)) as copy:
                own.backup(copy)

        with closing(sqlite3.connect(f"file:{_kept(make)}?mode=ro", uri=True)) as copy:
            copy.backup(own)
        return None

    with mock.patch.object(management, "call_command", command):
        return create()


# --- PostgreSQL: a database that is a template ---------------------------------------------------
def template() -> str:
    """Return the name of the database that every worker's is copied from, there once one worker's was."""
    return _TEMPLATES + _digest()


_LOCK = int.from_bytes(hashlib.sha256(_TEMPLATES.encode()).digest()[:8], "big", signed=True)


def _copy_of_template(create: Callable[[], str], creation: BaseDatabaseCreation) -> str:
    real, migrated, name = management.call_command, template(), creation.connection.ops.quote_name
    with creation._nodb_cursor() as server:
        server.execute("select pg_advisory_lock(%s)", [_LOCK])  # until this connection closes
        server.execute("select datname from pg_database where starts_with(datname, %s)", [_TEMPLATES])
        there = [row[0] for row in server.fetchall()]
        if migrated in there:
            tests = creation.connection.settings_dict["TEST"]
            with (
                mock.patch.dict(tests, {"TEMPLATE": migrated}),
                mock.patch.object(management, "call_command", lambda command, *more, **how: command == "migrate" or
                                  real(command, *more, **how)),
            ):  # fmt: skip
                return create()
        made = create()
        creation.connection.close()  # What somebody is connected to cannot be copied.
        server.execute(f"create database {name(migrated)} template {name(made)}")
        for old in there:
            with suppress(OperationalError):  # in use by another clone's run
                server.execute(f"drop database if exists {name(old)}")
        return made


_COPY = {"sqlite": _copy_of_file, "postgresql": _copy_of_template}
_create_test_db = BaseDatabaseCreation.create_test_db


def _quickly(creation: BaseDatabaseCreation, *args, **options) -> str:
    create = partial(_create_test_db, creation, *args, **options)
    return _COPY[creation.connection.vendor](create, creation)


def pytest_configure() -> None:
    BaseDatabaseCreation.create_test_db = _quickly


# --- For programs that tests start ---------------------------------------------------------------
@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory) -> Callable[[Path], None]:
    """Put a migrated and otherwise empty SQLite database where a program of its own will open it."""
    folder = tmp_path_factory.mktemp("migrated")

    def make(draft: Path) -> None:
        own = {"DJANGO_SETTINGS_MODULE": "ehr.settings", "DATA_DIR": str(folder), "DATABASE_URL": f"sqlite:///{draft}"}
        command = [sys.executable, "-W", "ignore", "-m", "tests.quick_database"]
        subprocess.run(command, cwd=settings.BASE_DIR, env={**os.environ, **own}, check=True, timeout=300)
        with closing(sqlite3.connect(draft)) as made:
            made.execute("pragma journal_mode = delete")  # one file, to be copied as one

    def put(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_kept(make), path)

    return put


if __name__ == "__main__":
    django.setup()
    management.call_command("migrate", verbosity=0, interactive=False)
