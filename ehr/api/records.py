"""Records: reading one, adding to one, writing the next version. Each goes through the door, as on the pages."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from consent import access
from consent.access import Chart
from consent.access.elsewhere import note_elsewhere
from ehr.api import answers
from ehr.api.answers import Anything
from ehr.api.guards import clinician_only, unlocked, whole
from ehr.frame import drafting, presence, roles
from ehr.words import Category, Purpose
from patients.models import Entry
from patients.queries import current_entry

MOST = 500


class Asked(serializers.Serializer):
    """Which parts, and which page of them."""

    part = serializers.ListField(child=serializers.ChoiceField(choices=list(Category)), required=False, default=list)
    start = serializers.IntegerField(min_value=0, required=False, default=0)
    count = serializers.IntegerField(min_value=1, max_value=MOST, required=False, default=100)


class Written(serializers.Serializer):
    """A FHIR R4 resource to seal; `version` is the one that was read, where it follows one."""

    resource = serializers.DictField()
    version = serializers.IntegerField(min_value=1, required=False)


class Elsewhere(serializers.Serializer):
    """That a copy was looked at in another system."""

    categories = serializers.ListField(child=serializers.ChoiceField(choices=list(Category)), allow_empty=False)
    system = serializers.RegexField(r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}$")


_PARAMETERS = [
    OpenApiParameter("part", str, many=True, enum=[str(part) for part in Category]),
    OpenApiParameter("start", int),
    OpenApiParameter("count", int),
]


@extend_schema(parameters=_PARAMETERS, responses=Anything, tags=["records"])
@api_view(["GET"])
@whole
@unlocked
def record(request: Request, patient: UUID) -> Response:
    """Open a record, or parts of it, newest first. The look is on the patient's list before anything is decrypted."""
    query: dict[str, object] = {
        name: request.query_params[name] for name in ("start", "count") if name in request.query_params
    }
    asked = Asked(data=query | {"part": request.query_params.getlist("part")})
    asked.is_valid(raise_exception=True)
    told = asked.validated_data
    parts = [Category(part) for part in told["part"]] or None
    chart = _open(request, patient, categories=parts)
    return Response(answers.record(chart, start=told["start"], count=told["count"]))


@extend_schema(methods=["GET"], responses=Anything, tags=["records"])
@extend_schema(methods=["PUT"], request=Written, responses=Anything, tags=["records"])
@api_view(["GET", "PUT"])
@whole
@unlocked
def entry(request: Request, patient: UUID, entry: UUID) -> Response:
    """Open one entry in its newest version; or write the next one.

    `version` is then the one that was read, so that nobody's words are lost.
    """
    if request.method == "PUT":
        return _change(request, patient, entry)
    chart = _open(request, patient, logical_id=entry)
    if not chart.entries:
        raise Http404
    return Response(answers.entry(chart.entries[0]))


def _open(
    request: Request, patient: UUID, *, categories: Sequence[Category] | None = None, logical_id: UUID | None = None
) -> Chart:
    found = roles.record_of(request.user, patient)
    if found == roles.patient_of(request.user):
        return access.open_own(found, keyring=request.keyring, categories=categories, logical_id=logical_id)
    return access.open_chart(
        found,
        reader=request.user,
        keyring=request.keyring,
        purpose=presence.purpose(request._request, found.pk),
        categories=categories,
        logical_id=logical_id,
        presence=presence.presence(request._request),
    )


@extend_schema(request=Written, responses={201: Anything}, tags=["records"])
@api_view(["POST"])
@whole
@unlocked
def add(request: Request, patient: UUID) -> Response:
    """Add a resource to a record. It is checked, labelled, signed by who is signed in, and sealed."""
    [made] = _write(request, patient, _resource(request))
    return Response({"id": str(made.logical_id), "version": made.version}, status=status.HTTP_201_CREATED)


def _change(request: Request, patient: UUID, entry: UUID) -> Response:
    told = _resource(request)
    if "version" not in told:
        raise serializers.ValidationError({"version": ["Say which version you read."]})
    [made] = _write(request, patient, told, logical_id=entry)
    return Response({"id": str(made.logical_id), "version": made.version})


def _resource(request: Request) -> Mapping:
    asked = Written(data=request.data)
    asked.is_valid(raise_exception=True)
    if not isinstance(asked.validated_data["resource"].get("resourceType"), str):
        raise serializers.ValidationError({"resource": ["resourceType is missing, so nobody can tell what this is."]})
    # As it was sent: the framework's copy would turn its numbers into others.
    return {**asked.validated_data, "resource": request.data["resource"]}


def _write(request: Request, patient: UUID, told: Mapping, *, logical_id: UUID | None = None) -> list[Entry]:
    found = roles.record_of(request.user, patient)
    if logical_id is not None and current_entry(found, logical_id) is None:
        raise Http404
    draft = drafting.draft(found, told["resource"], logical_id=logical_id, version=told.get("version", 0) + 1)
    if found == roles.patient_of(request.user):
        return access.add_own(found, [draft], keyring=request.keyring)
    here = presence.presence(request._request)
    return access.add_entries(
        found, [draft], reader=request.user, keyring=request.keyring, purpose=Purpose.TREAT, presence=here
    )


@extend_schema(request=Elsewhere, responses={201: Anything}, tags=["log"])
@api_view(["POST"])
@clinician_only
def looked_elsewhere(request: Request, patient: UUID) -> Response:
    """Write on the patient's list that what they shared was looked at in another system."""
    asked = Elsewhere(data=request.data)
    asked.is_valid(raise_exception=True)
    told = asked.validated_data
    found = roles.record_of(request.user, patient)
    event = note_elsewhere(
        found,
        reader=request.user,
        purpose=Purpose.TREAT,
        parts=[Category(part) for part in told["categories"]],
        system=told["system"],
        presence=presence.presence(request._request),
    )
    return Response({"event": str(event)}, status=status.HTTP_201_CREATED)
