"""What people are told of visits. Letters name nobody, no place and nothing that a visit is for."""

from django.utils.translation import gettext_lazy as _

from ehr.notices.kind import Kind

VISITS = {
    "visit-booked": Kind(
        _("A visit was booked for you"),
        _("See when and where, and what cancelling costs. You can move it or cancel it."),
        page="patient:visits",
    ),
    "visit-proposed": Kind(
        _("A time was proposed to you"),
        _("It is kept for you for 72 hours. Agree to it, or say that it does not suit you."),
        page="patient:visits",
    ),
    "visit-moved": Kind(
        _("A visit of yours is at another time now"),
        _("See when and where. If it does not suit you, move it or cancel it."),
        page="patient:visits",
    ),
    "visit-cancelled": Kind(
        _("A visit of yours was cancelled"),
        _("You need not come. You can book another time, and what you paid is returned as was agreed."),
        page="patient:visits",
    ),
    "visit-stands": Kind(
        _("Something noted about a visit of yours was taken back"),
        _("See how it stands now. If it does not suit you, call the place."),
        page="patient:visits",
    ),
    "visit-missed": Kind(
        _("It was noted that you did not come to a visit"),
        _("If you were there, say so within 30 days: then no fee is taken until somebody looked. You can book anew."),
        page="patient:visits",
    ),
    "visit-dispute-answered": Kind(
        _("Your word that you came to a visit was looked at"),
        _("See what was found, and what becomes of the fee."),
        page="patient:visits",
    ),
    "visit-offered": Kind(
        _("An earlier time is free"),
        _("It is kept for you for 30 minutes. Take it or leave it: then it goes to who is next."),
        page="patient:visits",
        mail=_("Something you waited for is there for the next 30 minutes. Open this link to answer with yes or no."),
        link="front:visit-offered",
    ),
    "visit-soon": Kind(
        _("A visit of yours is near"),
        _("See when and where it is. If you cannot come, move it or cancel it, so that somebody else has the time."),
        page="patient:visits",
    ),
    "acting-visit": Kind(
        _("Something is new about a visit of somebody you act for"),
        _("Begin to act for them, then look at their visits."),
        page="patient:acting",
    ),
    "acting-visit-soon": Kind(
        _("A visit of somebody you act for is near"),
        _("Begin to act for them, then see when and where it is. If they cannot come, move it or cancel it."),
        page="patient:acting",
    ),
    "insurance-decided": Kind(
        _("Your insurer answered a bill"),
        _("See what they pay, and what is left on your bill."),
    ),
    "clinic.place-closed": Kind(
        _("Your place is closed in a time in which visits are booked"),
        _("Move each of them, or call it off. Who was to come is told, and pays nothing."),
        page="frontdesk:closures",
    ),
    "clinic.visit-booked": Kind(_("A visit was booked with you"), _("It stands in your day."), page="clinician:day"),
    "clinic.visit-moved": Kind(
        _("A visit with you is at another time now"), _("It stands in your day."), page="clinician:day"
    ),
    "clinic.visit-cancelled": Kind(
        _("A visit with you was cancelled"), _("Its time is free again."), page="clinician:day"
    ),
    "clinic.visit-disputed": Kind(
        _("A patient says that they came to a visit"),
        _("It was noted that nobody came. No fee is taken until you looked and answered."),
    ),
}
