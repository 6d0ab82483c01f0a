"""After a visit: one claim, one answer, and the bill follows it."""

import logging
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from appointments import payments
from appointments.insurance import asking, resources
from appointments.insurance.facts import Nonsense, NotNow
from appointments.insurance.resources import Charge, Verdict
from appointments.models import Appointment, Claim, PayerParcel, Status, Tariff
from audit import log
from ehr import clock
from ehr.notices import operations as notices
from ehr.outbox.delivery import GivenUp, NotYet
from ehr.r4 import text
from patients.models import Patient

logger = logging.getLogger(__name__)
KIND = "claim"
# A visit that was called done by mistake can be called back for a day: nothing is claimed before.
SETTLED_AFTER = timedelta(hours=24)
AGAIN_AFTER = timedelta(hours=1)


def claim_what_is_done(*, limit: int = 100) -> int:
    """Claim visits that are done and settled, have a price, a policy and a code; each once. Returns how many."""
    done = Appointment.objects.filter(
        status=Status.FULFILLED,
        self_pay=False,
        price__gt=0,
        claim=None,
        ends__gt=clock.now() - timedelta(days=90),
        visit_type__tariff__isnull=False,
        **asking.INSURED,
        patient__policies__payer__claims_url__gt="",
    )
    settled = done.exclude(changes__at__gt=clock.now() - SETTLED_AFTER)
    return sum(claim(appointment) is not None for appointment in settled.distinct()[:limit])


def claim(appointment: Appointment) -> Claim | None:
    """Claim one visit. None where nothing is to be claimed; the same claim where that was done before."""
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=appointment.patient_id)
        appointment = Appointment.objects.select_related("schedule").get(pk=appointment.pk)
        if (made := Claim.objects.filter(appointment=appointment).first()) is not None:
            return made
        policy = asking.policy_for(appointment)
        tariff = Tariff.objects.filter(visit_type_id=appointment.visit_type_id).first()
        if appointment.status != Status.FULFILLED or not appointment.price or tariff is None:
            return None
        if policy is None or not policy.payer.claims_url:
            return None
        made = Claim.objects.create(
            appointment=appointment,
            policy=policy,
            system=tariff.system,
            code=tariff.code,
            amount=appointment.price,
            currency=appointment.currency,
        )
        PayerParcel.objects.create(key=f"{KIND}:{made.pk}", kind=KIND, about=made.pk)
        log.append(
            "insurance.claimed",
            actor=log.SYSTEM,
            subject=policy.patient_id,
            outcome="done",
            details={"claim": str(made.pk), "payer": str(policy.payer_id)},
        )
        return made


def send(parcel: PayerParcel) -> None:
    """Hand in one claim and keep what the payer makes of it. Raises what makes the outbox try later, and GivenUp."""
    made = Claim.objects.select_related("policy__payer__institution", "policy__patient", "appointment").get(
        pk=parcel.about
    )
    if made.state != Claim.State.WAITING:
        return
    day = made.appointment.starts.astimezone(ZoneInfo(made.appointment.time_zone)).date()
    question = asking.question(made.policy, trace=str(made.pk), day=day)
    charge = Charge(made.system, made.code, made.amount, made.currency)
    payer = made.policy.payer
    try:
        body = text.dumps(resources.claim(question, charge))
        found = resources.verdict(asking.call(payer, payer.claims_url, body, resources.JSON), question, charge)
    except NotNow as problem:
        raise NotYet(clock.now() + AGAIN_AFTER) from problem
    except Nonsense as problem:
        logger.warning("A payer's answer to claim %s was not understood: %s", made.pk, problem)
        _keep(made, Claim.State.FAILED, Verdict("", 0, code="nonsense"))
        raise GivenUp from problem
    _keep(made, Claim.State(found.outcome), found)


def _keep(made: Claim, state: Claim.State, found: Verdict) -> None:
    """Keep an answer once; the patient is told that there is one, in the same commit."""
    with transaction.atomic():
        patient = Patient.objects.select_for_update(of=("self",)).select_related("user").get(pk=made.policy.patient_id)
        rows = Claim.objects.filter(pk=made.pk, state=Claim.State.WAITING)
        if not rows.update(
            state=state, paid=found.paid, reason=found.code, reference=found.reference, answered_at=clock.now()
        ):
            return
        if found.paid:
            payments.on_payer_paid(made.appointment, found.paid, key=str(made.pk))
        log.append(
            "insurance.decided",
            actor=log.SYSTEM,
            subject=patient.pk,
            outcome="done",
            because=str(state),
            details={"claim": str(made.pk)},
        )
        if patient.user is not None:
            notices.notify(patient.user, "insurance-decided", about=made.pk, key=f"claim:{made.pk}:{state}")


def close_what_could_not_be_sent() -> int:
    """Close claims that were tried for days in vain, so that somebody calls the payer; return how many."""
    given_up = PayerParcel.objects.filter(kind=KIND, gave_up_at__isnull=False).values("about")
    over = Claim.objects.filter(state=Claim.State.WAITING, pk__in=given_up).select_related("policy")[:100]
    for made in over:
        _keep(made, Claim.State.FAILED, Verdict("", 0, code="silent"))
    return len(over)
