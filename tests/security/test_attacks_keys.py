"""Somebody writes any row of the database, in league with one ordinary account, to be handed a key."""

import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import transaction

from audit import log
from consent import access, keys, proofs, upkeep
from consent.access import AccessDenied
from consent.models import Ending
from consent.sharing import grants
from consent.sharing.proposing import Narrow
from ehr import clock
from ehr.accounts import keyrings
from ehr.accounts.history import is_present
from ehr.accounts.keyrings import opened
from ehr.accounts.models import Keyring, KeyVersion, MemberSeal, Reader
from ehr.words import Category, Purpose
from patients import lockboxes
from patients.models import BundledKey, Entry, GrantSeal, Seal
from providers.models import TeamMembership
from tests import people, teams
from tests.consent.conftest import draft, texts

pytestmark = [pytest.mark.django_db, pytest.mark.security]


def read(patient, reader):
    return access.open_chart(patient.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)


def stop(patient, grant):
    return grants.end(grant, keyring=patient.keyring, by=access.own_party(patient.patient))


def pointed_at(reader: Reader, version: KeyVersion) -> None:
    """Say that a reader's present key is some other: one column, one row."""
    Keyring.objects.filter(reader=reader).update(version=version)


def own_version(person) -> KeyVersion:
    return KeyVersion.objects.get(pk=person.keyring.version_id)


def for_them(person) -> set:
    """Return what is sealed by HPKE to one of somebody's keys, of any table."""
    mine = KeyVersion.objects.filter(reader=person.user.reader)
    tables = (Seal, GrantSeal)
    return {(table.__name__, row.pk) for table in tables for row in table.objects.filter(key_version__in=mine)}


# --- A keyring's pointer ---------------------------------------------------------------------------
def test_a_grant_is_not_sealed_to_somebody_else_whose_key_was_put_in_the_readers_place(with_record, lee, stranger):
    pointed_at(lee.user.reader, own_version(stranger))
    with pytest.raises(grants.CannotGive):
        people.give(with_record, lee, Category.LABS)
    assert not for_them(stranger)


def test_an_epoch_that_turns_is_not_sealed_to_a_key_put_in_a_readers_place(with_record, lee, stranger):
    staying = people.give(with_record, lee, Category.LABS)
    leaving = people.give(with_record, people.clinician("Omar Haddad"), Category.LABS)
    pointed_at(lee.user.reader, own_version(stranger))
    stop(with_record, leaving)
    assert not for_them(stranger)
    assert Ending.objects.get().epoch_turned_at is not None
    assert not Seal.objects.filter(grant_id=staying.pk).exists()


def test_no_lockbox_is_sealed_to_somebody_whose_key_was_put_in_the_escrows_place(with_record, lee, stranger):
    grant = people.give(with_record, lee, Category.LABS)
    pointed_at(Reader.objects.get(kind=Reader.Kind.SERVICE, name="Escrow"), own_version(stranger))
    stop(with_record, grant)
    assert not for_them(stranger)
    with pytest.raises(AccessDenied):
        read(with_record, lee)


def test_no_new_record_is_sealed_to_somebody_whose_key_was_put_in_the_escrows_place(ground, stranger):
    pointed_at(Reader.objects.get(kind=Reader.Kind.SERVICE, name="Escrow"), own_version(stranger))
    with pytest.raises(keys.KeyExchanged):
        people.patient("Bo Lind")
    assert not for_them(stranger)


def test_no_team_is_sealed_to_somebody_whose_key_was_put_in_a_members_place(ground, stranger):
    ward, nora = teams.ward(), people.clinician("Nora Quinn")
    ward.add(nora)
    pointed_at(nora.user.reader, own_version(stranger))
    ward.visit(ward.lee)
    assert not MemberSeal.objects.filter(member__reader=stranger.user.reader).exists()


def forged_version(reader: Reader, owner) -> KeyVersion:
    """Put an account's public keys in the place of a reader's, and a line that says so at the end of the log."""
    version, theirs = reader.keyring.version, own_version(owner)
    for name in ("kem_public", "author_public", "stealth_spend_public", "stealth_view_public"):
        setattr(version, name, getattr(theirs, name))
    details = {"reader": str(reader.pk), "number": version.number, "digest": version.digest.hex()}
    version.logged_as = log.append("key.created", actor=log.SYSTEM, subject=None, outcome="done", details=details).pk
    version.save()
    return version


def test_an_escrow_that_a_forged_line_of_the_log_names_is_not_the_keyholders(with_record, lee, stranger):
    """The line is genuine to look at, and in the tree a second later. The keyholder has another private key."""
    grant = people.give(with_record, lee, Category.LABS)
    forged = forged_version(Reader.objects.get(kind=Reader.Kind.SERVICE, name="Escrow"), stranger)
    assert is_present(forged)
    before = set(Seal.objects.filter(key_version=forged).values_list("pk", flat=True))
    stop(with_record, grant)
    assert set(Seal.objects.filter(key_version=forged).values_list("pk", flat=True)) == before
    assert Ending.objects.get().epoch_turned_at is None
    with pytest.raises(AccessDenied):
        read(with_record, lee)


