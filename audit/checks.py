"""What must be right in the settings before the log signs anything."""

from django.conf import settings
from django.core.checks import CheckMessage, Error


def log_origin(**_of) -> list[CheckMessage]:
    """Return what is wrong with the log's name. Source: C2SP signed-note, a key's name."""
    origin = settings.LOG_ORIGIN
    if origin and origin.isprintable() and not set(origin) & set(" +"):
        return []
    return [
        Error(
            f"LOG_ORIGIN is {origin!r}: no head signed under that name could be read again.",
            hint="Set it to a name without spaces and plus signs, such as ehr.example/log.",
            id="audit.E001",
        )
    ]
