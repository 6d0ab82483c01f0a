"""What an app was let in to is what its patient signed: no row, key or hour makes more of it."""

import copy
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import log
from consent import keys
from consent.access import AccessDenied, Caller, KeysLocked, add_own, may_reach, open_record, write_record
from consent.models import App, Grant
from consent.sharing import apps, grants
from ehr import clock
from ehr.accounts.keyrings import succeed
from ehr.accounts.models import Keyring
from ehr.words import Action, Category, Purpose
from patients.models import GrantSeal, Seal
from tests import people
from tests.consent.calling import app_caller, app_reader, lab, opened, written
from tests.consent.test_access import last_payload

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def ana(ana):
    add_own(ana.patient, [lab("glucose")], keyring=ana.keyring)
    return ana


@pytest.fixture
def ben(ground):
    person = people.patient("Ben Okoro")
    add_own(person.patient, [lab("of Ben")], keyring=person.keyring)
    return person


@pytest.fixture
def heartbeat(ana):
    return app_caller(ana, Category.LABS)


def refused(person, caller, **asked) -> str:
    with pytest.raises(AccessDenied) as refusal:
        open_record(person.patient, caller, **asked)
    return refusal.value.because


def another(caller: Caller, **facts) -> Caller:
    told = {name: getattr(caller, name) for name in ("user", "keyring", "app", "parts", "writes", "purpose", "via")}
    return Caller(**(told | facts))


def test_it_opens_nothing_of_another_patient(ben, heartbeat):
    assert refused(ben, heartbeat) == "no-grant"
    assert last_payload(action="chart.refused")["subject"] == str(ben.patient.pk)
    assert refused(ben, another(heartbeat, user=ben.user)) == "no-grant"


def test_a_permission_copied_to_another_patient_opens_nothing_there(ben, heartbeat):
    forged = copy.copy(Grant.objects.get())
    forged.pk, forged._state.adding = ben.patient.pk, True
    forged.patient, forged.holder = ben.patient, "0x" + "1" * 40
    forged.save(force_insert=True)
    assert refused(ben, heartbeat) == "no-grant"
    App.objects.update(patient=ben.patient)
    assert refused(ben, heartbeat) == "seal-does-not-open"
    seal = GrantSeal.objects.get()
    GrantSeal.objects.create(
        grant_id=forged.pk, reader_id=seal.reader_id, key_version_id=seal.key_version_id, blob=seal.blob
    )
    box = ben.patient.lockboxes.get(part="labs")
    Seal.objects.create(
        lockbox=box, grant_id=forged.pk, reader_id=seal.reader_id, key_version_id=seal.key_version_id,
        blob=Seal.objects.get(grant_id=Grant.objects.exclude(pk=forged.pk).get().pk).blob,
    )  # fmt: skip
    assert refused(ben, heartbeat) == "seal-does-not-open"


