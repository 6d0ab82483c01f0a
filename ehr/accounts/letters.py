"""Writing letters about an account. They leave through the outbox, after the commit that caused them."""

from ehr.accounts.models import Letter, Link, User


def write(user: User, kind: str, *, key: str, link: Link | None = None, door: str = "", to: str = "") -> None:
    """Put a letter into the outbox, in the caller's transaction. The same key writes one letter however often.

    It goes to the account's address, unless `to` names another; who has none is told by the desk, where it must be.
    """
    payload = {"door": door} if door else {}
    told = {"user": user, "kind": kind, "link": link, "payload": payload, "to": to}
    Letter.objects.get_or_create(key=key, defaults=told)
