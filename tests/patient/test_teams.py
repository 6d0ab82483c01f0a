"""Care teams as a patient meets them: found, looked at, let in, and told of by name."""

import pytest
from django.urls import reverse

from consent.models import Grant
from consent.sharing import teams
from ehr import clock
from providers import teams as care_teams
from tests.patient.conftest import browser_of
from tests.teams import later, nurse, ward

pytestmark = [pytest.mark.django_db, pytest.mark.point(5)]


@pytest.fixture
def cardiology(ground):
    return ward()


def share(browser, team) -> Grant:
    """Let a team see the lab results for a week, page by page; return the newest grant."""
    where = browser.post(reverse("patient:begin", args=[team.pk]))["Location"]
    draft = where.rstrip("/").split("/")[-2]
    browser.post(where, {"ordinary": ["labs"]})
    browser.post(reverse("patient:share-until", args=[draft]), {"span": "week"})
    confirm = reverse("patient:share-confirm", args=[draft])
    page = browser.get(confirm).content.decode()
    assert "The care team Cardiology of Harbour Medical Centre, 2 people at present and whoever joins it later," in page
    assert browser.post(confirm).status_code == 302
    return Grant.objects.latest("made_at")


def read(browser, name: str, *args) -> str:
    reply = browser.get(reverse(f"patient:{name}", args=args))
    assert reply.status_code == 200
    return reply.content.decode()


def test_teams_stand_first_in_the_directory_with_where_they_are_and_how_many(browser, cardiology):
    page = browser.get(reverse("patient:find"), {"words": "cardio"}).content.decode()
    assert "Care teams" in page
    assert "Care team of 2 people" in page
    assert "Nobody with a valid licence" not in page
    assert page.index("Care teams") < browser.get(reverse("patient:find")).content.decode().index("Mei Lee")


def test_a_team_s_page_says_who_belongs_to_it_and_what_choosing_it_means(browser, cardiology):
    page = read(browser, "team", cardiology.team.pk)
    for words in ("Mei Lee", "Omar Haddad", "whoever joins it later", "Who leaves it sees nothing from that moment on"):
        assert words in page


def test_a_team_that_is_no_more_is_not_found(browser, cardiology):
    care_teams.end_team(cardiology.team, by=cardiology.ida)
    assert browser.get(reverse("patient:team", args=[cardiology.team.pk])).status_code == 404
    assert browser.post(reverse("patient:begin", args=[cardiology.team.pk])).status_code == 404
    assert "Cardiology" not in browser.get(reverse("patient:find"), {"words": "cardio"}).content.decode()


def test_a_team_is_let_in_like_a_person_and_shown_with_its_people(browser, cardiology):
    grant = share(browser, cardiology.team)
    for page in (read(browser, "sharing"), read(browser, "grant", grant.pk)):
        assert "Cardiology" in page
        assert "This team is 2 people now" in page
        assert "Omar Haddad" in page
    assert "Two people besides you can see a part of it." in read(browser, "sharing")


def test_who_joins_and_leaves_is_on_the_page_at_once(browser, cardiology):
    share(browser, cardiology.team)
    cardiology.remove(cardiology.omar)
    page = read(browser, "sharing")
    assert "This team is 1 person now" in page
    assert "Omar Haddad" not in page
    assert "One person besides you can see a part of it." in page


def test_an_unassigned_nurse_is_shown_as_seeing_nothing_and_an_assigned_one_as_looking_after_me(
    ana, browser, cardiology
):
    nora = nurse()
    grant = share(browser, cardiology.team)
    cardiology.add(nora)
    assert "Sees nothing of yours: not assigned to you." in read(browser, "grant", grant.pk)
    assert "Two people besides you" in read(browser, "sharing")
    teams.assign(ana.patient, team=cardiology.team, nurse=nora.user, ends=later(days=3), by=cardiology.lee.user)
    assert "Looks after you." in read(browser, "grant", grant.pk)
    assert "Looks after you" in read(browser, "team", cardiology.team.pk)
    assert "Three people besides you" in read(browser, "sharing")
    assert "Let Dr Nora Quinn look after you as a nurse of the care team Cardiology." in read(browser, "looked")


def test_a_team_that_ended_stays_among_those_who_could_see_it_before(browser, cardiology):
    grant = share(browser, cardiology.team)
    care_teams.end_team(cardiology.team, by=cardiology.ida)
    page = read(browser, "grant", grant.pk)
    assert "Cardiology" in page
    assert clock.now() < grant.ends


def test_somebody_else_s_assignment_is_not_shown(ana, ben, cardiology):
    for person in (ana, ben):
        share(browser_of(person), cardiology.team)
    nora = nurse()
    cardiology.add(nora)
    teams.assign(ana.patient, team=cardiology.team, nurse=nora.user, ends=later(days=3), by=cardiology.lee.user)
    assert "Looks after you" not in read(browser_of(ben), "team", cardiology.team.pk)
