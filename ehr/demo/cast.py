"""The people of the demo, made by the very verbs that real people go through. Their passphrases are no secret."""

import base64
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from django_otp.oath import totp

from consent.access import AccessDenied, open_chart
from consent.sharing import arrivals, grants
from ehr import clock
from ehr.accounts import on_paper, second_factor
from ehr.accounts import operations as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.desk.operations import give_role
from ehr.desk.roles import DeskRole, ensure_desk_roles
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from patients.operations import check_identity
from patients.queries import by_identifiers, identifier_digest
from providers import credentials, institutions, operations
from providers.institutions import Terms
from providers.models import Credential, Institution, Membership
from providers.roles import Role

PASSPHRASE = "a demo is no place for secrets"  # noqa: S105 - printed for everybody to read
HERE = "127.0.0.1"
EVIDENCE = b"%PDF-1.4\n% A licence would be here.\n%%EOF\n"
YEAR = timedelta(days=365)


@dataclass
class Player:
    """One of the cast: how they sign in, and their open keyring while the demo is made."""

    user: User
    keyring: OpenKeyring
    part: str
    authenticator: str = ""
    backup_codes: list[str] = field(default_factory=list)


class Profession(NamedTuple):
    """How somebody is addressed, who licensed them, and what they learned."""

    title: str
    college: str
    training: str


PHYSICIAN = Profession(
    "Dr",
    "College of Physicians and Surgeons of Nova Scotia",
    "Doctor of Medicine; residency in internal medicine",
)
NURSE = Profession("", "Nova Scotia College of Nursing", "Bachelor of Science in Nursing")
CLERK = Profession("", "Nova Scotia Health", "Reception, scheduling and privacy")
_PROFESSIONS = {Role.NURSE: NURSE, Role.FRONT_DESK: CLERK}


def enter(email: str, name: str, part: str, *, staff: bool = False, zone: str = "America/Toronto") -> Player:
    """Return somebody new with a verified address."""
    signed_in = accounts.open_account(email=email, name=name, passphrase=PASSPHRASE, staff=staff, time_zone=zone)
    return Player(signed_in.user, signed_in.keyring, part)


def with_second_factor(player: Player) -> Player:
    """Enrol an authenticator app, whose secret the sign-ins tell, and a sheet of backup codes."""
    app = second_factor.enrolment(player.user)
    _app, player.backup_codes = second_factor.enrol(user=player.user, code=f"{totp(app.secret):06}", address=HERE)
    player.authenticator = base64.b32encode(app.secret).decode()
    player.user.refresh_from_db()
    return player


def staff() -> list[Player]:
    """Return the desk: two who verify licences and identities, a privacy officer, and who founds care teams."""
    ensure_desk_roles()
    people, checks = [], [DeskRole.VERIFIER, DeskRole.IDENTITY]
    for email, name, part, roles in (
        (
            "vera@demo.example",
            "Vera Stone",
            "desk: licences and identities",
            [DeskRole.VERIFIER, DeskRole.IDENTITY, DeskRole.OPERATOR],
        ),
        ("iris@demo.example", "Iris Park", "desk: licences and identities", checks),
        ("olga@demo.example", "Olga Marsh", "desk: privacy officer", [DeskRole.PRIVACY]),
        ("ida@demo.example", "Ida Berg", "desk: care teams, places and hours", [DeskRole.INSTITUTION]),
    ):
        player = enter(email, name, part, staff=True)
        for role in roles:
            give_role(player.user, role=role, by=None, reason="the demo's cast")
        people.append(with_second_factor(player))
    return people


def place(name: str, kind: str, number: str, *, by: User) -> Institution:
    """Return an institution whose agreement and accreditation run for a year."""
    made = institutions.register_institution(
        by=by,
        name=name,
        kind=kind,
        country="CA",
        region="Nova Scotia",
        time_zone="America/Halifax",
        contact="Reception, 902 555 0100",
    )
    until = clock.now() + YEAR
    return institutions.sign_agreement(made, terms=Terms(until, number, until), by=by)


