"""A study with people in it who have no keys: what private questions cost does not depend on what opens a record."""

import uuid
from datetime import timedelta

from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient
from providers.models import Clinician, Institution
from research.models import Researcher, Study
from tests.appointments.at_once import crowd


def study(title: str = "Sugar and sleep") -> Study:
    """Return a study that somebody began to write."""
    user = User.objects.create(name="Rosa Vidal", email=f"{uuid.uuid4().hex}@example.org")
    researcher = Researcher.objects.create(clinician=Clinician.objects.create(user=user, professional_name=user.name))
    place, _ = Institution.objects.get_or_create(
        name="Harbour University", country="CA", defaults={"kind": Institution.Kind.CLINIC}
    )
    return Study.objects.create(
        researcher=researcher,
        institution=place,
        title=title,
        ends=clock.now() + timedelta(days=365),
        ethics_body="Board",
        ethics_reference="1",
        salt=b"s" * 32,
        proposer=user,
    )


def patients(count: int) -> list[Patient]:
    """Return people with a record."""
    return [person.patient for person in crowd(count)]
