"""What a grant says, hashed, signed and checked: the thread from a patient's key to a token on chain.

Nothing here looks into the database. A grant's digest is computed from its columns each time it is needed, so a
changed column is another digest, and another digest opens no seal.
"""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from eth_abi.exceptions import EncodingError
from eth_utils.exceptions import ValidationError

from consent import on_behalf
from ehr.chain import tokens, typed_data
from ehr.chain.tokens import TokenGrant
from ehr.crypto import signing
from ehr.crypto.digests import joined

_DAY = 86_400
_in_order = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
FORMAT = "chartseal-grant/v1"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _named(pk) -> str:
    return str(pk) if pk else ""


def terms(grant) -> dict:
    """Return what a grant says, as plain JSON values. What narrows it is named only where it does."""
    narrowed = {
        "kind": grant.kind if grant.kind != "given" else "",
        "entries": list(grant.entries),
        "record_from": _day(grant.record_from),
        "record_until": _day(grant.record_until),
        "places": list(grant.places),
        "parent": _named(grant.parent_id),
        "report_days": grant.report_days or "",
        "mandate": _named(grant.mandate_id),
        "delegation": _named(grant.delegation_id),
    }
    return {name: value for name, value in narrowed.items() if value} | {
        "patient": str(grant.patient_id),
        "reader": str(grant.reader_id),
        "reader_key": grant.key_version.digest.hex(),
        "categories": list(grant.categories),
        "actions": list(grant.actions),
        "purpose": grant.purpose,
        "starts": _moment(grant.starts),
        "ends": _moment(grant.ends),
        "sentence": grant.sentence,
    }


def commitment(said: dict, salt: bytes) -> bytes:
    """Return the salted 32-byte commitment to a grant's terms, the only thing of them on chain."""
    text = _in_order(said).encode()
    return sha256(joined(b"chartseal grant v1", bytes(salt), text)).digest()


