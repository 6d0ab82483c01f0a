"""Reminders of visits: each once, at its moment, in its reader's words; none after a cancel, and none that is late."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from appointments import booking, reminders
from appointments.models import Reminder, Status
from appointments.tasks import remind
from audit.models import Event
from ehr import environment
from ehr.accounts.models import User
from ehr.notices import telephones, texting
from ehr.notices.models import Notice, Preference
from tests.appointments.visiting_hours import on

TEN_DAYS = on(10, "10:00")  # a Thursday
WEEK, THREE_DAYS, DAY = (timedelta(hours=hours) for hours in (168, 72, 24))


def texts(settings):
    folder = settings.DATA_DIR / "sms"
    return sorted(one.read_text() for one in folder.glob("*.txt")) if folder.exists() else []


@pytest.fixture(autouse=True)
def _texts_of_this_test(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def ana(ana):
    User.objects.filter(pk=ana.user.pk).update(time_zone="America/Toronto")
    return ana


@pytest.fixture
def phone(ana):
    return with_phone(ana.user)


def with_phone(user: User, number: str = "+15065550100") -> str:
    telephones.ask(user=user, number=number, address="192.0.2.1")
    (sent,) = list(texting.sender().folder.glob("*.txt"))
    code = re.search(r"[0-9]{6}", sent.read_text().split("\n\n")[1])[0]
    sent.unlink()
    telephones.prove(user=user, code=code, address="192.0.2.1")
    return number


def told(user):
    return Notice.objects.filter(user=user, kind="visit-soon").count()


def link_of(channel: str = "mail") -> str:
    made = Reminder.objects.filter(channel=channel).latest("created_at")
    return reverse("front:visit-reminder", args=[reminders.token(made.pk)])


def test_j8_5_each_reminder_comes_once_on_its_way_and_says_nothing_but_when(harbour, ana, phone, monday, settings):
    harbour.book(TEN_DAYS, ana)
    for before in (WEEK, THREE_DAYS, DAY):
        mail.outbox.clear()
        (count, already) = (told(ana.user), len(texts(settings)))
        monday.move_to(TEN_DAYS - before - timedelta(seconds=1))
        assert remind() == 0
        monday.shift(timedelta(seconds=1))
        assert remind() == 3
        monday.shift(timedelta(minutes=1))
        assert remind() == 0
        assert (told(ana.user), len(mail.outbox), len(texts(settings))) == (count + 1, 1, already + 1)
    text = texts(settings)[0]
    assert phone in text
    assert "Thursday 3 December 2026, 10:00" in text + mail.outbox[0].body
    words = re.sub(r"https?://\S+", "", text + mail.outbox[0].subject + mail.outbox[0].body)
    assert not re.search("Ana|Costa|Lee|Harbour|House|Visit [0-9a-f]{6}|clinic|doctor|Dr", words)


def test_j8_5_hours_are_on_its_reader_s_clocks_and_counted_in_absolute_time(harbour, ana, monday):
    starts = on(350, "10:00")  # a Monday; in that night to Sunday clocks in Toronto went back
    harbour.book(starts, ana)
    monday.move_to(on(347, "11:00") - timedelta(seconds=1))
    remind()
    mail.outbox.clear()
    monday.shift(timedelta(seconds=1))
    assert remind() == 2  # 72 hours before, though clocks show eleven and not ten
    assert "Monday 8 November 2027, 10:00." in mail.outbox[0].body
    User.objects.filter(pk=ana.user.pk).update(time_zone="Europe/Paris")
    monday.move_to(starts - DAY)
    assert remind() == 2
    assert "16:00 (Europe/Paris time)" in mail.outbox[1].body


@pytest.mark.parametrize("end", ["cancel", "mistake"])
def test_j8_5_none_comes_after_a_visit_was_called_off_even_if_it_was_written(harbour, ana, monday, end):
    visit = harbour.book(TEN_DAYS, ana)
    monday.move_to(TEN_DAYS - DAY)
    assert reminders.write_due() == 2
    getattr(booking, end)(visit, by=harbour.desk.user)
    assert reminders.deliver() == 0
    assert not told(ana.user)
    assert not [one for one in mail.outbox if one.subject == "A reminder"]
    assert Reminder.objects.filter(gave_up_at__isnull=False).count() == 2


def test_a_moved_visit_is_reminded_of_at_its_new_time_only(harbour, ana, monday):
    visit = harbour.book(TEN_DAYS, ana)
    monday.move_to(TEN_DAYS - timedelta(days=4))
    moved = harbour.move(visit, TEN_DAYS + timedelta(days=1), ana)
    monday.move_to(TEN_DAYS - DAY)
    assert remind() == 2  # 72 hours before the new time, sent late
    monday.move_to(moved.starts - DAY)
    assert remind() == 2
    assert set(Reminder.objects.filter(delivered_at__isnull=False).values_list("appointment", flat=True)) == {moved.pk}


def test_what_was_due_before_the_booking_is_not_sent(harbour, ana, monday):
    monday.move_to(TEN_DAYS - timedelta(hours=30))
    harbour.book(TEN_DAYS, ana)
    assert remind() == 0
    monday.move_to(TEN_DAYS - DAY)
    assert remind() == 2


def test_a_proposal_is_reminded_of_only_once_it_is_agreed_to(harbour, ana, monday):
    visit = harbour.propose(on(2, "10:00"), ana)
    monday.move_to(on(1, "10:00"))
    assert remind() == 0
    booking.accept(visit, by=ana.user)
    assert remind() == 2


def test_after_an_outage_only_the_latest_comes_and_none_from_the_start_on(harbour, ana, monday):
    harbour.book(TEN_DAYS, ana)
    harbour.book(TEN_DAYS + timedelta(hours=1), ana)
    monday.move_to(TEN_DAYS - WEEK)
    assert reminders.write_due() == 2  # and no worker sends them
    monday.move_to(TEN_DAYS)
    assert remind() == 2
    assert set(Reminder.objects.filter(delivered_at__isnull=False).values_list("hours", flat=True)) == {24}
    monday.move_to(TEN_DAYS + timedelta(hours=1))
    assert remind() == 0


def test_no_letter_and_no_text_in_quiet_hours(harbour, ana, phone, monday, settings):
    User.objects.filter(pk=ana.user.pk).update(time_zone="America/Toronto")
    Preference.objects.create(user=ana.user, quiet_from="22:00", quiet_until="11:00")
    harbour.book(TEN_DAYS + timedelta(hours=6), ana)
    monday.move_to(TEN_DAYS - timedelta(hours=18))
    assert remind() == 3  # at four in the afternoon
    harbour.book(TEN_DAYS + timedelta(days=4), ana)
    monday.move_to(TEN_DAYS + timedelta(days=3))
    mail.outbox.clear()
    assert (remind(), len(mail.outbox)) == (1, 0)
    monday.shift(timedelta(hours=1))
    assert (remind(), len(mail.outbox), len(texts(settings))) == (2, 1, 2)


def test_who_has_no_mailbox_is_told_in_the_portal_and_by_text(harbour, ana, phone, monday, settings):
    harbour.book(TEN_DAYS, ana)
    User.objects.filter(pk=ana.user.pk).update(email=None, sign_in_name="heron-lake-42", vouched_at=on(0, "08:00"))
    monday.move_to(TEN_DAYS - DAY)
    assert remind() == 2
    assert (told(ana.user), len(texts(settings))) == (1, 1)


def test_the_link_shows_when_and_acts_only_when_a_button_is_pressed(harbour, ana, monday, client):
    visit = harbour.book(TEN_DAYS, ana)
    monday.move_to(TEN_DAYS - DAY)
    remind()
    address = link_of()
    assert address in mail.outbox[-1].body
    page = client.get(address)
    words = page.content.decode()
    assert "Thursday 3 December 2026, 10:00" in words
    assert not re.search(r"\b(Ana|Costa|Lee|Harbour|House)\b|Visit [0-9a-f]{6}", words)
    assert (page["Referrer-Policy"], page["Cache-Control"], page["X-Robots-Tag"]) == (
        "no-referrer", "no-store", "noindex",
    )  # fmt: skip
    visit.refresh_from_db()
    assert (visit.status, reminders.is_confirmed(visit)) == (Status.BOOKED, False)
    assert Client(enforce_csrf_checks=True).post(address, {"cancel": "1"}).status_code == 403


def test_to_confirm_twice_is_once_and_stands_on_the_list(harbour, ana, monday, client):
    visit = harbour.book(TEN_DAYS, ana)
    monday.move_to(TEN_DAYS - DAY)
    remind()
    before = Event.objects.count()
    for _twice in range(2):
        assert "you said that you will come" in client.post(link_of(), {"confirm": "1"}, follow=True).content.decode()
    assert reminders.is_confirmed(visit)
    assert Event.objects.count() == before + 1


def test_to_cancel_says_what_it_costs_and_is_the_patient_s_own(harbour, ana, monday, client):
    harbour.kind.free_cancel_hours, harbour.kind.late_fee_percent = 48, 50
    harbour.kind.save()
    visit = harbour.book(TEN_DAYS, ana)
    monday.move_to(TEN_DAYS - DAY)
    remind()
    address = link_of()
    assert "of the price of 80.00" in client.get(address).content.decode()
    for _twice in range(2):
        assert "This appointment is cancelled" in client.post(address, {"cancel": "1"}, follow=True).content.decode()
    change = visit.changes.get(after=Status.CANCELLED)
    assert (change.by, change.because) == (ana.user, "cannot-come")
    assert client.post(address, {"confirm": "1"}).status_code == 409


def test_a_moved_visit_s_link_tells_no_new_time(harbour, ana, monday, client):
    visit = harbour.book(TEN_DAYS, ana)
    monday.move_to(TEN_DAYS - THREE_DAYS)
    remind()
    harbour.move(visit, TEN_DAYS + timedelta(days=1), ana)
    words = client.get(link_of()).content.decode()
    assert "at another time now" in words
    assert "December" not in words


def test_links_that_are_over_or_made_up_say_so_in_the_same_words(harbour, ana, monday, client):
    harbour.book(TEN_DAYS, ana)
    monday.move_to(TEN_DAYS - DAY)
    remind()
    address = link_of()
    monday.move_to(TEN_DAYS)
    pages = [client.get(address), *(client.get(reverse("front:visit-reminder", args=[bad])) for bad in ("x", "A" * 43))]
    assert {page.status_code for page in pages} == {404}
    assert all("leads to nothing ahead" in page.content.decode() for page in pages)
    assert client.post(address, {"cancel": "1"}).status_code == 404


def test_the_tables_make_no_link(harbour, ana, monday):
    harbour.book(TEN_DAYS, ana)
    monday.move_to(TEN_DAYS - DAY)
    remind()
    for row in Reminder.objects.all():
        assert reminders.token(row.pk) not in str(Reminder.objects.values().get(pk=row.pk))


def test_hours_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("REMINDER_HOURS", "48, 2")
    assert environment.reminding().hours == (48, 2)
    for wrong in ("soon", "0", "-3", "99999"):
        monkeypatch.setenv("REMINDER_HOURS", wrong)
        with pytest.raises(environment.ImproperlyConfigured):
            environment.reminding()
