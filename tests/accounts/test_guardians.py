"""A guardian is asked, agrees by signature, is given a share by its owner, and can leave whenever they like."""

import pytest

from ehr.accounts import attempts, guardians, lost_keys, operations, queries, recovery
from ehr.accounts.models import Guardian, KeyVersion, Letter, Share, SharePair
from tests.accounts.conftest import HOME

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]


@pytest.fixture
def asked(alice, bob, code):
    return guardians.ask(user=alice.user, email=" Bob@Example.org ", address=HOME)


def holders() -> set[str]:
    return set(Share.objects.values_list("holder", flat=True))


def test_who_is_asked_hears_of_it_and_keeps_nothing_yet(alice, bob, asked):
    assert list(Letter.objects.filter(user=bob.user).values_list("kind", flat=True)) == ["guardian-invited"]
    assert list(queries.wards_of(bob.user)) == [asked]
    assert holders() == {"paper", "institution"}


@pytest.mark.privacy
def test_asking_an_address_nobody_has_looks_the_same(alice, bob, code):
    stranger = guardians.ask(user=alice.user, email="nobody@example.org", address=HOME)
    assert stranger.guardian is None
    known = guardians.ask(user=alice.user, email="bob@example.org", address=HOME)
    assert (stranger.accepted_at, known.accepted_at) == (None, None)
    assert queries.guardian_of(alice.user) == known


@pytest.mark.security
def test_letters_that_a_stranger_asks_for_do_not_keep_her_from_asking_a_guardian(alice, bob):
    for _again in range(attempts.LIMITS["letter"].here):
        recovery.ask_for_reset(email="alice@example.org", address=HOME)
    assert guardians.ask(user=alice.user, email="bob@example.org", address=HOME).guardian == bob.user


def test_nobody_is_their_own_guardian(alice, code):
    with pytest.raises(operations.Refused, match="your own"):
        guardians.ask(user=alice.user, email="alice@example.org", address=HOME)


def test_a_share_is_made_only_after_they_agreed(alice, bob, asked):
    with pytest.raises(operations.Refused, match="not agreed"):
        guardians.entrust(asked, user=alice.user, keyring=alice.keyring)
    guardians.agree(asked, by=bob.user, keyring=bob.keyring)
    assert "guardian" not in holders()
    guardians.entrust(asked, user=alice.user, keyring=alice.keyring)
    assert holders() == {"paper", "institution", "guardian"}
    assert SharePair.objects.count() == 3


def test_agreeing_and_giving_twice_is_doing_it_once(alice, bob, asked):
    for _again in range(2):
        guardians.agree(asked, by=bob.user, keyring=bob.keyring)
    guardians.entrust(asked, user=alice.user, keyring=alice.keyring)
    blob = bytes(Share.objects.get(holder="guardian").blob)
    guardians.entrust(asked, user=alice.user, keyring=alice.keyring)
    assert bytes(Share.objects.get(holder="guardian").blob) == blob


@pytest.mark.security
def test_only_whom_it_concerns_agrees_with_keys_of_their_own(alice, bob, asked):
    for by, keyring in ((bob.user, None), (bob.user, alice.keyring), (alice.user, alice.keyring)):
        with pytest.raises(operations.Refused):
            guardians.agree(asked, by=by, keyring=keyring)
    assert queries.guardian_of(alice.user).accepted_at is None


@pytest.mark.security
def test_an_agreement_nobody_signed_makes_no_share(alice, bob, asked):
    """Whoever may write rows makes nobody a guardian."""
    guardians.agree(asked, by=bob.user, keyring=bob.keyring)
    carol = operations.open_account(email="carol@example.org", name="Carol Stone", passphrase="what carol would say")
    Guardian.objects.update(guardian=carol.user)
    with pytest.raises(operations.Refused):
        guardians.entrust(asked, user=alice.user, keyring=alice.keyring)
    Guardian.objects.update(accepted_with=KeyVersion.objects.get(pk=carol.keyring.version_id))
    with pytest.raises(operations.Refused):
        guardians.entrust(asked, user=alice.user, keyring=alice.keyring)
    assert "guardian" not in holders()


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_either_ends_it_at_once_and_the_share_opens_nothing(alice, bob, guarded, who):
    person = {"alice": alice, "bob": bob}[who]
    institutions = bytes(Share.objects.get(holder="institution").blob)
    guardians.end(guarded, by=person.user, keyring=person.keyring)
    assert holders() == {"paper", "institution"}
    assert list(SharePair.objects.values_list("of", flat=True)) == ["paper+institution"]
    assert (bytes(Share.objects.get(holder="institution").blob) == institutions) is (who == "bob")
    other = bob if who == "alice" else alice
    assert "guardian-ended" in Letter.objects.filter(user=other.user).values_list("kind", flat=True)


def test_a_stranger_ends_nothing(alice, bob, guarded):
    carol = operations.open_account(email="carol@example.org", name="Carol Stone", passphrase="what carol would say")
    with pytest.raises(operations.Refused):
        guardians.end(guarded, by=carol.user)
    assert "guardian" in holders()


def test_another_can_be_asked_only_after_the_first_has_ended(alice, bob, guarded):
    with pytest.raises(operations.Refused, match="End that first"):
        guardians.ask(user=alice.user, email="carol@example.org", address=HOME)
    guardians.end(guarded, by=alice.user, keyring=alice.keyring)
    assert guardians.ask(user=alice.user, email="carol@example.org", address=HOME)


def test_nothing_is_handed_over_while_nobody_lost_anything(alice, bob, guarded):
    with pytest.raises(operations.Refused, match="nothing is asked"):
        guardians.hand_over(guarded, by=bob.user, keyring=bob.keyring, spoken="ABCD-EFGH-JKMN")


@pytest.mark.security
def test_a_guardian_with_locked_keys_hands_nothing_over(alice, bob, guarded, begun):
    with pytest.raises(operations.Refused, match="locked"):
        guardians.hand_over(guarded, by=bob.user, keyring=None, spoken=begun.letters)


@pytest.mark.security
def test_a_guardian_who_left_hands_nothing_over(alice, bob, guarded, begun):
    guardians.end(guarded, by=alice.user)
    with pytest.raises(operations.Refused, match="ended"):
        guardians.hand_over(guarded, by=bob.user, keyring=bob.keyring, spoken=begun.letters)


def test_a_guardian_who_got_new_keys_still_opens_the_share(alice, bob, guarded, begun):
    before = bob.keyring.version_id
    fresh = lost_keys.renew(user=bob.user, passphrase="what bob would say here", address=HOME)
    guardians.hand_over(guarded, by=bob.user, keyring=fresh, spoken=begun.letters)
    assert begun.recovery.given.filter(holder="guardian").exists()
    assert fresh.version_id != before


def test_a_guardian_learns_by_letter_when_they_are_needed(alice, bob, begun):
    assert "guardian-asked" in Letter.objects.filter(user=bob.user).values_list("kind", flat=True)
