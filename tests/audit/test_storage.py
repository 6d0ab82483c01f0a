"""What the database refuses, and what verify_log finds when it was made not to."""

import io
from hashlib import sha256

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from audit import checkpoints, leaves, log, sequencer, triggers, verify, witness
from audit.models import (
    Checkpoint,
    Erasure,
    Event,
    EventBody,
    Head,
    Leaf,
    MapTile,
    Queued,
    Tail,
    Tile,
)  # fmt: skip
from ehr.chain import client
from tests.audit.tampering import everything_allowed, rebuild, rewrite, set_back, sql

UPDATES = [
    ("audit_event", "body_hash = body_hash"),
    ("audit_event", "time = time"),
    ("audit_eventbody", "payload = payload"),
    ("audit_eventbody", "salt = salt"),
    ("audit_queued", "id = id"),
    ("audit_erasure", "because = because"),
    ("audit_leaf", "hash = hash"),
    ("audit_leaf", "patient_seq = patient_seq"),
    ("audit_checkpoint", "note = note"),
    ("audit_head", "size = size - 1"),
    ("audit_tail", "count = count - 1"),
    ("audit_tail", "salt = last"),
    ("audit_tile", "level = level + 1"),
]


@pytest.mark.point(7)
@pytest.mark.security
@pytest.mark.parametrize(("table", "change"), UPDATES)
def test_the_database_refuses_to_change_what_was_recorded(full, table, change):
    with pytest.raises(IntegrityError, match="only grows"):
        sql(f"UPDATE {table} SET {change}")


@pytest.mark.point(7)
@pytest.mark.security
@pytest.mark.parametrize(
    "table", ["event", "queued", "erasure", "leaf", "tile", "head", "tail", "checkpoint"]
)  # fmt: skip
def test_the_database_refuses_to_lose_what_was_recorded(full, table):
    with pytest.raises(IntegrityError, match="only grows"):
        sql(f"DELETE FROM audit_{table}")


@pytest.mark.security
def test_a_body_goes_only_where_an_erasure_says_so(full):
    erased, *others = Event.objects.order_by("id")
    with pytest.raises(IntegrityError, match="only grows"), transaction.atomic():
        EventBody.objects.filter(event__in=others).delete()
    EventBody.objects.filter(event=erased).delete()
    assert EventBody.objects.count() == len(others)


@pytest.mark.security
def test_a_tile_may_grow_and_not_change(full):
    tile = Tile.objects.get()
    grown = bytes(tile.hashes) + bytes(32)
    Tile.objects.update(hashes=grown)
    for changed in (bytes(32) + grown[32:], grown[:-32], grown[:-1]):
        with pytest.raises(IntegrityError), transaction.atomic():
            Tile.objects.update(hashes=changed)


