"""A summary to show a doctor who does not know the patient: on the screen, or as the file other systems read."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from consent import access
from ehr.frame.categories import all_six
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient.rights_forms import CopyForm
from ehr.rights import summary


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def show(request: HttpRequest) -> HttpResponse:
    """Ask which parts; then show the summary of them, or hand it over as a file. It is stored nowhere here."""
    ordinary = [part.slug for part in all_six() if not part.sensitive]
    form = CopyForm(request.POST if request.method == "POST" else None, initial={"ordinary": ordinary})
    if not form.is_valid():
        return render(request, "patient/summary.html", {"form": form})
    if "save" in request.POST:
        return _file(request, form)
    opened = access.open_own(request.patient, keyring=request.keyring, categories=form.parts())
    sections = [
        {"title": section.title, "nothing": section.nothing, "lines": [item.line for item in items]}
        for section, items in summary.chosen(opened)
    ]
    context = {"form": form, "sections": sections, "patient": request.patient, "at": opened.opened_at}
    return render(request, "patient/summary.html", context)


def _file(request: HttpRequest, form: CopyForm) -> HttpResponse:
    copied = access.copy_own(request.patient, keyring=request.keyring, categories=form.parts())
    response = HttpResponse(summary.summary(copied, copied.opened_at), content_type="application/fhir+json")
    response["Content-Disposition"] = 'attachment; filename="my-summary.json"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
