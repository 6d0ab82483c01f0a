"""Dr Lee asks for entries or for a time; Ana gives that or less, in keys; and asks why before she answers."""

import uuid
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from audit import queries as story
from consent import access
from consent.access import AccessDenied, KeysLocked
from consent.models import AccessRequest, Block, Grant
from consent.sharing import answering, asking, correspondence, requests
from consent.sharing.proposing import CannotGive, Narrow
from consent.sharing.requests import CannotAnswer, CannotAsk
from ehr import clock
from ehr.accounts import operations as accounts
from ehr.accounts.models import KeyVersion, Reader
from ehr.notices.models import Mail, Notice
from ehr.words import Category, Purpose
from patients.models import BundledKey, Seal
from tests import people
from tests.consent.conftest import draft, texts

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(ana):
    """Ana's three lab results of three years, and one condition, by their words."""
    drafts = {words: draft(Category.LABS, words, recorded=f"{words}-06-30") for words in ("2022", "2023", "2024")}
    drafts["condition"] = draft(Category.HISTORY, "condition", recorded="2023-06-30")
    access.add_own(ana.patient, list(drafts.values()), keyring=ana.keyring)
    return {words: str(one.logical_id) for words, one in drafts.items()}


def ask(lee, ana, *parts, **more):
    return asking.ask(
        ana.patient,
        reader=lee.user,
        keyring=lee.keyring,
        categories=parts,
        days=more.pop("days", 30),
        words="Before your visit.",
        **more,
    )


def approve(ana, request, *, narrow=None, **more):
    return answering.approve(
        request,
        keyring=ana.keyring,
        categories=more.pop("categories", request.categories),
        actions=request.actions,
        days=request.days,
        narrow=narrow,
        **more,
    )


def read(patient, reader, **more):
    return access.open_chart(patient.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT, **more)


def told(user) -> list[str]:
    return list(Notice.objects.filter(user=user).values_list("kind", flat=True))


# --- Entries -------------------------------------------------------------------------------------
def test_who_sees_an_entry_asks_for_it_alone_and_gets_it_alone(ana, lee, three):
    people.give(ana, lee, Category.LABS, days=1)
    request = ask(lee, ana, entries=[three["2023"]])
    assert (request.entries, request.categories) == ([three["2023"]], ["labs"])
    Grant.objects.all().update(ends=clock.now())
    grant = approve(ana, request)
    assert grant.entries == [three["2023"]]
    assert texts(read(ana, lee)) == {"2023"}
    assert not Seal.objects.filter(grant_id=grant.pk).exists()


@pytest.mark.security
def test_nobody_asks_for_an_entry_they_cannot_see(ana, lee, three):
    people.give(ana, lee, Category.LABS)
    told = set()
    for entries in ([three["condition"]], [str(uuid.uuid4())], ["no id"], [three["2022"], three["condition"]]):
        with pytest.raises(CannotAsk) as refusal:
            ask(lee, ana, entries=entries)
        told.add(str(refusal.value))
    assert len(told) == 1
    assert not AccessRequest.objects.exists()


def test_an_entry_one_was_let_in_to_by_name_can_be_asked_for_again(ana, lee, three):
    grant = people.give(ana, lee, Category.LABS, narrow=Narrow(entries=frozenset([three["2022"]])))
    people.grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
    assert ask(lee, ana, entries=[three["2022"]]).entries == [three["2022"]]


@pytest.mark.parametrize("wider", [Narrow(), Narrow(record_from=date(2023, 1, 1))])
def test_entries_that_were_asked_for_are_not_answered_with_a_whole_part(ana, lee, three, wider):
    people.give(ana, lee, Category.LABS)
    request = ask(lee, ana, entries=[three["2023"]])
    with pytest.raises(CannotAnswer, match="more than was asked"):
        approve(ana, request, narrow=wider)
    with pytest.raises(CannotAnswer, match="more than was asked"):
        approve(ana, request, narrow=Narrow(entries=frozenset([three["2022"], three["2023"]])))


# --- Dates ---------------------------------------------------------------------------------------
def test_a_time_that_was_asked_for_is_what_opens(ana, lee, three):
    approve(ana, ask(lee, ana, Category.LABS, record_from=date(2022, 1, 1), record_until=date(2023, 12, 31)))
    assert texts(read(ana, lee)) == {"2022", "2023"}


@pytest.fixture
def morning_in_auckland():
    """Tomorrow, 22:00 UTC, when it is the day after in Auckland."""
    with time_machine.travel(clock.now().replace(hour=22) + timedelta(days=1), tick=False):
        yield