def clinician(email: str, name: str, role: Role, where: Institution, *, verifiers: list[Player]) -> Player:
    """Return a clinician whose licence two people looked at and whose place is confirmed."""
    profession = _PROFESSIONS.get(role, PHYSICIAN)
    player = enter(email, f"{profession.title} {name}".strip(), f"{role.replace('-', ' ')} at {where.name}")
    registered = operations.register_clinician(
        player.user, title=profession.title, professional_name=name, institution=where, by=player.user
    )
    licence = credentials.Licence(
        role=str(role),
        number=f"NS-{player.user.pk.hex[:8]}",
        issuing_body=profession.college,
        country="CA",
        training=profession.training,
        expires_at=clock.now() + YEAR,
    )
    application = credentials.submit_credential(registered, licence=licence, evidence=EVIDENCE, by=player.user)
    for verifier in verifiers:
        application = credentials.approve(application, by=verifier.user, reason="Seen in the register")
        if application.status == Credential.Status.APPROVED:
            break
    for membership in Membership.objects.filter(clinician=registered, confirmed_at__isnull=True):
        operations.confirm_membership(membership, by=verifiers[0].user)
    return with_second_factor(player)


def patient(
    email: str, name: str, born: date, sex: str, identifiers: list[tuple[str, str]], *, checkers: list[Player]
) -> tuple[Player, Patient]:
    """Return somebody with a record of their own, whose identity two members of staff have confirmed."""
    player = enter(email, name, "patient")
    return player, _record(player, name, born, sex, identifiers, checkers)


def patient_without_email(
    name: str, born: date, sex: str, identifiers: list[tuple[str, str]], *, checkers: list[Player]
) -> tuple[Player, Patient]:
    """Return somebody who has no e-mail address, whom two members of staff made a paper, with a record of their own."""
    first, second = (checker.user for checker in checkers)
    seen = {"document": "health-card", "number": identifiers[0][1]}
    slip = on_paper.invite(name=name, reach="12 Water Street, Halifax\n902 555 0141", by=first, **seen)
    sheet = on_paper.confirm(slip.invitation, by=second, **seen)
    signed_in = on_paper.redeem(
        name=slip.invitation.user.sign_in_name,
        first=slip.code,
        second=sheet.code,
        passphrase=PASSPHRASE,
        address=HERE,
    )
    player = Player(signed_in.user, signed_in.keyring, "patient without e-mail")
    return player, _record(player, name, born, sex, identifiers, checkers)


def _record(
    player: Player, name: str, born: date, sex: str, identifiers: list[tuple[str, str]], checkers: list[Player]
) -> Patient:
    record = arrivals.register(
        player.user, name=name, birth_date=born, sex=sex, identifiers=identifiers, keyring=player.keyring
    )
    numbers = {identifier_digest(system, value): value for system, value in identifiers}
    for identifier in record.identifiers.all():
        for checker in checkers:
            check_identity(
                identifier, by=checker.user, document="health-card", number=numbers[bytes(identifier.digest)]
            )
    return record


def share(record: Patient, player: Player, reader: Player, *parts: Category, write: bool = False, days: int = 180):
    """Let a clinician see parts of a record from now on."""
    now = clock.now()
    return grants.give(
        record,
        keyring=player.keyring,
        reader=reader.user,
        categories=parts,
        actions=[Action.READ, Action.WRITE] if write else [Action.READ],
        purpose=Purpose.TREAT,
        starts=now,
        ends=now + timedelta(days=days),
    )


def look(record: Patient, reader: Player, *parts: Category) -> None:
    """Open a chart as a clinician does, or be refused as they are."""
    try:
        open_chart(record, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT, categories=parts or None)
    except AccessDenied:
        return


def sign_ins(players: list[Player], invitation: str) -> str:
    """Return what `make run` prints: who can sign in, and how."""
    lines = [
        f"Demo sign-ins; the passphrase of all is: {PASSPHRASE}",
        "Clinicians and staff also need a code: from an authenticator app with the secret shown, or one of the",
        "backup codes, each of which works once.",
        "",
    ]
    for one in players:
        lines.append(f"  {one.user.signs_in_with:<24} {one.user.name}, {one.part}")
        if one.authenticator:
            lines.append(f"  {'':<24} secret {one.authenticator}")
            lines.append(f"  {'':<24} backup {' '.join(one.backup_codes[:3])}")
    if invitation:
        lines += ["", f"  A record waits for its patient; the invitation code on paper is {invitation}"]
    return "\n".join(lines) + "\n"


def invite(about: dict, *, by: Player) -> str:
    """Return the invitation code of the record that a Patient resource's identifiers name."""
    record = by_identifiers([(one["system"], one["value"]) for one in about["identifier"]])
    _claim, code = arrivals.invite(record, by=by.user)
    return code
