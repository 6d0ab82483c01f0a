"""However access ends, the next request finds it ended: in every tab, on every page about the patient, in every worker.

Nothing waits and nothing sleeps: an end is committed, and what comes after it is asked.
"""

import ast
import json
import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import queries as log
from consent import access, proofs, tasks
from consent.access import AccessDenied, own_party
from consent.access import reading as reading_room
from consent.models import GrantParcel, Report
from consent.sharing import blocks, grants
from ehr import clock
from ehr.frame.drafting import draft
from ehr.portals.clinician.urls import urlpatterns
from ehr.words import Action, Category, Purpose
from patients.models import Entry
from providers import credentials, institutions
from providers.operations import leave_institution
from tests import people
from tests.clinician.conftest import browser_of, problem

pytestmark = [pytest.mark.django_db, pytest.mark.security]
ROOT = Path(settings.BASE_DIR)
PRODUCT = ("appointments", "audit", "consent", "ehr", "patients", "providers", "research")
WORD, FILE = "Marzipanella", b"%PDF-1.7 marzipan"
FOR_A_PATIENT = "<uuid:patient>"


@dataclass(frozen=True)
class Two:
    """What Ana's record holds: a problem, and a paper with a file."""

    problem: Entry
    paper: Entry


@pytest.fixture
def two(ana):
    """A problem and a paper of Ana's, named by a word that stands nowhere else."""
    paper = {"resourceType": "DocumentReference", "status": "current", "description": WORD}
    paper["content"] = [{"attachment": {"contentType": "application/pdf", "title": WORD, "size": len(FILE)}}]
    drafts = [draft(ana.patient, problem(WORD)), draft(ana.patient, paper, attachment=FILE)]
    return Two(*access.add_own(ana.patient, drafts, keyring=ana.keyring))


@pytest.fixture
def given(ana, lee, two):
    return people.give(ana, lee, *Category, actions=(Action.READ, Action.WRITE))


def addresses(patient, two) -> dict[str, str]:
    """Return every address of the clinicians' portal that is about a patient, by its name."""
    found = {}
    for pattern in urlpatterns:
        # Who looks after whom in a team is the team's business, and nothing of a record is on that page.
        if FOR_A_PATIENT in str(pattern.pattern) and pattern.name != "team-unassign":
            entry = two.paper if pattern.name == "file" else two.problem
            known = {"patient": patient.pk, "logical_id": entry.logical_id, "section": "problems", "kind": "problem"}
            known |= {"to": patient.user_id, "dispensed": two.paper.logical_id}
            unknown = pattern.pattern.converters.keys() - known.keys()
            assert not unknown, f"{pattern.name} is a new page about a patient: say here what {unknown} may be."
            words = {name: known[name] for name in pattern.pattern.converters}
            found[pattern.name] = reverse(f"clinician:{pattern.name}", kwargs=words)
    return found


# --- Ways in which access ends --------------------------------------------------------------------
def patient_stops(given, ana, lee):
    browser = browser_of(ana, second_step=False)
    assert browser.post(reverse("patient:stop", args=[given.pk])).status_code == 302


def patient_stops_with_locked_keys(given, ana, lee):
    grants.end(given, keyring=None, by=own_party(ana.patient))


def patient_blocks(given, ana, lee):
    blocks.block(ana.patient, reader=lee.user)


def licence_is_suspended(given, ana, lee):
    credentials.suspend(lee.user.clinician.credentials.get(), by=None, reason="A doubt")


def institution_leaves(given, ana, lee):
    desk = people.account("Dora Desk", staff=True).user
    desk.user_permissions.add(Permission.objects.get(codename="manage_institution"))
    place = lee.user.clinician.memberships.get().institution
    institutions.end_agreement(place, by=type(desk).objects.get(pk=desk.pk), reason="It closed")


def reader_leaves_the_institution(given, ana, lee):
    leave_institution(lee.user.clinician.memberships.get(), by=lee.user)


def account_is_closed(given, ana, lee):
    type(lee.user).objects.filter(pk=lee.user.pk).update(is_active=False)


