"""Consents from elsewhere: they become drafts in the patient's inbox, and never permissions.

Who holds which key: the sender needs none and gets none. What it says of whom is sealed to the lockbox of the patient's
log; the patient opens it, decides anew, and signs what they decide, with the pages that any other permission has.
"""

import hashlib
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from audit import log
from consent import keys, proposed
from consent.access import Caller, own_party
from consent.models import ConsentDraft
from consent.proposed import Named, Proposal
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.crypto.digests import joined, keyed
from ehr.notices import operations as notices
from ehr.r4 import build, text
from ehr.words import Purpose
from patients.models import Patient
from providers.models import Credential
from providers.queries import directory_line, party
from providers.rules import licence_digest
from providers.team_queries import team_line

State = ConsentDraft.State
LAPSES_AFTER = timedelta(days=30)
MOST_WAITING = 20  # more would bury what matters; a sender can send it again


def take_out(patient: Patient, resources: Iterable[dict], *, source: str) -> list[dict]:
    """Return the resources without Consents, which became drafts. Call it inside the delivery's transaction."""
    rest = []
    for resource in resources:
        if resource["resourceType"] == "Consent":
            receive(patient, resource, source=source, by=log.Party("system", None, source, "source"))
        else:
            rest.append(resource)
    return rest


def receive(patient: Patient, resource: dict, *, source: str, by: log.Party) -> list[ConsentDraft]:
    """Keep what a Consent proposes as drafts, and tell the patient; [] where nothing is to be signed or too much waits.

    The same sent twice is one draft. The resource must be valid; it is not kept.
    """
    with transaction.atomic():
        patient = Patient.objects.select_for_update(of=("self",)).select_related("user").get(pk=patient.pk)
        content = hashlib.sha256(text.dumps(resource)).hexdigest()
        found = []
        for number, one in enumerate(proposed.read(resource, at=clock.now())):
            digest = keyed(settings.INDEX_KEY, "consent-draft", f"{patient.pk}|{source}|{content}|{number}")
            known = ConsentDraft.objects.filter(patient=patient, digest=digest).first()
            if known is None and waiting(patient).count() < MOST_WAITING:
                known = _keep(patient, one, source=source, digest=digest, by=by)
            found += [known] if known else []
    return found


def receive_from(patient: Patient, resource: dict, *, caller: Caller) -> list[ConsentDraft]:
    """Keep what a program sends, as `receive` does: on the list by the program, or by the clinician who used it."""
    if caller.app is None and caller.user.pk != patient.user_id:
        return receive(patient, resource, source=caller.via or caller.user.name, by=party(caller.user))
    source = caller.via or caller.reader.name
    return receive(patient, resource, source=source, by=log.Party("app", caller.app and caller.app.pk, source))


def _keep(patient: Patient, one: Proposal, *, source: str, digest: bytes, by: log.Party) -> ConsentDraft:
    at, reader = clock.now(), recognised(one.whom)
    draft = ConsentDraft(
        patient=patient,
        reader=reader,
        categories=[str(part) for part in one.categories],
        actions=[str(action) for action in one.actions],
        ends=one.ends,
        unclear=sorted(one.unclear | (set() if reader else {"reader"})),
        source=source[:200],
        digest=digest,
        received_at=at,
        lapses_at=at + LAPSES_AFTER,
    )
    draft.whom = keys.seal_words(patient, one.whom.words.encode(), info=_info(draft))
    draft.save(force_insert=True)
    _note("consent.proposed", draft, by)
    if patient.user is not None:
        notices.notify(patient.user, "consent-proposed", about=draft.pk, key=f"consent-proposed:{draft.pk}")
    return draft


def recognised(whom: Named) -> Reader | None:
    """Return the one verified person or team that identifiers name; None for nobody, and for two. Names say nothing."""
    found: set[Reader] = set()
    for issuer, value in whom.identifiers:
        if issuer == build.READER:
            found |= set(Reader.objects.filter(kind__in=(Reader.Kind.PERSON, Reader.Kind.TEAM), pk=_uuid(value)))
        else:
            held = Credential.objects.filter(digest=licence_digest(issuer, value), status=Credential.Status.APPROVED)
            found |= set(Reader.objects.filter(user__clinician__credentials__in=held))
    return found.pop() if len(found) == 1 and choosable(next(iter(found))) else None


def choosable(reader: Reader) -> bool:
    """Tell whether a patient may let somebody in now, as the directory has it."""
    if reader.user_id is not None:
        return directory_line(reader.user_id) is not None
    return team_line(reader.pk) is not None


def _uuid(value: str) -> str | None:
    hexadecimal = value.replace("-", "")
    return value if len(hexadecimal) == 32 and set(hexadecimal.lower()) <= set("0123456789abcdef") else None


# --- As their patient reads them ---------------------------------------------------------------------
def waiting(patient: Patient) -> QuerySet[ConsentDraft]:
    """Return the drafts that wait for their patient, oldest first."""
    rows = ConsentDraft.objects.filter(patient=patient).waiting(clock.now())
    return rows.select_related("reader__user", "patient__user").order_by("received_at")


def of_patient(patient: Patient, draft_id) -> ConsentDraft | None:
    """Return one of a patient's drafts that wait, or None."""
    return waiting(patient).filter(pk=draft_id).first()


def named(draft: ConsentDraft, keyring: OpenKeyring | None) -> str:
    """Return whom the sender named, in its own words, opened with the patient's keys; "" where that does not open."""
    if keyring is None:
        return ""
    try:
        return keys.open_words(draft.patient, bytes(draft.whom), keyring=keyring, info=_info(draft)).decode()
    except keys.CannotOpen:
        return ""


def take_up(draft: ConsentDraft, *, by: User) -> None:
    """Note that the patient took a draft up, to decide and sign a permission of their own. Twice is once."""
    _close(draft, State.TAKEN, "consent.taken-up", by)


def dismiss(draft: ConsentDraft, *, by: User) -> None:
    """Put a draft aside. Its sender is not told. Twice is once."""
    _close(draft, State.DISMISSED, "consent.dismissed", by)


def _close(draft: ConsentDraft, state: str, action: str, by: User) -> None:
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=draft.patient_id)
        row = ConsentDraft.objects.select_related("patient", "reader").get(pk=draft.pk)
        if row.patient.user_id != by.pk or row.state != State.WAITING:
            return
        row.state, row.looked_at = state, clock.now()
        row.save(update_fields=["state", "looked_at"])
        _note(action, row, own_party(row.patient))


def _note(action: str, draft: ConsentDraft, by: log.Party) -> None:
    log.append(
        action,
        actor=by,
        subject=draft.patient_id,
        outcome="done",
        categories=draft.categories,
        purpose=Purpose.PATRQT,
        because="source" if by.role == "source" else "",
        details={"draft": str(draft.pk), **({"reader_name": draft.reader.name} if draft.reader else {})},
    )


def _info(draft: ConsentDraft) -> bytes:
    """Return what the sealed words are bound to."""
    return joined(b"consent-draft/v1", draft.pk.bytes, draft.patient_id.bytes)
