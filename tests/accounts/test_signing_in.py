"""Signing up and in: one stretch, one answer for strangers, every try on the log."""

import json
from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from django.contrib.auth import authenticate

from audit.models import EventBody
from ehr import clock
from ehr.accounts import attempts, hashers, keyrings, links, operations, queries, recovery
from ehr.accounts.models import Attempt, Keyring, KeyVersion, Letter, Link, User
from tests.accounts.conftest import HOME, PASSPHRASE

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]
NEW = {"email": "new@example.org", "name": "Nora Novak", "passphrase": "six words that fit nowhere", "address": HOME}


def actions() -> list[str]:
    return [json.loads(bytes(body.payload))["action"] for body in EventBody.objects.order_by("event_id")]


def newest_token() -> str:
    return links.token(Link.objects.filter(used_at=None).latest("created_at"))


@pytest.fixture
def stretches(monkeypatch):
    """The Argon2id runs so far."""
    calls = []
    monkeypatch.setattr("ehr.crypto.passphrases.Argon2id", lambda **told: calls.append(told) or Argon2id(**told))
    return calls


def test_signing_up_makes_no_keys_before_the_address_is_proven():
    operations.sign_up(**NEW)
    assert User.objects.get().email_verified_at is None
    assert not KeyVersion.objects.exists()
    with pytest.raises(operations.Refused):
        operations.sign_in(email=NEW["email"], passphrase=NEW["passphrase"], address=HOME)


def test_proving_the_address_makes_the_keys_and_opens_them():
    operations.sign_up(**NEW)
    signed_in = operations.verify_email(token=newest_token(), passphrase=NEW["passphrase"], address=HOME)
    assert signed_in.user.email_verified_at is not None
    assert signed_in.keyring.sign(b"x")
    assert operations.sign_in(email=NEW["email"], passphrase=NEW["passphrase"], address=HOME).keyring


@pytest.mark.security
def test_a_link_works_once():
    operations.sign_up(**NEW)
    token = newest_token()
    operations.verify_email(token=token, passphrase=NEW["passphrase"], address=HOME)
    with pytest.raises(operations.Refused):
        operations.verify_email(token=token, passphrase=NEW["passphrase"], address=HOME)


@pytest.mark.security
def test_a_link_ends_after_two_days():
    operations.sign_up(**NEW)
    token = newest_token()
    with time_machine.travel(clock.now() + timedelta(days=2, seconds=1), tick=False):
        assert links.find(token, Link.Kind.VERIFY) is None


@pytest.mark.security
def test_a_link_of_one_kind_is_none_of_another_and_a_changed_one_none_at_all(alice):
    link = links.make(alice.user, Link.Kind.RESET)
    token = links.token(link)
    assert links.find(token, Link.Kind.RESET) == link
    assert links.find(token, Link.Kind.VERIFY) is None
    assert links.find(token[:-1] + ("A" if token[-1] != "A" else "B"), Link.Kind.RESET) is None
    assert links.find(link.id.hex, Link.Kind.RESET) is None


@pytest.mark.security
def test_the_owner_of_a_mailbox_does_not_complete_a_strangers_sign_up():
    operations.sign_up(**NEW)
    with pytest.raises(operations.Refused):
        operations.verify_email(token=newest_token(), passphrase="what the owner would type", address=HOME)
    assert User.objects.get().email_verified_at is None


@pytest.mark.security
def test_signing_up_again_replaces_an_account_nobody_proved():
    operations.sign_up(**NEW)
    squatted = newest_token()
    operations.sign_up(**{**NEW, "name": "The Owner", "passphrase": "words only the owner has"})
    with pytest.raises(operations.Refused):
        operations.verify_email(token=squatted, passphrase=NEW["passphrase"], address=HOME)
    assert (
        operations.verify_email(token=newest_token(), passphrase="words only the owner has", address=HOME).user.name
        == "The Owner"
    )


@pytest.mark.security
def test_signing_up_with_a_known_address_changes_nothing_and_tells_its_owner(alice, stretches):
    before = User.objects.values().get()
    operations.sign_up(**{**NEW, "email": " Alice@Example.org "})
    assert User.objects.values().get() == before
    assert [letter.kind for letter in Letter.objects.all()] == ["already-signed-up"]
    assert len(stretches) == 1


