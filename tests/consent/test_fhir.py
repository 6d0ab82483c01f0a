"""Permissions as FHIR Consents: right FHIR, IHE's profile, as the patient's own page has them, and nothing besides."""

import base64
import hashlib
import json
from datetime import date, timedelta
from itertools import product

import pytest
import time_machine

from audit import queries as audit
from consent import access, fhir
from consent.access import AccessDenied, own_party
from consent.emergency import wishes
from consent.models import Grant
from consent.sharing import blocks, grants
from consent.sharing.proposing import Narrow
from ehr import clock
from ehr.r4 import search, validate
from ehr.words import Action, Category, Purpose
from tests import people
from tests.consent import pcf
from tests.consent.calling import app_caller, clinician_caller, patient_caller
from tests.consent.conftest import draft
from tests.consent.delegating import let_in, name
from tests.consent.let_in import share
from tests.teams import ward


def only(patient) -> dict:
    (told,) = fhir.consents(patient)
    return told


def right(told: dict) -> None:
    assert [str(problem) for problem in validate.check(told)] == []
    assert pcf.broken(told) == []


PARTS = [(Category.LABS,), (Category.LABS, Category.GENETIC), tuple(Category)]
ACTIONS = [(Action.READ,), (Action.WRITE,), (Action.READ, Action.WRITE)]


@pytest.mark.parametrize(("parts", "actions"), list(product(PARTS, ACTIONS)))
def test_every_kind_of_permission_is_right_fhir_and_keeps_its_profile(ana, lee, parts, actions):
    for purpose in (Purpose.TREAT, Purpose.HPAYMT):
        for places in (frozenset(), frozenset({"CA", "DE"})):
            starts = clock.now()
            grants.give(
                ana.patient,
                keyring=ana.keyring,
                reader=lee.user,
                categories=parts,
                actions=actions,
                purpose=purpose,
                starts=starts,
                ends=starts + timedelta(days=30),
                narrow=Narrow(places=places),
            )
    for told in fhir.consents(ana.patient):
        right(told)
        assert told["meta"]["profile"] == [fhir.PROFILE + ("Basic" if len(parts) == len(Category) else "Advanced")]


def test_a_consent_says_whom_what_until_when_and_why(ana, lee):
    grant = people.give(ana, lee, Category.LABS, Category.HISTORY)
    told = only(ana.patient)
    provision = told["provision"]
    assert told["id"] == str(grant.pk)
    assert (told["status"], provision["type"]) == ("active", "permit")
    assert provision["actor"][0]["reference"]["display"] == grant.reader.name
    assert provision["actor"][0]["reference"]["identifier"]["value"] == str(grant.reader_id)
    assert [one["code"] for one in provision["securityLabel"]] == ["history", "labs"]
    assert [one["code"] for one in provision["purpose"]] == ["TREAT"]
    assert told["patient"] == told["performer"][0] == {"reference": f"Patient/{ana.patient.pk}"}
    assert {"url": f"{fhir.build.EXTENSION}/consent-action", "valueCode": "read"} in provision["extension"]


def test_the_sentence_that_was_confirmed_is_the_source_with_its_hash(ana, lee):
    grant = people.give(ana, lee)
    source = only(ana.patient)["sourceAttachment"]
    raw = base64.b64decode(source["data"])
    assert raw.decode() == grant.sentence
    assert base64.b64decode(source["hash"]) == hashlib.sha1(raw, usedforsecurity=False).digest()


def test_what_narrows_a_permission_is_told(with_record, lee):
    chosen = access.open_own(with_record.patient, keyring=with_record.keyring, categories=[Category.LABS]).entries[0]
    people.give(with_record, lee, narrow=Narrow(entries=frozenset({str(chosen.logical_id)})))
    told = only(with_record.patient)
    right(told)
    (data,) = told["provision"]["data"]
    assert data["reference"]["identifier"]["value"] == f"urn:uuid:{chosen.logical_id}"


def test_record_dates_are_the_data_period(ana, lee):
    access.add_own(ana.patient, [draft(Category.LABS, recorded="2026-03-01")], keyring=ana.keyring)
    dates = Narrow(record_from=date(2026, 1, 1), record_until=date(2026, 5, 1))
    people.give(ana, lee, narrow=dates)
    told = only(ana.patient)
    right(told)
    assert told["provision"]["dataPeriod"] == {"start": "2026-01-01", "end": "2026-05-01"}


def test_all_parts_narrowed_are_an_intermediate_consent(ana, lee):
    people.give(ana, lee, *Category, narrow=Narrow(record_from=date(2026, 1, 1)))
    told = only(ana.patient)
    right(told)
    assert told["meta"]["profile"][0].endswith("Intermediate")


def test_a_permission_that_was_stopped_is_inactive_from_that_moment_on(ana, lee):
    grant = people.give(ana, lee)
    grants.end(grant, keyring=ana.keyring, cause="patient", by=own_party(ana.patient))
    told = only(ana.patient)
    right(told)
    ended = Grant.objects.select_related("ending").get(pk=grant.pk).ending.at
    assert told["status"] == "inactive"
    assert told["provision"]["period"]["end"] == fhir.build.instant(ended)
    ending = next(one for one in told["extension"] if one["url"].endswith("consent-ending"))
    assert ending["extension"][1] == {"url": "cause", "valueCode": "patient"}


