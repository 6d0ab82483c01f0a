"""Providers: registering with a licence, deciding about one, finding somebody, and whether a licence counts."""

import base64
import binascii
from datetime import datetime, time, timedelta
from uuid import UUID

from django.db import transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from ehr.api import answers
from ehr.api.answers import Anything
from ehr.api.guards import patient_only, whole
from ehr.frame import roles
from ehr.frame.forms import known_year, readable
from providers import credentials, licences, operations, queries
from providers.models import Clinician, Credential
from providers.roles import Role


class Registering(serializers.Serializer):
    """Who one is as a clinician, and a licence with the document that shows it (PDF, PNG or JPEG, in base64)."""

    title = serializers.CharField(required=False, allow_blank=True, default="", max_length=40, validators=[readable])
    professional_name = serializers.CharField(max_length=200, validators=[readable])
    institution = serializers.UUIDField(required=False, allow_null=True, default=None)
    role = serializers.ChoiceField(choices=list(Role))
    number = serializers.CharField(max_length=100)
    issuing_body = serializers.CharField(max_length=200)
    country = serializers.RegexField(r"^[A-Z]{2}$")
    training = serializers.CharField(max_length=500)
    expires = serializers.DateField(validators=[known_year])
    evidence = serializers.CharField()

    def validate_evidence(self, told: str) -> bytes:
        try:
            return base64.b64decode(told, validate=True)
        except (binascii.Error, ValueError):
            raise serializers.ValidationError("The evidence is not base64. Encode the file’s bytes.") from None

    def licence(self) -> credentials.Licence:
        """Return what was said. A licence good until a day counts until that day is over in the reader's zone."""
        told = self.validated_data
        after = timezone.make_aware(datetime.combine(told["expires"] + timedelta(days=1), time()))
        named = {name: told[name] for name in ("role", "number", "issuing_body", "country", "training")}
        return credentials.Licence(**named, expires_at=after)


class Deciding(serializers.Serializer):
    """A verifier's decision and what it rests on."""

    approve = serializers.BooleanField()
    reason = serializers.CharField(max_length=500)


class Checking(serializers.Serializer):
    """Which licence: who issued it, and its number."""

    issuer = serializers.CharField(max_length=200)
    number = serializers.CharField(max_length=100)


@extend_schema(methods=["GET"], responses=Anything, tags=["providers"])
@extend_schema(methods=["POST"], request=Registering, responses={201: Anything}, tags=["providers"])
@api_view(["GET", "POST"])
@whole
def registration(request: Request) -> Response:
    """One's own licences and how each stands; or hand in one, registering as a clinician with the first.

    That alone opens nothing: somebody else decides about it.
    """
    clinician = roles.clinician_of(request.user)
    if request.method == "GET":
        if clinician is None:
            raise Http404
        return Response(answers.listed([_credential(one) for one in queries.own_credentials(clinician)]))
    asked = Registering(data=request.data)
    asked.is_valid(raise_exception=True)
    with transaction.atomic():
        clinician = clinician or _register(request, asked.validated_data)
        made = credentials.submit_credential(
            clinician, licence=asked.licence(), evidence=asked.validated_data["evidence"], by=request.user
        )
    return Response(_credential(made), status=status.HTTP_201_CREATED)


def _register(request: Request, told: dict) -> Clinician:
    institution = queries.institutions_open().filter(pk=told["institution"]).first()
    if told["institution"] and institution is None:
        raise serializers.ValidationError(
            {"institution": ["No institution here has this id. See GET /api/v1/institutions."]}
        )
    return operations.register_clinician(
        request.user,
        title=told["title"],
        professional_name=told["professional_name"],
        institution=institution,
        by=request.user,
    )


def _credential(one: Credential) -> dict[str, object]:
    return {
        "id": str(one.pk),
        "role": one.role,
        "number": one.licence_number,
        "issuing_body": one.issuing_body,
        "country": one.country,
        "status": one.status,
        "expires": answers.moment(one.expires_at),
        "digest": bytes(one.digest).hex(),
    }


@extend_schema(request=Deciding, responses=Anything, tags=["providers"])
@api_view(["POST"])
@whole
def decision(request: Request, credential: UUID) -> Response:
    """Approve or refuse somebody else's licence; an emergency role takes two. For credential verifiers."""
    if not request.user.has_perm("providers.decide_credential"):
        raise Http404
    found = queries.credential(credential)
    if found is None:
        raise Http404
    asked = Deciding(data=request.data)
    asked.is_valid(raise_exception=True)
    decide = credentials.approve if asked.validated_data["approve"] else credentials.refuse
    return Response(_credential(decide(found, by=request.user, reason=asked.validated_data["reason"])))


@extend_schema(parameters=[Checking], responses=Anything, tags=["providers"])
@api_view(["GET"])
@permission_classes([AllowAny])
def licence(request: Request) -> Response:
    """Tell anybody whether a licence is valid here, expired or revoked, and nothing about its holder."""
    asked = Checking(data=request.query_params)
    asked.is_valid(raise_exception=True)
    found = licences.public_check(asked.validated_data["issuer"], asked.validated_data["number"])
    return Response({"status": found.status, "until": answers.moment(found.until), "digest": found.digest.hex()})


@extend_schema(
    parameters=[OpenApiParameter("words", str), OpenApiParameter("role", str), OpenApiParameter("place", str)],
    responses=Anything,
    tags=["providers"],
)
@api_view(["GET"])
@patient_only
def clinicians(request: Request) -> Response:
    """Find verified clinicians to let in, by words of their name, their role, and where they work."""
    told = {name: request.query_params.get(name, "")[:100] for name in ("words", "role", "place")}
    after = request.query_params.get("after", "")
    page = queries.directory(
        told["words"], told["role"], told["place"], after=int(after) if after.isdecimal() and len(after) < 12 else None
    )
    lines = [
        {"id": str(one.user_id), "name": one.name, "role": str(one.role), "institution": one.institution.name}
        for one in page.lines
    ]
    return Response(answers.listed(lines, after=page.after))


@extend_schema(responses=Anything, tags=["providers"])
@api_view(["GET"])
@whole
def institutions(_request: Request) -> Response:
    """List the institutions that one may say one works at."""
    found = queries.institutions_open().order_by("name")[:500]
    return Response(answers.listed([{"id": str(one.pk), "name": one.name, "country": one.country} for one in found]))
