"""Mandates: what a patient lets a referrer pass on without asking each time. Signed beforehand, bounded, endable."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit import log
from consent import authority, proofs, sentences
from consent.access import KeysLocked, own_party
from consent.models import Grant, Mandate
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.notices import operations as notices
from ehr.words import Category
from patients.models import Patient
from providers.queries import standing
from providers.roles import REFERRERS, Role

LONGEST = timedelta(days=366)
MOST_DAYS = 180
# To whom something may be passed on under a mandate: never to everybody.
ROLES = (Role.SPECIALIST, Role.PRIMARY_PHYSICIAN, Role.NURSE)


class CannotMandate(Exception):
    """This mandate cannot be made; the message says why and what to change."""


def propose(
    patient: Patient, *, referrer: User, categories: Iterable[str], roles: Iterable[str], days: int, until: datetime
) -> Mandate:
    """Return the unsigned mandate with the sentence that the patient is to confirm. Raises CannotMandate."""
    chosen = [str(part) for part in Category if part in set(categories)]
    named = [str(role) for role in ROLES if role in set(roles)]
    seen, now = standing(referrer), clock.now()
    problem = _problem(chosen, named, days, until, now)
    if not seen.ok or not seen.roles & REFERRERS:
        problem = _("%(name)s cannot refer anybody at the moment, so there is nothing to mandate.") % {
            "name": seen.name or referrer.name
        }
    if problem:
        raise CannotMandate(problem)
    sentence = sentences.mandate_sentence(
        referrer=seen.name or referrer.name,
        categories=chosen,
        roles=named,
        days=days,
        until=until,
        zone=patient.user.time_zone,
        language=patient.user.language,
    )
    return Mandate(
        patient=patient,
        referrer=Reader.objects.get(user=referrer),
        categories=chosen,
        roles=named,
        days=days,
        until=until.replace(microsecond=0),
        sentence=sentence,
    )


def _problem(chosen: list[str], named: list[str], days: int, until: datetime, now: datetime) -> str:
    if not chosen:
        return _("Choose at least one part of your record.")
    if not named:
        return _("Choose to whom they may pass it on.")
    if not 1 <= days <= MOST_DAYS:
        return _("Choose a number of days from 1 to %(most)s.") % {"most": MOST_DAYS}
    if not now < until <= now + LONGEST:
        return _("Choose an end within one year. You can make a new one then.")
    return ""


def make(
    patient: Patient,
    *,
    keyring: OpenKeyring | None,
    referrer: User,
    categories: Iterable[str],
    roles: Iterable[str],
    days: int,
    until: datetime,
    once: uuid.UUID | None = None,
    sentence: str | None = None,
) -> Mandate:
    """Sign a mandate. Nothing is handed over by it. The same `once` sent twice makes one.

    Raises CannotMandate, KeysLocked.
    """
    if keyring is None or not accounts.is_theirs(keyring, patient.user_id):
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if once and (made := Mandate.objects.filter(patient=patient, pk=once).first()):
            return made
        mandate = propose(patient, referrer=referrer, categories=categories, roles=roles, days=days, until=until)
        if sentence is not None and sentence != mandate.sentence:
            raise CannotMandate(_("Something changed since you read the sentence. Read it again, then confirm."))
        mandate.id = once or mandate.id
        mandate.patient_version_id = keyring.version_id
        mandate.signature = keyring.sign(proofs.mandate_message(mandate))
        mandate.save(force_insert=True)
        _log("mandate.made", mandate)
        notices.notify(referrer, "mandate-given", about=mandate.pk, key=f"mandate-given:{mandate.pk}")
    return mandate


def end(mandate: Mandate) -> Mandate:
    """End a mandate: nothing more is passed on. What was passed on stays until it is stopped. Twice is once."""
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=mandate.patient_id)
        mandate = Mandate.objects.select_related("patient", "referrer__user").get(pk=mandate.pk)
        if mandate.ended_at is None:
            mandate.ended_at = clock.now()
            mandate.save(update_fields=["ended_at"])
            _log("mandate.ended", mandate)
        return mandate


def _log(action: str, mandate: Mandate) -> None:
    log.append(
        action,
        actor=own_party(mandate.patient),
        subject=mandate.patient_id,
        outcome="done",
        categories=mandate.categories,
        details={
            "mandate": str(mandate.pk),
            "reader_name": mandate.referrer.name,
            "days": mandate.days,
            "until": mandate.until.isoformat(),
        },
    )


def in_force(patient: Patient) -> QuerySet[Mandate]:
    """Return a patient's mandates that something may be passed on under now, soonest to end first."""
    rows = Mandate.objects.filter(patient=patient, ended_at__isnull=True, until__gt=clock.now())
    return rows.select_related("referrer__user").order_by("until")


def of_patient(patient: Patient, mandate_id) -> Mandate | None:
    """Return one of a patient's own mandates, or None."""
    return Mandate.objects.filter(patient=patient, pk=mandate_id).select_related("referrer__user", "patient").first()


def covering(grant: Grant, *, to: User) -> Mandate | None:
    """Return a genuine mandate under which a referral, as proposed, needs no asking; None where there is none."""
    roles = standing(to).roles
    for mandate in in_force(grant.patient).filter(referrer=grant.parent.reader):
        within = set(grant.categories) <= set(mandate.categories) and roles & set(mandate.roles)
        short = grant.ends - grant.starts <= timedelta(days=mandate.days)
        if within and short and authority.genuine_mandate(mandate):
            return mandate
    return None
