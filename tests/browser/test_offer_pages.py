"""An earlier time offered by a link, in a real browser: open, taken, declined, too late."""

import pytest
from django.test import Client
from django.urls import reverse

from appointments import offering
from appointments.models import Offer
from tests.appointments.conftest import harbour, monday  # noqa: F401 - fixtures
from tests.appointments.test_waitlist import free_it, full, wait  # noqa: F401 - a fixture
from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm

pytestmark = [pytest.mark.django_db, pytest.mark.browser]


@pytest.fixture
def pages(full, monday):  # noqa: F811
    people = [full.patient(name) for name in ("Ana Costa", "Ben Okafor", "Cem Demir")]
    for person in people:
        wait(full, person)
    free_it(full)
    shown = Answers(Client())

    def address() -> str:
        return reverse("front:visit-offered", args=[offering.token(Offer.objects.get(outcome="open"))])

    first = address()
    shown.get(first, at="/open/")
    shown.client.post(first, {"no": "1"})
    shown.get(first, at="/declined/")
    second = address()
    monday.move_to(Offer.objects.get(outcome="open").lapses_at)
    shown.post(second, {"yes": "1"}, "late/", expected=409)
    third = address()
    shown.client.post(third, {"yes": "1"})
    shown.get(third, at="/taken/")
    return shown.answers


def test_the_pages_of_an_offer_fit_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)
