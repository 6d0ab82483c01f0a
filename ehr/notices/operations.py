"""Telling people. A notice and its e-mail parcel are written in the commit of their cause."""

from uuid import UUID

from django.db import transaction

from ehr import clock
from ehr.accounts.models import Letter, User
from ehr.notices.models import Mail, Notice


def notify(
    user: User, kind: str, *, about: UUID | None = None, params: dict | None = None, key: str, mail: bool = True
) -> Notice:
    """Tell a person something, once per key: a notice in the portal and, unless mail is off, an e-mail.

    Joins the caller's transaction: no cause, no notice. Keep names and health data out of params.
    """
    with transaction.atomic():
        notice, new = Notice.objects.get_or_create(
            key=key, defaults={"user": user, "kind": kind, "about": about, "params": params or {}}
        )
        if new and mail:
            Mail.objects.create(key=key, kind=kind, notice=notice)
    return notice


def read(*, user: User, notice: Notice) -> None:
    """Note that a person read a notice; the first time counts."""
    Notice.objects.filter(pk=notice.pk, user=user).unread().update(read_at=clock.now())


def read_all(*, user: User) -> None:
    """Note that a person read all there is."""
    Notice.objects.filter(user=user).unread().update(read_at=clock.now())


def shelve() -> int:
    """Put a copy of each letter about an account among its person's notices; return how many. Links have no copy."""
    count = 0
    for letter in Letter.objects.filter(shelved_at=None, link=None)[:200]:
        with transaction.atomic():
            Notice.objects.get_or_create(
                key=f"letter/{letter.pk}",
                defaults={"user_id": letter.user_id, "kind": letter.kind, "created_at": letter.created_at},
            )
            Letter.objects.filter(pk=letter.pk).update(shelved_at=clock.now())
        count += 1
    return count
