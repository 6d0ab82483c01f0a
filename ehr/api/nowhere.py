"""What is at no address of ours is told to programs by a problem as well, never by a page."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response


@extend_schema(exclude=True)
@api_view(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
@permission_classes([AllowAny])
def nowhere(request: Request, address: str = "") -> Response:  # noqa: ARG001 - whatever it is
    """Say that there is nothing here."""
    raise Http404
