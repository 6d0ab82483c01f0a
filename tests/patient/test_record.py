"""My record: six parts, read and added to by the person it is about."""

import json
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit import queries as log
from consent import access
from ehr.frame.drafting import NotFhir, draft
from ehr.lines.sentences import CAUTION
from ehr.r4.problems import SCHEMA, Problem
from ehr.words import Action, Category, Purpose
from patients.models import Chunk, Entry
from tests import people
from tests.clinician.conftest import lab, medicine, put
from tests.patient.conftest import browser_of

PDF = b"%PDF-1.4\n" + b"planted marker " * 40_000


def add(browser, name, answers, *args):
    return browser.post(reverse(name, args=args), answers, follow=True)


def opened(ana, part=Category.LABS):
    return access.open_own(ana.patient, keyring=ana.keyring, categories=[part]).entries


def test_all_six_parts_are_listed_empty_or_not(browser):
    page = browser.get(reverse("patient:record")).content.decode()
    for part in Category:
        assert reverse("patient:category", args=[part]) in page
    assert page.count("Empty") == 6


def test_the_list_of_parts_opens_nothing(browser, ana):
    browser.get(reverse("patient:record"))
    assert "record.opened" not in {line.action for line in log.story(ana.patient.pk)}


def test_reading_ones_own_part_is_a_line_of_the_log(browser, ana):
    browser.get(reverse("patient:category", args=["labs"]))
    line = log.story(ana.patient.pk)[0]
    assert (line.action, line.categories) == ("record.opened", ("labs",))


def test_a_blood_pressure_is_added_and_read_again(browser, ana):
    answers = {"upper": "128", "lower": "82", "at": "2026-01-20T08:00", "note": "after lunch"}
    page = add(browser, "patient:add-reading", answers, "blood-pressure").content.decode()
    assert "It is in your record now" in page
    assert "128/82" in page
    assert "after lunch" in page
    assert opened(ana)[0].author_valid


def test_a_decimal_keeps_its_zeros(browser, ana):
    add(browser, "patient:add-reading", {"value": "70.50", "unit": "kg", "at": "2026-01-20T08:00"}, "weight")
    assert b'"value":70.50' in opened(ana)[0].raw


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"upper": "8o", "lower": "80"}, "Write only the number here"),
        ({"upper": "1280", "lower": "80"}, "should lie between 20 and 300 mmHg"),
        ({"upper": "80", "lower": "120"}, "may have changed places"),
        ({"upper": "120", "lower": "80", "at": "2999-01-01T00:00"}, "lies in the future"),
        ({"upper": "120", "lower": "80", "at": ""}, "Say when it was"),
    ],
)
def test_a_slip_of_the_finger_is_sent_back_with_what_was_typed(browser, answers, words):
    answers = {"at": "2026-01-20T08:00"} | answers
    page = add(browser, "patient:add-reading", answers, "blood-pressure").content.decode()
    assert words in page
    assert f'value="{answers["upper"]}"' in page
    assert Entry.objects.count() == 0


def test_a_note_is_read_in_the_patients_own_words_and_never_as_markup(browser):
    page = add(browser, "patient:add-note", {"title": "Headaches", "words": "Since Monday.\n<script>alert(1)</script>"})
    assert "Since Monday." in page.content.decode()
    assert "<script>alert" not in page.content.decode()


def test_a_file_is_sealed_in_pieces_and_comes_back_whole(browser, ana):
    upload = SimpleUploadedFile("letter.pdf", PDF, content_type="text/html")
    page = add(browser, "patient:add-file", {"title": "Letter", "file": upload}).content.decode()
    assert Chunk.objects.count() == 3
    assert not any(b"planted marker" in bytes(chunk.body) for chunk in Chunk.objects.all())
    address = reverse("patient:file", args=[Entry.objects.get().logical_id])
    assert address in page
    response = browser.get(address)
    assert response.content == PDF
    assert response["Content-Type"] == "application/pdf"
    assert "attachment" in response["Content-Disposition"]
    assert "sandbox" in response["Content-Security-Policy"]


@pytest.mark.parametrize(
    "title", ["Letter\u00a0from the clinic", "手紙\u3000二", "Brief\u2009vom 3.", "رسالة", "\u200bLetter"]
)
def test_a_file_may_be_called_in_any_writing(browser, ana, title):
    add(browser, "patient:add-file", {"title": title, "file": SimpleUploadedFile("a.pdf", PDF)})
    assert [one.resource["description"] for one in opened(ana, Category.HISTORY)] == [title]


