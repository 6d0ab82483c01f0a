"""A patient's insurance on file: put there by themselves or by the desk that saw the card, and taken off again."""

from django.db import transaction
from django.utils.translation import gettext as _

from appointments.models import Payer, Policy
from appointments.refusals import NotPossible
from audit import log
from audit.log import Party
from ehr import clock
from ehr.accounts import stored
from ehr.accounts.models import User
from patients.models import Patient

_LABEL = "insurance-member"
LONGEST = 80
SHOWN = 4


def keep(patient: Patient, *, payer: Payer, member: str, by: User, party: Party) -> Policy:
    """Put a policy on file; the same number again changes nothing, another one takes its place. Raises NotPossible."""
    number = "".join(member.split())
    if not number or len(number) > LONGEST:
        raise NotPossible(_("Type the member number as it stands on the card."))
    if payer.retired_at is not None:
        raise NotPossible(_("%(payer)s is not asked here any more. Choose another.") % {"payer": payer.name})
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        old = Policy.objects.filter(patient=patient, payer=payer, ended_at=None).first()
        if old is not None and member_number(old) == number:
            return old
        if old is not None:
            Policy.objects.filter(pk=old.pk).update(ended_at=clock.now())
        policy = Policy(patient=patient, payer=payer, added_by=by)
        policy.member = stored.put_away(number.encode(), about=policy.pk.bytes, label=_LABEL)
        policy.save(force_insert=True)
        _note("insurance.added", policy, party)
        return policy


def end(policy: Policy, *, party: Party) -> None:
    """Take a policy off file; twice changes nothing. What was asked and claimed by it stays."""
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=policy.patient_id)
        if Policy.objects.filter(pk=policy.pk, ended_at=None).update(ended_at=clock.now()):
            _note("insurance.removed", policy, party)


def _note(action: str, policy: Policy, party: Party) -> None:
    log.append(action, actor=party, subject=policy.patient_id, outcome="done", details={"policy": str(policy.pk)})


def member_number(policy: Policy) -> str:
    """Return the member number. Raises `stored.NotOurs` for a row that was changed."""
    return stored.take_out(bytes(policy.member), about=policy.pk.bytes, label=_LABEL).decode()


def ending_of(policy: Policy) -> str:
    """Return the last characters of the number, by which its owner knows the card."""
    return member_number(policy)[-SHOWN:]
