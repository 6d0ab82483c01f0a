"""Care teams at the desk: an institution's administrator founds them, and says who leads, joins and leaves."""

from datetime import timedelta

import pytest
from django.urls import reverse

from ehr import clock
from ehr.desk.roles import DeskRole
from providers import team_queries
from providers.models import Team, TeamMembership
from tests import people
from tests.desk.conftest import session_of, staff
from tests.teams import administrator, at_the_desk, ward

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.desk.addresses"), pytest.mark.point(5)]


@pytest.fixture
def cardiology(db):
    return ward()


@pytest.fixture
def browser(cardiology):
    """Ida Berg's, who administers the institution."""
    return session_of(at_the_desk(cardiology.ida))


def at(name: str, *args) -> str:
    return reverse(f"admin:providers_team_{name}", args=args)


def act(browser, team, name: str, **told):
    return browser.post(at("act", team.pk, name), {f"{name}-{key}": value for key, value in told.items()}, follow=True)


def test_an_administrator_founds_a_team_and_names_its_lead(browser, cardiology):
    told = {"institution": cardiology.place.pk, "name": "Night shift", "email": cardiology.omar.user.email}
    assert browser.post(at("add"), told).status_code == 302
    made = Team.objects.get(name="Night shift")
    assert list(team_queries.leads_of(made)) == [cardiology.omar.user]
    page = browser.get(at("changelist")).content.decode()
    assert "Night shift" in page
    assert "Cardiology" in page


def test_at_another_institution_nothing_is_founded_and_the_reason_is_said(browser, cardiology):
    other = people.institution("City Hospital")
    told = {"institution": other.pk, "name": "Night shift", "email": cardiology.omar.user.email}
    reply = browser.post(at("add"), told)
    assert reply.status_code == 422
    assert "administrators" in reply.content.decode()
    assert Team.objects.count() == 1


def test_somebody_is_added_for_some_days_and_removed(browser, cardiology):
    nils = people.clinician("Nils New")
    last = clock.now().date() + timedelta(days=3)
    assert (
        "They are on the list"
        in act(browser, cardiology.team, "add", email=nils.user.email, last=last).content.decode()
    )
    assert TeamMembership.objects.get(clinician=nils.user.clinician).ends_at > clock.now() + timedelta(days=2)
    act(browser, cardiology.team, "remove", email=nils.user.email)
    assert TeamMembership.objects.get(clinician=nils.user.clinician).ended_at is not None


def test_a_lead_is_appointed_and_dismissed(browser, cardiology):
    act(browser, cardiology.team, "appoint", email=cardiology.omar.user.email)
    act(browser, cardiology.team, "dismiss", email=cardiology.lee.user.email)
    assert list(team_queries.leads_of(cardiology.team)) == [cardiology.omar.user]


def test_an_address_that_is_nobody_s_is_told_as_such(browser, cardiology):
    reply = act(browser, cardiology.team, "add", email="nobody@example.org")
    assert reply.status_code == 422
    assert "Nobody with this address" in reply.content.decode()


def test_a_team_is_ended_and_then_offers_nothing_more(browser, cardiology):
    act(browser, cardiology.team, "end")
    assert Team.objects.get().ended_at is not None
    assert act(browser, cardiology.team, "add", email="x@example.org").status_code == 404
    assert "Cardiology" in browser.get(at("changelist"), {"view": "ended"}).content.decode()


def test_a_page_of_a_team_names_its_people_and_no_patient(browser, cardiology):
    page = browser.get(at("change", cardiology.team.pk)).content.decode()
    assert "Dr Omar Haddad" in page
    assert "Led by" in page


@pytest.mark.security
def test_teams_of_other_institutions_are_not_there(cardiology):
    away = at_the_desk(administrator("Away Berg", people.institution("City Hospital")))
    other = session_of(away)
    assert "Cardiology" not in other.get(at("changelist")).content.decode()
    assert other.get(at("change", cardiology.team.pk)).status_code == 404
    assert act(other, cardiology.team, "end").status_code == 404
    assert session_of(staff("Vega Cho", DeskRole.VERIFIER)).get(at("changelist")).status_code == 404
