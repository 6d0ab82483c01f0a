"""What opens a record when the passphrase is gone, and what never does."""

import re

import pytest

from ehr.accounts import codes, operations, queries, recovery
from ehr.accounts.models import Letter
from tests.accounts.conftest import HOME, NEW, PASSPHRASE, reset

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]


def test_a_recovery_code_has_120_bits_in_six_groups_of_four():
    made = recovery.new_code()
    assert re.fullmatch(rf"([{codes.ALPHABET}]{{4}}-){{5}}[{codes.ALPHABET}]{{4}}", made)
    assert len(codes.ALPHABET) ** len(codes.plain(made)) == 2**120


def test_both_asked_groups_must_be_right():
    made = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"
    assert recovery.wrote_it_down(made, {2: "bbbb", 5: " EEEE "})
    assert not recovery.wrote_it_down(made, {2: "BBBB", 5: "FFFF"})
    assert not recovery.wrote_it_down(made, {2: "BBBB"})
    assert not recovery.wrote_it_down(made, {})


def test_two_different_groups_are_asked():
    for _again in range(50):
        one, other = recovery.ask_groups()
        assert 1 <= one < other <= codes.RECOVERY_GROUPS


@pytest.mark.privacy
@pytest.mark.security
def test_a_reset_by_e_mail_signs_in_and_never_unlocks(alice, code):
    reset(alice)
    back = operations.sign_in(email="alice@example.org", passphrase=NEW, address=HOME)
    assert back.user == alice.user
    assert back.keyring is None
    with pytest.raises(operations.Refused):
        operations.unlock(user=alice.user, passphrase=NEW, address=HOME)
    assert not queries.in_step(alice.user)


@pytest.mark.privacy
def test_a_reset_followed_by_a_change_of_passphrase_still_unlocks_nothing(alice, code):
    reset(alice)
    kept = bytes(queries.keyring_of(alice.user).by_passphrase)
    assert (
        operations.change_passphrase(user=alice.user, current=NEW, new="and eight other words now", address=HOME)
        is None
    )
    assert bytes(queries.keyring_of(alice.user).by_passphrase) == kept
    assert (
        operations.sign_in(email="alice@example.org", passphrase="and eight other words now", address=HOME).keyring
        is None
    )


def test_after_a_reset_the_old_passphrase_unlocks_too(alice):
    reset(alice)
    keyring = recovery.unlock_with_old(user=alice.user, old=PASSPHRASE, passphrase=NEW, address=HOME)
    assert keyring.sign(b"x") == alice.keyring.sign(b"x")
    assert operations.sign_in(email="alice@example.org", passphrase=NEW, address=HOME).keyring


@pytest.mark.security
def test_after_a_reset_a_wrong_old_passphrase_unlocks_nothing(alice):
    reset(alice)
    with pytest.raises(operations.Refused):
        recovery.unlock_with_old(user=alice.user, old="not it at all, sorry", passphrase=NEW, address=HOME)


@pytest.mark.security
def test_asking_for_a_reset_of_an_unknown_address_sends_nothing_and_says_nothing(db):
    recovery.ask_for_reset(email="nobody@example.org", address=HOME)
    assert not Letter.objects.exists()
