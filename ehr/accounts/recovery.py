"""When a passphrase is lost: the code on paper, which is one share of two, and the reset by e-mail, which is none."""

import secrets

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import attempts, codes, hashers, keyrings, letters, links, lost_keys, queries
from ehr.accounts.keyrings import CannotOpen, OpenKeyring, shares
from ehr.accounts.models import Attempt, Keyring, Link, User
from ehr.accounts.operations import (
    CHANGED_MEANWHILE,
    Refused,
    check_passphrase,
    folded,
    hold_passphrase,
    refuse_on_the_log,
    set_password,
    stop_if_last,
    strong_enough,
)
from ehr.crypto.passphrases import Stretched

ASKED_GROUPS = 2


def new_code() -> str:
    """Return a fresh recovery code, six groups of four. Nothing is stored: `confirm` does that."""
    return codes.new(codes.RECOVERY_GROUPS)


def ask_groups() -> list[int]:
    """Return which groups of a code (counted from 1) a person is asked to type, in order."""
    return sorted(secrets.SystemRandom().sample(range(1, codes.RECOVERY_GROUPS + 1), ASKED_GROUPS))


def wrote_it_down(code: str, answers: dict[int, str]) -> bool:
    """Tell whether the answers are the groups of the code, by number from 1."""
    groups = codes.groups_of(code)
    # Bytes, for text beyond ASCII is not compared.
    typed = {number: codes.plain(text).encode() for number, text in answers.items()}
    right = [secrets.compare_digest(groups[number - 1].encode(), text) for number, text in typed.items()]
    return len(right) == ASKED_GROUPS and all(right)


def confirm(*, user: User, keyring: OpenKeyring, code: str) -> None:
    """Let a code that was written down be one of two shares from now on, and no code before it.

    The institution keeps another one from the same moment, where its custodian was set up.
    """
    with transaction.atomic():
        stored = Keyring.objects.select_for_update().get(reader__user=user)
        shares.write_down(stored, keyring, code)
        lost_keys.share_out(user, stored, keyring)
        log.append("recovery-code.made", actor=queries.party(user), subject=None, outcome="done")
        letters.write(user, "recovery-code-made", key=f"recovery-{stored.id}-{clock.now():%Y%m%dT%H%M%S%f}")


def unlock_with_old(*, user: User, old: str, passphrase: str, address: str) -> OpenKeyring:
    """Open the keyring by the passphrase from before a reset, and put the present one before it. Raises Refused."""
    checked = check_passphrase(user, user.signs_in_with, passphrase, address)
    attempt = _begin(user.signs_in_with, address, user)
    stored = queries.keyring_of(user)
    cost = (stored and stored.stretched_with) or hashers.fresh_cost()
    try:
        if stored is None:
            raise CannotOpen("There is no keyring yet.")
        keyring = keyrings.unlock(stored, hashers.stretch(old, cost).wrap)
    except CannotOpen as problem:
        _failed(user, attempt)
        raise Refused(
            _("That is not the passphrase your record was locked with. Try again, or get your keys back.")
        ) from problem
    attempts.turned_out_well(attempt)
    _put_in_step(user, keyring, checked.stretched, checked.cost)
    return keyring


def ask_for_reset(*, email: str, address: str) -> None:
    """Send a link for a new passphrase, if somebody proved this address. A page cannot tell. Raises Refused."""
    email = folded(email)
    try:
        attempts.begin("letter", account=email, address=address)
    except attempts.TooMany as stop:
        raise Refused(stop.message) from stop
    with transaction.atomic():
        user = User.objects.by_email(email).filter(is_active=True, email_verified_at__isnull=False).first()
        if user is not None:
            link = links.make(user, Link.Kind.RESET)
            letters.write(user, "reset-passphrase", key=f"reset-{link.id}", link=link)
            log.append("account.reset-asked", actor=queries.party(user), subject=None, outcome="done")


def reset(*, token: str, passphrase: str) -> User:
    """Set a new passphrase by a link. It signs in; it opens no keyring. Ends every session. Raises Refused, TooWeak."""
    link = links.find(token, Link.Kind.RESET)
    if link is None:
        raise Refused(_("This link has been used, is over an hour old, or a newer one was sent. Ask for a new one."))
    user = link.user
    strong_enough(passphrase, about=(user.name, user.signs_in_with))
    cost = hashers.fresh_cost()
    password = hashers.encoded(hashers.stretch(passphrase, cost), cost)
    with transaction.atomic():
        if not links.use(link):
            raise Refused(_("This link has been used. Ask for a new one."))
        set_password(user, password)
        log.append("account.passphrase-reset", actor=queries.party(user), subject=None, outcome="done")
        letters.write(user, "passphrase-reset", key=f"reset-done-{link.id}")
    return user


def _begin(email: str, address: str, user: User | None) -> Attempt:
    try:
        return attempts.begin("recovery", account=email, address=address)
    except attempts.TooMany as stop:
        refuse_on_the_log(user, "too-many-tries", "recovery.refused")
        raise Refused(stop.message) from stop


def _failed(user: User | None, attempt: Attempt) -> None:
    refuse_on_the_log(user, "no-match", "recovery.refused")
    stop_if_last(attempt, user)


def _put_in_step(user: User, keyring: OpenKeyring, stretched: Stretched, cost: str) -> None:
    with transaction.atomic():
        _rewrap(user, keyring, stretched, cost)
        log.append("keyring.unlocked", actor=queries.party(user), subject=None, outcome="done", because="recovery")
        lost_keys.drop(user, because="keys-opened")


def _rewrap(user: User, keyring: OpenKeyring, stretched: Stretched, cost: str) -> None:
    stored = Keyring.objects.select_for_update().get(reader__user=user)
    if not hold_passphrase(user):
        raise Refused(str(CHANGED_MEANWHILE))
    keyrings.wrap_by_passphrase(stored, keyring, stretched.wrap, stretched_with=cost)
