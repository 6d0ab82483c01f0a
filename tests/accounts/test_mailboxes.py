"""An e-mail address that somebody without one adds later, and takes away again."""

import pytest

from ehr.accounts import attempts, mailboxes, operations, recovery
from ehr.accounts.models import Letter, Link, User
from tests.accounts.conftest import HOME, NEW, PASSPHRASE

pytestmark = pytest.mark.django_db
AWAY = "198.51.100.7"


def added(mona, email: str = "mona@example.org") -> User:
    mailboxes.ask(user=mona.user, email=email, address=HOME)
    link = Link.objects.get(kind=Link.Kind.ADD, used_at=None)
    return mailboxes.add(token=operations.links.token(link), passphrase=PASSPHRASE, address=HOME)


def test_with_an_address_added_both_sign_in(mona):
    added(mona)
    for typed in ("mona@example.org", mona.user.sign_in_name):
        assert operations.sign_in(email=typed, passphrase=PASSPHRASE, address=HOME).keyring


def test_an_address_is_added_only_by_its_letter_and_the_passphrase(mona):
    mailboxes.ask(user=mona.user, email="Mona@Example.org", address=HOME)
    letter = Letter.objects.get(kind="add-address")
    assert letter.to == "mona@example.org"
    assert User.objects.get(pk=mona.user.pk).email is None
    token = operations.links.token(letter.link)
    with pytest.raises(operations.Refused, match="do not match"):
        mailboxes.add(token=token, passphrase="not her words at all", address=HOME)
    mailboxes.add(token=token, passphrase=PASSPHRASE, address=HOME)
    with pytest.raises(operations.Refused, match="used"):
        mailboxes.add(token=token, passphrase=PASSPHRASE, address=HOME)


@pytest.mark.security
def test_letters_that_a_stranger_asks_for_by_an_address_elsewhere_do_not_keep_its_owner_from_adding_it(mona):
    for _again in range(attempts.LIMITS["letter"].here):
        recovery.ask_for_reset(email="mona@example.org", address=AWAY)
    assert added(mona).email == "mona@example.org"


@pytest.mark.security
def test_an_address_of_somebody_else_is_not_added_and_they_are_told(mona, alice):
    mailboxes.ask(user=mona.user, email=alice.user.email, address=HOME)
    assert not Link.objects.filter(kind=Link.Kind.ADD).exists()
    assert Letter.objects.get(kind="already-signed-up").user == alice.user


@pytest.mark.security
def test_an_address_that_somebody_proved_meanwhile_is_not_added(mona):
    mailboxes.ask(user=mona.user, email="late@example.org", address=HOME)
    operations.open_account(email="late@example.org", name="Late One", passphrase=NEW)
    link = Link.objects.get(kind=Link.Kind.ADD)
    with pytest.raises(operations.Refused, match="belongs to an account"):
        mailboxes.add(token=operations.links.token(link), passphrase=PASSPHRASE, address=HOME)


def test_an_account_that_nobody_proved_does_not_keep_an_address_from_its_owner(mona):
    operations.sign_up(email="mona@example.org", name="Somebody", passphrase=NEW, address=AWAY)
    assert added(mona).email == "mona@example.org"
    assert User.objects.filter(email="mona@example.org").count() == 1


def test_an_address_is_taken_away_for_the_passphrase_and_its_mailbox_is_told(mona):
    user = added(mona)
    recovery.ask_for_reset(email="mona@example.org", address=HOME)
    mailboxes.remove(user=user, passphrase=PASSPHRASE, address=HOME)
    assert User.objects.get(pk=user.pk).email is None
    assert Letter.objects.get(kind="email-removed").to == "mona@example.org"
    assert not Link.objects.filter(user=user, used_at=None).exists()
    assert operations.sign_in(email=user.sign_in_name, passphrase=PASSPHRASE, address=HOME).keyring


def test_whoever_has_no_sign_in_name_keeps_their_address(alice):
    with pytest.raises(operations.Refused, match="needs its e-mail"):
        mailboxes.remove(user=alice.user, passphrase=PASSPHRASE, address=HOME)
    assert User.objects.get(pk=alice.user.pk).email == "alice@example.org"
