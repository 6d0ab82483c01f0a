"""Reads about consent: what a decision needs, and what a patient and a clinician are shown."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from consent import authority, rules
from consent.models import App, Assignment, Block, Claim, Grant
from consent.rules import GrantFacts, Law, ReaderFacts, Situation
from ehr import clock
from ehr.accounts.models import Reader, User
from ehr.accounts.queries import CUSTODIAN_NAME
from ehr.statements import Statement
from ehr.words import Action, Category, Purpose
from patients.models import LOG_PART, BundledKey, GrantSeal, Lockbox, Patient, Seal
from patients.queries import checks_identities
from providers.queries import Standing, standing
from providers.roles import CLINICAL, Role, needs_assignment
from providers.team_queries import acting_as

ESCROW_NAME = "Escrow"
ESCROW = b"escrow"  # what a seal to the escrow is bound to, in the place of a grant's digest
_RESEARCHER, _PHARMACIST = frozenset({Role.RESEARCHER}), frozenset({Role.PHARMACIST})
STAFF_NEEDED = 2  # who must have seen a claimant's document


class NotSetUp(RuntimeError):
    """Something the operator prepares once is not there yet; the message names the command."""

    for_operators = True


def facts(grant: Grant) -> GrantFacts:
    """Return a grant as the rules need it. Ending, report, parent and reader must be loaded with it."""
    ends, ended = _over(grant)
    return GrantFacts(
        id=grant.id,
        categories=frozenset(grant.categories),
        actions=frozenset(grant.actions),
        purpose=grant.purpose,
        starts=grant.starts,
        ends=ends,
        ended_at=ended,
        entries=frozenset(grant.entries),
        record_from=grant.record_from,
        record_until=grant.record_until,
        places=frozenset(grant.places),
        by_team=grant.reader.kind == Reader.Kind.TEAM,
    )


def _over(grant: Grant) -> tuple[datetime, datetime | None]:
    """Return when a grant is over by itself, and when it was ended.

    Its time is over with the days after its report, and with what it hangs from, whichever is first: another
    permission, or that somebody acts for the patient.
    """
    report = getattr(grant, "report", None)
    ends, ended = over_at(grant.ends, grant.report_days, report and report.filed_at), _ended_at(grant)
    if grant.parent is not None:
        parents, stopped = _over(grant.parent)
        ends, ended = min(ends, parents), ended or stopped
    if grant.delegation_id is not None:
        ends, ended = min(ends, authority.over_at(grant.delegation)), ended or grant.delegation.ended_at
    return ends, ended


def over_at(ends: datetime, report_days: int | None, reported_at: datetime | None) -> datetime:
    """Return when what hangs from nothing else is over by itself: at its end, or so many days after its report."""
    if reported_at is None or report_days is None:
        return ends
    return min(ends, reported_at + timedelta(days=report_days))


def _ended_at(grant: Grant) -> datetime | None:
    ending = getattr(grant, "ending", None)
    return ending.at if ending else None


def reader_facts(seen: Standing) -> ReaderFacts:
    """Return a reader's standing as the rules need it. Of several roles the one that reaches furthest counts."""
    clinical = seen.roles & CLINICAL
    return ReaderFacts(
        active=seen.because != "account-suspended",
        in_good_standing=seen.ok,
        because=seen.because,
        sees_clinical_text=bool(clinical),
        sees_people=bool(seen.roles - _RESEARCHER),
        may_break_glass=bool(seen.roles & settings.BREAK_GLASS_ROLES),
        only_chosen_entries=clinical == _PHARMACIST,
        needs_assignment=needs_assignment(seen.roles),
    )


def app_facts(app: App | None) -> ReaderFacts:
    """Return an app's standing as the rules need it: it acts for its patient, and has no licence that could lapse."""
    user = app.patient.user if app is not None and app.withdrawn_at is None else None
    active = user is not None and user.is_active
    return ReaderFacts(active=active, in_good_standing=active, because="" if active else "app-withdrawn")


def connected(reader: Reader) -> App | None:
    """Return the connection that an app's reader is, or None."""
    return next(iter(_CONNECTED.rows(reader=reader.pk)), None)


