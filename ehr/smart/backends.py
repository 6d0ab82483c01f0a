"""Services that read: for each patient who lets one in it is an app with keys and a grant of its own.

Those keys are sealed to the service's, and the service's are the keyholder's, which hands them out for a statement that
the service signed: for five minutes, under its token. So a patient's permission is one like any other, and what one
patient's keys open says nothing of another's.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.db.models import QuerySet

from audit import log
from consent import escrow
from consent.access import Presence
from consent.keyholder.backends import OPENED_BY, Registered
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.accounts.keyrings.carried import deposited
from ehr.accounts.models import KeyVersion
from ehr.crypto.digests import joined
from ehr.smart import binding, places, scopes, standing
from ehr.smart.callers import SmartCaller
from ehr.smart.models import App, Authorization, Deposit
from ehr.smart.scopes import Scopes
from ehr.words import Category, Purpose
from patients.models import Patient
from providers.queries import stands


class KeyExchanged(Exception):
    """A service's stored public key is not the one the log has for it. Nothing was sealed to it."""


def registered(app: App) -> Registered:
    """Return what a service's keyring is bound to: its name, where its statements are for, its keys."""
    return Registered(app.client_id, places.at("token"), json.dumps(app.jwks, sort_keys=True, separators=(",", ":")))


def offered() -> QuerySet[App]:
    """Return the services that read and are in use, by name."""
    rows = App.objects.filter(reader__isnull=False, stopped_at=None, institution__isnull=False)
    return rows.select_related("institution", "reader__keyring").order_by("name", "pk")


def open_to_patients() -> list[App]:
    """Return those services that a patient may let in now: of institutions in standing."""
    at = clock.now()
    return [one for one in offered() if stands(one.institution, at)]


def find(client_id: str) -> App | None:
    """Return one of the services that a patient may let in now, or None."""
    return next((one for one in open_to_patients() if one.client_id == client_id), None)


# --- Its keys ------------------------------------------------------------------------------------
def admitted(app: App, statement: str, *, scope: str) -> OpenKeyring:
    """Return a service's keyring, which the keyholder hands out for a statement that it signed. Raises NotReleased.

    The line is on the log of the site before that. Call it outside a transaction.
    """

    def record(to: str, digest: str):
        details = {"to": to, "statement": digest, "reader": str(app.reader_id), "app": app.client_id, "scope": scope}
        actor = log.Party("system", app.reader_id, app.name, "service", app.publisher)
        return log.record(OPENED_BY, actor=actor, subject=None, details=details)

    return escrow.service_admitted(present_version(app), registered(app), statement, record=record)


def present_version(app: App) -> KeyVersion:
    """Return the service's present key, as the log has it. Raises KeyExchanged."""
    version = accounts.present_version(app.reader) if app.reader else None
    if version is None or not accounts.is_present(version):
        raise KeyExchanged(f"The key of {app.client_id} is not the one on the log.")
    return version


def deposit(authorization: Authorization, own: OpenKeyring) -> None:
    """Put the keyring of one connection where the service finds it, sealed to its key. Raises KeyExchanged."""
    version = present_version(authorization.app)
    sealed = own.seal_to(version, info=_info(authorization))
    Deposit.objects.create(authorization=authorization, key_version=version, sealed=sealed)


def _info(authorization: Authorization) -> bytes:
    """Return what a deposit is bound to: whose it is, for what, until when. A changed row opens nothing."""
    return joined(b"service-deposit/v1", binding.terms(authorization))


# --- Asking --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ServiceCaller(SmartCaller):
    """A service that reads. Alone it may do nothing; towards each patient who let it in it is that patient's app."""

    @cached_property
    def _let_in(self) -> Mapping[uuid.UUID, Authorization]:
        """What holds for it at the time of the request, by patient. Whether anything opens, the door decides anew."""
        at = clock.now()
        rows = Authorization.objects.live(at).filter(kind=Authorization.Kind.PATIENT, app__client_id=self.client_id)
        rows = rows.filter(deposit__isnull=False)
        rows = rows.select_related("app__institution", "user", "patient__user", "grant", "version__reader", "deposit")
        held = (one for one in rows.order_by("made_at") if standing.lives(one, at))
        return {one.patient_id: one for one in held}

    @property
    def patients(self) -> list[Patient]:
        """Those who let it in, by name."""
        found = [one.patient for one in self._let_in.values()]
        return sorted(found, key=lambda one: (one.name.casefold(), str(one.pk)))

    def towards(self, patient: Patient) -> SmartCaller | None:
        """Return it as the app that a patient let in, with that app's keys; None where nothing holds or opens."""
        authorization = self._let_in.get(patient.pk)
        version = authorization.version if authorization else None
        if authorization is None or version is None or self.keyring is None:
            return None
        held, info = authorization.deposit, _info(authorization)
        try:
            text = self.keyring.open_seal(bytes(held.sealed), info=info, version_id=held.key_version_id)
            own = deposited(version, text)
        except CannotOpen:
            return None
        return SmartCaller(
            user=patient.user,
            keyring=own,
            app=version.reader,
            parts=frozenset(map(Category, authorization.categories)),
            writes=frozenset(),
            purpose=Purpose.PATRQT,
            presence=self.presence,
            via=self.via,
            scopes=self.scopes,
            patient=patient,
            client_id=self.client_id,
            authorization_id=authorization.pk,
        )

    def allows(
        self,
        kind: str,
        interaction: str,
        index: Mapping[str, object] | None = None,
        *,
        patient: Patient | None = None,
    ) -> bool:
        """Tell whether its token lets something be read, and, of one patient's record, whether they ticked it, too."""
        if not self.scopes.allow(kind, interaction, index, "system"):
            return False
        if patient is None:
            return True
        authorization = self._let_in.get(patient.pk)
        ticked = scopes.read(authorization.scope) if authorization else None
        return ticked is not None and ticked.allow(kind, interaction, index, "system")

    def names(self, kind: str, *, patient: Patient | None = None) -> bool:
        if not self.scopes.name(kind, "system"):
            return False
        authorization = self._let_in.get(patient.pk) if patient else None
        ticked = scopes.read(authorization.scope) if authorization else None
        return patient is None or (ticked is not None and ticked.name(kind, "system"))

    def reaches(self, patient: Patient) -> bool:
        return patient.pk in self._let_in


def caller(
    authorization: Authorization, keyring: OpenKeyring, *, scope: Scopes, presence: Presence
) -> ServiceCaller | None:
    """Return who asks with a token of a service that reads."""
    app = authorization.app
    if app.reader_id != keyring.reader_id or authorization.version is None:
        return None
    return ServiceCaller(
        user=app.user,
        keyring=keyring,
        app=authorization.version.reader,
        parts=frozenset(),
        writes=frozenset(),
        purpose=Purpose.PATRQT,
        presence=presence,
        via=app.name,
        scopes=scope.reading(),
        client_id=app.client_id,
        authorization_id=authorization.pk,
    )
