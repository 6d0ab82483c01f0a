"""Closing a whole place for a day or a span, and opening it again: acts on the page of a place."""

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from appointments import closures
from appointments.models import Closure, Place
from ehr import clock
from ehr.desk.worklist import Act, Line, Section
from ehr.frame.time_forms import SpanForm, span, spoken


def close_for(place: Place, *, by, **told) -> None:
    """Close a place between two hours as clocks there show them."""
    starts, ends = span(place.time_zone, **told)
    closures.close_for(place, by=by, starts=starts, ends=ends)


def open_again(place: Place, *, by, which: Closure) -> None:
    """Take a closure back."""
    closures.take_back(closures.of_place(place, clock.now()).get(pk=which.pk), by=by)


CLOSE_FOR = Act(
    "close-for",
    _("Close this place for this time"),
    close_for,
    _("Nothing can be booked here in this time any more. If visits are booked in it, the front desk was told."),
    help=_(
        "For a holiday, or when nobody can get in. Visits that are booked stay until the front desk moves or cancels"
        " them: nobody pays a fee for that, and what was paid goes back whole."
    ),
    form=SpanForm,
)


def acts(place: Place) -> list[Act]:
    """Return what may be done about the time in which a place is closed."""
    closed = closures.of_place(place, clock.now())
    return [CLOSE_FOR, _open_again_act(closed)] if closed else [CLOSE_FOR]


def section(place: Place) -> Section:
    """Return when a place is closed, with how many visits the desk has still to look at."""
    found = closures.at_institutions([place.institution_id], clock.now()).filter(place=place)
    return Section(_("Closed for a time"), lines=[Line(_time_of(one), _booked(one)) for one in found])


def _time_of(one: Closure) -> str:
    return spoken(one.starts, one.ends, one.place.time_zone)


def _booked(one: Closure) -> str:
    if not one.booked:
        return gettext("no visit is booked in it")
    words = ngettext("%(count)d visit is still booked in it", "%(count)d visits are still booked in it", one.booked)
    return words % {"count": one.booked}


def _open_again_act(closed) -> Act:
    class Which(forms.Form):
        """Which of them."""

        which = forms.ModelChoiceField(
            label=_("Which time"), queryset=closed.select_related("place"), empty_label=_("Choose one")
        )

        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, **kwargs)
            self.fields["which"].label_from_instance = _time_of

    done = _("The place is open again in this time. What was cancelled meanwhile stays so.")
    return Act("open-again", _("Open it again"), open_again, done, form=Which)
