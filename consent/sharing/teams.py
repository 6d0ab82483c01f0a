"""Care teams and consent: how a patient lets a team in, and who of its nurses looks after whom.

Membership and keys are the team's own business (`providers.teams`). A grant to a team is one like any other: its
reader is the team, and whoever belongs to it at the moment of use is let in.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from audit import log
from consent.models import Assignment, Block, Grant
from ehr import clock
from ehr.accounts.models import Reader, User
from ehr.statements import Statement
from patients.models import Patient
from providers import team_queries
from providers.models import Team
from providers.queries import party, standing
from providers.roles import needs_assignment
from providers.rules import NotPossible


# --- A person or a team, as a patient lets them in -----------------------------------------------
@dataclass(frozen=True)
class Who:
    """Whom a patient is about to let in: their name and place as the sentence says them, and why not, if not."""

    reader: Reader
    user_id: UUID | None
    name: str
    place: str
    problem: str = ""


def who(reader: User | Reader, at: datetime, *, language: str) -> Who:
    """Return a person, or a team, as the sentence of a grant names them in a language."""
    team = reader if isinstance(reader, Reader) and reader.user is None else None
    person = reader.user if isinstance(reader, Reader) else reader
    if isinstance(reader, Reader) and reader.kind in {Reader.Kind.APP, Reader.Kind.STUDY}:
        return Who(reader, None, reader.name, "")
    if person is not None:
        (stored,) = _OF_PERSON.rows(user=person.pk)
        stored.user = person
        return _person(stored, person, at)
    return _team(_WITH_KEYS.select_related("team__institution").get(pk=team.pk), at, language)


_WITH_KEYS = Reader.objects.select_related("keyring__version")
_OF_PERSON = Statement(lambda user: _WITH_KEYS.filter(user=user))


def _person(reader: Reader, user: User, at: datetime) -> Who:
    seen = standing(user, at)
    name, problem = seen.name or user.name, ""
    if not seen.ok:
        problem = _("%(name)s’s licence is not confirmed at the moment, so nothing can be shared with them.")
    return Who(reader, user.pk, name, seen.place, problem % {"name": name})


def _team(reader: Reader, at: datetime, language: str) -> Who:
    line = team_queries.team_line(reader.pk, at) if reader.kind == Reader.Kind.TEAM else None
    if line is None:
        problem = _("Nobody in %(name)s may be let in at the moment, so nothing can be shared with it.")
        return Who(reader, None, reader.name, "", problem % {"name": reader.name})
    with override(language):
        told = ngettext(
            "The care team %(team)s of %(place)s, %(count)s person at present and whoever joins it later,",
            "The care team %(team)s of %(place)s, %(count)s people at present and whoever joins it later,",
            line.people,
        )
    return Who(reader, None, told % {"team": line.name, "place": line.institution.name, "count": line.people}, "")


# --- Whom a team looks after, and which nurse ----------------------------------------------------
def patients_of(team: Team, *, lead: User, at: datetime) -> list[Patient]:
    """Return whom a team may see something of now or later, by name, for its lead; none who keeps the lead out.

    Whoever shows the names commits a line about each first (`consent.reach.name`).
    """
    if not may_assign(lead, team, at):
        return []
    kept_out = Block.objects.filter(patient=OuterRef("patient"), reader__user=lead, lifted_at__isnull=True)
    shared = Grant.objects.filter(~Exists(kept_out), reader=team.pk).standing(at)
    return list(Patient.objects.filter(pk__in=shared.values("patient")).order_by("name", "pk"))


def may_assign(user: User, team: Team, at: datetime) -> bool:
    """Tell whether somebody assigns a team's nurses: its lead, and never somebody who needs assigning themselves."""
    return team_queries.leads(user, team, at) and not needs_assignment(standing(user, at).roles)


def assign(
    patient: Patient, *, team: Team, nurse: User, ends: datetime, by: User, starts: datetime | None = None
) -> Assignment:
    """Let a nurse of a team look after a patient until a moment; the patient's list says who, and by whom.

    The same assignment sent twice is made once. Raises NotPossible.
    """
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        at = clock.now()
        starts = max(starts or at, at)
        if patient not in patients_of(team, lead=by, at=at):
            raise NotPossible(
                _("Only the team's lead assigns its nurses, and only to patients who share with the team.")
            )
        member = next((one for one in team_queries.members(team, at) if one.user_id == nurse.pk), None)
        if member is None or not member.needs_assignment:
            raise NotPossible(_("Choose a nurse who belongs to the team now. Others need no assignment."))
        if ends <= starts:
            raise NotPossible(_("Choose a last day that is not before the first."))
        known = assignments(team, at).filter(patient=patient, reader__user=nurse).first()
        if known is not None and known.ends == ends:
            return known
        if known is not None:
            raise NotPossible(_("They are assigned already. End that first, then assign them anew."))
        made = Assignment.objects.create(
            patient=patient, team=team.reader, reader=nurse.reader, starts=starts, ends=ends, made_by=by
        )
        _log("nurse.assigned", made, member.name, by=by, starts=starts.isoformat(), ends=ends.isoformat())
        return made


def end_assignment(assignment: Assignment, *, by: User) -> None:
    """End an assignment now. The lead may, and the nurse themselves. Twice is once. Raises NotPossible for others."""
    at = clock.now()
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=assignment.patient_id)
        assignment = Assignment.objects.select_related("team__team", "reader__user").get(pk=assignment.pk)
        nurse = assignment.reader.user
        if nurse.pk != by.pk and not may_assign(by, assignment.team.team, at):
            raise NotPossible(_("Only the team's lead, or the nurse themselves, ends this."))
        if assignment.ended_at is None and assignment.ends > at:
            assignment.ended_at = at
            assignment.save(update_fields=["ended_at"])
            _log("nurse.unassigned", assignment, standing(nurse, at).name, by=by)


def assignments(team: Team, at: datetime) -> QuerySet[Assignment]:
    """Return a team's assignments that hold now or later, soonest to end first."""
    rows = Assignment.objects.filter(team=team.pk, ended_at__isnull=True, ends__gt=at)
    return rows.select_related("patient", "reader__user__clinician").order_by("ends", "pk")


def looking_after(patient: Patient, team_id: UUID, at: datetime) -> frozenset[UUID]:
    """Return which of a team's people, by user, are assigned to a patient now."""
    rows = Assignment.objects.filter(patient=patient, team=team_id, ended_at__isnull=True)
    return frozenset(rows.filter(starts__lte=at, ends__gt=at).values_list("reader__user", flat=True))


def end_assignments_of(user_id: UUID, team_id: UUID, *, made_until: datetime) -> int:
    """End what somebody who left a team was assigned to until then; return how many. May run twice."""
    rows = Assignment.objects.filter(team=team_id, reader__user=user_id, ended_at__isnull=True, made_at__lte=made_until)
    return rows.update(ended_at=clock.now())


def _log(action: str, made: Assignment, nurse: str, *, by: User, **dates: str) -> None:
    team = made.team.team
    actor = party(by)
    told = {"reader": str(made.reader_id), "reader_name": nurse, "team": str(team.pk), "team_name": team.name, **dates}
    log.append(action, actor=actor, subject=made.patient_id, outcome="done", details=told)
