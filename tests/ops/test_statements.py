"""A statement kept as text answers what the queryset it was made from answers, for any values."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.db.models import Exists, OuterRef
from django.test.utils import CaptureQueriesContext

from consent import given, queries
from consent.models import Block, Grant
from ehr import clock
from ehr.accounts.models import KeyVersion, Reader, User
from ehr.notices.models import Notice
from ehr.statements import Statement, insert, insert_new
from ehr.words import Category
from patients.models import GrantSeal
from providers.models import Clinician
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def shared(db):
    people.prepare_ground()
    ana, lee, kim = people.patient("Ana Costa"), people.clinician("Mei Lee"), people.clinician("Jo Kim")
    for reader in (lee, kim):
        people.give(ana, reader, Category.LABS)
    return ana, lee, kim


def state(one) -> dict:
    return {name: value for name, value in vars(one).items() if name != "_state"}


def test_models_come_with_what_is_selected_with_them_and_what_is_annotated(shared):
    ana, lee, _kim = shared

    def build(patient, user):
        blocked = Block.objects.filter(patient=OuterRef("patient"), reader__user=user)
        rows = Grant.objects.filter(patient=patient, reader__user=user)
        return rows.select_related("ending", "key_version", "reader__user").annotate(blocked=Exists(blocked))

    kept = Statement(build)
    for _again in range(2):
        (one,) = kept.rows(patient=ana.patient.pk, user=lee.user.pk)
        (other,) = build(ana.patient.pk, lee.user.pk)
        assert state(one) == state(other)
        with CaptureQueriesContext(connection) as asked:
            assert one.reader.user == lee.user
            assert bytes(one.key_version.digest) == bytes(other.key_version.digest)
            assert not hasattr(one, "ending")
        assert len(asked) == 0
    assert one.blocked is False or one.blocked == 0


def test_each_call_has_its_own_values(shared):
    ana, lee, kim = shared
    kept = Statement(lambda patient, user: Grant.objects.filter(patient=patient, reader__user=user))
    found = [kept.rows(patient=ana.patient.pk, user=one.user.pk) for one in (lee, kim, lee)]
    assert [[grant.reader.name for grant in rows] for rows in found] == [["Mei Lee"], ["Jo Kim"], ["Mei Lee"]]
    assert kept.rows(patient=uuid.uuid4(), user=lee.user.pk) == []
    assert kept.rows(patient=None, user=lee.user.pk) == []


def test_the_same_value_in_two_places_is_filled_in_twice(shared):
    _ana, lee, kim = shared
    kept = Statement(lambda user: Reader.objects.filter(user=user) | Reader.objects.filter(user=user, kind="person"))
    assert [one.user_id for one in kept.rows(user=kim.user.pk)] == [kim.user.pk]
    assert [one.user_id for one in kept.rows(user=lee.user.pk)] == [lee.user.pk]


def test_tuples_are_converted_as_the_queryset_does(shared):
    ana, lee, _kim = shared
    names = ("pk", "patient_id", "categories", "starts", "ends", "salt")
    kept = Statement(lambda user: Grant.objects.filter(reader__user=user).values_list(*names))
    (row,) = kept.rows(user=lee.user.pk)
    (expected,) = Grant.objects.filter(reader__user=lee.user).values_list(*names)
    assert tuple(map(_plain, row)) == tuple(map(_plain, expected))
    assert row[1] == ana.patient.pk


def _plain(value):
    return bytes(value) if isinstance(value, memoryview) else value


_KINDS = ("pk", "salt", "categories", "starts", "ends", "record_from", "report_days", "ending__at")


@pytest.mark.parametrize("distinct", [False, True])
def test_every_kind_of_column_is_read_as_the_queryset_reads_it(shared, distinct):
    _ana, lee, _kim = shared
    Grant.objects.update(record_from=clock.now().date(), report_days=7)

    def build(user):
        rows = Grant.objects.filter(reader__user=user).annotate(blocked=Exists(Block.objects.all()))
        return (rows.distinct() if distinct else rows).values_list("reader__user__is_active", "blocked", *_KINDS)

    kept = Statement(build)
    assert kept.rows(user=lee.user.pk) == list(build(lee.user.pk))
    assert list(map(type, kept.rows(user=lee.user.pk)[0])) == list(map(type, build(lee.user.pk)[0]))


@pytest.mark.parametrize(
    "stored", ["2026-11-22", "2026-11-22 09:30:00+02:00", "2026-11-22T09:30", "2026-11-22 09:30:00.5"]
)
def test_moments_that_somebody_else_wrote_are_read_as_the_queryset_reads_them(shared, stored):
    _ana, lee, _kim = shared
    with connection.cursor() as cursor:
        cursor.execute("update consent_grant set made_at = %s", [stored])
    kept = Statement(lambda user: Grant.objects.filter(reader__user=user).values_list("made_at", "starts"))
    assert kept.rows(user=lee.user.pk) == list(
        Grant.objects.filter(reader__user=lee.user).values_list("made_at", "starts")
    )


def test_json_with_spaces_around_it_is_json(shared):
    _ana, lee, _kim = shared
    with connection.cursor() as cursor:
        cursor.execute("update consent_grant set categories = %s", [' ["labs"] '])
    kept = Statement(lambda user: Grant.objects.filter(reader__user=user).values_list("categories"))
    assert kept.rows(user=lee.user.pk) == [(["labs"],)]


def test_what_goes_wrong_is_told_in_djangos_words(shared):
    _ana, lee, _kim = shared
    kept = Statement(lambda user: Clinician.objects.filter(user=user).values_list("title"))
    assert kept.rows(user=lee.user.pk) == [("Dr",)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("alter table providers_clinician rename to away")
        with pytest.raises((OperationalError, ProgrammingError)), transaction.atomic():
            kept.rows(user=lee.user.pk)
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            kept.rows(user=lee.user.pk)


def test_nothing_is_asked_from_a_coroutine(shared):
    _ana, lee, _kim = shared
    kept = Statement(lambda user: Clinician.objects.filter(user=user).values_list("title"))
    kept.rows(user=lee.user.pk)

    async def ask():
        return kept.rows(user=lee.user.pk)

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(ask())


def test_moments_are_compared_as_the_queryset_does(shared):
    ana, _lee, _kim = shared
    kept = Statement(lambda patient, at: Grant.objects.filter(patient=patient).active(at))
    now = clock.now()
    assert len(kept.rows(patient=ana.patient.pk, at=now + timedelta(seconds=1))) == 2
    assert kept.rows(patient=ana.patient.pk, at=now + timedelta(days=999)) == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_sequence_of_another_length_is_another_text(shared, count):
    _ana, lee, kim = shared
    kept = Statement(lambda people: User.objects.filter(pk__in=[uuid.UUID(int=0), *people]).order_by("pk"))
    chosen = [lee.user.pk, kim.user.pk][:count]
    assert [one.pk for one in kept.rows(people=chosen)] == sorted(chosen)


def test_a_value_that_changes_the_text_is_refused(shared):
    kept = Statement(lambda number: User.objects.all()[: 5 + number % 7])
    with pytest.raises(ValueError, match="another statement"):
        kept.rows(number=5)


def test_bytes_are_a_value(shared):
    _ana, lee, _kim = shared
    version = KeyVersion.objects.get(reader__user=lee.user)
    kept = Statement(lambda key, number: KeyVersion.objects.filter(author_public=key, number=number))
    assert kept.rows(key=bytes(version.author_public), number=version.number) == [version]
    assert kept.rows(key=bytes(32), number=version.number) == []


def test_a_word_is_no_value(shared):
    with pytest.raises(TypeError, match="ids, moments"):
        Statement(lambda name: Clinician.objects.filter(title=name)).rows(name="Dr")


def test_what_a_decision_asks_is_what_the_queryset_asks(shared):
    ana, lee, _kim = shared
    at = clock.now()
    seen = queries.standing(lee.user, at)
    (one,) = queries.between(ana.patient, lee.user, seen=seen, at=at)
    to_her = queries.given_to(ana.patient.pk, lee.user.pk, sorted(seen.clinical_at), at)
    (other,) = queries.with_facts(to_her)
    assert state(one) == state(other)
    (row,) = given.to_person(ana.patient, lee.user, seen=seen, at=at)
    assert row.facts == queries.facts(one) == queries.facts(other)


def test_rows_are_inserted_as_the_model_would_save_them(shared):
    ana, lee, _kim = shared
    (saved,) = queries.between(ana.patient, lee.user)
    made = Grant(**{field.attname: getattr(saved, field.attname) for field in Grant._meta.concrete_fields})
    made.id, made.holder, made.entries, made.places = uuid.uuid4(), "0x1", ["a"], ["CA"]
    made.record_from = clock.now().date()
    kept = state(made)
    insert([made])
    found = Grant.objects.get(pk=made.pk)
    assert {name: _plain(value) for name, value in state(found).items()} == {
        name: _plain(value) for name, value in kept.items()
    }
    made.refresh_from_db()
    assert not made._state.adding


def test_several_rows_are_inserted_all_or_none(shared):
    _ana, lee, _kim = shared
    version = KeyVersion.objects.get(reader__user=lee.user)
    seals = [
        GrantSeal(grant_id=uuid.uuid4(), reader_id=version.reader_id, key_version=version, blob=bytes([number]))
        for number in range(3)
    ]
    before = GrantSeal.objects.count()
    insert(seals)
    insert([])
    assert GrantSeal.objects.count() == before + 3
    again = GrantSeal(grant_id=seals[0].grant_id, reader_id=version.reader_id, key_version=version, blob=b"")
    fresh = GrantSeal(grant_id=uuid.uuid4(), reader_id=version.reader_id, key_version=version, blob=b"")
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([fresh, again])
    assert GrantSeal.objects.count() == before + 3


def notice(user, key: str) -> Notice:
    return Notice(user=user, kind="somebody-let-in", params={"a": ["é", 1]}, key=key)


def test_of_rows_that_may_be_there_only_the_new_ones_are_inserted_and_told(shared):
    ana, lee, _kim = shared
    first = notice(ana.user, "2")
    assert insert_new([first]) == [first]
    # More than go into one statement, and the last of them twice.
    rows = [notice(lee.user, str(number)) for number in (*range(450), 449)]
    assert insert_new(rows) == [*rows[:2], *rows[3:450]]
    stored = {one.key: one for one in Notice.objects.filter(key__in=[row.key for row in rows])}
    assert state(stored["2"]) == state(first)
    for row in (rows[0], rows[449]):
        assert state(stored[row.key]) == state(row)
        assert not row._state.adding
    assert rows[2]._state.adding
    assert insert_new([]) == []


def test_a_new_row_that_is_not_whole_is_refused_and_not_left_out(shared):
    ana, lee, _kim = shared
    broken = notice(lee.user, "b")
    broken.kind = None
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_new([notice(ana.user, "a"), broken])
    assert not Notice.objects.filter(key__in="ab").exists()
