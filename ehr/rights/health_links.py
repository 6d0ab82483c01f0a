"""SMART Health Links: a patient hands a clinician they meet once a copy of chosen parts, by a QR code.

A link is no permission: it is a copy, made when it is made. The server keeps the ciphertext; the key is in the code
that the patient holds, and nowhere here. Source: HL7 SMART Health Cards and Links 1.0.0.
"""

import base64
import hashlib
import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import segno
from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils.crypto import constant_time_compare
from joserfc import jwe
from joserfc.jwk import OctKey

from audit import log
from audit.queries import Line
from consent import access, keys
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.crypto.digests import keyed
from ehr.crypto.formats import CannotOpen
from ehr.notices import operations as notices
from ehr.rights import summary
from ehr.rights.models import HealthLink, HealthLinkFile
from ehr.words import Category, Purpose
from patients.models import Patient

TRIES = 5
LONGEST = timedelta(days=30)
LONGEST_NAME = 100
HANDLE_BYTES = 32
LONGEST_PURPOSE = 60
FILE_SECONDS = 300  # how long an address for the file alone is good
SHORTEST_PASSCODE = 4
FHIR = "application/fhir+json"
# Whoever comes by a link is known by the name they give alone; that name is sealed to the patient.
_RECIPIENT = log.Party("person", None, "Somebody with a link from you", "recipient", "")
_KEPT = "health-link"
_FILES = "ehr.rights.health-link-file"


class Gone(Exception):
    """There is no such link, or it is over or was stopped. Which of these, nobody is told."""


class WrongPasscode(Exception):
    """The passcode is not this link's. `left` says how many tries there still are."""

    def __init__(self, left: int) -> None:
        super().__init__("The passcode is not the one of this link.")
        self.left = left


class MadeAlready(Exception):
    """This very form made a link before. Its code was shown then, and is shown once."""


@dataclass(frozen=True)
class Handed:
    """A link that was just made. `address` holds the key: it is shown once and kept nowhere."""

    link: HealthLink
    address: str  # viewer, #, shlink:/ and the payload


@dataclass(frozen=True)
class Manifest:
    """What a recipient gets: the ciphertext, and whether the patient lets them save it."""

    link: HealthLink
    body: str
    may_keep: bool


# --- The patient's side ----------------------------------------------------------------------------
def make(
    patient: Patient,
    *,
    keyring: OpenKeyring | None,
    categories: Sequence[Category],
    passcode: str,
    lasts: timedelta,
    purpose: str,
    may_keep: bool = False,
    once: uuid.UUID | None = None,
) -> Handed:
    """Make a link to a summary of chosen parts and return it with its address, which is in no other place afterwards.

    Raises KeysLocked, and ValueError for no parts, a time that is not up to 30 days, or a short passcode. `once` names
    one confirmation: sent twice, the second raises MadeAlready.
    """
    if not categories or not timedelta() < lasts <= LONGEST or len(passcode) < SHORTEST_PASSCODE:
        raise ValueError("A link has parts, an end within 30 days and a passcode of four signs at least.")
    if once and HealthLink.objects.filter(pk=once).exists():
        raise MadeAlready
    parts = sorted(set(categories))
    chart = access.copy_own(patient, keyring=keyring, categories=parts)
    key, handle = secrets.token_bytes(32), secrets.token_bytes(HANDLE_BYTES)
    link = HealthLink(
        id=once or uuid.uuid4(),
        patient=patient,
        address_digest=_digest(handle),
        parts=[str(part) for part in parts],
        tries_left=TRIES,
        may_keep=may_keep,
        made_at=chart.opened_at,
        expires_at=chart.opened_at + lasts,
    )
    link.purpose = keyring.keep(purpose[:LONGEST_PURPOSE].encode(), label=_KEPT)
    link.passcode_digest = _passcode(link, passcode)
    body = _closed(summary.summary(chart, chart.opened_at), key)
    try:
        with transaction.atomic():
            link.save(force_insert=True)
            HealthLinkFile.objects.create(link=link, body=body)
            _append(link, "health-link.made", access.own_party(patient))
    except IntegrityError as problem:
        raise MadeAlready from problem
    return Handed(link, f"{viewer()}#{shlink(link, key=key, handle=handle)}")


