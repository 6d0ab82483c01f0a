"""Keeping somebody out by name. It beats every grant and team, and the person kept out learns nothing of it."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit import log
from consent import queries
from consent.access import own_party
from consent.models import Block, Ending, Grant
from consent.sharing import grants
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from patients.models import Patient
from providers.queries import standing


class CannotBlock(Exception):
    """This person cannot be kept out; the message says why."""


def block(patient: Patient, *, reader: User, keyring: OpenKeyring | None = None) -> Block:
    """Keep somebody out from the next request on, and end what was shared with them by name. Twice is once.

    It needs no open keys; with them at hand the epochs turn at once, else at the patient's next visit. What a team
    holds stays sealed to the team: there the rule keeps this one member out. Raises CannotBlock.
    """
    if reader.pk == patient.user_id:
        raise CannotBlock(_("This is you. You cannot keep yourself out of your own record."))
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        made, new = Block.objects.get_or_create(
            patient=patient, reader=Reader.objects.get(user=reader), lifted_at__isnull=True
        )
        if not new:
            return made
        _log("reader.blocked", patient, reader)
        named = Grant.objects.filter(patient=patient, reader__user=reader).standing(clock.now())
        for grant in named.exclude(kind=Grant.Kind.DELEGATE):
            grants.end(grant, keyring=keyring, cause=Ending.Cause.BLOCK, by=own_party(patient))
        return made


def lift(one: Block) -> Block:
    """Let somebody be let in again. What was ended stays ended: share anew. Twice is once."""
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=one.patient_id)
        one = Block.objects.select_related("patient", "reader__user").get(pk=one.pk)
        if one.lifted_at is None:
            one.lifted_at = clock.now()
            one.save(update_fields=["lifted_at"])
            _log("reader.unblocked", one.patient, one.reader.user)
        return one


@dataclass(frozen=True)
class Person:
    """A clinician as somebody who may be kept out reads: by name and place."""

    user: User
    name: str
    place: str


def whom(user_id) -> Person | None:
    """Return a registered clinician, in good standing or not, whom a patient may keep out; None for everybody else."""
    user = User.objects.filter(pk=user_id, clinician__isnull=False).first()
    return person(user) if user else None


def person(user: User) -> Person:
    """Return a registered clinician by name and place, as they are now."""
    seen = standing(user)
    return Person(user, seen.name or user.name, seen.place)


def is_kept_out(patient: Patient, reader: User) -> bool:
    """Tell whether a patient keeps somebody out now."""
    return queries.is_blocked(patient, reader)


def prevails_in_emergency() -> bool:
    """Tell whether the law of the place lets keeping somebody out prevail in an emergency."""
    return queries.law().blocks_prevail


def in_force(patient: Patient) -> QuerySet[Block]:
    """Return whom a patient keeps out, newest first."""
    rows = Block.objects.filter(patient=patient, lifted_at__isnull=True)
    return rows.select_related("reader__user").order_by("-made_at")


def kept_out(patient: Patient) -> frozenset[UUID]:
    """Return the users whom a patient keeps out now."""
    return frozenset(in_force(patient).values_list("reader__user", flat=True))


def of_patient(patient: Patient, block_id) -> Block | None:
    """Return one of a patient's own blocks, in force or lifted, or None."""
    return Block.objects.filter(patient=patient, pk=block_id).select_related("reader__user").first()


def _log(action: str, patient: Patient, reader: User) -> None:
    log.append(
        action,
        actor=own_party(patient),
        subject=patient.pk,
        outcome="done",
        details={"reader": str(reader.pk), "reader_name": reader.name},
    )
