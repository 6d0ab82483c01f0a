"""Whether what came together is one person's: nobody's entry may land in another's record by a naming passed over."""

from collections.abc import Iterable, Iterator, Mapping

from ehr.lines import names
from ehr.r4 import identity, subjects
from ehr.r4.references import Entry
from ehr.r4.subjects import Subject
from patients.models import Patient
from patients.queries import folded, identifier_digests

from . import queries


class Person:
    """Whose record it is: what the delivery calls them, their Patient resource where it came along, and who it is here.

    `what` is what came together, for messages.
    """

    def __init__(self, name: str, patient: Patient, resource: Mapping | None, *, what: str = "this bundle") -> None:
        self.name, self.patient, self.what = name, patient, what
        self._numbers = identifier_digests(identity.identifiers_in_use(resource or {})).keys()

    def strangers(
        self, entries: Iterable[Entry], *, servers: frozenset[str] = frozenset()
    ) -> Iterator[tuple[int, str]]:
        """Yield (number, what is wrong) of each entry that says that it is about somebody, and never names them.

        `servers` are those whose Patient of that id is meant, where an address is absolute.
        """
        for entry in entries:
            named = [] if entry.resource["resourceType"] == "Patient" else subjects.named(entry.resource)
            if named and not any(self._is_meant(one, servers) for one in named):
                yield entry.number, self._words(named[0])

    def _is_meant(self, said: Subject, servers: frozenset[str]) -> bool:
        if said.contained is not None:
            return self._is_same(said.contained)
        if said.identifier is not None:
            return self._has([(str(said.identifier.get("system", "")), str(said.identifier["value"]))])
        return said.name == self.name and (not said.base or said.base in servers)

    def _has(self, numbers: list[tuple[str, str]]) -> bool:
        """Tell whether one of these identifiers is theirs: by the Patient that came along, or as it is known here."""
        return not self._numbers.isdisjoint(identifier_digests(numbers)) or queries.people_with(numbers) == [
            self.patient
        ]

    def _is_same(self, contained: Mapping) -> bool:
        """Tell whether a contained Patient is them. Without identifiers, nothing it says may be another's."""
        if numbers := identity.identifiers_in_use(contained):
            return self._has(numbers)
        born, called = str(contained.get("birthDate") or ""), names.person(contained.get("name"))
        return self.patient.birth_date.isoformat().startswith(born) and (
            not called or folded(called) == folded(self.patient.name)
        )

    def _words(self, said: Subject) -> str:
        if said.contained is not None:
            return f"{said.path} is a contained Patient not known to be {self.name}, whom {self.what} is about."
        if said.identifier is not None:
            return f"{said.path} has an identifier not known to be that of {self.name}, whom {self.what} is about."
        if said.name == self.name:
            return f"{said.path} names a patient of another server, but {self.what} is about {self.name}."
        return f"is about {said.name}, but {self.what} is about {self.name}: see {said.path}."


def servers_named(entries: Iterable[Entry]) -> frozenset[str]:
    """Return the servers in whose absolute addresses a Patient is named."""
    return frozenset(one.base for entry in entries for one in subjects.named(entry.resource) if one.base)