def test_a_time_until_today_where_the_reader_is_can_be_given_as_it_was_asked_for(ana, lee, three, morning_in_auckland):
    accounts.change_details(user=lee.user, name=lee.user.name, time_zone="Pacific/Auckland", language="en")
    there = timezone.localtime(clock.now(), ZoneInfo("Pacific/Auckland")).date()
    approve(ana, ask(lee, ana, Category.LABS, record_until=there))
    assert Grant.objects.get().record_until == there
    assert texts(read(ana, lee)) == {"2022", "2023", "2024"}


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ({"record_until": date(2999, 1, 1)}, "not in the future"),
        ({"record_from": date(2023, 1, 1), "record_until": date(2022, 1, 1)}, "before the last"),
    ],
)
def test_a_time_that_cannot_be_is_not_asked_for(ana, lee, three, dates, message):
    with pytest.raises(CannotAsk, match=message):
        ask(lee, ana, Category.LABS, **dates)


@pytest.mark.parametrize(
    "wider",
    [
        Narrow(),
        Narrow(record_from=date(2022, 1, 1)),
        Narrow(record_from=date(2022, 1, 1), record_until=date(2024, 12, 31)),
        Narrow(record_from=date(2021, 1, 1), record_until=date(2023, 1, 1)),
    ],
)
def test_an_answer_is_never_about_more_time_than_was_asked(ana, lee, three, wider):
    request = ask(lee, ana, Category.LABS, record_from=date(2022, 1, 1), record_until=date(2023, 12, 31))
    with pytest.raises(CannotAnswer, match="more than was asked"):
        approve(ana, request, narrow=wider)
    assert not Grant.objects.exists()


def test_chosen_entries_are_of_the_time_that_was_asked_for(ana, lee, three):
    request = ask(lee, ana, Category.LABS, record_until=date(2022, 12, 31))
    with pytest.raises(CannotAnswer, match="not of the time"):
        approve(ana, request, narrow=Narrow(entries=frozenset([three["2024"]])))
    approve(ana, request, narrow=Narrow(entries=frozenset([three["2022"]])))
    assert texts(read(ana, lee)) == {"2022"}


# --- Narrowed by the patient ---------------------------------------------------------------------
def test_a_request_for_whole_parts_is_answered_with_chosen_entries_in_keys(ana, lee, three):
    request = ask(lee, ana, Category.LABS, Category.HISTORY)
    grant = approve(ana, request, categories=["labs"], narrow=Narrow(entries=frozenset([three["2024"]])))
    assert texts(read(ana, lee)) == {"2024"}
    assert BundledKey.objects.filter(grant_id=grant.pk).count() == 1
    assert not Seal.objects.filter(grant_id=grant.pk).exists()


def test_a_request_is_answered_for_some_countries_only(ana, lee, three):
    approve(ana, ask(lee, ana, Category.LABS), narrow=Narrow(places=frozenset({"CA"})))
    with pytest.raises(AccessDenied):
        read(ana, lee)
    assert texts(read(ana, lee, presence=access.Presence(place="CA"))) == {"2022", "2023", "2024"}


def test_a_narrow_yes_confirmed_twice_makes_one_grant(ana, lee, three):
    request = ask(lee, ana, Category.LABS)
    narrow = Narrow(entries=frozenset([three["2024"]]))
    assert approve(ana, request, narrow=narrow) == approve(ana, request, narrow=narrow)
    assert Grant.objects.count() == 1


def test_a_yes_that_cannot_be_given_leaves_the_request_waiting(ana, lee, three):
    request = ask(lee, ana, Category.LABS)
    with pytest.raises(CannotGive):
        approve(ana, request, narrow=Narrow(record_until=date(1990, 1, 1)))
    assert requests.open_requests(ana.patient).get() == request


@pytest.mark.security
def test_words_do_not_open_behind_changed_dates_or_entries(ana, lee, three):
    request = ask(lee, ana, Category.LABS, record_until=date(2023, 1, 1))
    assert correspondence.read_message(request, ana.keyring).words == "Before your visit."
    for change in ({"record_until": date(2024, 1, 1)}, {"entries": [three["2022"]]}):
        AccessRequest.objects.filter(pk=request.pk).update(**change)
        changed = requests.of_patient(ana.patient, request.pk)
        assert correspondence.read_message(changed, ana.keyring).words is None


# --- Asking why ----------------------------------------------------------------------------------
def why(ana, request, words="What has my blood to do with my knee?"):
    return answering.ask_why(request, keyring=ana.keyring, words=words)


def reply(lee, request, words="To see whether it is gout."):
    return asking.explain(request, by=lee.user, keyring=lee.keyring, words=words)


