"""Narrow in keys, not only in rules: chosen entries and past dates are bundles, and the rest does not open."""

from datetime import date, timedelta

import pytest
import time_machine

from consent import access, keys
from consent.access import AccessDenied
from consent.models import Ending, Grant
from consent.sharing import grants
from consent.sharing.grants import CannotGive, Narrow
from ehr import clock
from ehr.words import Action, Category, Purpose
from patients import rows, vault
from patients.models import BundledKey, Entry, GrantSeal, Seal
from tests import people
from tests.consent.conftest import draft, texts

pytestmark = pytest.mark.django_db


def dated(words: str, day: str, part: Category = Category.LABS, **more):
    return draft(part, words, recorded=day, **more)


@pytest.fixture
def three(ana):
    """Ana's three lab results of three years, by their words."""
    drafts = {words: dated(words, f"{words}-06-30") for words in ("2022", "2023", "2024")}
    access.add_own(ana.patient, list(drafts.values()), keyring=ana.keyring)
    return {words: str(one.logical_id) for words, one in drafts.items()}


def read(patient, reader, **more):
    return access.open_chart(patient.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT, **more)


def only(*ids: str) -> Narrow:
    return Narrow(entries=frozenset(ids))


def test_chosen_entries_open_and_no_others(ana, lee, three):
    people.give(ana, lee, Category.LABS, narrow=only(three["2023"]))
    assert texts(read(ana, lee)) == {"2023"}


def test_the_readers_keys_fail_on_every_other_entry_when_the_vault_is_called_directly(ana, lee, three):
    grant = people.give(ana, lee, Category.LABS, narrow=only(three["2023"]))
    assert keys.granted_boxes(ana.patient, {"labs": grant}, keyring=lee.keyring) == {}
    assert not Seal.objects.filter(grant_id=grant.pk).exists()
    (bundle,) = keys.granted_bundles([grant], keyring=lee.keyring)
    held = vault.read(ana.patient, {}, [bundle])
    assert [str(one.logical_id) for one in held] == [three["2023"]]
    stolen = BundledKey.objects.get(grant_id=grant.pk)
    for entry in Entry.objects.exclude(logical_id=three["2023"]):
        with pytest.raises(keys.CannotOpen):
            bundle.dek(entry.pk.bytes, stolen.blob)


def test_a_bundle_row_pointed_at_another_entry_opens_nothing(ana, lee, three):
    grant = people.give(ana, lee, Category.LABS, narrow=only(three["2023"]))
    other = Entry.objects.get(logical_id=three["2022"])
    BundledKey.objects.filter(grant_id=grant.pk).update(entry=other)
    assert [one.raw for one in vault.read(ana.patient, {}, keys.granted_bundles([grant], keyring=lee.keyring))] == [
        None
    ]


def test_past_record_dates_are_a_bundle_with_both_days_in_it(ana, lee, three):
    narrow = Narrow(record_from=date(2022, 6, 30), record_until=date(2023, 6, 30))
    grant = people.give(ana, lee, Category.LABS, narrow=narrow)
    assert texts(read(ana, lee)) == {"2022", "2023"}
    assert BundledKey.objects.filter(grant_id=grant.pk).count() == 2


def test_what_is_recorded_later_is_not_in_a_bundle(ana, lee, three):
    people.give(ana, lee, Category.LABS, narrow=Narrow(record_until=date(2023, 12, 31)))
    access.add_own(ana.patient, [dated("late", "2023-01-01")], keyring=ana.keyring)
    assert texts(read(ana, lee)) == {"2022", "2023"}


def test_record_dates_with_an_open_end_are_a_rule(ana, lee, three):
    people.give(ana, lee, Category.LABS, narrow=Narrow(record_from=date(2023, 1, 1)))
    access.add_own(ana.patient, [dated("new", "2026-01-01")], keyring=ana.keyring)
    assert texts(read(ana, lee)) == {"2023", "2024", "new"}


def test_an_entry_without_a_day_is_in_no_record_dates(ana, lee, three):
    access.add_own(ana.patient, [draft(Category.LABS, "undated"), dated("month", "2023-06")], keyring=ana.keyring)
    people.give(ana, lee, Category.LABS, narrow=Narrow(record_from=date(2000, 1, 1)))
    assert texts(read(ana, lee)) == {"2022", "2023", "2024"}


def test_a_grant_of_chosen_entries_changed_to_name_others_opens_nothing(ana, lee, three):
    grant = people.give(ana, lee, Category.LABS, narrow=only(three["2023"]))
    for change in ({"entries": sorted(three.values())}, {"entries": []}):
        Grant.objects.filter(pk=grant.pk).update(**change)
        with pytest.raises(AccessDenied):
            read(ana, lee)


