"""Emergency access: the same promise, proof and four hours as on the page."""

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from consent import emergency, reach
from consent.models import Emergency
from ehr.api import answers, bearer, fields
from ehr.api.answers import Anything
from ehr.api.guards import clinician_only
from ehr.frame import found as found_lately
from ehr.frame import presence, proving, sessions


class Breaking(serializers.Serializer):
    """Why it cannot wait, that one needs it to care for the patient, and who one is, shown again."""

    reason = serializers.ChoiceField(choices=Emergency.Reason.choices)
    words = serializers.CharField(max_length=emergency.LONGEST)
    attested = serializers.BooleanField()
    passphrase = serializers.CharField(trim_whitespace=False, max_length=1024)
    code = serializers.CharField(required=False, default="", max_length=64)


class Unresponsive(serializers.Serializer):
    """What somebody who cannot be asked carries with them."""

    name = serializers.CharField(max_length=200)
    birth_date = serializers.DateField()
    sex = serializers.ChoiceField(choices=["female", "male", "other"], required=False, default="")
    number = serializers.CharField(required=False, default="", max_length=100)


@extend_schema(request=Unresponsive, responses=Anything, tags=["emergency"])
@api_view(["POST"])
@clinician_only
def find(request: Request) -> Response:
    """Find somebody by name and birth date, to open their record in an emergency. Each find is on their list."""
    asked = Unresponsive(data=request.data)
    asked.is_valid(raise_exception=True)
    plain = request._request
    found = emergency.find(**asked.validated_data, reader=request.user, address=sessions.address(plain))
    found_lately.remember(plain, found)
    return Response({"patient": str(found.pk)})


@extend_schema(methods=["POST"], request=Breaking, responses={201: Anything}, tags=["emergency"])
@extend_schema(methods=["DELETE"], responses={204: None}, tags=["emergency"])
@api_view(["POST", "DELETE"])
@clinician_only
def override(request: Request, patient: UUID) -> Response:
    """Open a patient's record in an emergency, in this session, for four hours; or end that before its time.

    The patient is told at once, and somebody else reviews it within 72 hours. The token of the answer takes the place
    of the one before, where the keys had to be opened for it.
    """
    if request.method == "DELETE":
        return _end(request, patient)
    asked = Breaking(data=request.data)
    asked.is_valid(raise_exception=True)
    told, plain = asked.validated_data, request._request
    found = emergency.patient_to_open(request.user, patient, found=found_lately.lately(plain))
    if found is None:
        raise Http404
    reach.name([found], to=request.user, because="emergency")
    proven = proving.prove_again(plain, passphrase=told["passphrase"], code=told["code"])
    opened = emergency.break_glass(
        found,
        reader=request.user,
        keyring=proven.keyring,
        reason=told["reason"],
        words=told["words"],
        attested=told["attested"],
        session_digest=presence.session_digest(plain),
        proven_by=proven.by,
        presence=presence.presence(plain),
        once=fields.once(request),
    )
    presence.hold(plain, opened, keyring=proven.keyring)
    about = {"emergency": str(opened.emergency.pk), "ends": answers.moment(opened.emergency.ends_at)}
    if hasattr(plain, "keyring_cookie"):
        about["token"] = bearer.token(plain)
    return Response(about, status=status.HTTP_201_CREATED)


def _end(request: Request, patient: UUID) -> Response:
    held = presence.held(request._request, patient)
    if held is None:
        raise Http404
    emergency.end(held, by=request.user)
    presence.let_go(request._request, held.pk)
    return Response(status=status.HTTP_204_NO_CONTENT)
