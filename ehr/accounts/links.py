"""Links in letters. A link is a row's id, signed by the deployment: a copy of the table makes none."""

import uuid
from datetime import timedelta

from django.core import signing

from ehr import clock
from ehr.accounts.models import Link, User, recovery

LIFE = {
    Link.Kind.VERIFY: timedelta(days=2),
    Link.Kind.RESET: timedelta(hours=1),
    Link.Kind.STOP: recovery.LIFE,
    Link.Kind.ADD: timedelta(days=2),
}


def make(user: User, kind: Link.Kind, *, email: str = "") -> Link:
    """Make a link that works once and for a while. Links of the same kind sent before work no more.

    email is the address that the link is to prove, where it is not the account's.
    """
    now = clock.now()
    Link.objects.filter(user=user, kind=kind, used_at=None).update(used_at=now)
    return Link.objects.create(user=user, kind=kind, email=email, created_at=now, ends_at=now + LIFE[kind])


def token(link: Link) -> str:
    """Return what goes into the address: the id and its signature."""
    return signing.Signer(salt=f"ehr.accounts.links.{link.kind}").sign(link.id.hex)


def find(text: str, kind: Link.Kind) -> Link | None:
    """Return the link behind a token, or None where it is forged, used, over, or its person is gone."""
    try:
        link_id = uuid.UUID(signing.Signer(salt=f"ehr.accounts.links.{kind}").unsign(text))
    except (signing.BadSignature, ValueError):
        return None
    live = Link.objects.select_related("user").filter(used_at=None, ends_at__gt=clock.now(), user__is_active=True)
    return live.filter(pk=link_id, kind=kind).first()


def use(link: Link) -> bool:
    """Use a link up, and tell whether this was the one use it had."""
    return Link.objects.filter(pk=link.pk, used_at=None).update(used_at=clock.now()) == 1
