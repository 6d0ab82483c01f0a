"""Any two of three shares open the keys, one alone opens nothing, and none is stored in clear."""

import itertools
import os
from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from ehr.accounts import codes, keyrings, lost_keys, operations, queries, recovery
from ehr.accounts.keyrings import CannotOpen, NotOnTheLog, shares
from ehr.accounts.keyrings import opened as opened_as
from ehr.accounts.models import Keyring, KeyVersion, Reader, Share, SharePair
from ehr.crypto import opening, sealing
from tests.accounts.conftest import HOME, PASSPHRASE

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]
HOLDERS = ("paper", "institution", "guardian")


def stored(alice) -> Keyring:
    return Keyring.objects.select_related("version").get(reader__user=alice.user)


@pytest.fixture
def three(alice, bob, code, custodian, guarded) -> dict[str, bytes]:
    """All three shares in clear, as their keepers open them."""
    paper = shares.paper_share(code, alice.keyring.reader_id)
    return {
        "paper": paper,
        "institution": opened("institution", custodian),
        "guardian": opened("guardian", bob.keyring),
    }


def opened(holder: str, keyring) -> bytes:
    share = Share.objects.select_related("sealed_to").get(holder=holder)
    info = shares.sealed_info(share.reader_id, share.sealed_to, holder)
    return keyring.open_seal(bytes(share.blob), info=info)


@pytest.mark.parametrize("pair", list(itertools.combinations(HOLDERS, 2)), ids="+".join)
def test_any_two_of_the_three_restore_the_same_keys(alice, three, pair):
    restored = shares.restore(stored(alice), {holder: three[holder] for holder in pair})
    assert restored.sign(b"x") == alice.keyring.sign(b"x")
    assert restored.version_id == alice.keyring.version_id


@pytest.mark.security
@pytest.mark.privacy
@pytest.mark.parametrize("holder", HOLDERS)
def test_any_one_alone_restores_nothing_whatever_stands_in_the_place_of_the_other(alice, three, holder):
    one = three[holder]
    for guess in ({}, *({other: value} for other in HOLDERS if other != holder for value in (one, bytes(32), b""))):
        with pytest.raises(CannotOpen):
            shares.restore(stored(alice), {**guess, holder: one})


@pytest.mark.security
@pytest.mark.privacy
def test_no_row_opens_with_one_share_as_its_key(alice, three):
    """Not even by hand: each pair's text and each kept copy, bound as they are, tried with what one share gives."""
    reader = alice.keyring.reader_id
    bound = [(pair.blob, opened_as.bound_to(shares._way(pair.of), reader, 1)) for pair in SharePair.objects.all()]
    bound += [(share.kept, reader.bytes) for share in Share.objects.all()]
    keys = [
        made
        for one in three.values()
        for made in (one, shares._pair_key(one, b"", reader), shares._pair_key(b"", one, reader))
    ]
    for key, (blob, aad) in itertools.product(keys, bound):
        with pytest.raises(CannotOpen):
            opening.decrypt(key, bytes(blob), aad=aad)
    blobs = [blob for blob, _aad in bound] + [share.blob for share in Share.objects.exclude(blob=None)]
    held = b"".join(bytes(blob) for blob in blobs)
    assert not any(share in held for share in three.values())
    assert not any(part in held for part in alice.keyring._text)


@pytest.mark.security
def test_codes_from_before_open_nothing_after_the_migration_and_the_keyholders_own_stay(alice, custodian):
    for held in Keyring.objects.all():
        held.by_recovery_code, held.recovery_confirmed_at = b"x", held.changed_at
        held.save()
    import_module("ehr.accounts.migrations.0003_ways_back").let_paper_alone_open_nothing(apps, None)
    assert [held.by_recovery_code for held in Keyring.objects.filter(reader__kind="person")] == [None]
    assert Keyring.objects.exclude(reader__kind="person").get().by_recovery_code is not None


@pytest.mark.security
def test_the_code_on_paper_alone_no_longer_unlocks_a_keyring(alice, code):
    with pytest.raises(CannotOpen):
        keyrings.unlock_by_code(stored(alice), code)


def test_a_code_typed_in_small_letters_with_look_alikes_is_the_same_share(alice, code):
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert shares.paper_share(typed, alice.keyring.reader_id) == shares.paper_share(code, alice.keyring.reader_id)


