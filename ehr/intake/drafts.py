"""Resources become drafts to seal: labelled, with their search values, and recognisable when they come again."""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping

from django.conf import settings

from consent.access import Draft
from ehr.crypto.digests import keyed
from ehr.r4 import labels, references, search, text
from ehr.r4.labels import Labels
from patients import naming
from patients.models import Patient

from . import queries
from .refusals import Refused


def make(
    patient: Patient,
    resources: Iterable[dict],
    *,
    source: str,
    files: Mapping[str, bytes] | None = None,
    belonging: Mapping[str, Labels] | None = None,
) -> Iterator[tuple[str, Draft]]:
    """Yield (resource type, draft) for each resource that is new, or changed (then its next version).

    `files` holds, by "Type/id", what is sealed beside a resource; the resource names its digest, so another file is a
    change. `belonging` says where one belongs that does not say so itself. The same twice is made once. Raises Refused
    for two of one name that differ.
    """
    resources = list(resources)
    context = {references.name_of(resource): resource for resource in resources}
    stored = queries.stored(patient)
    names = naming.Naming(patient)
    made: dict[uuid.UUID, bytes] = {}
    for resource in resources:
        found = (belonging or {}).get(references.name_of(resource)) or labels.label(resource, context=context)
        stamped = labels.stamp(resource, found)
        body = text.dumps(stamped)
        logical_id = naming.logical_id(patient.pk, source, references.name_of(resource))
        if (earlier := made.setdefault(logical_id, body)) is not body:
            if earlier == body:
                continue
            raise Refused(f"{references.name_of(resource)} stands here twice, in different words. Send one of the two.")
        known = stored.get(logical_id, queries.NOTHING_YET)
        # What was sent before in these words is not sent anew over what was corrected, or taken out, here meanwhile.
        if known.origin and known.origin == _origin(logical_id, known.sent, body):
            continue
        version = known.version
        draft = Draft(
            resource=body,
            parts=tuple(str(category) for category in found.categories),
            # What is searched for is said in this server's names, so the values are, too.
            search=text.dumps(search.values(names.resource(stamped, source=source) | {"id": str(logical_id)})),
            logical_id=logical_id,
            version=version + 1,
            origin=_origin(logical_id, version + 1, body),
            attachment=(files or {}).get(references.name_of(resource), b""),
        )
        yield resource["resourceType"], draft


def _origin(logical_id: uuid.UUID, version: int, body: bytes) -> bytes:
    """Return the keyed digest by which the same content is recognised when it comes again."""
    return keyed(settings.INDEX_KEY, "origin", f"{logical_id}|{version}|{hashlib.sha256(body).hexdigest()}")
