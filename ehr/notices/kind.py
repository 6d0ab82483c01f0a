"""What one kind of news is made of."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_NEWS = _("There is something new for you")
_NEWS_MAIL = _("There is something new in your account. Sign in to read it.")
_URGENT_MAIL = _("Something happened that should not wait. Sign in to read what it is and what you can do.")
_URGENT_POST = _(
    "Something happened with your account that should not wait. Sign in to read what it is and what you can do, or "
    "call us: we can tell you how to sign in, and stop what you did not ask for."
)


class Topic(StrEnum):
    """What a kind of news is about, as broadly as a letter says it."""

    ACCOUNT = "account"
    SHARING = "sharing"
    RECORD = "record"
    VISITS = "visits"
    WORK = "work"
    DESK = "desk"


TOPICS = {
    Topic.SHARING: _("Who may see a record"),
    Topic.RECORD: _("A record"),
    Topic.VISITS: _("Appointments"),
    Topic.WORK: _("Licences and places of work"),
    Topic.DESK: _("Work at the desk"),
    Topic.ACCOUNT: _("Your account"),
}


@dataclass(frozen=True)
class Kind:
    """One kind of news. `page` names the view with more to see; `link` names the view a letter's link leads to.

    `emergency` is told at once, whatever was chosen and at whatever hour: what happens now and can be stopped only now.
    `by_desk` must reach its person even where they have no mailbox: the desk then tells them, by letter or telephone,
    in the words of `post`. All emergencies are such. `by_desk_too` is told so even where there is a mailbox, which may
    be somebody else's.
    """

    heading: str | Promise
    words: str | Promise
    page: str = ""
    subject: str | Promise = _NEWS
    mail: str | Promise = _NEWS_MAIL
    link: str = ""
    emergency: bool = False
    by_desk: bool = False
    by_desk_too: bool = False
    post: str | Promise = _URGENT_POST
    topic: Topic = Topic.ACCOUNT


def emergency(heading: Promise, words: Promise, page: str) -> Kind:
    """Return a kind that waits for nothing, and whose letter says so."""
    return Kind(
        heading,
        words,
        page=page,
        subject=_("Something that should not wait"),
        mail=_URGENT_MAIL,
        emergency=True,
        by_desk=True,
    )
