"""A page that names a patient, or tells of news in a record, leaves its line first; after the end it tells nothing."""

import uuid

import pytest
from django.urls import reverse

from audit import queries as log
from consent import access
from consent.access import own_party
from consent.sharing import grants
from ehr.frame.drafting import draft
from ehr.words import Action, Category, Purpose
from patients.models import Chunk
from providers.models import Credential
from tests import people

pytestmark = [pytest.mark.django_db, pytest.mark.security]
BORN = "3 May 1984"
NOTE = {"resourceType": "Observation", "status": "final", "code": {"text": "Weight"}}


def newest(person) -> tuple[str, str]:
    line = log.story(person.patient.pk)[0]
    return line.action, line.because


def add_form(person) -> str:
    return reverse("clinician:add", args=[person.patient.pk, "note"])


def test_the_page_to_ask_on_is_a_line(ana, lee, browser):
    people.give(ana, lee, Category.BASIC)
    assert browser.get(reverse("clinician:ask", args=[ana.patient.pk])).status_code == 200
    assert newest(ana) == ("patient.named", "asking")


@pytest.mark.parametrize("page", ["clinician:requests", "clinician:home"])
def test_a_list_of_requests_is_a_line_for_each_patient_in_it(ana, lee, browser, page):
    grants.end(people.give(ana, lee, Category.BASIC), keyring=ana.keyring, by=own_party(ana.patient))
    asked = {"ordinary": ["labs"], "days": "30", "reason": "For a visit that is planned", "words": "Your results."}
    asked["once"] = str(uuid.uuid4())
    browser.post(reverse("clinician:ask", args=[ana.patient.pk]), asked)
    assert "Ana Costa" in browser.get(reverse(page)).content.decode()
    assert newest(ana) == ("patient.named", "requests")


def test_an_empty_form_says_whose_record_it_is_after_a_line(ana, lee, browser):
    people.give(ana, lee, Category.HISTORY, actions=(Action.READ, Action.WRITE))
    assert BORN in browser.get(add_form(ana)).content.decode()
    assert newest(ana) == ("patient.named", "grant")


def test_after_the_end_an_empty_form_tells_no_birth_date(ana, lee, browser):
    grants.end(people.give(ana, lee, Category.HISTORY), keyring=ana.keyring, by=own_party(ana.patient))
    page = browser.get(add_form(ana))
    assert page.status_code == 403
    assert BORN not in page.content.decode()
    assert newest(ana) == ("chart.refused", "stopped")


def news(browser) -> bool:
    return "New in the last 7 days" in browser.get(reverse("clinician:home")).content.decode()


def test_of_a_part_one_may_only_write_to_no_news_is_told(ana, lee, browser):
    people.give(ana, lee, Category.LABS, actions=(Action.WRITE,))
    access.add_own(ana.patient, [draft(ana.patient, NOTE)], keyring=ana.keyring)
    assert not news(browser)
    people.give(ana, lee, Category.LABS)
    assert news(browser)


def test_who_sees_no_clinical_text_hears_no_news_of_it(ana, lee, browser):
    people.give(ana, lee, Category.LABS)
    access.add_own(ana.patient, [draft(ana.patient, NOTE)], keyring=ana.keyring)
    Credential.objects.filter(clinician__user=lee.user).update(role="administrator")
    assert not news(browser)


def test_a_file_with_its_pieces_gone_is_refused_in_words(ana, lee):
    people.give(ana, lee, Category.LABS)
    (entry,) = access.add_own(ana.patient, [draft(ana.patient, NOTE, attachment=b"%PDF-1")], keyring=ana.keyring)
    Chunk.objects.all().delete()
    for person in (ana, lee):
        with pytest.raises(access.AccessDenied, match="a piece of it is missing"):
            access.open_attachment(
                ana.patient, entry, reader=person.user, keyring=person.keyring, purpose=Purpose.TREAT
            )


def test_a_file_is_opened_with_the_record_it_is_in_only(ana, lee):
    ben = people.patient("Ben Okoro")
    people.give(ana, lee, Category.LABS)
    (entry,) = access.add_own(ben.patient, [draft(ben.patient, NOTE, attachment=b"%PDF-1")], keyring=ben.keyring)
    with pytest.raises(ValueError, match="another patient"):
        access.open_attachment(ana.patient, entry, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
