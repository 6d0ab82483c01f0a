"""Pages by which a record leaves, in a real Chromium: each width, axe, and the page that opens a link by its key."""

import base64
import json
import re
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests import people
from tests.browser.conftest import HOST, Window
from tests.clinician.conftest import allergy, lab, medicine, problem, put
from tests.patient.conftest import browser_of
from tests.patient.test_rights_pages import form

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
HOSTILE = '<img src=x onerror="document.title=1"> & <script>document.title=2</script>'


@pytest.fixture
def ana(db, settings):
    settings.SITE_URL = HOST
    people.prepare_ground()
    person = people.patient("Ana Costa")
    put(
        person,
        lab("Glucose", "154", "2026-10-01", word="H"),
        allergy("Penicillin"),
        medicine("Metformin 500 mg"),
        problem("ربو الأطفال"),
        problem(HOSTILE),
        problem("Depressive episode", sensitive="PSY"),
    )
    return person


def kept(answers: dict, address: str, response, *, expected: int = 200) -> None:
    assert response.status_code == expected, (address, response.status_code)
    answers[address] = (dict(response.headers), response.content)


def link(browser, **more) -> tuple[str, str, bytes, dict]:
    """Return a link's address behind the host, its passcode, and the page that showed both."""
    shown = browser.post(reverse("patient:health-link-new"), form(**more))
    page = shown.content.decode()
    fragment = re.search(r"/shl/(#shlink:/[\w-]+)", page)[1]
    return fragment, re.search(r'class="said">([\d ]+)<', page)[1], shown.content, dict(shown.headers)


@pytest.fixture
def pages(ana):
    """Return every page of a record's leaving, as the server answers it."""
    browser, answers = browser_of(ana), {}
    for name in ("summary", "take-along", "whole", "health-links", "health-link-new"):
        kept(answers, reverse(f"patient:{name}"), browser.get(reverse(f"patient:{name}")))
    kept(answers, reverse("front:health-link"), Client().get(reverse("front:health-link")))
    everything = {"ordinary": ["basic", "history", "labs", "treatment"], "sensitive": ["mental-health"], "show": "1"}
    kept(answers, "/summary-shown/", browser.post(reverse("patient:summary"), everything))
    kept(answers, "/nothing-ticked/", browser.post(reverse("patient:summary"), {"show": "1"}))
    kept(answers, "/unsure/", browser.post(reverse("patient:health-link-new"), form(sensitive=["genetic"])))
    asked = {"passphrase": people.PASSPHRASE, "once": str(uuid.uuid4())}
    ready = browser.post(reverse("patient:whole"), asked)["Location"]
    kept(answers, ready, browser.get(ready))
    browser.post(ready).getvalue()
    kept(answers, "/gone/", browser.get(ready), expected=404)
    _fragment, _passcode, content, headers = link(browser, purpose="Dentist in Porto")
    answers["/made/"] = (headers, content)
    listed = browser.get(reverse("patient:health-links"))
    kept(answers, "/listed/", listed)
    stop = re.search(r'href="([^"]+/stop/)"', listed.content.decode())[1]
    kept(answers, stop, browser.get(stop))
    return answers


def test_every_page_fits_each_width_and_axe_finds_nothing(pages, open_window):
    window = open_window(pages)
    for width in (1200, 390, 320):
        shown = [window.show(path, width=width, axe=width != 320) for path in pages]
        assert [complaint for one in shown for complaint in one.complaints] == []
        assert [violation for one in shown for violation in one.violations] == []
        assert [path for path, one in zip(pages, shown, strict=True) if one.too_wide > 0] == []


# --- The viewer ------------------------------------------------------------------------------------
@pytest.fixture
def told(ana, request):
    """A link, and what the server answers to each passcode that will be typed; the right one alone unless said."""
    how = dict(getattr(request, "param", {}))
    wrong = how.pop("wrong", 0)
    fragment, passcode, _content, _headers = link(browser_of(ana), **how)
    payload = _payload(fragment)
    path = urlsplit(payload["url"]).path
    answers = []
    for one in ["wrong"] * wrong or [passcode.replace(" ", "")]:
        body = json.dumps({"recipient": "Dr Silva, Porto", "passcode": one})
        answer = Client().post(path, body, content_type="application/json")
        answers.append((answer.status_code, dict(answer.headers), answer.content))
    page = Client().get(reverse("front:health-link"))
    return fragment, payload, answers, (dict(page.headers), page.content)


@dataclass
class Viewer:
    """A window in which a link was opened, what it asked for, and every address it sent."""

    page: Page
    payload: dict
    asked: list = field(default_factory=list)
    sent: list = field(default_factory=list)

    def fill(self, passcode: str = "123 456") -> None:
        self.page.get_by_label("Who are you?").fill("Dr Silva, Porto")
        self.page.get_by_label("The passcode you were told").fill(passcode)
        self.page.get_by_role("button", name="Show the summary").click()


