"""The seal that closes each page which shows a record."""

from django import template
from django.utils.safestring import mark_safe

from audit import queries as log
from ehr.frame import seal_picture

register = template.Library()


@register.inclusion_tag("parts/seal.html")
def seal(check: str = ""):
    """What the log holds now and when it was last signed. `check` is the address where a person can check it."""
    head = log.head()
    return {"head": head, "picture": mark_safe(seal_picture.svg(bytes(head.root))), "check": check}  # noqa: S308 numbers only
