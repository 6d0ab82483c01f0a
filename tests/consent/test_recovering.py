"""J9 from end to end: two staff, the keyholder, the wait, and a record and its grants as they were."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission

from audit import queries as audit
from audit.models import Event
from consent import access, escrow, recovering
from consent.models import Grant, ShareUse
from consent.sharing import grants
from ehr import clock
from ehr.accounts import lost_keys, operations, queries, recovery
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.models import GivenShare, KeyVersion, User
from ehr.notices.models import Notice
from ehr.words import Category, Purpose
from tests import people
from tests.accounts.conftest import HOME, NEW, reset
from tests.consent.conftest import draft, texts

pytestmark = [pytest.mark.django_db, pytest.mark.point(6)]
WAIT = timedelta(hours=48, seconds=1)


@pytest.fixture
def staff(ground) -> list[User]:
    made = [people.checker("Ida Check"), people.checker("Otto Check")]
    for one in made:
        one.user_permissions.add(Permission.objects.get(codename="check_recovery"))
    return [User.objects.get(pk=one.pk) for one in made]


def lose(person) -> str:
    """Write a code down, then forget the passphrase; return the code."""
    code = recovery.new_code()
    recovery.confirm(user=person.user, keyring=person.keyring, code=code)
    reset(person)
    return code


def begin(person):
    begun, cookie = recovering.start(user=person.user, address=HOME)
    return begun, cookie, lost_keys.spoken(begun, cookie)


def checked(begun, letters, staff, number="", **more):
    for one in staff:
        recovering.check(begun, by=one, document="passport", number=number, spoken=letters, **more)


def come_back(person, staff, number=""):
    """Lose the keys of somebody and bring them back by paper and institution. Call it where time has not moved."""
    code = lose(person)
    begun, cookie, letters = begin(person)
    checked(begun, letters, staff, number)
    later = time_machine.travel(clock.now() + WAIT, tick=False)
    later.start()
    back = recovering.finish(begun, cookie=cookie, code=code, passphrase=NEW, address=HOME)
    person.keyring = back.keyring
    return later


@pytest.fixture
def ana(ground):
    return people.patient("Ana Costa", identifier="HC 1234")


def test_j9_3_a_patient_reads_every_entry_as_it_was_and_the_old_keys_open_nothing_new(ana, staff):
    access.add_own(ana.patient, [draft(part) for part in Category], keyring=ana.keyring)
    before = {e.logical_id: json.dumps(e.resource) for e in access.open_own(ana.patient, keyring=ana.keyring).entries}
    old = ana.keyring
    later = come_back(ana, staff, "hc-1234")
    try:
        chart = access.open_own(ana.patient, keyring=ana.keyring)
        assert {e.logical_id: json.dumps(e.resource) for e in chart.entries} == before
        with pytest.raises(access.KeysLocked):
            access.open_own(ana.patient, keyring=old)
    finally:
        later.stop()


def test_j9_3_a_clinician_who_lost_their_keys_reads_with_the_same_grant(ana, lee, staff):
    access.add_own(ana.patient, [draft(Category.LABS, "HbA1c 7.1")], keyring=ana.keyring)
    grant = people.give(ana, lee, Category.LABS)
    later = come_back(lee, staff)
    try:
        chart = access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
        assert "HbA1c 7.1" in texts(chart)
        assert [used.pk for used in chart.grants] == [grant.pk]
        assert Grant.objects.count() == 1
    finally:
        later.stop()


def test_j9_3_a_patient_with_new_keys_ends_what_the_lost_ones_signed(ana, lee, staff):
    access.add_own(ana.patient, [draft(Category.LABS, "HbA1c 7.1")], keyring=ana.keyring)
    grant = people.give(ana, lee, Category.LABS)
    later = come_back(ana, staff, "HC1234")
    try:
        ending = grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
        ending.refresh_from_db()
        assert ending.epoch_turned_at is not None
        assert ending.signature_r is not None
        with pytest.raises(access.AccessDenied):
            access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
        assert "HbA1c 7.1" in texts(access.open_own(ana.patient, keyring=ana.keyring))
    finally:
        later.stop()


def test_after_two_checks_the_share_is_with_the_person_and_the_use_is_counted(ana, staff):
    lose(ana)
    begun, cookie, letters = begin(ana)
    recovering.check(begun, by=staff[0], document="passport", number="HC1234", spoken=letters)
    assert not GivenShare.objects.exists()
    assert not ShareUse.objects.exists()
    recovering.check(begun, by=staff[1], document="passport", number="HC1234", spoken=letters)
    assert ShareUse.objects.count() == 1
    assert lost_keys.stands(begun, cookie).given == {"institution"}


@pytest.mark.security
def test_j9_4_what_the_keyholder_hands_on_opens_nothing_by_itself_and_only_in_one_browser(ana, staff):
    lose(ana)
    begun, cookie, letters = begin(ana)
    checked(begun, letters, staff, "HC1234")
    given = GivenShare.objects.get()
    for keyring in (ana.keyring, *(people.account("Mallory Finch").keyring for _once in range(1))):
        with pytest.raises(CannotOpen):
            keyring.open_seal(bytes(given.blob), info=lost_keys.shares.handed_info(given.event_id))
    with time_machine.travel(clock.now() + WAIT, tick=False), pytest.raises(operations.Refused, match="One share"):
        recovering.finish(begun, cookie=cookie, code="", passphrase=NEW, address=HOME)


@pytest.mark.security
def test_another_number_than_the_patient_gave_is_refused_and_on_their_list(ana, staff):
    lose(ana)
    begun, _cookie, letters = begin(ana)
    with pytest.raises(operations.Refused, match="not a number"):
        recovering.check(begun, by=staff[0], document="passport", number="HC 9999", spoken=letters)
    assert begun.checks.count() == 0
    lines = [audit.facts(event.pk) for event in Event.objects.filter(subject=ana.patient.pk).order_by("pk")]
    assert (lines[-1]["action"], lines[-1]["because"]) == ("recovery.refused", "other-number")


@pytest.mark.security
def test_whoever_may_not_check_learns_nothing_about_a_number(ana, lee, staff):
    lose(ana)
    begun, _cookie, letters = begin(ana)
    with pytest.raises(operations.Refused, match="role"):
        recovering.check(begun, by=lee.user, document="passport", number="HC1234", spoken=letters)


def test_with_the_keyholder_away_the_checks_stand_and_the_share_follows(ana, staff, settings):
    lose(ana)
    begun, _cookie, letters = begin(ana)
    recovering.check(begun, by=staff[0], document="passport", number="HC1234", spoken=letters)
    held, settings.KEYHOLDER_FILE_KEY = settings.KEYHOLDER_FILE_KEY, b""
    with pytest.raises(escrow.NotReleased):
        recovering.check(begun, by=staff[1], document="passport", number="HC1234", spoken=letters)
    assert queries.is_checked(begun)
    settings.KEYHOLDER_FILE_KEY = held
    recovering.release(begun, by=staff[1])
    assert GivenShare.objects.count() == 1


@pytest.mark.security
def test_a_stopped_recovery_is_given_nothing_though_two_checked(ana, staff):
    lose(ana)
    begun, _cookie, letters = begin(ana)
    recovering.check(begun, by=staff[0], document="passport", number="HC1234", spoken=letters)
    recovering.stop(begun, by=ana.user)
    with pytest.raises(operations.Refused, match="stopped"):
        recovering.check(begun, by=staff[1], document="passport", number="HC1234", spoken=letters)
    with pytest.raises(operations.Refused):
        recovering.release(begun, by=staff[1])
    assert not ShareUse.objects.exists()


@pytest.mark.compliance
def test_j9_5_every_step_is_on_the_patients_own_list(ana, staff):
    later = come_back(ana, staff, "HC1234")
    try:
        told = [
            audit.facts(event.pk)["action"] for event in Event.objects.filter(subject=ana.patient.pk).order_by("pk")
        ]
        assert [action for action in told if action.startswith("recovery.")] == [
            "recovery.started",
            "recovery.checked",
            "recovery.checked",
            "recovery.released",
            "recovery.finished",
        ]
    finally:
        later.stop()


def test_j9_2_beginning_is_told_in_the_portal_and_by_a_letter_that_stops_it(ana, staff):
    lose(ana)
    begin(ana)
    assert Notice.objects.filter(user=ana.user, kind="recovery-started").count() == 1
    assert ana.user.letters.filter(kind="recovery-started", link__kind="stop").count() == 1


def test_j9_6_two_staff_face_to_face_end_the_wait(ana, staff):
    code = lose(ana)
    begun, cookie, letters = begin(ana)
    checked(begun, letters, staff, "HC1234", in_person=True)
    back = recovering.finish(begun, cookie=cookie, code=code, passphrase=NEW, address=HOME)
    assert KeyVersion.objects.get(pk=back.keyring.version_id).number == 2
