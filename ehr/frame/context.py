"""What every page knows about itself."""

from django.http import HttpRequest

PORTALS = {"patient", "clinician", "researcher", "frontdesk"}


def page(request: HttpRequest) -> dict[str, object]:
    """Return the portal whose colour the page wears, and whether this session's keyring is open."""
    match = getattr(request, "resolver_match", None)
    namespace = match.namespace if match else ""
    return {
        "portal": namespace if namespace in PORTALS else "front",
        "unlocked": getattr(request, "keyring", None) is not None,
    }
