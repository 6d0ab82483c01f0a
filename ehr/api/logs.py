"""The log: one's own list, the proof that it is whole, and the head that everybody may check."""

from uuid import UUID

from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from audit import notes, proofs, queries
from audit.queries import Line
from ehr.api import answers
from ehr.api.answers import Anything
from ehr.api.guards import patient_only

MOST = 200


class Page(serializers.Serializer):
    """Which page: the lines before one, newest first."""

    before = serializers.UUIDField(required=False)
    count = serializers.IntegerField(min_value=1, max_value=MOST, required=False, default=50)


@extend_schema(parameters=[Page], responses=Anything, tags=["log"])
@api_view(["GET"])
@patient_only
def lines(request: Request) -> Response:
    """One's own list, newest first: who did what with which part, why, and under which permission."""
    asked = Page(data=request.query_params)
    asked.is_valid(raise_exception=True)
    told = asked.validated_data
    found = queries.story(request.patient.pk, before=told.get("before"), limit=told["count"])
    after = str(found[-1].event_id) if len(found) == told["count"] else None
    return Response(answers.listed([_line(one) for one in found], before=after))


def _line(one: Line) -> dict[str, object]:
    who = one.actor
    return {
        "event": str(one.event_id),
        "number": one.number,
        "time": answers.moment(one.time),
        "actor": {"kind": who.kind, "name": who.name, "role": who.role, "place": who.place} if who else None,
        "action": one.action,
        "outcome": one.outcome,
        "categories": list(one.categories),
        "purpose": one.purpose,
        "grant": str(one.grant) if one.grant else None,
        "because": one.because,
        "erased_at": answers.moment(one.erased_at),
    }


@extend_schema(responses=Anything, tags=["log"])
@api_view(["GET"])
@patient_only
def whole_list(request: Request) -> HttpResponse:
    """One's whole list with the proof that it is whole: the file that `verify.py` checks without a network.

    Keep it byte by byte as it came: a file that was written anew is not the one that was signed.
    """
    return HttpResponse(proofs.for_subject(request.patient.pk), content_type="application/json")


@extend_schema(responses=Anything, tags=["log"])
@api_view(["GET"])
@patient_only
def proof(request: Request, event: UUID) -> Response:
    """The proof that one line of one's list stands in the tree, as a `.tlog-proof` (C2SP)."""
    found = queries.find(event)
    if found is None or found.subject != request.patient.pk:
        raise Http404
    if found.number is None:
        raise proofs.NothingYet
    return Response({"number": found.number, "tlog_proof": proofs.tlog_proof(found.number)})


@extend_schema(responses=Anything, tags=["log"])
@api_view(["GET"])
@permission_classes([AllowAny])
def head(_request: Request) -> Response:
    """The log's signed head and up to where the chain has it: the same for everybody."""
    found = queries.head()
    return Response(
        {
            "size": found.size,
            "root": found.root.hex(),
            "signed_at": answers.moment(found.checkpoint_at),
            "anchored_size": found.anchored_size,
            "anchored_block": found.anchored_block,
            "key": notes.public_key(),
        }
    )
