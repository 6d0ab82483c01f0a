"""The file beside a document: by which digests its author vouches for it.

Its pieces are sealed but not signed, so whoever holds the entry's key and the database could put others in their place.
The digest stands in the resource, which its author signs. FHIR's Attachment.hash is SHA-1; what people add here has a
SHA-256 in an extension. What was stored before there was one says nothing, and vouches for nothing.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping

SHA256 = "https://chartseal.org/fhir/StructureDefinition/attachment-sha256"


def vouching(resource: dict, content: bytes) -> dict:
    """Return a document whose first attachment names the SHA-256 of the file beside it; one without stays as it is."""
    listed = resource.get("content")
    if not isinstance(listed, list) or not listed or "attachment" not in listed[0]:
        return resource
    file = listed[0]["attachment"]
    kept = [one for one in file.get("extension", ()) if one.get("url") != SHA256]
    said = {"url": SHA256, "valueBase64Binary": _base64(hashlib.sha256(content).digest())}
    first = {**listed[0], "attachment": {**file, "extension": [*kept, said]}}
    return {**resource, "content": [first, *listed[1:]]}


def fits(resource: Mapping, content: bytes) -> bool:
    """Tell whether this is the file that a resource names by its digest; true where it names none."""
    files = list(_sealed(resource))
    if named := [digest for file in files for digest in _sha256(file)]:
        return _base64(hashlib.sha256(content).digest()) in named
    hashes = [file["hash"] for file in files if isinstance(file.get("hash"), str)]
    return not hashes or _base64(hashlib.sha1(content, usedforsecurity=False).digest()) in hashes


def _sealed(resource: Mapping) -> Iterator[Mapping]:
    """Yield what a DocumentReference or Media says of the file that lies beside it, neither inside nor elsewhere."""
    content = resource.get("content")
    listed = content if isinstance(content, list) else [{"attachment": content}]
    for file in (one.get("attachment") for one in listed if isinstance(one, Mapping)):
        if isinstance(file, Mapping) and not file.get("data") and not file.get("url"):
            yield file


def _sha256(file: Mapping) -> Iterator[object]:
    extensions = file.get("extension")
    for one in extensions if isinstance(extensions, list) else ():
        if isinstance(one, Mapping) and one.get("url") == SHA256:
            yield one.get("valueBase64Binary")


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
