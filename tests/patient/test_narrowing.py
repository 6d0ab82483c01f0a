"""Situations, narrowing and changing, as a patient walks through them: safe answers first, one sentence at the end."""

import re
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
import time_machine
from django.urls import reverse

from audit import queries as log
from consent import access
from consent.models import Ending, Grant, GrantTemplate
from consent.sharing import grants
from consent.sharing.proposing import Narrow
from ehr import clock
from ehr.accounts import operations as accounts
from ehr.portals.patient import story
from ehr.words import Action, Category, Purpose
from tests import people
from tests.clinician.conftest import lab, problem, put
from tests.patient.conftest import browser_of
from tests.patient.test_sharing import begin, confirm, walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(ana):
    """Ana's three lab results of three years, and one condition, by their words."""
    years = ("2022", "2023", "2024")
    dated = [lab(f"Glucose {year}", "90", f"{year}-06-30", code=f"local-{year}") for year in years]
    ids = put(ana, *dated, problem("Asthma"), problem("Depressive episode", sensitive="PSY"))
    return dict(zip(("2022", "2023", "2024", "asthma", "sensitive"), map(str, ids), strict=True))


@pytest.fixture
def visit():
    return GrantTemplate.objects.create(
        name="A short visit",
        description="They look.",
        categories=["labs", "treatment"],
        actions=["read"],
        purpose="TREAT",
        days=3,
        place=1,
    )


def at(name, *args) -> str:
    return reverse(f"patient:{name}", args=args)


def narrow(browser, draft, **answers):
    return browser.post(at("share-narrow", draft), answers)


def tick(browser, draft, *ids, shown=None, **more):
    return browser.post(at("share-entries", draft), {"shown": shown or ids, "entry": ids, **more})


def titles(person, reader, **more) -> set[str]:
    opened = access.open_chart(
        person.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT, **more
    )
    return {entry.resource["code"]["text"] for entry in opened.entries}


# --- Common situations ---------------------------------------------------------------------------
def test_a_situation_leads_to_its_sentence_at_once_and_to_nothing_before_it_is_confirmed(browser, ana, lee, visit):
    draft = begin(browser, lee)
    page = browser.get(at("share-what", draft)).content.decode()
    assert "A short visit" in page
    assert "See your lab results and measurements and medicines and care plans, for 3 days" in page
    answer = browser.post(at("share-what", draft), {"situation": visit.pk})
    assert answer["Location"] == at("share-confirm", draft)
    sentence = browser.get(answer["Location"]).context["sentence"]
    assert "may see your lab results and measurements and medicines and care plans until" in sentence
    assert Grant.objects.count() == 0
    confirm(browser, draft)
    assert (Grant.objects.get().sentence, Grant.objects.get().categories) == (sentence, ["labs", "treatment"])


def test_what_a_situation_filled_in_can_be_changed_before_it_is_confirmed(browser, ana, lee, visit):
    draft = begin(browser, lee)
    browser.post(at("share-what", draft), {"situation": visit.pk})
    assert re.search(r'value="labs"[^>]*checked', browser.get(at("share-what", draft)).content.decode())
    browser.post(at("share-what", draft), {"ordinary": ["labs"]})
    browser.get(at("share-confirm", draft))
    confirm(browser, draft)
    assert Grant.objects.get().categories == ["labs"]


@pytest.mark.parametrize("situation", ["0", "999999", "x", "9" * 400, "²"])
def test_a_situation_that_is_not_on_offer_is_not_there(browser, ana, lee, situation):
    draft = begin(browser, lee)
    assert browser.post(at("share-what", draft), {"situation": situation}).status_code == 404


def test_a_withdrawn_situation_is_not_offered(browser, ana, lee, visit):
    GrantTemplate.objects.update(active=False)
    draft = begin(browser, lee)
    assert "A short visit" not in browser.get(at("share-what", draft)).content.decode()
    assert browser.post(at("share-what", draft), {"situation": visit.pk}).status_code == 404


def test_ticking_all_leaves_the_sensitive_parts_out(browser, ana, lee):
    draft = begin(browser, lee)
    page = browser.post(at("share-what", draft), {"all": "1", "write": "on"})
    form = page.context["form"]
    assert form["ordinary"].value() == ["basic", "history", "labs", "treatment"]
    assert not form["sensitive"].value()
    assert form["write"].value()
    assert not form.errors


