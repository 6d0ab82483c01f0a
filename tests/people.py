"""The people that tests introduce. Made in the database directly, where the way they came there is not the point."""

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.contrib.auth.models import Permission

from consent.escrow import open_escrow
from consent.models import Mandate
from consent.sharing import arrivals, grants, mandates
from ehr import clock
from ehr.accounts import operations as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.chain.models import Deployment
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from providers.models import Clinician, Credential, Institution, Membership
from providers.roles import Role

PASSPHRASE = "seven plain words that nobody would guess"
CHAIN_ID = 1337
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2099, 1, 1, tzinfo=UTC)


@dataclass
class Person:
    """Somebody with an account, and their keyring as it is while they are signed in."""

    user: User
    keyring: OpenKeyring
    patient: Patient | None = None


def prepare_ground() -> None:
    """Make what an operator prepares once: the escrow, and a place on chain for grants to refer to."""
    open_escrow()
    Deployment.objects.get_or_create(chain_id=CHAIN_ID, name="AccessToken", defaults={"address": CONTRACT, "block": 1})


def account(name: str, **facts) -> Person:
    """Return somebody with a verified account."""
    email = f"{uuid.uuid4().hex[:12]}@example.org"
    signed_in = accounts.open_account(email=email, name=name, passphrase=PASSPHRASE, **facts)
    return Person(signed_in.user, signed_in.keyring)


def checker(name: str) -> User:
    """Return a member of staff whose job it is to confirm who patients are."""
    made = account(name, staff=True).user
    made.user_permissions.add(Permission.objects.get(codename="check_identity"))
    return User.objects.get(pk=made.pk)


def patient(name: str = "Ana Costa", *, identifier: str | None = None) -> Person:
    """Return somebody with a record of their own, empty and shared with nobody."""
    person = account(name)
    person.patient = arrivals.register(
        person.user,
        name=name,
        birth_date=date(1984, 5, 3),
        sex="female",
        identifiers=[("urn:health-card", identifier or uuid.uuid4().hex)],
        keyring=person.keyring,
    )
    return person


def institution(name: str = "Harbour Medical Centre") -> Institution:
    """Return a place of care with agreement and accreditation in force."""
    made, _ = Institution.objects.get_or_create(
        name=name,
        country="CA",
        defaults={
            "kind": Institution.Kind.CLINIC,
            "contact": "reception",
            "agreement_signed_at": LONG_AGO,
            "agreement_until": FAR_AHEAD,
            "accreditation_number": "A-1",
            "accreditation_until": FAR_AHEAD,
        },
    )
    return made


def _verifier(name: str) -> User:
    """Return somebody who only stands as a name under decisions: they sign in nowhere, and need no keys."""
    return User.objects.create(email=f"{uuid.uuid4().hex[:12]}@example.org", name=name, email_verified_at=LONG_AGO)


def clinician(
    name: str = "Mei Lee",
    *,
    role: str = Role.PRIMARY_PHYSICIAN,
    place: Institution | None = None,
    licence_until: datetime = FAR_AHEAD,
) -> Person:
    """Return a clinician in good standing."""
    person, approver, second = account(name), _verifier("First Verifier"), _verifier("Second Verifier")
    registered = Clinician.objects.create(user=person.user, title="Dr", professional_name=name)
    Membership.objects.create(
        clinician=registered,
        institution=place or institution(),
        starts_at=LONG_AGO,
        confirmed_at=LONG_AGO,
        confirmed_by=approver,
    )
    number = uuid.uuid4().hex[:10]
    Credential.objects.create(
        clinician=registered,
        role=role,
        licence_number=number,
        issuing_body="College of Physicians",
        country="CA",
        training="Medicine",
        expires_at=licence_until,
        digest=uuid.uuid4().bytes * 2,
        status=Credential.Status.APPROVED,
        submitted_by=person.user,
        first_approver=approver,
        second_approver=second,
        decided_at=LONG_AGO,
        confirmed_at=clock.now(),
    )
    return person


def mandate(owner: Person, referrer: Person) -> Mandate:
    """Let somebody pass on an owner's laboratory results to specialists in their name, for 30 days each."""
    return mandates.make(
        owner.patient,
        keyring=owner.keyring,
        referrer=referrer.user,
        categories=[Category.LABS],
        roles=[Role.SPECIALIST],
        days=30,
        until=clock.now() + timedelta(days=90),
    )


def give(
    sharer: Person,
    reader: Person,
    *categories: Category,
    actions=(Action.READ,),
    days: int = 30,
    starts: datetime | None = None,
    **more,
):
    """Let a reader see parts of somebody's record, from now on for some days."""
    starts = starts or clock.now()
    return grants.give(
        sharer.patient,
        keyring=sharer.keyring,
        reader=reader.user,
        categories=categories or (Category.LABS,),
        actions=actions,
        purpose=Purpose.TREAT,
        starts=starts,
        ends=starts + timedelta(days=days),
        **more,
    )
