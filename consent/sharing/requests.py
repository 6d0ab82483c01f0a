"""Requests as both sides read them: what waits, what was answered, and in which state each is. See `asking` for how
they are made, `answering` for what comes of them, `correspondence` for their words.
"""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from consent.models import AccessRequest, Block
from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient

State = AccessRequest.State
LAPSED = "lapsed"


class CannotAsk(Exception):
    """This request was not sent; the message says why and what to do next."""


class CannotAnswer(Exception):
    """This request cannot be answered any more, or not in this way; the message says why."""


def state(request: AccessRequest, at: datetime | None = None) -> str:
    """Return a request's state at a moment: its own word, or "lapsed" when nobody answered in time."""
    over = request.state == State.ASKED and request.lapses_at <= (at or clock.now())
    return LAPSED if over else str(request.state)


def open_requests(patient: Patient) -> QuerySet[AccessRequest]:
    """Return the requests that wait for a patient's answer, oldest first.

    Whoever they keep out by name is not heard: such a request lapses as any does, and its author learns nothing.
    """
    kept_out = Block.objects.filter(patient=patient, lifted_at__isnull=True).values("reader")
    rows = AccessRequest.objects.filter(patient=patient).open(clock.now()).exclude(reader__in=kept_out)
    return rows.select_related("reader__user", "patient__user", "key_version").order_by("asked_at")


def closed_requests(patient: Patient) -> QuerySet[AccessRequest]:
    """Return a patient's requests that wait no more, newest first."""
    rows = AccessRequest.objects.filter(patient=patient).filter(~Q(state=State.ASKED) | Q(lapses_at__lte=clock.now()))
    return rows.select_related("reader__user", "grant").order_by("-asked_at")


def of_patient(patient: Patient, request_id) -> AccessRequest | None:
    """Return one of the requests made to a patient, or None."""
    rows = AccessRequest.objects.filter(patient=patient, pk=request_id)
    return rows.select_related("reader__user", "patient__user", "key_version", "grant").first()


def sent(reader: User) -> QuerySet[AccessRequest]:
    """Return what a clinician asked for, newest first."""
    rows = AccessRequest.objects.filter(reader__user=reader)
    return rows.select_related("patient__user", "grant__ending", "reader", "key_version").order_by("-asked_at")


def sent_one(reader: User, request_id) -> AccessRequest | None:
    """Return one of a clinician's own requests, or None."""
    return sent(reader).filter(pk=request_id).first()


def waiting(request: AccessRequest) -> AccessRequest:
    """Return the row as it is now, held until the transaction ends, if it still waits for an answer.

    Raises CannotAnswer where it does not.
    """
    request = held(request)
    told = {
        State.APPROVED: _("This request was answered already: you let them in."),
        State.DECLINED: _("This request was declined already."),
        State.WITHDRAWN: _("This request was withdrawn, so there is nothing to answer."),
        LAPSED: _("This request lapsed, because nobody answered it for 14 days. They can ask again."),
    }
    now = state(request)
    if now in told:
        raise CannotAnswer(told[now])
    return request


def held(request: AccessRequest) -> AccessRequest:
    """Return the row as it is now, its patient's row and then its own held until the transaction ends."""
    Patient.objects.select_for_update().get(pk=request.patient_id)
    rows = AccessRequest.objects.select_for_update(of=("self",))
    return rows.select_related("patient__user", "reader__user", "grant", "key_version").get(pk=request.pk)