# --- Narrower ------------------------------------------------------------------------------------
def test_only_what_is_there_until_today(browser, ana, lee, three):
    draft = walk(browser, lee)
    assert narrow(browser, draft, which="past")["Location"] == at("share-confirm", draft)
    assert "recorded up to" in browser.get(at("share-confirm", draft)).context["sentence"]
    confirm(browser, draft)
    put(ana, lab("Later", "90", "2022-01-01"))
    assert titles(ana, lee) == {"Glucose 2022", "Glucose 2023", "Glucose 2024"}


def test_until_today_is_until_the_day_where_the_patient_is(ana, lee, three):
    accounts.change_details(user=ana.user, name=ana.user.name, time_zone="Pacific/Auckland", language="en")
    with time_machine.travel(clock.now().replace(hour=22) + timedelta(days=1), tick=False):
        there = clock.now().date() + timedelta(days=1)
        browser = browser_of(ana)
        draft = walk(browser, lee)
        narrow(browser, draft, which="past")
        browser.get(at("share-confirm", draft))
        confirm(browser, draft)
    assert Grant.objects.get().record_until == there


def test_only_what_was_recorded_between_two_days(browser, ana, lee, three):
    draft = walk(browser, lee)
    narrow(browser, draft, which="dates", first="2023-01-01", last="2023-12-31")
    browser.get(at("share-confirm", draft))
    confirm(browser, draft)
    assert titles(ana, lee) == {"Glucose 2023"}


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"which": "dates"}, "at least one of the two days"),
        ({"which": "dates", "last": "2999-01-01"}, "not in the future"),
        ({"which": "dates", "first": "2023-01-02", "last": "2023-01-01"}, "comes after the first"),
        ({"which": "dates", "first": "soon"}, "Write a day"),
        ({}, "Choose what of these parts"),
    ],
)
def test_days_that_cannot_be_are_sent_back(browser, ana, lee, answers, told):
    draft = walk(browser, lee)
    assert told in narrow(browser, draft, **answers).content.decode()


def test_only_the_entries_that_are_ticked_in_keys(browser, ana, lee, three):
    draft = walk(browser, lee, parts=("labs", "history"))
    assert narrow(browser, draft, which="chosen")["Location"] == at("share-entries", draft)
    page = browser.get(at("share-entries", draft)).content.decode()
    assert "Glucose 2022" in page
    assert "Depressive episode" not in page
    assert tick(browser, draft, three["2022"], three["2024"])["Location"] == at("share-confirm", draft)
    said = browser.get(at("share-confirm", draft))
    assert "2 entries that you chose from your lab results and measurements" in said.context["sentence"]
    assert "health history" not in said.context["sentence"]
    assert "Glucose 2022" in said.content.decode()
    confirm(browser, draft)
    assert titles(ana, lee) == {"Glucose 2022", "Glucose 2024"}


def test_ticks_are_kept_from_page_to_page(browser, ana, lee, three):
    put(ana, *(lab(f"Old {number}", "90", f"2001-01-{number:02}") for number in range(1, 31)))
    draft = walk(browser, lee)
    narrow(browser, draft, which="chosen")
    first = browser.get(at("share-entries", draft))
    shown = [one.id for one in first.context["page"]]
    assert len(shown) == 30
    second = tick(browser, draft, three["2024"], shown=shown, go="2", page="1")
    assert second.status_code == 200
    older = [one.id for one in second.context["page"]]
    tick(browser, draft, older[0], shown=older, page="2")
    browser.get(at("share-confirm", draft))
    confirm(browser, draft)
    assert set(Grant.objects.get().entries) == {three["2024"], older[0]}


def test_a_tick_can_be_taken_back(browser, ana, lee, three):
    draft = walk(browser, lee)
    narrow(browser, draft, which="chosen")
    tick(browser, draft, three["2022"], three["2023"])
    browser.post(at("share-entries", draft), {"shown": [three["2022"], three["2023"]], "entry": [three["2023"]]})
    browser.get(at("share-confirm", draft))
    confirm(browser, draft)
    assert Grant.objects.get().entries == [three["2023"]]


@pytest.mark.security
def test_single_entries_of_which_none_is_ticked_are_never_all(browser, ana, lee, three):
    draft = walk(browser, lee)
    narrow(browser, draft, which="chosen")
    assert "Tick at least one entry" in tick(browser, draft, shown=[three["2022"]]).content.decode()
    assert browser.get(at("share-confirm", draft))["Location"] == at("share-entries", draft)
    assert confirm(browser, draft)["Location"] == at("share-entries", draft)
    assert Grant.objects.count() == 0


