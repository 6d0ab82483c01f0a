"""Which system a request comes from: by the token of the desk, or by one that a service signed for."""

from django.http import HttpRequest

from ehr.intake import credentials, feeds
from ehr.intake.models import Feed, Kind
from ehr.smart import tokens


def sender_of(request: HttpRequest, kind: Kind) -> Feed | None:
    """Return the registered feed that sends this kind, or None.

    A service proves itself by private_key_jwt and is registered for the same source as the feed. As a message may
    hold anything, its token must be for everything: system/*.c.
    """
    feed = feeds.by_token(credentials.bearer(request.headers.get("Authorization", "")), kind)
    if feed is not None:
        return feed
    service = tokens.feed_of(request)
    return feeds.by_source(service.source, kind) if service is not None and service.sends_anything else None
