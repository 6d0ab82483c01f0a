"""Reads about providers: standing at the moment of use, and the directory."""

from collections.abc import Collection, Iterator, Sequence
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


class _Row(NamedTuple):
    """One credential of somebody's at one place where they work, as a decision needs it."""

    title: str
    professional_name: str
    account_active: bool
    email_verified: datetime | None
    role: str | None
    status: str | None
    expires: datetime | None
    confirmed: datetime | None
    starts: datetime | None
    membership_confirmed: datetime | None
    ended: datetime | None
    institution: UUID | None
    place: str | None
    suspended: datetime | None
    agreement_signed: datetime | None
    agreement_until: datetime | None
    agreement_ended: datetime | None
    accreditation_until: datetime | None


_AGREEMENT = ("suspended_at", "agreement_signed_at", "agreement_until", "agreement_ended_at", "accreditation_until")
_COLUMNS = (
    *("title", "professional_name", "user__is_active", "user__email_verified_at"),
    *(f"credentials__{name}" for name in ("role", "status", "expires_at", "confirmed_at")),
    *(f"memberships__{name}" for name in ("starts_at", "confirmed_at", "ended_at", "institution")),
    *(f"memberships__institution__{name}" for name in ("name", *_AGREEMENT)),
)


class Standing(NamedTuple):
    """Whether somebody may be let in to records at all, in which capacity and where.

    `because` is one machine word, empty when ok.
    `role` and the institution (`place` is its name) are those that speak for the person; `roles` are all the roles in
    good standing.
    `clinical_at` are the institutions where they may be let in to clinical text: a team there may count on them.
    `desk_at` are those at whose front desk they work, around the record and not in it.
    """

    ok: bool
    role: str
    title: str
    institution_id: UUID | None
    because: str
    credential_expires: datetime | None
    name: str = ""
    place: str = ""
    roles: frozenset[str] = frozenset()
    clinical_at: frozenset[UUID] = frozenset()
    desk_at: frozenset[UUID] = frozenset()

    @property
    def institution(self) -> Institution | None:
        """The institution that speaks for the person, read each time: for where more than its name is asked for."""
        return institution(self.institution_id) if self.institution_id else None

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


def _nightly() -> bool:
    return bool(settings.CREDENTIAL_CHECK_URL)


def _facts(row: _Row) -> rules.Facts:
    return rules.Facts(
        registered=True,
        account_active=row.account_active,
        email_verified=row.email_verified is not None,
        role=row.role or "",
        credential_status=row.status or "",
        credential_expires=row.expires,
        credential_confirmed=row.confirmed,
        checked_nightly=_nightly(),
        membership_starts=row.starts,
        membership_confirmed=row.membership_confirmed is not None,
        membership_ended=row.ended,
        institution_suspended=row.suspended is not None,
        agreement_signed=row.agreement_signed,
        agreement_until=row.agreement_until,
        agreement_ended=row.agreement_ended,
        accreditation_until=row.accreditation_until,
    )


def _judge(rows: Sequence[_Row], at: datetime) -> Standing:
    """Decide on all rows of one clinician: each credential at each institution."""
    facts = list(map(_facts, rows))
    verdicts = [rules.decide(one, at) for one in facts]
    index = rules.speaking(facts, verdicts)
    row, verdict = rows[index], verdicts[index]
    good = [(one.role, where.institution) for one, where, said in zip(facts, rows, verdicts, strict=True) if said.ok]
    return Standing(
        ok=verdict.ok,
        role=facts[index].role,
        title=row.title,
        institution_id=row.institution,
        because=verdict.because,
        credential_expires=row.expires,
        name=f"{row.title} {row.professional_name}".strip(),
        place=row.place or "",
        roles=frozenset([role for role, _where in good]),
        clinical_at=frozenset([where for role, where in good if role in CLINICAL and where is not None]),
        desk_at=frozenset([where for role, where in good if role == Role.FRONT_DESK and where is not None]),
    )


# Asked at each decision, so its text is kept.
_OF_PERSON = Statement(
    lambda user: (
        Clinician.objects.filter(user=user).values_list(*_COLUMNS).order_by("credentials__pk", "memberships__pk")
    )
)


def standing(user: User, at: datetime | None = None) -> Standing:
    """Return somebody's standing as a provider at a moment, by one query over indexed rows.

    Nothing is cached: the next call after a suspension, an expiry or an institution's leaving says no. The
    account's own state is read afresh too, whatever the `user` object remembers.
    """
    rows = [_Row._make(row) for row in _OF_PERSON.rows(user=user.pk)]
    if not rows:
        nobody = rules.decide(rules.Facts(), at or clock.now())
        return Standing(False, "", "", None, nobody.because, None, name=user.name)
    return _judge(rows, at or clock.now())


