"""What templates say with: fields, links, people, days."""

from datetime import date, datetime

from django import template
from django.conf import settings
from django.forms import BaseForm
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ehr import clock
from ehr.frame import categories, forms

register = template.Library()


@register.inclusion_tag("parts/field.html")
def field(bound, hint: str = "", plain: bool = False):
    """A form's field with its label, hint and what to correct. `plain` leaves "(optional)" unsaid."""
    return {"field": bound, "kind": forms.kind(bound), "hint": hint or bound.help_text, "plain": plain}


@register.inclusion_tag("parts/errors.html")
def errors(*shown: BaseForm):
    """The list of what to correct, which takes the focus. Nothing while there is nothing to correct."""
    return {"found": forms.to_correct(form for form in shown if form)}


@register.inclusion_tag("parts/nav_link.html", takes_context=True)
def nav(context, name: str, label: str, exact: bool = False):
    """A link of the masthead, marked as current on its page and on the pages below it."""
    url = reverse(name)
    path = getattr(context.get("request"), "path", "")
    here = "page" if path == url else ("true" if not exact and path.startswith(url) else "")
    return {"url": url, "label": label, "here": here}


@register.simple_tag
def address(name: str, *args, **kwargs) -> str:
    """Return the address of a page, or nothing where the deployment has no such page."""
    try:
        return reverse(name, args=args, kwargs=kwargs)
    except NoReverseMatch:
        return ""


@register.filter
def person(name: str) -> SafeString:
    """A name, kept apart from the direction of the text around it."""
    return format_html("<bdi>{}</bdi>", name)


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """A day and a time of day in the reader's zone, as people say it: 20 November 2026, 06:00."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    return format_html('<time datetime="{}">{}, {}</time>', at.isoformat(), day_words(local.date()), clock_words(local))


@register.filter
def at_clock(at: datetime) -> SafeString:
    """A time of day in the reader's zone: 14:06."""
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), clock_words(timezone.localtime(at)))


@register.filter
def day(at: datetime | date | None) -> SafeString | str:
    """A day in the reader's zone: 20 November 2026."""
    if at is None:
        return ""
    on = timezone.localtime(at).date() if isinstance(at, datetime) else at
    return format_html('<time datetime="{}">{}</time>', on.isoformat(), day_words(on))


@register.filter
def heading_day(on: date) -> str:
    """A day as the head of a list: Today, Yesterday, Thursday 19 November, and its year when it is not this one."""
    today = timezone.localtime(clock.now()).date()
    words = date_format(on, "l j F" if on.year == today.year else "l j F Y")
    if on == today:
        return _("Today, %(day)s") % {"day": words}
    if (today - on).days == 1:
        return _("Yesterday, %(day)s") % {"day": words}
    return words


def day_words(on: date) -> str:
    return date_format(on, "j F Y")


def clock_words(local: datetime) -> str:
    return date_format(local, "H:i")


@register.filter
def category(slug: str) -> str:
    """A part of the record in a person's words."""
    return categories.about(slug).name


@register.simple_tag
def help_line() -> str:
    """The telephone number where the same can be done by speaking, where the deployment has one."""
    return settings.HELP_LINE
