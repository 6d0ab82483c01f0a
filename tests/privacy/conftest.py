"""One day of the product with marked words, and everything it left anywhere."""

import base64
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dj_database_url
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.db.utils import ConnectionHandler

from tests import quick_database
from tests.privacy.finding import Finder

ROOT = Path(settings.BASE_DIR)


@dataclass
class Remains:
    """What was planted, and every blob that was left, by place."""

    words: dict[str, str]
    keys: dict[str, bytes]
    controls: dict[str, str]
    blobs: list[tuple[str, bytes]]

    def finder(self) -> Finder:
        return Finder({**self.words, **self.keys})


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a product of its own in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    for name in ("DATABASE_URL", "CHAIN_URL", "CHARTSEAL_ENV", "STATIC_ROOT", "LOG_WITNESS_PATH"):
        kept.pop(name, None)
    return kept | {"DATA_DIR": str(folder / "data"), "LOG_LEVEL": "DEBUG"}


@pytest.fixture(scope="session")
def day(tmp_path_factory, django_db_setup, django_db_blocker, migrated_file) -> Iterator[Remains]:
    """Live the day once, on the database server the tests run on, and gather what is left of it."""
    folder = tmp_path_factory.mktemp("day")
    (folder / "data").mkdir()
    told = environment(folder)
    with django_db_blocker.unblock():
        database = _own_database() if connection.vendor == "postgresql" else ""
    try:
        if database:
            told["DATABASE_URL"] = database
        else:
            migrated_file(folder / "data" / "chartseal.sqlite3")
        with (folder / "program.log").open("wb") as output:
            command = [sys.executable, "-m", "tests.privacy.planting", str(folder)]
            done = subprocess.run(command, cwd=ROOT, env=told, stdout=output, stderr=output, timeout=300, check=False)
        assert done.returncode == 0, (folder / "program.log").read_text()[-4000:]
        planted = json.loads((folder / "markers.json").read_text(encoding="utf-8"))
        with django_db_blocker.unblock():
            blobs = [
                *files(folder),
                *rows(database or f"sqlite:///{folder / 'data' / 'chartseal.sqlite3'}"),
                *ringing(),
            ]
        keys = {name: base64.b64decode(key) for name, key in planted["keys"].items()}
        yield Remains(planted["words"], keys, planted["controls"], blobs)
    finally:
        if database:
            with django_db_blocker.unblock():
                _drop(database)


# --- What is left --------------------------------------------------------------------------------
def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file: database, write-ahead log, mail, witness, static files, tasks, the program's own words."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "markers.json":
            yield f"file {path.relative_to(folder)}", path.read_bytes()


def rows(url: str) -> Iterator[tuple[str, bytes]]:
    """Yield every column of every table as bytes. What is large and stored compressed is whole here."""
    handler = ConnectionHandler({"default": dj_database_url.parse(url)})
    other = handler["default"]
    try:
        with other.cursor() as cursor:
            for table in other.introspection.table_names(cursor):
                cursor.execute(f"select * from {other.ops.quote_name(table)}")
                columns = [column[0] for column in cursor.description]
                for row in cursor.fetchall():
                    yield from (
                        (f"table {table}.{column}", _bytes(value)) for column, value in zip(columns, row, strict=True)
                    )
    finally:
        other.close()


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def ringing() -> Iterator[tuple[str, bytes]]:
    """Yield everything a Redis holds, where one carries the tasks."""
    if not os.environ.get("REDIS_URL"):
        return
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as store:
        readers = {
            b"string": store.get,
            b"hash": store.hgetall,
            b"set": store.smembers,
            b"list": lambda key: store.lrange(key, 0, -1),
            b"zset": lambda key: store.zrange(key, 0, -1),
        }
        for key in store.keys("*"):
            if (kind := store.type(key)) in readers:
                yield f"redis {key.decode()}", repr(readers[kind](key)).encode()
            else:
                assert kind == b"none", kind  # its time was over in between


# --- A database of the day's own -----------------------------------------------------------------
def _own_database() -> str:
    name = f"day_{uuid.uuid4().hex[:12]}"
    with connection.cursor() as cursor:
        # There is one unless no test of this run needs a database. The program migrates what is not.
        cursor.execute("select datname from pg_database where datname = %s", [quick_database.template()])
        there = cursor.fetchone()
        cursor.execute(f"create database {name}" + (f" template {there[0]}" if there else ""))
    facts = connection.settings_dict
    where = f"{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}"
    return f"postgres://{where}/{name}"


def _drop(url: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"drop database {url.rpartition('/')[2]} with (force)")
