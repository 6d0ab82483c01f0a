"""Places in the tree, signed heads, and what is refused."""

import fcntl
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction

from audit import checkpoints, feed, leaves, log, merkle, proofs, queries, sequencer, tasks, tiles, verify, witness
from audit.models import Checkpoint, Erasure, Event, EventBody, Head, Leaf, Queued, Tail
from tests.audit.crowd import crowd
from tests.audit.tampering import everything_allowed, set_back


def test_every_event_gets_the_next_number_and_nothing_waits(day):
    day.looks(4)
    assert sequencer.sequence() == 8
    assert list(Leaf.objects.order_by("number").values_list("number", flat=True)) == list(range(8))
    assert not Queued.objects.exists()


def test_sequencing_twice_changes_nothing(day):
    day.looks(3)
    assert sequencer.sequence() == 6
    before = list(Leaf.objects.order_by("number").values_list("number", "event", "hash"))
    assert sequencer.sequence() == 0
    assert list(Leaf.objects.order_by("number").values_list("number", "event", "hash")) == before


def test_a_batch_takes_the_oldest_first_and_leaves_the_rest_waiting(day):
    day.looks(5)
    assert sequencer.sequence(limit=7) == 7
    assert Queued.objects.count() == 3
    assert sequencer.sequence() == 3
    assert Head.objects.get().size == 10


def test_each_list_counts_its_own_lines(day):
    day.looks(3)
    log.append("log.heartbeat", actor=log.SYSTEM, subject=None)
    sequencer.sequence()
    day.looks(2)
    sequencer.sequence()
    mine = Leaf.objects.filter(subject=day.patient).order_by("number")
    assert [leaf.patient_seq for leaf in mine] == [1, 2, 3, 4, 5]
    assert Leaf.objects.get(subject=None).patient_seq == 0
    tail = Tail.objects.get(subject=day.patient)
    assert (tail.count, bytes(tail.last)) == (5, bytes(mine.last().hash))


def test_the_tree_is_the_leaves_whatever_the_batches(day):
    for count in (1, 130, 3, 140):
        day.looks(count)
        sequencer.sequence(limit=100)
        sequencer.sequence()
    hashes = [bytes(leaf) for leaf in Leaf.objects.order_by("number").values_list("hash", flat=True)]
    assert merkle.Tree(len(hashes), tiles.Tiles()).root() == merkle.root_of(hashes)


@pytest.mark.security
def test_an_event_altered_while_it_waits_gets_no_place(day):
    day.looks()
    event = Event.objects.first()
    with everything_allowed():
        EventBody.objects.filter(event=event).update(payload=b'{"action":"nothing"}')
    with pytest.raises(leaves.Altered, match=str(event.id)):
        sequencer.sequence()
    assert not Leaf.objects.exists()


def test_an_event_erased_while_it_waits_gets_its_place(day):
    day.looks()
    event = Event.objects.order_by("id").first()
    Erasure.objects.create(event=event, because="asked by the patient")
    EventBody.objects.filter(event=event).delete()
    day.ends()
    assert verify.List(proofs.for_subject(day.patient)).erased.keys() == {1}


@pytest.mark.security
def test_an_event_that_lost_its_words_while_it_waits_gets_no_place(day):
    day.looks()
    with everything_allowed():
        EventBody.objects.all().delete()
    with pytest.raises(leaves.Altered, match="has lost its words, and no erasure says so"):
        sequencer.sequence()


@pytest.mark.security
def test_a_body_under_another_events_name_gets_no_place(day):
    day.looks()
    one, other = Event.objects.select_related("body")[:2]
    with everything_allowed():
        EventBody.objects.filter(event=one).update(payload=other.body.payload, salt=other.body.salt)
        Event.objects.filter(pk=one.pk).update(body_hash=other.body_hash)
    with pytest.raises(leaves.Altered, match="another id"):
        sequencer.sequence()


