"""Writing letters about an account. They leave through the outbox, after the commit that caused them."""

from ehr.accounts.models import Letter, Link, User


def write(user: User, kind: str, *, key: str, link: Link | None = None, door: str = "") -> None:
    """Put a letter into the outbox, in the caller's transaction. The same key writes one letter however often."""
    payload = {"door": door} if door else {}
    Letter.objects.get_or_create(key=key, defaults={"user": user, "kind": kind, "link": link, "payload": payload})
