"""Shapes that several requests share."""

from datetime import datetime
from uuid import UUID, uuid5

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from consent.sharing.proposing import Narrow
from ehr import clock
from ehr.words import SENSITIVE, Action, Category

ORDINARY = [part for part in Category if part not in SENSITIVE]
ONCE = "Idempotency-Key"


class Parts(serializers.Serializer):
    """Which parts, and whether to write. A sensitive part stands apart, so that no list of “all” brings it along."""

    categories = serializers.ListField(child=serializers.ChoiceField(choices=ORDINARY), required=False, default=list)
    sensitive = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted(SENSITIVE)), required=False, default=list
    )
    actions = serializers.ListField(
        child=serializers.ChoiceField(choices=list(Action)),
        required=False,
        default=[str(Action.READ)],
        allow_empty=False,
    )

    def validate(self, attrs: dict) -> dict:
        if not (attrs["categories"] or attrs["sensitive"]):
            raise serializers.ValidationError({"categories": [_("Name at least one part.")]})
        return attrs

    def parts(self) -> list[str]:
        """Return all parts that were named."""
        return [*self.validated_data["categories"], *self.validated_data["sensitive"]]


class Narrowed(Parts):
    """The same, narrower: chosen entries, dates of what is recorded, countries from which it may be read."""

    entries = serializers.ListField(child=serializers.UUIDField(), required=False, default=list, max_length=500)
    record_from = serializers.DateField(required=False, allow_null=True, default=None)
    record_until = serializers.DateField(required=False, allow_null=True, default=None)
    places = serializers.ListField(child=serializers.RegexField(r"^[A-Z]{2}$"), required=False, default=list)

    def narrow(self) -> Narrow:
        """Return what narrows it, as the floors below take it."""
        told = self.validated_data
        return Narrow(
            frozenset(map(str, told["entries"])), told["record_from"], told["record_until"], frozenset(told["places"])
        )


def once(request: Request, about: UUID | None = None) -> UUID | None:
    """Return the id by which the same act sent twice is known: made of the header, and of who sends it.

    So nobody's key can meet another's. `about` is what the address names, where one key may come to several. Raises
    ValidationError.
    """
    told = request.headers.get(ONCE, "")
    try:
        key = UUID(told) if told else None
    except ValueError:
        raise serializers.ValidationError({ONCE: [_("This header holds a UUID, made anew for each act.")]}) from None
    if key is None:
        return None
    own = uuid5(request.user.pk, str(key))
    return uuid5(own, str(about)) if about else own


def in_future(at: datetime) -> datetime:
    """Return a moment with a zone. Raises ValidationError where it is past."""
    at = timezone.make_aware(at) if timezone.is_naive(at) else at
    if at <= clock.now():
        raise serializers.ValidationError({"ends": [_("Choose a moment in the future.")]})
    return at
