"""record, append and record_page."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError
from hypothesis import given
from hypothesis import strategies as st

from audit import log
from audit.models import Event, EventBody, Queued

DOCTOR = log.Party("person", uuid4(), "Dr Ana Costa", "physician", "City Hospital")


@pytest.mark.django_db
def test_an_event_is_its_body_hashed_with_a_salt_and_waits_for_its_leaf():
    patient = uuid4()
    event = log.record("chart.opened", actor=DOCTOR, subject=patient, categories=["labs"], purpose="TREAT")
    body = EventBody.objects.get(event=event)
    assert sha256(bytes(body.salt) + bytes(body.payload)).digest() == bytes(Event.objects.get().body_hash)
    assert Queued.objects.get().event == event
    facts = json.loads(bytes(body.payload))
    assert facts["actor"] == {
        "kind": "person", "id": str(DOCTOR.id), "name": "Dr Ana Costa", "role": "physician", "place": "City Hospital",
    }  # fmt: skip
    assert (facts["subject"], facts["categories"], facts["id"]) == (str(patient), ["labs"], str(event.id))


@pytest.mark.django_db
def test_recording_inside_a_transaction_is_refused_for_a_rollback_would_take_the_line():
    with transaction.atomic(), pytest.raises(RuntimeError):
        log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_an_appended_event_shares_the_fate_of_its_change():
    def changes_and_fails():
        with transaction.atomic():
            log.append("grant.made", actor=DOCTOR, subject=uuid4())
            raise KeyError

    with pytest.raises(KeyError):
        changes_and_fails()
    assert not Event.objects.exists()
    assert not EventBody.objects.exists()
    assert not Queued.objects.exists()


@pytest.mark.django_db
def test_a_page_of_patients_is_one_event_each_linked_by_the_page(django_assert_max_num_queries):
    patients = [uuid4() for _ in range(20)]
    with django_assert_max_num_queries(5):
        events = log.record_page("chart.listed", actor=DOCTOR, subjects=patients, outcome="done")
    assert [event.subject for event in events] == patients
    pages = {json.loads(bytes(body.payload))["page"] for body in EventBody.objects.all()}
    assert len(pages) == 1
    assert pages != {None}


@pytest.mark.django_db
@pytest.mark.parametrize("writes", [log.record_page, log.append_page])
def test_a_page_on_which_nobody_is_has_no_line(writes):
    assert writes("chart.listed", actor=DOCTOR, subjects=[]) == []
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_page_given_by_the_caller_is_kept():
    page = uuid4()
    log.record_page("chart.listed", actor=DOCTOR, subjects=[uuid4()], page=page)
    assert json.loads(bytes(EventBody.objects.get().payload))["page"] == str(page)


@pytest.mark.django_db
@pytest.mark.parametrize("details", [{"weight": float("nan")}, {"blob": b"\x00"}])
def test_details_that_are_not_plain_json_are_refused_before_anything_is_written(details):
    with pytest.raises((TypeError, ValueError)):
        log.record("entry.added", actor=DOCTOR, subject=None, details=details)
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_an_unknown_outcome_is_refused():
    with pytest.raises(ValueError, match="allowed"):
        log.record("chart.opened", actor=DOCTOR, subject=None, outcome="maybe")


@pytest.mark.django_db(transaction=True)
def test_of_a_page_one_line_that_cannot_be_kept_keeps_none(monkeypatch):
    one = log.new_id(datetime(2026, 5, 3, 12, tzinfo=UTC))
    monkeypatch.setattr(log, "new_id", lambda _at: one)
    with pytest.raises(IntegrityError):
        log.record_page("chart.listed", actor=DOCTOR, subjects=[uuid4(), uuid4()], page=uuid4())
    assert not Event.objects.exists()
    assert not Queued.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_appending_outside_a_transaction_commits_and_after_a_failure_inside_one_is_refused():
    log.append("grant.made", actor=DOCTOR, subject=uuid4())

    def fails_and_goes_on():
        with transaction.atomic():
            with suppress(KeyError), transaction.atomic(savepoint=False):
                raise KeyError
            log.append("grant.made", actor=DOCTOR, subject=uuid4())

    with pytest.raises(TransactionManagementError):
        fails_and_goes_on()
    assert Event.objects.count() == 1


@pytest.mark.django_db
def test_an_event_that_was_written_knows_that_it_is_stored():
    event = log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    assert not event._state.adding
    assert Event.objects.get() == event


def is_committed(event) -> bool:
    """Tell whether another connection sees that an event waits for its place."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("select count(*) from audit_queued where event_id = %s", [event.pk])
            return cursor.fetchone() == (1,)
    finally:
        other.close()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_recording_is_one_statement_and_its_own_commit(django_assert_num_queries):
    with django_assert_num_queries(1) as asked:
        event = log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    assert asked[0]["sql"].lower().count("insert into audit_") == 3
    assert is_committed(event)


