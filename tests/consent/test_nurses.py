"""Nurses reach only the patients assigned to them; who works around the record sees no clinical text."""

from datetime import timedelta

import pytest
import time_machine

from consent import access, reach
from consent.access import AccessDenied
from consent.models import Assignment
from consent.sharing import blocks, teams
from ehr import clock
from ehr.words import Action, Category, Purpose
from providers.roles import Role
from providers.rules import NotPossible
from tests import people
from tests.consent.conftest import draft
from tests.consent.let_in import TEAMS_PARTS, hear, read, refused, share, told
from tests.teams import later, nurse, ward

pytestmark = [pytest.mark.django_db, pytest.mark.point(5), pytest.mark.security]


@pytest.fixture
def cardiology(ground):
    return ward()


@pytest.fixture
def shared(with_record, cardiology):
    """Ana lets the team see her lab results and medicines."""
    return share(with_record, cardiology.team, Category.LABS, Category.TREATMENT)


def assign(sharer, cardiology, nora, **more) -> Assignment:
    asked = {"team": cardiology.team, "nurse": nora.user, "ends": later(days=7), "by": cardiology.lee.user} | more
    return teams.assign(sharer.patient, **asked)


@pytest.fixture
def nora(cardiology):
    """A nurse of the team who has its keys."""
    nora = nurse()
    cardiology.add(nora)
    cardiology.visit(cardiology.lee)
    return nora


def test_a_nurse_reaches_a_team_s_patient_only_while_assigned(with_record, cardiology, shared, nora):
    assert refused(with_record, nora) == "not-assigned"
    assert reach.find_patient(nora.user, with_record.patient.pk) is None
    assert reach.list_patients(nora.user) == []
    assignment = assign(with_record, cardiology, nora)
    assert read(with_record, nora) == TEAMS_PARTS
    (line,) = reach.list_patients(nora.user)
    assert line.readable == {"labs", "treatment"}
    teams.end_assignment(assignment, by=cardiology.lee.user)
    assert refused(with_record, nora) == "not-assigned"
    assert reach.list_patients(nora.user) == []


def test_an_assignment_ends_on_its_date_with_no_job_run(with_record, cardiology, shared, nora):
    ends = assign(with_record, cardiology, nora).ends
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        assert read(with_record, nora) == TEAMS_PARTS
    with time_machine.travel(ends, tick=False):
        assert refused(with_record, nora) == "not-assigned"


def test_one_team_s_assignment_says_nothing_about_what_another_team_was_given(with_record, cardiology, shared, nora):
    surgery = ward("Surgery", cardiology.place)
    surgery.add(nora)
    surgery.visit(surgery.lee)
    share(with_record, surgery.team, Category.HISTORY)
    assign(with_record, cardiology, nora)
    assert read(with_record, nora) == TEAMS_PARTS


def test_a_nurse_let_in_by_name_needs_no_assignment(with_record, nora):
    people.give(with_record, nora, Category.HISTORY)
    assert read(with_record, nora) == {"marker history"}


def test_who_is_assigned_and_by_whom_is_on_the_patient_s_list(with_record, cardiology, shared, nora):
    assignment = assign(with_record, cardiology, nora)
    assign(with_record, cardiology, nora, ends=assignment.ends)
    (event,) = told("nurse.assigned")
    assert event["subject"] == str(with_record.patient.pk)
    assert event["actor"]["name"] == "Dr Mei Lee"
    assert event["details"]["reader_name"] == "Dr Nora Quinn"
    assert teams.looking_after(with_record.patient, cardiology.team.pk, clock.now()) == {nora.user.pk}


def test_only_the_lead_assigns_only_nurses_and_only_patients_of_the_team(with_record, cardiology, shared, nora):
    ben = people.patient("Ben Okoro")
    for wrong in (
        {"by": cardiology.omar.user},
        {"by": nora.user},
        {"by": cardiology.ida},
        {"nurse": cardiology.omar.user},
        {"nurse": nurse("Nina Other").user},
        {"ends": clock.now()},
    ):
        with pytest.raises(NotPossible):
            assign(with_record, cardiology, nora, **wrong)
    with pytest.raises(NotPossible):
        assign(ben, cardiology, nora)
    assert not Assignment.objects.exists()


def test_a_lead_whom_a_patient_keeps_out_neither_sees_nor_assigns_them(with_record, cardiology, shared, nora):
    blocks.block(with_record.patient, reader=cardiology.lee.user, keyring=with_record.keyring)
    assert teams.patients_of(cardiology.team, lead=cardiology.lee.user, at=clock.now()) == []
    with pytest.raises(NotPossible):
        assign(with_record, cardiology, nora)


def test_who_leaves_the_team_comes_back_without_their_assignments(with_record, cardiology, shared, nora):
    assign(with_record, cardiology, nora)
    cardiology.remove(nora)
    assert refused(with_record, nora) == "no-grant"
    hear()
    cardiology.add(nora)
    cardiology.visit(cardiology.lee)
    cardiology.visit(cardiology.lee)
    assert refused(with_record, nora) == "not-assigned"


# --- Administrators and front desk ---------------------------------------------------------------
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.FRONT_DESK, Role.PRIVACY_OFFICER])
def test_who_works_around_the_record_sees_no_clinical_text_though_it_was_shared(with_record, role):
    desk = people.clinician("Fran Desk", role=role)
    people.give(with_record, desk, *Category, actions=(Action.READ, Action.WRITE))
    assert read(with_record, desk) == {"marker basic"}
    for part in set(Category) - {Category.BASIC}:
        assert refused(with_record, desk, categories=[part]) == "role-without-clinical-text"
    with pytest.raises(AccessDenied):
        access.add_entries(
            with_record.patient, [draft("labs")], reader=desk.user, keyring=desk.keyring, purpose=Purpose.TREAT
        )


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.FRONT_DESK])
def test_a_team_s_keys_open_nothing_for_who_changed_to_a_role_without_clinical_text(
    with_record, cardiology, shared, role
):
    cardiology.omar.user.clinician.credentials.update(role=role)
    assert refused(with_record, cardiology.omar) in {"role-without-clinical-text", "no-grant"}
    assert reach.list_patients(cardiology.omar.user) == []


def test_an_institution_s_administrator_reaches_no_patient_of_its_teams(with_record, cardiology, shared):
    with pytest.raises(AccessDenied):
        access.open_chart(with_record.patient, reader=cardiology.ida, keyring=None, purpose=Purpose.TREAT)
    assert teams.patients_of(cardiology.team, lead=cardiology.ida, at=clock.now()) == []
