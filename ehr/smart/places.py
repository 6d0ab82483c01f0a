"""Where this server's OAuth and FHIR addresses are, as apps are told them."""

from django.conf import settings
from django.urls import reverse


def base() -> str:
    """Return the FHIR base: what `aud` must be, and the issuer of what is signed for apps."""
    return f"{settings.SITE_URL.rstrip('/')}/fhir"


def at(name: str) -> str:
    """Return the full address of one of this room's pages."""
    return f"{settings.SITE_URL.rstrip('/')}{reverse(f'smart:{name}')}"