@pytest.mark.security
def test_a_stranger_and_a_wrong_passphrase_get_the_same_answer_for_the_same_work(alice, stretches):
    answers = []
    for email, passphrase in [("alice@example.org", "not her passphrase"), ("nobody@example.org", PASSPHRASE)]:
        stretches.clear()
        with pytest.raises(operations.Refused) as refused:
            operations.sign_in(email=email, passphrase=passphrase, address=HOME)
        answers.append((refused.value.message, len(stretches), stretches[0]["memory_cost"]))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "weak",
    [
        "short one",
        "password12345",
        "passwordpassword",
        "aaaaaaaaaaaaaa",
        "alice moreau",
        "alice@example.org1",
        "1111222211112222",
        "a\u0308e\u0308i\u0308o\u0308u\u0308y\u0308",
    ],
)
def test_a_passphrase_that_is_easily_guessed_is_not_taken(weak):
    with pytest.raises(operations.TooWeak):
        operations.sign_up(email="alice@example.org", name="Alice Moreau", passphrase=weak, address=HOME)
    assert not User.objects.exists()


def test_a_passphrase_typed_with_other_unicode_forms_is_the_same_passphrase():
    operations.open_account(email="rene@example.org", name="Jo Ek", passphrase="caf\u00e9 sous les arbres")
    assert operations.sign_in(email="rene@example.org", passphrase="cafe\u0301 sous les arbres", address=HOME).keyring


@pytest.mark.security
@pytest.mark.compliance
def test_every_failed_try_is_on_the_log_and_the_fifth_brings_a_stop_and_a_letter(alice):
    for _try in range(5):
        with pytest.raises(operations.Refused):
            operations.sign_in(email="alice@example.org", passphrase="not her passphrase", address=HOME)
    assert actions().count("account.sign-in-refused") == 5
    assert actions().count("account.stopped") == 1
    assert [letter.kind for letter in Letter.objects.all()] == ["sign-in-stopped"]
    with pytest.raises(operations.Refused, match="15 minutes"):
        operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME)
    assert actions().count("account.sign-in-refused") == 6


@pytest.mark.security
def test_a_stop_ends_after_its_window_and_not_a_second_before(alice):
    start = clock.now()
    with time_machine.travel(start, tick=False):
        for _try in range(5):
            with pytest.raises(operations.Refused):
                operations.sign_in(email="alice@example.org", passphrase="not her passphrase", address=HOME)
    with time_machine.travel(start + timedelta(minutes=15, seconds=-1), tick=False), pytest.raises(operations.Refused):
        operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME)
    with time_machine.travel(start + timedelta(minutes=15, seconds=1), tick=False):
        assert operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME).keyring


@pytest.mark.security
def test_a_stranger_who_fails_elsewhere_does_not_stop_her_at_home(alice):
    for _try in range(6):
        with pytest.raises(operations.Refused):
            operations.sign_in(email="alice@example.org", passphrase="not her passphrase", address="203.0.113.66")
    assert operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME).keyring


@pytest.mark.security
def test_guessing_one_account_from_many_addresses_is_stopped_too(alice):
    for number in range(attempts.LIMITS["sign-in"].account):
        attempts.begin("sign-in", account="alice@example.org", address=f"203.0.113.{number}")
    with pytest.raises(attempts.TooMany):
        attempts.begin("sign-in", account="alice@example.org", address="198.51.100.1")


@pytest.mark.security
def test_guessing_many_accounts_from_one_address_is_stopped_too():
    for number in range(attempts.LIMITS["sign-in"].address):
        attempts.begin("sign-in", account=f"person{number}@example.org", address=HOME)
    with pytest.raises(attempts.TooMany):
        attempts.begin("sign-in", account="another@example.org", address=HOME)


def test_success_forgets_the_failures_before_it(alice):
    for _round in range(3):
        for _try in range(4):
            with pytest.raises(operations.Refused):
                operations.sign_in(email="alice@example.org", passphrase="not her passphrase", address=HOME)
        assert operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME).keyring


