"""A passphrase that is changed twice at the same moment, as by a double click: account and keyring stay together."""

from functools import partial

import pytest

from ehr.accounts import operations, queries, recovery
from ehr.accounts.models import Keyring, User
from tests.accounts.conftest import HOME, NEW, PASSPHRASE, reset
from tests.consent.racing import behind

pytestmark = [pytest.mark.security]
FIRST, SECOND = "five quite different words", "other plain words that nobody would guess"


def change(new: str) -> object:
    """Change Alice's passphrase as a request of its own would: her row is read before anybody changes it."""
    user = User.objects.get(email="alice@example.org")
    return operations.change_passphrase(user=user, current=PASSPHRASE, new=new, address=HOME)


@pytest.fixture
def meanwhile(monkeypatch):
    """Let something happen between the check of a passphrase and what is done with it."""

    def between(act) -> None:
        check = operations.check_passphrase

        def then_act(*args, **told):
            checked = check(*args, **told)
            for module in (operations, recovery):
                monkeypatch.setattr(module, "check_passphrase", check)
            act()
            return checked

        for module in (operations, recovery):
            monkeypatch.setattr(module, "check_passphrase", then_act)

    return between


def opens(passphrase: str) -> bool:
    return operations.sign_in(email="alice@example.org", passphrase=passphrase, address=HOME).keyring is not None


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_the_first_stands_for_account_and_keyring(alice):
    ways = [partial(change, FIRST), partial(change, SECOND)]
    first, second = behind(Keyring.objects.get(reader__user=alice.user), *ways)
    assert first is not None
    assert isinstance(second, operations.Refused)
    assert opens(FIRST)
    with pytest.raises(operations.Refused):
        opens(SECOND)


@pytest.mark.django_db
def test_a_change_that_another_overtook_is_refused_and_the_other_stands(alice, meanwhile):
    meanwhile(partial(change, FIRST))
    with pytest.raises(operations.Refused, match="changed meanwhile"):
        change(SECOND)
    assert opens(FIRST)
    assert queries.in_step(User.objects.get(pk=alice.user.pk))


@pytest.mark.django_db
def test_a_dearer_stretch_does_not_bring_a_passphrase_back_that_was_changed_meanwhile(alice, monkeypatch, settings):
    raise_cost = operations._raise_cost

    def overtaken(*told) -> None:
        monkeypatch.setattr(operations, "_raise_cost", raise_cost)
        settings.ARGON2_MEMORY_KIB = 128
        change(FIRST)
        raise_cost(*told)

    monkeypatch.setattr(operations, "_raise_cost", overtaken)
    assert operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME)
    assert opens(FIRST)
    with pytest.raises(operations.Refused):
        opens(PASSPHRASE)


@pytest.mark.django_db
def test_keys_opened_by_the_old_passphrase_are_not_locked_by_one_that_was_changed_meanwhile(alice, meanwhile):
    reset(alice)
    user = User.objects.get(pk=alice.user.pk)
    over = partial(operations.change_passphrase, user=alice.user, current=NEW, new=FIRST, address=HOME)
    meanwhile(over)
    with pytest.raises(operations.Refused, match="changed meanwhile"):
        recovery.unlock_with_old(user=user, old=PASSPHRASE, passphrase=NEW, address=HOME)
    user.refresh_from_db()
    assert recovery.unlock_with_old(user=user, old=PASSPHRASE, passphrase=FIRST, address=HOME)
    assert opens(FIRST)
