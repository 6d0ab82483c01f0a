"""Two records of one person: whose numbers lead where. Two people decide, and two undo it; nothing sealed is opened.

What joins is the identity: the identifiers of the record that goes lead to the one that is kept, so what arrives from
then on lands there. What either record holds stays sealed where it is: only keys of its own open it. Undoing leads the
same identifiers back. Who holds which key: nobody in this module.
"""

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import User
from ehr.accounts.operations import Refused
from patients.models import Identifier, Patient

from . import people
from .models import Feed, Joining

OPEN = (Joining.State.PROPOSED, Joining.State.JOINED, Joining.State.UNDOING)


def told_by_feed(feed: Feed, *, kept: Patient, former: str) -> Joining | None:
    """Take note that a feed gives up a name for somebody ("Patient/id") in favour of another's.

    Where nobody has that name it is kept's from now on. Where somebody else has, two records might be one person's:
    that is proposed to the desk, for a feed alone never decides it. Call it inside the message's transaction.
    """
    gone = people.find(feed.source.name, former)
    if gone is None:
        people.remember(kept, source=feed.source.name, names_there=[former])
        return None
    if gone == kept:
        return None
    kept, gone = _in_order(kept, gone)
    found = Joining.objects.filter(kept__in=[kept, gone], gone__in=[kept, gone], state__in=OPEN).first()
    if found is not None:
        return found
    made = Joining.objects.create(kept=kept, gone=gone, feed=feed)
    _log("record.join-proposed", made, log.Party("system", feed.source_id, feed.source.name, "source", ""))
    return made


def propose(kept: Patient, gone: Patient, *, by: User, reason: str) -> Joining:
    """Propose that two records are one person's; a second person decides. Raises Refused."""
    _may(by)
    if kept.pk == gone.pk:
        raise Refused(_("This is one record already."))
    kept, gone = _in_order(kept, gone)
    with transaction.atomic():
        _locked(kept, gone)
        if Joining.objects.filter(kept__in=[kept, gone], gone__in=[kept, gone], state__in=OPEN).exists():
            raise Refused(_("Somebody has proposed this already. Look at it in the list."))
        made = Joining.objects.create(kept=kept, gone=gone, first_by=by, reason=reason)
        _log("record.join-proposed", made, accounts.party(by, role="staff"))
    return made


def confirm(asked: Joining, *, by: User) -> bool:
    """Say that two records are one person's; return whether that made two, and so joined them. Raises Refused."""
    _may(by)
    with transaction.atomic():
        one = _held(asked, Joining.State.PROPOSED)
        _not_own(one, by)
        if one.first_by_id is None:
            one.first_by = by
            one.save(update_fields=["first_by"])
            _log("record.join-checked", one, accounts.party(by, role="staff"))
            return False
        if one.first_by_id == by.pk:
            raise Refused(_("You have said so already. A second person must say so too."))
        _join(one, by)
        return True


def _join(one: Joining, by: User) -> None:
    if one.gone.user_id is not None:
        raise Refused(
            _("Both records have their person, each with keys of their own. They must decide this themselves.")
        )
    there = one.kept.identifiers.values("digest")
    moved = list(one.gone.identifiers.exclude(digest__in=there).values_list("pk", flat=True))
    Identifier.objects.filter(pk__in=moved).update(patient=one.kept)
    one.state, one.second_by, one.joined_at, one.moved = Joining.State.JOINED, by, clock.now(), moved
    one.save(update_fields=["state", "second_by", "joined_at", "moved"])
    _log("record.joined", one, accounts.party(by, role="staff"))


def refuse(asked: Joining, *, by: User, reason: str) -> None:
    """Say that two records are not one person's. Raises Refused."""
    _may(by)
    with transaction.atomic():
        one = _held(asked, Joining.State.PROPOSED)
        one.state, one.second_by, one.closed_at, one.reason = Joining.State.REFUSED, by, clock.now(), reason
        one.save(update_fields=["state", "second_by", "closed_at", "reason"])
        _log("record.join-refused", one, accounts.party(by, role="staff"))


def ask_to_undo(asked: Joining, *, by: User, reason: str) -> None:
    """Say that two records that were joined are two people's after all; a second person confirms. Raises Refused."""
    _may(by)
    with transaction.atomic():
        one = _held(asked, Joining.State.JOINED)
        one.state, one.undo_by, one.reason = Joining.State.UNDOING, by, reason
        one.save(update_fields=["state", "undo_by", "reason"])
        _log("record.part-proposed", one, accounts.party(by, role="staff"))


def undo(asked: Joining, *, by: User) -> None:
    """Lead the identifiers back to where they led before, as the second person. Raises Refused.

    What arrived meanwhile under them stays in the record that was kept until it is taken out as landed wrong.
    """
    _may(by)
    with transaction.atomic():
        one = _held(asked, Joining.State.UNDOING)
        if one.undo_by_id == by.pk:
            raise Refused(_("You asked for this yourself. A second person must say so too."))
        Identifier.objects.filter(pk__in=one.moved, patient=one.kept).update(patient=one.gone)
        one.state, one.undone_by, one.closed_at = Joining.State.UNDONE, by, clock.now()
        one.save(update_fields=["state", "undone_by", "closed_at"])
        _log("record.parted", one, accounts.party(by, role="staff"))


def _in_order(one: Patient, other: Patient) -> tuple[Patient, Patient]:
    """Return (kept, gone): a record that has its person stays; else the older one does."""
    if bool(one.user_id) != bool(other.user_id):
        return (one, other) if one.user_id else (other, one)
    return (one, other) if one.created_at <= other.created_at else (other, one)


def _held(asked: Joining, state: str) -> Joining:
    """Return the row, held, with both records held, or raise Refused where it is in another state by now."""
    one = Joining.objects.select_for_update(of=("self",)).select_related("kept", "gone").get(pk=asked.pk)
    _locked(one.kept, one.gone)
    if one.state != state:
        raise Refused(_("Somebody has decided this meanwhile. Look at the list again."))
    return one


def _locked(*patients: Patient) -> None:
    list(Patient.objects.select_for_update().filter(pk__in=[one.pk for one in patients]).order_by("pk"))


def _not_own(one: Joining, by: User) -> None:
    if by.pk in (one.kept.user_id, one.gone.user_id):
        raise Refused(_("One of the records is your own. Ask two colleagues."))


def _may(by: User) -> None:
    if not by.is_active or not by.has_perm("intake.join_records"):
        raise Refused(_("Your desk role does not include this."))


def _log(action: str, one: Joining, actor: log.Party) -> None:
    """Write a line on both lists."""
    for patient_id in (one.kept_id, one.gone_id):
        log.append(action, actor=actor, subject=patient_id, outcome="done", details={"joining": str(one.pk)})
