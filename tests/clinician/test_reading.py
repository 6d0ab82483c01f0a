"""Dr Lee reads what Ana shared: that and nothing else, while it lasts, each look on the log."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from audit import queries as log
from consent.access import add_own, own_party
from consent.sharing import grants
from ehr import clock
from ehr.frame.drafting import draft
from ehr.lines.sentences import CAUTION
from ehr.words import Category
from patients.models import Entry, Manifest
from providers.models import Credential
from tests import people
from tests.clinician.conftest import EVERYTHING, browser_of, lab, medicine, put

pytestmark = pytest.mark.django_db


def chart(person) -> str:
    return reverse("clinician:chart", args=[person.patient.pk])


def entry(person, logical_id, page="entry") -> str:
    return reverse(f"clinician:{page}", args=[person.patient.pk, logical_id])


def section(person, slug) -> str:
    return reverse("clinician:section", args=[person.patient.pk, slug])


def actions(person) -> list[tuple[str, str]]:
    return [(line.action, line.outcome) for line in log.story(person.patient.pk)]


# --- J3 (1): labs only -------------------------------------------------------------------------------
@pytest.mark.privacy
def test_with_labs_only_the_rest_leaves_no_trace(ana, lee, browser, record):
    people.give(ana, lee, Category.LABS)
    assert browser.get(entry(ana, record["Glucose"])).status_code == 200
    for name in ("Depressive episode", "Asthma", "Metformin", "Penicillin"):
        for page in ("entry", "file", "change", "stop", "mistake"):
            assert browser.get(entry(ana, record[name], page)).status_code == 404
    shown = browser.get(chart(ana)).content.decode()
    assert "Glucose" in shown
    for name in ("Depressive", "Asthma", "Metformin", "Penicillin"):
        assert name not in shown
    for slug in ("problems", "medicines", "allergies", "other"):
        assert "Asthma" not in browser.get(section(ana, slug)).content.decode()
    assert "Depressive" not in browser.get(reverse("clinician:home")).content.decode()


@pytest.mark.privacy
def test_a_hidden_version_between_two_leaves_no_gap_in_their_numbers(ana, lee, browser, record):
    people.give(ana, lee, Category.LABS)
    for number, parts in ((2, ("mental-health",)), (3, ("labs",))):
        said = lab("Glucose", f"10{number}.5", "2026-10-01")
        again = draft(ana.patient, said, logical_id=record["Glucose"], version=number)
        add_own(ana.patient, [replace(again, parts=parts)], keyring=ana.keyring)
    shown = browser.get(entry(ana, record["Glucose"]))
    assert [one.number for one in shown.context["versions"]] == [2, 1]
    assert "102.5" not in shown.content.decode()


@pytest.mark.privacy
def test_what_is_withheld_looks_the_same_whether_there_is_something_or_not(ground, lee, browser, record, ana):
    empty = people.patient("Ana Costa")
    put(empty, lab("Glucose", "154", "2026-10-01", word="H"))
    pages, at = [], clock.now()
    for person in (ana, empty):
        grant = people.give(person, lee, Category.LABS, starts=at)
        text = browser.get(chart(person)).content.decode()
        ids = [str(person.patient.pk), str(grant.pk)]
        for one in ids:
            text = text.replace(one, "")
        # The tally of notices counts what this test did, and grows.
        other = ("csrf", "entries/", "data-unread")
        pages.append([line for line in text.splitlines() if not any(word in line for word in other)])
    assert pages[0] == pages[1]


def test_all_six_parts_are_listed_for_everybody(ana, lee, browser, record):
    people.give(ana, lee, Category.LABS)
    parts = browser.get(chart(ana)).context["sheet"].parts
    assert len(parts) == 6
    assert [part.open for part in parts] == [False, False, True, False, False, False]


# --- What a chart says -------------------------------------------------------------------------------
def test_a_chart_says_allergies_first_and_results_with_unit_range_and_word(ana, lee, browser, record):
    people.give(ana, lee, *EVERYTHING)
    put(ana, lab("Glucose", "120", "2026-06-01", word="H"))
    page = browser.get(chart(ana))
    text = page.content.decode()
    assert page.context["sheet"].allergies.text == "Allergies: Penicillin"
    assert text.index("Penicillin") < text.index("Asthma") < text.index("Metformin") < text.index("154, High")
    assert "usual: 70–99" in text
    assert "<svg" in text
    assert "Mental health notes" in text


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((Category.LABS,), "Allergies not shared"),
        ((Category.HISTORY,), "No allergies recorded: ask before you prescribe"),
    ],
)
def test_the_bar_says_what_is_known_about_allergies(ana, lee, browser, parts, said):
    people.give(ana, lee, *parts)
    assert browser.get(chart(ana)).context["sheet"].allergies.text == said


def test_what_is_not_to_be_given_stands_before_the_medicines(ana, lee, browser, record):
    put(ana, medicine("Ibuprofen") | {"doNotPerform": True, "authoredOn": "2001-01-01"})
    people.give(ana, lee, Category.TREATMENT)
    shown = browser.get(chart(ana)).content.decode()
    assert shown.index("Not to be given: Ibuprofen") < shown.index("Metformin 500 mg")


def test_a_result_with_an_unknown_condition_says_so_in_the_table_of_results(ana, lee, browser):
    put(ana, lab("Glucose", "154", "2026-10-01") | {"modifierExtension": [{"url": "urn:x", "valueCode": "y"}]})
    people.give(ana, lee, Category.LABS)
    assert str(CAUTION) in browser.get(chart(ana)).content.decode()


def test_an_altered_entry_is_shown_as_such(ana, lee, browser, record):
    people.give(ana, lee, Category.LABS)
    Manifest.objects.filter(entries__logical_id=record["Glucose"]).update(signature=b"0" * 64)
    assert "signature does not fit" in browser.get(chart(ana)).content.decode()
    Entry.objects.filter(logical_id=record["Glucose"]).update(body=b"\x02" + b"0" * 80)
    text = browser.get(chart(ana)).content.decode()
    assert "cannot be opened" in text
    assert "Glucose" not in text


@pytest.mark.parametrize(
    ("lasts", "said", "soon"),
    [
        (timedelta(days=30, minutes=1), "30 days left", False),
        (timedelta(hours=3, minutes=30), "3 hours left", True),
        (timedelta(minutes=12, seconds=30), "12 minutes left", True),
    ],
)
def test_the_banner_counts_down(ana, lee, browser, record, lasts, said, soon):
    at = clock.now()
    grants.give(
        ana.patient, keyring=ana.keyring, reader=lee.user, categories=[Category.LABS], starts=at, ends=at + lasts
    )
    one = browser.get(chart(ana)).context["sheet"].permissions[0]
    assert (one.parts, one.left, one.soon) == ("lab results and measurements", said, soon)


# --- J3 (2): who, what, why, under which permission --------------------------------------------------
def test_each_deliberate_opening_is_one_line_with_who_what_why_and_permission(ana, lee, browser, record):
    grant = people.give(ana, lee, Category.LABS)
    browser.get(chart(ana))
    browser.get(entry(ana, record["Glucose"]))
    entry_line, chart_line = log.story(ana.patient.pk)[:2]
    assert (chart_line.action, entry_line.action) == ("chart.opened", "entry.opened")
    for line in (chart_line, entry_line):
        assert (line.actor.id, line.actor.role, line.actor.place) == (
            lee.user.pk,
            "primary-physician",
            "Harbour Medical Centre",
        )
        assert (line.categories, line.purpose, line.grant) == (("labs",), "TREAT", grant.pk)


def test_the_list_of_patients_is_one_line_for_each(ana, lee, browser):
    other = people.patient("Ben Okoro")
    for person in (ana, other):
        people.give(person, lee, Category.LABS)
    assert browser.get(reverse("clinician:home")).status_code == 200
    lines = [log.story(person.patient.pk)[0] for person in (ana, other)]
    assert {line.action for line in lines} == {"chart.listed"}
    assert lines[0].page == lines[1].page


def test_a_refusal_is_a_line_too(ana, lee, browser, record):
    grant = people.give(ana, lee, Category.LABS)
    grants.end(grant, keyring=ana.keyring, by=own_party(ana.patient))
    assert browser.get(chart(ana)).status_code == 403
    assert actions(ana)[0] == ("chart.refused", "refused")


@pytest.mark.security
def test_a_stranger_finds_nobody_and_the_try_is_on_the_log(ana, stranger, record):
    browser = browser_of(stranger)
    assert browser.get(chart(ana)).status_code == 404
    assert actions(ana)[0] == ("chart.refused", "refused")
    assert browser.get(reverse("clinician:ask", args=[ana.patient.pk])).status_code == 404


# --- J3 (3): stopped -----------------------------------------------------------------------------------
def test_when_stopped_the_next_request_is_refused_in_every_open_tab(ana, lee, browser, record):
    grant = people.give(ana, lee, *EVERYTHING)
    tabs = [chart(ana), section(ana, "results"), entry(ana, record["Glucose"])]
    second = browser_of(lee)
    assert [browser.get(tab).status_code for tab in tabs] == [200, 200, 200]
    grants.end(grant, keyring=ana.keyring, by=own_party(ana.patient))
    for one in (browser, second):
        for tab in tabs:
            answer = one.get(tab)
            assert answer.status_code == 403
            assert "Glucose" not in answer.content.decode()
            assert "stopped sharing" in answer.content.decode()
            assert "Ask Ana Costa" in answer.content.decode().replace("<bdi>", "").replace("</bdi>", "")


def test_nothing_of_a_chart_stays_in_a_cache(ana, lee, browser, record):
    people.give(ana, lee, Category.LABS)
    for address in (chart(ana), section(ana, "results"), entry(ana, record["Glucose"]), reverse("clinician:home")):
        assert browser.get(address)["Cache-Control"] == "no-store"


# --- J3 (4): the hour it ends ----------------------------------------------------------------------------
def test_a_permission_ends_at_its_instant(ana, lee, browser, record):
    start = clock.now().replace(microsecond=0)
    ends = start + timedelta(minutes=10)
    grants.give(ana.patient, keyring=ana.keyring, reader=lee.user, categories=[Category.LABS], starts=start, ends=ends)
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        assert browser.get(chart(ana)).status_code == 200
    with time_machine.travel(ends + timedelta(seconds=1), tick=False):
        answer = browser.get(chart(ana))
        assert answer.status_code == 403
        assert "is over" in answer.content.decode()


def test_a_permission_that_begins_later_opens_nothing_before(ana, lee, browser, record):
    people.give(ana, lee, Category.LABS, starts=clock.now() + timedelta(days=1))
    answer = browser.get(chart(ana))
    assert answer.status_code == 403
    assert "from a later date" in answer.content.decode()


# --- J3 (5): the licence -----------------------------------------------------------------------------------
def test_with_a_lapsed_licence_nothing_opens_and_nobody_is_listed(ana, lee, browser, record):
    people.give(ana, lee, Category.LABS)
    Credential.objects.filter(clinician__user=lee.user).update(expires_at=clock.now() - timedelta(seconds=1))
    answer = browser.get(chart(ana))
    assert answer.status_code == 403
    assert "licence has expired" in answer.content.decode()
    home = browser.get(reverse("clinician:home"))
    assert home.context["rows"] == []
    assert "Ana Costa" not in home.content.decode()
    assert "licence has expired" in home.content.decode()


# --- J3 (6) and the rest -----------------------------------------------------------------------------------
@pytest.mark.security
def test_with_locked_keys_nothing_opens_and_the_page_leads_to_unlocking(ana, lee, record):
    people.give(ana, lee, Category.LABS)
    answer = browser_of(lee, unlocked=False).get(chart(ana))
    assert answer.status_code == 403
    assert "Glucose" not in answer.content.decode()
    assert f"/unlock/?next={chart(ana).replace('/', '%2F')}" in answer.content.decode()


def test_a_thousand_entries_fold_on_the_first_page(ana, lee, browser):
    put(
        ana,
        *(lab(f"Test {n % 40}", "80", f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}", code=f"X-{n % 40}") for n in range(300)),
    )
    people.give(ana, lee, Category.LABS)
    first = browser.get(chart(ana))
    assert len(first.content) < 100_000
    assert first.context["sheet"].sections[3].folded
    whole = browser.get(section(ana, "results"))
    assert whole.context["page"].paginator.count == 40
    assert browser.get(section(ana, "results") + "?page=2").status_code == 200


def test_the_dashboard_tells_what_is_new_without_opening_it(ana, lee, browser, record):
    people.give(ana, lee, Category.LABS)
    page = browser.get(reverse("clinician:home"))
    assert page.context["rows"][0].news == "New in the last 7 days: 1 in lab results and measurements"
    assert ("chart.opened", "allowed") not in actions(ana)


def test_what_ends_soon_stands_first(ana, lee, browser):
    zoe = people.patient("Zoe Young")
    people.give(ana, lee, Category.LABS, days=60)
    people.give(zoe, lee, Category.LABS, days=3)
    rows = browser.get(reverse("clinician:home")).context["rows"]
    assert [row.reachable.patient.name for row in rows] == ["Zoe Young", "Ana Costa"]
    assert [row.soon for row in rows] == [True, False]
