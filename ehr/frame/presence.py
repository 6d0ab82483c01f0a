"""Where a reader stands when they come to the door, as a request tells it."""

from django.http import HttpRequest

from consent.access import Presence
from ehr.frame import sessions


def presence(request: HttpRequest) -> Presence:
    """Return what the door is told of a request beside who asks: the country it came from, empty when unknown.

    Every page that calls the door hands this on, so whatever else a session holds is added here and nowhere else.
    """
    return Presence(place=sessions.place(request))
