"""Feeds: another system is registered at the desk, shows who it is by a secret, and may write and never read."""

import ipaddress
from collections.abc import Iterable
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import User
from ehr.accounts.operations import Refused
from patients.models import Source
from patients.operations import SourceSigner, source_signer
from providers.models import Institution

from . import credentials
from .hl7v2.charsets import CODECS
from .hl7v2.sender import Sender
from .models import Feed, Kind, Translation


def register(
    *,
    name: str,
    institution: Institution,
    kinds: Iterable[str],
    by: User,
    peers: Iterable[str] = (),
    application: str = "",
    facility: str = "",
    charset: str = "",
) -> tuple[Feed, str]:
    """Let another system write; return the feed and its token, which is shown this once. Raises Refused.

    Its name stands on patients' lists and signs what it sends, so nobody else has it.
    """
    _may(by)
    kinds, name = sorted({Kind(kind).value for kind in kinds}), name.strip()
    if not kinds or not name:
        raise Refused(_("Give the system a name, and say what it sends."))
    networks = [_network(peer) for peer in peers]
    if charset and charset.upper() not in CODECS:
        raise Refused(_("This character set is not read here. Leave it empty, or choose one from the list."))
    token, digest = credentials.new_token("feed")
    with transaction.atomic():
        if Source.objects.filter(name__iexact=name).exists():
            raise Refused(_("Another source has this name already. Choose one that patients can tell apart."))
        feed = Feed.objects.create(
            id=uuid4(),
            source_id=source_signer(name).source_id,
            institution=institution,
            kinds=kinds,
            token_digest=digest,
            peers=networks,
            application=application.strip(),
            facility=facility.strip(),
            charset=charset.upper(),
        )
        _log("institution.feed-registered", feed, by)
    return feed, token


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        raise Refused(_("An address is written like 10.20.0.7 or 10.20.0.0/24. Correct it.")) from None


def renew(feed: Feed, *, by: User) -> str:
    """Give a feed another token and return it; the one before opens nothing from now on. Raises Refused."""
    _may(by)
    token, digest = credentials.new_token("feed")
    with transaction.atomic():
        if not Feed.objects.filter(pk=feed.pk, stopped_at=None).update(token_digest=digest):
            raise Refused(_("This system was stopped. Register it anew."))
        _log("institution.feed-renewed", feed, by)
    return token


def stop(feed: Feed, *, by: User) -> None:
    """Take nothing more from a system, from its next message on. Raises Refused."""
    _may(by)
    with transaction.atomic():
        if not Feed.objects.filter(pk=feed.pk, stopped_at=None).update(stopped_at=clock.now()):
            raise Refused(_("This system was stopped already."))
        _log("institution.feed-stopped", feed, by)


def translate(feed: Feed, *, by: User, of: str, given: str, given_system: str = "", system: str = "", code: str = "",
              display: str = "") -> Translation:  # fmt: skip
    """Say what one of a sender's own names means from now on; what came before stays as it was read. Raises Refused."""
    _may(by)
    kind = Translation.Of(of)
    meant = system if kind is Translation.Of.AUTHORITY else code
    if not given.strip() or not meant.strip() or (kind is Translation.Of.CODE and not system.strip()):
        raise Refused(_("Say what the sender writes, and what it means."))
    with transaction.atomic():
        made, _new = Translation.objects.update_or_create(
            feed=feed,
            of=kind,
            given_system=given_system.strip().upper(),
            given=given.strip(),
            defaults={"system": system.strip(), "code": code.strip(), "display": display.strip()},
        )
        _log("institution.feed-translated", feed, by)
    return made


def by_token(token: str, kind: Kind) -> Feed | None:
    """Return the feed that shows this token and may send this kind now, or None."""
    if not token:
        return None
    found = Feed.objects.filter(token_digest=credentials.digest(token), stopped_at=None)
    feed = found.select_related("source", "institution").first()
    return feed if feed and kind in feed.kinds else None


def by_source(source: Source, kind: Kind) -> Feed | None:
    """Return the feed that sends as this source and may send this kind now, or None."""
    feed = Feed.objects.filter(source=source, stopped_at=None).select_related("source", "institution").first()
    return feed if feed and kind in feed.kinds else None


def by_peer(address: str, *, application: str, facility: str) -> Feed | None:
    """Return the feed that may send HL7 v2 from this address under this name (MSH-3, MSH-4), or None.

    Where two would fit, none does: a message must be one sender's.
    """
    at = ipaddress.ip_address(address)
    fitting = []
    for feed in Feed.objects.filter(stopped_at=None).select_related("source", "institution"):
        here = any(at in ipaddress.ip_network(peer) for peer in feed.peers)
        named = feed.application in ("", application) and feed.facility in ("", facility)
        if here and named and Kind.HL7V2 in feed.kinds:
            fitting.append(feed)
    return fitting[0] if len(fitting) == 1 else None


def may_connect(address: str) -> bool:
    """Tell whether any feed may connect by MLLP from an address."""
    at = ipaddress.ip_address(address)
    known = Feed.objects.filter(stopped_at=None).values_list("peers", flat=True)
    return any(at in ipaddress.ip_network(peer) for peers in known for peer in peers)


def signer(feed: Feed) -> SourceSigner:
    """Return what signs a feed's entries."""
    return source_signer(feed.source.name)


def sender(feed: Feed) -> Sender:
    """Return what reading a feed's messages depends on."""
    codes, authorities, units = {}, {}, {}
    for one in feed.translations.all():
        if one.of == Translation.Of.CODE:
            codes[one.given_system, one.given] = (one.system, one.code, one.display)
        elif one.of == Translation.Of.AUTHORITY:
            authorities[one.given] = one.system
        else:
            units[one.given] = one.code
    return Sender(
        key=str(feed.pk),
        name=feed.source.name,
        zone=ZoneInfo(feed.institution.time_zone),
        codec=CODECS.get(feed.charset, ""),
        codes=codes,
        authorities=authorities,
        units=units,
    )


def _may(by: User) -> None:
    if not by.is_active or not by.has_perm("intake.manage_feed"):
        raise Refused(_("Your desk role does not include this."))


def _log(action: str, feed: Feed, by: User) -> None:
    details = {"institution": str(feed.institution_id), "feed": str(feed.pk), "source": feed.source.name}
    log.append(action, actor=accounts.party(by), subject=None, outcome="done", details=details)