def whole_quarters(starts: datetime, ends: datetime) -> tuple[int, int]:
    """Return first and last moment in Unix seconds, widened to quarters of the year in UTC.

    Days would tell which token took the place of which where few end on one day; a quarter holds everybody's. The
    exact moments are in the commitment, and an end before them is a burn.
    """
    first, last = starts.astimezone(UTC), ends.astimezone(UTC)
    began, ended = _quarter(first.year, first.month), _quarter(last.year, last.month)
    until = ended if last == ended else _quarter(ended.year + ended.month // 10, (ended.month + 2) % 12 + 1)
    return int(began.timestamp()), int(until.timestamp())


def whole_days(starts: datetime, ends: datetime) -> tuple[int, int]:
    """Return first and last moment in Unix seconds, widened to whole UTC days, as what was signed once has them."""
    first = int(starts.timestamp()) // _DAY * _DAY
    last = -(-int((ends + timedelta(microseconds=999_999)).timestamp()) // _DAY) * _DAY
    return first, last


def _quarter(year: int, month: int) -> datetime:
    return datetime(year, (month - 1) // 3 * 3 + 1, 1, tzinfo=UTC)


def token_grant(grant) -> TokenGrant:
    """Return the struct that stands for a grant on chain."""
    widen = whole_days if grant.widened == "days" else whole_quarters
    starts, until = widen(grant.starts, grant.ends)
    return TokenGrant(grant.holder, starts, until, commitment(terms(grant), grant.salt))


def domain(grant) -> typed_data.Domain:
    """Return where the grant's signature counts."""
    return tokens.domain(grant.contract, grant.chain_id)


def digest(grant) -> bytes:
    """Return the 32 bytes the patient signed. A seal made for the grant opens with these and no others."""
    return typed_data.signing_digest(domain(grant), token_grant(grant).struct_hash())


def token_id(grant) -> int:
    """Return the id of the grant's token."""
    return tokens.token_id(grant.signer, token_grant(grant).struct_hash(), grant.holder)


def binding_message(patient_id, grant_digest: bytes, signer: str) -> bytes:
    """Return what the patient's author key signs, to say that the one-time signer is theirs."""
    return joined(b"grant binding v1", patient_id.bytes, grant_digest, bytes.fromhex(signer[2:]))


def _signed_by(grant) -> str | None:
    """Return the one-time address that signed what the row says; None where it was altered beyond hashing."""
    try:
        return typed_data.recover(digest(grant), bytes(grant.signature_r), bytes(grant.signature_vs))
    except (EncodingError, TypeError, ValueError):
        return None


def intact(grant) -> bool:
    """Tell whether a row's own one-time key signed what it says; whose key that is, `genuine` tells."""
    return _signed_by(grant) == grant.signer


def genuine(grant) -> bool:
    """Tell whether the patient signed exactly what the row says: the one-time key did, and the author key behind it."""
    if not intact(grant):
        return False
    message = binding_message(grant.patient_id, digest(grant), grant.signer)
    return signing.verify(grant.patient_version.author_public, message, bytes(grant.binding))


def made_by(grant, keyring) -> bool:
    """Tell whether the holder of an open keyring signed exactly what the row says, whatever else is in the database."""
    return _signed_by(grant) == typed_data.address_of(keyring.grant_key(grant.pk.bytes))


def mandate_terms(mandate) -> dict:
    """Return what a mandate says, as plain JSON values."""
    return {
        "patient": str(mandate.patient_id),
        "referrer": str(mandate.referrer_id),
        "categories": list(mandate.categories),
        "roles": list(mandate.roles),
        "days": mandate.days,
        "until": _moment(mandate.until),
        "sentence": mandate.sentence,
    }


def mandate_message(mandate) -> bytes:
    """Return what the patient's author key signs, to let a referrer pass on in their name within these bounds."""
    return on_behalf.message("mandate", mandate.id, mandate_terms(mandate))


def mandate_genuine(mandate) -> bool:
    """Tell whether the key named beside a mandate signed exactly what the row says; whose key that is, it cannot."""
    return signing.verify(mandate.patient_version.author_public, mandate_message(mandate), bytes(mandate.signature))


def delegation_terms(delegation) -> dict:
    """Return what a delegation says, as plain JSON values."""
    return {
        "patient": str(delegation.patient_id),
        "reader": str(delegation.reader_id),
        "basis": delegation.basis,
        "rights": list(delegation.rights),
        "categories": list(delegation.categories),
        "starts": _moment(delegation.starts),
        "ends": _moment(delegation.ends),
        "sentence": delegation.sentence,
    }


def delegation_message(delegation) -> bytes:
    """Return what the patient's author key signs, or each of two verifiers', to let somebody act for the patient."""
    return on_behalf.message("delegation", delegation.id, delegation_terms(delegation))


def delegation_genuine(delegation, version, signature) -> bool:
    """Tell whether a key signed exactly what a delegation's row says; whose key that is, it cannot."""
    return signing.verify(version.author_public, delegation_message(delegation), bytes(signature))


def _b64(raw: bytes) -> str:
    return base64.b64encode(bytes(raw)).decode()


def document(grant, *, ended_at: datetime | None = None) -> dict:
    """Return everything a verifier needs to check one grant alone, as plain JSON values."""
    shape = token_grant(grant)
    return {
        "format": FORMAT,
        "terms": terms(grant),
        "salt": _b64(grant.salt),
        "chain_id": grant.chain_id,
        "contract": grant.contract,
        "holder": grant.holder,
        "from": shape.starts,
        "until": shape.until,
        "signer": grant.signer,
        "r": _b64(grant.signature_r),
        "vs": _b64(grant.signature_vs),
        "token": hex(token_id(grant)),
        "patient_key": _b64(on_behalf.patient_key(grant)),
        "binding": _b64(grant.binding),
        "ended_at": _moment(ended_at) if ended_at else None,
        **_authority(grant),
    }


def _authority(grant) -> dict:
    """Return what lets somebody else sign for the patient, and the patient's own grant to them; nothing of most."""
    if grant.mandate is None and grant.delegation is None:
        return {}
    said = mandate_terms(grant.mandate) if grant.mandate else delegation_terms(grant.delegation)
    own = on_behalf.under(grant)
    return {"authority": on_behalf.paper(grant, said)} | ({"under": document(own)} if own else {})


@dataclass(frozen=True)
class Finding:
    """One step of a check: what was looked at, whether it holds, and a sentence that says so."""

    step: str
    holds: bool
    says: str


NO_GRANT = "This file is not a grant of Chartseal, or a part of it is missing."
# What comes of a part that is of another kind than it should be: a holder that is no address, a day in year 10,000.
_NOT_WHAT_IT_SHOULD_BE = (
    KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError, EncodingError, ValidationError,
)  # fmt: skip


def verify_grant(
    paper: dict, *, patient_key: bytes | None = None, signer_key: bytes | None = None, owner_of=None, at: datetime
) -> list[Finding]:
    """Check the thread from a patient's key to a token, with public data and what one was handed.

    patient_key: the patient's Ed25519 key, where the verifier knows it from elsewhere; signer_key: likewise the key of
    who signed for the patient, under a mandate or a delegation. owner_of: a function from
    token id to holder address or None, which asks a chain. Returns all findings; the grant counts when all hold.
    Raises ValueError when the paper is not a grant's.
    """
    try:
        return list(_findings(paper, patient_key, signer_key, owner_of, at))
    except _NOT_WHAT_IT_SHOULD_BE as problem:
        raise ValueError(NO_GRANT) from problem


def _findings(paper: dict, patient_key: bytes | None, signer_key: bytes | None, owner_of, at: datetime):
    if paper["format"] != FORMAT:
        raise ValueError(paper["format"])
    said = paper["terms"]
    salt, r, vs = (base64.b64decode(paper[name], validate=True) for name in ("salt", "r", "vs"))
    handed_key, binding = (base64.b64decode(paper[name], validate=True) for name in ("patient_key", "binding"))
    starts, ends = (datetime.fromisoformat(said[name]) for name in ("starts", "ends"))
    shape = TokenGrant(paper["holder"], paper["from"], paper["until"], commitment(said, salt))
    widened = (whole_quarters(starts, ends), whole_days(starts, ends))
    yield Finding("days", (shape.starts, shape.until) in widened, "The days on chain are the grant’s.")
    where = tokens.domain(paper["contract"], paper["chain_id"])
    signed = typed_data.signing_digest(where, shape.struct_hash())
    signer = typed_data.recover(signed, r, vs)
    yield Finding("signature", signer == paper["signer"], "The one-time key signed exactly these terms.")
    if patient_key is not None:
        yield Finding("patient", handed_key == patient_key, "The key is the one known as this patient’s.")
    message = joined(
        b"grant binding v1", _uuid_bytes(said["patient"]), signed, bytes.fromhex(paper["signer"].removeprefix("0x"))
    )
    if on_behalf.is_needed(said):
        held = _is_patients_own(paper.get("under"), paper["patient_key"], at)
        for step in on_behalf.findings(paper, known=signer_key, held=held):
            yield Finding(*step)
    behind = signing.verify(on_behalf.signer_key(paper), message, binding)
    yield Finding("binding", behind, f"The {on_behalf.whose(paper)}’s key stands behind the one-time key.")
    token = tokens.token_id(paper["signer"], shape.struct_hash(), paper["holder"])
    yield Finding("token", hex(token) == paper["token"], "The token’s number is the one these terms give.")
    if owner_of is not None:
        yield Finding("chain", owner_of(token) == paper["holder"], "The chain holds this token for this reader.")
    ended = paper["ended_at"]
    over = ended is not None and datetime.fromisoformat(ended) <= at
    yield Finding("ending", not over and starts <= at < ends, "It has begun and is neither over nor stopped.")


def _is_patients_own(paper: dict | None, patient_key: str, at: datetime) -> bool:
    """Tell whether a grant's file is of one that the patient signed in person; it may be over by now."""
    if paper is None or "under" in paper or not patient_key or paper["patient_key"] != patient_key:
        return False
    found = _findings(paper, None, None, None, at)
    return on_behalf.whose(paper) == "patient" and all(one.holds for one in found if one.step != "ending")


def _uuid_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))
