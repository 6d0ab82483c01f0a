"""One decision about many: step by step, each step whole, on from where it was."""

import uuid
from datetime import date

import pytest

from consent import access
from consent.models import Ending, Grant
from consent.sharing import answering, asking, bulk
from consent.sharing.bulk import CannotDo
from ehr.words import Category
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def five(with_record):
    """Five permissions to five clinicians."""
    return [people.give(with_record, people.clinician(f"Doctor {n}"), Category.LABS) for n in range(5)]


def begin(person, kind, items, once=None):
    return bulk.begin(
        person.patient, kind=kind, items=[one.pk for one in items], once=once or uuid.uuid4(), keyring=person.keyring
    )


def ask(patient, reader, *parts):
    return asking.ask(
        patient.patient, reader=reader.user, keyring=reader.keyring, categories=parts, days=10, words="For your visit."
    )


@pytest.fixture
def asked(with_record):
    """Three clinicians ask; each has been let in once before, so they may."""
    found = []
    for number in range(3):
        reader = people.clinician(f"Asker {number}")
        people.grants.end(
            people.give(with_record, reader, Category.BASIC), keyring=None, by=access.own_party(with_record.patient)
        )
        found.append(ask(with_record, reader, Category.LABS))
    return found


def test_many_are_ended_at_once(with_record, five):
    act = bulk.advance(begin(with_record, "end", five), keyring=with_record.keyring)
    assert act.finished_at is not None
    assert Ending.objects.count() == 5


def test_an_act_goes_on_where_it_was(with_record, five):
    act = bulk.advance(begin(with_record, "end", five), keyring=with_record.keyring, steps=2)
    assert (act.done, act.finished_at) == (2, None)
    assert bulk.under_way(with_record.patient) == act
    act = bulk.advance(bulk.of_patient(with_record.patient, act.pk), keyring=with_record.keyring, steps=3)
    assert act.finished_at is not None
    assert bulk.under_way(with_record.patient) is None


def test_advancing_what_is_finished_does_nothing(with_record, five):
    act = bulk.advance(begin(with_record, "end", five), keyring=with_record.keyring)
    before = Ending.objects.count()
    assert bulk.advance(act, keyring=with_record.keyring).finished_at == act.finished_at
    assert Ending.objects.count() == before


def test_sent_twice_it_is_one_act(with_record, five):
    once = uuid.uuid4()
    assert begin(with_record, "end", five, once) == begin(with_record, "end", five, once)


def test_many_requests_are_approved_as_they_were_asked(with_record, asked):
    act = bulk.advance(begin(with_record, "approve", asked), keyring=with_record.keyring)
    assert act.refused == {}
    for request in asked:
        request.refresh_from_db()
        assert request.state == "approved"
        assert request.grant.categories == ["labs"]


def test_many_requests_are_declined(with_record, asked):
    bulk.advance(begin(with_record, "decline", asked), keyring=with_record.keyring)
    for request in asked:
        request.refresh_from_db()
        assert request.state == "declined"


def test_what_cannot_be_done_is_left_with_its_reason_and_the_rest_goes_on(with_record, asked):
    answering.decline(asked[1])
    act = bulk.advance(begin(with_record, "approve", asked), keyring=with_record.keyring)
    assert act.refused == {str(asked[1].pk): "not-any-more"}
    assert Grant.objects.filter(request__isnull=False).count() == 2


def test_sensitive_parts_are_never_approved_with_others(with_record, asked):
    lee = people.clinician("Mei Lee")
    people.give(with_record, lee, Category.BASIC)
    asked.append(ask(with_record, lee, Category.LABS, Category.GENETIC))
    with pytest.raises(CannotDo):
        begin(with_record, "approve", asked)


def test_somebody_elses_permissions_are_not_touched(with_record, five, ground):
    other = people.patient("Ben Okoro")
    act = bulk.advance(begin(other, "end", five), keyring=other.keyring)
    assert set(act.refused.values()) == {"not-there"}
    assert not Ending.objects.exists()


def test_nothing_moves_while_the_keys_are_locked(with_record, five, ground):
    act = begin(with_record, "end", five)
    for keyring in (None, people.patient("Ben Okoro").keyring):
        with pytest.raises(access.KeysLocked):
            bulk.advance(act, keyring=keyring)
    assert not Ending.objects.exists()


@pytest.mark.parametrize(("kind", "items"), [("end", []), ("burn", [uuid.uuid4()]), ("end", range(bulk.MOST + 1))])
def test_nothing_ticked_too_much_or_an_act_that_is_none_is_sent_back(with_record, kind, items):
    with pytest.raises(CannotDo):
        bulk.begin(with_record.patient, kind=kind, items=[uuid.UUID(int=int(one)) for one in items], once=uuid.uuid4())


def test_what_was_asked_for_a_certain_time_is_answered_by_itself(with_record):
    reader = people.clinician("Dated Asker")
    request = asking.ask(
        with_record.patient,
        reader=reader.user,
        keyring=reader.keyring,
        categories=[Category.LABS],
        days=10,
        words="For your visit.",
        record_until=date(2024, 12, 31),
    )
    with pytest.raises(CannotDo, match="in a certain time"):
        begin(with_record, "approve", [request])