@pytest.mark.parametrize("sign", ["\x00", "\x01", "\x0b", "\x1f"])
@pytest.mark.parametrize("name", ["add-file", "add-note"])
def test_an_unseen_sign_is_sent_back_with_what_was_typed(browser, name, sign):
    answers = {"title": f"Let{sign}ter", "words": "Since Monday.", "file": SimpleUploadedFile("a.pdf", PDF)}
    page = add(browser, f"patient:{name}", answers)
    assert (page.status_code, Entry.objects.count()) == (200, 0)
    assert "unseen sign" in page.content.decode()


def test_what_cannot_be_kept_as_it_is_written_is_sent_back_with_what_was_typed(browser, monkeypatch):
    def refuse(*_arguments, **_more):
        raise NotFhir("DocumentReference", [Problem("DocumentReference.description", "…", SCHEMA)])

    monkeypatch.setattr("ehr.portals.patient.adding.draft", refuse)
    page = add(browser, "patient:add-note", {"title": "Headaches", "words": "Since Monday."}).content.decode()
    assert "Type it anew" in page
    assert "Since Monday." in page


def test_what_a_file_is_is_told_by_its_beginning_not_by_its_name(browser):
    upload = SimpleUploadedFile("photo.png", b"<html><script>", content_type="image/png")
    page = add(browser, "patient:add-file", {"title": "Photo", "file": upload}).content.decode()
    assert "This is no PDF, JPEG or PNG" in page
    assert Entry.objects.count() == 0


def test_anothers_file_is_not_there(browser, ana, ben):
    add(browser, "patient:add-file", {"title": "Letter", "file": SimpleUploadedFile("a.pdf", PDF)})
    address = reverse("patient:file", args=[Entry.objects.get().logical_id])
    assert browser_of(ben).get(address).status_code == 404


def test_a_locked_keyring_opens_no_part_and_asks_for_the_passphrase(ana):
    response = browser_of(ana, unlocked=False).get(reverse("patient:category", args=["labs"]))
    assert response.status_code == 302
    assert reverse("front:unlock") in response["Location"]


def test_a_part_there_is_none_of_is_not_there(browser):
    assert browser.get(reverse("patient:category", args=["dental"])).status_code == 404


def test_an_entry_that_does_not_open_is_shown_as_such(browser, ana):
    add(browser, "patient:add-note", {"title": "Headaches", "words": "Since Monday."})
    Entry.objects.update(body=b"\x01" + b"0" * 80)
    assert "An entry that does not open" in browser.get(reverse("patient:category", args=["history"])).content.decode()


def test_what_is_not_to_be_given_stands_under_a_heading_of_its_own(browser, ana):
    put(ana, medicine("Ibuprofen") | {"doNotPerform": True}, medicine("Metformin"))
    page = browser.get(reverse("patient:category", args=["treatment"])).content.decode()
    places = [page.index(words) for words in ("Not to be given</h", "Not to be given: Ibuprofen", "Medicines</h")]
    assert places == sorted(places)


def test_an_entry_with_an_unknown_condition_says_so(browser, ana):
    put(ana, medicine("Ibuprofen") | {"modifierExtension": [{"url": "urn:x", "valueCode": "y"}]})
    assert str(CAUTION) in browser.get(reverse("patient:category", args=["treatment"])).content.decode()


def test_a_time_beside_the_calendar_is_shown_as_its_day(browser, ana):
    insured = {
        "resourceType": "Coverage",
        "status": "active",
        "beneficiary": {"display": "Ana Costa"},
        "payor": [{"display": "Health Fund"}],
        "period": {"end": "9999-12-31T23:59:59-05:00"},
    }
    put(ana, insured, lab("Glucose", "154", "9999-12-31T23:59:59-05:00"))
    for part in ("basic", "labs"):
        assert "31 December 9999" in browser.get(reverse("patient:category", args=[part])).content.decode()


