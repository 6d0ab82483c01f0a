"""People are told once, in the commit of the cause, and their mailbox learns nothing."""

import re
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.db import transaction
from django.urls import reverse

from ehr import clock
from ehr.accounts import operations as accounts
from ehr.accounts.models import Letter, User
from ehr.notices import kinds, operations, queries, tasks
from ehr.notices import mail as letters
from ehr.notices.models import Mail, Notice, Preference
from ehr.outbox import delivery

pytestmark = [pytest.mark.django_db, pytest.mark.point(10)]


@pytest.fixture
def alice():
    return accounts.open_account(
        email="alice@example.org", name="Alice Moreau", passphrase="four plain words of hers"
    ).user


def test_a_notice_is_in_the_portal_and_its_e_mail_goes_out(alice):
    operations.notify(alice, "somebody-let-in", key="let-in:1")
    assert [queries.line(notice).heading for notice in queries.of(alice)] == ["You let somebody in"]
    assert tasks.deliver() == 1
    assert [sent.to for sent in mail.outbox] == [["alice@example.org"]]


def test_the_same_cause_tells_once(alice):
    for _again in range(2):
        operations.notify(alice, "somebody-let-in", key="let-in:1")
    assert Notice.objects.count() == Mail.objects.count() == 1
    tasks.deliver()
    tasks.deliver()
    assert len(mail.outbox) == 1


def test_of_several_told_at_once_each_hears_once_whatever_was_told_before(alice):
    before = operations.notify(alice, "somebody-let-in", key="let-in:1")
    told = operations.tell(
        [operations.News(alice, "somebody-let-in", key) for key in ("let-in:2", "let-in:1", "let-in:3", "let-in:2")]
    )
    assert [notice.key for notice in told] == ["let-in:2", "let-in:1", "let-in:3", "let-in:2"]
    assert told[1] == before
    assert told[0] == told[3]
    assert set(Notice.objects.all()) == set(told)
    assert sorted(Mail.objects.values_list("key", flat=True)) == ["let-in:1", "let-in:2", "let-in:3"]


@pytest.mark.parametrize("count", [1, 8, 9, 17])
def test_each_of_many_is_told_as_they_wish(alice, count):
    people = [alice, *(User.objects.create(email=f"p{n}@example.org") for n in range(1, count))]
    for user in people[::2]:
        Preference.objects.create(user=user, pace="daily")
    found = queries.wishes_of(people)
    assert [found[user.pk].pace == "daily" for user in people] == [place % 2 == 0 for place in range(count)]
    assert queries.wishes_of([]) == {}