def standings(users: Collection[UUID], at: datetime) -> dict[UUID, Standing]:
    """Return the standing of several registered people at a moment, by user, decided as `standing` does, by one query.

    Who has not registered is left out.
    """
    by_user: dict[UUID, list[_Row]] = {}
    rows = Clinician.objects.filter(user__in=users).values_list("user", *_COLUMNS)
    for user, *row in rows.order_by("credentials__pk", "memberships__pk"):
        by_user.setdefault(user, []).append(_Row._make(row))
    return {user: _judge(found, at) for user, found in by_user.items()}


def party(user: User, *, known: Standing | None = None) -> Party:
    """Return somebody as the log writes them down: name, role and place as they are now.

    Hand in a `known` standing to save the query. A name is never looked up later: it stays as it was.
    """
    seen = known or standing(user)
    return Party(kind="person", id=user.pk, name=seen.name or user.name, role=seen.role, place=seen.place)


def _candidates(search: str, role: str) -> QuerySet:
    """Narrow to whom the words could mean. Whether they are in good standing is decided by the one rule, row by row."""
    held = Q(credentials__status=Credential.Status.APPROVED, credentials__role__in=CLINICAL)
    rows = Clinician.objects.filter(held).order_by("professional_name", "pk")
    for word in search.split():
        rows = rows.filter(Q(professional_name__icontains=word) | Q(memberships__institution__name__icontains=word))
    if role:
        rows = rows.filter(credentials__role=role)
    return rows.distinct()


class _Listed(NamedTuple):
    """One row of a clinician as the directory looks at it."""

    user: UUID
    row: _Row
    institution: Institution | None


def _listed(clinicians: QuerySet[Clinician]) -> dict[int, list[_Listed]]:
    """Return the rows of clinicians, by clinician, with where each is about."""
    columns = [field.attname for field in Institution._meta.concrete_fields]
    places = [f"memberships__institution__{name}" for name in columns]
    found: dict[int, list[_Listed]] = {}
    rows = clinicians.order_by("credentials__pk", "memberships__pk").values_list("pk", "user", *_COLUMNS, *places)
    for key, user, *cells in rows:
        row, place = _Row._make(cells[: len(_COLUMNS)]), cells[len(_COLUMNS) :]
        institution = Institution.from_db("default", columns, place) if row.institution else None
        found.setdefault(key, []).append(_Listed(user, row, institution))
    return found


def _in_place(institution: Institution | None, place: str) -> bool:
    told = (institution.name, institution.region, institution.country) if institution else ()
    return any(place.strip().casefold() in one.casefold() for one in told)


def _line(clinician: int, rows: Sequence[_Listed], *, role: str, place: str, at: datetime) -> DirectoryLine | None:
    wanted = CLINICAL & {role} if role else CLINICAL
    fitting = [one for one in rows if one.row.role in wanted and (not place or _in_place(one.institution, place))]
    seen = _judge([one.row for one in fitting], at) if fitting else None
    if seen is None or not seen.ok or seen.institution_id is None or seen.credential_expires is None:
        return None
    places = {one.row.institution: one.institution for one in fitting if one.institution}
    return DirectoryLine(
        user_id=rows[0].user,
        clinician_id=clinician,
        name=seen.name,
        role=seen.role,
        role_name=str(ROLE_NAMES[seen.role]),
        institution=places[seen.institution_id],
        credential_expires=seen.credential_expires,
    )


def _lines(keys: list[int], *, role: str, place: str, at: datetime) -> Iterator[DirectoryLine]:
    """Yield the lines of those candidates a patient should find, in the order given."""
    rows = _listed(Clinician.objects.filter(pk__in=keys))
    for key in keys:
        if line := _line(key, rows[key], role=role, place=place, at=at):
            yield line


def directory(
    search: str = "", role: str = "", place: str = "", *, after: int | None = None, limit: int = 20
) -> DirectoryPage:
    """Return verified clinicians in good standing now, by name: what a patient may choose from.

    Who does research, or works around records rather than in them, is in no directory: nothing shared would open.
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
    found = _listed(Clinician.objects.filter(user_id=user_id))
    lines = (_line(key, rows, role="", place="", at=clock.now()) for key, rows in found.items())
    return next(lines, None)


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
