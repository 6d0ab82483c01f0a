"""Who the tests of providers are about: two verifiers, a hospital, and Dr Lee with a licence."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import Permission

from ehr import clock
from ehr.accounts.models import Reader, User
from providers import credentials, institutions, operations
from providers.credentials import Licence
from providers.models import Clinician, Credential, Institution

PDF = b"%PDF-1.7 a scanned licence"
YEAR = timedelta(days=365)


def person(name: str, *, staff: bool = False) -> User:
    """Somebody with a proven address and no keys: enough for whoever opens no record."""
    email = f"{name.casefold().replace(' ', '.')}@example.org"
    user = User.objects.create(email=email, name=name, email_verified_at=clock.now(), is_staff=staff, password="!")
    Reader.objects.create(user=user, name=name)
    return user


def verifier(name: str) -> User:
    user = person(name, staff=True)
    allowed = Permission.objects.filter(
        content_type__app_label="providers",
        codename__in=[
            "decide_credential",
            "manage_institution",
            "view_credential",
            "view_institution",
            "view_membership",
        ],
    )
    user.user_permissions.set(allowed)
    return user


def hospital(by: User, name: str = "City Hospital", **facts: str) -> Institution:
    """An institution with an agreement and an accreditation that run for a year."""
    told = {
        "kind": "hospital",
        "country": "CA",
        "region": "Ontario",
        "time_zone": "America/Toronto",
        "contact": "Switchboard, +1 416 555 0100",
    }
    institution = institutions.register_institution(by=by, name=name, **(told | facts))
    terms = institutions.Terms(clock.now() + YEAR, f"ACC {name}", clock.now() + YEAR)
    return institutions.sign_agreement(institution, terms=terms, by=by)


def registered(name: str, institution: Institution | None) -> Clinician:
    user = person(name)
    return operations.register_clinician(user, title="Dr", professional_name=name, institution=institution, by=user)


def licence(number: str = "48-213", role: str = "specialist", expires_at: datetime | None = None) -> Licence:
    return Licence(
        role=role,
        number=number,
        issuing_body="College of Physicians of Ontario",
        country="CA",
        training="MD, residency in internal medicine",
        expires_at=expires_at or clock.now() + YEAR,
    )


def submitted(clinician: Clinician, **facts) -> Credential:
    return credentials.submit_credential(clinician, licence=licence(**facts), evidence=PDF, by=clinician.user)


@dataclass(frozen=True)
class Ward:
    """A hospital in good order and the people around it."""

    vera: User
    victor: User
    hospital: Institution
    lee: Clinician
    credential: Credential


def ward() -> Ward:
    """Make them all: Vera and Victor verify, Dr Lee is approved as a specialist at City Hospital."""
    vera, victor = verifier("Vera Stone"), verifier("Victor Hale")
    place = hospital(vera)
    lee = registered("Amy Lee", place)
    credential = credentials.approve(submitted(lee), by=vera, reason="Found in the college's register.")
    return Ward(vera, victor, place, lee, credential)
