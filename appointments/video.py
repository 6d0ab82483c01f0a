"""Where people talk by video: a service outside, of which only its address is known here. It gets a room's name."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlsplit

from django.conf import settings

from appointments.models import VisitType


class Provider(Protocol):
    """A service on which two people talk by video. It is asked for nothing beforehand: an address opens a room."""

    @property
    def host(self) -> str:
        """What patients agree to, by name."""

    def address(self, room: str) -> str:
        """Return where a room opens in a browser."""


@dataclass(frozen=True)
class Jitsi:
    """Jitsi Meet: whoever opens BASE/ROOM is in that room. Source: jitsi.github.io/handbook, "User guide"."""

    base: str

    @property
    def host(self) -> str:
        return urlsplit(self.base).hostname or ""

    def address(self, room: str) -> str:
        return f"{self.base}/{quote(room, safe='')}"


def provider() -> Provider | None:
    """Return the service that is set up (`VIDEO_URL`), or None: then nobody talks by video here."""
    return Jitsi(settings.VIDEO_URL) if settings.VIDEO_URL else None


def is_video(visit_type: VisitType) -> bool:
    return visit_type.mode == VisitType.Mode.VIDEO


def can_be_held(visit_type: VisitType) -> bool:
    """Tell whether a kind of visit can take place here: at a place always, by video where a service is set up."""
    return not is_video(visit_type) or provider() is not None
