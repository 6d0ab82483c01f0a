"""When a passphrase is lost: the paper code, which opens the keyring, and the reset by e-mail, which does not."""

import secrets

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from ehr.accounts import attempts, codes, hashers, keyrings, letters, links, queries
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.accounts.models import Attempt, Keyring, Link, User
from ehr.accounts.operations import (
    Refused,
    SignedIn,
    check_passphrase,
    folded,
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
    right = [secrets.compare_digest(groups[number - 1], codes.plain(text)) for number, text in answers.items()]
    return len(right) == ASKED_GROUPS and all(right)


def confirm(*, user: User, keyring: OpenKeyring, code: str) -> None:
    """Let a code that was written down open the keyring from now on, and no code before it."""
    with transaction.atomic():
        stored = Keyring.objects.select_for_update().get(reader__user=user)
        keyrings.wrap_by_code(stored, keyring, code)
        log.append("recovery-code.made", actor=queries.party(user), subject=None, outcome="done")
        letters.write(user, "recovery-code-made", key=f"recovery-{stored.id}-{stored.changed_at:%Y%m%dT%H%M%S%f}")


def recover(*, email: str, code: str, passphrase: str, address: str) -> SignedIn:
    """Set a new passphrase by the paper code, and open the keyring. Ends every session. Raises Refused, TooWeak.

    The code alone does it: it is 120 random bits that only its owner saw. A second factor is asked for all the same.
    """
    email = folded(email)
    user = User.objects.by_email(email).filter(is_active=True).first()
    strong_enough(passphrase, about=(email,))
    attempt = _begin(email, address, user)
    cost = hashers.fresh_cost()
    stretched = hashers.stretch(passphrase, cost)
    keyring = _open_by_code(user, code, attempt)
    with transaction.atomic():
        set_password(user, hashers.encoded(stretched, cost))
        _rewrap(user, keyring, stretched, cost)
        log.append("account.recovered", actor=queries.party(user), subject=None, outcome="done")
        letters.write(user, "recovered", key=f"recovered-{user.id}-{user.session_epoch}")
    return SignedIn(user, keyring)


def unlock_with_code(*, user: User, code: str, passphrase: str, address: str) -> OpenKeyring:
    """Open the keyring of somebody signed in by the paper code, and put their present passphrase before it."""
    checked = check_passphrase(user, user.email, passphrase, address)
    keyring = _open_by_code(user, code, _begin(user.email, address, user))
    _put_in_step(user, keyring, checked.stretched, checked.cost)
    return keyring


def unlock_with_old(*, user: User, old: str, passphrase: str, address: str) -> OpenKeyring:
    """Open the keyring by the passphrase from before a reset, and put the present one before it. Raises Refused."""
    checked = check_passphrase(user, user.email, passphrase, address)
    attempt = _begin(user.email, address, user)
    stored = queries.keyring_of(user)
    cost = (stored and stored.stretched_with) or hashers.fresh_cost()
    try:
        if stored is None:
            raise CannotOpen("There is no keyring yet.")
        keyring = keyrings.unlock(stored, hashers.stretch(old, cost).wrap)
    except CannotOpen as problem:
        _failed(user, attempt)
        raise Refused(
            _("That is not the passphrase your record was locked with. Try again, or use the code.")
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
    strong_enough(passphrase, about=(user.name, user.email))
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


def _open_by_code(user: User | None, code: str, attempt: Attempt) -> OpenKeyring:
    stored = queries.keyring_of(user) if user else None
    try:
        if stored is None:
            raise CannotOpen("There is no keyring yet.")
        keyring = keyrings.unlock_by_code(stored, code)
    except CannotOpen as problem:
        _failed(user, attempt)
        raise Refused(
            _("This code does not open the account. Check it group by group; O is 0, I and L are 1.")
        ) from problem
    attempts.turned_out_well(attempt)
    return keyring


def _failed(user: User | None, attempt: Attempt) -> None:
    refuse_on_the_log(user, "no-match", "recovery.refused")
    stop_if_last(attempt, user)


def _put_in_step(user: User, keyring: OpenKeyring, stretched: Stretched, cost: str) -> None:
    with transaction.atomic():
        _rewrap(user, keyring, stretched, cost)
        log.append("keyring.unlocked", actor=queries.party(user), subject=None, outcome="done", because="recovery")


def _rewrap(user: User, keyring: OpenKeyring, stretched: Stretched, cost: str) -> None:
    stored = Keyring.objects.select_for_update().get(reader__user=user)
    keyrings.wrap_by_passphrase(stored, keyring, stretched.wrap, stretched_with=cost)
