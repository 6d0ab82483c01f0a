"""Requests on their way: what an app asked, kept with the person's session until they answer. No key is among it."""

from uuid import UUID, uuid4

from django.http import Http404, HttpRequest, QueryDict

from ehr.smart import authorizing
from ehr.smart.authorizing import Asked

KEY = "apps-on-the-way"
MOST = 5


def begin(request: HttpRequest, params: QueryDict, **known: object) -> UUID:
    """Keep a request that was found in order, and return by what it is known; the oldest of several is forgotten."""
    draft = uuid4()
    others = list(request.session.get(KEY, {}).items())[-(MOST - 1) :]
    request.session[KEY] = dict(others) | {str(draft): {"asked": params.urlencode(), "who": _who(request), **known}}
    return draft


def find(request: HttpRequest, draft: UUID) -> dict:
    """Return what is kept of a request. Raises Http404 for none, and for somebody else's in the same browser."""
    kept = request.session.get(KEY, {}).get(str(draft))
    if kept is None or kept["who"] != _who(request):
        raise Http404
    return kept


def asked(kept: dict) -> Asked:
    """Return what an app asks for, read anew: it may have been stopped since. Raises NotAnApp, SendBack."""
    if kept.get("service"):
        return authorizing.of_service(kept["service"])
    return authorizing.read(QueryDict(kept["asked"]))


def keep(request: HttpRequest, draft: UUID, **answers: object) -> None:
    """Add answers to a request, in the place of earlier ones."""
    kept = request.session[KEY]
    request.session[KEY] = kept | {str(draft): kept[str(draft)] | answers}


def _who(request: HttpRequest) -> str:
    return str(request.user.pk)
