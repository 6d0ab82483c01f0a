"""The pages on which a person reads what an app asks for, chooses, and says yes or no."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import wraps
from urllib.parse import urlsplit
from uuid import UUID

from csp.constants import SELF
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import reach
from consent.delegates import queries as delegates
from consent.sharing import apps
from consent.sharing.proposing import CannotGive
from ehr.accounts import attempts
from ehr.frame import presence, roles, sessions
from ehr.frame.forms import tick_all
from ehr.smart import allowing, authorizing, backends, drafts, launching, scopes, words
from ehr.smart.allowing import AllowedBefore, Answer
from ehr.smart.authorizing import Asked, NotAnApp, SendBack, send_back
from ehr.smart.forms import ClinicianForm, ConfirmForm, PatientForm
from ehr.words import SENSITIVE
from patients.models import Patient

View = Callable[..., HttpResponse]
PATIENT, CLINICIAN = "patient", "clinician"


def answered(view: View) -> View:
    """Tell the person, or the app, what cannot be asked."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotAnApp as problem:
            return _not_an_app(request, problem)
        except SendBack as problem:
            told = {"error": problem.error, "error_description": problem.words}
            return send_back(problem.redirect_uri, problem.state, **told)
        except AllowedBefore as problem:
            return _said(request, problem.message, title=_("This was answered"), status=409)

    return guarded


def _said(request: HttpRequest, message: str, *, title: str, status: int) -> HttpResponse:
    """Return a page that says what was not done."""
    return render(request, "smart/said.html", {"title": title, "message": message}, status=status)


def _not_an_app(request: HttpRequest, problem: NotAnApp) -> HttpResponse:
    title = _("This app cannot be let in")
    try:
        attempts.begin("app-authorize", account=request.GET.get("client_id", ""), address=sessions.address(request))
    except attempts.TooMany as stop:
        return _said(request, stop.message, title=title, status=429)
    return _said(request, problem.message, title=title, status=400)


@require_GET
@answered
def authorize(request: HttpRequest) -> HttpResponse:
    """Where an app sends a person: what it asks is checked and kept, and who they are and their keys come first."""
    asked = authorizing.read(request.GET)
    missing = roles.missing_step(request)
    late = not missing and asked.signed_in_too_long_ago(sessions.began(request))
    if asked.quiet:
        raise _refused(asked, "login_required" if missing or late else "interaction_required")
    if late:
        return _sign_in_anew(request, asked)
    if missing:
        anew = asked.oldest is not None and not request.user.is_authenticated
        return redirect(_sign_in_for(request) if anew else missing)
    if request.keyring is None:
        return redirect(roles.step(request, "front:unlock"))
    patient = _begun_with(request, asked)
    hats = _hats(request, patient)
    if not hats and delegates.has_any(request.user):
        return _not_for_others(request)
    if not hats:
        raise _refused(asked, "access_denied")
    draft = drafts.begin(
        request, request.GET, hat=hats[0] if len(hats) == 1 else "", patient=str(patient.pk) if patient else ""
    )
    return redirect("smart:ask", draft)


