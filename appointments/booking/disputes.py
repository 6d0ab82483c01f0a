"""“I was there”: a patient says against it that nobody came, the fee pauses, and staff look and answer.

The desk learns the reason's code. Words of the patient's own are sealed to them and to whose time it was.
"""

import base64
from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from appointments import minutes, payments, visiting
from appointments.booking import telling
from appointments.booking.changing import change, locked, problem, told
from appointments.models import Appointment, Change, Dispute, Status
from appointments.refusals import NotPossible
from appointments.rules import DISPUTE, STAFF, Who
from appointments.standing import acting_on
from consent import words as sealed_words
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.crypto.digests import joined

MOST_WORDS = 1_000
Outcome = Dispute.Outcome


def dispute(appointment: Appointment, *, by: User, reason: str, words: str = "") -> Dispute:
    """Say against it that nobody came, within 30 days, for a reason's code and in words of one's own, if one likes.

    Twice is once. Raises NotPossible, NotTheirs; ValueError for a reason that is none of ours.
    """
    reason = Dispute.Reason(reason)
    actor = acting_on(appointment, by)
    with transaction.atomic():
        visit = locked(appointment)
        at = clock.now()
        made = Change.objects.filter(appointment=visit).order_by("-number").first()
        if visit.status != Status.NO_SHOW or made is None:
            raise NotPossible(_("Nobody noted that you did not come, so there is nothing to say against."))
        if found := Dispute.objects.filter(change=made).first():
            return found
        if actor.who != Who.PATIENT:
            raise problem("not-by-you")
        if at >= made.at + DISPUTE:
            raise NotPossible(_("This was more than 30 days ago. Call the place where the visit was."))
        people = [visit.patient.user, by, visit.timetable.clinician.user]
        seals = sealed_words.seal_to(people, words.strip()[:MOST_WORDS], info=_about(made)) if words.strip() else {}
        found = Dispute.objects.create(
            change=made,
            reason=reason,
            words={reader: base64.b64encode(seal).decode() for reader, seal in seals.items()},
            made_at=at,
        )
        payments.on_disputed(visit)
        told(visit, "appointment.disputed", by=actor)
        telling.disputed(visit, found)
    return found


def answer_dispute(found: Dispute, *, by: User, lift: bool, seen: bool = False) -> Dispute:
    """Answer as staff: lift it, and then the visit took place (`seen`) or is cancelled for nothing; or uphold it.

    Who said that nobody came does not also uphold it. The first answer counts. Raises NotPossible, NotTheirs.
    """
    visit = found.change.appointment
    actor = acting_on(visit, by)
    with transaction.atomic():
        visit = locked(visit)
        at = clock.now()
        found = Dispute.objects.select_related("change").get(pk=found.pk)
        if actor.who not in STAFF:
            raise problem("not-by-you")
        if found.outcome != Outcome.OPEN:
            raise NotPossible(_("This was answered already. The first answer counts."), because="answered")
        if not lift and found.change.by_id == by.pk:
            raise NotPossible(_("You noted that nobody came. Somebody else looks at it."), because="own-word")
        found.outcome = Outcome.LIFTED if lift else Outcome.UPHELD
        found.answered_at, found.answered_by = at, by
        found.save(update_fields=["outcome", "answered_at", "answered_by"])
        told(visit, "appointment.dispute-answered", by=actor, because=found.outcome)
        payments.on_dispute_answered(visit, stands=not lift)
        if lift:
            change(visit, Status.FULFILLED if seen else Status.CANCELLED, by=actor, at=at, because="disputed")
        if lift and seen:
            payments.on_fulfilled(visit)
        elif lift:
            minutes.give_back(visit)
            visiting.on_cancelled(visit)
        telling.dispute_answered(visit, found)
    return found


def read_words(found: Dispute, *, keyring: OpenKeyring | None) -> str | None:
    """Return what a patient wrote, opened with one's own keys; None where it is not sealed to them."""
    seals: Mapping[str, bytes] = {reader: base64.b64decode(seal) for reader, seal in found.words.items()}
    return sealed_words.read(seals, keyring, info=_about(found.change))


def _about(made: Change) -> bytes:
    return joined(b"visit-dispute/v1", made.appointment_id.bytes, made.number.to_bytes(2, "big"))
