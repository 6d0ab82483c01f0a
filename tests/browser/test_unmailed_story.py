"""Somebody without e-mail: two at the desk print their halves, she signs up on a telephone, in a real browser."""

import re
from types import SimpleNamespace

import pytest
from django.db import connections
from django.urls import reverse

from ehr.accounts.models import User
from ehr.notices import operations as notices
from ehr.notices import tasks
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as clinician_browser
from tests.front import losing, paper
from tests.front.conftest import PASSPHRASE, Browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
PAPERS = "admin:accounts_paperinvitation_changelist"
TELEPHONE = {"width": 390, "height": 844}


@pytest.fixture
def ground(db):
    """Two at the desk, a doctor, and Mona's telephone."""
    people.prepare_ground()
    lee = people.clinician("Mei Lee")
    return SimpleNamespace(
        connection=connections["default"],
        iris=losing.staff("Iris Park"),
        vera=losing.staff("Vera Stone"),
        lee=clinician_browser(lee),
        begin=lee.user.pk,
        mona=Browser(),
    )


@pytest.fixture
def told(ground):
    """Mona used her paper, and something happened that should not wait."""
    sheet = paper.made(ground.iris, ground.vera)
    paper.used(ground.mona, sheet)
    notices.notify(User.objects.get(sign_in_name=sheet.name), "emergency-access", key="x")
    tasks.deliver()


def test_two_at_the_desk_print_a_paper_and_she_signs_up_on_a_telephone(ground, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        iris, vera, mona = (at_a_window(one) for one in (ground.iris, ground.vera, ground.mona))
        first = _slip(iris)
        found = iris.found()
        name, second = _sheet(vera)
        found += vera.found()
        _print(vera)
        mona.page.set_viewport_size(TELEPHONE)
        mona.go("/sign-in/")
        mona.follow("Use it here")
        found += mona.found()
        mona.page.set_viewport_size(TELEPHONE)
        mona.fill(name=name.upper(), first=first.lower(), second="0000-0000", passphrase=PASSPHRASE)
        mona.press("Go on")
        assert "do not open anything" in mona.page.inner_text("body")
        mona.fill(second=second, passphrase=PASSPHRASE)
        mona.press("Go on")
        _record(mona)
        found += mona.found()
        _lets_in(mona, ground.begin)
        lee = at_a_window(ground.lee)
        lee.go(reverse("clinician:chart", args=[mona.asked(lambda: User.objects.get(sign_in_name=name).patient.pk)]))
        assert "Mona Duarte" in lee.page.inner_text("body")
        mona.go(reverse("patient:looked"))
        assert "Dr Mei Lee" in mona.reads()
        mona.go("/account/email/")
        assert name in mona.reads()
        found += mona.found()
        found += _adds_an_address(mona)
        mona.go("/account/")
        assert found + mona.found() == []
        assert [one for one in iris.complaints + vera.complaints + mona.complaints if "404" not in one] == []


def test_what_must_reach_her_is_printed_at_the_desk_and_noted(ground, told, open_window):
    with stage(open_window, ground.connection) as at_a_window:
        iris = at_a_window(ground.iris)
        iris.go(reverse("admin:index"))
        iris.follow("To tell by letter or telephone")
        found = iris.found()
        iris.follow("Mona Duarte")
        found += iris.found()
        iris.press("Print the letter")
        assert "Rua da Praia 4" in iris.reads()
        assert "emergency" not in iris.reads().casefold()
        found += iris.found()
        iris.follow("Go on")
        iris.tick("letter")
        iris.press("They were told")
        iris.go(reverse("admin:accounts_postaladdress_changelist"))
        found += iris.found()
        iris.follow("Mona Duarte")
        assert "Begin a paper for a new passphrase" in iris.page.inner_text("body")
        assert found + iris.found() == []
        assert [one for one in iris.complaints if "404" not in one] == []


def _slip(iris) -> str:
    """Begin a paper as the first of two; return the half on the slip."""
    iris.go(reverse(PAPERS))
    iris.follow("Begin a paper")
    assert iris.found() == []
    iris.fill(name=paper.NAME, number=paper.NUMBER, reach=paper.REACH)
    iris.tick("passport")
    iris.press("Begin a paper")
    return iris.page.locator(".code-to-show").first.inner_text().strip()


def _sheet(vera) -> tuple[str, str]:
    """See the same person as the second; return the name and the half on the sheet."""
    vera.go(reverse(PAPERS))
    vera.follow("Mona Duarte")
    assert vera.found() == []
    vera.page.locator("[name=confirm-number]").fill(paper.NUMBER)
    vera.tick("passport")
    vera.press("I saw this person and their document")
    name, second = vera.page.locator(".code-to-show").all_inner_texts()
    return name.strip(), second.strip()


def _print(vera) -> None:
    """The sheet fits on one page of paper, and what is for the desk alone is not on it."""
    vera.page.emulate_media(media="print")
    assert not vera.page.locator(".on-screen").is_visible()
    assert vera.page.locator("svg.qr").is_visible()
    assert len(re.findall(rb"/Type\s*/Page\b", vera.page.pdf(format="A4"))) == 1
    vera.page.emulate_media(media="screen")


def _record(mona) -> None:
    """Say who the record is about, and write down the recovery code."""
    mona.fill(name=paper.NAME, birth_date="1941-03-25", number=paper.NUMBER)
    mona.page.locator("main [name=sex]").select_option("female")
    mona.page.locator("main [name=system]").select_option(paper.IDENTITY["system"])
    mona.press("Begin")
    groups = mona.page.locator("main code").all_inner_texts()
    mona.follow("I have written it down")
    for field in mona.page.locator("main input.code").all():
        field.fill(groups[int(field.get_attribute("name").removeprefix("group_")) - 1])
    mona.page.locator("main button[type=submit]").first.click()
    mona.settled()


def _adds_an_address(mona) -> list[str]:
    """Add an e-mail address by its letter; return what axe finds on the way."""
    mona.fill(email="mona@example.org")
    mona.press("Send a letter to it")
    mona.go(mona.asked(lambda: mona.client.open_mail("account/email")))
    found = mona.found()
    mona.fill(passphrase=PASSPHRASE)
    mona.press("Add it")
    mona.go("/account/email/")
    assert "Take the e-mail address away" in mona.reads()
    return found + mona.found()


def _lets_in(mona, reader) -> None:
    """Let a doctor see lab results for a week."""
    mona.go(reverse("patient:find") + "?words=Lee")
    mona.page.locator(f"form[action$='{reader}/'] button").first.click()
    mona.settled()
    mona.tick("labs")
    mona.page.locator("main button[type=submit]").last.click()
    mona.settled()
    mona.tick("week")
    mona.page.locator("main button[type=submit]").last.click()
    mona.settled()
    mona.page.locator("main button[type=submit]").last.click()
    mona.settled()
    assert "Mei Lee" in mona.reads()
