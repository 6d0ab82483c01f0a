"""Check it yourself: in the browser, or on one's own computer with two files."""

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit import notes, proofs, queries, verify
from ehr.frame.roles import patient_only


@require_GET
@patient_only
def check(request: HttpRequest) -> HttpResponse:
    """What can be checked, how, and what that does not prove."""
    context = {"head": queries.head(), "log_key": notes.public_key()}
    return render(request, "patient/check.html", context)


@require_GET
@patient_only
def my_log(request: HttpRequest) -> HttpResponse:
    """The patient's whole list, with the proof that it is whole. A list that is saved is remembered; see `proofs`."""
    try:
        content = proofs.for_subject(request.patient.pk, keep="check" not in request.GET)
    except proofs.NothingYet:
        return render(request, "patient/no_list_yet.html", status=503)
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="my-log.json"'
    return response


@require_GET
@patient_only
def verifier(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the same file for everybody
    """The checker: the very file that this site's own tests run."""
    response = HttpResponse(Path(verify.__file__).read_bytes(), content_type="text/x-python; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="verify.py"'
    return response
