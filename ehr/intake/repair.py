"""The repair queue: what could not be taken in waits sealed, until it is tried again, sent again, or given up.

Who holds which key: a broken message lies under a key of its own, sealed to the keyholder's repair key, which opens no
record. The server cannot open it; a member of staff never sees it. To try again, the keyholder hands the message's key
to this process for one use, against a committed event that names who asked, which message, and the key it goes to.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from audit import log
from audit.models import Event
from consent import escrow
from consent.queries import NotSetUp
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import User
from ehr.accounts.operations import Refused

from .models import Broken, Feed
from .storing import digests

KEPT = timedelta(days=30)
Problems = Sequence[dict[str, str]]  # [{"where": "OBX[3]-5", "words": "must be a number…"}]


def keep(content: bytes, *, feed: Feed, channel: str, kind: str, control_id: str, problems: Problems) -> Broken | None:
    """Keep a message that could not be taken in, sealed; return its row, None where it cannot be sealed now.

    The same message sent again is the same row. Call it outside a transaction.
    """
    control, body = digests(feed, control_id, content)
    message_id = uuid4()
    try:
        kept = escrow.kept_for_repair(message_id, content)
    except (escrow.NotReleased, NotSetUp):
        return None
    facts = {"channel": channel, "kind": kind, "problems": list(problems), "control_digest": control}
    sealed = {"key_version": kept.version, "sealed_key": kept.sealed_key, "body": kept.body, "size": len(content)}
    try:
        with transaction.atomic():
            made = Broken.objects.create(id=message_id, feed=feed, content_digest=body, **facts, **sealed)
            _log(
                "institution.message-refused", made, log.Party("system", feed.source_id, feed.source.name, "source", "")
            )
            return made
    except IntegrityError:
        return _again(feed, body, message_id, facts | sealed)


def _again(feed: Feed, body: bytes, message_id: UUID, facts: dict) -> Broken:
    """Count a message that came again. One that was closed before waits anew, under a key of its own."""
    with transaction.atomic():
        found = Broken.objects.select_for_update().get(feed=feed, content_digest=body)
        if found.state == Broken.State.WAITING:
            Broken.objects.filter(pk=found.pk).update(times=F("times") + 1, problems=facts["problems"])
            return found
        again = found.times + 1
        found.delete()
        return Broken.objects.create(id=message_id, feed=feed, content_digest=body, times=again, **facts)


def open_again(message: Broken, *, by: User) -> bytes:
    """Return a broken message's content, for this one try. Raises Refused and `escrow.NotReleased`.

    The event is committed first and names who asked. Call it outside a transaction; keep nothing of what it returns.
    """
    may(by)
    if message.state != Broken.State.WAITING:
        raise Refused(_("This message waits no longer. Look at the list again."))

    def record(to: str, sealed: str) -> Event:
        return log.record(
            "institution.message-opened",
            actor=accounts.party(by, role="staff"),
            subject=None,
            outcome="allowed",
            because="tried-again",
            details={"message": str(message.pk), "feed": str(message.feed_id), "to": to, "sealed": sealed},
        )

    return escrow.message_opened(message.pk, bytes(message.sealed_key), bytes(message.body), record=record)


def mended(message: Broken, *, by: User | None) -> None:
    """Note that a message was taken in after all; nothing of it is kept here any more."""
    _close(message, Broken.State.MENDED, by, "")


def sent_again(feed: Feed, control_id: str) -> None:
    """Note that a sender has sent, whole, what was broken under the same control id before."""
    control, _body = digests(feed, control_id, b"")
    for message in Broken.objects.filter(feed=feed, control_digest=control, state=Broken.State.WAITING):
        _close(message, Broken.State.MENDED, None, "")


def still_broken(message: Broken, problems: Problems) -> None:
    """Note what was wrong when a message was tried again."""
    Broken.objects.filter(pk=message.pk).update(problems=list(problems), tried_at=clock.now())


def give_up(message: Broken, *, by: User, reason: str) -> None:
    """Destroy a message that cannot be mended, and say why. Raises Refused."""
    may(by)
    _close(message, Broken.State.GIVEN_UP, by, reason)


def expire() -> int:
    """Destroy what has waited for longer than messages are kept; return how many. May run any number of times."""
    late = Broken.objects.filter(state=Broken.State.WAITING, received_at__lt=clock.now() - KEPT)
    count = 0
    for message in late.select_related("feed__source"):
        _close(message, Broken.State.EXPIRED, None, "")
        count += 1
    return count


def may(by: User) -> None:
    """Raise Refused unless repairing messages is somebody's job."""
    if not by.is_active or not by.has_perm("intake.repair_message"):
        raise Refused(_("Your desk role does not include this."))


def _close(message: Broken, state: str, by: User | None, reason: str) -> None:
    with transaction.atomic():
        changed = Broken.objects.filter(pk=message.pk, state=Broken.State.WAITING).update(
            state=state, closed_at=clock.now(), closed_by=by, reason=reason, sealed_key=b"", body=b""
        )
        if not changed:
            raise Refused(_("This message waits no longer. Look at the list again."))
        actor = accounts.party(by, role="staff") if by else log.SYSTEM
        _log(f"institution.message-{state}", message, actor)


def _log(action: str, message: Broken, actor: log.Party) -> None:
    details = {"message": str(message.pk), "feed": str(message.feed_id), "kind": message.kind or message.channel}
    log.append(action, actor=actor, subject=None, outcome="done", details=details)
