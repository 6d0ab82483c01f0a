"""The recovery custodian lets the institution's share of lost keys go once two staff know who asks, to them alone."""

import uuid
from datetime import timedelta

import pytest

from audit import log
from consent import escrow, queries
from consent.keyholder import releases
from consent.keyholder.releases import Refused
from consent.models import EscrowUse, ShareUse
from ehr import clock
from ehr.accounts.keyrings.held import OneUseKey
from ehr.accounts.keyrings.shares import handed_info, sealed_info
from ehr.accounts.models import Reader, Recovery, Share, User
from ehr.crypto.sealing import seal
from providers.roles import Role
from tests import people
from tests.consent.keyholding import digest, refused, say_emergency

pytestmark = [pytest.mark.django_db, pytest.mark.security]
SHARE = b"s" * 32


@pytest.fixture
def key():
    """The key of Ana's recovery, whose private half only her browser opens."""
    return OneUseKey()


def recovery_of(person, key):
    """Return a recovery under way that two members of staff have checked."""
    version = Reader.objects.get(user=person.user).keyring.version
    begun = Recovery.objects.create(
        user=person.user,
        version=version,
        public=key.public,
        sealed_private=b"",
        ready_at=clock.now() + timedelta(days=2),
    )
    for name in ("Staff One", "Staff Two"):
        begun.checks.create(by=people.account(name, staff=True).user, document="passport")
    return begun


@pytest.fixture
def recovery(ana, key):
    return recovery_of(ana, key)


def kept_for(reader):
    """Return the institution's share of somebody's keys, as it is kept."""
    custodian = queries.custodian().keyring.version
    info = sealed_info(reader.pk, custodian, Share.Holder.INSTITUTION)
    return seal(bytes(custodian.kem_public), SHARE, info=info)


def say(recovery, **more):
    """Commit the event that the share goes to a recovery's key."""
    reader = Reader.objects.get(user=recovery.user)
    details = {"recovery": str(recovery.pk), "reader": str(reader.pk)} | more.pop("details", {})
    return log.record("recovery.released", actor=log.SYSTEM, subject=None, details=details, **more)


def let_go(recovery, key, **more):
    reader = Reader.objects.get(user=recovery.user)
    event = say(recovery, **more | {"details": {"to": digest(key)} | more.get("details", {})})
    return releases.open_share(event.pk, reader.pk, kept_for(reader), to=key.public)


def kept_back(recovery, key, **more):
    """Ask for what must stay; return the word it was refused with."""
    with pytest.raises(Refused) as refusal:
        let_go(recovery, key, **more)
    assert not ShareUse.objects.exists()
    return refusal.value.because


def test_a_share_comes_back_sealed_to_the_recovery_s_key(recovery, key):
    reader = Reader.objects.get(user=recovery.user)
    event_id, found = escrow.share_handed_on(
        reader, kept_for(reader), to=key.public, record=lambda: say(recovery, details={"to": digest(key)})
    )
    assert key.open_seal(found, info=handed_info(event_id)) == SHARE
    assert SHARE not in found
    assert ShareUse.objects.get().reader == reader
    assert not EscrowUse.objects.exists()


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"details": {"reader": str(uuid.uuid4())}}, "other-reader"),
        ({"details": {"recovery": str(uuid.uuid4())}}, "other-reader"),
        ({"details": {"recovery": ""}}, "other-reader"),
        ({"details": {"to": "0" * 64}}, "other-key"),
        ({"outcome": "refused"}, "other-action"),
    ],
)
def test_an_event_that_says_something_else_lets_nothing_go(recovery, key, change, because):
    assert kept_back(recovery, key, **change) == because


def test_another_key_than_the_recovery_s_gets_nothing(recovery):
    assert kept_back(recovery, OneUseKey()) == "other-reader"


def test_one_member_of_staff_is_not_enough(recovery, key):
    recovery.checks.last().delete()
    assert kept_back(recovery, key) == "not-checked"


def test_a_member_of_staff_who_was_suspended_does_not_count(recovery, key):
    User.objects.filter(pk=recovery.checks.first().by_id).update(is_active=False)
    assert kept_back(recovery, key) == "not-checked"


@pytest.mark.parametrize("over", ["cancelled_at", "finished_at"])
def test_a_recovery_that_is_over_gets_nothing(recovery, key, over):
    Recovery.objects.filter(pk=recovery.pk).update(**{over: clock.now()})
    assert kept_back(recovery, key) == "not-checked"


def test_a_share_is_let_go_once_for_an_event(recovery, key):
    reader, event = Reader.objects.get(user=recovery.user), say(recovery, details={"to": digest(key)})
    releases.open_share(event.pk, reader.pk, kept_for(reader), to=key.public)
    with pytest.raises(Refused) as refusal:
        releases.open_share(event.pk, reader.pk, kept_for(reader), to=key.public)
    assert refusal.value.because == "used"


def test_somebody_elses_share_does_not_open_under_ones_own_name(recovery, key):
    other = Reader.objects.get(user=people.account("Somebody Else").user)
    event, own = say(recovery, details={"to": digest(key)}), Reader.objects.get(user=recovery.user)
    with pytest.raises(Refused) as refusal:
        releases.open_share(event.pk, own.pk, kept_for(other), to=key.public)
    assert refusal.value.because == "nothing-sealed"


def test_somebody_elses_recovery_does_not_open_ones_share(recovery, key):
    other = people.account("Somebody Else")
    theirs = recovery_of(other, OneUseKey())
    assert kept_back(recovery, key, details={"recovery": str(theirs.pk)}) == "other-reader"


def test_a_share_opens_no_record_and_the_escrow_no_share(recovery, key, with_record):
    doctor = people.clinician("Emil Ward", role=Role.EMERGENCY)
    emergency = say_emergency(with_record.patient, doctor.user, key)
    reader = Reader.objects.get(user=recovery.user)
    with pytest.raises(Refused):
        releases.open_share(emergency.pk, reader.pk, kept_for(reader), to=key.public)
    assert refused(say(recovery, details={"to": digest(key)}), with_record.patient, key) == "other-patient"
