"""Where programs, not people, ask: discovery, tokens, introspection, revocation. No session, no cookie, JSON only."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from ehr import clock
from ehr.accounts import attempts
from ehr.frame import sessions
from ehr.smart import allowing, clients, discovery, identity, issuing, places, scopes, tokens
from ehr.smart.clients import NotTheApp
from ehr.smart.issuing import Refused
from ehr.smart.models import App, Token

View = Callable[..., HttpResponse]
FORM = "application/x-www-form-urlencoded"


def from_any_origin(*methods: str) -> Callable[[View], View]:
    """Let programs that run in a browser ask from any origin. What answers looks at no cookie, so it tells no more."""

    def decorate(view: View) -> View:
        @wraps(view)
        @csrf_exempt
        def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if request.method == "OPTIONS":
                response = HttpResponse(status=204)
                response["Access-Control-Allow-Methods"] = ", ".join(methods)
                response["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
            elif ("GET" if request.method == "HEAD" else request.method) in methods:
                response = view(request, *args, **kwargs)
            else:
                response = JsonResponse({"error": "invalid_request"}, status=405, headers={"Allow": ", ".join(methods)})
            response["Access-Control-Allow-Origin"] = "*"
            return response

        return guarded

    return decorate


@from_any_origin("GET")
def smart_configuration(_request: HttpRequest) -> HttpResponse:
    """What this server offers to SMART apps."""
    return JsonResponse(discovery.smart_configuration())


@from_any_origin("GET")
def openid_configuration(_request: HttpRequest) -> HttpResponse:
    """What this server offers to whoever signs in through it."""
    return JsonResponse(discovery.openid_configuration())


@from_any_origin("GET")
def keys(_request: HttpRequest) -> HttpResponse:
    """The public keys of what is signed for apps."""
    return JsonResponse(identity.public_keys())


def _posted(view: Callable[[HttpRequest, dict[str, str]], HttpResponse]) -> View:
    """Hand a view its form, each field once; count tries that fail, and answer refusals as OAuth does."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        told = {name: request.POST.get(name, "") for name in request.POST}
        once = all(len(request.POST.getlist(name)) == 1 and "\x00" not in told[name] for name in told)
        if request.content_type != FORM or not once:
            return refusal("invalid_request", f"Send each parameter once, in signs that a text has, as {FORM}.")
        try:
            attempt = attempts.begin("app-token", account=_named(told), address=sessions.address(request))
        except attempts.TooMany as stop:
            return _later(stop)
        try:
            response = view(request, told)
        except NotTheApp as problem:
            return refusal("invalid_client", problem.words, status=401)
        except Refused as problem:
            return refusal(problem.error, problem.words)
        attempts.turned_out_well(attempt)
        return response

    return guarded


def _named(told: dict[str, str]) -> str:
    """Return the app a form names, to count its tries; nothing is believed by that."""
    return told.get("client_id") or clients.claimed(told.get("client_assertion", ""))


def refusal(error: str, words: str, *, status: int = 400) -> HttpResponse:
    """Return an OAuth error (RFC 6749 §5.2)."""
    return JsonResponse({"error": error, "error_description": words}, status=status)


def _later(stop: attempts.TooMany) -> HttpResponse:
    response = refusal("temporarily_unavailable", "Too many requests failed. Wait, then try again.", status=429)
    response["Retry-After"] = str(max(1, int((stop.until - clock.now()).total_seconds())))
    return response


@from_any_origin("POST")
@_posted
def token(_request: HttpRequest, told: dict[str, str]) -> HttpResponse:
    """Tokens for a code, for a refresh token, or for a service that signs."""
    kind = told.get("grant_type", "")
    answers = {"authorization_code": _for_code, "refresh_token": _for_refresh, "client_credentials": _for_service}
    if kind not in answers:
        raise Refused("unsupported_grant_type", f"Send a grant_type of {', '.join(answers)}.")
    told = clients.named(told) if kind == "refresh_token" else told
    app = clients.authenticate(told, proven=kind == "client_credentials")
    if app.is_service != (kind == "client_credentials"):
        raise Refused("unauthorized_client", "This client is registered for another grant_type.")
    return JsonResponse(answers[kind](app, told))


def _for_code(app: App, told: dict[str, str]) -> dict[str, object]:
    return issuing.exchange(
        app,
        code=told.get("code", ""),
        verifier=told.get("code_verifier", ""),
        redirect_uri=told.get("redirect_uri", ""),
    )


def _for_refresh(app: App, told: dict[str, str]) -> dict[str, object]:
    return issuing.refresh(app, token=told.get("refresh_token", ""), scope=told.get("scope", ""))


def _for_service(app: App, told: dict[str, str]) -> dict[str, object]:
    scope = told.get("scope", "")
    if app.is_reading:
        return issuing.for_reading_service(app, scope=scope, statement=told["client_assertion"])
    return issuing.for_service(app, scope=scope)


@from_any_origin("POST")
@_posted
def introspect(_request: HttpRequest, told: dict[str, str]) -> HttpResponse:
    """What a token is good for, told to the app it was made for and to services that may ask (RFC 7662)."""
    app = clients.authenticate(told, proven=True)
    row = tokens.find(told.get("token", ""))
    if row is None or not (app.may_introspect or row.authorization.app_id == app.pk):
        return JsonResponse({"active": False})
    return JsonResponse(_about(row))


def _about(row: Token) -> dict[str, object]:
    authorization = row.authorization
    about: dict[str, object] = {
        "active": True,
        "scope": row.scope,
        "client_id": authorization.app.client_id,
        "token_type": "Bearer" if row.kind == Token.Kind.ACCESS else "refresh_token",
        "iat": int(row.made_at.timestamp()),
        "exp": int(row.expires_at.timestamp()),
        "iss": places.base(),
    }
    if authorization.user_id is not None:
        about["sub"] = identity.subject(authorization)
    if authorization.patient_id is not None:
        about["patient"] = str(authorization.patient_id)
    if scopes.FHIR_USER in scopes.read(row.scope).plain:
        about["fhirUser"] = identity.fhir_user(authorization)
    return about


@from_any_origin("POST")
@_posted
def revoke(_request: HttpRequest, told: dict[str, str]) -> HttpResponse:
    """An app gives back what it was allowed (RFC 7009): all of it, whichever of its tokens it shows."""
    app = clients.authenticate(told)
    row = tokens.find(told.get("token", ""))
    if row is not None and row.authorization.app_id == app.pk:
        allowing.stop(row.authorization, because="by-app")
    return HttpResponse(status=200)