def between(patient: Patient, reader: User, *, seen: Standing | None = None, at: datetime | None = None) -> list[Grant]:
    """Return all grants of one patient to one person, over and ended ones too, by one indexed query: those by name,
    and those to teams that the person of this standing (`seen`, asked for where it is not given) belongs to now.

    What a delegate may see is not among them: who acts for a patient does so under another rule.
    """
    at = at or clock.now()
    places = sorted((seen or standing(reader, at)).clinical_at)
    return _BETWEEN.rows(patient=patient.pk, user=reader.pk, places=places, at=at)


# What tells of a grant when it is over, loaded with it, and what is opened with.
DECIDED_BY = ("ending", "report", "key_version", "reader", "parent__ending", "parent__report")
# And what of the one it hangs from it does not need: that only tells when it is over. Left out where many ask.
_OF_PARENT = {"id", "ends", "parent", "report_days", "delegation"}
UNDECIDED_BY = tuple(f"parent__{one.name}" for one in Grant._meta.concrete_fields if one.name not in _OF_PARENT)


def with_facts(rows: QuerySet[Grant]) -> QuerySet[Grant]:
    """Return grants with what tells when they are over, in the order in which they were made."""
    return rows.select_related(*DECIDED_BY).defer(*UNDECIDED_BY).order_by("made_at")


class _At(NamedTuple):
    """Of a standing what says to which teams somebody belongs."""

    clinical_at: Collection


def given_to(patient: UUID, user: UUID, places: Collection, at: datetime) -> QuerySet[Grant]:
    """Return the grants to a person of clinical standing at these places, by name or through a team."""
    readers = acting_as(user, _At(places), at)
    return Grant.objects.filter(patient=patient, reader__in=readers).exclude(kind=Grant.Kind.DELEGATE)


_CONNECTED = Statement(lambda reader: App.objects.select_related("patient__user").filter(reader=reader))
_BETWEEN = Statement(lambda **of: with_facts(given_to(**of)))


def law() -> Law:
    """Return what the law of the place lets patients prevent, as the operator configured it."""
    return Law(
        blocks_prevail=settings.BLOCKS_PREVAIL_IN_EMERGENCY, opt_outs_prevail=settings.OPT_OUTS_PREVAIL_IN_EMERGENCY
    )


def is_blocked(patient: Patient, reader: User) -> bool:
    """Tell whether a patient keeps somebody out by name."""
    return bool(_BLOCKED.rows(patient=patient.pk, user=reader.pk))


def blocks(patient: UUID, user: UUID) -> QuerySet[Block, tuple]:
    """Return, by id, by what a patient keeps somebody out by name now."""
    return Block.objects.filter(patient=patient, reader__user=user, lifted_at__isnull=True).values_list("pk")


_BLOCKED = Statement(blocks)


def assigned_by(reader: User, at: datetime) -> QuerySet[Assignment]:
    """Return the patients whom a person looks after at a moment, and for which team."""
    return Assignment.objects.filter(reader__user=reader, ended_at__isnull=True, starts__lte=at, ends__gt=at)


def teams_assigning(patient: Patient, reader: User, at: datetime) -> frozenset[UUID]:
    """Return the teams, as readers, for which a person looks after a patient at a moment."""
    return frozenset(assigned_by(reader, at).filter(patient=patient).values_list("team", flat=True))


def escrow() -> Reader:
    """Return the escrow as a reader. Raises NotSetUp before `manage.py open_escrow`."""
    return _held(ESCROW_NAME)


def custodian() -> Reader:
    """Return the reader to whom the institution's recovery shares are sealed. Raises NotSetUp as `escrow` does."""
    return _held(CUSTODIAN_NAME)


def _held(name: str) -> Reader:
    found = Reader.objects.filter(kind=Reader.Kind.SERVICE, name=name).select_related("keyring__version").first()
    if found is None:
        raise NotSetUp("There is no escrow yet. Run “manage.py open_escrow” once.")
    return found


def seen_by(claim: Claim) -> int:
    """Return how many saw a claimant's document whose job that still is: who was put out vouches for nobody."""
    return sum(checks_identities(one.by) for one in claim.checks.select_related("by"))


def is_checked(claim: Claim) -> bool:
    """Tell whether a claim only waits for its claimant's keys: it has not lapsed, and two staff saw who they are."""
    taken_up = Claim.objects.taken_up(clock.now()).filter(pk=claim.pk).exists()
    return taken_up and seen_by(claim) >= STAFF_NEEDED


