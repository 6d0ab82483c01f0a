"""Papers for people without e-mail, where they touch records: on whose list it stands, and whose document it is.

`ehr.accounts.on_paper` has the rules. Somebody who has a record shows a document with a number they gave for it.
"""

from uuid import UUID

from django.utils.translation import gettext as _

from audit import log
from ehr.accounts import lost_keys, mailboxes, on_paper
from ehr.accounts import queries as accounts
from ehr.accounts.models import PaperInvitation, Recovery, User
from ehr.accounts.on_paper import Handed
from ehr.accounts.operations import Refused, SignedIn
from ehr.notices import errands
from ehr.notices.models import Errand
from patients.models import Patient
from patients.queries import identifier_digest
from providers.models import Clinician


def invite_back(user: User, *, by: User, document: str, number: str) -> Handed:
    """Begin a paper that sets a new passphrase for somebody, as the first of two who see them. Raises Refused."""
    on_paper.may_issue(by, user)
    if Clinician.objects.filter(user=user).exists():
        raise Refused(_("Clinicians set a new passphrase by e-mail. No paper is made for them."))
    _require_theirs(user, number, by=by)
    return on_paper.invite_back(user, document=document, number=number, by=by, subject=list_of(user))


def confirm(invitation: PaperInvitation, *, by: User, document: str, number: str) -> Handed:
    """See somebody as the second of two, and hand over the other half of their code. Raises Refused."""
    on_paper.may_issue(by, invitation.user)
    _require_theirs(invitation.user, number, by=by)
    subject = list_of(invitation.user)
    return on_paper.confirm(invitation, document=document, number=number, by=by, subject=subject)


def hand_again(invitation: PaperInvitation, *, by: User) -> Handed:
    """Make one's own half of a code anew. Raises Refused."""
    return on_paper.hand_again(invitation, by=by, subject=list_of(invitation.user))


def end(invitation: PaperInvitation, *, by: User) -> None:
    """Let a paper work no more. Raises Refused."""
    on_paper.end(invitation, by=by, subject=list_of(invitation.user))


def redeem(*, name: str, first: str, second: str, passphrase: str, address: str) -> SignedIn:
    """Use a paper, with a line on the list of whoever has a record. Raises Refused, TooWeak."""
    return on_paper.redeem(
        name=name, first=first, second=second, passphrase=passphrase, address=address, list_of=list_of
    )


def note_address(user: User, *, reach: str, by: User) -> None:
    """Note where letters reach somebody from now on. Raises Refused."""
    on_paper.note_address(user, reach=reach, by=by, subject=list_of(user))


def told(errand: Errand, *, how: str, by: User) -> None:
    """Note that somebody without a mailbox was told; it stands on their own list too. Raises Refused."""
    errands.done(errand, how=how, by=by, subject=list_of(errand.user))


def may_remove_email(user: User) -> bool:
    """Tell whether somebody can do without an e-mail address: they have a sign-in name and work with no patients."""
    return mailboxes.may_remove(user) and not Clinician.objects.filter(user=user).exists()


def remove_email(*, user: User, passphrase: str, address: str) -> None:
    """Take the e-mail address from an account that can do without, for the passphrase. Raises Refused."""
    if not may_remove_email(user):
        raise Refused(_("Whoever works with patients, or has no sign-in name, needs an e-mail address. Yours stays."))
    mailboxes.remove(user=user, passphrase=passphrase, address=address)


def stop_recovery(recovery: Recovery, *, by: User) -> None:
    """Stop that keys are brought back, for somebody who came or called: it is not them. Raises Refused."""
    lost_keys.stop_at_desk(recovery, by=by, subject=list_of(recovery.user))


def list_of(user: User) -> UUID | None:
    """Return on whose list lines about a person's account belong: their own record's, where they have one."""
    return Patient.objects.filter(user=user).values_list("pk", flat=True).first()


def _require_theirs(user: User, number: str, *, by: User) -> None:
    """Raise Refused, with a line on the log, unless a patient gave this number. Who gave none is compared by name."""
    patient = Patient.objects.filter(user=user).first()
    given = list(patient.identifiers.all()) if patient else []
    if not given or any(identifier_digest(one.system, number) == bytes(one.digest) for one in given):
        return
    log.record(
        "paper.refused",
        actor=accounts.party(by, role="staff"),
        subject=patient.pk,
        outcome="refused",
        because="other-number",
        details={"user": str(user.pk)},
    )
    raise Refused(_("This is not a number the patient gave. Compare it with the document once more."))
