"""Who asks through an interface: what opens for them, and that each look and each refusal is on the list."""

from datetime import timedelta

import pytest
import time_machine

from audit import log
from consent import keys
from consent.access import (
    AccessDenied,
    ChangedMeanwhile,
    KeysLocked,
    add_own,
    identify,
    may_reach,
    open_record,
    searching,
    write_record,
)
from consent.models import Ending, Grant
from consent.sharing import apps, grants
from ehr import clock
from ehr.words import Action, Category
from patients.models import Chunk
from tests import people
from tests.consent.calling import app_caller, app_reader, clinician_caller, lab, opened, patient_caller
from tests.consent.test_access import last_payload

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def ana(ana):
    add_own(ana.patient, [lab("glucose"), lab("ferritin", "2025-02-01")], keyring=ana.keyring)
    return ana


def test_a_patient_searches_their_own_record(ana):
    record = open_record(ana.patient, patient_caller(ana))
    assert opened(ana, patient_caller(ana)) == ["ferritin", "glucose"]
    assert record.grants == ()
    assert record.ends is None
    event = last_payload(action="record.searched")
    assert (event["because"], event["details"], event["actor"]["role"]) == ("own", {"via": "MyHealth"}, "patient")


def test_a_patient_with_locked_keys_is_refused(ana, lee):
    with pytest.raises(KeysLocked):
        open_record(ana.patient, patient_caller(people.Person(ana.user, lee.keyring)))
    assert last_payload(action="record.searched")["outcome"] == "refused"


