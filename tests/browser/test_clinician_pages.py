"""Every page of the clinician's portal, as a real browser shows it: wide, narrow, and to those who do not see it."""

import uuid

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from consent import access
from consent.sharing import answering, asking, grants
from ehr.words import Category
from tests import people
from tests.clinician.conftest import READ_AND_WRITE, allergy, browser_of, lab, medicine, problem, put

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
LONG = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschafers Hubert"
WIDTHS = (1200, 390, 320)
LARGEST_KILOBYTES = 100


class Kept:
    """A browser whose answers are kept under made-up paths, for pages that come of a POST."""

    def __init__(self, person: people.Person) -> None:
        self.client = browser_of(person)
        self.answers: dict[str, tuple[dict[str, str], bytes]] = {}

    def get(self, path: str, expected: int = 200) -> None:
        self.keep(path, self.client.get(path), expected)

    def post(self, path: str, data: dict, name: str) -> None:
        self.keep(f"{path}{name}", self.client.post(path, data), 200)

    def keep(self, path: str, response, expected: int) -> None:
        assert response.status_code == expected, path
        self.answers[path] = (dict(response.items()), response.content)


def prepared_record() -> tuple[people.Person, people.Person, list[uuid.UUID]]:
    """Return Ana, Dr Lee, and what Dr Lee may read and write: a little of everything."""
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    ids = put(
        ana,
        medicine("Metformin 500 mg"),
        lab("Potassium", "6.1", "2026-10-01", unit="mmol/L", low="3.5", high="5.1", code="2823-3", word="HH"),
        lab("Potassium", "4.9", "2026-06-01", unit="mmol/L", low="3.5", high="5.1", code="2823-3"),
        problem("Asthma"),
        problem("Depressive episode", sensitive="PSY"),
        allergy("Penicillin"),
        medicine("Amoxicillin 500 mg", status="stopped"),
    )
    people.give(ana, lee, *Category, actions=READ_AND_WRITE, days=2)
    return ana, lee, ids


@pytest.fixture
def pages(db):
    """Return Dr Lee's pages as the server answers them."""
    people.prepare_ground()
    ana, lee, ids = prepared_record()
    hubert, dee = people.patient(LONG), people.patient("Dee Park")
    put(hubert, lab("Glucose", "154", "2026-10-01", word="H"))
    people.give(hubert, lee, Category.LABS)
    grants.end(people.give(dee, lee, Category.LABS), keyring=dee.keyring, by=access.own_party(dee.patient))
    for person in (hubert, dee):
        asked = asking.ask(
            person.patient, reader=lee.user, keyring=lee.keyring, categories=["history"], days=30, words="For a visit"
        )
    answering.decline(asked)
    kept = Kept(lee)
    add = reverse("clinician:add", args=[ana.patient.pk, "note"])
    kept.client.post(add, {"name": "Cough", "words": "Dry cough since Monday.\n" * 20, "once": uuid.uuid4()})
    for name in ("home", "requests", "code", "credentials", "submit"):
        kept.get(reverse(f"clinician:{name}"))
    for person in (ana, hubert):
        kept.get(reverse("clinician:chart", args=[person.patient.pk]))
    for section in ("results", "notes", "problems", "allergies"):
        kept.get(reverse("clinician:section", args=[ana.patient.pk, section]))
    for kind in ("medicine", "problem", "allergy", "note", "plan"):
        kept.get(reverse("clinician:add", args=[ana.patient.pk, kind]))
    change = reverse("clinician:change", args=[ana.patient.pk, ids[0]])
    for name in ("change", "stop", "mistake"):
        kept.get(reverse(f"clinician:{name}", args=[ana.patient.pk, ids[0]]))
    kept.client.post(change, {"name": "Metformin 500 mg", "how": "evening", "version": "1"})
    kept.post(change, {"name": "Metformin 850 mg", "how": "noon", "version": "1"}, "conflict")
    mistake = reverse("clinician:mistake", args=[ana.patient.pk, ids[3]])
    kept.client.post(mistake, {"version": "1", "reason": "another patient’s"})
    for entry in (ids[0], ids[1], ids[3]):
        kept.get(reverse("clinician:entry", args=[ana.patient.pk, entry]))
    kept.get(reverse("clinician:ask", args=[ana.patient.pk]))
    kept.post(reverse("clinician:ask", args=[ana.patient.pk]), {"once": uuid.uuid4()}, "wrong")
    kept.post(add, {"once": uuid.uuid4()}, "wrong")
    kept.get(reverse("clinician:chart", args=[dee.patient.pk]), expected=403)
    newcomer = Kept(people.account("Uma Unverified"))
    newcomer.get(reverse("clinician:register"))
    newcomer.post(reverse("clinician:register"), {}, "wrong")
    return kept.answers | newcomer.answers


def test_every_page_is_calm_narrow_and_light(pages, open_window):
    window = open_window(pages)
    complaints, wide, heavy = [], {}, {}
    for path in pages:
        for width in WIDTHS:
            shown = window.show(path, width=width)
            complaints += shown.complaints
            if shown.too_wide > 0:
                wide[f"{path} at {width}"] = shown.too_wide
        if shown.kilobytes > LARGEST_KILOBYTES:
            heavy[path] = shown.kilobytes
    assert (complaints, wide, heavy) == ([], {}, {})


def test_axe_finds_nothing(pages, open_window):
    window = open_window(pages)
    found = [one for path in pages for one in window.show(path, width=1200, axe=True).violations]
    found += [one for path in pages for one in window.show(path, width=390, axe=True).violations]
    assert found == []


def test_a_chart_is_walked_by_keyboard_alone(pages, open_window):
    window = open_window(pages)
    path = next(path for path in pages if path.count("/") == 4 and "/patients/" in path)
    window.show(path, width=1200)
    window.page.keyboard.press("Tab")
    expect(window.page.locator(".skip")).to_be_focused()
    reached = set()
    for _ in range(60):
        window.page.keyboard.press("Tab")
        reached.add(
            window.page.evaluate("document.activeElement.getAttribute('href') || document.activeElement.tagName")
        )
    assert {"#allergies", "#results", "SUMMARY"} <= reached
