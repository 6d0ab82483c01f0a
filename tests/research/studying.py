"""Researchers, committees and studies, as tests introduce them."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import Permission

from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.chain.models import Deployment
from ehr.words import Category
from providers.roles import Role
from research import joining
from research.models import Joining, Researcher, Run, Study
from research.studies import deciding, proposing, registering
from research.studies.proposing import Asked
from tests import people
from tests.people import Person

PDF = b"%PDF-1.7 an approval"
VIEW = {"resource": "Patient", "status": "active", "select": [{"column": [{"name": "id", "path": "getResourceKey()"}]}]}
BASIC, LABS, MIND = Category.BASIC, Category.LABS, Category.MENTAL_HEALTH


@dataclass
class Committee:
    """Two people who decide about studies, and a third."""

    first: User
    second: User
    third: User


def calm_noon() -> datetime:
    """Return a noon that comes: what is asked in the week after it is of one month, and within what was let run now."""
    tomorrow = clock.now().replace(hour=12, minute=0) + timedelta(days=1)
    return tomorrow if tomorrow.day <= 21 else (tomorrow.replace(day=1) + timedelta(days=32)).replace(day=1)


def prepare_ground() -> None:
    """Make what an operator prepares once, and a place on chain for studies."""
    people.prepare_ground()
    facts = {"address": "0x" + "52" * 20, "block": 1}
    Deployment.objects.get_or_create(chain_id=people.CHAIN_ID, name="ResearchRegistry", defaults=facts)


# The open keyrings of members, by user: they sign what they approve.
KEYRINGS: dict[uuid.UUID, OpenKeyring] = {}


def member(name: str) -> User:
    """Return somebody of the committee."""
    person = people.account(name, staff=True)
    made = person.user
    KEYRINGS[made.pk] = person.keyring
    made.user_permissions.add(Permission.objects.get(codename="decide_study", content_type__app_label="research"))
    return User.objects.get(pk=made.pk)


def committee() -> Committee:
    return Committee(*(member(name) for name in ("First Member", "Second Member", "Third Member")))


def researcher(name: str = "Rosa Klein", *, agreed: bool = True) -> Person:
    """Return a researcher in good standing, who signed the agreement."""
    person = people.clinician(name, role=Role.RESEARCHER, place=people.institution("City University"))
    made = Researcher.objects.create(clinician=person.user.clinician)
    if agreed:
        registering.sign_agreement(made, keyring=person.keyring, by=person.user)
    return person


def asked(**instead) -> Asked:
    facts = {
        "title": "Sleep and pain",
        "purpose": "Whether sleep and pain medication go together.",
        "plain": "We want to find out whether people who sleep badly take more medicine against pain.",
        "categories": (BASIC, LABS),
        "views": (VIEW,),
        "commercial": False,
        "ends": clock.now() + timedelta(days=365),
        "pay": 500,
        "currency": "CAD",
        "ethics_body": "City University Ethics Board",
        "ethics_reference": "2026-041",
    }
    return Asked(**facts | instead)


def drafted(person: Person, **instead) -> Study:
    return proposing.draft(
        person.user.clinician.researcher, asked(**instead), ethics=PDF, by=person.user, once=uuid.uuid4()
    )


def waiting(person: Person, **instead) -> Study:
    return proposing.propose(drafted(person, **instead), by=person.user)


def opened(person: Person | None = None, board: Committee | None = None, **instead) -> Study:
    """Return a study that two approved, and that people may join."""
    board = board or committee()
    study = waiting(person or researcher(), **instead)
    approve(study, by=board.first)
    return approve(study, by=board.second)


def approve(study: Study, *, by: User, reason: str = "Sound.") -> Study:
    """Approve as somebody whose keys are open, where they have any."""
    return deciding.approve(study, by=by, reason=reason, keyring=KEYRINGS.get(by.pk))


def let_run(study: Study, *, by: User, reason: str = "Goes on.") -> Run:
    return deciding.let_run(study, by=by, reason=reason, keyring=KEYRINGS.get(by.pk))


def join(person: Person, study: Study, *parts: Category, **more) -> Joining:
    return joining.join(person.patient, study, keyring=person.keyring, categories=parts or (LABS,), **more)