def stop(patient: Patient, link_id: uuid.UUID) -> None:
    """Stop a link at once; the copy behind it goes with it. Stopping twice is as stopping once. Raises Gone.

    What somebody has already opened with it they have.
    """
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        link = HealthLink.objects.select_for_update().filter(pk=link_id, patient=patient).first()
        if link is None:
            raise Gone
        if link.stopped_at is not None:
            return
        link.stopped_at = clock.now()
        link.save(update_fields=["stopped_at"])
        HealthLinkFile.objects.filter(link=link).delete()
        _append(link, "health-link.stopped", access.own_party(patient))


def of_patient(patient: Patient) -> list[HealthLink]:
    """Return the links somebody handed out, newest first."""
    return list(HealthLink.objects.filter(patient=patient).order_by("-made_at"))


def find(patient: Patient, link_id: uuid.UUID) -> HealthLink | None:
    """Return one of somebody's own links, or None."""
    return HealthLink.objects.filter(patient=patient, pk=link_id).first()


def is_live(link: HealthLink, at: datetime) -> bool:
    """Tell whether a link still leads somewhere."""
    return link.stopped_at is None and at < link.expires_at and link.tries_left > 0


def called(link: HealthLink, keyring: OpenKeyring | None) -> str:
    """Return what its patient calls a link; empty while the keys are locked, or where it does not open."""
    try:
        return keyring.kept(bytes(link.purpose), label=_KEPT).decode() if keyring else ""
    except CannotOpen:
        return ""


def words_on(line: Line, keyring: OpenKeyring | None, patient: Patient) -> str:
    """Return the name that somebody with a link gave, for the patient's own keys; empty for every other line."""
    sealed = line.sealed.get("patient")
    named = line.details.get("link")
    if keyring is None or sealed is None or named is None:
        return ""
    try:
        return keys.open_words(patient, sealed, keyring=keyring, info=_info(uuid.UUID(str(named)))).decode()
    except CannotOpen:
        return ""


def new_passcode() -> str:
    """Return six digits to say beside the code. Five tries in all stand against a million of them."""
    return f"{secrets.randbelow(10**6):06}"


def picture(address: str) -> str:
    """Return the code as an SVG of our own drawing. Source: SHL asks for error correction level M."""
    return segno.make(address, error="m").svg_inline(scale=4, border=4, light="#fff", svgclass="qr", omitsize=True)


# --- The code --------------------------------------------------------------------------------------
def site(path: str) -> str:
    """Return the whole address of a path of this site."""
    return settings.SITE_URL.rstrip("/") + path


def viewer() -> str:
    """Return the address of the page that shows what a link leads to."""
    return site("/shl/")


def shlink(link: HealthLink, *, key: bytes, handle: bytes) -> str:
    """Return `shlink:/…`: where the manifest is, the key, when it ends, and that it takes a passcode."""
    payload = {
        "url": f"{viewer()}{_text(handle)}",
        "key": _text(key),
        "exp": int(link.expires_at.timestamp()),
        "flag": "P",
        "label": "Patient summary",  # the code is seen by others: nothing of the person stands in it
        "v": 1,
    }
    return "shlink:/" + _text(json.dumps(payload, separators=(",", ":")).encode())


def _closed(content: bytes, key: bytes) -> str:
    header = {"alg": "dir", "enc": "A256GCM", "cty": FHIR}
    return jwe.encrypt_compact(header, content, OctKey.import_key(key))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# --- The recipient's side --------------------------------------------------------------------------
