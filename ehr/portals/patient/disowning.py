"""Saying that an entry another system sent is about somebody else: staff look at it, then it leaves the record."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from consent import access
from ehr.frame.categories import about
from ehr.frame.roles import patient_only, unlocked
from ehr.intake import moving, strays
from ehr.lines import sentences
from ehr.words import Category
from patients import queries as patients


class NotMine(forms.Form):
    """What makes the patient think so, in a few words that staff read."""

    reason = forms.CharField(
        label=gettext_lazy("How do you know?"),
        max_length=300,
        required=False,
        help_text=gettext_lazy("Staff read this. Leave out anything about health."),
    )
    hand = forms.BooleanField(
        label=gettext_lazy("Hand it back, so that it gets to the person it is about"),
        required=False,
        initial=True,
        help_text=gettext_lazy(
            "It is closed so that no member of staff can read it. Two of them send it on. Without this its sender must "
            "send it again."
        ),
    )

    def __init__(self, *args, can_hand: bool, **more):
        super().__init__(*args, **more)
        if not can_hand:
            del self.fields["hand"]


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def not_mine(request: HttpRequest, entry: UUID) -> HttpResponse:
    """Ask once, then tell staff that an entry is about somebody else."""
    if entry not in strays.sent_by_systems(request.patient):
        raise Http404
    parts = [Category(part) for part in patients.newest_versions(request.patient, [entry])[entry].parts]
    opened = access.open_own(request.patient, keyring=request.keyring, categories=parts, logical_id=entry)
    if not opened.entries:
        raise Http404
    feed = moving.feed_of(request.patient, entry)
    form = NotMine(request.POST if request.method == "POST" else None, can_hand=feed is not None)
    if form.is_bound and form.is_valid():
        resource = opened.entries[0].resource
        handed = moving.handed_back(feed, resource) if feed and form.cleaned_data["hand"] and resource else None
        reason = form.cleaned_data["reason"]
        strays.named_by_patient(request.patient, entry, by=request.user, reason=reason, handed=handed)
        messages.success(
            request, _("Staff look at it with the sender. If it is somebody else’s, it leaves your record.")
        )
        return redirect("patient:category", about(parts[0]).slug)
    context = {"form": form, "line": sentences.line(opened.entries[0].resource), "about": about(parts[0])}
    return render(request, "patient/not_mine.html", context, status=422 if form.is_bound else 200)
