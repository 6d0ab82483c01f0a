"""Somebody holds an entry's key and writes any row of the database, to put another file in the place of one."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from consent import access, keys
from consent.access import AccessDenied, copy_whole, open_own, open_record
from ehr.crypto.passphrases import derive
from ehr.crypto.sealing import encrypt, encrypt_committed
from ehr.frame.drafting import draft
from ehr.intake.hl7v2 import receiving
from ehr.r4 import attachments
from ehr.words import Category, Purpose
from patients.models import Chunk, Entry, Identifier
from patients.vault import reading, signed
from tests import people
from tests.consent.calling import patient_caller
from tests.intake.hl7v2.conftest import sending, worker
from tests.intake.hl7v2.vectors import PID, TXA, message, msh
from tests.security.world import browser_of

__all__ = ["sending", "worker"]

pytestmark = [pytest.mark.django_db, pytest.mark.security]
WISH = b"%PDF-1.7\nI want to be resuscitated."
OTHER = b"%PDF-1.7\nDo not resuscitate me." * 3


@pytest.fixture
def ana(db) -> people.Person:
    people.prepare_ground()
    return people.patient("Ana Costa")


@pytest.fixture
def directive(ana) -> Entry:
    """Return the entry of a file that Ana put into her record herself."""
    upload = SimpleUploadedFile("a.pdf", WISH, content_type="application/pdf")
    answers = {"title": "Advance directive", "file": upload}
    browser_of(ana, second_step=False).post(reverse("patient:add-file"), answers)
    return Entry.objects.get()


def put_in_place(entry: Entry, person: people.Person, content: bytes) -> None:
    """Seal another file under the entry's own key, as whoever may read it could."""
    boxes = keys.own_boxes(person.patient, [Category.HISTORY], keyring=person.keyring)
    key = derive(reading._dek(entry, boxes), "attachment")
    Chunk.objects.filter(entry=entry).delete()
    Chunk.objects.create(entry=entry, number=0, body=encrypt(key, content, aad=signed.chunk_aad(entry.id, 0, 1)))


def test_another_file_is_not_shown_to_the_patient_who_is_told_so(ana, directive):
    address = reverse("patient:file", args=[directive.logical_id])
    browser = browser_of(ana, second_step=False)
    assert browser.get(address).content == WISH
    put_in_place(directive, ana, OTHER)
    page = browser.get(address)
    assert page.status_code == 403
    assert "a piece of it is missing or was changed" in page.content.decode()
    assert b"resuscitate" not in page.content


def test_another_file_is_not_shown_to_a_reader(ana, directive):
    lee = people.clinician("Mei Lee")
    people.give(ana, lee, Category.HISTORY)
    put_in_place(directive, ana, OTHER)
    with pytest.raises(AccessDenied) as refused:
        access.open_attachment(ana.patient, directive, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    assert refused.value.because == "does-not-open"


def test_another_file_goes_into_no_copy_and_to_no_program(ana, directive):
    put_in_place(directive, ana, OTHER)
    copied = copy_whole(ana.patient, keyring=ana.keyring)
    assert [copied.file(one) for one in copied.chart.entries] == [None]
    [row] = open_record(ana.patient, patient_caller(ana)).rows
    with pytest.raises(keys.CannotOpen):
        assert row.attachment


def test_a_resource_that_names_another_file_is_not_what_its_author_signed(ana, directive):
    boxes = keys.own_boxes(ana.patient, [Category.HISTORY], keyring=ana.keyring)
    [shown] = open_own(ana.patient, keyring=ana.keyring).entries
    forged = attachments.vouching(shown.resource, OTHER)
    made = draft(ana.patient, forged, logical_id=directive.logical_id)
    identity = signed.identity(ana.patient.pk, directive.logical_id, 1)
    body = encrypt_committed(reading._dek(directive, boxes), made.resource, aad=identity)
    Entry.objects.filter(pk=directive.pk).update(body=body)
    assert [one.author_valid for one in open_own(ana.patient, keyring=ana.keyring).entries] == [False]


def test_a_file_from_before_files_were_named_by_a_digest_opens(ana, monkeypatch):
    monkeypatch.setattr(attachments, "vouching", lambda resource, _content: resource)
    upload = SimpleUploadedFile("a.pdf", WISH, content_type="application/pdf")
    browser = browser_of(ana, second_step=False)
    browser.post(reverse("patient:add-file"), {"title": "Letter", "file": upload})
    entry = Entry.objects.get()
    assert b"sha256" not in open_own(ana.patient, keyring=ana.keyring).entries[0].raw
    assert browser.get(reverse("patient:file", args=[entry.logical_id])).content == WISH


def test_another_file_beside_what_a_hospital_sent_does_not_open(ana, sending):
    sent = message(msh("MDM^T02"), PID, TXA, "OBX|1|TX|||I want to be resuscitated.||||||F")
    receiving.receive(message(msh("ADT^A28", "1"), PID), sending.feed)
    Identifier.objects.update(patient=ana.patient)
    receiving.receive(sent, sending.feed)
    [letter] = Entry.objects.filter(chunks__number=0)
    address = reverse("patient:file", args=[letter.logical_id])
    browser = browser_of(ana, second_step=False)
    assert browser.get(address).status_code == 200
    put_in_place(letter, ana, OTHER)
    assert browser.get(address).status_code == 403