@pytest.mark.django_db(transaction=True)
def test_no_cause_no_notice(alice):

    def fail_after_telling():
        with transaction.atomic():
            operations.notify(alice, "somebody-let-in", key="let-in:1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_telling()
    assert not Notice.objects.exists()
    assert not Mail.objects.exists()


@pytest.mark.privacy
@pytest.mark.parametrize("kind", sorted(kinds.KINDS))
def test_an_e_mail_names_nobody_and_nothing_it_is_about(alice, kind):
    operations.notify(alice, kind, params={"reader": "Dr Mei Lee", "category": "labs"}, key=kind)
    letters.send_mail(Mail.objects.get())
    sent = mail.outbox[0]
    text = f"{sent.subject}\n{sent.body}"
    for told in ("Alice", "Moreau", "Mei", "Lee", "labs", str(alice.id)):
        assert told not in text


def test_a_worker_killed_before_sending_loses_nothing_and_doubles_nothing(alice, monkeypatch):
    operations.notify(alice, "somebody-let-in", key="let-in:1")

    def killed(_parcel):
        raise SystemExit

    with pytest.raises(SystemExit):
        delivery.deliver(Mail, killed)
    assert delivery.deliver(Mail, letters.send_mail) == 0, "the lease still runs"
    with time_machine.travel(clock.now() + delivery.CLAIM + timedelta(seconds=1), tick=False):
        assert delivery.deliver(Mail, letters.send_mail) == 1
        assert delivery.deliver(Mail, letters.send_mail) == 0
    assert len(mail.outbox) == 1


def test_a_worker_killed_after_sending_sends_the_same_message_id_again(alice):
    operations.notify(alice, "somebody-let-in", key="let-in:1")

    def killed(parcel):
        letters.send_mail(parcel)
        raise SystemExit

    with pytest.raises(SystemExit):
        delivery.deliver(Mail, killed)
    with time_machine.travel(clock.now() + delivery.CLAIM + timedelta(seconds=1), tick=False):
        delivery.deliver(Mail, letters.send_mail)
    assert len({sent.extra_headers["Message-ID"] for sent in mail.outbox}) == 1


def test_a_mail_server_that_is_down_delays_and_loses_nothing(alice):
    operations.notify(alice, "somebody-let-in", key="let-in:1")

    def down(_parcel):
        raise ConnectionRefusedError("secret words of a server")

    assert delivery.deliver(Mail, down) == 0
    waiting = Mail.objects.get()
    assert waiting.last_problem == "ConnectionRefusedError"
    with time_machine.travel(waiting.due_at + timedelta(seconds=1), tick=False):
        assert delivery.deliver(Mail, letters.send_mail) == 1


def test_each_failure_waits_longer_and_one_day_the_parcel_is_given_up(alice):
    operations.notify(alice, "somebody-let-in", key="let-in:1")

    def down(_parcel):
        raise ConnectionRefusedError

    waits, at = [], clock.now()
    while Mail.objects.filter(gave_up_at=None).exists():
        at = max(at, Mail.objects.get().due_at)
        with time_machine.travel(at, tick=False):
            delivery.deliver(Mail, down, limit=1)
        waits.append(Mail.objects.get().due_at - at)
    assert waits[:3] == [delivery.FIRST_WAIT, delivery.FIRST_WAIT * 2, delivery.FIRST_WAIT * 4]
    assert max(waits) == delivery.LONGEST_WAIT
    assert len(waits) == delivery.MOST_ATTEMPTS


def test_a_letter_about_the_account_is_also_kept_in_the_portal_once(alice):
    accounts.change_passphrase(
        user=alice, current="four plain words of hers", new="five other plain words", address="192.0.2.1"
    )
    for _again in range(2):
        tasks.deliver()
    assert [notice.kind for notice in queries.of(alice)] == ["passphrase-changed"]
    assert len(mail.outbox) == 1


@pytest.mark.security
def test_a_letter_with_a_link_has_no_copy_in_the_portal_and_no_secret_in_the_table(db):
    accounts.sign_up(
        email="new@example.org", name="New Person", passphrase="six words that fit nowhere", address="192.0.2.1"
    )
    tasks.deliver()
    assert not Notice.objects.exists()
    token = re.search(r"/verify/(\S+)/", mail.outbox[0].body)[1]
    signature = token.rpartition(":")[2]
    assert signature not in str(Letter.objects.values_list()) + str(Letter.objects.get().link.__dict__)


def test_reading_is_remembered(alice):
    first = operations.notify(alice, "somebody-let-in", key="1")
    operations.notify(alice, "access-ends-soon", key="2")
    assert queries.unread(alice) == 2
    operations.read(user=alice, notice=first)
    assert queries.unread(alice) == 1
    operations.read_all(user=alice)
    assert queries.unread(alice) == 0


def test_nobody_marks_the_notices_of_others_as_read(alice):
    bob = accounts.open_account(email="bob@example.org", name="Bob Dahl", passphrase="what bob would say here").user
    notice = operations.notify(alice, "somebody-let-in", key="1")
    operations.read(user=bob, notice=notice)
    assert queries.unread(alice) == 1


def test_every_kind_the_product_tells_has_words():
    source = "\n".join(
        path.read_text()
        for room in ("ehr", "appointments", "consent", "patients", "providers", "audit")
        for path in (Path(settings.BASE_DIR) / room).rglob("*.py")
    )
    told = set(re.findall(r'(?:notify|letters\.write|News)\(\s*[\w.]+,\s*"([\w.-]+)"', source))
    assert len(told) > 10
    assert told <= set(kinds.KINDS)


def test_the_sender_is_an_address(alice):
    operations.notify(alice, "somebody-let-in", key="1")
    tasks.deliver()
    assert "@" in parseaddr(mail.outbox[0].from_email)[1]


@pytest.mark.parametrize("kind", sorted(kinds.KINDS))
def test_every_kind_leads_to_a_page_that_exists(kind):
    for name in filter(None, (kinds.of(kind).page, kinds.of(kind).link)):
        assert reverse(name, args=["token"] if name == kinds.of(kind).link else [])


def test_a_kind_without_words_is_told_vaguely(alice):
    notice = operations.notify(alice, "something-nobody-worded", key="1")
    assert queries.line(notice).heading == "There is news about your account"
