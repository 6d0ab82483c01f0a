"""Every page of the patient's portal, as a real browser shows it: wide, narrow, and to those who do not see it."""

import re

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import expect

from audit import checkpoints, sequencer
from audit import queries as log
from consent import access
from consent.sharing import asking, grants
from ehr.words import Action, Category, Purpose
from tests import people
from tests.patient.conftest import browser_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
LONG = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschafers Hubert"
LARGEST_KILOBYTES = 100


@pytest.fixture
def pages(db):
    """Return Ana's pages as the server answers them: a record with a past, people, requests, refusals."""
    people.prepare_ground()
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    omar, hubert = people.clinician("د. عمر حداد"), people.clinician(LONG)
    browser = browser_of(ana)
    for upper in ("128", "133", "141"):
        answers = {"upper": upper, "lower": "82", "at": f"2026-0{upper[-1]}-20T08:00", "note": "after lunch"}
        browser.post(reverse("patient:add-reading", args=["blood-pressure"]), answers)
    browser.post(reverse("patient:add-note"), {"title": "Headaches", "words": "Since Monday."})
    kept = people.give(ana, lee, Category.LABS)
    people.give(ana, hubert, Category.HISTORY, actions=(Action.READ, Action.WRITE))
    grants.end(people.give(ana, omar), keyring=ana.keyring, by=access.own_party(ana.patient))
    access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    with pytest.raises(access.AccessDenied):
        access.open_chart(ana.patient, reader=omar.user, keyring=omar.keyring, purpose=Purpose.TREAT)
    asked = asking.ask(
        ana.patient,
        reader=omar.user,
        keyring=omar.keyring,
        categories=[Category.LABS, Category.GENETIC],
        actions=[Action.READ, Action.WRITE],
        days=45,
        words="Before your visit on Monday.",
    )
    while sequencer.sequence():
        pass
    checkpoints.sign()
    event = log.story(ana.patient.pk)[0].event_id
    draft = re.search(r"new/([0-9a-f-]{36})/", browser.post(reverse("patient:begin", args=[lee.user.pk]))["Location"])[
        1
    ]
    answers = prepared(browser, "patient:share-what", draft)
    browser.post(reverse("patient:share-what", args=[draft]), {"ordinary": ["labs"], "sensitive": ["genetic"]})
    answers |= prepared(browser, "patient:share-until", draft)
    browser.post(reverse("patient:share-until", args=[draft]), {"span": "month"})
    answers |= prepared(browser, "patient:share-confirm", draft)
    for name in ("home", "record", "add", "add-note", "add-file", "sharing", "requests", "find", "code", "looked"):
        answers |= prepared(browser, f"patient:{name}")
    for name in ("questions", "check", "referrals", "emergencies", "delegates", "delegate-name", "kept-out"):
        answers |= prepared(browser, f"patient:{name}")
    for name in ("share-narrow", "share-entries"):
        answers |= prepared(browser, f"patient:{name}", draft)
    for part in Category:
        answers |= prepared(browser, "patient:category", part)
    for name in ("grant", "change", "mandate-new", "stop"):
        answers |= prepared(browser, f"patient:{name}", kept.pk)
    answers |= prepared(browser, "patient:ask", event)
    answers |= prepared(browser, "patient:answer", asked.pk)
    answers |= prepared(browser, "patient:add-reading", "blood-sugar")
    sent_back = browser.post(reverse("patient:add-reading", args=["pulse"]), {"value": "9000"})
    answers["/sent-back/"] = (dict(sent_back.headers), sent_back.content)
    missing = browser.get("/patient/nothing-here/")
    answers["/missing/"] = (dict(missing.headers), missing.content)
    return answers


def prepared(browser, name, *args):
    """Return a page's address with its answer."""
    address = reverse(name, args=args)
    response = browser.get(address)
    assert response.status_code == 200, address
    return {address: (dict(response.headers), response.content)}


def test_every_page_fits_each_width_and_axe_finds_nothing(pages, open_window):
    window = open_window(pages)
    for width in (1200, 390, 320):
        shown = [window.show(path, width=width, axe=width != 320) for path in pages]
        assert [complaint for one in shown for complaint in one.complaints] == []
        assert [violation for one in shown for violation in one.violations] == []
        assert [path for path, one in zip(pages, shown, strict=True) if one.too_wide > 0] == []


def test_a_first_page_weighs_at_most_100_kilobytes(pages, open_window):
    sizes = {
        path: open_window(pages).show(path, width=1200).kilobytes for path in (reverse("patient:home"), "/missing/")
    }
    assert {path: size for path, size in sizes.items() if size > LARGEST_KILOBYTES} == {}
    assert min(sizes.values()) > 40  # the fonts were counted


def test_what_is_to_be_corrected_has_the_focus(pages, open_window):
    window = open_window(pages)
    window.show("/sent-back/", width=1200)
    expect(window.page.locator(".errors")).to_be_focused()  # with the first picture, which may come after "load"
    window.page.keyboard.press("Tab")
    window.page.keyboard.press("Enter")
    expect(window.page.locator("#id_value")).to_be_focused()


def test_the_first_key_leads_to_the_main_content(pages, open_window):
    window = open_window(pages)
    window.show(reverse("patient:home"), width=1200)
    window.page.keyboard.press("Tab")
    expect(window.page.get_by_text("Skip to main content")).to_be_focused()
    window.page.keyboard.press("Enter")
    expect(window.page.locator("#main")).to_be_focused()


def test_a_browser_that_runs_no_scripts_shows_the_same_page(pages, open_window):
    window = open_window(pages)
    page = window.page.context.browser.new_context(java_script_enabled=False).new_page()
    page.route("**/*", window.answer)
    page.goto("http://localhost:1" + reverse("patient:check"))
    assert not page.get_by_role("button", name="Check my list now").is_visible()
    assert page.get_by_text("Use the two files below").is_visible()


@pytest.mark.parametrize("folder", ["", "parts", "patient"])
def test_no_template_holds_style_or_script_of_its_own(folder):
    for file in (settings.BASE_DIR / "templates" / folder).glob("*.html"):
        source = file.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", source), file.name
        assert not re.search(r"<script(?![^>]*\ssrc=)", source), file.name