@pytest.mark.parametrize(
    "facts",
    [
        {"categories": ["labs", "genetic"]},
        {"categories": ["genetic"]},
        {"ends": datetime(2099, 1, 1, tzinfo=UTC)},
        {"actions": ["read", "write"]},
        {"sentence": "The app Heartbeat may see everything."},
        {"record_from": date(2000, 1, 1)},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_an_altered_permission_opens_nothing(ana, heartbeat, facts):
    Grant.objects.update(**facts)
    assert refused(ana, heartbeat) == "seal-does-not-open"
    assert last_payload(action="chart.refused")["because"] == "seal-does-not-open"


def test_a_permission_altered_to_let_it_write_lets_it_write_nothing(ana, heartbeat):
    Grant.objects.update(actions=["read", "write"])
    with pytest.raises(AccessDenied) as refusal:
        write_record(ana.patient, heartbeat, [lab("mine")])
    assert refusal.value.because == "seal-does-not-open"


def test_another_apps_keys_open_nothing(ana, heartbeat, ground):
    _reader, theirs = app_reader("Other")
    with pytest.raises(KeysLocked):
        open_record(ana.patient, another(heartbeat, keyring=theirs))
    with pytest.raises(KeysLocked):
        open_record(ana.patient, another(heartbeat, keyring=None))


def test_its_patients_keys_do_not_speak_for_it_nor_it_for_them(ana, heartbeat):
    with pytest.raises(KeysLocked):
        open_record(ana.patient, another(heartbeat, keyring=ana.keyring))
    with pytest.raises(KeysLocked):
        open_record(ana.patient, another(heartbeat, app=None))


def test_keys_that_were_renewed_are_locked_ones(ana, heartbeat):
    succeed(Keyring.objects.get(reader=heartbeat.app), heartbeat.keyring)
    with pytest.raises(KeysLocked):
        open_record(ana.patient, heartbeat)


def test_it_is_let_in_for_its_patient_and_for_no_other_purpose(ana, heartbeat):
    assert refused(ana, another(heartbeat, purpose=Purpose.TREAT)) == "not-in-grant"


def test_a_second_permission_adds_to_the_first(ana, heartbeat):
    add_own(
        ana.patient, [written({"resourceType": "AllergyIntolerance", "code": {"text": "nuts"}})], keyring=ana.keyring
    )
    more = {"keyring": ana.keyring, "app_reader": heartbeat.app, "name": "Heartbeat"}
    ends = clock.now() + timedelta(days=1)
    apps.connect(ana.patient, categories=["history"], ends=ends, **more)
    assert opened(ana, heartbeat) == ["glucose", "nuts"]
    first = Grant.objects.earliest("made_at")
    grants.end(first, keyring=ana.keyring, by=log.SYSTEM)
    assert opened(ana, heartbeat) == ["nuts"]


def test_the_same_confirmation_sent_twice_lets_it_in_once(ana):
    reader, _keys = app_reader()
    asked = {
        "keyring": ana.keyring, "app_reader": reader, "name": "Heartbeat", "categories": ["labs"],
        "ends": clock.now() + timedelta(days=1), "once": reader.pk,
    }  # fmt: skip
    assert apps.connect(ana.patient, **asked) == apps.connect(ana.patient, **asked)
    assert Grant.objects.count() == 1


def test_another_patients_app_is_not_let_in(ben, heartbeat):
    with pytest.raises(apps.CannotGive, match="Connect it anew"):
        apps.connect(
            ben.patient, keyring=ben.keyring, app_reader=heartbeat.app, name="Heartbeat", categories=["labs"],
            ends=clock.now() + timedelta(days=1),
        )  # fmt: skip


def test_what_was_read_must_be_what_is_signed(ana):
    reader, _keys = app_reader()
    asked = {"categories": ["labs", "history"], "ends": clock.now() + timedelta(days=1)}
    with pytest.raises(apps.CannotGive, match="Something changed"):
        apps.connect(
            ana.patient, keyring=ana.keyring, app_reader=reader, name="Heartbeat",
            sentence=apps.proposed(ana.patient, name="Heartbeat", **asked | {"categories": ["labs"]}), **asked,
        )  # fmt: skip
    assert not App.objects.exists()


def test_no_app_is_let_in_with_locked_keys(ana, ben):
    reader, _keys = app_reader()
    for keyring in (None, ben.keyring):
        with pytest.raises(KeysLocked):
            apps.connect(
                ana.patient, keyring=keyring, app_reader=reader, name="Heartbeat", categories=["labs"],
                ends=clock.now() + timedelta(days=1),
            )  # fmt: skip


def test_an_app_of_somebody_who_was_suspended_opens_nothing(ana, heartbeat):
    ana.user.is_active = False
    ana.user.save()
    assert refused(ana, heartbeat) == "app-withdrawn"
    assert may_reach(heartbeat) == []


def test_new_epochs_keep_it_and_the_next_stop_still_shuts_it_out(ana, lee, heartbeat):
    to_lee = people.give(ana, lee, Category.LABS)
    grants.end(to_lee, keyring=ana.keyring, by=log.SYSTEM)
    add_own(ana.patient, [lab("after")], keyring=ana.keyring)
    assert opened(ana, heartbeat) == ["after", "glucose"]
    held = keys.granted_boxes(ana.patient, {"labs": Grant.objects.get(reader=heartbeat.app)}, keyring=heartbeat.keyring)
    grants.end(Grant.objects.get(reader=heartbeat.app), keyring=ana.keyring, by=log.SYSTEM)
    assert refused(ana, heartbeat) == "stopped"
    assert held["labs"].lockbox.pk != ana.patient.lockboxes.get(part="labs", closed_at=None).pk


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.integers(1, 700), before=st.integers(-2, 2), stopped=st.booleans(), write=st.booleans())
def test_it_opens_while_it_holds_and_never_else(ana, days, before, stopped, write):
    actions = (Action.READ, Action.WRITE) if write else (Action.READ,)
    caller = app_caller(ana, Category.LABS, actions=actions, days=days)
    grant = Grant.objects.get(reader=caller.app)
    if stopped:
        grants.end(grant, keyring=None, by=log.SYSTEM)
    clock.watch.forget()
    with time_machine.travel(grant.ends - timedelta(seconds=before), tick=False):
        holds = before > 0 and not stopped
        if holds:
            assert "glucose" in opened(ana, caller)
        else:
            assert refused(ana, caller) == ("stopped" if stopped else "over")
        if holds and write:
            assert len(write_record(ana.patient, caller, [lab("new")])) == 1
        else:
            with pytest.raises(AccessDenied):
                write_record(ana.patient, caller, [lab("new")])
    clock.watch.forget()
