"""Who asks through an interface: a patient, a clinician, or an app that a patient let in; never more than it may."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from consent import given, queries
from consent.judging import ELSEWHERE, Presence
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.words import Category, Purpose
from patients.models import Patient
from providers.queries import standing


@dataclass(frozen=True)
class Caller:
    """Somebody who asks through an interface, for the length of one request.

    `user` is the person behind it: a patient, or a clinician. `app` is the app that the patient let in; then `keyring`
    is the app's own, and what it may is what the patient gave to it. Without one the keyring is the person's, and what
    they may is what they may everywhere. `parts` and `writes` are the parts that this token is for, at most: they
    narrow and never widen. `via` names the program for the log.
    """

    user: User
    keyring: OpenKeyring | None = field(repr=False)
    app: Reader | None
    parts: frozenset[Category]
    writes: frozenset[Category]
    purpose: Purpose
    presence: Presence = ELSEWHERE
    via: str = ""

    @property
    def reader(self) -> User | Reader:
        """Whose permissions count."""
        return self.app or self.user

    @property
    def told(self) -> dict[str, str]:
        """What each line on the log says besides."""
        return {"via": self.via} if self.via else {}

    def is_owner(self, patient: Patient) -> bool:
        """Tell whether a record is the caller's own: opened by themselves as its patient, not through what they let in.

        A program with which somebody treats others is not let in to their own record by that.
        """
        return self.app is None and self.purpose == Purpose.PATRQT and patient.user_id == self.user.pk

    @cached_property
    def open_keyring(self) -> OpenKeyring | None:
        """The keyring, where it is the present one of whose permissions count; None for any other."""
        if self.app is None:
            return self.keyring if accounts.is_theirs(self.keyring, self.user.pk) else None
        return self.keyring if accounts.is_of(self.keyring, self.app) else None


def may_reach(caller: Caller) -> list[Patient]:
    """Return the patients of whom this caller may open or add something now, by name.

    Nothing is opened and nothing is on the log: whoever shows one of them opens, or names, them one by one.
    """
    at = clock.now()
    if caller.app is not None:
        app = queries.connected(caller.app)
        if app is None or not queries.app_facts(app).active:
            return []
        facts = [one.facts for one in given.to_program(app.patient, caller.app)]
        live = any(one.ended_at is None and one.starts <= at < one.ends for one in facts)
        return [app.patient] if live else []
    seen = standing(caller.user, at)
    found = queries.within_reach(caller.user, at, seen, purpose=caller.purpose) if seen.ok else []
    own = Patient.objects.filter(user=caller.user)
    return [*filter(caller.is_owner, own), *(one.patient for one in found)]


def is_owners(patient: Patient, caller: Caller) -> bool:
    """Tell whether a caller is a patient themself, or an app that they let in and that may reach them now."""
    theirs = patient.user_id is not None and patient.user_id == caller.user.pk
    return theirs and any(one.pk == patient.pk for one in may_reach(caller))


def inside(parts: Iterable[Category], bounds: frozenset[Category]) -> tuple[Category, ...]:
    """Return those parts that are within bounds, in the order in which they are always listed."""
    chosen = frozenset(parts) & bounds
    return tuple(part for part in Category if part in chosen)
