"""What lets somebody else sign a grant for a patient, as its file shows it: a mandate, or a delegation.

The thread goes from the patient's key to what they signed, to the key of who signed the grant in their name. Nothing
here looks into the database but along the rows it is given.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from ehr.accounts.models import KeyVersion
from ehr.crypto import signing
from ehr.crypto.digests import joined

VERIFIERS_NEEDED = 2
_LABELS = {"mandate": b"mandate/v1", "delegation": b"delegation/v1"}
_WHO = {"mandate": "referrer", "delegation": "reader"}
# What a delegate's own grant lets them do, and the right it takes.
_TAKES = {"read": "read", "write": "add"}
_PUBLIC = ("kem_public", "author_public", "stealth_spend_public", "stealth_view_public")


def message(kind: str, pk: UUID, said: dict) -> bytes:
    """Return what is signed of a mandate's or a delegation's terms."""
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return joined(_LABELS[kind], pk.bytes, text.encode())


def _b64(raw: bytes | None) -> str:
    return base64.b64encode(bytes(raw or b"")).decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


# --- Writing it down -----------------------------------------------------------------------------
def patient_key(grant) -> bytes:
    """Return the patient's key that a grant comes from; empty where two verifiers signed for a record without keys."""
    row = grant.mandate or grant.delegation
    if row is None:
        return bytes(grant.patient_version.author_public)
    version = grant.mandate.patient_version if grant.mandate else grant.delegation.signed_by
    return bytes(version.author_public) if version else b""


def paper(grant, said: dict) -> dict:
    """Return what lets its signer sign a grant, as plain JSON values; `said` is what the mandate or delegation says."""
    kind, row = ("mandate", grant.mandate) if grant.mandate else ("delegation", grant.delegation)
    if kind == "mandate" or row.signed_by:
        signatures = [{"key": _b64(patient_key(grant)), "signature": _b64(row.signature)}]
    else:
        vouched = row.vouchings.select_related("key_version").order_by("pk")
        signatures = [{"key": _b64(one.key_version.author_public), "signature": _b64(one.signature)} for one in vouched]
    return {
        "kind": kind,
        "id": str(row.pk),
        "terms": said,
        "signatures": signatures,
        "signer": {"number": grant.patient_version.number}
        | {name: _b64(getattr(grant.patient_version, name)) for name in _PUBLIC},
    }


def under(grant):
    """Return the patient's own grant that names the key of who signed this one for them, or None."""
    if grant.mandate:
        return grant.parent
    if grant.kind == "delegate" or grant.delegation is None or grant.delegation.signed_by is None:
        return None
    return grant.delegation.acts.filter(kind="delegate").order_by("made_at", "pk").last()


# --- Checking it ---------------------------------------------------------------------------------
def is_needed(said: Mapping) -> bool:
    """Tell whether a grant's terms say that it was made under a mandate or a delegation."""
    return "mandate" in said or "delegation" in said


def signer_key(file: Mapping) -> bytes:
    """Return the key that is to stand behind the one-time key: the patient's, or of who signs for them."""
    return _raw(file["authority"]["signer"]["author_public"] if _by_another(file) else file["patient_key"])


def whose(file: Mapping) -> str:
    """Return whose key stands behind the one-time key, in a word."""
    if not _by_another(file):
        return "patient"
    return "referrer" if file["authority"]["kind"] == "mandate" else "delegate"


def _by_another(file: Mapping) -> bool:
    """Tell whether somebody else than the patient is to have signed: the terms say so, which the signature covers."""
    return is_needed(file["terms"]) and "authority" in file and not _in_person(file)


def _in_person(file: Mapping) -> bool:
    """Tell whether the patient signed, in person, what a delegate may see."""
    return file["terms"].get("kind") == "delegate" and bool(file["patient_key"])


