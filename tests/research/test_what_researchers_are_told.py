"""What researchers are told of their training and place: of no patients, and on pages that open for them."""

import pytest

from ehr.desk.roles import DeskRole
from ehr.notices import kinds
from ehr.notices.models import Notice
from providers import credentials, operations
from providers.models import Credential
from tests import people
from tests.security.world import browser_of, staff

pytestmark = pytest.mark.django_db
FOR_RESEARCH = sorted(kind for kind in kinds.KINDS if kind.startswith("research."))


@pytest.fixture
def held(rosa, board):
    """Rosa's training, suspended by a verifier and let count again."""
    verifier = staff("Vera Stone", DeskRole.VERIFIER).user
    held = Credential.objects.get(clinician__user=rosa.user)
    for act in (credentials.suspend, credentials.restore):
        act(held, by=verifier, reason="A question.")
    return held


def test_a_suspended_training_is_told_in_the_words_of_research(rosa, held):
    told = Notice.objects.filter(user=rosa.user).order_by("created_at", "pk").values_list("kind", flat=True)
    assert list(told) == ["research.credential.suspended", "research.credential.restored"]


def test_a_place_that_ends_is_told_in_the_words_of_research(rosa):
    operations.leave_institution(rosa.user.clinician.memberships.get(), by=rosa.user)
    assert Notice.objects.get(user=rosa.user).kind == "research.membership.ended"


def test_a_clinician_is_told_of_patients(board):
    lee = people.clinician("Mei Lee")
    operations.leave_institution(lee.user.clinician.memberships.get(), by=lee.user)
    assert Notice.objects.get(user=lee.user).kind == "membership.ended"


def test_each_leads_to_a_page_that_opens(rosa, held):
    browser = browser_of(rosa)
    for notice in Notice.objects.filter(user=rosa.user):
        assert browser.post(f"/notices/{notice.pk}/", follow=True).status_code == 200


@pytest.mark.parametrize("kind", FOR_RESEARCH)
def test_none_speaks_of_patients_or_leads_to_their_pages(kind):
    found = kinds.of(kind)
    assert found.page.startswith("researcher:")
    assert "patient" not in f"{found.heading} {found.words}".casefold()


def test_whatever_clinicians_are_told_of_licence_and_place_researchers_are_too():
    told = {kind for kind in kinds.KINDS if kind.startswith(("credential.", "membership.", "institution."))}
    assert len(told) > 10
    assert {f"research.{kind}" for kind in told} == set(FOR_RESEARCH)
