"""My teams: what members see of them, and what their lead does there."""

from datetime import timedelta

import pytest
from django.urls import reverse

from audit import queries as log
from consent.models import Assignment
from consent.sharing import grants
from ehr import clock
from ehr.words import Action, Category
from providers.models import TeamMembership
from tests import people
from tests.clinician.conftest import browser_of, lab, put
from tests.teams import nurse, opens, ward

pytestmark = [pytest.mark.django_db, pytest.mark.point(5)]


@pytest.fixture
def cardiology(ground):
    return ward()


@pytest.fixture
def shared(ana, cardiology):
    put(ana, lab("Glucose", "154", "2026-10-01"))
    return grants.give(
        ana.patient, keyring=ana.keyring, reader=cardiology.team.reader, categories=[Category.LABS],
        actions=[Action.READ], starts=clock.now(), ends=clock.now() + timedelta(days=30),
    )  # fmt: skip


def page(person, name: str, *args) -> str:
    reply = browser_of(person).get(reverse(f"clinician:{name}", args=args))
    assert reply.status_code == 200
    return reply.content.decode()


def post(person, name: str, *args, follow=True, **told):
    return browser_of(person).post(reverse(f"clinician:{name}", args=args), told, follow=follow)


def test_a_member_sees_who_belongs_to_the_team_and_no_patient_of_it(cardiology, shared):
    assert "Cardiology" in page(cardiology.omar, "teams")
    seen = page(cardiology.omar, "team", cardiology.team.pk)
    assert "Mei Lee" in seen
    assert "Leads the team" in seen
    assert "Ana Costa" not in seen
    assert "Add to the team" not in seen


def test_a_team_one_does_not_belong_to_is_not_there(cardiology, stranger):
    assert browser_of(stranger).get(reverse("clinician:team", args=[cardiology.team.pk])).status_code == 404


def test_somebody_without_a_team_is_told_how_teams_come_about(cardiology, stranger):
    assert "You belong to no care team" in page(stranger, "teams")


def test_the_lead_adds_a_colleague_who_gets_the_keys_with_the_lead_s_next_page(cardiology):
    nils = people.clinician("Nils New")
    reply = post(cardiology.lee, "team", cardiology.team.pk, clinician=nils.user.clinician.pk)
    assert "Dr Nils New is on the list now." in reply.content.decode()
    assert opens(cardiology.team, nils), "the page that came back was the visit that hands the keys on"


def test_days_on_the_form_are_whole_days_at_the_institution(cardiology):
    nils = people.clinician("Nils New")
    cardiology.place.time_zone = "America/Toronto"
    cardiology.place.save()
    first, last = clock.now().date() + timedelta(days=2), clock.now().date() + timedelta(days=3)
    post(cardiology.lee, "team", cardiology.team.pk, clinician=nils.user.clinician.pk, first=first, last=last)
    row = TeamMembership.objects.get(clinician=nils.user.clinician)
    assert row.ends_at - row.starts_at == timedelta(days=2)
    assert (row.starts_at.hour, row.starts_at.minute) in {(4, 0), (5, 0)}


@pytest.mark.parametrize(("field", "day"), [("first", "0001-01-01"), ("last", "9999-12-31")])
def test_somebody_joins_on_no_day_at_an_end_of_the_calendar(cardiology, field, day):
    nils = people.clinician("Nils New")
    told = {"clinician": nils.user.clinician.pk, field: day}
    assert "Look at the year again" in post(cardiology.lee, "team", cardiology.team.pk, **told).content.decode()
    assert not TeamMembership.objects.filter(clinician=nils.user.clinician).exists()


def test_a_form_that_names_nobody_says_what_to_choose(cardiology):
    reply = post(cardiology.lee, "team", cardiology.team.pk)
    assert reply.status_code == 422
    assert "Choose who joins." in reply.content.decode()


def test_a_member_who_is_not_the_lead_adds_and_removes_nobody(cardiology):
    nils = people.clinician("Nils New")
    reply = post(cardiology.omar, "team", cardiology.team.pk, clinician=nils.user.clinician.pk)
    assert "Only the team" in reply.content.decode()
    post(cardiology.omar, "team-remove", cardiology.team.pk, cardiology.lee.user.pk)
    assert TeamMembership.objects.filter(ended_at__isnull=True).count() == 2


def test_the_lead_removes_a_colleague_whose_next_request_is_refused(ana, cardiology, shared):
    reader = browser_of(cardiology.omar)
    chart = reverse("clinician:chart", args=[ana.patient.pk])
    assert "Glucose" in reader.get(chart).content.decode()
    reply = post(cardiology.lee, "team-remove", cardiology.team.pk, cardiology.omar.user.pk)
    assert "Nothing opens for them" in reply.content.decode()
    assert reader.get(chart).status_code == 404


def test_a_member_leaves_and_is_led_back_to_their_teams(cardiology):
    reply = post(cardiology.omar, "team-remove", cardiology.team.pk, cardiology.omar.user.pk)
    assert reply.redirect_chain[-1][0] == reverse("clinician:teams")


def test_the_lead_assigns_a_nurse_who_finds_the_patient_then_and_not_before(ana, cardiology, shared):
    nora = nurse()
    cardiology.add(nora)
    cardiology.visit(cardiology.lee)
    chart = reverse("clinician:chart", args=[ana.patient.pk])
    at_work = browser_of(nora)
    assert at_work.get(chart).status_code == 404
    assert "Ana Costa" not in at_work.get(reverse("clinician:home")).content.decode()
    until = clock.now().date() + timedelta(days=5)
    told = {"patient": ana.patient.pk, "nurse": nora.user.pk, "until": until}
    assert "Assigned." in post(cardiology.lee, "team-assign", cardiology.team.pk, **told).content.decode()
    assert "Glucose" in at_work.get(chart).content.decode()
    assert "Ana Costa" in at_work.get(reverse("clinician:home")).content.decode()
    post(cardiology.lee, "team-unassign", cardiology.team.pk, nora.user.pk, ana.patient.pk)
    assert "not assigned" in at_work.get(chart).content.decode()


def test_naming_the_team_s_patients_to_its_lead_leaves_a_line_with_each(ana, cardiology, shared):
    nora = nurse()
    cardiology.add(nora)
    assert "Ana Costa" in page(cardiology.lee, "team", cardiology.team.pk)
    line = log.story(ana.patient.pk)[0]
    assert (line.action, line.because, line.actor.name) == ("patient.named", "team", "Dr Mei Lee")


def test_an_assignment_ends_on_no_day_at_the_end_of_the_calendar(ana, cardiology, shared):
    nora = nurse()
    cardiology.add(nora)
    told = {"patient": ana.patient.pk, "nurse": nora.user.pk, "until": "9999-12-31"}
    assert "Look at the year again" in post(cardiology.lee, "team-assign", cardiology.team.pk, **told).content.decode()
    assert not Assignment.objects.exists()


def test_an_assignment_needs_a_last_day(ana, cardiology, shared):
    reply = post(cardiology.lee, "team-assign", cardiology.team.pk, patient=ana.patient.pk)
    assert reply.status_code == 422
    assert "Choose the last day." in reply.content.decode()
    assert not Assignment.objects.exists()


def test_a_member_without_the_keys_is_told_that_they_come(ana, cardiology, shared):
    nils = people.clinician("Nils New")
    cardiology.add(nils)
    assert "have not been handed to you yet" in page(nils, "teams")
    reply = browser_of(nils).get(reverse("clinician:chart", args=[ana.patient.pk]))
    assert "have not been handed to you yet" in reply.content.decode()
