"""Care teams as a patient meets them: in the directory, on a page that says who belongs, and let in like anybody."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from consent.sharing import teams
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import Reader, User
from ehr.frame.roles import patient_only
from providers import queries as providers
from providers import team_queries
from providers.queries import DirectoryLine
from providers.team_queries import TeamLine


def whom(reader: UUID | str) -> DirectoryLine | TeamLine | None:
    """Return a person, or a team, that a patient may choose now; None for everybody else."""
    found = UUID(str(reader))
    return providers.directory_line(found) or team_queries.team_line(found)


def reader_of(chosen: DirectoryLine | TeamLine) -> User | Reader:
    """Return whom a patient chose, as the floors below take them."""
    if isinstance(chosen, TeamLine):
        return accounts.reader(chosen.reader_id)
    return accounts.person(chosen.user_id)


@require_GET
@patient_only
def team(request: HttpRequest, reader: UUID) -> HttpResponse:
    """Who belongs to a team now, and which of its nurses looks after the patient."""
    at = clock.now()
    line = team_queries.team_line(reader, at)
    if line is None:
        raise Http404
    context = {"line": line, "mine": teams.looking_after(request.patient, line.reader_id, at)}
    return render(request, "patient/team.html", context)
