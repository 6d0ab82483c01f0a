"""The door: what it opens, what it refuses, and that the log holds both."""

import json
import uuid
from datetime import timedelta

import pytest
import time_machine

from audit.models import Event, EventBody
from consent import access, reach
from consent.access import AccessDenied, KeysLocked, open_chart, open_own, reading
from consent.models import Ending
from consent.sharing import grants
from ehr import clock
from ehr.desk.roles import DeskRole, ensure_desk_roles
from ehr.notices.models import Notice
from ehr.words import Action, Category, Purpose
from patients.models import Entry, Seal
from tests import people
from tests.consent.conftest import draft, texts

pytestmark = [pytest.mark.django_db, pytest.mark.security]
TREAT = Purpose.TREAT


def opened(patient, reader, **more):
    return open_chart(patient.patient, reader=reader.user, keyring=reader.keyring, purpose=TREAT, **more)


def last_payload(**having):
    for body in EventBody.objects.order_by("-event_id"):
        payload = json.loads(bytes(body.payload))
        if all(payload.get(key) == value for key, value in having.items()):
            return payload
    raise AssertionError(f"no event with {having}")


def test_a_new_patient_shares_nothing_and_has_six_parts_and_a_place_for_words(ana):
    assert ana.patient.grants.count() == 0
    assert set(ana.patient.lockboxes.values_list("part", flat=True)) == {*map(str, Category), "log"}


def test_a_patient_reads_back_what_they_added(with_record):
    chart = open_own(with_record.patient, keyring=with_record.keyring)
    assert texts(chart) == {f"marker {part}" for part in Category}
    assert all(entry.author_valid and entry.author_name == "Ana Costa" for entry in chart.entries)


@pytest.mark.point(5)
@pytest.mark.privacy
def test_what_is_stored_holds_no_word_of_it(with_record):
    for entry in Entry.objects.all():
        assert b"marker" not in bytes(entry.body) + bytes(entry.search)


def test_a_stranger_is_refused_and_the_refusal_is_on_the_log(with_record, stranger):
    with pytest.raises(AccessDenied, match="Ana Costa has not given you access"):
        opened(with_record, stranger)
    event = last_payload(action="chart.refused")
    assert event["outcome"] == "refused"
    assert event["because"] == "no-grant"
    assert event["actor"]["name"] == "Dr Charles Stranger"
    assert event["subject"] == str(with_record.patient.pk)


