"""The addresses of an export: begin it, ask how far it is, fetch its files, forget it.

Source: Bulk Data Access 2.0.0, export, "Bulk Data Export Operation Request Flow".
"""

from collections.abc import Sequence
from urllib.parse import urlencode
from uuid import UUID

from ehr.fhir import kinds, naming, outcomes, records, wire
from ehr.fhir.asking import Asking
from ehr.fhir.bulk import exports, groups, terms
from ehr.fhir.bulk.exports import File, State
from ehr.fhir.models import Export
from ehr.fhir.outcomes import Refusal
from ehr.fhir.query import Asked
from ehr.fhir.wire import Answer, Sent
from ehr.r4 import text
from patients.models import Patient

RETRY_SECONDS = 1
LARGEST_BYTES = 128 * 1024**2  # of one file, unpacked: it is made in memory
_CLOSED = "No file of this export is open to you any more. What it was made of was ended, or is over; begin another."

_TOO_LARGE = (
    f"This file would be larger than the {LARGEST_BYTES // 1024**2} MB that one may have. Begin an export of less, by "
    "_typeFilter, _since or patient, or read the record page by page."
)


def of_patients(sent: Sent, told: Asked, asking: Asking) -> Answer:
    """Begin an export of the records that the token is for: a patient's app's one, or those that one may read."""
    _expect_async(sent)
    return _begun(sent, told, asking, records.patients_of(asking), "Patient/$export")


def of_group(sent: Sent, told: Asked, asking: Asking, fhir_id: str) -> Answer:
    """Begin an export of those who let whoever asks read now."""
    _expect_async(sent)
    return _begun(sent, told, asking, groups.members(asking, fhir_id), f"Group/{fhir_id}/$export")


def of_everybody(_sent: Sent, _told: Asked, _asking: Asking) -> Answer:
    """Refuse an export of the whole system: nobody holds the keys for that."""
    words = (
        "Nobody may export this whole server: each record opens under its own patient's permission. "
        "Ask Patient/$export, or Group/mine/$export."
    )
    raise Refusal(403, "forbidden", words)


def _expect_async(sent: Sent) -> None:
    if not terms.is_async(sent):
        words = "An export is answered later. Send Prefer: respond-async, then ask at the address in Content-Location."
        raise outcomes.not_understood(words, at="http.prefer", code="required")


def _begun(sent: Sent, told: Asked, asking: Asking, patients: Sequence[Patient], path: str) -> Answer:
    pairs = terms.pairs_of(sent, told)
    wanted = terms.read(sent, asking, pairs)
    named = terms.patients_named(pairs)
    if named is not None:
        patients = [one for one in patients if str(one.pk) in named]
        # Somebody who does not let one in is not there.
        if len(patients) < len(named):
            raise outcomes.not_there()
    query = f"?{urlencode(told.pairs)}" if told.pairs else ""
    export = exports.begin(asking, wanted, patients, request=f"{kinds.base()}/{path}{query}")
    return Answer(202, None, {"Content-Location": _address(export)})


def _address(export: Export, name: str = "") -> str:
    return f"{kinds.base()}/export-jobs/{export.pk}{f'/{name}' if name else ''}"


# --- How far it is -------------------------------------------------------------------------------
def status(_sent: Sent, _told: Asked, asking: Asking, export_id: str) -> Answer:
    """Go on with an export, and say how far it is, or which files there are."""
    export, state = exports.find(asking, _read_id(export_id))
    state = exports.go_on(asking, export, state)
    if state.left:
        progress = f"{state.passed} of {state.passed + len(state.left)} records"
        return Answer(202, None, {"X-Progress": progress, "Retry-After": str(RETRY_SECONDS)})
    headers = {"Expires": wire.http_date(export.ends_at), "Content-Type": "application/json"}
    return Answer(200, _manifest(export, state), headers)


def _manifest(export: Export, state: State) -> dict:
    listed: dict[str, list[dict]] = {"output": [], "deleted": [], "error": []}
    for file in exports.files(state):
        listed[file.what].append(
            {"type": file.kind, "url": _address(export, f"{file.name}.ndjson"), "count": file.count}
        )
    return {
        "transactionTime": naming.instant(export.begun_at),
        "request": state.request,
        "requiresAccessToken": True,
        **listed,
    }


def cancel(_sent: Sent, _told: Asked, asking: Asking, export_id: str) -> Answer:
    """Forget an export, done or not. Its files are not there from now on."""
    exports.cancel(asking, _read_id(export_id))
    words = outcomes.Issue("informational", "The export is forgotten, with its files.", severity="information")
    return Answer(202, outcomes.outcome([words]))


def _read_id(export_id: str) -> UUID:
    return records.read_id(export_id)


# --- Its files -----------------------------------------------------------------------------------
def file(_sent: Sent, _told: Asked, asking: Asking, export_id: str, name: str) -> Answer:
    """Return one file, made now: each record is decided on again, with a line on its list before it opens."""
    export, state = exports.find(asking, _read_id(export_id))
    found = _named(state, name)
    content = bytearray()
    for one in exports.lines(asking, export, state, found):
        content += text.dumps(one) + b"\n"
        if len(content) > LARGEST_BYTES:
            raise Refusal(422, "too-costly", _TOO_LARGE)
    if not content:
        raise Refusal(404, "not-found", _CLOSED)
    return Answer(200, lines=bytes(content))


def _named(state: State, name: str) -> File:
    files = [] if state.left else exports.files(state)
    found = next((one for one in files if f"{one.name}.ndjson" == name), None)
    if found is None:
        raise outcomes.not_there()
    return found