def test_a_long_part_comes_in_pages_that_tear_no_test_apart(browser, ana):
    for value in range(100, 164):
        add(browser, "patient:add-reading", {"value": str(value), "at": "2026-01-20T08:00"}, "pulse")
    add(browser, "patient:add-reading", {"value": "98", "at": "2026-01-20T09:00"}, "oxygen")
    first = browser.get(reverse("patient:category", args=["labs"]))
    assert "Page 1 of 2" in first.content.decode()
    second = browser.get(reverse("patient:category", args=["labs"]), {"page": "2"}).content.decode()
    assert ("63 earlier values" in first.content.decode()) != ("63 earlier values" in second)


def test_what_is_typed_is_in_no_log_line(browser, ana):
    add(browser, "patient:add-note", {"title": "Planted marker", "words": "Planted marker"})
    assert "Planted" not in json.dumps([str(line) for line in log.story(ana.patient.pk)])


def test_a_locked_record_says_so_on_every_page(ana):
    locked = browser_of(ana, unlocked=False)
    for name in ("home", "sharing", "looked", "check"):
        assert "Your record is locked" in locked.get(reverse(f"patient:{name}")).content.decode()
    assert "Your record is locked" not in browser_of(ana).get(reverse("patient:home")).content.decode()


# --- Entered in error ------------------------------------------------------------------------------
PRESSURE = {"upper": "128", "lower": "82", "at": "2026-01-20T08:00"}


def versions(ana, part=Category.LABS):
    found = access.open_own(ana.patient, keyring=ana.keyring, categories=[part], all_versions=True).entries
    return sorted(found, key=lambda one: one.version)


def test_one_s_own_entry_is_struck_by_a_second_version_and_the_first_one_stays(browser, ana):
    add(browser, "patient:add-reading", PRESSURE, "blood-pressure")
    (entry,) = opened(ana)
    address = reverse("patient:mistake", args=[entry.logical_id])
    assert address in browser.get(reverse("patient:category", args=["labs"])).content.decode()
    assert "Blood pressure" in browser.get(address).content.decode()
    page = browser.post(address, {"reason": "I misread it"}, follow=True).content.decode()
    assert '<s class="struck">Blood pressure</s>' in page
    assert "Entered in error" in page
    assert address not in page
    first, second = versions(ana)
    assert (first.version, first.resource["status"]) == (1, "final")
    assert (second.version, second.resource["status"]) == (2, "entered-in-error")
    assert second.resource["component"] == first.resource["component"]
    assert second.author_valid
    assert "entry.changed" in {line.action for line in log.story(ana.patient.pk)}


def test_striking_twice_strikes_once(browser, ana):
    add(browser, "patient:add-reading", PRESSURE, "blood-pressure")
    address = reverse("patient:mistake", args=[opened(ana)[0].logical_id])
    for _press in range(2):
        page = browser.post(address, {"reason": ""}, follow=True)
    assert "already" in page.content.decode()
    assert len(versions(ana)) == 2


def test_a_struck_file_keeps_its_bytes(browser, ana):
    sent = {"title": "Letter", "file": SimpleUploadedFile("letter.pdf", PDF, "application/pdf")}
    add(browser, "patient:add-file", sent)
    (entry,) = opened(ana, Category.HISTORY)
    browser.post(reverse("patient:mistake", args=[entry.logical_id]), {"reason": "another's"})
    assert browser.get(reverse("patient:file", args=[entry.logical_id])).content == PDF


@pytest.mark.security
def test_what_others_wrote_cannot_be_struck(browser, ana, lee):
    resource = {"resourceType": "Observation", "status": "final", "code": {"text": "Pulse"}, "valueString": "72"}
    people.give(ana, lee, Category.LABS, Category.HISTORY, actions=(Action.READ, Action.WRITE))
    theirs = draft(ana.patient, resource)
    access.add_entries(ana.patient, [theirs], reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    address = reverse("patient:mistake", args=[theirs.logical_id])
    assert address not in browser.get(reverse("patient:category", args=[theirs.parts[0]])).content.decode()
    assert browser.get(address).status_code == 404
    assert browser.post(address, {"reason": "x"}).status_code == 404
    assert browser.post(reverse("patient:mistake", args=[uuid.uuid4()]), {"reason": "x"}).status_code == 404


def test_the_same_form_sent_twice_adds_one_entry(browser, ana):
    answers = PRESSURE | {"once": str(uuid.uuid4())}
    for _press in range(2):
        page = add(browser, "patient:add-reading", answers, "blood-pressure").content.decode()
    assert "It was added once" in page
    assert len(opened(ana)) == 1
