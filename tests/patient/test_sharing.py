"""Who can see it: the way to a grant, its receipt, and stopping."""

import re
from uuid import UUID, uuid4

import pytest
from django.urls import reverse

from audit import queries as log
from consent.models import Grant
from ehr.words import Category
from tests import people
from tests.patient.conftest import browser_of


def begin(browser, reader) -> UUID:
    """Choose somebody from the directory; return the draft that begins."""
    response = browser.post(reverse("patient:begin", args=[reader.user.pk]))
    return UUID(re.search(r"new/([0-9a-f-]{36})/", response["Location"])[1])


def walk(browser, reader, *, parts=("labs",), sensitive=(), write=False, span="week") -> UUID:
    """Go as far as the sentence; return the draft."""
    draft = begin(browser, reader)
    answers = {"ordinary": parts, "sensitive": sensitive} | ({"write": "on"} if write else {})
    browser.post(reverse("patient:share-what", args=[draft]), answers)
    browser.post(reverse("patient:share-until", args=[draft]), {"span": span})
    page = browser.get(reverse("patient:share-confirm", args=[draft]))
    assert page.status_code == 200
    return draft


def confirm(browser, draft, **ticks):
    return browser.post(reverse("patient:share-confirm", args=[draft]), ticks)


def test_a_patient_lets_a_clinician_in_and_gets_a_receipt(browser, ana, lee):
    draft = walk(browser, lee)
    response = confirm(browser, draft)
    grant = Grant.objects.get()
    assert response["Location"] == reverse("patient:grant", args=[grant.pk])
    receipt = browser.get(response["Location"]).content.decode()
    assert grant.sentence in receipt
    assert "Stop sharing" in receipt
    assert grant.categories == [Category.LABS]


def test_the_sentence_confirmed_is_the_sentence_read(browser, ana, lee):
    draft = walk(browser, lee, parts=("labs", "treatment"), write=True)
    read = browser.get(reverse("patient:share-confirm", args=[draft])).context["sentence"]
    confirm(browser, draft)
    assert Grant.objects.get().sentence == read


def test_a_confirmation_sent_twice_makes_one_grant(browser, ana, lee):
    draft = walk(browser, lee)
    first, second = confirm(browser, draft), confirm(browser, draft)
    assert first["Location"] == second["Location"]
    assert Grant.objects.count() == 1


def test_nothing_is_ticked_before_a_person_ticks_it(browser, ana, lee):
    draft = begin(browser, lee)
    for step in ("patient:share-what", "patient:share-until"):
        assert "checked" not in browser.get(reverse(step, args=[draft])).content.decode()
        browser.post(reverse(step, args=[draft]), {"ordinary": ["labs"]})


def test_a_sensitive_part_needs_a_second_tick(browser, ana, lee):
    draft = walk(browser, lee, sensitive=("mental-health",))
    page = confirm(browser, draft)
    assert page.status_code == 200
    assert "mental health notes" in page.content.decode()
    assert Grant.objects.count() == 0
    confirm(browser, draft, **{"also-mental-health": "on"})
    assert Grant.objects.get().categories == [Category.LABS, Category.MENTAL_HEALTH]


def test_sharing_no_part_is_sent_back_with_what_to_do(browser, ana, lee):
    draft = begin(browser, lee)
    page = browser.post(reverse("patient:share-what", args=[draft]), {}).content.decode()
    assert "Tick at least one part" in page
    assert 'class="errors" role="alert"' in page


def test_a_person_who_goes_back_finds_their_answers(browser, ana, lee):
    draft = walk(browser, lee, parts=("history",), span="month")
    assert re.search(
        r'value="history"[^>]*checked', browser.get(reverse("patient:share-what", args=[draft])).content.decode()
    )
    assert re.search(
        r'value="month"[^>]*checked', browser.get(reverse("patient:share-until", args=[draft])).content.decode()
    )


def test_a_step_cannot_be_skipped(browser, ana, lee):
    draft = begin(browser, lee)
    response = browser.get(reverse("patient:share-confirm", args=[draft]))
    assert response["Location"] == reverse("patient:share-until", args=[draft])