@pytest.mark.security
def test_an_entry_of_another_part_or_person_cannot_be_ticked(browser, ana, ben, lee, three):
    (foreign,) = put(ben, lab("Ben's", "90", "2024-01-01"))
    draft = walk(browser, lee)
    narrow(browser, draft, which="chosen")
    for one in (three["asthma"], three["sensitive"], str(foreign), str(uuid4()), "x"):
        assert "Tick at least one entry" in tick(browser, draft, one).content.decode()


@pytest.mark.security
def test_a_tab_left_open_does_not_confirm_other_entries_of_the_same_number(browser, ana, lee, three):
    draft = walk(browser, lee)
    narrow(browser, draft, which="chosen")
    tick(browser, draft, three["2022"])
    read = browser.get(at("share-confirm", draft)).context["form"]["read"].value()
    browser.post(at("share-entries", draft), {"shown": [three["2022"], three["2023"]], "entry": [three["2023"]]})
    browser.get(at("share-confirm", draft))
    page = browser.post(at("share-confirm", draft), {"read": read})
    assert "Something changed since you read the sentence" in page.content.decode()
    assert Grant.objects.count() == 0


def test_only_in_certain_countries(browser, ana, lee, three):
    draft = walk(browser, lee)
    assert "Where it cannot be told, nothing opens" in browser.get(at("share-narrow", draft)).content.decode()
    narrow(browser, draft, which="all", place1="CA", place2="PT")
    browser.get(at("share-confirm", draft))
    grant = confirm(browser, draft, follow=True) and Grant.objects.get()
    assert grant.places == ["CA", "PT"]
    assert "only while they are in Canada and Portugal" in grant.sentence
    receipt = browser.get(at("grant", grant.pk)).content.decode()
    assert "Where their country cannot be told, nothing opens" in receipt


def test_dates_in_which_there_is_nothing_say_so_and_lead_back(browser, ana, lee, three):
    draft = walk(browser, lee)
    narrow(browser, draft, which="dates", last="1990-01-01")
    page = confirm(browser, draft).content.decode()
    assert "Nothing in these parts was recorded in that time" in page
    assert at("share-narrow", draft) in page


def test_with_locked_keys_a_permission_of_whole_parts_leads_to_unlocking(ana, lee):
    locked = browser_of(ana, unlocked=False)
    draft = walk(locked, lee)
    assert confirm(locked, draft)["Location"].startswith(reverse("front:unlock"))
    assert Grant.objects.count() == 0


def test_the_receipt_names_the_entries_as_readable_lines(browser, ana, lee, three):
    grant = people.give(ana, lee, Category.LABS, narrow=Narrow(entries=frozenset([three["2023"]])))
    receipt = browser.get(at("grant", grant.pk)).content.decode()
    assert "Glucose 2023" in receipt
    assert "Glucose 2022" not in receipt
    assert (
        "Unlock your record to read which"
        in browser_of(ana, unlocked=False).get(at("grant", grant.pk)).content.decode()
    )


def test_the_receipt_says_of_which_time(browser, ana, lee, three):
    grant = people.give(
        ana, lee, Category.LABS, narrow=Narrow(record_from=date(2022, 1, 1), record_until=date(2023, 12, 31))
    )
    assert "Only what was recorded from <time" in browser.get(at("grant", grant.pk)).content.decode()


# --- Changing ------------------------------------------------------------------------------------
def change(browser, grant, **answers):
    """Fill the form of a change; return the draft that begins."""
    answer = browser.post(at("change", grant.pk), answers)
    return UUID(re.search(r"new/([0-9a-f-]{36})/", answer["Location"])[1])


def test_the_form_of_a_change_shows_what_holds(browser, ana, lee):
    grant = people.give(ana, lee, Category.LABS, actions=(Action.READ, Action.WRITE))
    form = browser.get(at("change", grant.pk)).context["form"]
    assert (form["ordinary"].value(), form["write"].value(), form["span"].value()) == (["labs"], True, "same")