def open_manifest(handle: str, *, recipient: str, passcode: str) -> Manifest:
    """Return what a link leads to, once its opening is on the list and its patient is told. Raises Gone, WrongPasscode.

    Wrong passcodes are counted for as long as the link lives, one after the other; after the fifth it leads nowhere.
    """
    with transaction.atomic():
        link = _live(handle, lock=True)
        left = _tried(link, passcode, recipient)
        if left is None:
            body = HealthLinkFile.objects.values_list("body", flat=True).get(link=link)
            link.openings += 1
            link.save(update_fields=["openings"])
            event = _append(link, "health-link.opened", _RECIPIENT, said=recipient)
            _tell(link, "health-link-opened", f"health-link:{event.id}")
            found = Manifest(link, body, link.may_keep)
    # Only now: a try that failed is counted even though it is refused.
    if left is not None:
        raise WrongPasscode(left)
    return found


def _tried(link: HealthLink, passcode: str, recipient: str) -> int | None:
    """Return None for the right passcode; for another, count it and return how many tries are left."""
    if constant_time_compare(bytes(link.passcode_digest), _passcode(link, passcode)):
        return None
    link.tries_left -= 1
    link.save(update_fields=["tries_left"])
    event = _append(link, "health-link.refused", _RECIPIENT, outcome="refused", because="passcode", said=recipient)
    if link.tries_left == 0:
        HealthLinkFile.objects.filter(link=link).delete()
        _tell(link, "health-link-over", f"health-link:{event.id}")
    return link.tries_left


def file_ticket(link: HealthLink) -> str:
    """Return what lets somebody who had the passcode fetch the file alone, for five minutes."""
    return signing.dumps(str(link.pk), salt=_FILES)


def open_file(handle: str, ticket: str) -> str:
    """Return a link's ciphertext for a ticket of that very link. Raises Gone."""
    link = _live(handle)
    try:
        named = signing.loads(ticket, salt=_FILES, max_age=FILE_SECONDS)
    except signing.BadSignature as problem:
        raise Gone from problem
    if named != str(link.pk):
        raise Gone
    return HealthLinkFile.objects.values_list("body", flat=True).get(link=link)


def _live(handle: str, *, lock: bool = False) -> HealthLink:
    try:
        raw = base64.urlsafe_b64decode(handle + "=")
    except ValueError as problem:
        raise Gone from problem
    if len(raw) != HANDLE_BYTES:
        raise Gone
    links = HealthLink.objects.filter(address_digest=_digest(raw))
    link = (links.select_for_update() if lock else links).first()
    if link is None or not is_live(link, clock.now()):
        raise Gone
    return link


def forget_what_is_over() -> int:
    """Delete the ciphertext behind links that are over. Return how many there were."""
    over = HealthLinkFile.objects.filter(link__expires_at__lte=clock.now())
    return over.delete()[0]


def _append(link: HealthLink, action: str, actor: log.Party, *, said: str = "", **facts):
    sealed = {}
    if name := " ".join(said.split())[:LONGEST_NAME]:
        sealed["patient"] = keys.seal_words(link.patient, name.encode(), info=_info(link.pk))
    return log.append(
        action,
        actor=actor,
        subject=link.patient_id,
        categories=link.parts,
        purpose=Purpose.PATRQT,
        sealed=sealed,
        details={"link": str(link.pk)},
        **{"outcome": "done", **facts},
    )


def _tell(link: HealthLink, kind: str, key: str) -> None:
    if link.patient.user is not None:
        notices.notify(link.patient.user, kind, about=link.pk, key=key)


def _info(link_id: uuid.UUID) -> bytes:
    return b"chartseal/health-link/v1\x00" + link_id.bytes


def _digest(handle: bytes) -> bytes:
    return hashlib.sha256(b"chartseal health link\x00" + handle).digest()


def _passcode(link: HealthLink, passcode: str) -> bytes:
    # Short by nature, so without INDEX_KEY a stolen row must not tell it.
    return keyed(settings.INDEX_KEY, "health-link", f"{link.pk}|{passcode.strip()}")
