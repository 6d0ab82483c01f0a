"""A release that left with six people in it, in two groups of three who look alike, without making the file."""

from dataclasses import dataclass
from hashlib import sha256

from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import Reader
from research import queries
from research.compensation.accruing import accrue
from research.leaving import crowds
from research.models import Inclusion, Joining, Release, Study
from research.studies import running
from tests import people
from tests.people import Person
from tests.research import studying

PEOPLE, GROUP = 6, 3


@dataclass
class Left:
    """A fetched release, who fetched it, who is in it, and the pseudonym of each, in the same order."""

    study: Study
    rosa: Person
    release: Release
    people: list[Person]
    joinings: list[Joining]
    pseudonyms: list[str]


def joined(study: Study, number: int = PEOPLE) -> list[tuple[Person, Joining]]:
    made = [people.patient(f"Person {one}") for one in range(number)]
    return [(person, studying.join(person, study)) for person in made]


def fetched(study: Study, rosa: Person, joinings: list[Joining], *, mark: bytes = b"") -> Release:
    """Return a release of these people as it stands once it was fetched, with what is due for it."""
    version = accounts.present_version(Reader.objects.get(user=rosa.user))
    release = Release.objects.create(
        study=study,
        asked_by=rosa.user,
        state=Release.State.FETCHED,
        digest=sha256(mark + study.pk.bytes).digest(),
        to=version,
        people=len(joinings),
        ended_at=clock.now(),
    )
    Inclusion.objects.bulk_create(Inclusion(release=release, joining=one) for one in joinings)
    accrue(release)
    return release


def left(study: Study, rosa: Person, *, crowd: bool = True) -> Left:
    found = joined(study)
    persons, joinings = [one[0] for one in found], [one[1] for one in found]
    release = fetched(study, rosa, joinings)
    keyring = running.keys_for(queries.run_at(study, clock.now()))
    named = crowds.names(keyring, release)
    pseudonyms = [named.person(str(one.patient_id)) for one in joinings]
    if crowd:
        rows = [(one, (place // GROUP,)) for place, one in enumerate(pseudonyms)]
        crowds.keep(release, crowds.alike(rows), study.reader)
    return Left(study, rosa, release, persons, joinings, pseudonyms)
