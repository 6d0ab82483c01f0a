"""Signing up, in and out, and what changes about an account. Each change and its line in the log are one commit."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import log
from ehr import clock
from ehr.accounts import attempts, bindings, hashers, keyrings, letters, links, names, queries, rules
from ehr.accounts.keyrings import OpenKeyring, shares
from ehr.accounts.models import Attempt, Keyring, Link, Reader, User
from ehr.crypto.passphrases import Stretched

NOBODY = log.Party(kind="person", id=None, name="")
CHANGED_MEANWHILE = gettext_lazy("Your passphrase was changed meanwhile. Sign in with the new one, then try again.")


class Refused(Exception):
    """It was not done. `message` says what happened and what to do next."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class TooWeak(Refused):
    """A new passphrase will not do; the message says what to change."""


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, and their keyring, or None where it stayed locked."""

    user: User
    keyring: OpenKeyring | None


@dataclass(frozen=True)
class Checked:
    """A passphrase that was right: both halves, and the cost they were stretched at."""

    stretched: Stretched
    cost: str


def sign_up(
    *,
    email: str,
    name: str,
    passphrase: str,
    address: str,
    time_zone: str = "UTC",
    language: str = "en",
    door: str = "",
) -> None:
    """Send a link to an e-mail address. What a page can show afterwards is the same for an address known already.

    door is remembered in the letter, so that its link leads on to where the person wanted to go.

    An account nobody proved may be signed up for again: the newest name and passphrase stand, and older links
    work no more. Raises TooWeak, and Refused after too many letters.
    """
    strong_enough(passphrase, about=(name, email))
    email = folded(email)
    try:
        attempts.begin("letter", account=email, address=address)
    except attempts.TooMany as stop:
        raise Refused(stop.message) from stop
    cost = hashers.fresh_cost()
    password = hashers.encoded(hashers.stretch(passphrase, cost), cost)
    with transaction.atomic():
        user, new = User.objects.select_for_update().get_or_create(
            email=email,
            defaults={"name": name, "password": password, "time_zone": time_zone, "language": language},
        )
        if user.email_verified_at is None:
            if not new:
                user.name, user.password = name, password
                user.time_zone, user.language = time_zone, language
                user.save(update_fields=["name", "password", "time_zone", "language"])
            _send_verification(user, door)
        else:
            letters.write(user, "already-signed-up", key=f"already-{user.id}-{clock.now():%Y%m%dT%H%M%S%f}")
        log.append("account.signed-up", actor=queries.party(user), subject=None, outcome="done")


def send_again(*, email: str, address: str, door: str = "") -> None:
    """Send the link once more, where an address waits to be proven. Raises Refused after too many letters."""
    email = folded(email)
    try:
        attempts.begin("letter", account=email, address=address)
    except attempts.TooMany as stop:
        raise Refused(stop.message) from stop
    with transaction.atomic():
        user = User.objects.by_email(email).filter(email_verified_at=None).first()
        if user is not None:
            _send_verification(user, door)


def verify_email(*, token: str, passphrase: str, address: str) -> SignedIn:
    """Prove an address by its link, make the person's keys, and sign them in.

    The passphrase is asked for because whoever reads the letter need not be who signed up: a stranger's sign-up
    with my address is never completed by me. Raises Refused.
    """
    link = links.find(token, Link.Kind.VERIFY)
    if link is None:
        raise Refused(_("This link has been used, or a newer one was sent. Sign in, or sign up again."))
    user = link.user
    checked = check_passphrase(user, user.signs_in_with, passphrase, address)
    with transaction.atomic():
        if not links.use(link):
            raise Refused(_("This link has been used. Sign in to go on."))
        user.email_verified_at = clock.now()
        user.save(update_fields=["email_verified_at"])
        keyring = make_keys(user, checked.stretched, checked.cost)
        log.append("account.verified", actor=queries.party(user), subject=None, outcome="done")
    return SignedIn(user, keyring)


def sign_in(*, email: str, passphrase: str, address: str) -> SignedIn:
    """Return who signed in and their keyring, opened by the other half of the same Argon2id.

    `email` is an e-mail address, or the sign-in name of somebody who was invited on paper. Raises Refused with one
    message for whatever did not fit, after one Argon2id, known or not. Tries are counted under what was typed, so that
    a stop does not tell which name and which address are one person's. Every try is on the log; the one that brings
    the stop also brings a letter.
    """
    typed = names.folded(email)
    user = User.objects.known_as(typed).first()
    checked = check_passphrase(user, typed, passphrase, address, only_proven=True)
    stored = queries.keyring_of(user)
    keyring = None
    if stored is not None and stored.stretched_with == checked.cost:
        keyring = keyrings.unlock(stored, checked.stretched.wrap)
        _raise_cost(user, stored, keyring, passphrase, checked.cost)
        _complete_shares(user, stored, keyring)
    log.record(
        "account.signed-in",
        actor=queries.party(user),
        subject=None,
        outcome="done",
        details={"keyring": "open" if keyring else "locked"},
    )
    return SignedIn(user, keyring)


def unlock(*, user: User, passphrase: str, address: str) -> OpenKeyring:
    """Open the keyring of somebody signed in, by the passphrase they sign in with. Raises Refused."""
    checked = check_passphrase(user, user.signs_in_with, passphrase, address)
    stored = queries.keyring_of(user)
    if stored is None or stored.stretched_with != checked.cost:
        raise Refused(_("This passphrase was set anew and opens no record. Use the one before, or get your keys back."))
    keyring = keyrings.unlock(stored, checked.stretched.wrap)
    log.record("keyring.unlocked", actor=queries.party(user), subject=None, outcome="done")
    return keyring


def change_passphrase(*, user: User, current: str, new: str, address: str) -> OpenKeyring | None:
    """Put another passphrase before account and keyring; the keys stay, and nothing is encrypted again.

    Ends every other session. Returns the open keyring, or None where it was and stays locked. Raises Refused, TooWeak.
    """
    strong_enough(new, about=(user.name, user.signs_in_with))
    checked = check_passphrase(user, user.signs_in_with, current, address)
    cost = hashers.fresh_cost()
    stretched = hashers.stretch(new, cost)
    keyring = None
    with transaction.atomic():
        stored = Keyring.objects.select_for_update().select_related("version").filter(reader__user=user).first()
        if stored is not None and stored.stretched_with == checked.cost:
            keyring = keyrings.unlock(stored, checked.stretched.wrap)
            keyrings.wrap_by_passphrase(stored, keyring, stretched.wrap, stretched_with=cost)
        if not hold_passphrase(user):
            raise Refused(str(CHANGED_MEANWHILE))
        set_password(user, hashers.encoded(stretched, cost))
        log.append("account.passphrase-changed", actor=queries.party(user), subject=None, outcome="done")
        letters.write(user, "passphrase-changed", key=f"passphrase-{user.id}-{user.session_epoch}")
    return keyring


def sign_out(*, user: User) -> None:
    """Write on the log that a session was ended by its owner."""
    log.record("account.signed-out", actor=queries.party(user), subject=None, outcome="done")


def sign_out_everywhere(*, user: User) -> None:
    """End every session of a person, this one too, from the next request on."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
        log.append("account.signed-out-everywhere", actor=queries.party(user), subject=None, outcome="done")
    user.refresh_from_db(fields=["session_epoch"])


