"""Reads about providers: standing at the moment of use, the directory, and the public check of a licence."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet

from audit.log import Party
from ehr import clock
from ehr.accounts.models import User
from ehr.statements import Statement
from providers import rules
from providers.models import ROLE_NAMES, Clinician, Credential, Institution, InstitutionUserPermission, Membership
from providers.roles import CLINICAL, Role
from providers.sentences import STANDING

# How many candidates one page of the directory looks through at most.
DIRECTORY_REACH = 200

_CLINICIAN = ("id", "user_id", "title", "professional_name", "user__name", "user__is_active", "user__email_verified_at")
_CREDENTIAL = ("role", "status", "expires_at", "confirmed_at")
_MEMBERSHIP = ("starts_at", "confirmed_at", "ended_at")
_INSTITUTION = tuple(field.attname for field in Institution._meta.concrete_fields)
_COLUMNS = (
    *_CLINICIAN,
    *(f"credentials__{name}" for name in _CREDENTIAL),
    *(f"memberships__{name}" for name in _MEMBERSHIP),
    *(f"memberships__institution__{name}" for name in _INSTITUTION),
)


@dataclass(frozen=True)
class Standing:
    """Whether somebody may be let in to records at all, in which capacity and where.

    `because` is one machine word, empty when ok.
    `role` and `institution` are those that speak for the person; `roles` are all the roles in good standing.
    `clinical_at` are the institutions where they may be let in to clinical text: a team there may count on them.
    `desk_at` are those at whose front desk they work, around the record and not in it.
    """

    ok: bool
    role: str
    title: str
    institution: Institution | None
    because: str
    credential_expires: datetime | None
    name: str = ""
    roles: frozenset[str] = frozenset()
    clinical_at: frozenset[UUID] = frozenset()
    desk_at: frozenset[UUID] = frozenset()

    @property
    def message(self) -> str:
        """What `because` says in words, with what to do next."""
        return str(STANDING.get(self.because, ""))


class DirectoryLine(NamedTuple):
    """One verified clinician as a patient finds them."""

    user_id: UUID
    clinician_id: int
    name: str
    role: str
    role_name: str
    institution: Institution
    credential_expires: datetime


class DirectoryPage(NamedTuple):
    """Up to a page of lines; `after` asks for the next page, or is None at the end."""

    lines: list[DirectoryLine]
    after: int | None


class PublicCheck(NamedTuple):
    """What anybody may learn about a licence: its state, until when, and its digest on the registry. Nobody's name."""

    status: str  # valid, expired, revoked or unknown
    until: datetime | None
    digest: bytes


def _nightly() -> bool:
    return bool(settings.CREDENTIAL_CHECK_URL)


def _facts(row: dict) -> rules.Facts:
    return rules.Facts(
        registered=True,
        account_active=row["user__is_active"],
        email_verified=row["user__email_verified_at"] is not None,
        role=row["credentials__role"] or "",
        credential_status=row["credentials__status"] or "",
        credential_expires=row["credentials__expires_at"],
        credential_confirmed=row["credentials__confirmed_at"],
        checked_nightly=_nightly(),
        membership_starts=row["memberships__starts_at"],
        membership_confirmed=row["memberships__confirmed_at"] is not None,
        membership_ended=row["memberships__ended_at"],
        institution_suspended=row["memberships__institution__suspended_at"] is not None,
        agreement_signed=row["memberships__institution__agreement_signed_at"],
        agreement_until=row["memberships__institution__agreement_until"],
        agreement_ended=row["memberships__institution__agreement_ended_at"],
        accreditation_until=row["memberships__institution__accreditation_until"],
    )


def _institution(row: dict) -> Institution | None:
    if row["memberships__institution__id"] is None:
        return None
    values = [row[f"memberships__institution__{name}"] for name in _INSTITUTION]
    return Institution.from_db("default", _INSTITUTION, values)


def _judge(rows: list[dict], at: datetime) -> Standing:
    """Decide on all rows of one clinician: each credential at each institution."""
    facts = [_facts(row) for row in rows]
    index, verdict = rules.best(facts, at)
    good = [(one.role, row) for one, row in zip(facts, rows, strict=True) if rules.decide(one, at).ok]
    row = rows[index]
    return Standing(
        ok=verdict.ok,
        role=facts[index].role,
        title=row["title"],
        institution=_institution(row),
        because=verdict.because,
        credential_expires=facts[index].credential_expires,
        name=f"{row['title']} {row['professional_name']}".strip(),
        roles=frozenset(role for role, _row in good),
        clinical_at=frozenset(row["memberships__institution__id"] for role, row in good if role in CLINICAL),
        desk_at=frozenset(row["memberships__institution__id"] for role, row in good if role == Role.FRONT_DESK),
    )


# Asked at each decision, so its text is kept.
_OF_PERSON = Statement(
    lambda user: (
        Clinician.objects.filter(user=user).values_list(*_COLUMNS).order_by("credentials__pk", "memberships__pk")
    )
)


