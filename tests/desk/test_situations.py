"""Common situations at the desk: who may change them, and that a form never loses what was there."""

import pytest
from django.urls import reverse

from consent.models import GrantTemplate
from ehr.desk.roles import DeskRole
from tests.desk.conftest import session_of, staff

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.desk.addresses")]


@pytest.fixture
def visit():
    return GrantTemplate.objects.create(
        name="A short visit", description="They look.", categories=["labs"], actions=["read"], purpose="TREAT", days=7
    )


@pytest.fixture
def otto(ward):
    return session_of(staff("Otto Zed", DeskRole.OPERATOR))


def at(name: str, *args) -> str:
    return reverse(f"admin:consent_granttemplate_{name}", args=args)


def sent(**instead) -> dict[str, object]:
    facts = {"name": "A short visit", "description": "They look.", "categories": ["labs", "history"], "days": 3}
    return {f"change-{name}": value for name, value in (facts | {"place": 5, "active": "on"} | instead).items()}


def test_the_form_shows_what_is_there_and_saves_what_was_changed(otto, visit):
    page = otto.get(at("change", visit.pk)).content.decode()
    assert 'value="A short visit"' in page
    assert 'value="mental-health"' not in page
    assert otto.post(at("act", visit.pk, "change"), sent()).status_code == 302
    visit.refresh_from_db()
    assert (visit.categories, visit.days, visit.active) == (["history", "labs"], 3, True)


def test_a_sensitive_part_cannot_be_sent_in(otto, visit):
    page = otto.post(at("act", visit.pk, "change"), sent(categories=["labs", "genetic"]))
    assert page.status_code == 422
    visit.refresh_from_db()
    assert visit.categories == ["labs"]


def test_a_situation_is_added_and_withdrawn(otto):
    facts = {"name": "A talk", "description": "They talk.", "categories": ["labs"], "days": 3, "place": 5}
    assert otto.post(at("add"), facts).status_code == 302
    made = GrantTemplate.objects.get(name="A talk")
    otto.post(at("act", made.pk, "change"), {f"change-{name}": value for name, value in facts.items()})
    assert "A talk" not in otto.get(at("changelist")).content.decode()
    assert "A talk" in otto.get(at("changelist"), {"view": "withdrawn"}).content.decode()


def test_nobody_else_at_the_desk_finds_them(ward, visit):
    assert session_of(staff("Petra Ok", DeskRole.PRIVACY)).get(at("change", visit.pk)).status_code == 404
