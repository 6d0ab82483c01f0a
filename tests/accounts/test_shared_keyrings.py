"""A team's keyring is sealed to each member and to nobody else; who leaves opens nothing that comes after."""

import pytest
from django.db import transaction

from audit import queries as audit
from audit.models import Event
from ehr.accounts import keyrings, queries
from ehr.accounts.keyrings import CannotOpen, NotOnTheLog
from ehr.accounts.models import Keyring, KeyVersion, MemberSeal, PastKeys, Reader
from ehr.crypto import sealing
from tests import people

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]


@pytest.fixture
def team(db):
    return Reader.objects.create(kind=Reader.Kind.TEAM, name="Ward 4")


@pytest.fixture
def bob(db):
    return people.account("Bob Dahl")


@pytest.fixture
def carol(db):
    return people.account("Carol Stone")


def key_of(person) -> KeyVersion:
    return KeyVersion.objects.get(pk=person.keyring.version_id)


def renew(person):
    with transaction.atomic():
        person.keyring = keyrings.succeed(Keyring.objects.get(reader=person.keyring.reader_id), person.keyring)


def sealed_to(keyring):
    version = KeyVersion.objects.get(pk=keyring.version_id)
    return sealing.seal(bytes(version.kem_public), b"a lockbox", info=b"grant")


def opens(keyring, sealed) -> bool:
    try:
        return keyring.open_seal(sealed, info=b"grant") == b"a lockbox"
    except CannotOpen:
        return False


def actions(name: str) -> list[dict]:
    told = [audit.facts(event.pk) for event in Event.objects.order_by("pk")]
    return [one["details"] for one in told if one["action"] == name]


def test_each_member_opens_the_teams_keyring_and_nobody_else_does(team, bob, carol):
    shared = keyrings.make_shared(team, [key_of(bob), key_of(carol)])
    sealed = sealed_to(shared)
    for member in (bob, carol):
        opened = keyrings.open_shared(team.pk, keyring=member.keyring)
        assert opens(opened, sealed)
        assert opened.reader_id == team.pk
        assert queries.is_logged(queries.present_version(team))
    assert keyrings.open_shared(team.pk, keyring=people.account("Dan Wolf").keyring) is None


def test_a_team_without_keys_and_a_reader_that_is_no_team_open_nothing(team, bob):
    assert keyrings.open_shared(team.pk, keyring=bob.keyring) is None
    assert keyrings.open_shared(bob.keyring.reader_id, keyring=bob.keyring) is None


def test_somebody_who_joins_is_given_the_keyring_by_a_member_in_session(team, bob, carol):
    keyrings.make_shared(team, [key_of(bob)])
    in_hand = keyrings.open_shared(team.pk, keyring=bob.keyring)
    keyrings.share(in_hand, key_of(carol))
    keyrings.share(in_hand, key_of(carol))
    assert opens(keyrings.open_shared(team.pk, keyring=carol.keyring), sealed_to(in_hand))
    assert MemberSeal.objects.count() == 2


def test_a_member_with_renewed_keys_stays_a_member(team, bob):
    shared = keyrings.make_shared(team, [key_of(bob)])
    renew(bob)
    assert opens(keyrings.open_shared(team.pk, keyring=bob.keyring), sealed_to(shared))


@pytest.mark.security
def test_a_members_lost_keys_no_longer_open_the_team_once_its_seal_followed(team, bob):
    shared = keyrings.make_shared(team, [key_of(bob)])
    lost = bob.keyring
    renew(bob)
    assert keyrings.shared.follow(bob.keyring) == 1
    assert keyrings.shared.follow(bob.keyring) == 0
    assert opens(keyrings.open_shared(team.pk, keyring=bob.keyring), sealed_to(shared))
    with pytest.raises(CannotOpen):
        keyrings.open_shared(team.pk, keyring=lost)


def test_leaving_needs_no_key_and_ends_opening_at_once(team, bob, carol):
    keyrings.make_shared(team, [key_of(bob), key_of(carol)])
    assert keyrings.unshare(team, Reader.objects.get(pk=carol.keyring.reader_id)) == 1
    assert keyrings.open_shared(team.pk, keyring=carol.keyring) is None
    assert keyrings.open_shared(team.pk, keyring=bob.keyring) is not None
    assert keyrings.unshare(team, Reader.objects.get(pk=carol.keyring.reader_id)) == 0


def test_a_turned_keyring_is_sealed_to_those_who_stay_and_opens_what_came_before(team, bob, carol):
    first = keyrings.make_shared(team, [key_of(bob), key_of(carol)])
    before = sealed_to(first)
    fresh = keyrings.turn_shared(keyrings.open_shared(team.pk, keyring=bob.keyring), [key_of(bob)])
    opened = keyrings.open_shared(team.pk, keyring=bob.keyring)
    assert opened.version_number == fresh.version_number == 2
    assert opens(opened, before)
    assert opens(opened, sealed_to(fresh))
    assert queries.is_logged(queries.present_version(team))


