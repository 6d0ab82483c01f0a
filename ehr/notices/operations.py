"""Telling people. A notice and its e-mail parcel are written in the commit of their cause."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import time
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from audit import log
from ehr import clock, statements
from ehr.accounts import queries as accounts
from ehr.accounts.models import Letter, User
from ehr.notices import doorbell, kinds, queries, timing
from ehr.notices.models import Hook, HookParcel, Mail, Notice, Preference


@dataclass(frozen=True)
class News:
    """One thing to tell one person, once per key. Keep names and health data out of params."""

    user: User
    kind: str
    key: str
    about: UUID | None = None
    params: dict | None = None
    mail: bool = True


def notify(
    user: User, kind: str, *, about: UUID | None = None, params: dict | None = None, key: str, mail: bool = True
) -> Notice:
    """Tell a person something, once per key: a notice in the portal and, unless mail is off, an e-mail.

    Joins the caller's transaction: no cause, no notice. Keep names and health data out of params.
    """
    return tell([News(user, kind, key, about, params, mail)])[0]


def tell(news: Sequence[News]) -> list[Notice]:
    """Tell several people at once what one cause has for each, as `notify` does for one; a few statements for all."""
    drafts = [
        Notice(user=one.user, kind=one.kind, about=one.about, params=one.params or {}, key=one.key) for one in news
    ]
    with transaction.atomic(savepoint=False):
        kept = {draft.key: draft for draft in statements.insert_new(drafts)}
        new = [(one, draft) for one, draft in zip(news, drafts, strict=True) if kept.get(one.key) is draft]
        # What was told before keeps its row, and is not told again.
        if before := [one.key for one in news if one.key not in kept]:
            kept |= Notice.objects.in_bulk(before, field_name="key")
        wishes = queries.wishes_of([one.user for one, _draft in new if one.mail])
        statements.insert(
            [
                Mail(key=one.key, kind=one.kind, notice=draft, due_at=_due(draft, wishes[one.user.pk]))
                for one, draft in new
                if one.mail
            ]
        )
        for _one, draft in new:
            doorbell.ring_after_commit(draft.user_id)
    return [kept[one.key] for one in news]


def _due(notice: Notice, wishes: timing.Wishes):
    return timing.due(wishes, since=notice.created_at, emergency=kinds.of(notice.kind).emergency)


def tell_institution(institution_id: UUID, kind: str, *, about: UUID | None = None, key: str) -> HookParcel | None:
    """Tell an institution's own system that something happened, once per key; None where it has no hook.

    Joins the caller's transaction. `about` is an id: what it stands for is asked for with a permission, not sent.
    """
    return next(iter(tell_institutions([institution_id], kind, about=about, key=key)), None)


def tell_institutions(
    institutions: Iterable[UUID] | QuerySet, kind: str, *, about: UUID | None = None, key: str
) -> list[HookParcel]:
    """Tell the systems of several institutions, given by ids or by a query for them, as `tell_institution` does."""
    return tell_hooks(queries.hooks_of(institutions), kind, about=about, key=key)


def tell_hooks(hooks: Iterable[Hook], kind: str, *, about: UUID | None = None, key: str) -> list[HookParcel]:
    """Tell the systems behind these hooks, as `tell_institution` does."""
    payload = {"about": str(about) if about else None}
    return [
        HookParcel.objects.get_or_create(
            key=f"{hook.institution}:{key}", defaults={"hook": hook, "kind": kind, "payload": payload}
        )[0]
        for hook in hooks
    ]


def prefer(*, user: User, pace: str, quiet_from: time | None, quiet_until: time | None) -> None:
    """Change how a person is told by e-mail. What waits follows the new wish; emergencies follow none."""
    asked = {"pace": timing.Pace(pace), "quiet_from": quiet_from, "quiet_until": quiet_until}
    with transaction.atomic():
        Preference.objects.update_or_create(user=user, defaults=asked)
        wishes = queries.wishes(user)
        # What was tried already has its own time; whether it may leave is decided again when that comes.
        waiting = Mail.objects.filter(notice__user=user, delivered_at=None, gave_up_at=None, attempts=0)
        for mail in waiting.select_related("notice"):
            Mail.objects.filter(pk=mail.pk, attempts=0).update(due_at=_due(mail.notice, wishes))
        log.append("account.notices-changed", actor=accounts.party(user), subject=None, outcome="done")


def read(*, user: User, notice: Notice) -> None:
    """Note that a person read a notice; the first time counts."""
    Notice.objects.filter(pk=notice.pk, user=user).unread().update(read_at=clock.now())
    doorbell.ring_after_commit(user.pk)


def read_all(*, user: User) -> None:
    """Note that a person read all there is."""
    Notice.objects.filter(user=user).unread().update(read_at=clock.now())
    doorbell.ring_after_commit(user.pk)


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
            doorbell.ring_after_commit(letter.user_id)
        count += 1
    return count
