"""Getting lost keys back, where it touches records: on whose list it stands, who they are, the institution's share.

`ehr.accounts.lost_keys` has the rules. Here the patient's list is found, staff compare the number of a document with
what the patient gave, and the keyholder closes the institution's share to the person's own key: no member of staff and
no process but the keyholder has it in clear.
"""

import hashlib
from uuid import UUID

from django.utils.translation import gettext as _

from audit import log
from consent import escrow, queries
from ehr import clock
from ehr.accounts import bindings, guardians, lost_keys
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Guardian, Recovery, Share, User
from ehr.accounts.operations import Refused, SignedIn
from ehr.chain import identities, transactions
from ehr.chain.models import Status
from ehr.notices import operations as notices
from patients.models import Patient
from patients.queries import identifier_digest

UNTAKEN = "desk.keys-not-on-chain"


def _list_of(user: User) -> UUID | None:
    """Return on whose list lines about a person's keys belong: their own record's, where they have one."""
    return Patient.objects.filter(user=user).values_list("pk", flat=True).first()


def start(*, user: User, address: str) -> tuple[Recovery, str]:
    """Begin to get somebody's keys back, told in the portal too; return it and what their browser must keep."""
    recovery, cookie = lost_keys.start(user=user, address=address, subject=_list_of(user))
    # The letter with the link that stops it goes by mail alone.
    notices.notify(user, "recovery-started", about=recovery.pk, key=f"recovery-started:{recovery.pk}", mail=False)
    return recovery, cookie


def stop(recovery: Recovery, *, by: User) -> bool:
    """Stop a recovery from a session of its person, and tell whether it was still under way."""
    return lost_keys.stop(recovery, by=accounts.party(by), subject=_list_of(recovery.user))


def stop_by_letter(token: str) -> bool:
    """Stop a recovery by the link in the letter, and tell whether it was still under way."""
    recovery = lost_keys.stoppable(token)
    return recovery is not None and lost_keys.stop_by_letter(token, subject=_list_of(recovery.user))


def check(recovery: Recovery, *, by: User, document: str, number: str, spoken: str, in_person: bool = False) -> int:
    """Note that a member of staff saw who it is; after the second, hand the institution's share over.

    A patient's document must have a number that they gave; others have given none. Returns how many have checked so
    far. Raises Refused, and NotReleased where the keyholder was away: then `release` is to be tried again.
    """
    subject = _list_of(recovery.user)
    lost_keys.may_act(recovery, by)
    if not _is_theirs(recovery.user, number):
        log.record(
            "recovery.refused",
            actor=accounts.party(by, role="staff"),
            subject=subject,
            outcome="refused",
            because="other-number",
            details={"recovery": str(recovery.pk)},
        )
        raise Refused(_("This is not a number the patient gave. Compare it with the document once more."))
    count = lost_keys.check(recovery, by=by, document=document, spoken=spoken, in_person=in_person, subject=subject)
    if count >= accounts.STAFF_NEEDED and not recovery.given.filter(holder=Share.Holder.INSTITUTION).exists():
        release(recovery, by=by)
    return count


def _is_theirs(user: User, number: str) -> bool:
    patient = Patient.objects.filter(user=user).first()
    given = list(patient.identifiers.all()) if patient else []
    return not given or any(identifier_digest(one.system, number) == bytes(one.digest) for one in given)


def release(recovery: Recovery, *, by: User) -> None:
    """Hand the institution's share to a recovery that two staff have checked. Raises Refused and NotReleased.

    The line on the log is committed first and names the key; the keyholder opens the share against that line, once.
    """
    lost_keys.may_act(recovery, by)
    share = lost_keys.may_release(recovery)
    public = bytes(recovery.public)

    def record():
        return log.record(
            "recovery.released",
            actor=accounts.party(by, role="staff"),
            subject=_list_of(recovery.user),
            outcome="done",
            details={
                "recovery": str(recovery.pk),
                "reader": str(share.reader_id),
                "to": hashlib.sha256(public).hexdigest(),
            },
        )

    event_id, blob = escrow.share_handed_on(share.reader, bytes(share.blob), to=public, record=record)
    lost_keys.give(recovery, Share.Holder.INSTITUTION, event_id=event_id, blob=blob)


def follow_chain() -> int:
    """Hear what the chain says of recoveries; return how many it stopped, or did not take. Raises Unavailable.

    Whoever has the keys that are said to be lost may object there, without this server: that stops it here too.
    """
    begun = [(one, bindings.begun_as(one)) for one in accounts.recoveries_under_way(clock.now())]
    final = [(one, tx) for one, tx in begun if tx is not None and tx.status == Status.FINAL]
    said = identities.bindings_of([bytes(one.version.commitment or b"") for one, _tx in final]) if final else []
    objected = [one for (one, _tx), binding in zip(final, said, strict=True) if binding.claimant == identities.NOBODY]
    stopped = sum(
        lost_keys.stop(one, by=log.SYSTEM, because=lost_keys.OBJECTED, subject=_list_of(one.user)) for one in objected
    )
    untaken = transactions.failed(identities.CONTRACT)
    for operator in queries.operators() if untaken else []:
        for one in untaken:
            notices.notify(operator, UNTAKEN, key=f"{UNTAKEN}:{one.pk}:{operator.pk}")
    return stopped + len(untaken)


def hand_over(asked: Guardian, *, by: User, keyring: OpenKeyring | None, spoken: str) -> None:
    """Give a guardian's share to the person they keep it for. Raises Refused."""
    guardians.hand_over(asked, by=by, keyring=keyring, spoken=spoken, subject=_list_of(asked.user))


def finish(recovery: Recovery, *, cookie: str, code: str, passphrase: str, address: str) -> SignedIn:
    """Put fresh keys in the place of lost ones, by two shares. Raises Refused, TooWeak.

    Nothing is sealed anew here: the lost keys are kept under the fresh ones, so every lockbox, grant and team opens as
    before. Epochs turn, and what was sealed to the lost keys is sealed to the fresh ones, at the next visits.
    """
    return lost_keys.finish(
        recovery,
        cookie=cookie,
        code=code,
        passphrase=passphrase,
        address=address,
        subject=_list_of(recovery.user),
    )
