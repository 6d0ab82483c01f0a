"""An e-mail address for somebody who began without one: added once it is proven, and taken away again."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import attempts, letters, links, queries
from ehr.accounts.models import Link, User
from ehr.accounts.operations import Refused, check_passphrase, folded


def ask(*, user: User, email: str, address: str) -> None:
    """Send a link to an address that somebody wants to add. Raises Refused.

    What a page can show afterwards is the same for an address that has an account; that account is told.
    """
    email = folded(email)
    if user.email is not None:
        raise Refused(_("Your account has an e-mail address. Take it away first, then add the other."))
    try:
        attempts.begin("own-letter", account=user.signs_in_with, address=address)
        attempts.begin("letter", account=email, address=address)
    except attempts.TooMany as stop:
        raise Refused(stop.message) from stop
    with transaction.atomic():
        other = User.objects.by_email(email).filter(email_verified_at__isnull=False).first()
        if other is not None:
            letters.write(other, "already-signed-up", key=f"already-{other.id}-{clock.now():%Y%m%dT%H%M%S%f}")
        else:
            link = links.make(user, Link.Kind.ADD, email=email)
            letters.write(user, "add-address", key=f"add-{link.id}", link=link, to=email)
        log.append("account.email-asked", actor=queries.party(user), subject=None, outcome="done")


def add(*, token: str, passphrase: str, address: str) -> User:
    """Add an address by the link that was sent to it, for the passphrase of whose account it is. Raises Refused.

    From then on both sign in: the address and the sign-in name. An account that somebody began with this address and
    never proved is gone: it holds nothing.
    """
    link = links.find(token, Link.Kind.ADD)
    if link is None:
        raise Refused(_("This link has been used, or a newer one was sent. Look at your account."))
    user = link.user
    check_passphrase(user, user.signs_in_with, passphrase, address)
    with transaction.atomic():
        if not links.use(link):
            raise Refused(_("This link has been used. Look at your account."))
        user = User.objects.select_for_update().get(pk=user.pk)
        other = User.objects.by_email(link.email).select_for_update().first()
        if user.email is not None or (other is not None and other.is_proven):
            raise Refused(_("This address belongs to an account by now, so nothing was changed."))
        if other is not None:
            other.delete()
        user.email, user.email_verified_at = link.email, clock.now()
        try:
            with transaction.atomic():
                user.save(update_fields=["email", "email_verified_at"])
        except IntegrityError as problem:
            raise Refused(_("This address belongs to an account by now, so nothing was changed.")) from problem
        log.append("account.email-added", actor=queries.party(user), subject=None, outcome="done")
        letters.write(user, "email-added", key=f"email-added-{link.id}")
    return user


def may_remove(user: User) -> bool:
    """Tell whether an account goes on without its e-mail address: it has a sign-in name, and is not of staff."""
    return user.email is not None and user.vouched_at is not None and not user.is_staff


def remove(*, user: User, passphrase: str, address: str) -> None:
    """Take the e-mail address away from an account that has a sign-in name, for the passphrase. Raises Refused.

    The mailbox is told. Links that were sent to it work no more. `consent.inviting.remove_email` asks first whether its
    person works with patients, and needs one.
    """
    check_passphrase(user, user.signs_in_with, passphrase, address)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if not may_remove(user):
            raise Refused(_("This account needs its e-mail address, so nothing was changed."))
        gone = user.email
        user.email = user.email_verified_at = None
        user.save(update_fields=["email", "email_verified_at"])
        # A link that stops a recovery may still be used: it opens nothing.
        open_ones = Link.objects.filter(user=user, used_at=None).exclude(kind=Link.Kind.STOP)
        open_ones.update(used_at=clock.now())
        log.append("account.email-removed", actor=queries.party(user), subject=None, outcome="done")
        letters.write(user, "email-removed", key=f"email-removed-{user.pk}-{clock.now():%Y%m%dT%H%M%S%f}", to=gone)
