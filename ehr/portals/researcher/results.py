"""What a study found, in plain words: written here, read by the committee, then by everybody who takes part."""

from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.core.validators import URLValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from ehr.frame.licence_forms import line
from ehr.frame.roles import researcher_only
from providers.rules import NotPossible
from research import queries, results

WORDS = {
    "waiting": (gettext_lazy("Waits for the committee"), "warn"),
    "shown": (gettext_lazy("Shown"), ""),
    "refused": (gettext_lazy("Not shown"), "stop"),
}
_ADDRESS = gettext_lazy("Give the whole address, with https:// in front.")


class ResultForm(forms.Form):
    """A title, the words that everybody reads, and where the rest is."""

    once = forms.UUIDField(widget=forms.HiddenInput)
    title = line(
        gettext_lazy("What was found, in one line"), gettext_lazy("Say in one line what was found."), max_length=160
    )
    plain = line(
        gettext_lazy("What it means, in plain words"),
        gettext_lazy("Say in a few sentences what was found."),
        max_length=1_500,
        widget=forms.Textarea({"rows": 6}),
        help_text=gettext_lazy("People who took part read this. Thank them, and name no group of fewer than 11."),
    )
    link = forms.CharField(
        label=gettext_lazy("Where it is published"),
        max_length=300,
        required=False,
        validators=[URLValidator(["https"], message=_ADDRESS)],
        widget=forms.URLInput,
        help_text=gettext_lazy("An address that begins with https://, or nothing"),
    )

    def found(self) -> results.Found:
        """Return what was written."""
        said = self.cleaned_data
        return results.Found(said["title"], said["plain"], said["link"])


@require_http_methods(["GET", "POST"])
@researcher_only
def found(request: HttpRequest, study: UUID) -> HttpResponse:
    """What was handed in for a study and what became of it; the form hands in another."""
    own = queries.own_study(request.user, study)
    if own is None:
        raise Http404
    posted = request.method == "POST"
    form = ResultForm(request.POST) if posted else ResultForm(initial={"once": uuid4()})
    if posted and form.is_valid():
        try:
            results.hand_in(own, form.found(), by=request.user, once=form.cleaned_data["once"])
        except NotPossible as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("It is before the committee. You are told what they decide."))
            return redirect("researcher:results", own.pk)
    listed = [(one, *WORDS[one.state]) for one in results.of_study(own)]
    context = {"study": own, "form": form, "results": listed}
    return render(request, "researcher/results.html", context, status=422 if form.errors else 200)
