"""Wording and sending one e-mail. Sending the same parcel twice sends the same Message-ID twice.

Whether an e-mail may leave now is decided here, when it is sent, from what its person wants by then.
"""

from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from ehr import clock
from ehr.accounts import links
from ehr.accounts.models import Letter, User
from ehr.notices import errands, kinds, queries, timing, told_links
from ehr.notices.kind import TOPICS
from ehr.notices.models import Digest, Mail, Notice
from ehr.notices.timing import Pace
from ehr.outbox.delivery import NotYet
from ehr.outbox.models import Parcel

# An e-mail that belongs in a digest and came due after it was gathered is looked at again this much later.
SOON = timedelta(seconds=5)


def send_letter(letter: Letter) -> None:
    """Send a letter about an account. One whose link is used up or over has nothing left to say.

    Where its person has no mailbox, the desk tells them what must reach them.
    """
    link = letter.link
    if link is not None and (link.used_at is not None or link.ends_at <= clock.now()):
        return
    email = letter.to or letter.user.email
    if email is None or kinds.of(letter.kind).by_desk_too:
        errands.put_on_the_list(letter.user, letter.kind, key=f"letter/{letter.pk}")
    if email is None:
        return
    if link is None:
        _send_kind(letter, letter.user, email, "")
    else:
        query = f"?{urlencode(letter.payload)}" if letter.payload else ""
        path = reverse(kinds.of(letter.kind).link, args=[links.token(link)]) + query
        _send_kind(letter, letter.user, email, path)


def send_mail(mail: Mail) -> None:
    """Send the e-mail of a notice, to people whose account is active. Raises NotYet in quiet hours, and for digests.

    Where its person has no mailbox, the desk tells them what must reach them, at any hour.
    """
    user = mail.notice.user
    if not user.is_active:
        return
    if user.email is None:
        errands.put_on_the_list(user, mail.kind, key=f"mail/{mail.pk}")
        return
    if not kinds.of(mail.kind).emergency:
        _hold_back(mail, queries.wishes(user))
    _send_kind(mail, user, user.email, _path(mail.notice))


def _path(notice: Notice) -> str:
    """Return where the letter of a notice leads: to all that is new, or straight to what it is about."""
    kind = kinds.of(notice.kind)
    if kind.link and notice.about:
        return reverse(kind.link, args=[told_links.token(notice.kind, notice.about)])
    return reverse("front:notices")


def _hold_back(mail: Mail, wishes: timing.Wishes) -> None:
    now = clock.now()
    if wishes.in_digests:
        raise NotYet(max(timing.next_digest(wishes, mail.created_at), now + SOON))
    if timing.is_quiet(wishes, now):
        raise NotYet(timing.after_quiet(wishes, now))


def send_digest(digest: Digest) -> None:
    """Send one letter that counts what is unread of a day or a week; none where all was read meanwhile."""
    user, now = digest.user, clock.now()
    wishes = queries.wishes(user)
    if timing.is_quiet(wishes, now):
        raise NotYet(timing.after_quiet(wishes, now))
    counts = queries.counted(digest)
    if not user.is_active or user.email is None or not counts:
        return
    with translation.override(user.language):
        opening = {
            Pace.DAILY: _("This is what is new since yesterday's letter, and how much of it:"),
            Pace.WEEKLY: _("This is what is new since last week's letter, and how much of it:"),
        }[Pace(digest.kind)]
        lines = "\n".join(f"  {TOPICS[topic]}: {count}" for topic, count in counts.items())
        change = _("You chose to get one letter instead of many. Change that here: %(address)s") % {
            "address": _address(reverse("front:notice-settings"))
        }
        said = f"{opening}\n\n{lines}\n\n{_('Sign in to read it.')}"
        _send(digest, user.email, _("What is new for you"), said, _address(reverse("front:notices")), change)


def send_to(parcel: Parcel, *, email: str, language: str) -> None:
    """Send a parcel's letter to an address that need not be an account's: it leads to the first page, and asks nothing.

    For what concerns nobody here by name, such as an emergency contact. Raises as the mail server does.
    """
    kind = kinds.of(parcel.kind)
    with translation.override(language):
        _send(parcel, email, str(kind.subject), str(kind.mail), _address("/"))


def _send_kind(parcel: Parcel, user: User, email: str, path: str) -> None:
    kind = kinds.of(parcel.kind)
    with translation.override(user.language):
        _send(parcel, email, str(kind.subject), str(kind.mail), _address(path or "/"))


def _address(path: str) -> str:
    return f"{settings.SITE_URL}{path}"


def _send(parcel: Parcel, email: str, subject: str, said: str, *more: str) -> None:
    farewell = _("This letter names nobody and says nothing about your health. No one will ask for your passphrase.")
    message = EmailMessage(
        subject=subject,
        body="\n\n".join([said, *more, farewell]) + "\n",
        to=[email],
        headers={
            "Message-ID": f"<{parcel.pk}@{urlsplit(settings.SITE_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.send()


def send_words(parcel: Parcel, *, email: str, subject: str, said: str, more: str) -> None:
    """Send words that were made for this parcel, in the language that is active. They name nobody, and no health."""
    _send(parcel, email, subject, said, more)