@pytest.mark.security
def test_who_left_opens_nothing_after_the_turn_with_the_keys_they_remember(team, bob, carol):
    keyrings.make_shared(team, [key_of(bob), key_of(carol)])
    remembered = keyrings.open_shared(team.pk, keyring=carol.keyring)
    fresh = keyrings.turn_shared(keyrings.open_shared(team.pk, keyring=bob.keyring), [key_of(bob)])
    assert not opens(remembered, sealed_to(fresh))
    assert keyrings.open_shared(team.pk, keyring=carol.keyring) is None
    with pytest.raises(CannotOpen):
        remembered.open_seal(bytes(PastKeys.objects.get().blob), info=b"grant")


@pytest.mark.security
def test_a_keyring_from_before_a_turn_shares_and_turns_nothing(team, bob, carol):
    keyrings.make_shared(team, [key_of(bob)])
    stale = keyrings.open_shared(team.pk, keyring=bob.keyring)
    keyrings.turn_shared(stale, [key_of(bob)])
    with pytest.raises(ValueError, match="older version"):
        keyrings.share(stale, key_of(carol))
    with pytest.raises(ValueError, match="older version"):
        keyrings.turn_shared(stale, [key_of(carol)])
    assert keyrings.open_shared(team.pk, keyring=carol.keyring) is None


@pytest.mark.security
def test_nothing_is_sealed_to_a_members_exchanged_key(team, bob, carol):
    keyrings.make_shared(team, [key_of(bob)])
    KeyVersion.objects.filter(pk=carol.keyring.version_id).update(kem_public=sealing.generate_kem().public)
    with pytest.raises(NotOnTheLog):
        keyrings.share(keyrings.open_shared(team.pk, keyring=bob.keyring), key_of(carol))
    assert MemberSeal.objects.count() == 1


@pytest.mark.security
def test_nothing_is_sealed_to_a_members_older_key(team, bob, carol):
    older = key_of(carol)
    renew(carol)
    with pytest.raises(NotOnTheLog):
        keyrings.make_shared(team, [key_of(bob), older])
    assert not Keyring.objects.filter(reader=team).exists()


@pytest.mark.security
def test_a_members_seal_moved_to_another_team_or_member_opens_nothing(team, bob, carol):
    keyrings.make_shared(team, [key_of(bob)])
    other = Reader.objects.create(kind=Reader.Kind.TEAM, name="Ward 5")
    keyrings.make_shared(other, [key_of(carol)])
    seal = MemberSeal.objects.get(reader=team)
    MemberSeal.objects.filter(reader=other).update(member=seal.member, blob=bytes(seal.blob))
    with pytest.raises(CannotOpen):
        keyrings.open_shared(other.pk, keyring=bob.keyring)


@pytest.mark.security
def test_keys_planted_as_a_teams_are_not_taken_for_the_teams(team, bob):
    """A seal says nothing of who made it: somebody who can write rows seals keys of their own to a member."""
    keyrings.make_shared(team, [key_of(bob)])
    seal = MemberSeal.objects.get()
    planted = people.account("Mallory Finch").keyring
    blob = planted.seal_to(seal.member, info=keyrings.shared._info(seal.version, seal.member))
    MemberSeal.objects.update(blob=blob)
    with pytest.raises(CannotOpen):
        keyrings.open_shared(team.pk, keyring=bob.keyring)


@pytest.mark.security
def test_a_teams_exchanged_public_key_is_noticed_by_its_members(team, bob):
    keyrings.make_shared(team, [key_of(bob)])
    KeyVersion.objects.filter(reader=team).update(author_public=bytes(32))
    with pytest.raises(CannotOpen):
        keyrings.open_shared(team.pk, keyring=bob.keyring)


@pytest.mark.compliance
def test_sharing_leaving_and_turning_are_on_the_log_by_name_of_the_member(team, bob, carol):
    keyrings.make_shared(team, [key_of(bob), key_of(carol)])
    in_hand = keyrings.open_shared(team.pk, keyring=bob.keyring)
    keyrings.unshare(team, Reader.objects.get(pk=carol.keyring.reader_id))
    keyrings.turn_shared(in_hand, [key_of(bob)])
    assert [one["member"] for one in actions("key.shared")] == [str(who.keyring.reader_id) for who in (bob, carol, bob)]
    assert [one["member"] for one in actions("key.unshared")] == [str(carol.keyring.reader_id)]
    assert [one["reader"] for one in actions("key.succeeded")] == [str(team.pk)]


@pytest.mark.privacy
def test_a_teams_private_keys_are_in_no_table_but_sealed(team, bob):
    shared = keyrings.make_shared(team, [key_of(bob)])
    stored = Keyring.objects.get(reader=team)
    assert stored.by_passphrase is None
    held = b"".join(
        [bytes(MemberSeal.objects.get().blob), *(bytes(one.kem_public) for one in KeyVersion.objects.all())]
    )
    assert not any(key in held for key in shared._text)