def staying(patient: Patient, at: datetime) -> list[Grant]:
    """Return the grants whose readers keep what they have when epochs turn, those that begin later included."""
    rows = Grant.objects.filter(patient=patient).standing(at)
    return list(rows.select_related(*DECIDED_BY, "reader__keyring__version", "patient_version"))


def stale(grants: Iterable[Grant]) -> list[Grant]:
    """Return those grants that were sealed to another key than the one their reader has now, or before each had a
    seal of its own."""
    known = {grant.pk: grant for grant in grants}
    sealed = dict(GrantSeal.objects.filter(grant_id__in=list(known)).values_list("grant_id", "key_version_id"))
    return [
        grant
        for pk, grant in known.items()
        if (sealed[pk] != grant.reader.keyring.version_id if pk in sealed else is_unsealed_of_old(grant))
    ]


def perhaps_stale(patient: UUID, at: datetime) -> QuerySet[Grant]:
    """Return the grants among which all are that `stale` would find of those that still hold; it looks closer."""
    seals = GrantSeal.objects.filter(grant_id=OuterRef("pk"))
    present = seals.filter(key_version=OuterRef("reader__keyring__version"))
    unsealed = Q(widened=Grant.Widened.DAYS) | Q(Exists(seals))
    return Grant.objects.filter(~Exists(present), unsealed, patient=patient).standing(at)


def is_unsealed_of_old(grant: Grant) -> bool:
    """Tell whether a grant was made before each had a seal of its own, and has none since. Its patient makes it."""
    read = Action.READ in grant.actions and grant.widened == Grant.Widened.DAYS
    return read and not GrantSeal.objects.filter(grant_id=grant.pk).exists()


def closed_for_older(patient: UUID, reader: UUID, version: int) -> QuerySet[Lockbox]:
    """Return the lockboxes that are closed for a patient's own keys as they were before this version of them, or that
    were begun before every epoch was sealed to the escrow, too."""
    seals = Seal.objects.filter(lockbox=OuterRef("pk"), grant_id__isnull=True)
    late = seals.filter(reader=reader).exclude(key_version=version)
    escrows = seals.filter(reader__kind=Reader.Kind.SERVICE, reader__name=ESCROW_NAME)
    boxes = Lockbox.objects.filter(patient=patient, closed_at__isnull=True)
    return boxes.filter(Q(Exists(late)) | ~Q(Exists(escrows)) & ~Q(part=LOG_PART))


def in_bundles(grants: Iterable[Grant]) -> set:
    """Return the row ids of the entries that grants for chosen entries hold."""
    held = BundledKey.objects.filter(grant_id__in=[grant.pk for grant in grants])
    return set(held.values_list("entry_id", flat=True))


def chosen_in(grant: Grant) -> frozenset[str]:
    """Return the FHIR ids of the entries that a bundle holds; none for a grant of whole parts."""
    held = BundledKey.objects.filter(grant_id=grant.pk).values_list("entry__logical_id", flat=True)
    return frozenset(map(str, held))


def who_can_see(patient: Patient, at: datetime) -> QuerySet[Grant]:
    """Return the grants that hold or will hold, soonest to end first, each with its reader."""
    rows = Grant.objects.filter(patient=patient).standing(at)
    return rows.select_related("reader__user", "ending").order_by("ends", "pk")


def ended(patient: Patient, at: datetime) -> QuerySet[Grant]:
    """Return the grants that are over, newest ending first."""
    rows = Grant.objects.filter(patient=patient).exclude(pk__in=who_can_see(patient, at).values("pk"))
    return rows.select_related("reader__user", "ending").order_by("-ends", "pk")


def of_patient(patient: Patient, grant_id) -> Grant | None:
    """Return one of a patient's own grants, or None."""
    return Grant.objects.filter(patient=patient, pk=grant_id).select_related("reader__user", "ending").first()


@dataclass(frozen=True)
class Reachable:
    """A patient whom a clinician may open something of now: what, and until when at the latest.

    `readable` are the parts that would open for treatment at this moment; of others not even a number is shown.
    """

    patient: Patient
    categories: tuple[str, ...]
    readable: frozenset[str]
    ends: datetime
    may_write: bool

    def ends_within(self, at: datetime, days: int) -> bool:
        return self.ends - at <= timedelta(days=days)