def test_widened_in_one_moment_with_both_sentences_on_the_page(browser, ana, lee, three):
    grant = people.give(ana, lee, Category.LABS)
    draft = change(browser, grant, ordinary=["labs", "history"], span="same")
    page = browser.get(at("change-confirm", draft)).content.decode()
    assert grant.sentence in page
    assert "health history and lab results" in page
    browser.post(at("change-confirm", draft), {})
    new = Grant.objects.get(pk=draft)
    assert (new.categories, new.ends) == (["history", "labs"], grant.ends)
    assert Ending.objects.get(grant=grant).cause == Ending.Cause.CHANGED
    assert titles(ana, lee) == {"Glucose 2022", "Glucose 2023", "Glucose 2024", "Asthma"}


def test_narrowed_to_single_entries_in_keys(browser, ana, lee, three):
    grant = people.give(ana, lee, Category.LABS)
    draft = change(browser, grant, ordinary=["labs"], span="same")
    narrow(browser, draft, which="chosen")
    assert tick(browser, draft, three["2024"])["Location"] == at("change-confirm", draft)
    browser.get(at("change-confirm", draft))
    browser.post(at("change-confirm", draft), {})
    assert titles(ana, lee) == {"Glucose 2024"}


def test_extended_and_what_narrowed_it_stays(browser, ana, lee, three):
    grant = people.give(ana, lee, Category.LABS, days=2, narrow=Narrow(entries=frozenset([three["2023"]])))
    draft = change(browser, grant, ordinary=["labs"], span="year")
    browser.get(at("change-confirm", draft))
    browser.post(at("change-confirm", draft), {})
    new = Grant.objects.get(pk=draft)
    assert new.entries == [three["2023"]]
    assert new.ends - clock.now() > timedelta(days=364)


def test_a_change_confirmed_twice_is_one(browser, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    draft = change(browser, grant, ordinary=["history"], span="same")
    browser.get(at("change-confirm", draft))
    where = {browser.post(at("change-confirm", draft), {})["Location"] for _ in range(2)}
    assert where == {at("grant", draft)}
    assert Grant.objects.count() == 2


def test_a_sensitive_part_is_confirmed_on_its_own_in_a_change_too(browser, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    draft = change(browser, grant, ordinary=["labs"], sensitive=["genetic"], span="same")
    browser.get(at("change-confirm", draft))
    browser.post(at("change-confirm", draft), {})
    assert Grant.objects.count() == 1
    browser.post(at("change-confirm", draft), {"also-genetic": "on"})
    assert Grant.objects.get(pk=draft).categories == ["labs", "genetic"]


def test_a_tab_whose_permission_was_stopped_meanwhile_is_told(browser, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    draft = change(browser, grant, ordinary=["history"], span="same")
    browser.get(at("change-confirm", draft))
    grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
    assert "over already" in browser.post(at("change-confirm", draft), {}).content.decode()
    assert Grant.objects.count() == 1
    assert browser.get(at("change", grant.pk))["Location"] == at("grant", grant.pk)


@pytest.mark.security
def test_a_tab_left_open_does_not_confirm_a_change_that_another_tab_made_of_it(browser, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    draft = change(browser, grant, ordinary=["history"], span="same")
    read = browser.get(at("change-confirm", draft)).context["form"]["read"].value()
    narrow(browser, draft, which="all", place1="CA")
    page = browser.post(at("change-confirm", draft), {"read": read})
    assert "Something changed since you read the sentence" in page.content.decode()
    assert Grant.objects.count() == 1


def test_a_change_is_one_story_on_the_log(browser, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    draft = change(browser, grant, ordinary=["history"], span="same")
    browser.get(at("change-confirm", draft))
    browser.post(at("change-confirm", draft), {})
    told = [story.tell(line, me=ana.user.pk).words for line in log.story(ana.patient.pk)]
    ended = next(index for index, words in enumerate(told) if words.startswith("You changed what Mei Lee may see"))
    assert "You let Mei Lee see your health history." in told[max(ended - 1, 0) : ended + 2]
    assert "You changed it: another permission took its place" in browser.get(at("grant", grant.pk)).content.decode()


@pytest.mark.parametrize("page", ["change"])
def test_anothers_permission_is_not_changed(ana, ben, lee, page):
    grant = people.give(ana, lee, Category.LABS)
    assert browser_of(ben).get(at(page, grant.pk)).status_code == 404


@pytest.mark.parametrize("page", ["share-narrow", "share-entries", "change-confirm"])
def test_anothers_draft_is_not_there(browser, ana, ben, lee, page):
    draft = walk(browser, lee)
    assert browser_of(ben).get(at(page, draft)).status_code == 404
