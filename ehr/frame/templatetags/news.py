"""How much is new, on every page of somebody signed in."""

from django import template

from ehr.frame.templatetags.frame import address
from ehr.notices import live, queries

register = template.Library()
MOST_SHOWN = 99


@register.inclusion_tag("parts/unread.html", takes_context=True)
def unread(context):
    """The way to one's notices, with how many are unread. It keeps itself up to date where the server can tell it."""
    request = context.get("request")
    user = getattr(request, "user", None)
    page = address("front:notices")
    if not page or user is None or not user.is_authenticated:
        return {"page": ""}
    count = queries.unread(user)
    return {
        "page": page,
        "here": request.path == page,
        "count": count,
        "shown": f"{MOST_SHOWN}+" if count > MOST_SHOWN else str(count),
        "live": live.possible(),
    }