def test_a_clinician_opens_what_they_were_given(ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    record = open_record(ana.patient, clinician_caller(lee))
    assert [one.pk for one in record.grants] == [grant.pk]
    assert record.ends == grant.ends
    assert record.categories == (Category.LABS,)
    event = last_payload(action="record.searched")
    assert event["grant"] == str(grant.pk)
    assert event["details"] == {"via": "WardRound"}


def test_a_stranger_is_refused_with_the_program_on_the_line(ana, stranger):
    with pytest.raises(AccessDenied, match="has not given you access"):
        open_record(ana.patient, clinician_caller(stranger))
    event = last_payload(action="chart.refused")
    assert (event["because"], event["details"]) == ("no-grant", {"via": "WardRound"})


def test_an_app_opens_what_its_patient_gave_to_it(ana):
    caller = app_caller(ana, Category.LABS)
    assert opened(ana, caller) == ["ferritin", "glucose"]
    event = last_payload(action="record.searched")
    assert event["actor"] == {"kind": "app", "id": str(caller.app.pk), "name": "Heartbeat", "role": "", "place": ""}
    assert event["purpose"] == "PATRQT"


def test_a_token_never_widens(ana, lee):
    people.give(ana, lee, Category.HISTORY)
    with pytest.raises(AccessDenied):
        open_record(ana.patient, clinician_caller(lee, parts=frozenset({Category.LABS})))
    with pytest.raises(AccessDenied, match="allowed to ask for"):
        open_record(ana.patient, clinician_caller(lee, parts=frozenset()))


def test_what_a_token_is_not_for_is_refused_to_the_patients_own_program(ana):
    caller = patient_caller(ana, parts=frozenset({Category.HISTORY}))
    with pytest.raises(AccessDenied, match="allowed to ask for"):
        open_record(ana.patient, caller, categories=[Category.LABS])
    assert last_payload(action="record.refused")["because"] == "not-in-scope"


def test_the_line_is_committed_before_a_key_is_used(ana, monkeypatch):
    caller = app_caller(ana, Category.LABS)

    def no_opening(*args, **more):
        assert last_payload(action="record.searched")
        raise KeyError("the key was about to be used")

    monkeypatch.setattr(searching.vault, "search", no_opening)
    with pytest.raises(KeyError):
        open_record(ana.patient, caller)


def test_the_next_request_after_a_stop_is_refused(ana):
    caller = app_caller(ana, Category.LABS)
    assert opened(ana, caller)
    grants.end(Grant.objects.get(), keyring=ana.keyring, cause=Ending.Cause.PATIENT, by=log.SYSTEM)
    with pytest.raises(AccessDenied) as refusal:
        open_record(ana.patient, caller)
    assert refusal.value.because == "stopped"


def test_an_app_is_over_at_the_second(ana):
    caller = app_caller(ana, Category.LABS, days=1)
    ends = Grant.objects.get().ends
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        assert opened(ana, caller)
    with time_machine.travel(ends, tick=False), pytest.raises(AccessDenied) as refusal:
        open_record(ana.patient, caller)
    assert refusal.value.because == "over"


def test_may_reach_is_whom_something_is_open_of(ana, lee, stranger):
    people.give(ana, lee, Category.LABS)
    app = app_caller(ana, Category.LABS)
    assert may_reach(clinician_caller(lee)) == may_reach(patient_caller(ana)) == may_reach(app) == [ana.patient]
    assert may_reach(clinician_caller(stranger)) == []
    grants.end(Grant.objects.get(reader=app.app), keyring=None, by=log.SYSTEM)
    assert may_reach(app) == []


def test_an_app_adds_with_leave_to_write_and_signs_as_itself(ana):
    caller = app_caller(ana, Category.LABS, actions=(Action.READ, Action.WRITE))
    write_record(ana.patient, caller, [lab("pulse")])
    record = open_record(ana.patient, patient_caller(ana))
    (pulse,) = [one for one in record.rows if one.resource["code"]["text"] == "pulse"]
    assert (pulse.author_name, pulse.author_valid, pulse.source) == ("Heartbeat, for Ana Costa", True, "")
    assert last_payload(action="entry.added")["actor"]["kind"] == "app"


def test_an_app_without_leave_to_write_adds_nothing(ana):
    with pytest.raises(AccessDenied):
        write_record(ana.patient, app_caller(ana, Category.LABS), [lab("pulse")])
    assert last_payload(action="entry.refused")["actor"]["name"] == "Heartbeat"


def test_a_version_that_does_not_follow_is_not_written(ana):
    caller = patient_caller(ana)
    first = open_record(ana.patient, caller).rows[0]
    write_record(ana.patient, caller, [lab("glucose again", logical_id=first.logical_id, version=2)])
    with pytest.raises(ChangedMeanwhile):
        write_record(ana.patient, caller, [lab("too late", logical_id=first.logical_id, version=2)])
    with pytest.raises(ChangedMeanwhile):
        write_record(ana.patient, caller, [lab("too early", version=7)])


def test_the_sentence_of_an_app_says_what_it_is(ana):
    reader, _keyring = app_reader()
    ends = clock.now() + timedelta(days=30)
    sentence = apps.proposed(ana.patient, name="Heartbeat", categories=["labs"], ends=ends)
    assert sentence.startswith("The app Heartbeat may see your lab results and measurements until ")
    grant = apps.connect(
        ana.patient, keyring=ana.keyring, app_reader=reader, name="Heartbeat", categories=["labs"], ends=ends,
        sentence=sentence,
    )  # fmt: skip
    assert grant.sentence == sentence


def test_the_file_beside_an_entry_opens_with_it(ana, lee):
    picture = lab("picture", attachment=b"GIF89a" * 60_000)
    add_own(ana.patient, [picture], keyring=ana.keyring)
    people.give(ana, lee, Category.LABS)
    rows = {one.logical_id: one for one in open_record(ana.patient, clinician_caller(lee)).rows}
    assert rows.pop(picture.logical_id).attachment == b"GIF89a" * 60_000
    with pytest.raises(keys.CannotOpen):
        assert next(iter(rows.values())).attachment
    Chunk.objects.filter(number=0).delete()
    with pytest.raises(keys.CannotOpen):
        assert open_record(ana.patient, clinician_caller(lee), logical_id=picture.logical_id).rows[0].attachment


def test_to_be_named_to_an_app_is_on_the_list(ana):
    caller = app_caller(ana, Category.LABS)
    identify(ana.patient, reader=caller.reader, purpose=caller.purpose, told=caller.told)
    line = last_payload(action="patient.named")
    assert (line["actor"]["kind"], line["details"]) == ("app", {"via": "Heartbeat"})


def test_a_program_for_treating_others_does_not_open_the_own_record_of_who_treats(ana):
    treating = clinician_caller(ana)
    assert may_reach(treating) == []
    with pytest.raises(AccessDenied):
        open_record(ana.patient, treating)
    with pytest.raises(AccessDenied):
        write_record(ana.patient, treating, [lab("mine")])
