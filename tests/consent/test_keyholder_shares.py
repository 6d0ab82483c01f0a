"""The way back: three officers, of whom two rebuild what the lost key wrapped."""

import io
from itertools import combinations, permutations

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from consent import escrow, queries
from consent.keyholder import readers, shares
from consent.keyholder.shares import NotRebuilt
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.models import Keyring

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def kept(ground):
    """The keyrings' text as it is, and the shares made of the way to it."""
    texts = [readers.escrow_keyring().text, readers.custodian_keyring().text]
    return texts, shares.split()


@pytest.fixture
def lost(kept, settings):
    """The same after the wrap key was lost and another one set."""
    settings.KEYHOLDER_FILE_KEY = b"\x17" * 32
    with pytest.raises(CannotOpen):
        readers.escrow_keyring()
    return kept


def now():
    return [readers.escrow_keyring().text, readers.custodian_keyring().text]


@pytest.mark.parametrize("two", list(permutations(range(3), 2)))
def test_any_two_shares_rebuild_byte_for_byte(lost, two):
    texts, made = lost
    assert shares.rebuild([made[number] for number in two]) == 3
    assert now() == texts
    escrow.require_keyholder()


def test_shares_made_before_the_repair_desk_had_its_key_bring_the_escrow_back_all_the_same(lost):
    texts, made = lost
    Keyring.objects.filter(reader__name=readers.REPAIR_NAME).update(by_recovery_code=None)
    assert shares.rebuild(made[:2]) == 2
    assert now() == texts


@pytest.mark.parametrize("one", range(3))
def test_one_share_rebuilds_nothing_alone_or_twice(lost, one):
    _texts, made = lost
    for told in ([made[one]], [made[one], made[one]], [made[one], ""]):
        with pytest.raises(NotRebuilt):
            shares.rebuild(told)
    with pytest.raises(CannotOpen):
        readers.escrow_keyring()


def test_three_words_mistyped_are_noticed(lost):
    _texts, made = lost
    words = made[0].split()
    words[5], words[9], words[20] = words[9], words[20], words[5]
    with pytest.raises(NotRebuilt):
        shares.rebuild([" ".join(words), made[1]])


def test_shares_are_taken_in_capitals_and_over_several_lines(lost):
    _texts, made = lost
    assert shares.rebuild([made[0].upper().replace(" ", "\n"), f"  {made[2]} "])


def test_splitting_anew_makes_older_shares_worthless(lost, settings):
    _texts, older = lost
    shares.rebuild(older[:2])
    newer = shares.split()
    settings.KEYHOLDER_FILE_KEY = b"\x18" * 32
    with pytest.raises(NotRebuilt, match="newer"):
        shares.rebuild(older[:2])
    for mixed in combinations((older[0], newer[1]), 2):
        with pytest.raises(NotRebuilt):
            shares.rebuild(list(mixed))
    assert shares.rebuild(newer[1:])


def test_what_the_lost_key_wrapped_it_opens_no_more_after_rebuilding(lost, settings):
    _texts, made = lost
    before = queries.escrow().keyring.by_passphrase
    shares.rebuild(made[1:])
    assert queries.escrow().keyring.by_passphrase != before


def test_nothing_is_split_by_who_does_not_hold_the_key(ground, settings):
    settings.KEYHOLDER_FILE_KEY = b"\x17" * 32
    with pytest.raises(CommandError, match="does not open the escrow"):
        call_command("split_escrow", stdout=io.StringIO(), stderr=io.StringIO())


def test_both_are_on_the_log(lost):
    shares.rebuild(lost[1][:2])
    said = [bytes(body) for body in Event.objects.values_list("body__payload", flat=True)]
    for action in (b"escrow.split", b"escrow.rebuilt"):
        assert sum(b'"action":"' + action + b'"' in body for body in said) == 1
    few = {" ".join(share.split()[start : start + 2]).encode() for share in lost[1] for start in range(4, 32)}
    assert not any(words in body for words in few for body in said)


def test_the_officers_get_a_share_each_and_two_of_them_rebuild(ground, settings, monkeypatch):
    printed, told = io.StringIO(), io.StringIO()
    call_command("split_escrow", stdout=printed, stderr=told)
    made = [line for line in printed.getvalue().splitlines() if len(line.split()) == 33 and "." not in line]
    assert len(made) == 3
    assert "Nothing of this is kept here" in told.getvalue()
    settings.KEYHOLDER_FILE_KEY = b"\x17" * 32
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{made[2]}\n{made[0]}\n"))
    printed = io.StringIO()
    call_command("rebuild_escrow", stdout=printed)
    assert "3 keyrings" in printed.getvalue()
    escrow.require_keyholder()


def test_rebuilding_with_one_share_says_so(ground, monkeypatch):
    made = shares.split()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{made[2]}\n"))
    with pytest.raises(CommandError, match="rebuild nothing"):
        call_command("rebuild_escrow")