@pytest.mark.security
def test_a_new_code_ends_the_one_before(alice, three):
    recovery.confirm(user=alice.user, keyring=alice.keyring, code=recovery.new_code())
    with pytest.raises(CannotOpen):
        shares.restore(stored(alice), {"paper": three["paper"], "guardian": three["guardian"]})


def test_without_a_custodian_a_code_is_kept_and_pairs_with_it_once_it_is_there(alice, request):
    made = recovery.new_code()
    recovery.confirm(user=alice.user, keyring=alice.keyring, code=made)
    assert queries.has_recovery_code(alice.user)
    assert not SharePair.objects.exists()
    custodian = request.getfixturevalue("custodian")
    operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME)
    told = {
        "paper": shares.paper_share(made, alice.keyring.reader_id),
        "institution": opened("institution", custodian),
    }
    assert shares.restore(stored(alice), told).sign(b"x") == alice.keyring.sign(b"x")


@pytest.mark.security
def test_a_share_is_sealed_to_nobody_whose_key_is_not_on_the_log(alice, custodian):
    KeyVersion.objects.filter(pk=custodian.version_id).update(kem_public=sealing.generate_kem().public)
    with pytest.raises(NotOnTheLog), transaction.atomic():
        shares.entrust(stored(alice), alice.keyring, "institution", queries.custodian())
    recovery.confirm(user=alice.user, keyring=alice.keyring, code=recovery.new_code())
    assert queries.shares_of(alice.user) == {"paper"}


@pytest.mark.security
def test_a_pair_or_share_moved_to_another_person_opens_nothing(alice, bob, three, custodian):
    recovery.confirm(user=bob.user, keyring=bob.keyring, code=recovery.new_code())
    hers = SharePair.objects.get(reader__user=alice.user, of="paper+institution")
    SharePair.objects.filter(reader__user=bob.user).update(blob=bytes(hers.blob))
    with pytest.raises(CannotOpen):
        shares.restore(stored(bob), three)
    share = Share.objects.get(reader__user=alice.user, holder="institution")
    share.reader_id = bob.keyring.reader_id
    with pytest.raises(CannotOpen):
        shares.hand_on(share, custodian, to=sealing.generate_kem().public, info=b"")


@pytest.mark.security
def test_keys_that_are_not_the_ones_on_the_log_are_not_restored(alice, bob, three):
    """Whoever has two shares and may write rows puts no keys of their own in the place of hers."""
    pair = SharePair.objects.get(of="paper+guardian")
    version = stored(alice).version
    planted = keyrings.OpenKeyring(
        reader_id=version.reader_id, version_id=version.pk, version_number=version.number, text=bob.keyring.text
    )
    key = shares._pair_key(three["paper"], three["guardian"], version.reader_id)
    SharePair.objects.filter(pk=pair.pk).update(blob=planted.wrap(key, shares._way(pair.of)))
    with pytest.raises(CannotOpen):
        shares.restore(stored(alice), {"paper": three["paper"], "guardian": three["guardian"]})


def test_after_a_renewal_paper_opens_the_new_keys_and_the_other_shares_are_fresh(alice, three, code, custodian):
    fresh = lost_keys.renew(user=alice.user, passphrase=PASSPHRASE, address=HOME)
    again = {"paper": three["paper"], "institution": opened("institution", custodian)}
    assert again["institution"] != three["institution"]
    assert shares.restore(stored(alice), again).sign(b"x") == fresh.sign(b"x")
    with pytest.raises(CannotOpen):
        shares.restore(stored(alice), three)
    assert operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME).keyring


@pytest.mark.security
def test_the_letters_read_out_have_sixty_bits_of_the_key(alice):
    spoken = {codes.spoken(os.urandom(32)) for _again in range(200)}
    assert len(spoken) == 200
    assert all(len(codes.plain(one)) == 12 for one in spoken)


@pytest.mark.security
def test_there_is_one_custodian_by_that_name(custodian):
    """Nobody who writes rows puts a reader of their own beside it, to be sealed to instead."""
    with pytest.raises(IntegrityError), transaction.atomic():
        Reader.objects.create(kind=Reader.Kind.SERVICE, name=queries.CUSTODIAN_NAME)
