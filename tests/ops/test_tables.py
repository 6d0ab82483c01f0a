"""Tables: however they came about, they are those of the models."""

import os
import re
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import connection
from django.db.migrations.state import ProjectState

BASE = Path(settings.BASE_DIR)
# Each app as if it had no migrations: Django then makes its tables of the models, all at once.
WITHOUT_MIGRATIONS = """
import django
django.setup()
from django.apps import apps
from django.conf import settings
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
settings.MIGRATION_MODULES = dict.fromkeys(one.label for one in apps.get_app_configs())
call_command("migrate", run_syncdb=True, verbosity=0)
"""
# A table's name and a fact about it.
SQLITE = "select tbl_name, type, name, sql from sqlite_master where type <> 'trigger' and name not like 'sqlite_%'"
POSTGRESQL = (
    """select table_name, format('%s %s(%s) %s %s %s %s', column_name, data_type, character_maximum_length,
              is_nullable, column_default, is_identity, collation_name)
       from information_schema.columns where table_schema = 'public'""",
    """select conrelid::regclass::text, format('%s %s', conname, pg_get_constraintdef(oid))
       from pg_constraint where connamespace = 'public'::regnamespace and conrelid <> 0""",
    "select tablename, indexdef from pg_indexes where schemaname = 'public'",
)


def parts(table):
    """Return what stands between the commas of a CREATE TABLE: in any order, for columns that came later come last."""
    inside, depth, found = table[table.index("(") + 1 : table.rindex(")")], 0, [""]
    for piece in re.findall(r"'(?:[^']|'')*'|\"[^\"]*\"|.", inside, re.DOTALL):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and not depth:
            found.append("")
        else:
            found[-1] += piece
    return sorted(part.strip() for part in found)


def of_sqlite(path):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
        rows = opened.execute(SQLITE).fetchall()
    return {(table, f"{name}: {parts(sql) if kind == 'table' else sql}") for table, kind, name, sql in rows}


def of_postgresql(name):
    with psycopg.connect(**{**connection.get_connection_params(), "dbname": name}) as opened:
        return {fact for asked in POSTGRESQL for fact in opened.execute(asked).fetchall()}


def ours(facts):
    """Leave out the tables of libraries: not all of those are what their own models say."""
    own = {one.label for one in apps.get_app_configs() if Path(one.path).parent in (BASE, BASE / "ehr")}
    return {(table, fact) for table, fact in facts if table.partition("_")[0] in own}


@pytest.fixture
def somewhere(tmp_path, django_db_blocker):
    """An empty database as the tests' own, and how to read what it is made of."""
    if connection.vendor == "sqlite":
        path = tmp_path / "tables.sqlite3"
        yield f"sqlite:///{path}", lambda: of_sqlite(path)
        return
    name = f"tables_{uuid.uuid4().hex[:12]}"
    facts = connection.settings_dict
    with django_db_blocker.unblock(), connection._nodb_cursor() as server:
        server.execute(f"create database {name}")
        url = f"postgres://{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}/{name}"
        yield url, lambda: of_postgresql(name)
        server.execute(f"drop database {name} with (force)")


@pytest.fixture
def environment(tmp_path, somewhere):
    return {**os.environ, "DATA_DIR": str(tmp_path), "DATABASE_URL": somewhere[0]}


@pytest.fixture
def migrated(db, tmp_path, migrated_file):
    """What the tests' own tables are made of: an empty database was migrated, and copied since."""
    if connection.vendor == "postgresql":
        return of_postgresql(connection.settings_dict["NAME"])
    migrated_file(tmp_path / "copy.sqlite3")
    return of_sqlite(tmp_path / "copy.sqlite3")


@pytest.mark.point(2)
def test_migrations_make_of_nothing_what_the_models_say(environment, somewhere, migrated, settings_of):
    made = settings_of(environment, WITHOUT_MIGRATIONS)
    assert made.returncode == 0, made.stderr
    assert len(ours(migrated)) > 500
    assert ours(somewhere[1]()) == ours(migrated)


def test_an_older_database_becomes_what_a_new_one_is(environment, somewhere, migrated, manage):
    for step in (["research", "0014"], []):
        done = manage(environment, "migrate", *step)
        assert done.returncode == 0, done.stderr
    assert somewhere[1]() == migrated


@pytest.fixture
def ways(monkeypatch):
    """How Django finds the models that a change concerns, each time that it migrates."""
    found = []
    monkeypatch.setattr(migrate.Command, "handle", lambda *_args, **_how: found.append(ProjectState._find_reload_model))
    return found


@pytest.mark.django_db
def test_where_tables_stand_migrating_is_djangos_own(ways):
    own = ProjectState._find_reload_model
    call_command("migrate", verbosity=0)
    assert ways == [own]


@pytest.mark.django_db
def test_where_none_stands_migrating_looks_near(ways, monkeypatch):
    own = ProjectState._find_reload_model
    monkeypatch.setattr(connection.introspection, "table_names", list)
    call_command("migrate", verbosity=0)
    assert ways != [own]
    assert ProjectState._find_reload_model is own
