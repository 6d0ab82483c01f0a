"""One letter instead of many, for who wants it: nothing lost, nothing twice, and emergencies at once all the same."""

import re
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError, transaction

from audit.models import EventBody
from ehr import clock
from ehr.accounts import operations as accounts
from ehr.accounts.models import User
from ehr.notices import digests, kinds, operations, tasks
from ehr.notices import mail as letters
from ehr.notices.models import Digest, Mail, Preference
from ehr.notices.timing import Pace
from ehr.outbox import delivery

pytestmark = [pytest.mark.django_db, pytest.mark.point(10)]
SATURDAY_NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EMERGENCIES = ("emergency-access", "emergency-access-contact", "emergency-reviewed", "blocked-emergency")


@pytest.fixture
def travel():
    with time_machine.travel(SATURDAY_NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def alice(travel, db):
    return accounts.open_account(
        email="alice@example.org", name="Alice Moreau", passphrase="four plain words of hers"
    ).user


def wants(user, pace=Pace.INSTANT, quiet=(None, None)):
    operations.prefer(user=user, pace=pace, quiet_from=quiet[0], quiet_until=quiet[1])


def tell(user, *told):
    for number, kind in enumerate(told):
        operations.notify(user, kind, params={"reader": "Dr Mei Lee"}, key=f"{kind}:{number}:{clock.now()}")


def go(travel, at: datetime) -> list[str]:
    """Let a moment come and the worker run; return the subjects of what it sent."""
    before = len(mail.outbox)
    travel.move_to(at, tick=False)
    tasks.deliver()
    tasks.deliver()
    return [sent.subject for sent in mail.outbox[before:]]


def test_who_never_chose_is_told_at_once(alice, travel):
    tell(alice, "somebody-let-in", "somebody-let-in")
    assert len(go(travel, SATURDAY_NOON)) == 2


def test_a_daily_digest_is_one_letter_at_eight_with_counts_and_nothing_else(alice, travel):
    wants(alice, Pace.DAILY)
    tell(alice, "somebody-let-in", "access-asked", "access-asked", "claim-ready")
    assert go(travel, SATURDAY_NOON + 19 * HOUR) == []
    assert go(travel, SATURDAY_NOON + 20 * HOUR) == ["What is new for you"]
    said = mail.outbox[-1].body
    assert re.findall(r"^  (.+): (\d+)$", said, re.MULTILINE) == [("Who may see a record", "3"), ("A record", "1")]
    assert "/account/notices/" in said
    assert go(travel, SATURDAY_NOON + 200 * HOUR) == []


@pytest.mark.privacy
def test_a_digest_names_nobody_and_nothing_it_is_about(alice, travel):
    wants(alice, Pace.DAILY)
    tell(alice, *sorted(set(kinds.KINDS) - kinds.EMERGENCIES))
    go(travel, SATURDAY_NOON + 20 * HOUR)
    sent = mail.outbox[-1]
    text = f"{sent.subject}\n{sent.body}"
    headings = [str(kind.heading) for kind in kinds.KINDS.values()]
    for told in ("Alice", "Moreau", "Mei", "Lee", str(alice.id), *headings):
        assert told not in text


def test_a_weekly_digest_comes_on_monday_in_the_reader_s_zone(alice, travel):
    User.objects.update(time_zone="America/Toronto")
    alice.refresh_from_db()
    wants(alice, Pace.WEEKLY)
    tell(alice, "access-asked")
    monday = datetime(2026, 11, 23, 13, tzinfo=UTC)
    assert go(travel, monday - timedelta(seconds=1)) == []
    assert go(travel, monday) == ["What is new for you"]


def test_days_on_which_nothing_is_new_bring_no_letter(alice, travel):
    wants(alice, Pace.DAILY)
    assert go(travel, SATURDAY_NOON + 100 * HOUR) == []


def test_what_was_read_meanwhile_is_not_counted_and_a_letter_of_nothing_is_not_sent(alice, travel):
    wants(alice, Pace.DAILY)
    tell(alice, "access-asked")
    operations.read_all(user=alice)
    assert go(travel, SATURDAY_NOON + 20 * HOUR) == []
    assert not Mail.objects.filter(delivered_at=None).exists()


@pytest.mark.parametrize("kind", EMERGENCIES)
@pytest.mark.parametrize("pace", Pace)
def test_an_emergency_is_told_at_once_in_quiet_hours_and_in_spite_of_digests(alice, travel, pace, kind):
    wants(alice, pace, quiet=(time(11), time(13)))
    tell(alice, kind, "access-asked")
    assert go(travel, SATURDAY_NOON) == [str(kinds.of(kind).subject)]


def test_in_quiet_hours_nothing_leaves_and_at_their_end_everything_does(alice, travel):
    wants(alice, quiet=(time(22), time(7)))
    travel.move_to(SATURDAY_NOON + 11 * HOUR, tick=False)
    tell(alice, "access-asked", "access-asked")
    assert go(travel, SATURDAY_NOON + 18 * HOUR) == []
    assert len(go(travel, SATURDAY_NOON + 19 * HOUR)) == 2
    assert not Mail.objects.exclude(attempts=1).exists(), "waiting is no failed try"


def test_a_letter_that_an_outage_pushes_into_quiet_hours_waits_for_their_end(alice, travel, monkeypatch):
    wants(alice, quiet=(time(22), time(7)))
    tell(alice, "access-asked")
    Mail.objects.update(due_at=SATURDAY_NOON + 11 * HOUR, attempts=7)
    assert go(travel, SATURDAY_NOON + 11 * HOUR) == []
    assert Mail.objects.get().attempts == 7
    assert len(go(travel, SATURDAY_NOON + 19 * HOUR)) == 1


def test_whoever_changes_to_digests_gets_what_waits_in_the_next(alice, travel):
    wants(alice, quiet=(time(11), time(13)))
    tell(alice, "access-asked")
    wants(alice, Pace.DAILY)
    assert go(travel, SATURDAY_NOON + 2 * HOUR) == []
    assert go(travel, SATURDAY_NOON + 20 * HOUR) == ["What is new for you"]


def test_whoever_changes_back_gets_what_waits_at_once(alice, travel):
    wants(alice, Pace.WEEKLY)
    tell(alice, "access-asked", "access-asked")
    wants(alice)
    assert len(go(travel, SATURDAY_NOON)) == 2


def test_a_change_of_how_one_is_told_is_on_the_log(alice):
    wants(alice, Pace.WEEKLY)
    assert any(b'"account.notices-changed"' in bytes(body.payload) for body in EventBody.objects.all())


def test_quiet_hours_have_a_beginning_and_an_end(alice):
    for quiet in ((time(22), None), (None, time(7)), (time(7), time(7))):
        with pytest.raises(IntegrityError), transaction.atomic():
            Preference.objects.create(user=alice, quiet_from=quiet[0], quiet_until=quiet[1])


def test_a_worker_killed_between_gathering_and_sending_loses_nothing_and_doubles_nothing(alice, travel):
    wants(alice, Pace.DAILY)
    tell(alice, "access-asked", "claim-ready")
    travel.move_to(SATURDAY_NOON + 20 * HOUR, tick=False)
    assert digests.gather() == 1

    def killed(_digest):
        raise SystemExit

    with pytest.raises(SystemExit):
        delivery.deliver(Digest, killed)
    assert go(travel, clock.now()) == [], "the lease still runs"
    assert go(travel, clock.now() + delivery.CLAIM) == ["What is new for you"]
    assert "  A record: 1" in mail.outbox[-1].body


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_while_gathering_leaves_everything_as_it_was(alice, travel, monkeypatch):
    wants(alice, Pace.DAILY)
    tell(alice, "access-asked")
    travel.move_to(SATURDAY_NOON + 20 * HOUR, tick=False)

    def killed(*_args, **_facts):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(digests.timing, "local_day", killed)
        with pytest.raises(SystemExit):
            digests.gather()
    assert not Digest.objects.exists()
    assert go(travel, clock.now()) == ["What is new for you"]


def test_gathering_twice_makes_one_letter(alice, travel):
    wants(alice, Pace.DAILY)
    tell(alice, "access-asked")
    travel.move_to(SATURDAY_NOON + 20 * HOUR, tick=False)
    assert [digests.gather(), digests.gather()] == [1, 0]
    assert Digest.objects.count() == 1


def test_what_comes_too_late_for_a_digest_is_in_the_next_and_never_a_letter_of_its_own(alice, travel):
    wants(alice, Pace.DAILY)
    tell(alice, "access-asked")
    eight = SATURDAY_NOON + 20 * HOUR
    assert go(travel, eight) == ["What is new for you"]
    tell(alice, "claim-ready")
    Mail.objects.filter(kind="claim-ready").update(due_at=eight)
    assert go(travel, eight + timedelta(seconds=30)) == []
    assert go(travel, eight + 24 * HOUR) == ["What is new for you"]


def test_what_comes_due_between_gathering_and_sending_does_not_leave_by_itself(alice, travel):
    wants(alice, Pace.DAILY)
    tell(alice, "access-asked")
    travel.move_to(SATURDAY_NOON + 20 * HOUR, tick=False)
    assert delivery.deliver(Mail, letters.send_mail) == 0
    assert go(travel, clock.now() + letters.SOON) == ["What is new for you"]


def test_a_digest_the_mail_server_does_not_take_is_sent_later(alice, travel, monkeypatch):
    wants(alice, Pace.DAILY)
    tell(alice, "access-asked")
    with monkeypatch.context() as patched:
        patched.setattr(letters.EmailMessage, "send", lambda _self: (_ for _ in ()).throw(ConnectionRefusedError))
        assert go(travel, SATURDAY_NOON + 20 * HOUR) == []
    assert go(travel, SATURDAY_NOON + 20 * HOUR + delivery.FIRST_WAIT) == ["What is new for you"]


def test_one_person_s_digest_holds_nothing_of_another_s(alice, travel):
    bob = accounts.open_account(email="bob@example.org", name="Bob Dahl", passphrase="what bob would say here").user
    for person in (alice, bob):
        wants(person, Pace.DAILY)
    tell(alice, "access-asked")
    tell(bob, "claim-ready", "claim-ready")
    go(travel, SATURDAY_NOON + 20 * HOUR)
    bodies = {sent.to[0]: sent.body for sent in mail.outbox}
    assert "A record" not in bodies["alice@example.org"]
    assert "  A record: 2" in bodies["bob@example.org"]