def test_a_question_is_read_by_who_asked_and_its_answer_by_the_patient(ana, lee):
    request = ask(lee, ana, Category.LABS)
    why(ana, request)
    theirs = requests.sent_one(lee.user, request.pk)
    assert correspondence.read_question(theirs, lee.keyring) == correspondence.Message(
        "What has my blood to do with my knee?", signed=True
    )
    assert "access-asked-why" in told(lee.user)
    reply(lee, theirs)
    hers = requests.of_patient(ana.patient, request.pk)
    assert correspondence.read_reply(hers, ana.keyring) == correspondence.Message(
        "To see whether it is gout.", signed=True
    )
    assert "access-explained" in told(ana.user)
    assert [line.action for line in story.story(ana.patient.pk)][:3] == [
        "access.replied", "access.asked-why", "access.asked",
    ]  # fmt: skip
    approve(ana, hers)


@pytest.mark.privacy
def test_question_and_answer_are_stored_sealed_and_nowhere_else(ana, lee, stranger):
    request = ask(lee, ana, Category.LABS)
    why(ana, request, "planted question")
    reply(lee, request, "planted answer")
    row = AccessRequest.objects.get()
    assert b"planted" not in bytes(row.question) + bytes(row.reply)
    assert not Mail.objects.filter(payload__icontains="planted").exists()
    assert correspondence.read_question(row, stranger.keyring).words is None
    assert correspondence.read_question(row, ana.keyring).words is None
    assert correspondence.read_reply(row, lee.keyring).words is None
    with pytest.raises(KeysLocked):
        correspondence.read_question(row, None)


@pytest.mark.security
def test_a_question_that_its_patient_did_not_sign_is_shown_as_such(ana, lee, stranger):
    request = ask(lee, ana, Category.LABS)
    forged = correspondence.seal_question(request, "Call me at this number.", keyring=stranger.keyring)
    AccessRequest.objects.update(question=forged, question_at=clock.now())
    assert not correspondence.read_question(requests.sent_one(lee.user, request.pk), lee.keyring).signed


@pytest.mark.security
def test_no_question_is_sealed_to_an_exchanged_key(ana, lee, stranger):
    request = ask(lee, ana, Category.LABS)
    other = KeyVersion.objects.get(pk=stranger.keyring.version_id)
    KeyVersion.objects.filter(pk=lee.keyring.version_id).update(kem_public=other.kem_public)
    with pytest.raises(CannotAnswer, match="not the ones they registered"):
        why(ana, request)
    assert AccessRequest.objects.get().question is None


def test_why_is_asked_once_and_answered_once(ana, lee):
    request = ask(lee, ana, Category.LABS)
    why(ana, request, "first")
    why(ana, request, "second")
    assert correspondence.read_question(AccessRequest.objects.get(), lee.keyring).words == "first"
    reply(lee, request, "one")
    reply(lee, request, "two")
    assert correspondence.read_reply(AccessRequest.objects.get(), ana.keyring).words == "one"
    assert told(lee.user).count("access-asked-why") == 1
    assert told(ana.user).count("access-explained") == 1


def test_nobody_answers_a_question_that_was_not_asked_of_them(ana, lee, stranger):
    request = ask(lee, ana, Category.LABS)
    with pytest.raises(CannotAnswer, match="no question here"):
        reply(lee, request)
    why(ana, request)
    with pytest.raises(CannotAnswer, match="no question here"):
        reply(stranger, request)


def test_a_question_gives_nobody_more_time(ana, lee):
    request = ask(lee, ana, Category.LABS)
    why(ana, request)
    assert AccessRequest.objects.get().lapses_at == request.lapses_at
    AccessRequest.objects.update(asked_at=clock.now() - timedelta(days=15), lapses_at=clock.now() - timedelta(days=1))
    with pytest.raises(CannotAnswer, match="lapsed"):
        reply(lee, request)


def test_what_was_answered_is_not_asked_about(ana, lee):
    request = answering.decline(ask(lee, ana, Category.LABS))
    with pytest.raises(CannotAnswer, match="declined already"):
        why(ana, request)


# --- Kept out ------------------------------------------------------------------------------------
@pytest.mark.security
def test_whom_a_patient_keeps_out_is_not_heard_and_learns_nothing(ana, lee):
    Block.objects.create(patient=ana.patient, reader=Reader.objects.get(user=lee.user))
    request = ask(lee, ana, Category.LABS)
    assert requests.state(requests.sent_one(lee.user, request.pk)) == "asked"
    assert "access-asked" not in told(ana.user)
    assert not requests.open_requests(ana.patient).exists()
    assert story.story(ana.patient.pk)[0].action == "access.asked"
    with pytest.raises(CannotAnswer, match="keep Mei Lee out"):
        approve(ana, request)