def report_is_long_filed(given, ana, lee):
    type(given).objects.filter(pk=given.pk).update(report_days=7)
    Report.objects.create(grant=given, logical_id=uuid.uuid4(), filed_at=clock.now() - timedelta(days=7))


WAYS = (
    patient_stops,
    patient_stops_with_locked_keys,
    patient_blocks,
    licence_is_suspended,
    institution_leaves,
    reader_leaves_the_institution,
    account_is_closed,
    report_is_long_filed,
)


@pytest.mark.parametrize("end", WAYS, ids=lambda end: end.__name__)
def test_no_page_in_any_open_tab_shows_anything_at_the_next_request(given, ana, lee, two, end):
    tabs, browsers = addresses(ana.patient, two), [browser_of(lee), browser_of(lee)]
    shown = {name for name, tab in tabs.items() if tells(browsers[0].get(tab))}
    assert {"chart", "entry", "section", "file"} <= shown
    end(given, ana, lee)
    for browser in browsers:
        for name, tab in tabs.items():
            answer = browser.get(tab)
            assert not tells(answer), name
            assert name not in shown or answer.status_code in {302, 403, 404}, name


def tells(answer) -> bool:
    return WORD.encode() in answer.content or FILE in answer.content


def test_at_the_instant_of_the_end_every_tab_is_closed(given, ana, lee, two):
    tabs = addresses(ana.patient, two)
    browser = browser_of(lee)
    browser.get(tabs["chart"])
    with time_machine.travel(given.ends - timedelta(seconds=1), tick=False) as travelling:
        seen = access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
        assert seen.entries
        travelling.move_to(given.ends)
        with pytest.raises(AccessDenied):
            access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)


def test_a_form_that_was_open_is_not_even_shown_again_to_be_corrected(given, ana, lee):
    browser, address = browser_of(lee), reverse("clinician:add", args=[ana.patient.pk, "problem"])
    assert browser.get(address).status_code == 200
    patient_stops(given, ana, lee)
    answer = browser.post(address, {"once": str(uuid.uuid4()), "remark": "Seen today"})
    assert answer.status_code == 403
    assert "Seen today" in answer.content.decode()


def test_what_was_written_in_a_form_that_was_open_is_refused_and_stays_with_whoever_typed_it(given, ana, lee):
    browser, address = browser_of(lee), reverse("clinician:add", args=[ana.patient.pk, "problem"])
    assert browser.get(address).status_code == 200
    patient_stops(given, ana, lee)
    before = ana.patient.entries.count()
    typed = {"once": str(uuid.uuid4()), "name": "Asthma", "certainty": "confirmed"}
    assert "Asthma" in browser.post(address, typed).content.decode()
    assert ana.patient.entries.count() == before
    assert log.story(ana.patient.pk)[0].action == "entry.refused"


# --- Between the decision and the key -------------------------------------------------------------
@pytest.mark.parametrize("door", ["open_chart", "open_attachment"])
def test_an_end_that_is_committed_after_the_decision_leaves_no_key_to_open_with(
    given, ana, lee, two, monkeypatch, door
):
    decided = reading_room._record_opening

    def ended_meanwhile(*args, **more):
        decided(*args, **more)
        grants.end(given, keyring=ana.keyring, by=own_party(ana.patient))

    monkeypatch.setattr(reading_room, "_record_opening", ended_meanwhile)
    asked = (ana.patient,) if door == "open_chart" else (ana.patient, two.paper)
    with pytest.raises(AccessDenied) as refusal:
        getattr(access, door)(*asked, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    # Nobody tampered with anything, so the officers hear no alarm.
    assert refusal.value.because == "stopped"


# --- Nothing keeps a decision ---------------------------------------------------------------------
def test_each_opening_asks_the_database_anew_for_grants_standing_and_seals(given, ana, lee):
    tables = ("consent_grant", "providers_clinician", "patients_grantseal")

    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
        told = " ".join(one["sql"].lower() for one in queries)
        return [table for table in tables if re.search(rf'(from|join) "?{table}"? ', told)]

    assert asked() == asked() == list(tables)


def test_a_session_remembers_nothing_of_what_was_opened_or_by_which_permission(given, ana, lee, two):
    browser = browser_of(lee)
    for tab in addresses(ana.patient, two).values():
        browser.get(tab)
    kept = json.dumps(dict(browser.session.items()), default=str)
    for one in (given.pk, ana.patient.pk, two.problem.logical_id):
        assert str(one) not in kept
        assert one.hex not in kept


def test_a_browser_is_given_nothing_by_which_to_show_again_what_it_had(given, ana, lee, two):
    browser = browser_of(lee)
    for name, tab in addresses(ana.patient, two).items():
        answer = browser.get(tab)
        assert answer["Cache-Control"] == "no-store", name
        assert not answer.has_header("ETag"), name
        assert not answer.has_header("Last-Modified"), name


@pytest.fixture(scope="module")
def sources() -> list[tuple[str, ast.Module]]:
    found = [path for package in PRODUCT for path in sorted((ROOT / package).rglob("*.py"))]
    return [(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))) for path in found]


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return names


