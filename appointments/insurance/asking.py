"""Asking payers: a question is a row and a parcel; what leaves is made when it leaves, and forgotten when answered.

Nothing here can stop a visit. A payer that is slow, down or talks nonsense leaves the question open or unanswered, and
each outcome has a next step (`steps`).
"""

import logging
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F

from appointments.insurance import policies, resources, x12
from appointments.insurance.facts import Finding, Inquiry, Nonsense, NotNow
from appointments.models import Appointment, Eligibility, Payer, PayerParcel, Policy, Status
from audit import log
from audit.log import Party
from ehr import clock
from ehr.accounts import stored
from ehr.accounts.models import User
from ehr.notices import posting
from ehr.outbox.delivery import GivenUp, NotYet
from ehr.r4 import text
from patients.models import Patient

logger = logging.getLogger(__name__)
SECONDS = 20.0
LONGEST_ANSWER = 1_000_000
AGAIN_AFTER = timedelta(minutes=15)
# An answer is of its day: one that is older is asked for again before the visit.
FRESH = timedelta(days=3)
KIND = "eligibility"
# Visits of people with a policy on file that the visit's own institution asks about.
INSURED = {
    "patient__policies__ended_at": None,
    "patient__policies__payer__retired_at": None,
    "patient__policies__payer__institution": F("schedule__institution"),
}
_TOKEN = "payer-token"  # noqa: S105 -- a label, not a secret


def policy_for(appointment: Appointment) -> Policy | None:
    """Return the policy by which a visit would be paid; None where there is none, or the patient pays themselves."""
    if appointment.self_pay:
        return None
    rows = Policy.objects.filter(
        patient_id=appointment.patient_id,
        ended_at=None,
        payer__institution_id=appointment.schedule.institution_id,
        payer__retired_at=None,
    )
    return rows.select_related("payer__institution", "patient").order_by("-made_at").first()


def ask(appointment: Appointment, *, by: User | None = None, party: Party = log.SYSTEM) -> Eligibility | None:
    """Ask the payer whether a visit is covered; one question at a time. None where nobody is to be asked.

    That the payer is told of the visit is on the patient's list, in the same commit as the question.
    """
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=appointment.patient_id)
        appointment = Appointment.objects.select_related("schedule").get(pk=appointment.pk)
        policy = policy_for(appointment)
        if policy is None or appointment.status not in {Status.BOOKED, Status.ARRIVED}:
            return None
        open_one = Eligibility.objects.filter(
            appointment=appointment, policy=policy, outcome=Eligibility.Outcome.WAITING
        ).first()
        if open_one is not None:
            return open_one
        day = appointment.starts.astimezone(ZoneInfo(appointment.time_zone)).date()
        asked = Eligibility.objects.create(policy=policy, appointment=appointment, day=day, asked_by=by)
        PayerParcel.objects.create(key=f"{KIND}:{asked.pk}", kind=KIND, about=asked.pk)
        log.append(
            "insurance.asked",
            actor=party,
            subject=policy.patient_id,
            outcome="done",
            details={"check": str(asked.pk), "payer": str(policy.payer_id)},
        )
        return asked


def latest(appointment: Appointment) -> Eligibility | None:
    """Return the last question about a visit, or None where none was asked."""
    return Eligibility.objects.filter(appointment=appointment).select_related("policy__payer").first()


def ask_for_what_is_booked(*, within: timedelta = FRESH, limit: int = 100) -> int:
    """Ask about visits that were never asked about, and again about those that come soon; return how many."""
    now = clock.now()
    booked = Appointment.objects.filter(status=Status.BOOKED, self_pay=False, starts__gt=now, **INSURED)
    never = booked.filter(checks=None)
    soon = booked.filter(starts__lte=now + within, checks__isnull=False).exclude(checks__asked_at__gt=now - within)
    due = [*never.distinct()[:limit], *soon.distinct()[:limit]]
    return sum(ask(appointment) is not None for appointment in due)


