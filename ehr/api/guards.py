"""Who may call what: the portals' own rules, told to programs by a problem instead of a page."""

from collections.abc import Callable
from functools import wraps

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from consent import upkeep
from consent.access import KeysLocked
from ehr.accounts.models import User
from ehr.api.refusals import Missing
from ehr.frame import roles
from providers import teams

View = Callable[..., Response]


def whole(view: View) -> View:
    """Let in whoever is signed in with a proven address and the second step that their role or choice asks for."""

    @wraps(view)
    def guarded(request: Request, *args, **kwargs) -> Response:
        check_whole(request.user, second_step=request.user.is_verified())
        return view(request, *args, **kwargs)

    return guarded


def check_whole(user: User, *, second_step: bool) -> None:
    """Raise Missing, naming the step that is missing; `second_step` tells whether the second one was shown."""
    if not user.is_proven:
        raise Missing("verify-address", _("Prove your e-mail address first, by the link we sent to it."))
    if second_step:
        return
    if user.second_factor_at is not None:
        raise Missing("second-step", _("Sign in with “code” as well: your authenticator app’s six digits."))
    if roles.must_have_second_factor(user):
        raise Missing("enrol", _("Your role needs a second step. Sign in on the website once to set it up."))


def patient_only(view: View) -> View:
    """Let patients in, with `request.patient`; what ended without their keys is finished first."""

    @wraps(view)
    @whole
    def guarded(request: Request, *args, **kwargs) -> Response:
        request.patient = roles.patient_of(request.user)
        if request.patient is None:
            raise Http404
        upkeep.tidy(request.patient, keyring=request.keyring)
        return view(request, *args, **kwargs)

    return guarded


def clinician_only(view: View) -> View:
    """Let in whoever registered as a clinician, under the clinicians' time limits."""

    @wraps(view)
    @whole
    def guarded(request: Request, *args, **kwargs) -> Response:
        if roles.clinician_of(request.user) is None:
            raise Http404
        roles.as_who_they_are(request)
        teams.tidy(request.user, keyring=request.keyring)
        return view(request, *args, **kwargs)

    return guarded


def unlocked(view: View) -> View:
    """Let in whoever has their keys open. Put it under a role."""

    @wraps(view)
    def guarded(request: Request, *args, **kwargs) -> Response:
        if request.keyring is None:
            words = _("Your keys are locked in this session. Unlock them: POST /api/v1/session/unlock.")
            raise KeysLocked(words, because="locked")
        return view(request, *args, **kwargs)

    return guarded
