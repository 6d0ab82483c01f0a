"""What the keyholder is asked about: events that name the key to which it answers."""

from datetime import date
from hashlib import sha256

import pytest

from audit import log
from audit import queries as audit
from audit.models import Event
from consent import access
from consent.keyholder import releases
from consent.keyholder.releases import Refused
from consent.models import EscrowUse
from consent.sharing import arrivals
from ehr.words import Category
from patients.operations import source_signer
from tests.consent.conftest import draft

EMERGENCY_PARTS = (Category.BASIC, Category.LABS)


def waiting_record():
    """Return a record that arrived before its patient, with something in it."""
    patient = arrivals.expect(
        name="Ana Costa",
        birth_date=date(1984, 5, 3),
        sex="female",
        identifiers=[("urn:mrn", "A 1")],
        source="City Hospital",
    )
    access.receive(patient, [draft(Category.LABS, "arrived first")], source=source_signer("City Hospital"))
    return patient


def person(user, role=""):
    return log.Party("person", user.pk, user.name, role, "")


def say_emergency(patient, user, key, **more):
    """Commit the event of somebody who opens a record in an emergency, to one key."""
    facts = {"outcome": "allowed", "categories": EMERGENCY_PARTS, "details": {"to": digest(key)}} | more
    return log.record("emergency.opened", actor=person(user), subject=patient.pk, **facts)


def say_claimed(claim, key, **more):
    details = {"claim": str(claim.pk), "to": digest(key)}
    facts = {"actor": person(claim.claimant), "subject": claim.patient_id, "details": details} | more
    return log.record("claim.released", **facts)


def digest(key):
    return sha256(key.public).hexdigest()


def release(event, patient, key, why="emergency"):
    return releases.release(event.pk, patient.pk, why=why, to=key.public)


def refused(event, patient, key, why="emergency"):
    """Ask for what must not be let go; return the word of the refusal. Nothing is counted, and it is on the log."""
    before, lines = EscrowUse.objects.count(), list(Event.objects.values_list("pk", flat=True))
    with pytest.raises(Refused) as refusal:
        release(event, patient, key, why)
    assert EscrowUse.objects.count() == before
    told = audit.find(Event.objects.exclude(pk__in=lines).get().pk)
    assert (told.action, told.outcome, told.because) == ("escrow.refused", "refused", refusal.value.because)
    assert told.details["event"] == str(event.pk)
    return refusal.value.because
