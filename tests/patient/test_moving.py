"""Moving hospitals (J6): the list, the sentences, one act; and what either side reads afterwards."""

import pytest
from django.urls import reverse

from audit.queries import story
from consent import access
from consent.models import Ending, Grant
from consent.sharing import grants, moving, referrals
from ehr.words import Action, Category, Purpose
from tests import people
from tests.clinician.conftest import allergy, lab, put
from tests.clinician.conftest import browser_of as clinicians_browser
from tests.consent.conftest import draft

pytestmark = pytest.mark.django_db
WRITING = (Action.READ, Action.WRITE)


@pytest.fixture
def old(ground):
    return people.institution("Old Hospital")


@pytest.fixture
def lee(old):
    return people.clinician("Mei Lee", place=old)


@pytest.fixture
def kim(old):
    return people.clinician("Jo Kim", place=old)


@pytest.fixture
def nora(ground):
    return people.clinician("Nora New", place=people.institution("New Hospital"))


def begin(browser, place) -> str:
    """Choose the place to leave; return the address of the next page."""
    return browser.post(reverse("patient:move"), {"place": place.pk})["Location"]


def as_far_as_the_sentences(browser, place, does, to) -> str:
    """Answer everything; return the address of the confirming page."""
    where = browser.post(begin(browser, place), {str(grant.pk): do for grant, do in does.items()})["Location"]
    while "/to/" in where:
        where = browser.post(where, {"reader": to.user.pk})["Location"]
    return where


def confirm(browser, address, **ticks):
    read = browser.get(address).context["form"].shown
    return browser.post(address, {"read": read, **ticks})


def write(patient, reader, words, part=Category.LABS):
    entry = draft(part, words)
    access.add_entries(patient.patient, [entry], reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)


def test_j6_1_one_picks_a_place_and_gets_the_list_with_keep_move_and_end(browser, ana, lee, kim, nora, old):
    held = [people.give(ana, one, Category.LABS) for one in (lee, kim)]
    people.give(ana, nora, Category.LABS)
    page = browser.get(begin(browser, old))
    assert set(page.context["form"].fields) == {str(one.pk) for one in held}
    for words in ("Keep it as it is", "Give it to somebody else instead", "End it"):
        assert page.content.decode().count(words) == 2


def test_j6_1_only_verified_people_are_offered_and_taken(browser, ana, lee, old):
    grant = people.give(ana, lee, Category.LABS)
    lapsed = people.clinician("Edna Old", licence_until=people.LONG_AGO)
    where = browser.post(begin(browser, old), {str(grant.pk): "move"})["Location"]
    assert "Edna" not in browser.get(where).content.decode()
    assert browser.post(where, {"reader": lapsed.user.pk}).status_code == 200


def test_nothing_is_decided_beforehand_and_each_answer_is_asked_for(browser, ana, lee, old):
    people.give(ana, lee, Category.LABS)
    page = browser.post(begin(browser, old), {}).content.decode()
    assert "Choose what becomes of what Dr Mei Lee may see." in page


def test_j6_2_after_confirming_the_old_place_keeps_only_its_own_and_the_page_said_so(browser, ana, lee, nora, old):
    put(ana, lab("Glucose", "154", "2026-10-01"))
    grant = people.give(ana, lee, Category.LABS, actions=WRITING)
    write(ana, lee, "by Lee")
    where = as_far_as_the_sentences(browser, old, {grant: "move"}, nora)
    page = browser.get(where).content.decode()
    assert "stays readable there as its legal copy" in page
    assert "keeps what was written there" in page
    done = confirm(browser, where)
    assert "Nothing new opens there." in browser.get(done["Location"]).content.decode()
    write(ana, nora, "by Nora")
    theirs = clinicians_browser(lee)
    assert theirs.get(reverse("clinician:chart", args=[ana.patient.pk])).status_code == 403
    copy = theirs.get(reverse("clinician:copy", args=[ana.patient.pk]))
    assert [one["entry"].resource["note"][0]["text"] for one in copy.context["page"]] == ["by Lee"]
    assert "Glucose" not in copy.content.decode()


def test_j6_3_the_new_place_reads_the_history_with_who_wrote_it(browser, ana, lee, nora, old):
    put(ana, allergy("Penicillin"))
    grant = people.give(ana, lee, Category.HISTORY)
    confirm(browser, as_far_as_the_sentences(browser, old, {grant: "move"}, nora))
    page = clinicians_browser(nora).get(reverse("clinician:chart", args=[ana.patient.pk])).content.decode()
    assert "Penicillin" in page
    assert "Ana Costa" in page
    assert "signature" not in page