def test_a_bundle_is_deleted_when_it_is_stopped(ana, lee, three):
    grant = people.give(ana, lee, Category.LABS, narrow=only(three["2023"]))
    grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
    assert not BundledKey.objects.filter(grant_id=grant.pk).exists()
    assert not GrantSeal.objects.filter(grant_id=grant.pk).exists()
    with pytest.raises(AccessDenied):
        read(ana, lee)


def test_a_bundle_outlives_the_turn_of_an_epoch(ana, lee, three, stranger):
    people.give(ana, lee, Category.LABS, narrow=only(three["2023"]))
    leaving = people.give(ana, stranger, Category.LABS)
    grants.end(leaving, keyring=ana.keyring, by=access.own_party(ana.patient))
    assert texts(read(ana, lee)) == {"2023"}


def test_a_chosen_entry_must_be_in_the_parts_that_are_shared(ana, lee, three):
    with pytest.raises(CannotGive):
        people.give(ana, lee, Category.HISTORY, narrow=only(three["2023"]))
    with pytest.raises(CannotGive):
        people.give(ana, lee, Category.LABS, narrow=only("00000000-0000-0000-0000-000000000000"))


def test_dates_in_which_nothing_was_recorded_are_not_granted(ana, lee, three):
    with pytest.raises(CannotGive):
        people.give(ana, lee, Category.LABS, narrow=Narrow(record_until=date(1990, 1, 1)))


def test_a_last_record_day_in_the_future_is_sent_back(ana, lee, three):
    nowhere_yet = clock.now().date() + timedelta(days=2)
    with pytest.raises(CannotGive, match="not in the future"):
        people.give(ana, lee, Category.LABS, narrow=Narrow(record_until=nowhere_yet))


def test_a_last_record_day_that_has_come_where_people_are_is_no_future(ana, lee, three):
    with time_machine.travel(clock.now().replace(hour=22) + timedelta(days=1), tick=False):
        people.give(ana, lee, Category.LABS, narrow=Narrow(record_until=clock.now().date() + timedelta(days=1)))
    assert Grant.objects.get().record_until


def test_places_are_part_of_what_is_signed_and_asked_at_each_opening(ana, lee, three):
    grant = people.give(ana, lee, Category.LABS, narrow=Narrow(places=frozenset({"CA"})))
    assert "Canada" in grant.sentence
    assert texts(read(ana, lee, presence=access.Presence(place="CA"))) == set(three)
    for place, because in (("DE", "place"), ("", "place-unknown")):
        with pytest.raises(AccessDenied) as refusal:
            read(ana, lee, presence=access.Presence(place=place))
        assert refusal.value.because == because


def test_one_grant_is_one_hpke_seal_whatever_it_opens(ana, lee):
    grant = people.give(ana, lee, *Category)
    assert GrantSeal.objects.filter(grant_id=grant.pk).count() == 1
    held = rows.seals_of_grants(ana.patient.pk, [str(part) for part in Category], [grant.pk])
    assert len(held) == len(Category)
    assert {bytes(row[0])[:1] for row in held} == {b"\x02"}


def test_a_change_leaves_no_moment_of_neither(ana, lee, three):
    old = people.give(ana, lee, Category.LABS)
    new = grants.change(
        old,
        keyring=ana.keyring,
        categories=[Category.LABS, Category.HISTORY],
        actions=[Action.READ],
        ends=clock.now() + timedelta(days=90),
    )
    assert Ending.objects.get(grant=old).cause == Ending.Cause.CHANGED
    assert texts(read(ana, lee)) == set(three)
    assert [grant.pk for grant in read(ana, lee).grants] == [new.pk]


def test_a_change_that_cannot_be_made_ends_nothing(ana, lee, three):
    old = people.give(ana, lee, Category.LABS)
    with pytest.raises(CannotGive):
        grants.change(old, keyring=ana.keyring, categories=[], actions=[Action.READ], ends=old.ends)
    assert not Ending.objects.filter(grant=old).exists()
    assert texts(read(ana, lee)) == set(three)


def test_changed_twice_by_one_confirmation_is_changed_once(ana, lee, three):
    old = people.give(ana, lee, Category.LABS)
    once = old.pk.__class__(int=7)
    asked = {"categories": [Category.LABS], "actions": [Action.READ], "ends": old.ends, "once": once}
    first = grants.change(old, keyring=ana.keyring, **asked)
    assert grants.change(old, keyring=ana.keyring, **asked) == first
    assert Grant.objects.count() == 2
