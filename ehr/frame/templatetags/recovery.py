"""On every page of somebody signed in: that their keys are being replaced, and the button that stops it."""

from django import template
from django.conf import settings

from ehr.accounts import queries

register = template.Library()


@register.inclusion_tag("parts/recovery.html", takes_context=True)
def recovery_notice(context):
    """Say that somebody began to get this person's keys back. Nothing on the page that is about just that."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or _told_anyway(request):
        return {"recovery": None}
    return {"recovery": queries.recovery_under_way(user), "csrf_token": context.get("csrf_token")}


@register.simple_tag
def recovery_hours() -> int:
    """Return how many hours lost keys wait before two shares open them."""
    return int(settings.RECOVERY_DELAY.total_seconds() // 3600)


def _told_anyway(request) -> bool:
    return request.resolver_match is not None and request.resolver_match.view_name == "front:recover"