def test_j6_5_where_the_act_fails_half_way_nobody_has_lost_anything(browser, ana, lee, nora, old, monkeypatch):
    grant = people.give(ana, lee, Category.LABS)
    where = as_far_as_the_sentences(browser, old, {grant: "move"}, nora)

    def fails(*args, **more):
        raise RuntimeError("The machine stopped.")

    monkeypatch.setattr(moving.grants, "end", fails)
    with pytest.raises(RuntimeError):
        confirm(browser, where)
    assert list(Grant.objects.standing(grant.made_at)) == [grant]
    assert not Ending.objects.exists()


def test_what_hangs_from_a_permission_that_ends_is_named_beforehand(browser, ana, lee, nora, old):
    held = people.give(ana, lee, Category.LABS, actions=WRITING)
    referral = referrals.refer(
        ana.patient, referrer=lee.user, keyring=lee.keyring, to=nora.user, categories=["labs"], days=7, words="Please."
    )
    referrals.approve(referral, keyring=ana.keyring, categories=["labs"], actions=["read"], days=5)
    page = browser.get(as_far_as_the_sentences(browser, old, {held: "end"}, nora)).content.decode()
    assert "this ends in the same moment" in page
    assert "Nobody is let in instead." in page
    assert "at no time is neither side let in" not in page


def test_confirmed_twice_it_is_done_once(browser, ana, lee, nora, old):
    grant = people.give(ana, lee, Category.LABS)
    where = as_far_as_the_sentences(browser, old, {grant: "move"}, nora)
    first, again = confirm(browser, where), browser.post(where)
    assert first["Location"] == again["Location"]
    assert Grant.objects.filter(reader__user=nora.user).count() == 1


def test_each_sensitive_part_that_moves_wants_a_tick_of_its_own(browser, ana, lee, nora, old):
    grant = people.give(ana, lee, Category.LABS, Category.GENETIC)
    where = as_far_as_the_sentences(browser, old, {grant: "move"}, nora)
    assert "Tick that Dr Nora New may see your genetic information" in confirm(browser, where).content.decode()
    assert not Ending.objects.exists()
    confirm(browser, where, **{f"also-{grant.pk}-genetic": "on"})
    assert Ending.objects.get().grant == grant


def test_what_changed_meanwhile_is_shown_again(browser, ana, lee, kim, nora, old):
    grant = people.give(ana, lee, Category.LABS)
    where = as_far_as_the_sentences(browser, old, {grant: "end"}, nora)
    people.give(ana, kim, Category.LABS)
    assert "What you share changed meanwhile." in browser.get(where).content.decode()


def test_another_sentence_than_the_one_read_is_not_confirmed(browser, ana, lee, nora, old):
    grant = people.give(ana, lee, Category.LABS)
    where = as_far_as_the_sentences(browser, old, {grant: "move"}, nora)
    assert "Something changed since you read this." in browser.post(where, {"read": "0" * 64}).content.decode()
    assert not Ending.objects.exists()


def test_the_copy_is_on_the_patients_list_when_it_is_read(browser, ana, lee, old):
    grant = people.give(ana, lee, Category.LABS, actions=WRITING)
    write(ana, lee, "by Lee")
    confirm(browser, as_far_as_the_sentences(browser, old, {grant: "end"}, None))
    theirs = clinicians_browser(lee)
    assert "Ana Costa" in theirs.get(reverse("clinician:copies")).content.decode()
    assert "Ana Costa" not in theirs.get(reverse("clinician:home")).content.decode()
    theirs.get(reverse("clinician:copy", args=[ana.patient.pk]))
    line = story(ana.patient.pk)[0]
    assert (line.action, line.purpose) == ("chart.opened", Purpose.HOPERAT)


def test_somebody_who_keeps_no_copy_is_refused_in_words(ana, lee):
    grants.end(people.give(ana, lee, Category.LABS), keyring=ana.keyring, by=access.own_party(ana.patient))
    answer = clinicians_browser(lee).get(reverse("clinician:copy", args=[ana.patient.pk]))
    assert answer.status_code == 403
    assert "Ask" in answer.content.decode()
