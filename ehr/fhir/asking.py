"""Who asks: whose keys, through which app, how far its scopes let it. Whether a record opens is the door's to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from django.http import HttpRequest

from audit import log
from ehr.smart import tokens
from ehr.smart.tokens import SmartCaller
from patients.models import Patient
from providers.queries import party


class Opened(Protocol):
    """What was opened for a request."""

    def forget(self) -> None: ...


@dataclass(frozen=True)
class Asking:
    """Who stands behind a request, for its length, and what was opened for them."""

    caller: SmartCaller
    opened: list[Opened] = field(default_factory=list, repr=False, compare=False)

    def forget(self) -> None:
        """Let go of what was opened: at once, and not when Python looks for what is unused."""
        for one in self.opened:
            one.forget()
        self.opened.clear()

    @property
    def client(self) -> str:
        """By what this client is counted and its pages are sealed: one app in the hands of one person."""
        return f"{self.caller.client_id} {self.caller.user.pk}"

    @property
    def party(self) -> log.Party:
        """Whoever asks, as the log writes them down."""
        app = self.caller.app
        return log.Party("app", app.pk, app.name) if app else party(self.caller.user)

    @property
    def for_others(self) -> bool:
        """Tell whether the token may be for other records than the one its app was begun with."""
        return "user" in self.caller.scopes.levels

    def reaches(self, patient: Patient) -> bool:
        """Tell whether the token is for this patient's record at all."""
        return self.caller.reaches(patient)

    def allow(
        self, kind: str, interaction: str, index: Mapping | None = None, *, patient: Patient | None = None
    ) -> bool:
        """Tell whether the token's scopes let something be done with a type, or with one resource of a record."""
        return self.caller.allows(kind, interaction, index, patient=patient)

    def names(self, kind: str, patient: Patient) -> bool:
        """Tell whether a scope of its own lets a type be read of a patient: for what stands in no part of a record."""
        return self.caller.names(kind, patient=patient)

    def shows(self, kind: str, index: Mapping, patient: Patient) -> bool:
        """Tell whether a resource may be seen at all, read by its name or found."""
        return any(self.allow(kind, how, index, patient=patient) for how in ("read", "search-type"))


def who(request: HttpRequest) -> Asking | None:
    """Return who asks, by the token in the request's header; None where there is none that holds."""
    caller = tokens.caller_of(request)
    return Asking(caller) if caller else None