def test_a_day_of_ones_own_must_be_named_and_lie_ahead(browser, ana, lee):
    draft = begin(browser, lee)
    browser.post(reverse("patient:share-what", args=[draft]), {"ordinary": ["labs"]})
    step = reverse("patient:share-until", args=[draft])
    assert "Write the last day" in browser.post(step, {"span": "own"}).content.decode()
    assert "Choose a day after today" in browser.post(step, {"span": "own", "until": "2001-01-01"}).content.decode()
    assert "within the next two years" in browser.post(step, {"span": "own", "until": "2999-01-01"}).content.decode()


def test_somebody_who_lost_their_licence_meanwhile_gets_nothing(browser, ana, lee):
    draft = walk(browser, lee)
    lee.user.clinician.credentials.update(expires_at=people.LONG_AGO)
    assert confirm(browser, draft).status_code == 404
    assert Grant.objects.count() == 0


def test_anothers_draft_is_not_there(browser, ana, ben, lee):
    draft = walk(browser, lee)
    assert browser_of(ben).get(reverse("patient:share-confirm", args=[draft])).status_code == 404


def test_stopping_takes_two_presses_and_no_reason(browser, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    address = reverse("patient:stop", args=[grant.pk])
    assert "cannot be undone" in browser.get(address).content.decode()
    assert Grant.objects.filter(ending__isnull=False).count() == 0
    receipt = browser.post(address, follow=True).content.decode()
    assert "can no longer see this" in receipt
    assert Grant.objects.filter(ending__isnull=False).count() == 1


def test_stopping_works_while_the_keyring_is_locked(ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    browser_of(ana, unlocked=False).post(reverse("patient:stop", args=[grant.pk]))
    assert Grant.objects.get().ending.cause == "patient"


def test_the_people_stand_with_what_and_until_when(browser, ana, lee):
    people.give(ana, lee, Category.LABS)
    page = browser.get(reverse("patient:sharing")).content.decode()
    assert "One person besides you" in page
    assert "Dr Mei Lee" in page
    assert "lab results and measurements" in page
    assert "Until <time" in page


def test_whoever_lost_standing_is_shown_as_shut_out(browser, ana, lee):
    people.give(ana, lee, Category.LABS)
    lee.user.clinician.credentials.update(expires_at=people.LONG_AGO)
    assert "Cannot open it at present" in browser.get(reverse("patient:sharing")).content.decode()


@pytest.mark.parametrize("page", ["patient:grant", "patient:stop", "patient:grant-proof"])
def test_anothers_grant_is_not_there(ana, ben, lee, page):
    grant = people.give(ana, lee, Category.LABS)
    assert browser_of(ben).get(reverse(page, args=[grant.pk])).status_code == 404
    assert browser_of(ben).get(reverse(page, args=[uuid4()])).status_code == 404


def test_the_proof_of_a_grant_can_be_saved(browser, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    response = browser.get(reverse("patient:grant-proof", args=[grant.pk]))
    assert "attachment" in response["Content-Disposition"]
    assert response.json()["signer"] == grant.signer


def test_the_directory_answers_when_nobody_is_found(browser, ana, lee):
    page = browser.get(reverse("patient:find"), {"words": "zzz<b>"}).content.decode()
    assert "Nobody with a valid licence is found" in page
    assert "<b>zzz" not in page
    assert "Dr Mei Lee" in browser.get(reverse("patient:find"), {"words": "lee"}).content.decode()


def test_the_grant_is_a_line_of_the_patients_log(browser, ana, lee):
    confirm(browser, walk(browser, lee))
    assert "grant.made" in {line.action for line in log.story(ana.patient.pk)}


@pytest.mark.security
def test_a_tab_left_open_does_not_confirm_what_another_tab_changed(browser, ana, lee):
    draft = walk(browser, lee)
    step = reverse("patient:share-confirm", args=[draft])
    read = browser.get(step).context["form"]["read"].value()
    browser.post(reverse("patient:share-what", args=[draft]), {"ordinary": ["labs", "history", "treatment"]})
    browser.get(step)
    page = browser.post(step, {"read": read})
    assert "Something changed since you read the sentence" in page.content.decode()
    assert Grant.objects.count() == 0
    browser.post(step, {"read": page.context["form"]["read"].value()})
    assert Grant.objects.get().categories == ["history", "labs", "treatment"]


@pytest.mark.parametrize("after", ["9" * 5000, "9" * 18, "-1", "²", "x"])
def test_a_place_in_the_directory_that_is_not_there_gives_a_page(browser, after):
    assert browser.get(reverse("patient:find"), {"after": after}).status_code == 200
