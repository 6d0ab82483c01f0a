"""Requests for access: made by clinicians, answered by patients."""

from uuid import UUID

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from consent import reach
from consent.models import AccessRequest
from consent.sharing import answering, asking, finding, requests
from ehr.api import answers, fields
from ehr.api.answers import Anything
from ehr.api.guards import clinician_only, patient_only, unlocked
from ehr.frame import presence, sessions
from ehr.words import Purpose

_ONCE = OpenApiParameter(
    fields.ONCE, UUID, OpenApiParameter.HEADER, description="The same act sent twice is done once."
)


class Finding(serializers.Serializer):
    """Either the code that a patient shows, or the three things that their documents say."""

    code = serializers.CharField(required=False, max_length=40)
    name = serializers.CharField(required=False, max_length=200)
    birth_date = serializers.DateField(required=False)
    system = serializers.CharField(required=False, max_length=200)
    value = serializers.CharField(required=False, max_length=100)

    def validate(self, attrs: dict) -> dict:
        if "code" not in attrs and not {"name", "birth_date", "system", "value"} <= set(attrs):
            raise serializers.ValidationError("Send “code”, or all of “name”, “birth_date”, “system” and “value”.")
        return attrs


class Asking(fields.Parts):
    """What to ask a patient for, for how many days, and why."""

    days = serializers.IntegerField(min_value=1, max_value=asking.MOST_DAYS)
    words = serializers.CharField(max_length=asking.MOST_WORDS)
    record_from = serializers.DateField(required=False, allow_null=True, default=None)
    record_until = serializers.DateField(required=False, allow_null=True, default=None)


class Answering(fields.Narrowed):
    """A yes, perhaps to less. Without `sentence` nothing is given: the answer says what would be signed."""

    days = serializers.IntegerField(min_value=1, max_value=asking.MOST_DAYS)
    sentence = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


@extend_schema(request=Finding, responses=Anything, tags=["asking"])
@api_view(["POST"])
@clinician_only
def find(request: Request) -> Response:
    """Find a patient to ask: by the code they show, or exactly by name, birth date and one identifier."""
    asked = Finding(data=request.data)
    asked.is_valid(raise_exception=True)
    told, address = asked.validated_data, sessions.address(request._request)
    if "code" in told:
        found = finding.meet(told["code"], reader=request.user, address=address)
    else:
        found = finding.find(**told, reader=request.user, address=address)
    return Response({"patient": str(found.pk)})


@extend_schema(request=Asking, parameters=[_ONCE], responses={201: Anything}, tags=["asking"])
@api_view(["POST"])
@clinician_only
@unlocked
def ask(request: Request, patient: UUID) -> Response:
    """Ask a patient for access; they have 14 days to answer."""
    found = finding.patient_to_ask(request.user, patient)
    if found is None:
        raise Http404
    asked = Asking(data=request.data)
    asked.is_valid(raise_exception=True)
    told = asked.validated_data
    reach.name([found], to=request.user, because="asking")
    made = asking.ask(
        found,
        reader=request.user,
        keyring=request.keyring,
        categories=asked.parts(),
        actions=told["actions"],
        purpose=Purpose.TREAT,
        days=told["days"],
        words=told["words"],
        record_from=told["record_from"],
        record_until=told["record_until"],
        presence=presence.presence(request._request),
        once=fields.once(request, about=found.pk),
    )
    _check_asked(made, asked)
    return Response(answers.request(made), status=status.HTTP_201_CREATED)


def _check_asked(made: AccessRequest, asked: Asking) -> None:
    """See that a request is the one that was sent now, and not what its key made before. Raises CannotAsk.

    Its words are sealed to the patient, so they are not compared.
    """
    told = asked.validated_data
    terms = ("days", "record_from", "record_until")
    lists = set(made.categories) == set(asked.parts()) and set(made.actions) == set(told["actions"])
    if not lists or any(getattr(made, name) != told[name] for name in terms):
        raise requests.CannotAsk(_("This key stands for another request. Send a new key with each new act."))


@extend_schema(responses=Anything, tags=["asking"])
@api_view(["GET"])
@clinician_only
def sent(request: Request) -> Response:
    """List what one asked for, newest first, and what became of it."""
    return Response(answers.listed([answers.request(one) for one in requests.sent(request.user)[:200]]))


@extend_schema(responses=Anything, tags=["asking"])
@api_view(["GET"])
@patient_only
def received(request: Request) -> Response:
    """List what waits for one's answer, oldest first, then what was answered."""
    waiting = [answers.request(one) for one in requests.open_requests(request.patient)]
    closed = [answers.request(one) for one in requests.closed_requests(request.patient)[:200]]
    return Response(answers.listed([*waiting, *closed], waiting=len(waiting)))


def _asked(request: Request, asked: UUID) -> AccessRequest:
    found = requests.of_patient(request.patient, asked)
    if found is None:
        raise Http404
    return found


@extend_schema(request=Answering, responses={201: Anything}, tags=["asking"])
@api_view(["POST"])
@patient_only
@unlocked
def approve(request: Request, asked: UUID) -> Response:
    """Say yes, perhaps to less than was asked for."""
    found = _asked(request, asked)
    answer = Answering(data=request.data)
    answer.is_valid(raise_exception=True)
    told = answer.validated_data
    narrow = answer.narrow()
    terms = {
        "categories": answer.parts(),
        "actions": told["actions"],
        "days": told["days"],
        "narrow": narrow
        if narrow.columns() != answering.as_asked(found).columns() and any(narrow.columns().values())
        else None,
    }
    if not told["sentence"]:
        proposed = answering.propose(found, **terms)
        return Response({"sentence": proposed.sentence, "ends": answers.moment(proposed.ends)})
    made = answering.approve(found, keyring=request.keyring, sentence=told["sentence"], **terms)
    return Response(answers.grant(made), status=status.HTTP_201_CREATED)


@extend_schema(request=None, responses=Anything, tags=["asking"])
@api_view(["POST"])
@patient_only
def decline(request: Request, asked: UUID) -> Response:
    """Say no. Whoever asked learns that, and nothing else."""
    return Response(answers.request(answering.decline(_asked(request, asked))))
