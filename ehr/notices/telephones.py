"""A telephone for text messages: put in by its person, proven by a code sent to it, taken away by them."""

import hmac
import logging
import re
import secrets
from datetime import timedelta
from uuid import uuid4

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import attempts, queries, stored
from ehr.accounts.models import User
from ehr.accounts.operations import Refused
from ehr.notices import texting
from ehr.notices.models import Telephone

logger = logging.getLogger(__name__)
LABEL = "telephone"
CODE_LASTS = timedelta(minutes=10)
# Country code and number. Source: ITU-T E.164, at most 15 digits.
_NUMBER = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)


def of(user: User) -> Telephone | None:
    """Return what is known of somebody's telephone, proven or not, or None."""
    return Telephone.objects.filter(user=user).first()


def shown(telephone: Telephone) -> str:
    """Return its number."""
    return stored.take_out(bytes(telephone.sealed_number), about=telephone.user_id.bytes, label=LABEL).decode()


def number_of(user: User) -> str | None:
    """Return the number at which somebody gets texts, or None: one that was not proven gets none."""
    found = of(user)
    return shown(found) if found is not None and found.proven_at is not None else None


def folded(number: str) -> str:
    """Return a number as it is dialled from everywhere: +15065550100. Raises Refused."""
    bare = re.sub(r"[\s().\-/\u00a0]", "", number)
    bare = "+" + bare[2:] if bare.startswith("00") else bare
    if not _NUMBER.fullmatch(bare):
        raise Refused(_("Type the number with its country code, such as +1 506 555 0100."))
    return bare


def ask(*, user: User, number: str, address: str) -> None:
    """Send a code to a number that somebody wants texts at. The number there was gets none any more. Raises Refused."""
    number = folded(number)
    try:
        # Each text costs, and rings at somebody: a person, a number and a machine get few.
        attempts.begin("text-code", account=user.signs_in_with, address=address)
        attempts.begin("text-code", account=number, address=address)
    except attempts.TooMany as stop:
        raise Refused(stop.message) from stop
    code = f"{secrets.randbelow(10**6):06}"
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        Telephone.objects.update_or_create(
            user=user,
            defaults={
                "sealed_number": stored.put_away(number.encode(), about=user.pk.bytes, label=LABEL),
                "code_digest": _digest(user, code),
                "code_until": clock.now() + CODE_LASTS,
                "proven_at": None,
            },
        )
        log.append("account.telephone-asked", actor=queries.party(user), subject=None, outcome="done")
    with translation.override(user.language):
        words = _("Your code is %(code)s. It is good for 10 minutes. Nobody will ask you for it.") % {"code": code}
    try:
        texting.sender().send(number, words, key=str(uuid4()))
    except Exception as problem:
        # Only the class: a message may quote what was sent.
        logger.warning("A code was not sent: %s", type(problem).__name__)
        raise Refused(_("The text could not be sent just now. Wait some minutes, then try again.")) from problem


def prove(*, user: User, code: str, address: str) -> None:
    """Prove a telephone by the code that was sent to it. Raises Refused."""
    try:
        attempt = attempts.begin("text-proof", account=user.signs_in_with, address=address)
    except attempts.TooMany as stop:
        raise Refused(stop.message) from stop
    with transaction.atomic():
        found = Telephone.objects.select_for_update().filter(user=user).first()
        fits = (
            found is not None
            and found.code_until is not None
            and clock.now() < found.code_until
            and hmac.compare_digest(bytes(found.code_digest), _digest(user, "".join(code.split())))
        )
        if fits:
            found.code_digest, found.code_until, found.proven_at = b"", None, clock.now()
            found.save(update_fields=["code_digest", "code_until", "proven_at"])
            log.append("account.telephone-added", actor=queries.party(user), subject=None, outcome="done")
    if not fits:
        raise Refused(_("This is not the code, or its 10 minutes are over. Look again, or have a new one sent."))
    attempts.turned_out_well(attempt)


def remove(*, user: User) -> None:
    """Take somebody's telephone away: no text goes there any more. Twice is once."""
    with transaction.atomic():
        if Telephone.objects.filter(user=user).delete()[0]:
            log.append("account.telephone-removed", actor=queries.party(user), subject=None, outcome="done")


def _digest(user: User, code: str) -> bytes:
    return stored.index("telephone-code", f"{user.pk}|{code}")
