"""Apps that people may let in, and services that send records or read them: registered, looked at, taken out of use."""

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from consent.escrow import NotReleased
from ehr.accounts.models import User
from ehr.desk.worklist import Act, Facts, Line, Queue, Reason, Worklist
from ehr.r4 import text
from ehr.smart import registering
from ehr.smart.models import App
from providers.queries import institutions_open


class NewService(forms.Form):
    """A service of an institution: what it does, whose it is, by which keys it proves itself."""

    does = forms.ChoiceField(
        label=_("What does it do?"),
        choices=[
            ("sends", _("It sends records, and reads nothing")),
            ("reads", _("It reads of patients who let it in, and sends nothing")),
        ],
        initial="sends",
        required=False,
        widget=forms.RadioSelect,
    )
    name = forms.CharField(label=_("Name of the service"), max_length=100)
    publisher = forms.CharField(
        label=_("If it sends: institution that runs it"),
        max_length=200,
        required=False,
        help_text=_("As it calls itself."),
    )
    source = forms.CharField(
        label=_("If it sends: source that its records are shown under"),
        max_length=200,
        required=False,
        help_text=_("Patients read this name beside each entry it sends."),
    )
    institution = forms.ModelChoiceField(
        label=_("If it reads: institution that runs it"),
        queryset=institutions_open(),
        required=False,
        help_text=_("Patients read its name. Where its agreement or accreditation ends, the service reads nothing."),
    )
    words = forms.CharField(
        label=_("If it reads: what for, in one sentence"),
        max_length=300,
        required=False,
        help_text=_("Patients read this before they let it in."),
    )
    scope = forms.CharField(
        label=_("If it reads: what it may ask for"),
        max_length=500,
        required=False,
        initial="system/*.rs",
        help_text=_("SMART scopes, such as system/Observation.rs. Each patient chooses among them."),
    )
    jwks = forms.JSONField(
        decoder=text.Decoder,
        label=_("Its public keys, as a JSON Web Key Set"),
        help_text=_(
            "RSA from 2,048 bits on or P-384, each with its own kid. Get them in person or in writing. Of a service "
            "that reads they cannot be changed: ask for the next one along with the first."
        ),
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    def clean(self) -> None:
        needed = ("institution", "words", "scope") if self.reads else ("publisher", "source")
        for name in needed:
            if not self.cleaned_data.get(name) and name not in self.errors:
                self.add_error(name, _("Fill this in."))

    @property
    def reads(self) -> bool:
        return self.cleaned_data.get("does") == "reads"

    def register(self, by: User) -> App:
        """Register what was filled in. Raises ValidationError, by field, and NotReleased."""
        kept = self.cleaned_data
        if self.reads:
            chosen = {name: kept[name] for name in ("name", "institution", "words", "scope", "jwks")}
            return registering.register_reading_service(by, **chosen)
        chosen = {name: kept[name] for name in ("name", "publisher", "source", "jwks")}
        return registering.register_service(by, words=gettext("Sends records."), **chosen)


REVIEW = Act(
    "review",
    _("I have looked at it"),
    registering.review,
    _("People read from now on that it was looked at."),
    help=_("Who makes it, whether they answer at the address they gave, whether it asks for no more than it needs."),
    form=Reason,
)
WITHDRAW = Act(
    "withdraw",
    _("Take it out of use for good"),
    registering.withdraw,
    _("It is out of use. Whoever let it in is told, and nothing opens for it any more."),
    form=Reason,
    grave=True,
)


@admin.register(App)
class Programs(Worklist):
    """Apps and services, those that wait to be looked at first."""

    title = _("Apps and services")
    lede = _("Anybody may register an app; people read whether somebody here has looked at it before they let it in.")
    views = (("waiting", _("Not looked at")), ("in-use", _("Looked at")), ("out-of-use", _("Out of use")))
    new_form = NewService
    new_label = _("Register a service of an institution")

    def rows(self, request: HttpRequest, view: str):
        """Return the apps of one view, those that wait longest first."""
        rows = self.get_queryset(request).order_by("created", "pk")
        if view == "out-of-use":
            return rows.filter(stopped_at__isnull=False)
        return rows.filter(stopped_at=None, reviewed_at__isnull=view == "waiting")

    def line(self, row: App) -> Line:
        tag = gettext("service") if row.is_service else ""
        return Line(title=row.name, said=f"{row.publisher}: {row.words}", tag=tag, look="plain", since=row.created)

    def facts(self, row: App) -> Facts:
        return [
            (_("Made by"), row.publisher),
            (_("Registered by"), row.user.name),
            (_("What it does"), row.words),
            ("client_id", row.client_id),
            (_("Sends people back to"), row.redirect_uris or "–"),
            (_("Begins at"), row.launch_uri or "–"),
            (_("May ask for"), row.scope),
            (_("Reads for"), row.institution.name if row.institution else "–"),
            (_("Sends as"), row.source.name if row.source else "–"),
        ]

    def acts(self, request: HttpRequest, row: App) -> list[Act]:
        if row.stopped_at or not self.may_make(request):
            return []
        return [WITHDRAW] if row.reviewed_at else [REVIEW, WITHDRAW]

    def queues(self, request: HttpRequest) -> list[Queue]:
        waiting = self.rows(request, "waiting")
        oldest = waiting.values_list("created", flat=True).first()
        return [Queue(_("Apps nobody has looked at"), waiting.count(), self.address(), oldest=oldest)]

    def may_make(self, request: HttpRequest) -> bool:
        return request.user.has_perm("smart.review_app")

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for a service, and register it."""
        if not (self.has_view_permission(request) and self.may_make(request)):
            raise Http404
        form = NewService(request.POST or None)
        if form.is_valid():
            try:
                made = form.register(request.user)
            except NotReleased as problem:
                form.add_error(None, str(problem))
            except ValidationError as problem:
                for name, said in problem.message_dict.items():
                    form.add_error(name if name in form.fields else None, said)
            else:
                return redirect(self.address("change", made.pk))
        status = 422 if form.is_bound else 200
        return render(request, "desk/new.html", {"worklist": self, "form": form}, status=status)
