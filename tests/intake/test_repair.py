"""Broken messages: opened by the keyholder alone, against a committed event, for one try; destroyed when given up."""

from datetime import timedelta

import pytest

from audit import log
from audit import queries as audit
from consent import escrow
from consent.escrow import NotReleased
from ehr import clock
from ehr.accounts.operations import Refused
from ehr.intake import again, feeds, repair, tasks
from ehr.intake.hl7v2 import messages
from ehr.intake.models import Broken
from patients.models import Entry, Patient
from tests import people

from .hl7v2.conftest import sending, worker
from .hl7v2.vectors import GLUCOSE, ORU, PID, oru

__all__ = ["sending", "worker"]

pytestmark = pytest.mark.django_db
OTHER_DAY = PID.replace("19840503", "19840504")


@pytest.fixture
def waiting(sending) -> Broken:
    """Return a message that waits because its birth date is not the one that is known."""
    sending.post(ORU)
    sending.post(oru(GLUCOSE, control="5", pid=OTHER_DAY))
    return Broken.objects.get()


def mend() -> None:
    """Correct the birth date that is on file."""
    Patient.objects.update(birth_date="1984-05-04")


def test_after_the_cause_is_mended_it_is_taken_in(sending, waiting):
    mend()
    before = Entry.objects.count()
    again.try_again(waiting, by=sending.by)
    waiting.refresh_from_db()
    assert (waiting.state, bytes(waiting.body)) == ("mended", b"")
    assert Entry.objects.count() > before


def test_while_it_is_broken_it_waits_on_and_says_what_is_wrong_now(sending, waiting):
    with pytest.raises(Refused, match="still cannot"):
        again.try_again(waiting, by=sending.by)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.problems[0]["where"]) == ("waiting", "PID-7")
    assert waiting.tried_at is not None


def test_what_nobody_thought_of_still_waits_when_it_is_tried_again(sending, waiting, monkeypatch):
    def fall(*_arguments, **_more):
        raise OverflowError("Sørensen")

    monkeypatch.setattr(messages, "read", fall)
    with pytest.raises(Refused, match="still cannot"):
        again.try_again(waiting, by=sending.by)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.problems[0]["where"]) == ("waiting", "MSH")


def test_a_meaning_that_was_added_counts_when_it_is_tried_again(sending, waiting):
    mend()
    feeds.translate(
        sending.feed, by=sending.by, of="authority", given="NORTH", system="urn:oid:1.2.3"
    )  # fmt: skip
    again.try_again(waiting, by=sending.by)
    assert Broken.objects.get().state == "mended"


@pytest.mark.parametrize(("content", "channel"), [(b"{", "feeds:fhir"), (b"<a/>", "feeds:ccda")])
def test_documents_and_fhir_are_tried_again_too(sending, content, channel):
    kinds = {"feeds:fhir": "application/fhir+json", "feeds:ccda": "application/cda+xml"}
    sending.post(content, where=channel, content_type=kinds[channel])
    with pytest.raises(Refused, match="still cannot"):
        again.try_again(Broken.objects.get(), by=sending.by)


def test_trying_again_is_on_the_log_before_anything_is_opened(sending, waiting):
    with pytest.raises(Refused):
        again.try_again(waiting, by=sending.by)
    [asked] = audit.with_action(["institution.message-opened"])
    [given] = audit.with_action(["institution.message-released"])
    assert (asked.actor.id, given.details["event"]) == (sending.by.pk, str(asked.event_id))
    assert asked.time < given.time


def test_nobody_else_tries_again_or_gives_up(waiting):
    stranger = worker("Sam", "manage_feed")
    for act in (again.try_again, lambda message, by: repair.give_up(message, by=by, reason="x")):
        with pytest.raises(Refused):
            act(waiting, by=stranger)
    assert list(audit.with_action(["institution.message-opened"])) == []


def opened(message: Broken, by, **instead):
    """Ask the keyholder for a message's key against an event that says this."""

    def record(to: str, sealed: str):
        details = {"message": str(message.pk), "to": to, "sealed": sealed} | instead.get("details", {})
        actor = log.Party("person", by.pk, by.name, "staff", "")
        action = instead.get("action", "institution.message-opened")
        return log.record(action, actor=actor, subject=None, outcome=instead.get("outcome", "allowed"), details=details)

    return escrow.message_opened(message.pk, bytes(message.sealed_key), bytes(message.body), record=record)


def test_the_keyholder_opens_against_an_event_that_says_just_this(sending, waiting):
    assert opened(waiting, sending.by) == oru(GLUCOSE, control="5", pid=OTHER_DAY)


@pytest.mark.parametrize(
    "instead",
    [
        {"action": "institution.message-refused"},
        {"outcome": "refused"},
        {"details": {"message": "another"}},
        {"details": {"sealed": "00"}},
        {"details": {"to": "00"}},
    ],
)
def test_against_anything_else_it_stays_shut(sending, waiting, instead):
    with pytest.raises(NotReleased):
        opened(waiting, sending.by, **instead)


def test_the_keyholder_asks_itself_who_may(waiting):
    with pytest.raises(NotReleased):
        opened(waiting, people.account("Sam", staff=True).user)


def test_without_the_keyholder_nothing_is_tried_and_nothing_is_logged(sending, waiting, settings):
    settings.KEYHOLDER_FILE_KEY = b""
    with pytest.raises(NotReleased):
        again.try_again(waiting, by=sending.by)
    assert list(audit.with_action(["institution.message-opened"])) == []


def test_a_message_given_up_is_destroyed_and_says_why(sending, waiting):
    repair.give_up(waiting, by=sending.by, reason="The sender sent it by post.")
    waiting.refresh_from_db()
    assert (waiting.state, bytes(waiting.body), bytes(waiting.sealed_key)) == ("given-up", b"", b"")
    assert waiting.reason == "The sender sent it by post."
    with pytest.raises(Refused):
        again.try_again(waiting, by=sending.by)


def test_sent_again_after_it_was_given_up_it_waits_anew(sending, waiting):
    repair.give_up(waiting, by=sending.by, reason="x")
    sending.post(oru(GLUCOSE, control="5", pid=OTHER_DAY))
    found = Broken.objects.get()
    assert (found.state, found.times) == ("waiting", 2)
    assert opened(found, sending.by).startswith(b"MSH")


def test_what_waits_too_long_is_destroyed(waiting, time_machine):
    assert tasks.tidy() == 0
    time_machine.move_to(clock.now() + timedelta(days=31))
    assert (tasks.tidy(), tasks.tidy()) == (1, 0)
    waiting.refresh_from_db()
    assert (waiting.state, bytes(waiting.body)) == ("expired", b"")
