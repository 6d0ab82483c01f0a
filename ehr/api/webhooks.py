"""Webhooks: the one address to which an institution's system is told that something happened. For the desk."""

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from ehr.api.answers import Anything
from ehr.api.guards import whole
from ehr.notices import hooks, queries
from providers.queries import institution as institution_of


class Address(serializers.Serializer):
    """Where to post: https, on the public network, without a password in it."""

    url = serializers.URLField(max_length=500)


@extend_schema(methods=["PUT"], request=Address, responses={201: Anything}, tags=["webhooks"])
@extend_schema(methods=["DELETE"], responses={204: None}, tags=["webhooks"])
@api_view(["PUT", "DELETE"])
@whole
def webhook(request: Request, institution: UUID) -> Response:
    """Set up an institution's webhook, whose secret is shown this once, or stop it. The one before is stopped.

    What is posted is a kind, a time and an id, signed: neither names nor anything about health.
    """
    place = institution_of(institution)
    if place is None or not request.user.has_perm("notices.manage_hook"):
        raise Http404
    if request.method == "DELETE":
        hook = queries.hooks_of([place.pk]).first()
        if hook is None:
            raise Http404
        hooks.stop(hook, by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
    asked = Address(data=request.data)
    asked.is_valid(raise_exception=True)
    hook, secret = hooks.set_up(place.pk, url=asked.validated_data["url"], by=request.user)
    return Response({"id": str(hook.pk), "url": hook.url, "secret": secret}, status=status.HTTP_201_CREATED)
