"""Finding somebody who cannot say who they are (J4): exactly, on the log, not often, and not for everybody."""

from datetime import date, timedelta

import pytest
import time_machine

from audit import queries as audit
from audit.models import Event
from consent import emergency
from consent.emergency import NotFound
from ehr import clock
from ehr.accounts.attempts import LIMITS, TooMany
from patients.models import Patient
from providers.roles import Role
from tests import people
from tests.consent.keyholding import waiting_record
from tests.consent.urgent import opened

pytestmark = pytest.mark.django_db
BORN = date(1984, 5, 3)


@pytest.fixture
def doctor(ground):
    return people.clinician("Omar Haddad", role=Role.EMERGENCY)


def find(doctor, name="Ana Costa", born=BORN, **more):
    return emergency.find(name=name, birth_date=born, reader=doctor.user, address="192.0.2.1", **more)


def newest():
    return audit.find(Event.objects.order_by("-id").first().pk)


@pytest.mark.parametrize("name", ["Ana Costa", "ANA  COSTA", " ana-costa", "Ána Cósta"])
def test_name_and_birth_date_find_a_person_without_an_identifier(ana, doctor, name):
    assert find(doctor, name) == ana.patient
    line = audit.story(ana.patient.pk, limit=1)[0]
    assert (line.action, line.outcome, line.purpose, line.actor.id) == (
        "emergency.found",
        "allowed",
        "BTG",
        doctor.user.pk,
    )


def test_a_record_without_its_patient_yet_is_found_too(ground, doctor):
    waiting = waiting_record()
    assert find(doctor) == waiting


@pytest.mark.parametrize("wrong", [{"name": "Ana Cost"}, {"name": ""}, {"born": BORN + timedelta(days=1)}])
def test_what_is_nearly_right_finds_nobody_and_names_nobody_on_the_log(ana, doctor, wrong):
    with pytest.raises(NotFound, match="Nobody"):
        find(doctor, **wrong)
    line = newest()
    assert (line.action, line.subject, line.outcome) == ("emergency.not-found", None, "refused")
    assert "Ana" not in str(line.details)


def test_where_several_match_one_more_fact_is_asked_for_and_each_has_a_line(ana, doctor):
    other = people.patient("Ana Costa", identifier="HC 77 812")
    Patient.objects.filter(pk=other.patient.pk).update(sex="male")
    with pytest.raises(NotFound, match="Several"):
        find(doctor)
    for person in (ana, other):
        line = audit.story(person.patient.pk, limit=1)[0]
        assert (line.action, line.outcome, line.because) == ("emergency.found", "refused", "several")
    assert find(doctor, sex="male") == other.patient
    assert find(doctor, number="hc77812") == other.patient
    with pytest.raises(NotFound, match="Nobody"):
        find(doctor, number="another number")


@pytest.mark.parametrize("role", [Role.NURSE, Role.PHARMACIST, Role.FRONT_DESK, Role.RESEARCHER])
def test_whoever_may_not_break_the_glass_finds_nobody(ana, role):
    other = people.clinician("Nora Field", role=role)
    with pytest.raises(NotFound, match="Your role"):
        find(other)
    assert (newest().action, newest().subject) == ("emergency.not-found", None)


def test_finds_are_limited_the_good_ones_too(ana, doctor):
    for _ in range(LIMITS["emergency-find"].account):
        find(doctor)
    with pytest.raises(TooMany):
        find(doctor)
    with time_machine.travel(clock.now() + timedelta(minutes=LIMITS["emergency-find"].minutes, seconds=1)):
        assert find(doctor) == ana.patient


def test_the_form_is_for_whom_was_found_shared_before_or_was_opened_lately(ana, doctor, lee):
    assert emergency.patient_to_open(doctor.user, ana.patient.pk) is None
    assert emergency.patient_to_open(doctor.user, ana.patient.pk, found=[ana.patient.pk]) == ana.patient
    people.give(ana, lee)
    assert emergency.patient_to_open(lee.user, ana.patient.pk) == ana.patient
    came = opened(ana.patient, doctor)
    assert emergency.patient_to_open(doctor.user, ana.patient.pk) == ana.patient
    with time_machine.travel(came.emergency.opened_at + timedelta(hours=25)):
        assert emergency.patient_to_open(doctor.user, ana.patient.pk) is None
