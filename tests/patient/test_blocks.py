"""Keeping somebody out by name, on both sides: what the patient reads and does, and what the person kept out sees."""

import re

import pytest
from django.urls import reverse

from audit.queries import story
from consent import access, queries
from consent.models import Block
from consent.sharing import blocks
from ehr.words import Category
from providers.roles import Role
from tests import people
from tests.clinician.conftest import browser_of as clinicians_browser
from tests.patient.conftest import browser_of

pytestmark = pytest.mark.django_db


def keep_out(browser, reader):
    return browser.post(reverse("patient:keep-out", args=[reader.user.pk]))


@pytest.mark.parametrize("prevails", [True, False])
def test_the_page_says_what_it_does_and_what_the_law_makes_of_it_in_an_emergency(browser, lee, settings, prevails):
    settings.BLOCKS_PREVAIL_IN_EMERGENCY = prevails
    page = browser.get(reverse("patient:keep-out", args=[lee.user.pk])).content.decode()
    assert "Keep <bdi>Dr Mei Lee</bdi> out?" in page
    assert "cannot be undone" in page
    assert ("cannot open your record even then" in page) is prevails
    assert ("does not let this count in an emergency" in page) is not prevails


def test_somebody_kept_out_is_on_the_list_and_what_was_shared_has_ended(browser, ana, lee):
    people.give(ana, lee, Category.LABS)
    answer = keep_out(browser, lee)
    assert answer["Location"] == reverse("patient:kept-out")
    assert "Dr Mei Lee" in browser.get(answer["Location"]).content.decode()
    assert not browser.get(reverse("patient:sharing")).context["people"]


def test_it_works_with_locked_keys(ana, lee):
    people.give(ana, lee, Category.LABS)
    keep_out(browser_of(ana, unlocked=False), lee)
    assert blocks.is_kept_out(ana.patient, lee.user)
    with pytest.raises(access.AccessDenied):
        access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose="TREAT")


def test_nobody_lifts_what_another_patient_decided(ana, ben, lee):
    keep_out(browser_of(ana), lee)
    address = reverse("patient:lift", args=[Block.objects.get().pk])
    assert browser_of(ben).post(address).status_code == 404
    assert blocks.is_kept_out(ana.patient, lee.user)


def test_where_people_are_found_nobody_is_offered_for_whom_nothing_would_open(browser, lee):
    paul = people.clinician("Paul Pharmacist", role=Role.PHARMACIST)
    kim = people.clinician("Jo Kim")
    keep_out(browser, lee)
    page = browser.get(reverse("patient:find")).content.decode()
    offered = [one for one in (lee, paul, kim) if reverse("patient:begin", args=[one.user.pk]) in page]
    assert offered == [kim]
    assert "Kept out" in page
    assert "A pharmacist sees one prescription at a time." in page


def test_kept_out_twice_is_once_and_lifted_it_leaves_the_list(browser, ana, lee):
    keep_out(browser, lee)
    keep_out(browser, lee)
    block = Block.objects.get(lifted_at__isnull=True)
    for _twice in range(2):
        browser.post(reverse("patient:lift", args=[block.pk]))
    assert "You keep nobody out." in browser.get(reverse("patient:kept-out")).content.decode()
    actions = [line.action for line in story(ana.patient.pk)]
    assert (actions.count("reader.blocked"), actions.count("reader.unblocked")) == (1, 1)


def test_somebody_elses_block_is_not_lifted(ana, ben, lee):
    keep_out(browser_of(ana), lee)
    browser_of(ben).post(reverse("patient:lift", args=[Block.objects.get().pk]))
    assert blocks.is_kept_out(ana.patient, lee.user)


def test_only_clinicians_can_be_kept_out_and_nobody_keeps_themselves_out(browser, ana, ben):
    for somebody in (ana, ben):
        assert keep_out(browser, somebody).status_code == 404


@pytest.mark.parametrize("page", ["grant", "find", "looked"])
def test_the_way_to_it_is_beside_the_name(browser, ana, lee, page):
    grant = people.give(ana, lee, Category.LABS)
    access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose="TREAT")
    address = reverse(f"patient:{page}", args=[grant.pk] if page == "grant" else [])
    assert reverse("patient:keep-out", args=[lee.user.pk]) in browser.get(address).content.decode()


# --- The other side --------------------------------------------------------------------------------
def as_seen(page: str, reader) -> str:
    """Return a page without what differs between any two people: tokens, names, moments."""
    page = page.replace(reader.user.name, "READER")
    page = re.sub(r'value="[^"]{64}"|[0-9a-f]{8}-[0-9a-f-]{27}|<time[^>]*>.*?</time>', "", page)
    return re.sub(r"\d[\d,]* lines? (?:is|are) in it", "", page)


def test_the_pages_of_somebody_kept_out_are_those_of_somebody_whose_permission_was_stopped(ana, lee):
    kim = people.clinician("Jo Kim")
    for reader in (lee, kim):
        people.give(ana, reader, Category.LABS)
    stopped = access.own_party(ana.patient)
    blocks.block(ana.patient, reader=lee.user, keyring=ana.keyring)
    people.grants.end(queries.between(ana.patient, kim.user)[0], keyring=ana.keyring, by=stopped)
    sides = []
    for reader in (lee, kim):
        browser = clinicians_browser(reader)
        asked = {"categories": ["labs"], "days": 10, "words": "For the visit on Monday.", "purpose": "TREAT"}
        answers = [browser.get(reverse("clinician:home")), browser.get(reverse("clinician:copies"))]
        for name in ("chart", "copy", "ask"):
            answers.append(browser.get(reverse(f"clinician:{name}", args=[ana.patient.pk])))
        answers.append(browser.get(reverse("clinician:section", args=[ana.patient.pk, "results"])))
        answers.append(browser.post(reverse("clinician:ask", args=[ana.patient.pk]), asked))
        answers.append(browser.get(reverse("clinician:requests")))
        answers.append(browser.get(reverse("front:notices")))
        sides.append([(one.status_code, as_seen(one.content.decode(), reader)) for one in answers])
    for number, (mine, theirs) in enumerate(zip(*sides, strict=True)):
        assert mine[1].splitlines() == theirs[1].splitlines(), number
        assert mine[0] == theirs[0], number
