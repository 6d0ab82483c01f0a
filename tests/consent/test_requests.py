"""Dr Lee asks Ana; Ana says yes, less, or no; a stranger cannot ask at all."""

import uuid
from datetime import timedelta

import pytest
import time_machine

from audit import queries as story
from audit.models import EventBody
from consent import access, queries
from consent.access import KeysLocked
from consent.models import AccessRequest, Grant, ShownCode
from consent.sharing import answering, asking, correspondence, finding, requests
from consent.sharing.requests import CannotAnswer, CannotAsk
from ehr import clock
from ehr.accounts.attempts import TooMany
from ehr.notices.models import Mail, Notice
from ehr.words import Action, Category, Purpose
from tests import people

pytestmark = pytest.mark.django_db
WORDS = "I would like to see your blood results before your visit."


def ask(lee, ana, *parts, actions=(Action.READ,), days=30, words=WORDS, **more):
    parts = parts or (Category.LABS, Category.HISTORY)
    return asking.ask(
        ana.patient,
        reader=lee.user,
        keyring=lee.keyring,
        categories=parts,
        actions=actions,
        days=days,
        words=words,
        **more,
    )


def approve(ana, request, *parts, actions=(Action.READ,), days=None, **more):
    return answering.approve(
        request,
        keyring=ana.keyring,
        categories=parts or request.categories,
        actions=actions,
        days=days or request.days,
        **more,
    )


def told(user) -> list[str]:
    return sorted(Notice.objects.filter(user=user).values_list("kind", flat=True))


def actions(subject) -> list[str]:
    return [line.action for line in story.story(subject.pk)]


# --- Asking --------------------------------------------------------------------------------------
def test_a_request_waits_for_its_patient_who_is_told_and_reads_it(ana, lee):
    request = ask(lee, ana)
    waiting = requests.open_requests(ana.patient).get()
    assert waiting == request
    assert correspondence.read_message(waiting, ana.keyring) == correspondence.Message(WORDS, signed=True)
    assert "access-asked" in told(ana.user)
    line = story.story(ana.patient.pk)[0]
    assert (line.action, line.actor.id, set(line.categories)) == ("access.asked", lee.user.pk, {"labs", "history"})
    assert line.details["days"] == 30


@pytest.mark.privacy
def test_the_words_are_read_by_the_patient_alone(ana, lee):
    request = ask(lee, ana, words="planted words about a condition")
    raw = bytes(AccessRequest.objects.get().message)
    assert b"planted" not in raw
    assert not any(b"planted" in bytes(body) for body in EventBody.objects.values_list("payload", flat=True))
    assert not Mail.objects.filter(payload__icontains="planted").exists()
    with pytest.raises(KeysLocked):
        correspondence.read_message(request, None)
    other = people.patient("Somebody Else")
    assert correspondence.read_message(request, other.keyring).words is None


def test_words_do_not_open_behind_changed_terms(ana, lee):
    request = ask(lee, ana, Category.LABS)
    AccessRequest.objects.update(categories=["labs", "genetic"])
    changed = requests.of_patient(ana.patient, request.pk)
    assert correspondence.read_message(changed, ana.keyring).words is None


def test_the_same_request_sent_twice_is_one(ana, lee):
    once = uuid.uuid4()
    assert ask(lee, ana, once=once) == ask(lee, ana, once=once)
    assert AccessRequest.objects.count() == 1
    assert told(ana.user).count("access-asked") == 1


def test_a_second_request_waits_for_the_first_answer(ana, lee):
    ask(lee, ana)
    with pytest.raises(CannotAsk, match="already"):
        ask(lee, ana, Category.BASIC)


def test_nobody_is_asked_over_and_over(ana, lee):
    for _ in range(3):
        answering.decline(ask(lee, ana))
    with pytest.raises(CannotAsk, match="three times"):
        ask(lee, ana)
    with time_machine.travel(clock.now() + timedelta(days=15)):
        assert ask(lee, ana)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"words": "  "}, "what you need"),
        ({"words": "x" * 2_001}, "what you need"),
        ({"days": 0}, "one day and one year"),
        ({"days": 366}, "one day and one year"),
        ({"actions": ()}, "what you need to do"),
    ],
)
def test_a_request_that_says_too_little_or_too_much_is_not_sent(ana, lee, wrong, message):
    with pytest.raises(CannotAsk, match=message):
        ask(lee, ana, **wrong)
    assert not AccessRequest.objects.exists()


