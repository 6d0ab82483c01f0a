"""Hooks of institutions: set up and stopped at the desk, and what is posted to them.

An institution's system is told that something happened: a kind, a time, an id. What it stands for it asks for with a
permission of its own, so a hook that ends in the wrong hands has told neither names nor anything about health.
"""

import json
from datetime import UTC
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts import stored
from ehr.accounts.models import User
from ehr.accounts.operations import Refused
from ehr.notices import posting, signatures
from ehr.notices.models import Hook, HookParcel
from ehr.outbox.delivery import NotYet

_LABEL = "hook-secret"


class Stopped(Exception):
    """The institution's hook was stopped at the desk."""


def set_up(institution_id: UUID, *, url: str, by: User) -> tuple[Hook, str]:
    """Let an institution's system hear; return the hook and its secret, which is shown this once.

    The one it had is stopped. Raises Refused.
    """
    _may(by)
    try:
        posting.check(url)
    except posting.NotAllowed:
        raise Refused(
            _("Give an address that begins with https:// and that the public network reaches, without a password.")
        ) from None
    secret = signatures.new_secret()
    with transaction.atomic():
        for former in Hook.objects.select_for_update().filter(institution=institution_id, enabled=True):
            _stop(former, by)
        hook_id = uuid4()
        hook = Hook.objects.create(
            id=hook_id, institution=institution_id, url=url, sealed_secret=_sealed(hook_id, secret)
        )
        _log("institution.hook-set-up", hook, by)
    return hook, signatures.shown(secret)


def renew(hook: Hook, *, by: User) -> str:
    """Give a hook another secret and return it; what is sent from now on is signed with it alone. Raises Refused."""
    _may(by)
    secret = signatures.new_secret()
    with transaction.atomic():
        if not Hook.objects.filter(pk=hook.pk, enabled=True).update(sealed_secret=_sealed(hook.pk, secret)):
            raise Refused(_("This hook is stopped. Set up a new one."))
        _log("institution.hook-renewed", hook, by)
    return signatures.shown(secret)


def stop(hook: Hook, *, by: User) -> None:
    """Tell an institution's system nothing more; what waits is given up. Raises Refused."""
    _may(by)
    with transaction.atomic():
        held = Hook.objects.select_for_update().filter(pk=hook.pk, enabled=True).first()
        if held is None:
            raise Refused(_("This hook is stopped already."))
        _stop(held, by)


def send(parcel: HookParcel) -> None:
    """Post one parcel. Raises NotYet while an earlier one of this hook cannot be delivered, and what posting raises.

    A system that is down is asked with one parcel at a time, not with all that wait.
    """
    hook = parcel.hook
    if not hook.enabled:
        raise Stopped
    now = clock.now()
    tried = HookParcel.objects.filter(hook=hook, delivered_at=None, gave_up_at=None, attempts__gt=0, due_at__gt=now)
    if held_up := tried.exclude(pk=parcel.pk).order_by("due_at").first():
        raise NotYet(held_up.due_at)
    secret = stored.take_out(bytes(hook.sealed_secret), about=hook.pk.bytes, label=_LABEL)
    body = message(parcel)
    headers = signatures.headers(secret, message_id=str(parcel.pk), timestamp=int(now.timestamp()), body=body)
    posting.post(hook.url, body, headers)


def message(parcel: HookParcel) -> bytes:
    """Return what is posted: JSON with the parcel's id, its kind, when it was written, and what it is about by id."""
    told = {
        "id": str(parcel.pk),
        "kind": parcel.kind,
        "at": parcel.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "about": parcel.payload.get("about"),
    }
    return json.dumps(told, separators=(",", ":")).encode()


def _stop(hook: Hook, by: User) -> None:
    Hook.objects.filter(pk=hook.pk).update(enabled=False)
    waiting = HookParcel.objects.filter(hook=hook, delivered_at=None, gave_up_at=None)
    waiting.update(gave_up_at=clock.now(), last_problem=Stopped.__name__)
    _log("institution.hook-stopped", hook, by)


def _sealed(hook_id: UUID, secret: bytes) -> bytes:
    return stored.put_away(secret, about=hook_id.bytes, label=_LABEL)


def _may(by: User) -> None:
    if not by.is_active or not by.has_perm("notices.manage_hook"):
        raise Refused(_("Your desk role does not include this."))


def _log(action: str, hook: Hook, by: User) -> None:
    details = {"institution": str(hook.institution), "hook": str(hook.pk), "host": urlsplit(hook.url).hostname}
    log.append(action, actor=accounts.party(by), subject=None, outcome="done", details=details)
