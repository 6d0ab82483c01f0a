"""Signing in and out without a browser; unlocking; who one is here."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from ehr.accounts import operations, second_factor
from ehr.api import bearer
from ehr.api.answers import Anything
from ehr.api.guards import check_whole, whole
from ehr.frame import proving, roles, sessions
from providers.queries import standing

_EVERYBODY = permission_classes([AllowAny])


class SignIn(serializers.Serializer):
    """What a person types to sign in: `email` is their address, or the sign-in name of who has none.

    `code` is for people with a second step.
    """

    email = serializers.CharField(max_length=254)
    passphrase = serializers.CharField(trim_whitespace=False, max_length=1024)
    code = serializers.CharField(required=False, default="", max_length=64)


class Unlock(serializers.Serializer):
    """What opens the keys again."""

    passphrase = serializers.CharField(trim_whitespace=False, max_length=1024)
    code = serializers.CharField(required=False, default="", max_length=64)


@extend_schema(request=SignIn, responses={201: Anything}, tags=["session"])
@api_view(["POST"])
@_EVERYBODY
def sign_in(request: Request) -> Response:
    """Sign in. The token of the answer is shown once: send it as `Authorization: Bearer …`."""
    asked = SignIn(data=request.data)
    asked.is_valid(raise_exception=True)
    told, plain = asked.validated_data, request._request
    address = sessions.address(plain)
    person = operations.sign_in(email=told["email"], passphrase=told["passphrase"], address=address)
    enrolled = person.user.second_factor_at is not None
    check_whole(person.user, second_step=enrolled and bool(told["code"]))
    device = second_factor.check(user=person.user, code=told["code"], address=address) if enrolled else None
    sessions.begin(plain, person, limits=roles.limits_for(person.user), device=device)
    return Response(
        {"token": bearer.token(plain), "unlocked": person.keyring is not None}, status=status.HTTP_201_CREATED
    )


@extend_schema(request=Unlock, responses=Anything, tags=["session"])
@api_view(["POST"])
@whole
def unlock(request: Request) -> Response:
    """Open one's keys in this session. The token of the answer takes the place of the one before."""
    asked = Unlock(data=request.data)
    asked.is_valid(raise_exception=True)
    told, plain = asked.validated_data, request._request
    proven = proving.prove_again(plain, passphrase=told["passphrase"], code=told["code"])
    sessions.unlock(plain, proven.keyring)
    return Response({"token": bearer.token(plain), "unlocked": True})


@extend_schema(methods=["GET"], responses=Anything, tags=["session"])
@extend_schema(methods=["DELETE"], responses={204: None}, tags=["session"])
@api_view(["GET", "DELETE"])
def session(request: Request) -> Response:
    """Who one is here, and what is open to them; or sign out, which ends the token."""
    if request.method == "DELETE":
        sessions.end(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)
    check_whole(request.user, second_step=request.user.is_verified())
    patient, clinician = roles.patient_of(request.user), roles.clinician_of(request.user)
    about: dict[str, object] = {
        "user": str(request.user.pk),
        "name": request.user.name,
        "patient": str(patient.pk) if patient else None,
        "unlocked": request.keyring is not None,
    }
    if clinician is not None:
        seen = standing(request.user)
        about["clinician"] = {
            "in_good_standing": seen.ok,
            "because": seen.because,
            "message": str(seen.message),
            "roles": sorted(map(str, seen.roles)),
        }
    return Response(about)