def test_a_permission_stopped_before_it_began_has_a_period_that_runs_forwards(ana, lee):
    grant = people.give(ana, lee, starts=clock.now() + timedelta(days=2))
    grants.end(grant, keyring=ana.keyring, cause="patient", by=own_party(ana.patient))
    right(only(ana.patient))


def test_a_permission_whose_time_is_over_is_inactive_with_no_job_run(ana, lee):
    people.give(ana, lee, days=1)
    later = clock.now() + timedelta(days=2)
    assert next(fhir.consents(ana.patient, at=later))["status"] == "inactive"


def test_a_changed_row_is_told_as_not_what_was_signed(ana, lee):
    grant = people.give(ana, lee)
    signed = [one for one in only(ana.patient)["extension"] if one["url"].endswith("consent-signature")]
    assert {"url": "genuine", "valueBoolean": True} in signed[0]["extension"]
    Grant.objects.filter(pk=grant.pk).update(categories=["genetic"])
    signed = [one for one in only(ana.patient)["extension"] if one["url"].endswith("consent-signature")]
    assert {"url": "genuine", "valueBoolean": False} in signed[0]["extension"]


def test_a_team_is_let_in_as_a_team(ana):
    share(ana, ward().team, Category.LABS)
    told = only(ana.patient)
    right(told)
    assert told["provision"]["actor"][0]["reference"]["type"] == "CareTeam"


def test_what_a_delegate_sees_and_shares_names_them(ana, lee):
    rui = people.account("Rui Costa")
    name(ana, rui)
    let_in(ana, rui, lee, Category.LABS)
    told = list(fhir.consents(ana.patient))
    for one in told:
        right(one)
    kinds = {one["provision"]["actor"][0]["reference"]["type"] for one in told}
    assert kinds == {"RelatedPerson", "Practitioner"}
    by_rui = [one for one in told if one["performer"][0].get("display") == "Rui Costa"]
    assert by_rui


def test_who_is_kept_out_is_denied_and_no_longer_when_it_is_lifted(ana, stranger):
    blocks.block(ana.patient, reader=stranger.user, keyring=ana.keyring)
    told = only(ana.patient)
    right(told)
    assert (told["status"], told["provision"]["type"]) == ("active", "deny")
    blocks.lift(blocks.in_force(ana.patient).get())
    told = only(ana.patient)
    right(told)
    assert told["status"] == "inactive"


def test_what_stays_shut_in_an_emergency_is_denied_to_everybody(ana, settings):
    settings.OPT_OUTS_PREVAIL_IN_EMERGENCY = True
    wishes.opt_out(ana.patient, Category.GENETIC)
    told = only(ana.patient)
    right(told)
    assert "actor" not in told["provision"]
    assert [one["code"] for one in told["provision"]["purpose"]] == ["BTG", "ETREAT"]


def test_a_consent_is_found_by_its_id_and_by_its_patient_only(ana, lee, stranger):
    grant = people.give(ana, lee)
    other = people.patient("Olga Other")
    assert fhir.find(ana.patient, str(grant.pk))["id"] == str(grant.pk)
    assert fhir.find(other.patient, str(grant.pk)) is None


def test_consents_are_searched_by_what_they_say(ana, lee):
    people.give(ana, lee)
    found = search.values(only(ana.patient))
    assert found["type"] == "Consent"
    assert found["status"] == ["active"]


def test_no_key_and_nothing_of_the_record_is_in_a_consent(with_record, lee):
    grant = people.give(with_record, lee, *Category)
    text = json.dumps(list(fhir.consents(with_record.patient)))
    assert "marker" not in text
    for secret in (grant.salt, grant.binding, grant.ephemeral):
        assert base64.b64encode(bytes(secret)).decode() not in text
        assert bytes(secret).hex() not in text


# --- Through an interface --------------------------------------------------------------------------
def test_a_patient_reads_their_own_and_an_app_they_let_in_does(ana, lee):
    people.give(ana, lee)
    app = app_caller(ana)
    assert len(list(fhir.read_consents(ana.patient, patient_caller(ana)))) == 2
    assert len(list(fhir.read_consents(ana.patient, app))) == 2


@pytest.mark.django_db(transaction=True)
def test_that_an_app_read_the_list_is_the_first_that_it_reads(ana):
    app = app_caller(ana)
    told = list(fhir.read_log(ana.patient, app))
    assert told[0]["subtype"][1]["code"] == "record.log-read"
    assert told[0]["agent"][0]["name"] == "Heartbeat"
    assert [str(problem) for problem in validate.check(told[0])] == []


@pytest.mark.django_db(transaction=True)
def test_a_clinician_reads_neither_and_the_try_is_on_the_list(ana, lee):
    people.give(ana, lee, *Category)
    for asked in (fhir.read_consents, fhir.read_log):
        with pytest.raises(AccessDenied):
            asked(ana.patient, clinician_caller(lee))
    tries = [line for line in audit.story(ana.patient.pk) if line.action == "record.log-refused"]
    assert [line.outcome for line in tries] == ["refused", "refused"]


@pytest.mark.django_db(transaction=True)
def test_an_app_whose_time_is_over_reads_neither(ana):
    app = app_caller(ana, days=1)
    with time_machine.travel(clock.now() + timedelta(days=2), tick=False), pytest.raises(AccessDenied):
        fhir.read_log(ana.patient, app)


@pytest.mark.django_db(transaction=True)
def test_an_app_of_somebody_else_reads_neither(ana):
    other = people.patient("Olga Other")
    with pytest.raises(AccessDenied):
        fhir.read_log(ana.patient, app_caller(other))