def test_a_head_is_signed_once_for_each_size(day):
    day.looks(2)
    day.ends()
    assert checkpoints.sign() is None
    head = verify.Checkpoint(Checkpoint.objects.get().note, proofs.notes.public_key())
    assert (head.size, head.root) == (4, merkle.Tree(4, tiles.Tiles()).root())
    assert witness.latest().root == head.root


def test_after_a_long_pause_several_heads_are_signed_in_a_row(day, monkeypatch):
    monkeypatch.setattr(checkpoints, "BATCH", 300)
    day.looks(400)
    day.ends()
    assert list(Checkpoint.objects.values_list("size", flat=True)) == [300, 600, 800]
    assert verify.List(proofs.for_subject(day.patient)).count == 400


def test_nothing_is_signed_before_the_first_event(db):
    assert checkpoints.sign() is None
    assert tasks.checkpoint() is None
    assert tasks.sequence() == 0


def test_the_tasks_do_the_same_and_may_run_twice(day):
    day.looks(3)
    assert tasks.sequence() == 6
    assert tasks.sequence() == 0
    assert tasks.checkpoint() == 6
    assert tasks.checkpoint() is None


@pytest.mark.security
def test_nothing_is_signed_or_sequenced_on_a_restored_backup(day):
    day.looks(2)
    day.ends()
    day.looks(2)
    day.ends()
    with everything_allowed():
        set_back(4)
    day.looks()
    with pytest.raises(witness.Behind, match="a head over 8 was signed"):
        sequencer.sequence()
    with pytest.raises(witness.Behind):
        witness.check_size(Head.objects.get().size)


@pytest.mark.security
def test_a_log_rewritten_in_place_is_not_signed(day):
    day.looks(2)
    day.ends()
    with everything_allowed():
        Checkpoint.objects.all().delete()
        set_back(2)
    witness_note = witness.latest()
    assert witness_note.size == 4
    with pytest.raises(witness.Behind):
        checkpoints.sign()


@pytest.mark.security
def test_nobody_keeps_a_head_between_another_s_look_and_its_replacing(day, monkeypatch):
    """Who looked before a later head was kept would put an earlier one back, and the log could be cut back to it."""
    day.looks(2)
    day.ends()
    look, met = witness.latest, []

    def latest():
        with (settings.LOG_WITNESS_PATH / "checkpoint.lock").open("a") as another:
            try:
                fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                met.append("locked")
        return look()

    monkeypatch.setattr(witness, "latest", latest)
    witness.keep(Checkpoint.objects.get().note)
    assert met == ["locked"]


@pytest.mark.security
@pytest.mark.parametrize("field", ["hash", "salt"])
def test_a_new_leaf_that_is_not_its_events_is_not_signed(day, field):
    day.looks(2)
    sequencer.sequence()
    with everything_allowed():
        Leaf.objects.filter(number=1).update(**{field: bytes(32)})
    with pytest.raises(leaves.Altered, match="number 1,"):
        checkpoints.sign()
    assert not Checkpoint.objects.exists()


@pytest.mark.security
def test_tiles_that_do_not_match_their_leaves_are_not_signed(day):
    day.looks(2)
    sequencer.sequence()
    tile = tiles.Tile.objects.get()
    with everything_allowed():
        tiles.Tile.objects.update(hashes=bytes(32) + bytes(tile.hashes)[32:])
    with pytest.raises(witness.Behind):
        checkpoints.sign()


@pytest.mark.security
def test_a_map_that_was_altered_is_not_signed(day):
    day.looks(2)
    day.ends()
    day.looks(2)
    sequencer.sequence()
    with everything_allowed():
        tiles.MapTile.objects.update(slots=b"")
    with pytest.raises(witness.Behind, match="map"):
        checkpoints.sign()


@pytest.mark.security
def test_a_kept_head_that_was_altered_stops_the_signing(day, settings):
    day.looks()
    day.ends()
    path = settings.LOG_WITNESS_PATH / "checkpoint"
    path.write_text(path.read_text().replace("\n2\n", "\n1\n"))
    day.looks()
    with pytest.raises(witness.Behind, match="does not hold"):
        sequencer.sequence()


