"""A team of fifty changes: new keys for those who stay, and the lockboxes of its patients following at their visits."""

import time

from consent import upkeep
from consent.sharing import grants
from ehr import clock
from ehr.accounts.models import MemberSeal
from ehr.words import Action, Category, Purpose
from patients.models import GrantSeal, Seal
from providers import teams
from providers.models import TeamMembership
from tests import people
from tests.bench.measuring import Row
from tests.teams import administrator, later, ward

MEMBERS = 50
PATIENTS = 20


def measure() -> list[Row]:
    """Return how many seals are made anew a second when one of fifty leaves: the members' own, then the patients'."""
    place = people.institution("Bench Hospital")
    made = ward("Bench team", place)
    for number in range(MEMBERS - 2):
        made.add(people.clinician(f"Member {number}", place=place))
    made.visit(made.lee)
    patients = [_shared(made.team, number) for number in range(PATIENTS)]
    ida = administrator("Another Berg", place)
    leaver = TeamMembership.objects.filter(team=made.team).latest("pk")
    begun = time.perf_counter()
    teams.remove_member(leaver, by=ida)
    left = time.perf_counter()
    made.visit(made.lee)
    turned = time.perf_counter()
    members = MemberSeal.objects.filter(reader=made.team.pk).count()
    seals = 0
    for patient in patients:
        assert upkeep.tidy(patient.patient, keyring=patient.keyring)
        seals += _seals(patient)
    followed = time.perf_counter()
    rate, follow = members / (turned - left), seals / (followed - turned)
    return [
        Row("a member of a team of 50 leaves", f"{1000 * (left - begun):.0f} ms", note=_LEAVING),
        Row("the team's new keys sealed to the 49 who stay", f"{rate:.0f} seals a second"),
        Row(
            f"lockboxes of {PATIENTS} patients following, six parts each",
            f"{follow:.0f} seals a second",
            note=_FOLLOWING,
        ),
    ]


_LEAVING = "from that commit on the leaver is refused; no key is needed for it"
_FOLLOWING = "each patient's own lockboxes and the grant's, at their next visit; no visit waits for another"


def _shared(team, number: int) -> people.Person:
    patient = people.patient(f"Patient {number}")
    grants.give(
        patient.patient,
        keyring=patient.keyring,
        reader=team.reader,
        categories=list(Category),
        actions=[Action.READ],
        purpose=Purpose.TREAT,
        starts=clock.now(),
        ends=later(days=30),
    )
    return patient


def _seals(person: people.Person) -> int:
    """Return how many seals a patient's record has now: all were made anew."""
    boxes = Seal.objects.filter(lockbox__patient=person.patient, lockbox__closed_at__isnull=True).count()
    return boxes + GrantSeal.objects.filter(grant_id__in=person.patient.grants.values("pk")).count()