@pytest.mark.security
def test_without_good_standing_nobody_asks_and_the_try_is_on_the_log(ana, ground):
    unverified = people.account("Uma Unverified")
    with pytest.raises(CannotAsk, match="Register"):
        ask(unverified, ana)
    line = story.story(ana.patient.pk)[0]
    assert (line.action, line.outcome, line.because) == ("access.refused", "refused", "not-registered")


def test_who_may_not_read_clinical_text_does_not_ask_for_it(ana, ground):
    clerk = people.clinician("Carl Clerk", role="front-desk")
    with pytest.raises(CannotAsk, match="clinical text"):
        ask(clerk, ana)


def test_a_locked_keyring_asks_nothing(ana, lee):
    lee.keyring = None
    with pytest.raises(KeysLocked):
        ask(lee, ana)


# --- Answering -----------------------------------------------------------------------------------
def test_yes_makes_a_grant_of_exactly_what_was_asked(ana, lee):
    request = ask(lee, ana, actions=(Action.READ, Action.WRITE))
    grant = approve(ana, request, actions=(Action.READ, Action.WRITE))
    assert (set(grant.categories), set(grant.actions)) == ({"labs", "history"}, {"read", "write"})
    assert requests.state(requests.sent_one(lee.user, request.pk)) == "approved"
    assert "access-given" in told(lee.user)
    assert {"access.asked", "access.approved", "grant.made"} <= set(actions(ana.patient))


def test_two_parts_of_five_are_exactly_two(ana, lee):
    request = ask(lee, ana, *(part for part in Category if part is not Category.GENETIC))
    approve(ana, request, Category.LABS, Category.BASIC, days=7)
    opened = access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    assert opened.categories == (Category.BASIC, Category.LABS)
    assert opened.ends - clock.now() <= timedelta(days=8)


@pytest.mark.parametrize(
    "more",
    [
        {"parts": (Category.LABS, Category.GENETIC)},
        {"parts": (Category.LABS,), "actions": (Action.READ, Action.WRITE)},
        {"parts": (Category.LABS,), "days": 31},
    ],
)
def test_an_answer_never_gives_more_than_was_asked(ana, lee, more):
    request = ask(lee, ana, Category.LABS)
    with pytest.raises(CannotAnswer, match="more than was asked"):
        approve(ana, request, *more.pop("parts"), **more)
    assert not Grant.objects.exists()


def test_a_yes_confirmed_twice_makes_one_grant(ana, lee):
    request = ask(lee, ana)
    assert approve(ana, request) == approve(ana, request)
    assert Grant.objects.count() == 1


def test_no_reveals_nothing_beyond_declined(ana, lee):
    request = answering.decline(ask(lee, ana))
    answering.decline(request)
    seen = requests.sent_one(lee.user, request.pk)
    assert (requests.state(seen), seen.grant) == ("declined", None)
    assert told(lee.user) == ["access-declined"]
    assert Notice.objects.get(user=lee.user).params == {}
    assert queries.patient_within_reach(lee.user, ana.patient.pk) is None


def test_what_was_declined_cannot_be_approved_later(ana, lee):
    request = answering.decline(ask(lee, ana))
    with pytest.raises(CannotAnswer, match="declined already"):
        approve(ana, request)


def test_a_request_lapses_after_fourteen_days(ana, lee):
    request = ask(lee, ana)
    with time_machine.travel(request.lapses_at - timedelta(seconds=1), tick=False):
        assert requests.open_requests(ana.patient).exists()
    with time_machine.travel(request.lapses_at + timedelta(seconds=1), tick=False):
        assert not requests.open_requests(ana.patient).exists()
        assert requests.state(request) == "lapsed"
        assert requests.closed_requests(ana.patient).get() == request
        with pytest.raises(CannotAnswer, match="lapsed"):
            approve(ana, request)
    assert not Grant.objects.exists()


