"""Moving hospitals: keep, move or end each permission in one act, and what the place one leaves keeps."""

import uuid
from datetime import date

import pytest

from audit.queries import story
from consent import access
from consent.access import AccessDenied
from consent.models import Ending, Grant
from consent.sharing import moving
from consent.sharing.grants import CannotGive, Narrow
from consent.sharing.moving import Choice, Do
from ehr.words import Action, Category, Purpose
from tests import people
from tests.consent.conftest import draft, texts
from tests.consent.test_narrow import read, three

__all__ = ["three"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def old(ground):
    return people.institution("Old Hospital")


@pytest.fixture
def lee(old):
    return people.clinician("Mei Lee", place=old)


@pytest.fixture
def kim(old):
    return people.clinician("Jo Kim", place=old)


@pytest.fixture
def new_doctor(ground):
    return people.clinician("Nora New", place=people.institution("New Hospital"))


def move(person, place, choices, act=None):
    return moving.move(
        person.patient,
        keyring=person.keyring,
        leaving=place,
        choices={grant.pk: choice for grant, choice in choices.items()},
        act=act or uuid.uuid4(),
    )


def write(patient, reader, words, part=Category.LABS):
    entry = draft(part, words)
    access.add_entries(patient.patient, [entry], reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)
    return entry


def kept_copy(patient, reader):
    return access.open_chart(patient.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.HOPERAT)


def test_one_sees_what_is_held_at_a_place(with_record, old, lee, kim, new_doctor):
    mine = {people.give(with_record, one, Category.LABS) for one in (lee, kim)}
    people.give(with_record, new_doctor, Category.LABS)
    assert set(moving.held_at(with_record.patient, old)) == mine
    assert [place.name for place in moving.places_left(with_record.patient)] == ["New Hospital", "Old Hospital"]


def test_the_new_place_reads_the_history_and_the_old_one_does_not(with_record, old, lee, new_doctor):
    grant = people.give(with_record, lee, Category.LABS)
    move(with_record, old, {grant: Choice(Do.MOVE, new_doctor.user)})
    chart = read(with_record, new_doctor)
    assert texts(chart) == {"marker labs"}
    assert all(entry.author_valid for entry in chart.entries)
    with pytest.raises(AccessDenied):
        read(with_record, lee)


def test_what_is_kept_goes_on_and_what_is_ended_ends(with_record, old, lee, kim):
    kept, ended = people.give(with_record, lee, Category.LABS), people.give(with_record, kim, Category.LABS)
    move(with_record, old, {kept: Choice(Do.KEEP), ended: Choice(Do.END)})
    assert read(with_record, lee).entries
    with pytest.raises(AccessDenied):
        read(with_record, kim)


def test_the_old_place_keeps_its_own_legal_copy_and_nothing_else(with_record, old, lee, kim, new_doctor):
    writing = (Action.READ, Action.WRITE)
    mine = people.give(with_record, lee, Category.LABS, actions=writing)
    theirs = people.give(with_record, kim, Category.HISTORY, actions=writing)
    write(with_record, lee, "by Lee")
    write(with_record, kim, "by Kim", Category.HISTORY)
    done = move(with_record, old, {mine: Choice(Do.MOVE, new_doctor.user), theirs: Choice(Do.END)})
    write(with_record, new_doctor, "by the new one")
    assert {copy.kind for copy in done.copies} == {Grant.Kind.LEGAL_COPY}
    for reader in (lee, kim):
        assert texts(kept_copy(with_record, reader)) == {"by Lee", "by Kim"}
        with pytest.raises(AccessDenied):
            read(with_record, reader)


def test_a_place_that_wrote_nothing_keeps_nothing(with_record, old, lee):
    grant = people.give(with_record, lee, Category.LABS)
    done = move(with_record, old, {grant: Choice(Do.END)})
    assert done.copies == ()
    with pytest.raises(AccessDenied):
        kept_copy(with_record, lee)


def test_where_one_permission_cannot_move_nothing_changes(with_record, old, lee, kim):
    first, second = people.give(with_record, lee, Category.LABS), people.give(with_record, kim, Category.LABS)
    nobody = people.account("Not A Doctor")
    for choice in (Choice(Do.MOVE), Choice(Do.MOVE, nobody.user)):
        with pytest.raises(CannotGive):
            move(with_record, old, {first: Choice(Do.END), second: choice})
    assert not Ending.objects.exists()
    assert read(with_record, lee).entries
    assert read(with_record, kim).entries


def test_a_list_that_changed_meanwhile_is_shown_again(with_record, old, lee, kim):
    first = people.give(with_record, lee, Category.LABS)
    people.give(with_record, kim, Category.LABS)
    with pytest.raises(CannotGive):
        move(with_record, old, {first: Choice(Do.END)})
    assert not Ending.objects.exists()


def test_confirmed_twice_moves_once(with_record, old, lee, new_doctor):
    grant = people.give(with_record, lee, Category.LABS)
    act = uuid.uuid4()
    first = move(with_record, old, {grant: Choice(Do.MOVE, new_doctor.user)}, act)
    again = move(with_record, old, {grant: Choice(Do.MOVE, new_doctor.user)}, act)
    assert again.made == first.made
    assert Grant.objects.count() == 2


def test_a_bundle_moves_as_the_entries_it_held(with_record, old, lee, new_doctor, three):
    grant = people.give(with_record, lee, Category.LABS, narrow=Narrow(record_until=date(2023, 12, 31)))
    move(with_record, old, {grant: Choice(Do.MOVE, new_doctor.user)})
    assert texts(read(with_record, new_doctor)) == {"2022", "2023"}


def test_the_act_is_one_line_of_the_patients_list(with_record, old, lee):
    grant = people.give(with_record, lee, Category.LABS)
    move(with_record, old, {grant: Choice(Do.END)})
    (line,) = [one for one in story(with_record.patient.pk) if one.action == "grants.moved"]
    assert line.details["reader_name"] == "Old Hospital"
    assert line.details["ended"] == 1
