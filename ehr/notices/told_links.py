"""The secret in a letter's link about something: made from the deployment's key when it is sent, and kept nowhere.

Whoever has what it is about keeps a digest, and finds it again by that. A copy of the database makes no link.
"""

from base64 import urlsafe_b64encode
from uuid import UUID

from django.conf import settings

from ehr.crypto.digests import keyed


def token(kind: str, about: UUID) -> str:
    """Return what goes into the address of a kind of news about one thing: 256 bits as text."""
    secret = keyed(settings.SECRET_KEY.encode(), f"ehr.notices.link.{kind}", about.hex)
    return urlsafe_b64encode(secret).decode().rstrip("=")