def _rows(user: User) -> list[dict]:
    return [dict(zip(_COLUMNS, row, strict=True)) for row in _OF_PERSON.rows(user=user.pk)]


def standing(user: User, at: datetime | None = None) -> Standing:
    """Return somebody's standing as a provider at a moment, by one query over indexed rows.

    Nothing is cached: the next call after a suspension, an expiry or an institution's leaving says no. The
    account's own state is read afresh too, whatever the `user` object remembers.
    """
    rows = _rows(user)
    if not rows:
        nobody = rules.decide(rules.Facts(), at or clock.now())
        return Standing(False, "", "", None, nobody.because, None, name=user.name)
    return _judge(rows, at or clock.now())


def standings(users: Collection[UUID], at: datetime) -> dict[UUID, Standing]:
    """Return the standing of several registered people at a moment, by user, decided as `standing` does, by one query.

    Who has not registered is left out.
    """
    by_user: dict[UUID, list[dict]] = {}
    rows = Clinician.objects.filter(user__in=users).values(*_COLUMNS)
    for row in rows.order_by("credentials__pk", "memberships__pk"):
        by_user.setdefault(row["user_id"], []).append(row)
    return {user: _judge(found, at) for user, found in by_user.items()}


def party(user: User, *, known: Standing | None = None) -> Party:
    """Return somebody as the log writes them down: name, role and place as they are now.

    Hand in a `known` standing to save the query. A name is never looked up later: it stays as it was.
    """
    seen = known or standing(user)
    place = seen.institution.name if seen.institution else ""
    return Party(kind="person", id=user.pk, name=seen.name or user.name, role=seen.role, place=place)


def _candidates(search: str, role: str) -> QuerySet:
    """Narrow to whom the words could mean. Whether they are in good standing is decided by the one rule, row by row."""
    rows = Clinician.objects.filter(credentials__status=Credential.Status.APPROVED).order_by("professional_name", "pk")
    for word in search.split():
        rows = rows.filter(Q(professional_name__icontains=word) | Q(memberships__institution__name__icontains=word))
    if role:
        rows = rows.filter(credentials__role=role)
    return rows.distinct()


def _in_place(row: dict, place: str) -> bool:
    told = (row[f"memberships__institution__{name}"] or "" for name in ("name", "region", "country"))
    return any(place.strip().casefold() in one.casefold() for one in told)


def _line(rows: list[dict], *, role: str, place: str, at: datetime) -> DirectoryLine | None:
    fitting = [
        row for row in rows if (not role or row["credentials__role"] == role) and (not place or _in_place(row, place))
    ]
    seen = _judge(fitting, at) if fitting else None
    if seen is None or not seen.ok or seen.institution is None or seen.credential_expires is None:
        return None
    return DirectoryLine(
        user_id=rows[0]["user_id"],
        clinician_id=rows[0]["id"],
        name=seen.name,
        role=seen.role,
        role_name=str(ROLE_NAMES[seen.role]),
        institution=seen.institution,
        credential_expires=seen.credential_expires,
    )


def _lines(keys: list[int], *, role: str, place: str, at: datetime) -> Iterator[DirectoryLine]:
    """Yield the lines of those candidates a patient should find, in the order given."""
    rows: dict[int, list[dict]] = {key: [] for key in keys}
    for row in Clinician.objects.filter(pk__in=keys).values(*_COLUMNS).order_by("credentials__pk", "memberships__pk"):
        rows[row["id"]].append(row)
    for key in keys:
        if line := _line(rows[key], role=role, place=place, at=at):
            yield line


def directory(
    search: str = "", role: str = "", place: str = "", *, after: int | None = None, limit: int = 20
) -> DirectoryPage:
    """Return verified clinicians in good standing now, by name: what a patient may choose from.

    `search` is words of a person's or an institution's name, `place` part of an institution's name or region, or
    its country's code; `after` is the last page's. Three queries; a page may be short of `limit` before the end.
    """
    candidates = _candidates(search, role)
    if after is not None and (last := Clinician.objects.filter(pk=after).first()):
        candidates = candidates.filter(
            Q(professional_name__gt=last.professional_name)
            | Q(professional_name=last.professional_name, pk__gt=last.pk)
        )
    keys = list(candidates.values_list("pk", flat=True)[:DIRECTORY_REACH])
    lines = list(islice(_lines(keys, role=role, place=place, at=clock.now()), limit + 1))
    if len(lines) > limit:
        return DirectoryPage(lines[:limit], lines[limit - 1].clinician_id)
    return DirectoryPage(lines, keys[-1] if len(keys) == DIRECTORY_REACH else None)


def directory_line(user_id: UUID) -> DirectoryLine | None:
    """Return one verified clinician as the directory shows them, or None when no patient should choose them now."""
    rows = list(Clinician.objects.filter(user_id=user_id).values(*_COLUMNS))
    return _line(rows, role="", place="", at=clock.now()) if rows else None