def test_no_room_uses_a_cache_and_those_that_decide_remember_nothing(sources):
    """What may be remembered is what does not depend on who asks: a table of countries, what a day is on clocks of a
    zone, the connection to who takes cards, how a view's expressions are worked out, tables of codes."""
    by_file = {path: imported(tree) for path, tree in sources}
    assert [path for path, names in by_file.items() if "django.core.cache" in names] == []
    remembering = {"functools.cache", "functools.lru_cache"}
    decide = {path for path, names in by_file.items() if names & remembering and not path.startswith("ehr/")}
    tables = {f"research/{one}.py" for one in ("deidentify/codes", "deidentify/rules", "measures/codes")}
    views = {f"research/flatten/{one}.py" for one in ("expressions", "interpreting")}
    assert decide == {"consent/places.py", "appointments/payments/cards.py", "appointments/zones.py"} | tables | views


def test_a_record_leaves_whole_or_not_at_all_for_nothing_of_it_is_streamed(sources):
    """An answer that goes on for minutes would go on after the end. Three do: one tells a number, one is their own copy
    for patients themselves, whom no end concerns, one a table that names nobody."""
    streaming = {"StreamingHttpResponse", "FileResponse"}
    found = {
        path
        for path, tree in sources
        if any(isinstance(node, ast.Name) and node.id in streaming for node in ast.walk(tree))
    }
    assert found == {
        "ehr/portals/front/news.py",
        "ehr/portals/patient/exporting.py",
        "ehr/portals/researcher/releases.py",
    }


# --- Queued work ----------------------------------------------------------------------------------
def test_a_worker_opens_records_for_studies_alone_each_by_a_decision_of_its_own(sources):
    """Who withdraws while a run goes on is not opened: tests/research/test_releases.py."""
    opening = {"open_chart", "open_own", "open_attachment", "read", "read_attachment"}
    called = {
        (path, getattr(node.func, "attr", getattr(node.func, "id", "")))
        for path, tree in sources
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert {one for one in called if one[0].endswith("/tasks.py") and one[1] in opening} == set()
    assert {path for path, name in called if name == "open_for_study"} == {"research/snapshots.py"}


@pytest.mark.parametrize("first", ["mint", "burn"])
def test_a_token_that_still_waited_when_its_grant_ended_is_ended_on_chain_whichever_comes_first(
    request, monkeypatch, first
):
    chain = request.getfixturevalue("chain")
    people.open_escrow()
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    grant = people.give(ana, lee, Category.LABS)
    grants.end(grant, keyring=ana.keyring, by=own_party(ana.patient))
    for kind in (first, "burn" if first == "mint" else "mint"):
        GrantParcel.objects.filter(kind=kind).update(due_at=clock.now())
        GrantParcel.objects.exclude(kind=kind).update(due_at=clock.now() + timedelta(hours=1))
        assert tasks.relay_grants() == 1
        chain.settle()
    ended = 4  # the contract's Status.Ended
    status = chain.contract("AccessToken").functions.statusOf(proofs.token_id(grant)).call()
    assert status == ended
