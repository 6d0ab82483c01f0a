"""The file that was sealed beside a document, as a Binary: what a DocumentReference says of without a url or data."""

import base64
from collections.abc import Mapping, Sequence

from ehr.crypto.formats import CannotOpen
from ehr.fhir import naming
from ehr.fhir.records import Record, Seen

HOLDERS = frozenset({"DocumentReference", "Media"})


def beside(record: Record, fhir_id: str) -> dict | None:
    """Return the file beside the document with an id as a Binary; None where there is none that may be seen."""
    document = next((one for one in record.current.values() if one.kind in HOLDERS and one.id == fhir_id), None)
    if document is None or document.row is None:
        return None
    try:
        content = document.row.attachment
    except CannotOpen:
        return None
    return {
        "resourceType": "Binary",
        "id": fhir_id,
        "meta": {"versionId": document.version_id, "lastUpdated": naming.instant(document.written_at)},
        "contentType": _media_type(document),
        "securityContext": {"reference": document.name},
        "data": base64.b64encode(content).decode(),
    }


def _media_type(document: Seen) -> str:
    """Return what kind of file a document says that it is."""
    for holder in _holders(document.resource):
        attachment = holder.get("attachment", holder.get("content"))
        if isinstance(attachment, Mapping) and isinstance(attachment.get("contentType"), str):
            return attachment["contentType"]
    return "application/octet-stream"


def _holders(resource: Mapping) -> Sequence[Mapping]:
    content = resource.get("content")
    return [one for one in content if isinstance(one, Mapping)] if isinstance(content, list) else [resource]