@pytest.mark.security
def test_numbers_have_no_gaps(full):
    event = log.append("chart.opened", actor=full.people[0], subject=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Leaf.objects.create(number=99, event=event, subject=None, patient_seq=0, salt=bytes(32), hash=bytes(32))


@pytest.mark.security
@pytest.mark.postgres
def test_tables_cannot_be_emptied_at_once(full):
    with pytest.raises(IntegrityError, match="only grows"):
        sql("TRUNCATE audit_checkpoint CASCADE")


@pytest.mark.django_db
def test_on_a_new_database_every_trigger_stands_after_the_last_migration():
    # SQLite drops the triggers of a table that a migration alters, and other tests put them back.
    fresh = DatabaseWrapper({**connections["default"].settings_dict, "ENGINE": "", "NAME": ":memory:", "OPTIONS": {}})
    try:
        executor = MigrationExecutor(fresh)
        executor.migrate([node for node in executor.loader.graph.leaf_nodes() if node[0] == "audit"])
        assert triggers.missing(fresh) == []
    finally:
        fresh.close()


@pytest.mark.django_db
def test_every_trigger_stands_and_a_missing_one_is_noticed():
    assert triggers.missing(connection) == []
    triggers.remove(connection)
    assert len(triggers.missing(connection)) >= 25
    triggers.install(connection)
    assert triggers.missing(connection) == []


@pytest.mark.django_db(transaction=True)
def test_a_transactional_test_leaves_the_triggers_behind_it_and_this_one_writes():
    log.record("chart.opened", actor=log.SYSTEM, subject=None)
    assert triggers.missing(connection) == []


@pytest.mark.django_db(transaction=True)
def test_after_a_transactional_test_the_log_is_empty_and_guarded():
    assert not Event.objects.exists()
    assert triggers.missing(connection) == []


# --- verify_log --------------------------------------------------------------------------------------
def verified():
    out = io.StringIO()
    call_command("verify_log", stdout=out, stderr=io.StringIO())
    return out.getvalue()


def found():
    """The sentence with which verify_log ends; fails the test when it finds nothing."""
    with pytest.raises(CommandError) as wrong:
        verified()
    return str(wrong.value)


def test_an_untouched_log_verifies(full):
    assert verified().startswith(
        "All 10 events of 4 patients match what was recorded: 1 signed heads, 0 on the chain, 1 events waiting"
    )


def test_an_empty_log_verifies(db):
    assert "All 0 events" in verified()


def test_verify_log_says_that_no_head_is_kept(full, settings, tmp_path):
    assert "No head is kept" not in verified()
    settings.LOG_WITNESS_PATH = tmp_path / "lost"
    assert f"\nNo head is kept in {tmp_path / 'lost'}, so none was compared.\n" in verified()


def test_verify_log_says_that_the_chain_was_not_asked(full, monkeypatch):
    assert verified().endswith("\nThe chain was not asked: no AuditAnchor is known here.\n")

    def down():
        raise client.Unavailable("eth_call: ConnectionError")

    monkeypatch.setattr(witness, "anchored", down)
    assert "\nThe chain was not asked: eth_call: ConnectionError. What stands on it is only" in verified()


def test_a_log_of_several_batches_and_heads_verifies(day):
    for count in (150, 1, 130):
        day.looks(count)
        day.ends()
    assert "All 562 events of 10 patients match what was recorded: 3 signed heads" in verified()


def test_erased_events_verify_and_are_counted(full):
    EventBody.objects.filter(event__erasure__isnull=False).delete()
    assert "1 erased" in verified()


@pytest.mark.django_db(transaction=True)
def test_verifying_reads_one_moment_and_stops_nobody():
    log.record("chart.opened", actor=log.SYSTEM, subject=None)
    sequencer.sequence()
    checkpoints.sign()
    assert "All 1 events" in verified()
    log.record("chart.opened", actor=log.SYSTEM, subject=None)
    assert Event.objects.count() == 2


def altered_body(event):
    EventBody.objects.filter(event=event).update(payload=b"{}")


def altered_body_and_hash(event):
    body = EventBody.objects.get(event=event)
    payload = bytes(body.payload).replace(b"opened", b"closed")
    EventBody.objects.filter(event=event).update(payload=payload)
    Event.objects.filter(pk=event.pk).update(body_hash=sha256(bytes(body.salt) + payload).digest())


def altered_time(event):
    Event.objects.filter(pk=event.pk).update(time="2020-01-01T00:00:00Z")


def lost_body(event):
    EventBody.objects.filter(event=event).delete()


def other_leaf(event):
    Leaf.objects.filter(event=event).update(hash=bytes(32))


def other_link(event):
    Leaf.objects.filter(event=event).update(salt=bytes(32))


def other_place_in_the_list(event):
    Leaf.objects.filter(event=event).update(patient_seq=77)


def rewritten_with_its_leaf(event):
    altered_body_and_hash(event)
    leaf = Leaf.objects.select_related("event").get(event=event)
    before = Leaf.objects.filter(subject=leaf.subject, patient_seq=leaf.patient_seq - 1).first()
    previous = bytes(before.hash) if before else verify.ZERO
    entry = leaves.entry(leaf.event, salt=bytes(leaf.salt), seq=leaf.patient_seq, previous=previous)
    Leaf.objects.filter(event=event).update(hash=verify.leaf_hash(entry))


@pytest.mark.point(7)
@pytest.mark.security
@pytest.mark.parametrize(
    "way",
    [altered_body, altered_body_and_hash, altered_time, lost_body, other_leaf, other_link, other_place_in_the_list],
)
def test_verify_log_names_the_first_wrong_event(full, way):
    third, fourth = Event.objects.filter(leaf__number__in=[3, 4]).order_by("leaf__number")
    with everything_allowed():
        way(fourth)
        way(third)
    assert str(third.id) in found()
    assert "number 3" in found()


@pytest.mark.security
def test_an_event_rewritten_with_its_leaf_is_found_by_the_tree(full):
    last = Leaf.objects.select_related("event").get(number=5)
    with everything_allowed():
        rewritten_with_its_leaf(last.event)
    assert found() == "The head over 6 events does not match its events: the first wrong one is number 5."


@pytest.mark.security
def test_a_log_rewritten_with_its_whole_tree_is_found_by_the_signed_head(full):
    note = Checkpoint.objects.get()
    with everything_allowed():
        leaf = Leaf.objects.get(number=0)
        Event.objects.filter(pk=leaf.event_id).update(body_hash=sha256(b"another story").digest())
        EventBody.objects.filter(event=leaf.event_id).delete()
        rebuild()
    assert note.note == Checkpoint.objects.get().note
    assert found() == "The head over 6 events does not match its events: the first wrong one is number 0 or later."


def no_leaf():
    Leaf.objects.filter(number=9).delete()


def no_queue():
    Queued.objects.all().delete()


def shorter_head():
    Head.objects.update(size=8)


def no_tile():
    Tile.objects.all().delete()


def other_tile():
    hashes = bytes(Tile.objects.get().hashes)
    Tile.objects.update(hashes=hashes[:64] + bytes(32) + hashes[96:])


def other_tail():
    Tail.objects.update(count=1)


def no_tails():
    Tail.objects.all().delete()


def other_map():
    MapTile.objects.update(slots=b"")


def other_note():
    note = Checkpoint.objects.get().note
    Checkpoint.objects.update(note=note.replace("\n6\n", "\n7\n"))


def other_root():
    Checkpoint.objects.update(root=bytes(32))


def altered_while_waiting():
    EventBody.objects.filter(event__queued__isnull=False).update(payload=b"[]")


def restored_backup():
    set_back(0)


@pytest.mark.security
@pytest.mark.parametrize(
    ("way", "words"),
    [
        (no_leaf, "Event number 9 is missing"),
        (no_queue, "has no place in the tree and does not wait for one"),
        (shorter_head, "Event number 8 stands beyond the head"),
        (no_tile, "first at number 0"),
        (other_tile, "first at number 2"),
        (other_tail, "ends otherwise than its events"),
        (no_tails, "is missing"),
        (other_map, "map"),
        (other_note, "not as it was signed"),
        (other_root, "signed with other values"),
        (altered_while_waiting, "was changed after it was recorded"),
        (restored_backup, "but a head over 6 was signed"),
    ],
)
def test_verify_log_finds(full, way, words):
    with everything_allowed():
        way()
    assert words in found()


@pytest.mark.security
def test_verify_log_notices_that_a_trigger_is_gone(full):
    with connection.cursor() as cursor:
        on = " ON audit_event" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER audit_event_update{on}")
    assert "audit_event_update" in found()


@pytest.mark.security
def test_a_rewritten_past_is_found_beside_the_kept_head(full):
    with everything_allowed():
        rewrite(Leaf.objects.get(number=2))
        EventBody.objects.filter(event__leaf__number=2).delete()
        Erasure.objects.create(event=Leaf.objects.get(number=2).event, because="a lie")
    assert "are not those of the head that was signed" in found()
