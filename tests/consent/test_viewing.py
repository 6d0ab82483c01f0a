"""View as, and "can X see Y, and why?": the same decision, opened by nobody who was not let in."""

from datetime import date

import pytest
from django.contrib.auth.models import Permission

from audit.queries import story
from consent import access
from consent.sharing import blocks
from consent.sharing.grants import Narrow
from ehr.accounts.models import User
from ehr.words import Category
from tests import people
from tests.consent.test_narrow import only, read, three

__all__ = ["three"]
pytestmark = pytest.mark.django_db


def seen(patient, reader, **more):
    return access.view_as(patient.patient, reader=reader.user, keyring=patient.keyring, **more)


def ids(chart) -> set:
    return {one.entry_id for one in chart.entries}


@pytest.mark.parametrize(
    "narrow",
    [Narrow(), Narrow(record_from=date(2023, 1, 1)), Narrow(record_until=date(2023, 12, 31)), None],
    ids=["whole", "from", "until", "entry"],
)
def test_the_patient_sees_exactly_what_the_reader_sees(with_record, lee, three, narrow):
    people.give(with_record, lee, Category.LABS, narrow=narrow or only(three["2023"]))
    theirs = read(with_record, lee)
    mine = seen(with_record, lee)
    assert ids(mine.chart) == ids(theirs)
    assert mine.chart.categories == theirs.categories
    assert mine.chart.ends == theirs.ends
    assert mine.refusal == ""


def test_where_nothing_opens_the_patient_reads_what_the_reader_would(with_record, lee):
    mine = seen(with_record, lee)
    assert mine.chart.entries == []
    with pytest.raises(access.AccessDenied) as refusal:
        read(with_record, lee)
    assert mine.refusal == str(refusal.value)


def test_view_as_works_for_somebody_whose_licence_is_over(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    lee.user.clinician.credentials.update(status="suspended")
    assert seen(with_record, lee).chart.entries == []


def test_the_log_says_that_it_was_the_patient(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    seen(with_record, lee)
    line = story(with_record.patient.pk)[0]
    assert (line.action, line.actor.id) == ("record.viewed-as", with_record.user.pk)
    assert line.details["reader_name"] == "Dr Mei Lee"


def test_locked_keys_view_nothing(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    with pytest.raises(access.KeysLocked):
        access.view_as(with_record.patient, reader=lee.user, keyring=None)
    with pytest.raises(access.KeysLocked):
        access.view_as(with_record.patient, reader=lee.user, keyring=lee.keyring)


@pytest.fixture
def administrator(ground) -> User:
    made = people.account("Ines Admin", staff=True).user
    made.user_permissions.add(Permission.objects.get(codename="explain_access"))
    return User.objects.get(pk=made.pk)


def why(patient, reader, by) -> dict:
    return {one.part: one for one in access.explain(patient.patient, reader=reader.user, by=by)}


def test_a_dry_run_says_of_each_part_whether_and_why(with_record, lee, administrator, three):
    people.give(with_record, lee, Category.HISTORY)
    people.give(with_record, lee, Category.LABS, narrow=only(three["2022"]))
    found = why(with_record, lee, administrator)
    assert {part: one.because for part, one in found.items()} == {
        Category.BASIC: "not-in-grant",
        Category.HISTORY: "grant",
        Category.LABS: "chosen-entries",
        Category.TREATMENT: "not-in-grant",
        Category.MENTAL_HEALTH: "not-in-grant",
        Category.GENETIC: "not-in-grant",
    }
    assert all(one.words for one in found.values())


def test_a_dry_run_is_on_the_patients_list_as_one(with_record, lee, administrator):
    why(with_record, lee, administrator)
    line = story(with_record.patient.pk)[0]
    assert (line.action, line.because, line.actor.id) == ("access.explained", "dry-run", administrator.pk)


def test_a_dry_run_does_not_tell_of_a_block(with_record, lee, stranger, administrator):
    stopped = people.give(with_record, stranger, Category.LABS)
    people.grants.end(stopped, keyring=None, by=access.own_party(with_record.patient))
    people.give(with_record, lee, Category.LABS)
    blocks.block(with_record.patient, reader=lee.user)
    assert (
        why(with_record, lee, administrator)[Category.LABS].words
        == why(with_record, stranger, administrator)[Category.LABS].words
    )


def test_who_may_not_ask_is_refused_and_that_is_on_the_list(with_record, lee):
    with pytest.raises(access.MayNotAsk):
        access.explain(with_record.patient, reader=lee.user, by=lee.user)
    assert story(with_record.patient.pk)[0].outcome == "refused"


def test_nothing_is_opened_by_a_dry_run(with_record, lee, administrator, monkeypatch):
    def never(*args, **more):
        raise AssertionError("a dry run opened something")

    monkeypatch.setattr(access.reading.vault, "read", never)
    assert why(with_record, lee, administrator)
