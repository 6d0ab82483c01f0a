"""Wording and sending one e-mail. Sending the same parcel twice sends the same Message-ID twice."""

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from ehr import clock
from ehr.accounts import links
from ehr.accounts.models import Letter, User
from ehr.notices import kinds
from ehr.notices.models import Mail
from ehr.outbox.models import Parcel


def send_letter(letter: Letter) -> None:
    """Send a letter about an account. One whose link is used up or over has nothing left to say."""
    link = letter.link
    if link is None:
        _send(letter, letter.user, "")
    elif link.used_at is None and link.ends_at > clock.now():
        query = f"?{urlencode(letter.payload)}" if letter.payload else ""
        _send(letter, letter.user, reverse(kinds.of(letter.kind).link, args=[links.token(link)]) + query)


def send_mail(mail: Mail) -> None:
    """Send the e-mail of a notice, to people whose account is active."""
    user = mail.notice.user
    if user.is_active:
        _send(mail, user, reverse("front:notices"))


def _send(parcel: Parcel, user: User, path: str) -> None:
    kind = kinds.of(parcel.kind)
    with translation.override(user.language):
        address = f"{settings.SITE_URL}{path or '/'}"
        farewell = _(
            "This letter names nobody and says nothing about your health. No one will ask for your passphrase."
        )
        message = EmailMessage(
            subject=str(kind.subject),
            body=f"{kind.mail}\n\n{address}\n\n{farewell}\n",
            to=[user.email],
            headers={
                "Message-ID": f"<{parcel.pk}@{urlsplit(settings.SITE_URL).hostname}>",
                "Auto-Submitted": "auto-generated",
            },
        )
        message.send()