def test_another_service_of_the_escrows_name_is_not_the_keyholders(with_record, lee, stranger):
    grant = people.give(with_record, lee, Category.LABS)
    Reader.objects.filter(kind=Reader.Kind.SERVICE, name="Escrow").update(name="Before")
    named = Reader.objects.create(kind=Reader.Kind.SERVICE, name="Escrow")
    with transaction.atomic():
        made = opened.make(named)
    Keyring.objects.create(reader=named, version_id=made.version_id, by_passphrase=b"x" * 300)
    stop(with_record, grant)
    assert not Seal.objects.filter(reader=named).exists()


@pytest.mark.xfail(strict=True, reason="A second line about a person's first key is believed: threat model, operators.")
def test_a_reader_whom_a_forged_line_of_the_log_gives_other_keys_is_handed_nothing(with_record, lee, stranger):
    forged_version(lee.user.reader, stranger)
    with pytest.raises(grants.CannotGive):
        people.give(with_record, lee, Category.LABS)


# --- Keys from before ------------------------------------------------------------------------------
def test_nothing_is_sealed_to_a_readers_key_from_before_it_was_renewed(with_record, lee):
    """Somebody has the old keys; a row says that they are the present ones again."""
    before = own_version(lee)
    renewed(lee)
    pointed_at(lee.user.reader, before)
    with pytest.raises(grants.CannotGive):
        people.give(with_record, lee, Category.LABS)
    assert not for_them(lee)


def test_a_patients_visit_closes_nothing_for_the_keys_that_a_former_member_of_a_team_has(with_record):
    ward = teams.ward()
    reader = Reader.objects.get(pk=ward.team.pk)
    before = reader.keyring.version
    kept = MemberSeal.objects.get(member__reader=ward.omar.user.reader)
    start = clock.now()
    given = grants.give(
        with_record.patient,
        keyring=with_record.keyring,
        reader=reader,
        categories=(Category.LABS,),
        starts=start,
        ends=start + timedelta(days=9),
    )
    ward.remove(ward.omar)
    ward.visit(ward.lee)
    upkeep.tidy(with_record.patient, keyring=with_record.keyring)
    after = GrantSeal.objects.get(grant_id=given.pk).key_version
    assert (before.number, after.number) == (1, 2)
    # What they kept from the days when they belonged to it is put back, row by row.
    kept.save(force_insert=True)
    TeamMembership.objects.filter(clinician=ward.omar.user.clinician).update(ended_at=None)
    pointed_at(reader, before)
    upkeep.tidy(with_record.patient, keyring=with_record.keyring)
    with pytest.raises(AccessDenied):
        read(with_record, ward.omar)


# --- Bundles ---------------------------------------------------------------------------------------
def narrowed(patient, reader, **narrow):
    return people.give(patient, reader, Category.LABS, narrow=Narrow(**narrow))


def add(patient, words, **more) -> Entry:
    return access.add_own(patient.patient, [draft(Category.LABS, words, **more)], keyring=patient.keyring)[0]


def renewed(person):
    with transaction.atomic():
        fresh = keyrings.succeed(Keyring.objects.get(reader=person.keyring.reader_id), person.keyring)
    return replace(person, keyring=fresh)


@pytest.mark.parametrize("by", ["entries", "dates"])
def test_a_key_planted_in_a_bundle_is_not_filled_in_when_its_reader_renewed_theirs(ana, lee, by):
    """The reader knows the key of the grant, so what they plant opens as well as what the patient put there."""
    chosen, other = add(ana, "chosen", recorded="2020-01-01"), add(ana, "secret", recorded="2026-01-01")
    narrow = {"entries": frozenset({str(chosen.logical_id)})} if by == "entries" else {"record_until": date(2021, 1, 1)}
    grant = narrowed(ana, lee, **narrow)
    held = GrantSeal.objects.get(grant_id=grant.pk)
    info = keys._grant_info(proofs.digest(grant))
    key = lee.keyring.open_seal(bytes(held.blob), info=info, version_id=held.key_version_id)
    rows = lockboxes.bundle(grant.pk, key, proofs.digest(grant), {other.pk: b"d" * 32})
    BundledKey.objects.bulk_create(rows)
    late = renewed(lee)
    assert upkeep.tidy(ana.patient, keyring=ana.keyring) == 1
    assert texts_that_open(read(ana, late)) == {"chosen"}


def test_a_bundle_follows_its_reader_to_their_newer_keys(ana, lee):
    chosen = add(ana, "chosen")
    grant = narrowed(ana, lee, entries=frozenset({str(chosen.logical_id)}))
    late = renewed(lee)
    upkeep.tidy(ana.patient, keyring=ana.keyring)
    assert GrantSeal.objects.get(grant_id=grant.pk).key_version_id == late.keyring.version_id
    assert texts(read(ana, late)) == {"chosen"}


def test_an_entry_that_was_given_anothers_name_is_not_put_into_a_bundle(ana, lee):
    """Two rows trade their ids while the patient reads the sentence, and trade back afterwards."""
    chosen, other = add(ana, "chosen"), add(ana, "secret")
    named, free = chosen.logical_id, uuid.uuid4()
    for row, name in ((chosen, free), (other, named), (chosen, other.logical_id)):
        Entry.objects.filter(pk=row.pk).update(logical_id=name)
    with suppress(grants.CannotGive):
        narrowed(ana, lee, entries=frozenset({str(named)}))
    assert not BundledKey.objects.filter(entry=other.pk).exists()


def texts_that_open(chart) -> set[str]:
    return {entry.resource["note"][0]["text"] for entry in chart.entries if entry.raw is not None}