def findings(file: Mapping, *, known: bytes | None, held: bool) -> Iterator[tuple[str, bool, str]]:
    """Check the thread from the patient's key to who signed for them, as steps, whether each holds, and its words.

    known: the signer's key, where the verifier knows it from elsewhere. held: whether the patient's own grant to the
    signer, `under`, is theirs.
    """
    if "authority" not in file:
        yield (
            "authority",
            False,
            "Somebody else signed for the patient; the file does not hold what lets them. Save it anew.",
        )
        return
    told, said = file["authority"], file["terms"]
    kind, terms = told["kind"], told["terms"]
    above = file["under"]["terms"] if "under" in file else None
    yield "authority", _is_signed(file), _SIGNED[kind] if file["patient_key"] else _VOUCHED
    fits = _within_mandate if kind == "mandate" else _within_delegation
    named = said.get(kind) == told["id"] and terms["patient"] == said["patient"]
    yield (
        "within",
        named and fits(said, terms, above),
        f"The grant is within the {kind}: its parts, its days, its people.",
    )
    if _in_person(file):
        return
    if above is not None:
        yield "under", held, f"The patient’s own grant to the {whose(file)} is signed with the patient’s key."
    yield "signer", _is_theirs(file, known, above if held else None), _SIGNER[known is None] % whose(file)


_SIGNED = {
    "mandate": "The patient’s key signed exactly this mandate.",
    "delegation": "The patient’s key signed exactly this delegation.",
}
_VOUCHED = "Two verifiers’ keys signed exactly this delegation; whose keys they are, the file does not show."
_SIGNER = {
    False: "The signer’s key is the one known as the %s’s.",
    True: "The signer’s key is the one that the patient’s own grant to the %s names.",
}


def _is_signed(file: Mapping) -> bool:
    told = file["authority"]
    signed = message(told["kind"], UUID(told["id"]), told["terms"])
    keys = {
        one["key"] for one in told["signatures"] if signing.verify(_raw(one["key"]), signed, _raw(one["signature"]))
    }
    if file["patient_key"]:
        return file["patient_key"] in keys
    return told["kind"] == "delegation" and len(keys) >= VERIFIERS_NEEDED


def _is_theirs(file: Mapping, known: bytes | None, above: Mapping | None) -> bool:
    """Tell whether the signer's key is the known one; else whether the patient's own grant to them names it."""
    if known is not None:
        return signer_key(file) == known
    told = file["authority"]
    who = told["terms"][_WHO[told["kind"]]]
    named = {name: _raw(told["signer"][name]) for name in _PUBLIC}
    number = told["signer"]["number"]
    if not 0 <= number < 2**32:
        return False
    version = KeyVersion(reader_id=UUID(who), number=number, **named)
    return above is not None and above["reader"] == who and above["reader_key"] == version.digest.hex()


def _moments(said: Mapping) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(said["starts"]), datetime.fromisoformat(said["ends"])


def _within_mandate(said: Mapping, mandate: Mapping, above: Mapping | None) -> bool:
    """Tell whether a grant is within a mandate, and within the patient's own grant to the referrer."""
    if above is None or above["patient"] != said["patient"] or above["reader"] != mandate["referrer"]:
        return False
    (starts, ends), (began, over) = _moments(said), _moments(above)
    parts = set(mandate["categories"]) & set(above["categories"])
    places = set(above.get("places", ()))
    return (
        set(said["categories"]) <= parts
        and set(said["actions"]) <= set(above["actions"])
        and not any(name in one for one in (said, above) for name in ("entries", "record_until"))
        and (not places or set() < set(said.get("places", ())) <= places)
        and (ends - starts) / timedelta(days=1) <= mandate["days"]
        and starts <= datetime.fromisoformat(mandate["until"])
        and began <= starts
        and ends <= over
    )


def _within_delegation(said: Mapping, delegation: Mapping, _above: Mapping | None) -> bool:
    """Tell whether a grant is what a delegate may see, or what they may let somebody else see."""
    (starts, ends), (began, over) = _moments(said), _moments(delegation)
    rights = set(delegation["rights"])
    if said.get("kind") == "delegate":
        may = said["reader"] == delegation["reader"] and {_TAKES[one] for one in said["actions"]} <= rights
    else:
        may = "share" in rights and said["reader"] != delegation["reader"] and "parent" not in said
    return may and set(said["categories"]) <= set(delegation["categories"]) and began <= starts and ends <= over