@pytest.fixture
def preparing(transactional_db):
    """A connection that keeps prepared statements, as the pool's do."""
    connection.ensure_connection()
    connection.connection.prepare_threshold = 5
    yield connection
    connection.close()


@pytest.mark.postgres
@pytest.mark.parametrize("subject", [uuid4(), None], ids=["somebody", "nobody"])
def test_a_recording_sent_in_one_call_is_stored_as_it_was_written(preparing, subject):
    written = [
        log.record("chart.opened", actor=DOCTOR, subject=subject, because=word) for word in ("", "é", "x" * 9000)
    ]
    assert preparing.connection.kept_append
    for event in written:
        stored = Event.objects.select_related("body", "queued").get(pk=event.pk)
        assert not event._state.adding
        assert (stored.time, stored.subject, bytes(stored.body_hash)) == (event.time, subject, event.body_hash)
        assert sha256(bytes(stored.body.salt) + bytes(stored.body.payload)).digest() == event.body_hash
        assert stored.queued.event_id == event.pk


@pytest.mark.postgres
def test_a_recording_sent_in_one_call_is_committed_by_itself(preparing):
    event = log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    assert is_committed(event)


@pytest.mark.postgres
def test_a_recording_that_the_database_refuses_leaves_nothing_and_the_next_is_kept(preparing, monkeypatch):
    first = log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    with monkeypatch.context() as patched:
        patched.setattr(log, "new_id", lambda _at: first.pk)
        with pytest.raises(IntegrityError, match="already exists"):
            log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    assert Event.objects.count() == EventBody.objects.count() == Queued.objects.count() == 2


@pytest.mark.postgres
def test_a_recording_on_a_lost_connection_is_refused_and_on_the_next_is_kept(preparing):
    log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    other = preparing.copy()
    with other.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s, 5000)", [preparing.connection.info.backend_pid])
    other.close()
    with pytest.raises(OperationalError):
        log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    preparing.close_if_unusable_or_obsolete()
    preparing.ensure_connection()
    preparing.connection.prepare_threshold = 5
    log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    assert preparing.connection.kept_append
    assert Event.objects.count() == 2


@pytest.mark.postgres
def test_where_a_pooler_stands_in_front_nothing_is_prepared(transactional_db):
    connection.ensure_connection()
    assert connection.connection.prepare_threshold is None
    log.record("chart.opened", actor=DOCTOR, subject=uuid4())
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_prepared_statements")
        assert cursor.fetchone() == (0,)


def test_ids_sort_in_the_order_they_were_made_even_when_the_clock_stands_still():
    at = datetime(2026, 5, 3, 12, tzinfo=UTC)
    ids = [log.new_id(at) for _ in range(1000)]
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {7}
    assert len(set(ids)) == 1000


def test_an_id_begins_with_its_time_in_milliseconds():
    at = datetime(2031, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    assert log.new_id(at).int >> 80 == int(at.timestamp() * 1000)


WORDS = st.text(st.characters(exclude_categories=["Cs"]))


@given(because=WORDS, name=WORDS, parts=st.lists(WORDS))
def test_a_line_without_details_is_written_as_python_writes_it(because, name, parts):
    said = {"v": 1, "because": because, "actor": {"name": name, "id": DOCTOR.id}, "categories": parts, "details": {}}
    plain = said | {"actor": {"name": name, "id": str(DOCTOR.id)}}
    as_python = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert log.canonical(said) == as_python == log.canonical(said | {"details": {"a": 1}}).replace(b'{"a":1}', b"{}")
