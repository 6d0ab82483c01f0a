"""Dr Lee writes in Ana's chart: each change a new version, nothing typed lost, no writer overwritten."""

import re
import uuid

import pytest
from django.urls import reverse

from audit import queries as log
from consent import access
from consent.access import own_party
from consent.sharing import grants
from ehr.r4 import validate
from ehr.words import Category, Purpose
from patients.models import Entry
from tests import people
from tests.clinician.conftest import EVERYTHING, READ_AND_WRITE, browser_of

pytestmark = pytest.mark.django_db

FILLED = {
    "medicine": {"name": "Amoxicillin 500 mg", "how": "1 capsule every 8 hours", "why": "ear infection"},
    "problem": {"name": "Otitis media", "certainty": "confirmed", "since": "2026-10-02", "remark": "left side"},
    "allergy": {"name": "Latex", "group": "environment", "danger": "low", "reaction": "rash", "since": "2020-01-01"},
    "note": {"name": "Ear pain", "words": "Seen today with ear pain.\nNo fever."},
    "plan": {"name": "Ear care", "words": "Keep dry for two weeks.", "since": "2026-10-02"},
}
PARTS = {"medicine": "treatment", "problem": "history", "allergy": "history", "note": "history", "plan": "treatment"}


@pytest.fixture
def grant(ana, lee):
    return people.give(ana, lee, *EVERYTHING, actions=READ_AND_WRITE)


def add(person, kind) -> str:
    return reverse("clinician:add", args=[person.patient.pk, kind])


def page(person, logical_id, name="entry") -> str:
    return reverse(f"clinician:{name}", args=[person.patient.pk, logical_id])


def opened(person, reader, logical_id):
    """All versions of an entry, newest first."""
    chart = access.open_chart(
        person.patient,
        reader=reader.user,
        keyring=reader.keyring,
        purpose=Purpose.TREAT,
        logical_id=logical_id,
        all_versions=True,
    )
    return sorted(chart.entries, key=lambda one: -one.version)


def changed(browser, address, **more) -> dict:
    """The form as the browser would send it back, with some fields typed anew."""
    form = browser.get(address).context["form"]
    sent = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "")}
    return {name: str(value) if not isinstance(value, list) else value for name, value in sent.items()} | more


# --- Adding ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", FILLED)
def test_what_is_added_is_fhir_in_its_part_signed_by_its_author(ana, lee, browser, grant, kind):
    once = uuid.uuid4()
    answer = browser.post(add(ana, kind), FILLED[kind] | {"once": once})
    assert answer.status_code == 302
    (entry,) = opened(ana, lee, once)
    assert entry.parts == (PARTS[kind],)
    assert (entry.author_name, entry.author_valid) == ("Dr Mei Lee", True)
    assert validate.check(entry.resource) == []
    assert FILLED[kind]["name"] in browser.get(answer["Location"]).content.decode()
    line = next(line for line in log.story(ana.patient.pk) if line.action == "entry.added")
    assert (line.actor.id, line.categories, line.grant) == (lee.user.pk, (PARTS[kind],), grant.pk)


@pytest.mark.parametrize("kind", FILLED)
def test_a_form_sent_twice_adds_once(ana, lee, browser, grant, kind):
    sent = FILLED[kind] | {"once": uuid.uuid4()}
    before = Entry.objects.count()
    assert browser.post(add(ana, kind), sent).status_code == 302
    assert browser.post(add(ana, kind), sent).status_code == 302
    assert Entry.objects.count() == before + 1


@pytest.mark.parametrize(
    ("kind", "wrong", "told"),
    [
        ("medicine", {"name": ""}, "Name the medicine"),
        ("medicine", {"how": ""}, "Say how to take it"),
        ("problem", {"since": "2099-01-01"}, "lies in the future"),
        ("problem", {"since": "yesterday"}, "Write a day"),
        ("allergy", {"name": ""}, "tick that none is known"),
        ("allergy", {"none": "on"}, "Leave one of the two out"),
        ("note", {"words": "  "}, "Write the note"),
        ("plan", {"name": ""}, "Name the plan"),
    ],
)
def test_what_is_to_correct_is_said_and_the_typed_text_stays(ana, browser, grant, kind, wrong, told):
    sent = FILLED[kind] | {"once": uuid.uuid4()} | wrong
    text = browser.post(add(ana, kind), sent).content.decode()
    assert told in text
    kept = [value for name, value in FILLED[kind].items() if name not in wrong and name not in {"since", "words"}]
    assert all(value in text for value in kept)
    assert not Entry.objects.exists()