def change_details(*, user: User, name: str, time_zone: str, language: str) -> None:
    """Change what a person is called here, and the zone and language they read in."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(name=name, time_zone=time_zone, language=language)
        Reader.objects.filter(user=user).update(name=name)
        log.append("account.details-changed", actor=queries.party(user), subject=None, outcome="done")
    user.refresh_from_db(fields=["name", "time_zone", "language"])


@transaction.atomic
def open_account(
    *, email: str, name: str, passphrase: str, staff: bool = False, time_zone: str = "UTC", by: log.Party = log.SYSTEM
) -> SignedIn:
    """Make an account whose address is known to be right: staff named by the operator, people of the demo.

    Raises TooWeak, and IntegrityError for an address that has an account.
    """
    strong_enough(passphrase, about=(name, email))
    cost = hashers.fresh_cost()
    stretched = hashers.stretch(passphrase, cost)
    user = User.objects.create(
        email=folded(email),
        name=name,
        password=hashers.encoded(stretched, cost),
        email_verified_at=clock.now(),
        is_staff=staff,
        time_zone=time_zone,
    )
    keyring = make_keys(user, stretched, cost)
    log.append("account.opened", actor=by, subject=None, outcome="done", details={"user": str(user.id), "staff": staff})
    return SignedIn(user, keyring)


# --- What the verbs above and `recovery` are made of ---------------------------------------------


def folded(email: str) -> str:
    """Return an e-mail address as it is kept and compared."""
    return email.strip().casefold()


def strong_enough(passphrase: str, *, about: tuple[str, ...]) -> None:
    """Raise TooWeak for a passphrase that will not do."""
    if wanting := rules.objections(passphrase, about=about):
        raise TooWeak(" ".join(wanting))


def check_passphrase(
    user: User | None, typed: str, passphrase: str, address: str, *, only_proven: bool = False
) -> Checked:
    """Return the stretched passphrase of a person, by exactly one Argon2id. Raises Refused, the same for every cause.

    A stop is answered before any stretching: it does not depend on whether the address is known.
    """
    try:
        attempt = attempts.begin("sign-in", account=typed, address=address)
    except attempts.TooMany as stop:
        refuse_on_the_log(user, "too-many-tries")
        raise Refused(stop.message) from stop
    cost = (user and hashers.cost_of(user.password)) or hashers.fresh_cost()
    stretched = hashers.stretch(passphrase, cost)
    known = user is not None and user.is_active and (user.is_proven or not only_proven)
    if not known or not hashers.matches(stretched, user.password):
        refuse_on_the_log(user, "no-match")
        stop_if_last(attempt, user)
        raise Refused(
            _("This name or address and the passphrase do not match. Check both. If you just signed up, use the link.")
        )
    attempts.turned_out_well(attempt)
    return Checked(stretched, cost)


def refuse_on_the_log(user: User | None, because: str, action: str = "account.sign-in-refused") -> None:
    """Write one failed try on the log."""
    log.record(action, actor=queries.party(user) if user else NOBODY, subject=None, outcome="refused", because=because)


def stop_if_last(attempt: Attempt, user: User | None) -> None:
    """After the try that brings a stop, tell the person: one letter a day, for a stranger can fail all day."""
    if user is not None and user.is_proven and attempts.was_the_last(attempt):
        with transaction.atomic():
            log.append(
                "account.stopped", actor=queries.party(user), subject=None, outcome="refused", because=attempt.kind
            )
            letters.write(user, "sign-in-stopped", key=f"stopped-{user.id}-{attempt.at:%Y%m%d}")


def hold_passphrase(user: User) -> bool:
    """Keep others from changing a person's passphrase, and tell whether it is still the one that was checked.

    Another request may have changed it since. Call it inside a transaction, after the keyring is held.
    """
    present = User.objects.select_for_update(no_key=True).values_list("password", flat=True).get(pk=user.pk)
    return present == user.password


def set_password(user: User, password: str) -> None:
    """Store a password column and end every session made with the one before."""
    User.objects.filter(pk=user.pk).update(password=password, session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["password", "session_epoch"])


def make_keys(user: User, stretched: Stretched, cost: str) -> OpenKeyring:
    """Make a person's keyring, and bind its public keys to them on log and chain."""
    reader = Reader.objects.create(user=user, name=user.name)
    keyring = keyrings.create(reader, stretched.wrap, stretched_with=cost)
    bindings.bind(keyring)
    return keyring


