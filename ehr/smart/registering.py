"""Registering apps, looking at them, and taking them out of use. Each is a line on the log of the site."""

from collections.abc import Mapping

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from audit import log
from consent import escrow
from consent.sharing import apps
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import Reader, User
from ehr.accounts.operations import Refused
from ehr.smart import backends, scopes
from ehr.smart.models import App, Authorization, Code, Deposit, Token
from patients.models import Source
from patients.operations import source_signer
from providers.models import Institution

LEAST_RSA_BITS = 2048
MOST_KEYS = 10
MOST_APPS = 20  # of one developer
SERVICE_SCOPES = "system/*.c"


def register(by: User, *, public: bool, jwks: Mapping | None = None, **told: object) -> App:
    """Register an app that people let in. It may be tried at once, and is shown as not looked at until staff did.

    Raises Refused for too many, and ValidationError, by field, for what is not in order.
    """
    if App.objects.filter(user=by, stopped_at=None).count() >= MOST_APPS:
        raise Refused(_("You have as many apps as one account may. Take one out of use first."))
    app = App(
        user=by,
        client_type=App.CLIENT_PUBLIC if public else App.CLIENT_CONFIDENTIAL,
        authorization_grant_type=App.GRANT_AUTHORIZATION_CODE,
        jwks={} if public else dict(jwks or {}),
        **told,
    )
    return _kept(app, by, "app.registered")


def register_service(by: User, *, source: str, jwks: Mapping, **told: object) -> App:
    """Register a service that only sends: its tokens write as one registered source, and read nothing."""
    app = App(
        user=by,
        client_type=App.CLIENT_CONFIDENTIAL,
        authorization_grant_type=App.GRANT_CLIENT_CREDENTIALS,
        jwks=dict(jwks),
        scope=SERVICE_SCOPES,
        reviewed_at=clock.now(),
        reviewed_by=by,
        **told,
    )
    with transaction.atomic():
        app.source = Source.objects.get(pk=source_signer(source).source_id)
        return _kept(app, by, "app.registered")


def register_reading_service(by: User, *, institution: Institution, jwks: Mapping, scope: str, **told: object) -> App:
    """Register a service that reads of patients who let it in. The keyholder makes its keyring, bound to these keys.

    Raises ValidationError, by field, and NotReleased where the keyholder is away. It keeps these keys for good: with
    other ones it is another service, which patients let in anew.
    """
    escrow.require_keyholder()
    app = App(
        user=by,
        client_type=App.CLIENT_CONFIDENTIAL,
        authorization_grant_type=App.GRANT_CLIENT_CREDENTIALS,
        jwks=dict(jwks),
        scope=scope,
        institution=institution,
        publisher=institution.name,
        reviewed_at=clock.now(),
        reviewed_by=by,
        **told,
    )
    asked = scopes.read(scope)
    if asked != asked.reading() or any(one.kind in scopes.BY_NAME for one in asked.resources):
        raise ValidationError({"scope": _("A service that reads asks for system/….rs, and for nobody’s list.")})
    with transaction.atomic():
        app.reader = Reader.objects.create(kind=Reader.Kind.SERVICE, name=f"{app.name} ({app.client_id})"[:200])
        app = _kept(app, by, "app.registered")
    escrow.service_begun(app.reader, backends.registered(app))
    return app


def change(app: App, *, by: User, public: bool, jwks: Mapping | None = None, **told: object) -> App:
    """Change what an app's makers say of it. It must be looked at anew, for it is another app now."""
    for name, value in told.items():
        setattr(app, name, value)
    app.client_type = App.CLIENT_PUBLIC if public else App.CLIENT_CONFIDENTIAL
    app.jwks = {} if public else dict(jwks or {})
    app.reviewed_at = app.reviewed_by = None
    return _kept(app, by, "app.changed")


def review(app: App, *, by: User, reason: str) -> None:
    """Note that staff looked at an app. Nobody looks at their own. Raises Refused."""
    if app.user_id == by.pk:
        raise Refused(_("You registered this app yourself. Somebody else has to look at it."))
    with transaction.atomic():
        App.objects.filter(pk=app.pk, stopped_at=None).update(reviewed_at=clock.now(), reviewed_by=by)
        _line(app, by, "app.reviewed", because=reason)


def withdraw(app: App, *, by: User, reason: str = "") -> None:
    """Take an app out of use for everybody: the next request of each of its tokens finds nothing. Twice is once."""
    with transaction.atomic():
        if not App.objects.filter(pk=app.pk, stopped_at=None).update(stopped_at=clock.now()):
            return
        _line(app, by, "app.withdrawn", because=reason)
    apps.withdraw(app.client_id)
    Token.objects.filter(authorization__app=app).delete()
    Code.objects.filter(authorization__app=app).delete()
    Deposit.objects.filter(authorization__app=app).delete()
    Authorization.objects.filter(app=app, stopped_at=None).update(
        stopped_at=clock.now(), stopped_because="app-withdrawn"
    )


def _kept(app: App, by: User, action: str) -> App:
    """Store an app once all of it is in order. Raises ValidationError."""
    app.full_clean(exclude=["reviewed_by", "source", "reader"])
    if not app.is_public:
        _check_keys(app.jwks)
    told = scopes.read(app.scope)
    levels = {"system"} if app.is_service else {"patient", "user"}
    if not told or not told.levels <= levels or len(app.scope.split()) != len(told.plain) + len(told.resources):
        raise ValidationError(
            {"scope": _("Name scopes of SMART version 2, each once, such as patient/Observation.rs.")}
        )
    with transaction.atomic():
        app.save()
        _line(app, by, action)
    return app


def _check_keys(jwks: Mapping) -> None:
    """Raise ValidationError unless these are public keys that may sign: RSA of 2,048 bits or P-384, each with a kid."""
    problem = ValidationError(
        {"jwks": _("Give a JSON Web Key Set of public keys, RSA from 2,048 bits on or P-384, each with its own kid.")}
    )
    try:
        if b"\\u0000" in orjson.dumps(jwks):  # which PostgreSQL does not keep
            raise problem
        keys = KeySet.import_key_set(jwks).keys
    except (JoseError, ValueError, KeyError, TypeError) as why:
        raise problem from why
    kids = [key.kid for key in keys]
    strong = all(
        not key.is_private
        and (
            (isinstance(key, RSAKey) and key.raw_value.key_size >= LEAST_RSA_BITS)
            or (isinstance(key, ECKey) and key.curve_name == "P-384")
        )
        for key in keys
    )
    if not 0 < len(keys) <= MOST_KEYS or not strong or not all(kids) or len(set(kids)) != len(kids):
        raise problem


def _line(app: App, by: User, action: str, because: str = "") -> None:
    told = {"app": app.client_id, "reader_name": app.name, "scope": app.scope, "redirect_uris": app.redirect_uris}
    log.append(action, actor=accounts.party(by), subject=None, outcome="done", because=because[:500], details=told)