def test_the_feed_misses_nobody_and_repeats_nobody(day):
    day.looks(6)
    sequencer.sequence(limit=5)
    cursor, seen = 0, []
    for _ in range(6):
        page = feed.since(cursor, limit=3)
        seen += page
        cursor = page[-1][0] + 1 if page else cursor
        sequencer.sequence(limit=4)
    assert [number for number, _ in seen] == list(range(12))
    assert {line.action for _, line in seen} == {"chart.opened"}
    assert {line.event_id for _, line in seen} == set(Event.objects.values_list("id", flat=True))


def test_a_story_is_newest_first_in_pages_and_shows_what_has_no_place_yet(day):
    day.looks(3)
    sequencer.sequence()
    grant = uuid4()
    log.append("grant.made", actor=day.people[1], subject=day.patient, outcome="done", grant=grant,
               sealed={"words": b"\x00\xff"}, details={"until": "2026-06-01"}, because="asked")  # fmt: skip
    first, second = queries.story(day.patient, limit=2)
    assert (first.number, first.action, first.grant, first.because) == (None, "grant.made", grant, "asked")
    assert (first.actor, first.sealed, first.details) == (
        day.people[1],
        {"words": b"\x00\xff"},
        {"until": "2026-06-01"},
    )
    assert (second.number, second.categories, second.purpose) == (4, ("labs",), "TREAT")
    rest = queries.story(day.patient, before=second.event_id)
    assert [line.number for line in rest] == [2, 0]


def test_a_page_of_the_story_is_one_query(day, django_assert_num_queries):
    day.looks(30)
    sequencer.sequence()
    with django_assert_num_queries(1):
        assert len(queries.story(day.patient)) == 30


def test_head_and_counts_follow_the_log(day):
    assert (queries.head().size, queries.head().root) == (0, merkle.EMPTY_ROOT)
    day.looks(2)
    assert queries.counts().waiting == 4
    sequencer.sequence()
    assert (queries.counts().leaves, queries.counts().unsigned) == (4, 4)
    checkpoints.sign()
    head = queries.head()
    assert (head.size, head.root, head.anchored_block) == (4, bytes(Checkpoint.objects.get().root), None)
    assert queries.counts().unsigned == 0


def test_a_checkpoint_costs_what_changed_and_not_what_there_is(day, django_assert_max_num_queries):
    day.looks(200)
    day.ends()
    day.looks(1)
    sequencer.sequence()
    with django_assert_max_num_queries(30):
        checkpoints.sign()


# --- Many at once ------------------------------------------------------------------------------------
PROGRAM = "import django; django.setup(); from tests.audit import crowd; crowd.main()"


@pytest.mark.django_db(transaction=True)
def test_writers_and_sequencers_at_once_lose_and_double_nothing(tmp_path):
    if connection.vendor == "postgresql":
        done = crowd(writers=6, each=12)
    else:
        # SQLite's test database lives in memory, where threads lock each other out; in a file they wait.
        place = {"DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path / 'crowd.sqlite3'}"}
        environment = {**os.environ, **place, "DJANGO_SETTINGS_MODULE": "ehr.settings"}
        program = [sys.executable, "-c", PROGRAM]
        ran = subprocess.run(
            program, env=environment, cwd=settings.BASE_DIR, capture_output=True, check=False, timeout=300
        )
        assert ran.returncode == 0, ran.stderr.decode()[-2000:]
        done = json.loads(ran.stdout.splitlines()[-1])
    assert done == {
        "written": 72, "events": 72, "size": 72, "lines": 72, "waiting": 0, "without_gaps": True, "tree_holds": True,
    }  # fmt: skip


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_second_sequencer_leaves_the_work_to_the_first():
    log.record("chart.opened", actor=log.SYSTEM, subject=uuid4())
    Head.objects.get_or_create(id=1)

    def second():
        try:
            return sequencer.sequence(), checkpoints.sign()
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        Head.objects.select_for_update().get()
        assert pool.submit(second).result() == (0, None)
    assert sequencer.sequence() == 1
