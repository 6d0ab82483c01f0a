"""How the desk says a value."""

from datetime import date, datetime

from django import template

from ehr.frame.templatetags.frame import day, moment

register = template.Library()


@register.filter
def said(value: object) -> object:
    """A moment in the reader's zone, a day as people say it, and everything else as it is."""
    if isinstance(value, datetime):
        return moment(value)
    return day(value) if isinstance(value, date) else value