def _send_verification(user: User, door: str) -> None:
    link = links.make(user, Link.Kind.VERIFY)
    letters.write(user, "verify-address", key=f"verify-{link.id}", link=link, door=door)


def _raise_cost(user: User, stored: Keyring, keyring: OpenKeyring, passphrase: str, cost: str) -> None:
    """Where the deployment's cost changed, stretch anew and rewrap, while the passphrase is at hand.

    What was changed meanwhile stands: the next time one signs in will do.
    """
    fresh = hashers.fresh_cost()
    if cost.rpartition("$")[0] == fresh.rpartition("$")[0]:
        return
    stretched = hashers.stretch(passphrase, fresh)
    with transaction.atomic():
        stored = Keyring.objects.select_for_update().get(pk=stored.pk)
        if stored.version_id != keyring.version_id or stored.stretched_with != cost or not hold_passphrase(user):
            return
        keyrings.wrap_by_passphrase(stored, keyring, stretched.wrap, stretched_with=fresh)
        User.objects.filter(pk=user.pk).update(password=hashers.encoded(stretched, fresh))
    user.refresh_from_db(fields=["password"])


def _complete_shares(user: User, stored: Keyring, keyring: OpenKeyring) -> None:
    """Where shares were made before the institution could keep one, let it keep one now."""
    there = queries.shares_of(user)
    if not there or shares.Holder.INSTITUTION in there or (custodian := queries.custodian()) is None:
        return
    with transaction.atomic():
        stored = Keyring.objects.select_for_update().get(pk=stored.pk)
        if stored.version_id == keyring.version_id:
            shares.entrust(stored, keyring, shares.Holder.INSTITUTION, custodian)
