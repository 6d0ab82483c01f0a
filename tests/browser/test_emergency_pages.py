"""Emergencies in a real browser, on both sides: the pages as they look, and the story walked from one to the other."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from consent import emergency
from consent.models import Emergency
from ehr.words import Category
from providers.roles import Role
from tests import people
from tests.browser.conftest import Answers
from tests.clinician.conftest import allergy, browser_of, lab, medicine, problem, put
from tests.consent import urgent

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
LARGEST_KILOBYTES = 100
WIDTHS = (1200, 390, 320)
WORDS = "Found unconscious at the harbour; looking for blood thinners and allergies before we operate."


def filled(**changed):
    return {
        "once": str(uuid.uuid4()),
        "reason": "unconscious",
        "words": WORDS,
        "attested": "on",
        "passphrase": people.PASSPHRASE,
    } | changed


@pytest.fixture
def everybody(db):
    people.prepare_ground()
    ana, doctor = people.patient("Ana Costa"), people.clinician("Omar Haddad", role=Role.EMERGENCY)
    put(
        ana,
        medicine("Warfarin 5 mg"),
        lab("Potassium", "6.1", "2026-10-01", unit="mmol/L", low="3.5", high="5.1", code="2823-3", word="HH"),
        problem("Asthma"),
        problem("Depressive episode", sensitive="PSY"),
        allergy("Penicillin"),
    )
    return ana, doctor, urgent.officer()


@pytest.fixture
def pages(everybody, settings):
    """Return the pages of an emergency from the find to the review, as the server answers them."""
    ana, doctor, petra = everybody
    settings.OPT_OUTS_PREVAIL_IN_EMERGENCY = True
    theirs, hers = Answers(browser_of(doctor)), Answers(browser_of(ana, second_step=False))
    find, page = reverse("clinician:emergency-find"), reverse("clinician:emergency", args=[ana.patient.pk])
    chart = reverse("clinician:chart", args=[ana.patient.pk])
    hers.get(reverse("patient:emergencies"), at="/patient/emergencies/none/")
    theirs.get(find)
    theirs.post(find, {"name": "Ana Cost", "birth_date": "1984-05-03"}, "wrong/")
    theirs.client.post(find, {"name": "Ana Costa", "birth_date": "1984-05-03"})
    theirs.get(page)
    theirs.post(page, filled(words="short", passphrase=""), "wrong/")
    emergency.name_contact(ana.patient, name="Rui Costa", email="rui@example.org")
    theirs.client.post(page, filled())
    theirs.get(chart)
    theirs.get(reverse("clinician:section", args=[ana.patient.pk, "medicines"]))
    theirs.get(reverse("clinician:home"))
    emergency.opt_out(ana.patient, Category.GENETIC)
    hers.get(reverse("patient:home"))
    hers.get(reverse("patient:looked"))
    hers.get(reverse("patient:emergencies"))
    opened = Emergency.objects.get()
    emergency.end(opened, by=ana.user, keyring=ana.keyring)
    theirs.get(chart, expected=403, at=f"{chart}over/")
    emergency.review(opened, by=petra.user, outcome="unjustified", words="Nothing on the ward's list was urgent then.")
    hers.get(reverse("patient:emergencies"), at="/patient/emergencies/reviewed/")
    return theirs.answers | hers.answers


def test_every_page_of_an_emergency_fits_each_width_is_light_and_axe_finds_nothing(pages, open_window):
    window = open_window(pages)
    for width in WIDTHS:
        shown = {path: window.show(path, width=width, axe=width != 320) for path in pages}
        assert [complaint for one in shown.values() for complaint in one.complaints] == []
        assert [violation for one in shown.values() for violation in one.violations] == []
        assert {path: one.too_wide for path, one in shown.items() if one.too_wide > 0} == {}
        assert {path: one.kilobytes for path, one in shown.items() if one.kilobytes > LARGEST_KILOBYTES} == {}


def test_the_band_stays_in_sight_the_mark_lets_clicks_through_and_the_countdown_counts(pages, open_window):
    window = open_window(pages)
    chart = next(path for path in pages if path.endswith("/") and "/patients/" in path and path.count("/") == 4)
    window.show(chart, width=1200)
    page = window.page
    assert page.locator("[data-countdown]").inner_text().startswith("3 h 5")
    page.evaluate("window.scrollTo(0, 600)")
    assert page.locator(".urgent").bounding_box()["y"] < 5
    assert page.locator(".watermark li").count() == 12
    page.get_by_role("link", name="Problems").click()
    assert page.get_by_role("button", name="End it now").is_visible()


def test_where_no_script_runs_the_band_says_until_when(pages, open_window):
    window = open_window(pages)
    chart = next(path for path in pages if path.endswith("/") and "/patients/" in path and path.count("/") == 4)
    page = window.page.context.browser.new_context(java_script_enabled=False).new_page()
    page.route("**/*", window.answer)
    page.goto("http://localhost:1" + chart)
    assert "without the patient’s leave until" in page.locator(".urgent").inner_text()
    assert "3 hours left" in page.locator(".urgent").inner_text()


def test_at_the_end_of_its_time_the_page_empties_itself(pages, open_window):
    window = open_window(pages)
    chart = next(path for path in pages if path.endswith("/") and "/patients/" in path and path.count("/") == 4)
    page = window.page
    page.clock.install()
    page.goto("http://localhost:1" + chart)
    assert "Potassium" in page.locator("main").inner_text()
    window.answers = window.answers | {chart: window.answers[f"{chart}over/"]}
    page.clock.run_for(timedelta(hours=4) // timedelta(milliseconds=1))
    page.get_by_role("heading", name="Your emergency access is over").wait_for()
    assert "Potassium" not in page.locator("main").inner_text()


@pytest.fixture
def walked(everybody):
    """Return what the server answers as the story goes on, and the address of each step."""
    ana, doctor, _petra = everybody
    theirs, hers = Answers(browser_of(doctor)), Answers(browser_of(ana, second_step=False))
    find = {"name": "Ana Costa", "birth_date": "1984-05-03"}
    why = theirs.client.post(reverse("clinician:emergency-find"), find).url
    theirs.get(why)
    chart = theirs.client.post(why, filled()).url
    theirs.get(chart)
    hers.get(reverse("patient:home"))
    hers.get(reverse("patient:emergencies"))
    end = reverse("patient:emergency-end", args=[Emergency.objects.get().pk])
    hers.answers["/ended/"] = ({"Content-Type": "text/html; charset=utf-8"}, hers.client.post(end, follow=True).content)
    theirs.get(chart, expected=403, at="/over/")
    return theirs.answers | hers.answers, why, chart


def test_the_story_from_the_ward_to_the_patient_and_back(walked, open_window):
    """Given Ana, whom nobody can ask; when Dr Haddad opens her record; then she reads why, ends it, and it is over."""
    answers, why, chart = walked
    window = open_window(answers)
    page = window.page
    window.show(why, width=390)
    assert page.get_by_role("button", name="Open the record and tell Ana Costa").is_visible()
    assert page.get_by_label("I need this record to care for this person now", exact=False).is_checked() is False
    window.show(chart, width=390)
    assert page.get_by_text("Warfarin 5 mg").first.is_visible()
    window.show("/patient/", width=390)
    page.get_by_role("link", name="See why, or end it").click()
    page.wait_for_load_state()
    assert page.get_by_text(WORDS, exact=False).is_visible()
    assert page.get_by_role("button", name="End it now").is_visible()
    window.show("/ended/", width=390)
    assert page.get_by_text("It has ended").is_visible()
    window.show("/over/", width=390)
    assert page.get_by_role("link", name="Give the reason anew").is_visible()


@pytest.fixture
def overdue(everybody):
    """Return Ana's page an hour after the review was due."""
    ana, doctor, _petra = everybody
    came = urgent.opened(ana.patient, doctor)
    with time_machine.travel(came.emergency.review_due_at + timedelta(hours=1)):
        hers = Answers(browser_of(ana, second_step=False))
        hers.get(reverse("patient:emergencies"))
    return hers.answers


def test_an_overdue_review_is_said_in_words_and_colour(overdue, open_window):
    (path,) = overdue
    window = open_window(overdue)
    window.show(path, width=1200)
    assert window.page.locator(".tag.stop", has_text="Review overdue").is_visible()
