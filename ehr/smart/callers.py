"""Who asks with an app's token: whoever allowed it, with which keys, and what the token is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from consent.access.callers import Caller
from ehr.smart.scopes import Scopes
from patients.models import Patient

PERSONS = ("patient", "user")
_NONE = Scopes(frozenset(), ())


@dataclass(frozen=True)
class SmartCaller(Caller):
    """Who asks with an app's token: whoever allowed it, the app's own keys or theirs, and what the token is for.

    `patient` is whose record the app was begun with, None where with nobody's.
    """

    scopes: Scopes = _NONE
    patient: Patient | None = None
    client_id: str = ""
    authorization_id: UUID | None = None

    def allows(
        self,
        kind: str,
        interaction: str,
        index: Mapping[str, object] | None = None,
        *,
        patient: Patient | None = None,
    ) -> bool:
        """Tell whether the token's scopes let something be done with a type of resource, by FHIR's interaction code.

        With the search values of one resource, also whether it is in a category they name: ask for each that is shown
        or written. Without, whether there may be such ones: ask before anything is opened. `patient` is whose record;
        without one, whoever's the app was begun with.
        """
        return self.scopes.allow(kind, interaction, index, *self._levels(patient))

    def names(self, kind: str, *, patient: Patient | None = None) -> bool:
        """Tell whether a scope of its own lets a type be read, of a patient or of anybody the token is for."""
        return self.scopes.name(kind, *self._levels(patient))

    def reaches(self, patient: Patient) -> bool:
        """Tell whether the token is for this patient's record at all; what opens there, the door decides."""
        return any(scope.level in self._levels(patient) for scope in self.scopes.resources)

    def _levels(self, patient: Patient | None) -> tuple[str, ...]:
        about = patient or self.patient
        if about is None or (about is not self.patient and (self.patient is None or about.pk != self.patient.pk)):
            return ("user",) if self.app is None else ()
        return PERSONS

    def towards(self, patient: Patient) -> "SmartCaller | None":  # noqa: ARG002 - a service is another one for each
        """Return who asks the door for a patient's record: whoever asks at all."""
        return self
