"""Reads about consent: what a decision needs, and what a patient and a clinician are shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from eth_utils.address import to_checksum_address
from web3.exceptions import ContractLogicError

from consent import proofs, rules
from consent.models import Claim, Grant
from consent.rules import GrantFacts, ReaderFacts
from ehr.accounts import queries as accounts
from ehr.accounts.models import Reader, User
from ehr.chain import artifacts, client
from ehr.chain.models import Deployment
from ehr.chain.tokens import CONTRACT
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from providers.queries import Standing
from providers.roles import CLINICAL

ESCROW_NAME = "Escrow"


class NotSetUp(RuntimeError):
    """Something the operator prepares once is not there yet; the message names the command."""

    for_operators = True


def facts(grant: Grant) -> GrantFacts:
    """Return a grant as the rules need it. Its ending must be loaded with it."""
    ending = getattr(grant, "ending", None)
    return GrantFacts(
        id=grant.id,
        categories=frozenset(grant.categories),
        actions=frozenset(grant.actions),
        purpose=grant.purpose,
        starts=grant.starts,
        ends=grant.ends,
        ended_at=ending.at if ending else None,
    )


def reader_facts(seen: Standing) -> ReaderFacts:
    """Return a reader's standing as the rules need it."""
    return ReaderFacts(
        active=seen.because != "account-suspended",
        in_good_standing=seen.ok,
        because=seen.because,
        sees_clinical_text=bool(seen.roles & CLINICAL),
    )


def between(patient: Patient, reader: User) -> list[Grant]:
    """Return all grants of one patient to one person, over and ended ones too, by one indexed query."""
    rows = Grant.objects.filter(patient=patient, reader__user=reader)
    return list(rows.select_related("ending", "key_version").order_by("made_at"))


def signed_by_patient(grant: Grant) -> bool:
    """Tell whether a grant's own patient signed what the row says, with the key that the log has for them."""
    version = grant.patient_version
    return version.reader.user_id == grant.patient.user_id and accounts.is_logged(version) and proofs.genuine(grant)


def escrow() -> Reader:
    """Return the escrow as a reader. Raises NotSetUp before `manage.py open_escrow`."""
    found = Reader.objects.filter(kind=Reader.Kind.SERVICE, name=ESCROW_NAME).select_related("keyring__version").first()
    if found is None:
        raise NotSetUp("There is no escrow yet. Run “manage.py open_escrow” once.")
    return found


def token_contract() -> tuple[int, str]:
    """Return chain id and address of the newest AccessToken. Raises NotSetUp before `manage.py deploy_contracts`."""
    found = Deployment.objects.filter(name="AccessToken").order_by("-pk").first()
    if found is None:
        raise NotSetUp("The contracts are not on a chain yet. Run “manage.py deploy_contracts” once.")
    return found.chain_id, found.address


def token_owner(chain_id: int, contract: str, token: int) -> str | None:
    """Return who holds a token on chain, or None. Raises client.Unavailable, and NotSetUp on another chain."""
    if client.chain_id() != chain_id:
        raise NotSetUp("This grant lives on another chain than the one this server is set to. Set CHAIN_URL to it.")
    token_contract = client.web3().eth.contract(address=to_checksum_address(contract), abi=artifacts.load(CONTRACT).abi)
    try:
        return token_contract.functions.ownerOf(token).call()
    except ContractLogicError:
        return None


def staying(patient: Patient, part: str, at: datetime, *, without: Iterable = ()) -> QuerySet[Grant]:
    """Return the grants whose readers keep a part when its epoch turns, those that begin later included."""
    rows = Grant.objects.filter(patient=patient).standing(at).exclude(pk__in=[grant.pk for grant in without])
    keep = [grant.pk for grant in rows.only("pk", "categories") if part in grant.categories]
    return Grant.objects.filter(pk__in=keep).select_related("key_version")


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


def within_reach(reader: User, at: datetime, seen: Standing) -> list[Reachable]:
    """Return the patients with an active grant to a person of this standing, by name."""
    by_patient: dict = {}
    for grant in Grant.objects.filter(reader__user=reader).active(at).select_related("patient", "ending"):
        by_patient.setdefault(grant.patient, []).append(grant)
    found = [
        Reachable(
            patient=patient,
            categories=tuple(part for part in Category if any(part in grant.categories for grant in grants)),
            readable=_readable(seen, grants, at),
            ends=max(grant.ends for grant in grants),
            may_write=any(grant.may_write for grant in grants),
        )
        for patient, grants in by_patient.items()
    ]
    return sorted(found, key=lambda one: (one.patient.name.casefold(), str(one.patient.pk)))


def _readable(seen: Standing, grants: Iterable[Grant], at: datetime) -> frozenset[str]:
    reader, known = reader_facts(seen), [facts(grant) for grant in grants]
    return frozenset(
        str(part)
        for part in Category
        if rules.decide(
            reader=reader, grants=known, category=part, action=Action.READ, purpose=Purpose.TREAT, at=at
        ).allowed
    )


def patient_within_reach(reader: User, patient_id) -> Patient | None:
    """Return a patient who has, or had, shared something with a person; None for everybody else."""
    return Patient.objects.filter(pk=patient_id, grants__reader__user=reader).distinct().first()


def claims_awaiting_check() -> QuerySet[Claim]:
    """Return the claims that two staff have not yet confirmed, oldest first."""
    return (
        Claim.objects.filter(claimant__isnull=False, finished_at__isnull=True, refused_at__isnull=True)
        .select_related("patient", "claimant")
        .prefetch_related("checks__by")
        .order_by("claimed_at")
    )


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
