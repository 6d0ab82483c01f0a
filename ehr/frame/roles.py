"""Who may see which portal. Each decorator sends a person to the step that is missing; what is hidden answers 404."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from consent import reach, upkeep
from consent.delegates import queries as delegates
from ehr.accounts.models import User
from ehr.frame import sessions
from patients.models import Patient
from providers import teams
from providers.models import Clinician
from providers.queries import standing
from research.models import Researcher
from research.queries import researcher_of

WAITING = "waiting-to-verify"  # in the session of a browser that signed up: the e-mail address typed there

RESEARCHER = "researcher"  # under whose limits a session is that reaches research and one's account, and nothing else
_OPEN_TO_RESEARCH = frozenset({"researcher", "front"})
_CLOSED_TO_RESEARCH = frozenset({"front:begin", "front:claim", "front:sandbox"})

View = Callable[..., HttpResponse]


def patient_of(user: User) -> Patient | None:
    """Return the patient a person is, or None."""
    return getattr(user, "patient", None)


def clinician_of(user: User) -> Clinician | None:
    """Return the clinician a person registered as, or None. Being one opens nothing by itself."""
    return getattr(user, "clinician", None)


def record_of(user: User, patient_id: UUID) -> Patient:
    """Return the record that an address names: one's own, or that of a patient within a clinician's reach.

    Raises Http404 for everybody else's; a clinician's try is then on that patient's list.
    """
    own = patient_of(user)
    if own is not None and own.pk == patient_id:
        return own
    found = reach.find_patient(user, patient_id) if clinician_of(user) else None
    if found is None:
        raise Http404
    return found


def limits_for(user: User) -> str:
    """Return the role whose time limits a person's session has: the strictest of what they may reach."""
    if user.is_staff:
        return "staff"
    if clinician_of(user) and researcher_of(user):
        return RESEARCHER
    return "clinician" if clinician_of(user) else "patient"


def must_have_second_factor(user: User) -> bool:
    """Tell whether a person's role requires a second step: everybody who may reach other people's data."""
    return user.is_staff or clinician_of(user) is not None


def home(user: User) -> str:
    """Return the address a person belongs at after signing in: work first, one's own record from there."""
    return address_of(next(iter(doors(user)), "front:begin"))


def doors(user: User) -> list[str]:
    """Return the names of the portals' first pages that are open to a person."""
    if researcher_of(user) is not None:
        return ["researcher:home"]
    open_to = {
        "frontdesk:day": clinician_of(user) is not None and bool(standing(user).desk_at),
        "clinician:home": clinician_of(user) is not None,
        "admin:index": user.is_staff,
        "patient:home": patient_of(user) is not None,
        "patient:acting": delegates.has_any(user),
    }
    return [name for name, is_open in open_to.items() if is_open]


def address_of(name: str) -> str:
    """Return a page's address, or that of the page where a record begins while the other is not built."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return reverse("front:begin")


def onward(request: HttpRequest, fallback: str) -> str:
    """Return where a person was going, if that is a path of this site, else the fallback."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe and wanted.startswith("/") else fallback


def missing_step(request: HttpRequest, *, enrolling: bool = False) -> str | None:
    """Return the address of the step that stands between a request and any personal page, or None.

    The page where a first authenticator app is enrolled is the one that may be reached without it.
    """
    user = request.user
    if not user.is_authenticated:
        return reverse("front:check-mail") if WAITING in request.session else step(request, "front:sign-in")
    if not user.is_proven:
        return reverse("front:check-mail")
    if user.is_verified():
        return None
    if user.second_factor_at is not None:
        return step(request, "front:second-factor")
    return reverse("front:enrol") if must_have_second_factor(user) and not enrolling else None