@pytest.fixture
def viewer(told, open_window):
    fragment, payload, answers, shown = told
    window = open_window({reverse("front:health-link"): shown})
    view = Viewer(window.page, payload)

    def manifest(route):
        view.asked.append(route.request.post_data)
        status, headers, content = answers[len(view.asked) - 1]
        route.fulfill(status=status, headers=headers, body=content)

    window.page.context.route(f"**{urlsplit(payload['url']).path}", manifest)
    window.page.on("request", lambda request: view.sent.append(request.url))
    window.page.goto(HOST + reverse("front:health-link") + fragment)
    return view


def _payload(fragment: str) -> dict:
    code = fragment.removeprefix("#shlink:/")
    return json.loads(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)))


@pytest.mark.parametrize("told", [{"ordinary": ["history", "labs"]}], indirect=True)
def test_the_key_opens_the_summary_in_the_browser_and_is_sent_nowhere(viewer):
    page, complaints = viewer.page, []
    page.on("console", lambda said: complaints.append(said.text))
    viewer.fill()
    page.get_by_role("heading", name="International Patient Summary").wait_for()
    words = page.inner_text("main")
    for said in ("Penicillin", "154", "ربو الأطفال", "Ana Costa", "opened by Dr Silva, Porto"):
        assert said in words
    assert "Metformin" not in words
    assert json.loads(viewer.asked[0]) == {"recipient": "Dr Silva, Porto", "passcode": "123456"}
    assert not [address for address in viewer.sent if viewer.payload["key"] in address]
    assert "shlink" not in page.url
    assert complaints == []


def test_what_stands_in_a_record_runs_nothing(viewer):
    page = viewer.page
    title = page.title()
    viewer.fill()
    page.get_by_text("<script>document.title=2</script>").wait_for()
    assert page.title() == title
    assert page.locator("[data-sections] img, [data-sections] script").count() == 0


def test_it_only_shows_unless_the_patient_lets_them_save(viewer):
    viewer.fill()
    viewer.page.get_by_role("heading", name="Allergies").wait_for()
    assert not viewer.page.get_by_role("button", name="Save the file").is_visible()


@pytest.mark.parametrize("told", [{"may_keep": "on"}], indirect=True)
def test_where_the_patient_lets_them_the_file_is_saved(viewer):
    viewer.fill()
    with viewer.page.expect_download() as waiting:
        viewer.page.get_by_role("button", name="Save the file").click()
    assert json.loads(waiting.value.path().read_bytes())["type"] == "document"


@pytest.mark.parametrize("width", [1200, 390, 320])
def test_the_summary_it_shows_fits_each_width_and_axe_finds_nothing(viewer, open_window, width):
    window = Window(viewer.page, {})
    viewer.page.set_viewport_size({"width": width, "height": 900})
    viewer.fill()
    viewer.page.get_by_role("heading", name="Allergies").wait_for()
    assert viewer.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert window._axe() == []


@pytest.mark.parametrize("told", [{"wrong": 1}], indirect=True)
def test_a_wrong_passcode_says_how_many_tries_are_left_and_may_be_typed_again(viewer):
    viewer.fill()
    viewer.page.get_by_text("Tries left: 4").wait_for()
    expect(viewer.page.locator("#passcode")).to_be_focused()


@pytest.mark.parametrize("told", [{"wrong": 5}], indirect=True)
def test_a_link_that_is_over_says_so(viewer):
    for left in (4, 3, 2, 1):
        viewer.fill()
        viewer.page.get_by_text(f"Tries left: {left}").wait_for()
    viewer.fill()
    viewer.page.get_by_text("This link leads nowhere any more").wait_for()
    assert not viewer.page.get_by_label("Who are you?").is_visible()


@pytest.fixture
def empty(ana):
    """The viewer's page alone."""
    answer = Client().get(reverse("front:health-link"))
    return {reverse("front:health-link"): (dict(answer.headers), answer.content)}


@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        ("", "There is no link in this address"),
        ("#shlink:/eyJ1cmwiOiJ4In0", "There is no link in this address"),
        ("#shlink:/e30&", "There is no link in this address"),
    ],
)
def test_half_a_link_is_told_what_to_do(empty, open_window, fragment, words):
    page = open_window(empty).page
    page.goto(HOST + reverse("front:health-link") + fragment)
    page.get_by_text(words).wait_for()


def test_a_browser_that_runs_no_scripts_says_what_to_do_instead(empty, open_window):
    window = open_window(empty)
    page = window.page.context.browser.new_context(java_script_enabled=False).new_page()
    page.route("**/*", window.answer)
    page.goto(HOST + reverse("front:health-link"))
    assert page.get_by_text("your browser runs no scripts here").is_visible()
    assert not page.get_by_label("Who are you?").is_visible()
