"""The pages of whoever makes an app: registering it, changing what is said of it, taking it out of use."""

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ehr.accounts.operations import Refused
from ehr.frame import roles
from ehr.frame.forms import Option
from ehr.r4 import text
from ehr.smart import places, queries, registering
from ehr.smart.models import App

PROVES = {"public": True, "keys": False}


class AppForm(forms.Form):
    """What an app's makers say of it. People read the first three before they let it in."""

    name = forms.CharField(label=gettext_lazy("Name of the app"), max_length=100)
    publisher = forms.CharField(
        label=gettext_lazy("Who stands behind it"),
        help_text=gettext_lazy("A person or a company, as their customers know them."),
        max_length=200,
    )
    words = forms.CharField(
        label=gettext_lazy("What it does, in one sentence"),
        help_text=gettext_lazy("For example: Shows your blood pressure as a curve."),
        max_length=300,
    )
    redirect_uris = forms.CharField(
        label=gettext_lazy("Where people are sent back to"),
        help_text=gettext_lazy(
            "One address a line, with https. http is for this machine itself; phones may use com.example.app:/back."
        ),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        max_length=2000,
    )
    launch_uri = forms.URLField(
        label=gettext_lazy("Where it begins when it is opened from a record"),
        assume_scheme="https",
        max_length=500,
        required=False,
    )
    scope = forms.CharField(
        label=gettext_lazy("What it may ask for, as SMART scopes"),
        help_text=gettext_lazy(
            "For example: launch/patient openid fhirUser offline_access patient/Observation.rs. Ask for no more than "
            "it needs: people read each, and may say no to each."
        ),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        max_length=2000,
    )
    proves = forms.ChoiceField(label=gettext_lazy("How it proves itself"), widget=forms.RadioSelect)
    jwks = forms.JSONField(
        decoder=text.Decoder,
        label=gettext_lazy("Its public keys, as a JSON Web Key Set"),
        help_text=gettext_lazy("Only for an app that signs. Keep the private halves to yourself."),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        required=False,
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["proves"].choices = [
            ("public", Option(_("By nothing"), _("It runs in a browser or on a phone, where nothing can be kept."))),
            ("keys", Option(_("By its signature"), _("It runs on a server of yours, which keeps a private key."))),
        ]

    def told(self) -> dict[str, object]:
        """Return what was filled in, as the verbs take it."""
        data = dict(self.cleaned_data)
        data["public"] = PROVES[data.pop("proves")]
        data["redirect_uris"] = " ".join(data["redirect_uris"].split())
        data["scope"] = " ".join(data["scope"].split())
        data["jwks"] = data["jwks"] or {}
        return data


@require_GET
@roles.signed_in
def apps(request: HttpRequest) -> HttpResponse:
    """The apps somebody registered."""
    return render(request, "smart/apps.html", {"apps": queries.registered_by(request.user), "base": places.base()})


@require_http_methods(["GET", "POST"])
@roles.signed_in
def new(request: HttpRequest) -> HttpResponse:
    """Register an app."""
    form = AppForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and (app := _tried(form, lambda told: registering.register(request.user, **told))):
        return redirect("smart:app", app.client_id)
    return render(request, "smart/app_form.html", {"form": form})


@require_GET
@roles.signed_in
def app(request: HttpRequest, client_id: str) -> HttpResponse:
    """One app: its client_id, and what is said of it."""
    return render(request, "smart/app.html", {"app": _own(request, client_id), "base": places.base()})


@require_http_methods(["GET", "POST"])
@roles.signed_in
def change(request: HttpRequest, client_id: str) -> HttpResponse:
    """Change what is said of an app; staff look at it anew."""
    found = _own(request, client_id)
    if found.stopped_at or found.is_service:
        raise Http404
    before = {name: getattr(found, name) for name in ("name", "publisher", "words", "launch_uri", "scope", "jwks")}
    before |= {
        "redirect_uris": "\n".join(found.redirect_uris.split()),
        "proves": "public" if found.is_public else "keys",
    }
    form = AppForm(request.POST if request.method == "POST" else None, initial=before)
    if form.is_valid() and _tried(form, lambda told: registering.change(found, by=request.user, **told)):
        return redirect("smart:app", client_id)
    return render(request, "smart/app_form.html", {"form": form, "app": found})


@require_POST
@roles.signed_in
def withdraw(request: HttpRequest, client_id: str) -> HttpResponse:
    """Take an app out of use, for everybody and for good."""
    registering.withdraw(_own(request, client_id), by=request.user, reason="by its makers")
    return redirect("smart:apps")


def _own(request: HttpRequest, client_id: str) -> App:
    found = queries.registered_by(request.user).filter(client_id=client_id).first()
    if found is None:
        raise Http404
    return found


def _tried(form: AppForm, verb) -> App | None:
    """Return what a verb made of a form, or None with what it objected to put beside the fields."""
    try:
        return verb(form.told())
    except Refused as stop:
        form.add_error(None, stop.message)
    except ValidationError as problem:
        for name, messages in problem.message_dict.items():
            form.add_error(name if name in form.fields else None, messages)
    return None