@pytest.mark.privacy
def test_tries_are_kept_without_addresses_or_names(alice):
    with pytest.raises(operations.Refused):
        operations.sign_in(email="alice@example.org", passphrase="not her passphrase", address=HOME)
    row = {
        name: bytes(value) if isinstance(value, memoryview) else value
        for name, value in Attempt.objects.values()[0].items()
    }
    assert "alice" not in repr(row)
    assert HOME not in repr(row)


def test_too_many_letters_to_one_mailbox_are_not_sent():
    for _again in range(attempts.LIMITS["letter"].here):
        operations.sign_up(**NEW)
    with pytest.raises(operations.Refused):
        operations.sign_up(**NEW)


def send_elsewhere(ask, **told) -> None:
    """Let a stranger ask for as many letters as they may from where they are."""
    for _again in range(attempts.LIMITS["letter"].here):
        ask(**told, address="203.0.113.66")
    with pytest.raises(operations.Refused, match="too many"):
        ask(**told, address="203.0.113.66")


@pytest.mark.security
def test_a_stranger_who_asks_for_letters_elsewhere_does_not_stop_her_own_reset(alice):
    send_elsewhere(recovery.ask_for_reset, email="alice@example.org")
    Letter.objects.all().delete()
    recovery.ask_for_reset(email="alice@example.org", address=HOME)
    assert [letter.kind for letter in Letter.objects.all()] == ["reset-passphrase"]


@pytest.mark.security
def test_a_stranger_who_signs_up_with_an_address_elsewhere_does_not_stop_its_owner():
    send_elsewhere(operations.sign_up, **{name: told for name, told in NEW.items() if name != "address"})
    operations.sign_up(**{**NEW, "passphrase": "words only the owner has"})
    assert operations.verify_email(token=newest_token(), passphrase="words only the owner has", address=HOME)


@pytest.mark.security
def test_letters_to_one_mailbox_end_from_whichever_addresses_they_are_asked_for(alice):
    most = attempts.LIMITS["letter"].account
    for number in range(most):
        recovery.ask_for_reset(email="alice@example.org", address=f"203.0.113.{number}")
    with pytest.raises(operations.Refused, match="too many"):
        recovery.ask_for_reset(email="alice@example.org", address=HOME)
    assert Letter.objects.count() == most


@pytest.mark.privacy
@pytest.mark.security
def test_changing_the_passphrase_keeps_the_keys_and_wraps_them_anew(alice):
    public = KeyVersion.objects.values().get()
    before = bytes(Keyring.objects.get().by_passphrase)
    operations.change_passphrase(user=alice.user, current=PASSPHRASE, new="five quite different words", address=HOME)
    assert KeyVersion.objects.values().get() == public
    assert bytes(Keyring.objects.get().by_passphrase) != before
    again = operations.sign_in(email="alice@example.org", passphrase="five quite different words", address=HOME)
    assert again.keyring.sign(b"x") == alice.keyring.sign(b"x")
    with pytest.raises(operations.Refused):
        operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME)


def test_a_dearer_stretch_is_taken_up_at_the_next_sign_in(alice, settings):
    settings.ARGON2_MEMORY_KIB = 128
    operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME)
    user = User.objects.get()
    assert hashers.cost_of(user.password).startswith("128$")
    assert queries.in_step(user)
    assert operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME).keyring


@pytest.mark.security
def test_an_inactive_person_does_not_sign_in(alice):
    User.objects.update(is_active=False)
    with pytest.raises(operations.Refused):
        operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME)


@pytest.mark.security
def test_what_the_password_column_holds_unlocks_nothing(alice):
    column = User.objects.get().password
    digest = bytes.fromhex(column.rpartition("$")[2])
    stored = queries.keyring_of(alice.user)
    for candidate in (digest, hashers.stretch(PASSPHRASE, hashers.cost_of(column)).sign_in):
        with pytest.raises(keyrings.CannotOpen):
            keyrings.unlock(stored, candidate)


def test_djangos_own_check_knows_the_passphrase_too(alice):
    assert authenticate(username="Alice@example.org", password=PASSPHRASE) == alice.user
    assert authenticate(username="alice@example.org", password="not her passphrase") is None
