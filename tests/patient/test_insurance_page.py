"""My insurance: put on file, shown by its end only, taken off; and nobody else's."""

import pytest
from django.urls import reverse

from appointments.models import Payer, Policy
from tests import people
from tests.patient.conftest import browser_of

pytestmark = pytest.mark.django_db
PAGE = "patient:insurance"


@pytest.fixture
def lakeside(ground):
    return Payer.objects.create(
        institution=people.institution(), name="Lakeside Mutual", number="L1", our_number="1", url="https://x.example/"
    )


def said(browser) -> str:
    return browser.get(reverse(PAGE)).content.decode()


def test_a_card_is_put_on_file_and_shown_by_its_end(browser, lakeside):
    assert browser.post(reverse(PAGE), {"payer": lakeside.pk, "member": "LM-123-4711"}).status_code == 302
    page = said(browser)
    assert "ends in 4711" in page
    assert "LM-123" not in page


def test_it_is_taken_off_with_one_button(browser, lakeside):
    browser.post(reverse(PAGE), {"payer": lakeside.pk, "member": "LM-1"})
    browser.post(reverse("patient:insurance-end", args=[Policy.objects.get().pk]))
    assert Policy.objects.get().ended_at is not None


def test_somebody_elses_card_is_not_there(browser, lakeside, ben):
    browser.post(reverse(PAGE), {"payer": lakeside.pk, "member": "LM-1"})
    other = browser_of(ben)
    assert "Lakeside Mutual</h2>" not in said(other)
    assert other.post(reverse("patient:insurance-end", args=[Policy.objects.get().pk])).status_code == 404


@pytest.mark.parametrize("told", [{}, {"member": "1"}, {"payer": "x", "member": "1"}, {"payer": "", "member": " "}])
def test_what_is_missing_is_asked_for_and_nothing_is_kept(browser, lakeside, told):
    assert browser.post(reverse(PAGE), told).status_code == 200
    assert not Policy.objects.exists()


def test_where_no_insurer_is_asked_the_page_says_what_to_do(browser):
    assert "hand in the bill yourself" in said(browser)