def test_no_known_allergies_is_written_down_too(ana, lee, browser, grant):
    browser.post(add(ana, "allergy"), {"none": "on", "once": uuid.uuid4()})
    sheet = browser.get(reverse("clinician:chart", args=[ana.patient.pk])).context["sheet"]
    assert sheet.allergies.text == "No known allergies"


@pytest.mark.privacy
def test_what_a_clinician_calls_sensitive_goes_into_that_part_alone(ana, lee, browser, grant):
    once = uuid.uuid4()
    browser.post(add(ana, "note"), FILLED["note"] | {"once": once, "sensitive": "mental-health"})
    assert opened(ana, lee, once)[0].parts == ("mental-health",)


@pytest.mark.security
def test_without_the_right_to_write_nothing_is_added_and_the_text_stays(ana, lee, browser):
    people.give(ana, lee, *EVERYTHING)
    answer = browser.post(add(ana, "note"), FILLED["note"] | {"once": uuid.uuid4()})
    text = answer.content.decode()
    assert "has not let you write" in text
    assert "Seen today with ear pain." in text
    assert not Entry.objects.exists()
    assert log.story(ana.patient.pk)[0].action == "entry.refused"


def test_with_locked_keys_the_typed_text_stays(ana, lee, grant):
    locked = browser_of(lee, unlocked=False)
    text = locked.post(add(ana, "note"), FILLED["note"] | {"once": uuid.uuid4()}).content.decode()
    assert "keys are locked" in text
    assert "Seen today with ear pain." in text


# --- Changing --------------------------------------------------------------------------------------
def test_a_change_is_a_new_version_and_keeps_what_the_form_does_not_ask(ana, lee, browser, record, grant):
    address = page(ana, record["Metformin"], "change")
    answer = browser.post(address, changed(browser, address, how="2 tablets in the evening"))
    assert answer.status_code == 302
    newest, first = opened(ana, lee, record["Metformin"])
    assert (newest.version, first.version) == (2, 1)
    assert newest.resource["dosageInstruction"] == [{"text": "2 tablets in the evening"}]
    assert newest.resource["medicationCodeableConcept"] == first.resource["medicationCodeableConcept"]
    assert newest.resource["authoredOn"] == first.resource["authoredOn"]
    assert validate.check(newest.resource) == []


def test_the_codes_of_a_result_of_another_system_survive_a_change(ana, lee, browser, record, grant):
    address = page(ana, record["Asthma"], "change")
    browser.post(address, changed(browser, address, remark="Exercise makes it worse"))
    newest, first = opened(ana, lee, record["Asthma"])
    assert newest.resource["code"] == first.resource["code"]
    assert newest.resource["onsetDateTime"] == first.resource["onsetDateTime"]
    assert newest.resource["note"][0]["text"] == "Exercise makes it worse"


@pytest.mark.parametrize("name", ["Metformin", "Asthma", "Penicillin", "Depressive episode"])
def test_a_change_of_nothing_writes_nothing(ana, lee, browser, record, grant, name):
    address = page(ana, record[name], "change")
    assert browser.post(address, changed(browser, address)).status_code == 302
    assert len(opened(ana, lee, record[name])) == 1


@pytest.mark.parametrize("kind", FILLED)
def test_what_one_wrote_oneself_opens_in_the_form_as_it_was_typed(ana, lee, browser, grant, kind):
    once = uuid.uuid4()
    browser.post(add(ana, kind), FILLED[kind] | {"once": once})
    address = page(ana, once, "change")
    sent = changed(browser, address)
    assert {name: sent[name] for name in FILLED[kind]} == FILLED[kind]
    assert browser.post(address, sent).status_code == 302
    assert len(opened(ana, lee, once)) == 1
    assert browser.post(address, sent | {"name": "Something else"}).status_code == 302
    newest = opened(ana, lee, once)[0]
    assert (newest.version, validate.check(newest.resource)) == (2, [])


