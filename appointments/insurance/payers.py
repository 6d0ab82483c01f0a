"""Whom an institution asks about insurance. Its administrators alone decide it: what patients say goes there."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from appointments.insurance.asking import put_token
from appointments.models import Payer, Policy, Tariff, VisitType
from appointments.places import must_administer, note
from ehr import clock
from ehr.accounts.models import User
from ehr.notices import posting
from patients.models import Patient
from providers.models import Institution
from providers.rules import NotPossible


def add(institution: Institution, *, by: User, name: str, number: str, token: str = "", **facts: str) -> Payer:
    """Return a new payer. `facts` are our_number, way, url, claims_url. Raises NotPossible and ValidationError."""
    must_administer(by, institution)
    payer = Payer(institution=institution, name=name.strip(), number=number.strip())
    _set(payer, token, **facts)
    with transaction.atomic():
        payer.save(force_insert=True)
        note("institution.payer-added", institution, by=by, payer=str(payer.pk))
    return payer


def change(payer: Payer, *, by: User, token: str = "", **facts: str) -> Payer:
    """Change where a payer is asked; without a new token the one before stays. Raises NotPossible, ValidationError."""
    must_administer(by, payer.institution)
    _set(payer, token, **facts)
    with transaction.atomic():
        payer.save()
        note("institution.payer-changed", payer.institution, by=by, payer=str(payer.pk))
    return payer


def _set(payer: Payer, token: str, **facts: str) -> None:
    for name, value in facts.items():
        setattr(payer, name, value.strip())
    for url in filter(None, (payer.url, payer.claims_url)):
        try:
            posting.check(url)
        except posting.NotAllowed:
            raise NotPossible(_("Give an address that begins with https:// and that anybody can reach.")) from None
    if token:
        put_token(payer, token.strip())
    payer.full_clean()


def retire(payer: Payer, *, by: User) -> None:
    """Ask a payer no more. What is on file with them stays, and is asked about nowhere."""
    must_administer(by, payer.institution)
    with transaction.atomic():
        if not Payer.objects.filter(pk=payer.pk, retired_at=None).update(retired_at=clock.now()):
            raise NotPossible(_("This payer is not asked any more already."))
        note("institution.payer-retired", payer.institution, by=by, payer=str(payer.pk))


def claim_by(payer: Payer, *, by: User, visit_type: VisitType, system: str, code: str) -> Tariff:
    """Say by which code a kind of visit is claimed; it holds for all payers of the institution. Raises NotPossible."""
    must_administer(by, payer.institution)
    if visit_type.institution_id != payer.institution_id:
        raise NotPossible(_("Choose a kind of visit of this institution."))
    with transaction.atomic():
        facts = {"system": system.strip(), "code": code.strip()}
        tariff, _new = Tariff.objects.update_or_create(visit_type=visit_type, defaults=facts)
        tariff.full_clean()
        note("institution.tariff-set", payer.institution, by=by, visit_type=str(visit_type.pk))
    return tariff


# --- For patients ----------------------------------------------------------------------------------
def to_choose() -> QuerySet[Payer]:
    """Return the payers that are asked, wherever one is seen, by name."""
    return Payer.objects.filter(retired_at=None).select_related("institution").order_by("name", "institution__name")


def on_file(patient: Patient) -> QuerySet[Policy]:
    """Return a patient's policies, the newest first."""
    rows = Policy.objects.filter(patient=patient, ended_at=None)
    return rows.select_related("payer__institution", "patient").order_by("-made_at")


def one_on_file(patient: Patient, policy) -> Policy | None:
    """Return one of them, or None."""
    return on_file(patient).filter(pk=policy).first()
