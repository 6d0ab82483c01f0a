"""How the desk says a value."""

from datetime import datetime

from django import template

from ehr.frame.templatetags.frame import moment

register = template.Library()


@register.filter
def said(value: object) -> object:
    """A moment in the reader's zone, and everything else as it is."""
    return moment(value) if isinstance(value, datetime) else value
