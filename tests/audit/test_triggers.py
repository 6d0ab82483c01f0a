"""Ways around a trigger: other statements that lose a row, ends that nothing can follow, and another under its name."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import IntegrityError, connection

from audit import cases, checkpoints, sequencer, triggers
from audit.models import Anchor, Checkpoint, Download, Event, Head, Tail
from tests.audit.tampering import sql

TABLES = (
    "event", "eventbody", "queued", "erasure", "leaf", "tile", "head", "tail", "maptile", "checkpoint", "anchor",
    "download", "case", "casemessage",
)  # fmt: skip
# Statements that put another row in the place of one that stands, or drop the one that is in their way.
REPLACING = {
    "sqlite": [
        "REPLACE INTO audit_event SELECT id, time, subject, x'00' FROM audit_event",
        "REPLACE INTO audit_eventbody SELECT event_id, salt, x'7b7d' FROM audit_eventbody",
        "REPLACE INTO audit_queued (event_id) SELECT event_id FROM audit_queued",
        "REPLACE INTO audit_erasure SELECT event_id, at, 'rewritten' FROM audit_erasure",
        "REPLACE INTO audit_leaf SELECT number, event_id, subject, patient_seq, salt, x'00' FROM audit_leaf",
        "REPLACE INTO audit_head VALUES (1, 1)",
        "REPLACE INTO audit_checkpoint SELECT id, size, root, map_root, at, 'forged' FROM audit_checkpoint",
        "REPLACE INTO audit_tile SELECT id, level, \"index\", x'00' FROM audit_tile",
        'REPLACE INTO audit_tile SELECT id, level + 1, "index", hashes FROM audit_tile',
        "REPLACE INTO audit_tail SELECT subject, 1, last, salt FROM audit_tail",
        "REPLACE INTO audit_tail SELECT subject, count, last, last FROM audit_tail",
        "REPLACE INTO audit_download (subject, size) SELECT subject, size FROM audit_download",
        "REPLACE INTO audit_casemessage SELECT id, by, at, '{}', case_id FROM audit_casemessage",
        "UPDATE OR REPLACE audit_tile SET id = id + 1",
        "UPDATE OR REPLACE audit_anchor SET digest = x'00'",
        "UPDATE OR REPLACE audit_case SET id = event_id",
        "UPDATE OR REPLACE audit_maptile SET prefix = 'ff'",
    ],
    "postgresql": [
        "INSERT INTO audit_event SELECT * FROM audit_event ON CONFLICT (id) DO UPDATE SET time = now()",
        "INSERT INTO audit_tail SELECT * FROM audit_tail ON CONFLICT (subject) DO UPDATE SET count = 1",
        "MERGE INTO audit_checkpoint old USING audit_checkpoint new ON old.id = new.id WHEN MATCHED THEN DELETE",
        "UPDATE audit_tile SET id = id + 1",
        "UPDATE audit_anchor SET digest = '\\x00'",
        "UPDATE audit_maptile SET prefix = 'ff'",
    ],
}[connection.vendor]
# Another trigger under the same name, or another function behind it.
IMPOSTORS = {
    "sqlite": [
        "CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_queued BEGIN SELECT 1; END",
        "CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_event BEGIN SELECT 1; END",
    ],
    "postgresql": [
        "CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_queued FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "CREATE TRIGGER audit_event_update AFTER UPDATE ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_event "
        "FOR EACH ROW WHEN (false) EXECUTE FUNCTION audit_refuse()",
        "CREATE TRIGGER audit_event_update BEFORE UPDATE OF time ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ],
}[connection.vendor]


@pytest.fixture
def crowded(full):
    """A log with something in each of its tables, and in those beside it."""
    checkpoint = Checkpoint.objects.get()
    Anchor.objects.create(checkpoint=checkpoint, digest=b"one", from_size=0)
    Download.objects.create(subject=full.patient, size=checkpoint.size)
    event = Event.objects.filter(subject=full.patient).first()
    cases.open_case(subject=full.patient, event_id=event.id, words=b"who?", by=full.people[0])
    connection.check_constraints()
    return full


@pytest.mark.security
@pytest.mark.postgres
@pytest.mark.parametrize("table", TABLES)
def test_no_table_of_the_log_can_be_emptied_at_once(crowded, table):
    with pytest.raises(IntegrityError, match="only grows"):
        sql(f"TRUNCATE audit_{table} CASCADE")


@pytest.mark.security
def test_the_map_loses_no_tile(full):
    with pytest.raises(IntegrityError, match="only grows"):
        sql("DELETE FROM audit_maptile")


@pytest.mark.security
@pytest.mark.parametrize("statement", REPLACING)
def test_no_row_takes_the_place_of_another(crowded, statement):
    with pytest.raises(IntegrityError, match="only grows"):
        sql(statement)


@pytest.mark.security
@pytest.mark.parametrize("change", ["last = salt", "count = count + 1", "count = count + 1, last = salt"])
def test_a_list_ends_as_its_leaves_do(full, change):
    with pytest.raises(IntegrityError, match="only grows"):
        sql(f"UPDATE audit_tail SET {change}")


@pytest.mark.security
def test_the_head_counts_no_leaf_that_is_not_there(full):
    with pytest.raises(IntegrityError, match="only grows"):
        sql("UPDATE audit_head SET size = size + 1")


@pytest.mark.security
def test_a_list_begins_with_a_leaf(full):
    with pytest.raises(IntegrityError, match="only grows"):
        Tail.objects.create(subject=full.people[0].id, count=5, last=bytes(32), salt=bytes(32))


@pytest.mark.security
def test_a_closed_case_stays_closed(crowded):
    sql("UPDATE audit_case SET state = 'closed'")
    with pytest.raises(IntegrityError, match="only grows"):
        sql("UPDATE audit_case SET state = 'open'")


def test_the_log_grows_in_tables_that_refuse_the_rest(crowded):
    crowded.looks(300)
    assert sequencer.sequence() == 602
    assert checkpoints.sign().size == Head.objects.get().size == 612


@pytest.mark.django_db
def test_a_database_of_an_older_release_gets_every_trigger():
    triggers.remove(connection)
    newest = import_module("audit.migrations.0005_triggers_against_emptying")
    newest.install(apps, SimpleNamespace(connection=connection))
    assert triggers.missing(connection) == []


@pytest.mark.security
@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_another_trigger_under_the_name_of_one_is_noticed(full, impostor):
    connection.check_constraints()
    sql("DROP TRIGGER audit_event_update" + (" ON audit_event" if connection.vendor == "postgresql" else ""))
    sql(impostor)
    assert triggers.missing(connection) == ["audit_event_update"]


@pytest.mark.security
@pytest.mark.postgres
def test_a_function_that_refuses_nothing_is_noticed(full):
    sql("CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$")
    assert "audit_event_update" in triggers.missing(connection)