def _sign_in_anew(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Ask who is there once more. Following a link signs nobody out: the new session takes the old one's place."""
    if asked.launch:
        raise _refused(asked, "login_required")  # a launch lives in the session it was made in
    messages.info(request, _("%(name)s asks that you sign in once more.") % {"name": asked.app.name})
    return redirect(_sign_in_for(request))


def _sign_in_for(request: HttpRequest) -> str:
    left = authorizing.after_signing_in(request.GET)
    return roles.with_next("front:sign-in", f"{request.path}?{left.urlencode()}")


def _not_for_others(request: HttpRequest) -> HttpResponse:
    """Say to somebody who acts for others, and has no record of their own, what they can do instead."""
    words = _(
        "An app works with keys that only a patient can give it, so you cannot let one in for somebody you act for. "
        "Nothing was shared. Let in a doctor instead, on the pages where you act, if you may share. Once the patient "
        "has keys of their own, they can let the app in themselves."
    )
    return _said(request, words, title=_("This app cannot be let in for somebody else"), status=403)


def _refused(asked: Asked, error: str) -> SendBack:
    words = {
        "login_required": "The person must sign in.",
        "interaction_required": "The person must be asked.",
        "access_denied": "The person said no, or has no record here to share.",
    }
    return SendBack(error, words[error], redirect_uri=asked.redirect_uri, state=asked.state)


def _begun_with(request: HttpRequest, asked: Asked) -> Patient | None:
    """Return whose record the app was opened from, or None where it began by itself. Raises SendBack."""
    if not asked.launch:
        return None
    session = presence.session_digest(request)
    patient = launching.take(asked.launch, app=asked.app, user=request.user, session=session)
    if patient is None:
        words = "This launch is over, was used, or is another's. Open the app from the record again."
        raise SendBack("invalid_request", words, redirect_uri=asked.redirect_uri, state=asked.state)
    return patient


def _hats(request: HttpRequest, patient: Patient | None) -> list[str]:
    """Return as whom a person may let an app in: as a patient, as a clinician, or as either."""
    own, works = roles.patient_of(request.user), roles.clinician_of(request.user)
    if patient is not None:
        return [PATIENT if own is not None and own.pk == patient.pk else CLINICIAN]
    return [hat for hat, there in ((PATIENT, own), (CLINICIAN, works)) if there is not None]


@require_GET
@roles.signed_in
def services_to_let_in(request: HttpRequest) -> HttpResponse:
    """The services of institutions that a patient may let in to their own record."""
    _own(request)
    return render(request, "smart/services.html", {"services": backends.open_to_patients()})


@require_POST
@roles.signed_in
@roles.unlocked
def begin_service(request: HttpRequest, client_id: str) -> HttpResponse:
    """Begin to let one in: what it asks for comes next."""
    patient = _own(request)
    if backends.find(client_id) is None:
        raise Http404
    draft = drafts.begin(request, QueryDict(), hat=PATIENT, patient=str(patient.pk), service=client_id)
    return redirect("smart:ask", draft)


def asking(view: View) -> View:
    """Let in whoever a request was kept for, signed in and unlocked, with `kept` and what is `asked`."""

    @wraps(view)
    @roles.signed_in
    @roles.unlocked
    @answered
    def guarded(request: HttpRequest, draft: UUID) -> HttpResponse:
        kept = drafts.find(request, draft)
        return view(request, draft, kept, drafts.asked(kept))

    return guarded


@require_http_methods(["GET", "POST"])
@asking
def ask(request: HttpRequest, draft: UUID, kept: dict, asked: Asked) -> HttpResponse:
    """What the app asks for, in words, and what of it the person ticks."""
    if request.POST.get("hat") in {PATIENT, CLINICIAN} and not kept["patient"]:
        drafts.keep(request, draft, hat=request.POST["hat"])
        return redirect("smart:ask", draft)
    pages = {PATIENT: _ask_patient, CLINICIAN: _ask_clinician}
    if kept["hat"] in pages:
        return pages[kept["hat"]](request, draft, kept, asked)
    return render(request, "smart/hat.html", {"app": asked.app, "draft": draft})


@require_POST
@asking
def decline(request: HttpRequest, draft: UUID, kept: dict, asked: Asked) -> HttpResponse:  # noqa: ARG001
    """No. The app is told so, and nothing else; a service never heard that it was thought of."""
    if asked.app.is_service:
        return redirect("smart:services")
    raise _refused(asked, "access_denied")


def _session(request: HttpRequest) -> dict[str, object]:
    return {"session_key": request.session.session_key, "signed_in_at": sessions.began(request)}


# --- A patient: what, then one sentence ----------------------------------------------------------
def _own(request: HttpRequest) -> Patient:
    patient = roles.patient_of(request.user)
    if patient is None:
        raise Http404
    return patient


def _ask_patient(request: HttpRequest, draft: UUID, kept: dict, asked: Asked) -> HttpResponse:
    _own(request)
    before = QueryDict(kept["answers"]) if kept.get("answers") else None
    form = PatientForm(request.POST if request.method == "POST" else before, asked=asked.scope)
    if "all" in request.POST:
        tick_all(form, "ordinary")
    elif request.method == "POST" and form.is_valid():
        drafts.keep(request, draft, answers=request.POST.urlencode(), ends=form.ends().isoformat(), sentence="")
        return redirect("smart:confirm", draft)
    return _page(request, "smart/ask.html", asked, form=form, draft=draft)


@require_http_methods(["GET", "POST"])
@asking
def confirm(request: HttpRequest, draft: UUID, kept: dict, asked: Asked) -> HttpResponse:
    """One sentence, and the button that repeats it. The same page sent twice lets the app in once."""
    patient = _own(request)
    chosen = PatientForm(QueryDict(kept.get("answers", "")), asked=asked.scope)
    if kept["hat"] != PATIENT or not chosen.is_valid():
        return redirect("smart:ask", draft)
    granted, ends = chosen.granted(), datetime.fromisoformat(kept["ends"])
    told = {"categories": chosen.categories(), "actions": allowing.actions(granted), "ends": ends}
    try:
        sentence = _sentence(patient, asked, **told)
        data = request.POST if request.method == "POST" else None
        sensitive = [part for part in told["categories"] if part in SENSITIVE]
        form = ConfirmForm(data, sensitive=sensitive, name=asked.app.name, sentence=sentence)
        if form.is_valid():
            answer = Answer(draft, form.cleaned_data["ticket"], granted, told["categories"], ends, sentence)
            if asked.app.is_service:
                return _service_let_in(request, asked, answer, patient)
            answer = replace(answer, **_session(request))
            code = allowing.by_patient(asked, answer, patient, keyring=request.keyring)
            return send_back(asked.redirect_uri, asked.state, code=code)
    except CannotGive as problem:
        return _said(request, str(problem), title=_("This cannot be shared"), status=409)
    more = {"sentence": sentence, "until": ends, "things": words.told(granted)}
    more["alone"] = scopes.OFFLINE in granted.plain
    return _page(request, "smart/confirm.html", asked, form=form, draft=draft, **more)


def _service_let_in(request: HttpRequest, asked: Asked, answer: Answer, patient: Patient) -> HttpResponse:
    allowing.service_by_patient(asked, answer, patient, keyring=request.keyring)
    messages.success(request, _("%(name)s is let in. It stands here until you stop it.") % {"name": asked.app.name})
    return redirect("smart:connected")


def _sentence(patient: Patient, asked: Asked, **told) -> str:
    """Return the one sentence that a patient confirms: of the permission, or that the app only learns who they are."""
    if told["categories"]:
        return apps.proposed(patient, name=asked.app.reader_name, **told)
    return _("%(name)s may know who you are, and sees nothing of your record.") % {"name": asked.app.name}


# --- A clinician: whose record, what, and one button ---------------------------------------------
def _ask_clinician(request: HttpRequest, draft: UUID, kept: dict, asked: Asked) -> HttpResponse:
    if roles.clinician_of(request.user) is None:
        raise Http404
    begun = kept["patient"]
    wants = scopes.LAUNCH_PATIENT in asked.scope.plain or "patient" in asked.scope.levels
    listed = reach.list_patients(request.user) if wants and not begun else None
    data = request.POST if request.method == "POST" else None
    form = ClinicianForm(data, asked=asked.scope, patients=listed)
    if form.is_valid():
        patient = _reached(request, begun or form.cleaned_data.get("patient", ""))
        told = (form.cleaned_data["ticket"], form.granted(), form.categories(), form.ends())
        answer = Answer(draft, *told, sentence="", **_session(request))
        code = allowing.by_clinician(asked, answer, request.user, patient=patient, keyring=request.keyring)
        return send_back(asked.redirect_uri, asked.state, code=code)
    patient = _reached(request, begun) if begun else None
    return _page(request, "smart/work.html", asked, form=form, draft=draft, patient=patient, listed=listed)


def _reached(request: HttpRequest, patient_id: str) -> Patient | None:
    """Return the patient a clinician chose, if they may open something of theirs now. Raises Http404."""
    if not patient_id:
        return None
    patient = reach.find_patient(request.user, UUID(patient_id))
    if patient is None:
        raise Http404
    return patient


def _page(request: HttpRequest, template: str, asked: Asked, **more) -> HttpResponse:
    """Return a page whose answer may lead back to the app, and to nowhere else."""
    response = render(request, template, {"app": asked.app, **more})
    if asked.app.is_service:
        return response
    parts = urlsplit(asked.redirect_uri)
    back = f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
    response._csp_update = {"form-action": [SELF, back]}
    return response