def send(parcel: PayerParcel) -> None:
    """Ask one question and keep the answer. Raises what makes the outbox try again later, and GivenUp."""
    asked = Eligibility.objects.select_related("policy__payer__institution", "policy__patient", "appointment").get(
        pk=parcel.about
    )
    if asked.outcome != Eligibility.Outcome.WAITING:
        return
    if asked.appointment.self_pay or asked.appointment.status not in {Status.BOOKED, Status.ARRIVED}:
        _keep(asked, Finding(Eligibility.Outcome.UNANSWERED, code="over"))
        raise GivenUp
    payer = asked.policy.payer
    inquiry = question(asked.policy, trace=str(asked.pk), day=asked.day)
    try:
        found = _exchange(payer, inquiry)
    except NotNow as problem:
        raise NotYet(clock.now() + AGAIN_AFTER) from problem
    except Nonsense as problem:
        logger.warning("A payer's answer to question %s was not understood: %s", asked.pk, problem)
        _keep(asked, Finding(Eligibility.Outcome.UNANSWERED, code="nonsense"))
        raise GivenUp from problem
    _keep(asked, found)


def question(policy: Policy, *, trace: str, day) -> Inquiry:
    payer, patient = policy.payer, policy.patient
    return Inquiry(
        trace=trace,
        payer_name=payer.name,
        payer_number=payer.number,
        provider_name=payer.institution.name,
        provider_number=payer.our_number,
        member=policies.member_number(policy),
        name=patient.name,
        birth_date=patient.birth_date,
        sex=patient.sex,
        day=day,
        asked_at=clock.now(),
    )


def _exchange(payer: Payer, question: Inquiry) -> Finding:
    if payer.way == Payer.Way.X12:
        number = UUID(question.trace).int % 999_999_999 + 1
        body = x12.inquiry(question, sender=payer.our_number, number=number).encode()
        return x12.finding(call(payer, payer.url, body, "application/edi-x12"), question)
    body = text.dumps(resources.eligibility_request(question))
    return resources.finding(call(payer, payer.url, body, resources.JSON), question)


def call(payer: Payer, url: str, body: bytes, media_type: str) -> bytes:
    """Return what a payer answers with a status of success. Raises posting.Refused, NotAllowed, OSError."""
    headers = {"Content-Type": media_type, "Accept": media_type, **_credentials(payer)}
    told = posting.ask(url, method="POST", body=body, headers=headers, most=LONGEST_ANSWER, seconds=SECONDS)
    if not 200 <= told.status < 300:
        raise posting.Refused(str(told.status))
    return told.body


def _credentials(payer: Payer) -> dict[str, str]:
    if not payer.token:
        return {}
    token = stored.take_out(bytes(payer.token), about=payer.pk.bytes, label=_TOKEN)
    return {"Authorization": f"Bearer {token.decode()}"}


def put_token(payer: Payer, token: str) -> None:
    """Fill in the bearer token by which a payer knows this server; an empty one takes it away. Does not save."""
    payer.token = stored.put_away(token.encode(), about=payer.pk.bytes, label=_TOKEN) if token else b""


def _keep(asked: Eligibility, found: Finding) -> None:
    """Keep an answer once: a second worker's changes nothing."""
    with transaction.atomic():
        rows = Eligibility.objects.filter(pk=asked.pk, outcome=Eligibility.Outcome.WAITING)
        if not rows.update(
            outcome=found.outcome,
            code=found.code,
            copay=found.copay,
            currency=found.currency,
            answered_at=clock.now(),
        ):
            return
        log.append(
            "insurance.answered",
            actor=log.SYSTEM,
            subject=asked.policy.patient_id,
            outcome="done",
            because=found.outcome,
            details={"check": str(asked.pk)},
        )


def close_what_nobody_answered() -> int:
    """Close questions whose visit is over or that were given up, so that no page waits for them; return how many."""
    given_up = PayerParcel.objects.filter(kind=KIND, gave_up_at__isnull=False).values("about")
    waiting = Eligibility.objects.filter(outcome=Eligibility.Outcome.WAITING).select_related("policy")
    over = [*waiting.filter(pk__in=given_up)[:100], *waiting.filter(appointment__ends__lt=clock.now())[:100]]
    for asked in over:
        _keep(asked, Finding(Eligibility.Outcome.UNANSWERED, code="silent"))
    return len(over)