def test_who_asked_can_take_it_back_and_nobody_else(ana, lee, stranger):
    request = ask(lee, ana)
    with pytest.raises(CannotAnswer, match="Only who asked"):
        asking.withdraw(request, by=stranger.user)
    asking.withdraw(request, by=lee.user)
    with pytest.raises(CannotAnswer, match="withdrawn"):
        approve(ana, request)
    assert actions(ana.patient)[0] == "access.withdrawn"


def test_a_locked_keyring_approves_nothing_and_the_request_still_waits(ana, lee):
    request, keyring = ask(lee, ana), ana.keyring
    ana.keyring = None
    with pytest.raises(KeysLocked):
        approve(ana, request)
    assert requests.open_requests(ana.patient).get() == request
    ana.keyring = keyring
    assert approve(ana, request)


def test_somebody_elses_request_is_not_found(ana, lee, stranger):
    request = ask(lee, ana)
    other = people.patient("Somebody Else")
    assert requests.of_patient(other.patient, request.pk) is None
    assert requests.sent_one(stranger.user, request.pk) is None


# --- Whom one may ask ----------------------------------------------------------------------------
def test_a_shown_code_lets_one_clinician_ask_once(ana, lee, stranger):
    assert finding.patient_to_ask(lee.user, ana.patient.pk) is None
    code, _ = finding.show_code(ana.patient)
    assert finding.meet(code.lower(), reader=lee.user, address="192.0.2.1") == ana.patient
    assert finding.patient_to_ask(lee.user, ana.patient.pk) == ana.patient
    assert queries.patient_within_reach(lee.user, ana.patient.pk) is None
    with pytest.raises(CannotAsk, match="does not work"):
        finding.meet(code, reader=stranger.user, address="192.0.2.2")
    assert actions(ana.patient)[:2] == ["code.used", "code.shown"]


def test_a_code_works_for_ten_minutes(ana, lee):
    code, row = finding.show_code(ana.patient)
    with time_machine.travel(row.ends_at + timedelta(seconds=1), tick=False), pytest.raises(CannotAsk):
        finding.meet(code, reader=lee.user, address="192.0.2.1")
    clock.watch.forget()
    with time_machine.travel(row.ends_at - timedelta(seconds=1), tick=False):
        assert finding.meet(code, reader=lee.user, address="192.0.2.1") == ana.patient


def test_only_the_newest_code_works(ana, lee):
    first, _ = finding.show_code(ana.patient)
    second, _ = finding.show_code(ana.patient)
    with pytest.raises(CannotAsk):
        finding.meet(first, reader=lee.user, address="192.0.2.1")
    assert finding.meet(second, reader=lee.user, address="192.0.2.1") == ana.patient


def test_a_meeting_lasts_a_day(ana, lee):
    code, _ = finding.show_code(ana.patient)
    finding.meet(code, reader=lee.user, address="192.0.2.1")
    with time_machine.travel(clock.now() + timedelta(days=1, minutes=1)):
        assert finding.patient_to_ask(lee.user, ana.patient.pk) is None


@pytest.mark.security
def test_codes_cannot_be_guessed_at_length(ana, lee):
    code, _ = finding.show_code(ana.patient)
    for number in range(5):
        with pytest.raises(CannotAsk):
            finding.meet(f"WRONG{number:03}", reader=lee.user, address="192.0.2.1")
    with pytest.raises(TooMany):
        finding.meet(code, reader=lee.user, address="192.0.2.1")


@pytest.mark.privacy
def test_a_code_is_kept_as_a_keyed_digest(ana):
    code, _ = finding.show_code(ana.patient)
    assert code.replace("-", "").encode() not in bytes(ShownCode.objects.get().digest)
    assert len(bytes(ShownCode.objects.get().digest)) == 32


def test_an_unverified_provider_cannot_use_a_code(ana, ground):
    code, _ = finding.show_code(ana.patient)
    with pytest.raises(CannotAsk, match="Register"):
        finding.meet(code, reader=people.account("Uma Unverified").user, address="192.0.2.1")
