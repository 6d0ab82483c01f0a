"""What opens a record when the passphrase is gone, and what never does."""

import re

import pytest

from ehr.accounts import codes, keyrings, links, operations, queries, recovery
from ehr.accounts.models import Keyring, Letter, Link
from tests.accounts.conftest import HOME, PASSPHRASE

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]
NEW = "seven brand new words here"


@pytest.fixture
def code(alice):
    """Alice's recovery code, written down and confirmed."""
    made = recovery.new_code()
    recovery.confirm(user=alice.user, keyring=alice.keyring, code=made)
    return made


def reset(alice):
    recovery.ask_for_reset(email="alice@example.org", address=HOME)
    recovery.reset(token=links.token(Link.objects.get(kind="reset", used_at=None)), passphrase=NEW)
    alice.user.refresh_from_db()


def test_a_recovery_code_has_120_bits_in_six_groups_of_four():
    made = recovery.new_code()
    assert re.fullmatch(rf"([{codes.ALPHABET}]{{4}}-){{5}}[{codes.ALPHABET}]{{4}}", made)
    assert len(codes.ALPHABET) ** len(codes.plain(made)) == 2**120


def test_the_code_sets_a_new_passphrase_and_opens_the_same_keys(alice, code):
    back = recovery.recover(email="alice@example.org", code=code, passphrase=NEW, address=HOME)
    assert back.keyring.sign(b"x") == alice.keyring.sign(b"x")
    assert operations.sign_in(email="alice@example.org", passphrase=NEW, address=HOME).keyring


def test_a_code_typed_in_small_letters_with_look_alikes_is_the_same_code(alice, code):
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert recovery.recover(email="alice@example.org", code=typed, passphrase=NEW, address=HOME).keyring


@pytest.mark.security
def test_another_code_opens_nothing_and_the_passphrase_stays(alice, code):
    with pytest.raises(operations.Refused):
        recovery.recover(email="alice@example.org", code=recovery.new_code(), passphrase=NEW, address=HOME)
    assert operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME).keyring


@pytest.mark.security
def test_a_stranger_gets_the_answer_of_a_wrong_code(alice, code):
    messages = []
    for email in ("alice@example.org", "nobody@example.org"):
        with pytest.raises(operations.Refused) as refused:
            recovery.recover(email=email, code=recovery.new_code(), passphrase=NEW, address=HOME)
        messages.append(refused.value.message)
    assert messages[0] == messages[1]


@pytest.mark.security
def test_a_new_code_ends_the_one_before(alice, code):
    recovery.confirm(user=alice.user, keyring=alice.keyring, code=recovery.new_code())
    with pytest.raises(operations.Refused):
        recovery.recover(email="alice@example.org", code=code, passphrase=NEW, address=HOME)


def test_an_account_without_a_code_is_not_recovered_by_an_empty_one(alice):
    with pytest.raises(operations.Refused):
        recovery.recover(email="alice@example.org", code="", passphrase=NEW, address=HOME)


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
    kept = bytes(Keyring.objects.get().by_passphrase)
    assert (
        operations.change_passphrase(user=alice.user, current=NEW, new="and eight other words now", address=HOME)
        is None
    )
    assert bytes(Keyring.objects.get().by_passphrase) == kept
    assert (
        operations.sign_in(email="alice@example.org", passphrase="and eight other words now", address=HOME).keyring
        is None
    )


def test_after_a_reset_the_code_unlocks_and_the_passphrase_is_in_step_again(alice, code):
    reset(alice)
    keyring = recovery.unlock_with_code(user=alice.user, code=code, passphrase=NEW, address=HOME)
    assert keyring.sign(b"x") == alice.keyring.sign(b"x")
    assert operations.sign_in(email="alice@example.org", passphrase=NEW, address=HOME).keyring


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


@pytest.mark.security
def test_guessing_recovery_codes_is_stopped(alice, code):
    for _try in range(5):
        with pytest.raises(operations.Refused):
            recovery.recover(email="alice@example.org", code=recovery.new_code(), passphrase=NEW, address=HOME)
    with pytest.raises(operations.Refused, match="too many"):
        recovery.recover(email="alice@example.org", code=code, passphrase=NEW, address=HOME)


@pytest.mark.security
def test_the_code_of_one_person_opens_no_other_keyring(alice, code):
    bob = operations.open_account(email="bob@example.org", name="Bob Dahl", passphrase="what bob would say here")
    stored = queries.keyring_of(bob.user)
    stored.by_recovery_code = queries.keyring_of(alice.user).by_recovery_code
    with pytest.raises(keyrings.CannotOpen):
        keyrings.unlock_by_code(stored, code)
