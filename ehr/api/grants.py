"""Permissions: giving, changing and ending them with the patient's own keys, and asking how things stand."""

from datetime import datetime, timedelta
from uuid import UUID

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from consent import proofs, queries
from consent.access import own_party
from consent.models import Grant
from consent.sharing import grants, proposing
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import Reader, User
from ehr.api import answers, fields
from ehr.api.answers import Anything
from ehr.api.guards import patient_only, unlocked
from ehr.words import Purpose
from providers import queries as providers
from providers import team_queries

TEMPORARY_HOURS = 72
_ONCE = OpenApiParameter(
    fields.ONCE, UUID, OpenApiParameter.HEADER, description="The same act sent twice is done once."
)


class Giving(fields.Narrowed):
    """Whom to let in to what, until when. `sentence` is what the preview returned and the patient read."""

    reader = serializers.UUIDField()
    ends = serializers.DateTimeField()
    sentence = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class Temporary(fields.Narrowed):
    """The same for some hours, which begin with the sentence: `ends` is told beside it, and sent back with it."""

    reader = serializers.UUIDField()
    hours = serializers.IntegerField(min_value=1, max_value=TEMPORARY_HOURS)
    ends = serializers.DateTimeField(required=False)
    sentence = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class Changing(fields.Narrowed):
    """What takes a permission's place."""

    ends = serializers.DateTimeField()
    sentence = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


@extend_schema(methods=["GET"], operation_id="consents_list", responses=Anything, tags=["consent"])
@extend_schema(methods=["POST"], request=Giving, parameters=[_ONCE], responses={201: Anything}, tags=["consent"])
@api_view(["GET", "POST"])
@patient_only
def consents(request: Request) -> Response:
    """List one's permissions, those over last; or give one, signed with one's own keys.

    Without `sentence` nothing is given: the answer says what would be signed, to be read and sent back.
    """
    if request.method == "GET":
        at = clock.now()
        found = [*queries.who_can_see(request.patient, at), *queries.ended(request.patient, at)[:200]]
        return Response(answers.listed([answers.grant(one) for one in found]))
    asked = Giving(data=request.data)
    asked.is_valid(raise_exception=True)
    return _give(request, asked, ends=fields.in_future(asked.validated_data["ends"]))


@extend_schema(request=Temporary, parameters=[_ONCE], responses={201: Anything}, tags=["consent"])
@api_view(["POST"])
@patient_only
def temporary(request: Request) -> Response:
    """Let somebody in for some hours. Send back `sentence` and `ends` as they were told, so that both are signed."""
    asked = Temporary(data=request.data)
    asked.is_valid(raise_exception=True)
    longest = clock.now() + timedelta(hours=asked.validated_data["hours"])
    ends = fields.in_future(asked.validated_data.get("ends", longest))
    if ends > longest:
        raise serializers.ValidationError({"ends": [_("This is later than the hours you named allow.")]})
    return _give(request, asked, ends=ends.replace(second=0, microsecond=0))


@unlocked
def _give(request: Request, asked: fields.Narrowed, *, ends: datetime) -> Response:
    terms = {
        "reader": _reader(asked.validated_data["reader"]),
        "categories": asked.parts(),
        "actions": asked.validated_data["actions"],
        "purpose": Purpose.TREAT,
        "starts": clock.now(),
        "ends": ends,
        "narrow": asked.narrow(),
    }
    sentence = asked.validated_data["sentence"]
    if not sentence:
        proposed = proposing.propose(request.patient, **terms)
        return Response({"sentence": proposed.sentence, "ends": answers.moment(proposed.ends)})
    once = fields.once(request)
    made = grants.give(request.patient, keyring=request.keyring, once=once, sentence=sentence, **terms)
    _check_asked(made, asked, reader=terms["reader"], ends=ends)
    return Response(answers.grant(made), status=status.HTTP_201_CREATED)


def _check_asked(made: Grant, asked: fields.Narrowed, *, reader: User | Reader, ends: datetime) -> None:
    """See that a permission is the one this request is about, and not what its key made before. Raises CannotGive."""
    told = asked.validated_data
    to = made.reader.user if isinstance(reader, User) else made.reader
    same = (
        to == reader
        and made.sentence == told["sentence"]
        and set(made.categories) == set(asked.parts())
        and set(made.actions) == set(told["actions"])
        and all(getattr(made, name) == value for name, value in asked.narrow().columns().items())
        # Without an end of its own, the request has the one that its sentence says.
        and ("ends" not in told or made.ends == ends.replace(microsecond=0))
    )
    if not same:
        raise proposing.CannotGive(_("This key stands for another permission. Send a new key with each new act."))


def _reader(named: UUID) -> User | Reader:
    """Return a verified clinician by user id, or a team by reader id. Raises ValidationError."""
    if (person := providers.directory_line(named)) is not None:
        return accounts.person(person.user_id)
    if (team := team_queries.team_line(named)) is not None:
        return accounts.reader(team.reader_id)
    raise serializers.ValidationError(
        {"reader": ["Nobody in the directory has this id now. Look them up: GET /api/v1/clinicians."]}
    )


def _own(request: Request, grant: UUID) -> Grant:
    found = queries.of_patient(request.patient, grant)
    if found is None:
        raise Http404
    return found


@extend_schema(methods=["GET"], responses=Anything, tags=["consent"])
@extend_schema(methods=["PUT"], request=Changing, parameters=[_ONCE], responses=Anything, tags=["consent"])
@extend_schema(methods=["DELETE"], responses=Anything, tags=["consent"])
@api_view(["GET", "PUT", "DELETE"])
@patient_only
def consent(request: Request, grant: UUID) -> Response:
    """How one permission stands; put another in its place with no moment between; or end it, now.

    Ending needs no unlocked keys and refuses the very next request; ending twice changes nothing.
    """
    found = _own(request, grant)
    if request.method == "PUT":
        return _change(request, found)
    if request.method == "DELETE":
        if found.kind == Grant.Kind.LEGAL_COPY:
            raise proposing.CannotGive("A legal copy stays as long as the law requires. Nothing new opens by it.")
        grants.end(found, keyring=request.keyring, by=own_party(request.patient))
        found = _own(request, grant)
    return Response(answers.grant(found))


@unlocked
def _change(request: Request, found: Grant) -> Response:
    asked = Changing(data=request.data)
    asked.is_valid(raise_exception=True)
    told = asked.validated_data
    terms = {
        "categories": asked.parts(),
        "actions": told["actions"],
        "ends": fields.in_future(told["ends"]),
        "narrow": asked.narrow(),
    }
    if not told["sentence"]:
        proposed = grants.propose_change(found, **terms)
        return Response(
            {"sentence": proposed.sentence, "before": found.sentence, "ends": answers.moment(proposed.ends)}
        )
    once = fields.once(request, about=found.pk)
    made = grants.change(found, keyring=request.keyring, once=once, sentence=told["sentence"], **terms)
    _check_asked(made, asked, reader=found.reader, ends=terms["ends"])
    return Response(answers.grant(made))


@extend_schema(responses=Anything, tags=["consent"])
@api_view(["GET"])
@patient_only
def proof(request: Request, grant: UUID) -> Response:
    """The file with which somebody else checks a permission from the patient's key to the chain."""
    found = _own(request, grant)
    ending = getattr(found, "ending", None)
    return Response(proofs.document(found, ended_at=ending.at if ending else None))