def public_check(issuer: str, number: str) -> PublicCheck:
    """Return what anybody may know of a licence. A licence for several roles is as good as its best one."""
    at = clock.now()
    best = PublicCheck("unknown", None, rules.licence_digest(issuer, number))
    order = ("unknown", "expired", "revoked", "valid")
    found = Credential.objects.filter(digest=best.digest).values_list("status", "expires_at", "serial")
    for status, expires, serial in found:
        state = rules.credential_state(status, expires, at)
        if order.index(state) > order.index(best.status):
            best = PublicCheck(state, expires, rules.licence_digest(issuer, number, serial))
    return best


def institutions_open() -> QuerySet[Institution]:
    """Return the institutions somebody may say they work at."""
    return Institution.objects.filter(agreement_ended_at__isnull=True, suspended_at__isnull=True)


def stands(institution: Institution, at: datetime) -> bool:
    """Tell whether an institution's agreement and accreditation run at a moment, and it is not suspended."""
    facts = rules.Facts(
        institution_suspended=institution.suspended_at is not None,
        agreement_signed=institution.agreement_signed_at,
        agreement_until=institution.agreement_until,
        agreement_ended=institution.agreement_ended_at,
        accreditation_until=institution.accreditation_until,
    )
    return rules.stands(facts, at)


def registered(words: str, *, at: Collection[Institution] | None = None, limit: int = 20) -> list[User]:
    """Return registered clinicians whose name holds all words, in good standing or not; those of some places only."""
    rows = User.objects.filter(clinician__isnull=False).order_by("clinician__professional_name", "pk")
    for word in words.split():
        rows = rows.filter(clinician__professional_name__icontains=word)
    if at is not None:
        rows = rows.filter(clinician__memberships__institution__in=at, clinician__memberships__ended_at__isnull=True)
    return list(rows.distinct()[:limit]) if words.strip() else []


def institution(pk) -> Institution | None:
    """Return one institution, or None."""
    return Institution.objects.filter(pk=pk).first()


def verifiers() -> QuerySet[User]:
    """Return the active people who may decide about licences, by group or by name."""
    held = Q(groups__permissions__codename="decide_credential") | Q(user_permissions__codename="decide_credential")
    return User.objects.filter(held, is_active=True).distinct()


def members(institution: Institution) -> QuerySet[User]:
    """Return the people who work at an institution and have been confirmed there: those its leaving concerns."""
    return User.objects.filter(
        clinician__memberships__institution=institution,
        clinician__memberships__ended_at__isnull=True,
        clinician__memberships__confirmed_at__isnull=False,
    ).distinct()


def places_of(users: Collection[UUID]) -> QuerySet[Institution]:
    """Return where these people work now, by name."""
    return (
        Institution.objects.filter(
            memberships__clinician__user__in=users,
            memberships__ended_at__isnull=True,
            memberships__confirmed_at__isnull=False,
        )
        .distinct()
        .order_by("name")
    )


def administered_by(user: User) -> QuerySet[Institution]:
    """Return the institutions somebody administers, by one join over direct foreign keys."""
    held = InstitutionUserPermission.objects.filter(user=user, permission__codename="administer_institution")
    return Institution.objects.filter(pk__in=held.values("content_object"))


def administrators(institution: Institution) -> QuerySet[User]:
    """Return who administers an institution."""
    held = InstitutionUserPermission.objects.filter(
        content_object=institution, permission__codename="administer_institution"
    )
    return User.objects.filter(pk__in=held.values("user")).order_by("name")


def memberships_waiting(institutions: QuerySet[Institution]) -> QuerySet[Membership]:
    """Return who says they work at these institutions and waits for somebody to confirm it."""
    return (
        Membership.objects.filter(institution__in=institutions, confirmed_at__isnull=True, ended_at__isnull=True)
        .select_related("clinician__user", "institution")
        .order_by("created_at", "pk")
    )


def expiring(at: datetime, within: timedelta) -> QuerySet[Credential]:
    """Return approved credentials that end in the coming while, soonest first."""
    return (
        Credential.objects.filter(status=Credential.Status.APPROVED, expires_at__gt=at, expires_at__lte=at + within)
        .select_related("clinician__user")
        .order_by("expires_at", "pk")
    )


def own_credentials(clinician: Clinician) -> QuerySet[Credential]:
    """Return what a clinician has handed in, newest first."""
    return Credential.objects.filter(clinician=clinician).order_by("-submitted_at", "-pk")


def own_memberships(clinician: Clinician) -> QuerySet[Membership]:
    """Return where a clinician says they work, those they left last."""
    rows = Membership.objects.filter(clinician=clinician).select_related("institution")
    return rows.order_by(F("ended_at").desc(nulls_first=True), "pk")


def credential(pk: UUID) -> Credential | None:
    """Return one licence as it was handed in, or None."""
    return Credential.objects.filter(pk=pk).select_related("clinician__user").first()
