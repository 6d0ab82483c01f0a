"""A researcher's first page: what is missing before they may propose, and their studies."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ehr.frame.roles import researcher_only
from ehr.portals.researcher.words import look
from providers.queries import own_credentials
from research import queries
from research.leaving import attesting


@require_GET
@researcher_only
def home(request: HttpRequest) -> HttpResponse:
    """The next step first, then the studies, the newest first."""
    context = {
        "footing": queries.footing(request.researcher),
        "licences": own_credentials(request.researcher.clinician),
        "recalls": attesting.open_recalls(request.user).count(),
        "studies": [{"study": one, "look": look(one)} for one in queries.own_studies(request.user)],
    }
    return render(request, "researcher/home.html", context)
