"""What the entries of a record are called: the sender's name for something becomes ours, the same each time.

Keyed and bound to the patient, for an id stands in clear: one doctor's resource in two records must not link them. A
name is computed and never looked up, so that it says nothing of whether its target is there, or may be seen.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping
from functools import cached_property

from django.conf import settings

from ehr.crypto.digests import keyed
from ehr.r4 import labels
from patients.models import Identifier, Patient
from patients.queries import OWN_SYSTEMS, identifier_digest

_NAME = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})((?:/_history/[A-Za-z0-9\-.]{1,64})?)")
# Elements that hold the name of another resource; a name of ours in any other text stays as it came.
_HOLDERS = frozenset({"reference", "url"})


def logical_id(patient_id: uuid.UUID, source: str, name: str) -> uuid.UUID:
    """Return the id of the entry that a source calls "Type/id": the same in each delivery, and for no other patient."""
    digest = keyed(settings.INDEX_KEY, "logical-id", f"{patient_id}|{source}|{name}")
    return uuid.UUID(bytes=digest[:16], version=5)


def named_by_source(source: str, name: str) -> tuple[str, str]:
    """Return the identifier that says "what this source calls Patient/12", by which later deliveries find them.

    Its value is a digest: identifiers match without regard to dashes and case, and Patient/1-2 is not Patient/12.
    """
    return f"{OWN_SYSTEMS}source:{source}", hashlib.sha256(name.encode()).hexdigest()


class Naming:
    """The names in one record, as the senders of its entries gave them and as this server gives them out."""

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        self._known: dict[tuple[str, str], str] = {}

    def name(self, source: str, name: str) -> str:
        """Return this server's "Type/id" for a source's; the one whose record this is, is Patient/<pk>."""
        ours = self._known.get((source, name))
        if ours is None:
            kind = name.partition("/")[0]
            own = kind == "Patient" and self._is_own(source, name)
            ours = f"Patient/{self.patient.pk}" if own else f"{kind}/{logical_id(self.patient.pk, source, name)}"
            self._known[source, name] = ours
        return ours

    def resource(self, resource: Mapping, *, source: str) -> dict:
        """Return a source's resource with every reference inside the record in this server's names; the rest as it is.

        What was written here (`source` empty) says them already. Links to elsewhere and contained ones stay.
        """
        return {name: self._inside(value, source) for name, value in resource.items()} if source else dict(resource)

    def _inside(self, value, source: str):
        if isinstance(value, dict):
            return {
                name: self._reference(item, source)
                if name in _HOLDERS and isinstance(item, str)
                else self._inside(item, source)
                for name, item in value.items()
            }
        return [self._inside(item, source) for item in value] if isinstance(value, list) else value

    def _reference(self, text: str, source: str) -> str:
        found = _NAME.fullmatch(text)
        if found is None or found[1] not in labels.types():
            return text
        return self.name(source, f"{found[1]}/{found[2]}") + found[3]

    def _is_own(self, source: str, name: str) -> bool:
        return identifier_digest(*named_by_source(source, name)) in self._own

    @cached_property
    def _own(self) -> frozenset[bytes]:
        held = Identifier.objects.filter(patient=self.patient, system__startswith=f"{OWN_SYSTEMS}source:")
        return frozenset(bytes(one) for one in held.values_list("digest", flat=True))
