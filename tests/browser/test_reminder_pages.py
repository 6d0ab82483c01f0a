"""What a reminder's link leads to, and the page of one's telephone, in a real browser: each state of them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from appointments import reminders
from appointments.models import Reminder
from appointments.tasks import remind
from ehr.notices import telephones
from tests.appointments.conftest import harbour, monday  # noqa: F401 - fixtures
from tests.appointments.visiting_hours import on
from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm

pytestmark = [pytest.mark.django_db, pytest.mark.browser]


@pytest.fixture
def pages(harbour, monday, settings, tmp_path):  # noqa: F811
    settings.DATA_DIR = tmp_path
    ana = harbour.patient("Ana Costa")
    harbour.kind.free_cancel_hours, harbour.kind.late_fee_percent = 48, 50
    harbour.kind.save()
    visit = harbour.book(on(2, "10:00"), ana)
    monday.move_to(visit.starts - timedelta(hours=24))
    remind()
    link = reverse("front:visit-reminder", args=[reminders.token(Reminder.objects.get(channel="mail").pk)])
    shown = Answers(Client())
    shown.get(link, at="/reminded/")
    shown.client.post(link, {"confirm": "1"})
    shown.get(link, at="/confirmed/")
    shown.client.post(link, {"cancel": "1"})
    shown.get(link, at="/cancelled/")
    shown.post(link, {"confirm": "1"}, "too-late/", expected=409)
    monday.move_to(visit.starts)
    shown.get(link, at="/over/", expected=404)
    own = Answers(Client())
    own.client.force_login(ana.user, backend="ehr.accounts.backends.Passphrase")
    own.get(reverse("front:telephone"), at="/no-telephone/")
    telephones.ask(user=ana.user, number="+15065550100", address="192.0.2.1")
    own.get(reverse("front:telephone"), at="/telephone/")
    return shown.answers | own.answers


def test_the_pages_of_a_reminder_fit_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)