def signed_in(view: View) -> View:
    """Let in whoever is signed in and proven, with the second step their role or choice asks for."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        missing = missing_step(request)
        if missing:
            return redirect(missing)
        _hide_people_from_research(request)
        return view(request, *args, **kwargs)

    return guarded


def _hide_people_from_research(request: HttpRequest) -> None:
    """Raise Http404 where a researcher asks for a page on which somebody could be named."""
    match = request.resolver_match
    if match is None or (request.session.get(sessions.LIMITS) or limits_for(request.user)) != RESEARCHER:
        return
    if match.namespace not in _OPEN_TO_RESEARCH or match.view_name in _CLOSED_TO_RESEARCH:
        raise Http404


def as_who_they_are(request: HttpRequest) -> None:
    """Put a session that began as a patient's under the limits of what its owner has become. Raises Http404 where
    that is a researcher: what they opened then was not for them."""
    if request.session.get(sessions.LIMITS, "patient") == "patient":
        request.session[sessions.LIMITS] = limits_for(request.user)
    if request.session.get(sessions.LIMITS) == RESEARCHER:
        raise Http404


def enrolling(view: View) -> View:
    """Let in whoever is signed in, also without the second step while they have none yet."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        missing = missing_step(request, enrolling=True)
        return redirect(missing) if missing else view(request, *args, **kwargs)

    return guarded


def patient_only(view: View) -> View:
    """Let patients in, with `request.patient`. A person with no record yet is shown how to begin one.

    With their keys at hand, what ended without them is finished first: epochs turn, burns are signed.
    """

    @wraps(view)
    @signed_in
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        request.patient = patient_of(request.user)
        if request.patient is not None:
            upkeep.tidy(request.patient, keyring=request.keyring)
            return view(request, *args, **kwargs)
        if clinician_of(request.user) or request.user.is_staff:
            raise Http404
        return redirect("front:begin")

    return guarded


def clinician_only(view: View) -> View:
    """Let in whoever registered as a clinician, with `request.clinician`, under the clinicians' time limits.

    With their keys at hand, what waited for a member of their teams is done first: keys handed on, or made anew.
    """

    @wraps(view)
    @signed_in
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        request.clinician = clinician_of(request.user)
        if request.clinician is None:
            raise Http404
        as_who_they_are(request)
        teams.tidy(request.user, keyring=request.keyring)
        return view(request, *args, **kwargs)

    return guarded


def desk_only(view: View) -> View:
    """Let in who works at a front desk in good standing, with `request.desks`: the institutions they work for."""

    @wraps(view)
    @signed_in
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        request.desks = standing(request.user).desk_at
        if not request.desks:
            raise Http404
        if request.session.get(sessions.LIMITS) == "patient":
            request.session[sessions.LIMITS] = "clinician"
        return view(request, *args, **kwargs)

    return guarded


def researcher_only(view: View) -> View:
    """Let in whoever registered for research, with `request.researcher`. Nobody's record is on any of these pages."""

    @wraps(view)
    @signed_in
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        found: Researcher | None = researcher_of(request.user)
        if found is None:
            raise Http404
        request.researcher = found
        request.session[sessions.LIMITS] = RESEARCHER
        return view(request, *args, **kwargs)

    return guarded


def may_begin_research(view: View) -> View:
    """Let in researchers, and whoever is nothing here yet: an account for research is for nothing else."""

    @wraps(view)
    @signed_in
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        user = request.user
        if researcher_of(user) is None and (clinician_of(user) or patient_of(user) or user.is_staff):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def staff_only(view: View) -> View:
    """Let staff in, after their second step."""

    @wraps(view)
    @signed_in
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if not request.user.is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def unlocked(view: View) -> View:
    """Let in whoever has their keyring open; others are asked for what opens it. Put it under a role."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.keyring is None:
            return redirect(step(request, "front:unlock"))
        return view(request, *args, **kwargs)

    return guarded


def step(request: HttpRequest, name: str) -> str:
    """Return the address of a step in between, which remembers where its visitor was.

    What a form sent is gone then, and must be said to be: it leads back to the page the form stood on.
    """
    if request.method == "GET":
        return with_next(name, request.get_full_path())
    words = _("What you sent was not saved, for this comes first. Then send it again, please.")
    messages.warning(request, words, fail_silently=True)
    page = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return with_next(name, urlsplit(page).path) if safe else reverse(name)


def with_next(name: str, onward: str) -> str:
    """Return a page's address that remembers where its visitor is going."""
    return f"{reverse(name)}?{urlencode({'next': onward})}"
