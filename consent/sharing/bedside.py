"""Answering a request on the tablet of whoever asked: they put it into the patient's hands, and are out of it."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent.models import AccessRequest
from consent.sharing import requests
from ehr.accounts.models import User
from providers.queries import party, standing
from providers.roles import CLINICAL


class CannotHandOver(Exception):
    """The tablet is not handed over; the message says why and what to do instead."""


def hand_over(request: AccessRequest, *, by: User) -> None:
    """Note on the patient's list that a clinician hands them a tablet to answer with. Raises CannotHandOver.

    It opens nothing and answers nothing: the patient signs in on it, and signs with their own keys.
    """
    seen = standing(by)
    if not seen.ok or not seen.roles & CLINICAL:
        raise CannotHandOver(_("This takes a licence that is valid now. See “My credentials”."))
    try:
        with transaction.atomic():
            waiting = requests.waiting(request)
            if waiting.patient.user is None:
                raise CannotHandOver(_("This patient has no account. Somebody who acts for them can answer."))
            log.append(
                "bedside.begun",
                actor=party(by, known=seen),
                subject=waiting.patient_id,
                outcome="done",
                categories=waiting.categories,
                details={"request": str(waiting.pk)},
            )
    except requests.CannotAnswer as over:
        raise CannotHandOver(str(over)) from over


def is_for(user: User, request_id: UUID) -> bool:
    """Tell whether a request is made to this person and still waits for an answer."""
    found = AccessRequest.objects.filter(pk=request_id, patient__user=user).first()
    return found is not None and requests.state(found) == requests.State.ASKED