def test_of_two_tabs_the_second_is_told_and_loses_nothing(ana, lee, browser, record, grant):
    address = page(ana, record["Metformin"], "change")
    one, other = changed(browser, address, how="morning"), changed(browser, address, how="evening")
    assert browser.post(address, one).status_code == 302
    answer = browser.post(address, other)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "saved a newer version" in text
    assert "What Dr Mei Lee saved meanwhile" in re.sub(r"</?bdi>", "", text)
    assert "morning" in text
    assert 'value="evening"' in text
    assert len(opened(ana, lee, record["Metformin"])) == 2
    again = other | {"version": "2"}
    assert browser.post(address, again).status_code == 302
    assert [one.resource["dosageInstruction"][0]["text"] for one in opened(ana, lee, record["Metformin"])][:2] == [
        "evening",
        "morning",
    ]


def test_a_change_sent_twice_is_one_version(ana, lee, browser, record, grant):
    address = page(ana, record["Metformin"], "change")
    sent = changed(browser, address, how="evening")
    assert [browser.post(address, sent).status_code for _ in range(2)] == [302, 302]
    assert len(opened(ana, lee, record["Metformin"])) == 2


def test_when_stopped_while_typing_the_text_is_shown_back(ana, lee, browser, record, grant):
    address = page(ana, record["Metformin"], "change")
    sent = changed(browser, address, how="evening, with a long explanation")
    grants.end(grant, keyring=ana.keyring, by=own_party(ana.patient))
    answer = browser.post(address, sent)
    assert answer.status_code == 403
    assert "evening, with a long explanation" in answer.content.decode()
    assert Entry.objects.filter(logical_id=record["Metformin"]).count() == 1


# --- Stopping and taking back ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "element", "value"),
    [
        ("Metformin", "status", "stopped"),
        ("Asthma", "abatementDateTime", "2026-10-02"),
        ("Penicillin", "clinicalStatus", None),
    ],
)
def test_what_is_over_says_since_when_and_why(ana, lee, browser, record, grant, name, element, value):
    address = page(ana, record[name], "stop")
    sent = changed(browser, address, reason="no longer needed", on="2026-10-02")
    assert browser.post(address, sent).status_code == 302
    newest = opened(ana, lee, record[name])[0]
    assert validate.check(newest.resource) == []
    assert value is None or newest.resource[element] == value
    assert "no longer needed" in browser.get(page(ana, record[name])).content.decode()
    assert browser.get(address).status_code == 404
    assert browser.post(address, sent).status_code == 302
    assert len(opened(ana, lee, record[name])) == 2


@pytest.mark.parametrize("name", ["Metformin", "Asthma", "Penicillin", "Glucose", "Depressive episode"])
def test_what_was_entered_in_error_stays_readable_and_struck_through(ana, lee, browser, record, grant, name):
    address = page(ana, record[name], "mistake")
    assert browser.post(address, changed(browser, address)).status_code == 200
    sent = changed(browser, address, reason="another patient’s")
    assert browser.post(address, sent).status_code == 302
    newest = opened(ana, lee, record[name])[0]
    assert newest.version == 2
    assert validate.check(newest.resource) == []
    shown = browser.get(page(ana, record[name])).content.decode()
    assert "entered in error" in shown
    assert "another patient’s" in shown
    sheet = browser.get(reverse("clinician:chart", args=[ana.patient.pk])).context["sheet"]
    assert [row.struck for row in sheet.sections[-1].past] == [True]


def test_the_history_of_an_entry_names_every_writer(ana, lee, browser, record, grant):
    address = page(ana, record["Metformin"], "change")
    browser.post(address, changed(browser, address, how="evening"))
    versions = browser.get(page(ana, record["Metformin"])).context["versions"]
    assert [(one.number, one.row.by) for one in versions] == [(2, "Dr Mei Lee"), (1, "Ana Costa")]


@pytest.mark.privacy
def test_an_entry_that_moved_to_a_closed_part_is_gone_with_its_history(ana, lee, browser, record, stranger):
    people.give(ana, lee, *EVERYTHING, actions=READ_AND_WRITE)
    address = page(ana, record["Asthma"], "change")
    browser.post(address, changed(browser, address, remark="x", sensitive="mental-health"))
    assert opened(ana, lee, record["Asthma"])[0].parts == ("mental-health",)
    people.give(ana, stranger, Category.HISTORY)
    other = browser_of(stranger)
    assert other.get(page(ana, record["Asthma"])).status_code == 404
    assert "Asthma" not in other.get(reverse("clinician:chart", args=[ana.patient.pk])).content.decode()
