"""A second start prepares nothing that is prepared, and everything that is not."""

import os

import preparation
import pytest
import run

KEPT = ("chartseal.sqlite3", "chain.sqlite3")


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone with a migration, a style sheet and a lock, and a data folder in which it was prepared."""
    root, data = tmp_path / "clone", tmp_path / "data"
    for name in ("audit/migrations/0001_initial.py", "static/site.css", "run.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("as it was")
    data.mkdir()
    for name in KEPT:
        (data / name).touch()
    monkeypatch.setattr(preparation, "ROOT", root)
    monkeypatch.setattr(preparation, "LOCKS", {"run": root / "run.txt"})
    preparation.note(data, KEPT)
    return root, data


def place(data, **environment):
    return run.Place.from_environment({"DATA_DIR": str(data), **environment})


def test_what_was_prepared_is_not_prepared_again(clone):
    assert run.is_prepared(place(clone[1]))


@pytest.mark.parametrize("name", ["audit/migrations/0001_initial.py", "static/site.css", "run.txt"])
def test_changed_code_is_prepared_again(clone, name):
    (clone[0] / name).write_text("as it is now")
    assert not run.is_prepared(place(clone[1]))


def test_a_new_migration_is_applied(clone):
    (clone[0] / "audit/migrations/0002_triggers.py").touch()
    assert not run.is_prepared(place(clone[1]))


@pytest.mark.parametrize("name", KEPT)
def test_a_removed_database_or_chain_is_made_again(clone, name):
    (clone[1] / name).unlink()
    assert not run.is_prepared(place(clone[1]))


@pytest.mark.parametrize("name", KEPT)
def test_a_restored_database_is_brought_up_to_date(clone, name):
    arriving = clone[1] / "arriving"
    arriving.touch()
    os.replace(arriving, clone[1] / name)
    assert not run.is_prepared(place(clone[1]))


@pytest.mark.parametrize("elsewhere", ["DATABASE_URL", "CHAIN_URL"])
def test_what_another_server_holds_is_looked_at_each_time(clone, elsewhere):
    assert not run.is_prepared(place(clone[1], **{elsewhere: "somewhere"}))


def test_a_demo_that_was_interrupted_is_finished(clone):
    (clone[1] / "demo.unfinished").touch()
    assert not run.is_prepared(place(clone[1]))


def test_a_note_that_cannot_be_read_is_no_note(clone):
    (clone[1] / preparation.NOTE).write_text("{")
    assert not run.is_prepared(place(clone[1]))