def within_reach(reader: User, at: datetime, seen: Standing, *, purpose: Purpose = Purpose.TREAT) -> list[Reachable]:
    """Return the patients with an active grant to a person of this standing, or to a team they belong to, by name.

    For `Purpose.HOPERAT` those whose legal copy they keep, and no others. Through a team a nurse finds those whom she
    was assigned to, and nobody finds who keeps them out by name.
    """
    by_patient: dict[Patient, dict[Grant, GrantFacts]] = {}
    rows = Grant.objects.filter(reader__in=acting_as(reader, seen, at)).exclude(kind=Grant.Kind.DELEGATE).active(at)
    copies = Q(kind=Grant.Kind.LEGAL_COPY)
    rows = rows.filter(copies if purpose == Purpose.HOPERAT else ~copies)
    for grant in rows.filter(_not_kept_out(reader, seen, at)).select_related("patient", *DECIDED_BY):
        known = facts(grant)
        # Over with the days after a report, or with what it hangs from, before the day it was signed for.
        if known.ends > at and known.ended_at is None:
            by_patient.setdefault(grant.patient, {})[grant] = known
    found = [
        Reachable(
            patient=patient,
            categories=tuple(part for part in Category if any(part in grant.categories for grant in grants)),
            readable=_readable(seen, grants.values(), at, purpose),
            ends=max(known.ends for known in grants.values()),
            may_write=any(grant.may_write for grant in grants),
        )
        for patient, grants in by_patient.items()
    ]
    return sorted(found, key=lambda one: (one.patient.name.casefold(), str(one.patient.pk)))


def _not_kept_out(reader: User, seen: Standing, at: datetime) -> Q:
    """Return what is left of the grants to somebody's teams: no patient who blocked them, for nurses assigned ones."""
    blocked = Block.objects.filter(patient=OuterRef("patient"), reader__user=reader, lifted_at__isnull=True)
    through = ~Exists(blocked)
    if needs_assignment(seen.roles):
        through &= Q(Exists(assigned_by(reader, at).filter(patient=OuterRef("patient"), team=OuterRef("reader"))))
    return Q(reader__user=reader) | through


def _readable(seen: Standing, grants: Iterable[GrantFacts], at: datetime, purpose: Purpose) -> frozenset[str]:
    """Return what would open of grants that were found within reach: where that takes an assignment, there is one."""
    reader, known = reader_facts(seen), list(grants)
    return frozenset(
        str(part)
        for part in Category
        if rules.decide(
            reader=reader,
            grants=known,
            category=part,
            action=Action.READ,
            purpose=purpose,
            at=at,
            situation=Situation(assigned=True),
        ).allowed
    )


def patient_within_reach(reader: User, patient_id) -> Patient | None:
    """Return a patient who has, or had, shared something with a person, or with a team they belong to now; None for
    everybody else. Through a team a nurse finds those whom she is, or was, assigned to.
    """
    at = clock.now()
    seen = standing(reader, at)
    grants = Grant.objects.filter(patient=patient_id, reader__in=acting_as(reader, seen, at))
    grants = grants.exclude(kind=Grant.Kind.DELEGATE)
    if needs_assignment(seen.roles):
        mine = Assignment.objects.filter(reader__user=reader, patient=patient_id).values("team")
        grants = grants.filter(Q(reader__user=reader) | Q(reader__in=mine))
    return Patient.objects.filter(pk__in=grants.values("patient")).first()


def whom_to_tell(patient: Patient) -> list[User]:
    """Return who hears what happens to a record: its patient, where they have an account."""
    return [patient.user] if patient.user is not None else []


def given_for(patient: Patient, user: User, logical_id: str) -> QuerySet[Grant]:
    """Return the permissions that somebody ever had for that one entry and nothing else, the first one first."""
    rows = Grant.objects.filter(patient=patient, reader__user=user, kind=Grant.Kind.GIVEN, entries=[logical_id])
    return rows.order_by("starts", "pk")


def operators() -> list[User]:
    """Return the people who watch the chain: active staff whose desk role includes it."""
    watch = {
        "groups__permissions__codename": "view_transaction",
        "groups__permissions__content_type__app_label": "chain",
    }
    return list(User.objects.filter(is_active=True, is_staff=True, **watch).distinct())


def officers() -> list[User]:
    """Return the people who answer cases: active staff whose desk role includes it."""
    answers = {"groups__permissions__codename": "change_case", "groups__permissions__content_type__app_label": "audit"}
    return list(User.objects.filter(is_active=True, is_staff=True, **answers).distinct())
