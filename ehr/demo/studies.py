"""A researcher, a committee, one study that people may join and one that waits for its second approval."""

from datetime import timedelta

from ehr import clock
from ehr.accounts.models import User
from ehr.demo import cast
from ehr.demo.cast import EVIDENCE, YEAR, Player
from ehr.desk.operations import give_role
from ehr.desk.roles import DeskRole
from ehr.words import Category
from patients.models import Patient
from providers import credentials, operations
from providers.models import Institution, Membership
from providers.roles import Role
from research import joining
from research.models import Study
from research.studies import deciding, proposing, registering
from research.studies.proposing import Asked

_PRESSURE = {
    "resource": "Observation",
    "name": "blood_pressure",
    "status": "active",
    "select": [
        {
            "column": [
                {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
                {"name": "measured", "path": "effective.ofType(dateTime)"},
                {"name": "code", "path": "code.coding.first().code"},
                {"name": "value", "path": "value.ofType(Quantity).value"},
            ]
        }
    ],
}


def committee() -> list[Player]:
    """Return two people who decide about studies."""
    people = []
    for email, name in (("carl@demo.example", "Carl Moss"), ("dina@demo.example", "Dina Reyes")):
        player = cast.enter(email, name, "desk: study committee", staff=True)
        give_role(player.user, role=DeskRole.COMMITTEE, by=None, reason="the demo's cast")
        people.append(cast.with_second_factor(player))
    return people


def researcher(email: str, name: str, where: Institution, *, verifiers: list[Player]) -> Player:
    """Return a researcher whose training somebody looked at, and who signed the agreement."""
    player = cast.enter(email, f"Dr {name}", f"researcher at {where.name}")
    licence = credentials.Licence(
        role=str(Role.RESEARCHER),
        number=f"MU-{player.user.pk.hex[:8]}",
        issuing_body=f"{where.name}, Research Office",
        country="CA",
        training="Doctorate in epidemiology; course on research with people’s data, 2025",
        expires_at=clock.now() + YEAR,
    )
    made = registering.register(
        player.user,
        title="Dr",
        professional_name=name,
        institution=where,
        licence=licence,
        evidence=EVIDENCE,
        by=player.user,
    )
    credentials.approve(made.clinician.credentials.get(), by=verifiers[0].user, reason="Seen in the register")
    for membership in Membership.objects.filter(clinician=made.clinician, confirmed_at__isnull=True):
        operations.confirm_membership(membership, by=verifiers[0].user)
    registering.sign_agreement(made, keyring=player.keyring, by=player.user)
    return cast.with_second_factor(player)


def propose(by: Player, board: list[Player]) -> Study:
    """Return a study that two approved; another one waits for the second."""
    opened = _proposed(
        by.user,
        title="Blood pressure in everyday life",
        plain="We want to find out how well blood pressure is kept down in everyday life, and which medicines people "
        "take for it. It may help doctors to choose sooner what works.",
        categories=(Category.BASIC, Category.LABS, Category.TREATMENT),
        pay=500,
    )
    waiting = _proposed(
        by.user,
        title="Illnesses that run in families",
        plain="We want to find out how often people know of illnesses in their family before they fall ill.",
        categories=(Category.HISTORY, Category.GENETIC),
        pay=0,
    )
    deciding.approve(
        waiting,
        by=board[0].user,
        keyring=board[0].keyring,
        reason="The question is a good one, and the views are narrow.",
    )
    for member in board:
        reason = "Sound, and of use to many."
        opened = deciding.approve(opened, by=member.user, keyring=member.keyring, reason=reason)
    return opened


def join(record: Patient, player: Player, study: Study) -> None:
    """Let a patient take part with their results."""
    joining.join(record, study, keyring=player.keyring, categories=[Category.LABS])


def _proposed(by: User, *, title: str, plain: str, categories: tuple[Category, ...], pay: int) -> Study:
    asked = Asked(
        title=title,
        purpose="A description of groups by age and sex; no contact with anybody, no linking with other data.",
        plain=plain,
        categories=tuple(map(str, categories)),
        views=(_PRESSURE,),
        commercial=False,
        ends=clock.now() + timedelta(days=540),
        pay=pay,
        currency="CAD",
        ethics_body="Maritime University Research Ethics Board",
        ethics_reference="REB-2026-114",
    )
    written = proposing.draft(by.clinician.researcher, asked, ethics=EVIDENCE, by=by)
    return proposing.propose(written, by=by)