@pytest.mark.point(6)
def test_a_grant_opens_its_parts_and_no_others(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    chart = opened(with_record, lee)
    assert texts(chart) == {"marker labs"}
    assert chart.categories == (Category.LABS,)


def test_an_opening_names_who_what_why_and_under_which_grant(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    opened(with_record, lee)
    event = last_payload(action="chart.opened")
    assert event["actor"]["name"] == "Dr Mei Lee"
    assert event["actor"]["place"] == "Harbour Medical Centre"
    assert event["categories"] == ["labs"]
    assert event["purpose"] == "TREAT"
    assert event["grant"] == str(grant.pk)


def test_the_line_is_committed_before_anything_is_opened(with_record, lee, monkeypatch):
    people.give(with_record, lee, Category.LABS)

    def no_opening(*args, **more):
        assert last_payload(action="chart.opened")
        raise KeyError("the key was about to be used")

    monkeypatch.setattr(reading.keys, "granted_boxes", no_opening)
    with pytest.raises(KeyError):
        opened(with_record, lee)
    assert last_payload(action="chart.opened")


@pytest.mark.point(7)
def test_no_log_no_chart(with_record, lee, monkeypatch):
    people.give(with_record, lee, Category.LABS)

    def broken(*args, **more):
        raise OSError("the log cannot be written")

    def never(*args, **more):
        raise AssertionError("a key was used without a line on the log")

    monkeypatch.setattr(reading.log, "record", broken)
    monkeypatch.setattr(reading.keys, "granted_boxes", never)
    with pytest.raises(OSError, match="log"):
        opened(with_record, lee)


def test_a_locked_keyring_opens_nothing(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    lee.keyring = None
    with pytest.raises(KeysLocked, match="locked"):
        opened(with_record, lee)
    with pytest.raises(KeysLocked):
        open_own(with_record.patient, keyring=None)
    assert last_payload(action="record.opened")["outcome"] == "refused"


def test_an_access_without_a_purpose_is_refused(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    with pytest.raises(AccessDenied) as refusal:
        open_chart(with_record.patient, reader=lee.user, keyring=lee.keyring, purpose="")
    assert refusal.value.because == "no-purpose"


def test_a_grant_for_treatment_does_not_open_for_payment(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    with pytest.raises(AccessDenied):
        open_chart(with_record.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.HPAYMT)


def test_reading_stops_at_the_very_second_the_time_is_over(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS, days=7)
    with time_machine.travel(grant.ends - timedelta(seconds=1), tick=False):
        assert texts(opened(with_record, lee)) == {"marker labs"}
    clock.watch.forget()
    with time_machine.travel(grant.ends + timedelta(seconds=1), tick=False), pytest.raises(AccessDenied) as refusal:
        opened(with_record, lee)
    assert refusal.value.because == "over"


def test_reading_does_not_begin_before_the_start(with_record, lee):
    starts = clock.now() + timedelta(days=2)
    grant = people.give(with_record, lee, Category.LABS, starts=starts)
    with pytest.raises(AccessDenied) as refusal:
        opened(with_record, lee)
    assert refusal.value.because == "not-yet"
    with time_machine.travel(grant.starts + timedelta(seconds=1), tick=False):
        assert texts(opened(with_record, lee)) == {"marker labs"}


@pytest.mark.point(6)
def test_stopping_refuses_the_very_next_opening(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    opened(with_record, lee)
    grants.end(grant, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    with pytest.raises(AccessDenied) as refusal:
        opened(with_record, lee)
    assert refusal.value.because == "stopped"
    assert not Seal.objects.filter(reader=grant.reader).exists()


def test_stopping_needs_no_unlocked_keyring(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    ending = grants.end(grant, keyring=None, by=access.own_party(with_record.patient))
    assert ending.epoch_turned_at is None
    with pytest.raises(AccessDenied):
        opened(with_record, lee)


def test_stopping_twice_is_stopping_once(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    for _ in range(2):
        grants.end(grant, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    assert Ending.objects.count() == 1


def test_a_licence_that_lapses_stops_reading_though_the_grant_holds(with_record, ground):
    lapsing = people.clinician("Short Licence", licence_until=clock.now() + timedelta(days=3))
    people.give(with_record, lapsing, Category.LABS)
    assert opened(with_record, lapsing)
    later = clock.now() + timedelta(days=3, seconds=1)
    with time_machine.travel(later, tick=False), pytest.raises(AccessDenied) as refusal:
        opened(with_record, lapsing)
    assert refusal.value.because == "credential-expired"


def test_somebody_else_s_keyring_opens_nothing(with_record, lee, stranger):
    people.give(with_record, lee, Category.LABS)
    with pytest.raises(AccessDenied) as refusal:
        open_chart(with_record.patient, reader=lee.user, keyring=stranger.keyring, purpose=TREAT)
    assert refusal.value.because == "seal-does-not-open"


@pytest.mark.point(6)
@pytest.mark.parametrize(
    "change",
    [
        {"categories": ["genetic", "labs"]},
        {"actions": ["read", "write"]},
        {"ends": people.FAR_AHEAD},
        {"starts": people.LONG_AGO},
        {"sentence": "Something else."},
        {"salt": b"0" * 32},
        {"contract": "0x" + "1" * 40},
        {"chain_id": 1},
        {"holder": "0x" + "2" * 40},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_tampered_grant_row_opens_nothing(with_record, lee, change):
    grant = people.give(with_record, lee, Category.LABS)
    type(grant).objects.filter(pk=grant.pk).update(**change)
    with pytest.raises(AccessDenied) as refusal:
        opened(with_record, lee)
    assert refusal.value.because == "seal-does-not-open"


def test_an_altered_permission_is_told_to_the_privacy_officers_once_a_day(with_record, lee):
    officer = people.account("Olga Officer", staff=True)
    officer.user.groups.add(ensure_desk_roles()[DeskRole.PRIVACY])
    grant = people.give(with_record, lee, Category.LABS)
    type(grant).objects.filter(pk=grant.pk).update(categories=["genetic", "labs"])
    with time_machine.travel(clock.now(), tick=False):
        for _ in range(2):
            with pytest.raises(AccessDenied):
                opened(with_record, lee)
    assert Notice.objects.filter(user=officer.user, kind="desk.grant-altered").count() == 1


def test_a_grant_row_moved_to_another_reader_opens_nothing(with_record, lee, stranger):
    grant = people.give(with_record, lee, Category.LABS)
    type(grant).objects.filter(pk=grant.pk).update(reader=stranger.user.reader)
    Seal.objects.filter(grant_id=grant.pk).update(reader=stranger.user.reader)
    with pytest.raises(AccessDenied):
        opened(with_record, stranger)


def test_writing_needs_a_grant_to_write(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    with pytest.raises(AccessDenied):
        access.add_entries(
            with_record.patient, [draft(Category.LABS)], reader=lee.user, keyring=lee.keyring, purpose=TREAT
        )
    assert last_payload(action="entry.refused")["because"] == "not-in-grant"


def test_a_clinician_writes_what_patient_and_clinician_then_read(with_record, lee):
    people.give(with_record, lee, Category.LABS, actions=(Action.READ, Action.WRITE))
    access.add_entries(
        with_record.patient, [draft(Category.LABS, "from lee")], reader=lee.user, keyring=lee.keyring, purpose=TREAT
    )
    assert "from lee" in texts(opened(with_record, lee))
    mine = open_own(with_record.patient, keyring=with_record.keyring, categories=[Category.LABS])
    assert {entry.author_name for entry in mine.entries} == {"Ana Costa", "Dr Mei Lee"}


@pytest.mark.point(5)
def test_writing_needs_no_reading_key(with_record, lee):
    people.give(with_record, lee, Category.LABS, actions=(Action.WRITE,))
    access.add_entries(
        with_record.patient, [draft(Category.LABS, "blind")], reader=lee.user, keyring=lee.keyring, purpose=TREAT
    )
    with pytest.raises(AccessDenied):
        opened(with_record, lee)
    assert "blind" in texts(open_own(with_record.patient, keyring=with_record.keyring))


def test_a_tampered_grant_writes_nothing(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS, actions=(Action.WRITE,))
    type(grant).objects.filter(pk=grant.pk).update(categories=["genetic", "labs"])
    with pytest.raises(AccessDenied):
        access.add_entries(
            with_record.patient, [draft(Category.GENETIC)], reader=lee.user, keyring=lee.keyring, purpose=TREAT
        )


def test_an_entry_with_two_sensitive_labels_needs_both(ana, lee):
    both = draft((Category.MENTAL_HEALTH, Category.GENETIC), "both")
    access.add_own(ana.patient, [both, draft(Category.GENETIC, "one")], keyring=ana.keyring)
    people.give(ana, lee, Category.GENETIC)
    assert texts(opened(ana, lee)) == {"one"}
    people.give(ana, lee, Category.MENTAL_HEALTH)
    assert texts(opened(ana, lee)) == {"one", "both"}


@pytest.mark.point(5)
def test_a_second_version_takes_the_place_of_the_first_and_the_first_stays(ana):
    first = draft(Category.LABS, "first")
    access.add_own(ana.patient, [first], keyring=ana.keyring)
    second = draft(Category.LABS, "second", logical_id=first.logical_id, version=2)
    access.add_own(ana.patient, [second], keyring=ana.keyring)
    assert texts(open_own(ana.patient, keyring=ana.keyring)) == {"second"}
    history = open_own(ana.patient, keyring=ana.keyring, logical_id=first.logical_id, all_versions=True)
    assert texts(history) == {"first", "second"}


def test_the_list_of_patients_is_one_event_for_each_of_them(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    before = Event.objects.filter(subject=with_record.patient.pk).count()
    assert [one.patient for one in reach.list_patients(lee.user)] == [with_record.patient]
    assert Event.objects.filter(subject=with_record.patient.pk).count() == before + 1


def test_an_unverified_provider_sees_no_patient_at_all(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    lee.user.clinician.credentials.update(status="revoked")
    assert reach.list_patients(lee.user) == []
    with pytest.raises(AccessDenied, match="revoked"):
        opened(with_record, lee)


def test_a_picture_comes_back_whole(ana, lee):
    content = bytes(range(256)) * 3000
    (entry,) = access.add_own(ana.patient, [draft(Category.LABS, attachment=content)], keyring=ana.keyring)
    assert entry.chunks.count() == 3
    mine = access.open_attachment(ana.patient, entry, reader=ana.user, keyring=ana.keyring, purpose=Purpose.PATRQT)
    assert mine == content
    with pytest.raises(AccessDenied):
        access.open_attachment(ana.patient, entry, reader=lee.user, keyring=lee.keyring, purpose=TREAT)
    people.give(ana, lee, Category.LABS)
    theirs = access.open_attachment(ana.patient, entry, reader=lee.user, keyring=lee.keyring, purpose=TREAT)
    assert theirs == content


def test_what_is_not_there_and_what_is_hidden_look_the_same(with_record, lee):
    hidden = Entry.objects.get(wrapped_keys__lockbox__part="genetic")
    people.give(with_record, lee, Category.LABS)
    assert opened(with_record, lee, logical_id=hidden.logical_id).entries == []
    assert opened(with_record, lee, logical_id=uuid.uuid4()).entries == []


# --- Versions --------------------------------------------------------------------------------------
def write(person, ana, entry, *, part=Category.LABS, version=2):
    newer = draft(part, "newer", logical_id=entry.logical_id, version=version)
    return access.add_entries(ana.patient, [newer], reader=person.user, keyring=person.keyring, purpose=Purpose.TREAT)


def entry_in(ana, part):
    return Entry.objects.get(patient=ana.patient, wrapped_keys__lockbox__part=part)


def test_of_two_who_change_the_same_version_the_second_is_told(with_record, lee):
    people.give(with_record, lee, Category.LABS, actions=(Action.READ, Action.WRITE))
    entry = entry_in(with_record, Category.LABS)
    write(lee, with_record, entry)
    with pytest.raises(access.ChangedMeanwhile):
        write(lee, with_record, entry)
    with pytest.raises(access.ChangedMeanwhile):
        write(lee, with_record, entry, version=7)
    assert Entry.objects.filter(logical_id=entry.logical_id).count() == 2


@pytest.mark.security
def test_nobody_takes_an_entry_out_of_a_part_they_may_not_write_to(with_record, lee):
    people.give(with_record, lee, Category.LABS, actions=(Action.READ, Action.WRITE))
    with pytest.raises(AccessDenied):
        write(lee, with_record, entry_in(with_record, Category.HISTORY), part=Category.LABS)
    assert not Entry.objects.filter(version=2).exists()
