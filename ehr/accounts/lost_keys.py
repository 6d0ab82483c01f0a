"""Getting lost keys back: it begins with a wait that everybody hears of, and ends with two of three shares.

Everything is decided at the moment of use, from what is stored: the wait, whether it was stopped, who checked. A stop
wins over an end, for both hold the same row. Whoever calls says which record's list the lines belong on (`subject`).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import attempts, bindings, codes, hashers, keyrings, letters, links, queries
from ehr.accounts.keyrings import CannotOpen, OpenKeyring, shared, shares
from ehr.accounts.keyrings.held import OneUseKey
from ehr.accounts.models import GivenShare, Keyring, Link, Recovery, Share, SharePair, User
from ehr.accounts.models.recovery import LIFE
from ehr.accounts.operations import (
    Refused,
    SignedIn,
    check_passphrase,
    refuse_on_the_log,
    set_password,
    stop_if_last,
    strong_enough,
)

# Stopped on the chain already, by who holds the keys that are said to be lost.
OBJECTED = "objected"


def start(*, user: User, address: str, subject: UUID | None = None) -> tuple[Recovery, str]:
    """Begin to get somebody's keys back; return it and what their browser must keep. One begun before is over.

    The wait begins, and every mailbox and session of theirs hears of it. Raises Refused where the passphrase opens
    the keys anyway, where there are no two shares, and after too many tries.
    """
    try:
        attempts.begin("own-letter", account=user.signs_in_with, address=address)
    except attempts.TooMany as stop:
        raise Refused(stop.message) from stop
    with transaction.atomic():
        stored = Keyring.objects.select_for_update().filter(reader__user=user).first()
        if stored is None or queries.in_step(user):
            raise Refused(_("Your passphrase opens your keys. You need no other way."))
        if not SharePair.objects.filter(reader=stored.reader_id, version=stored.version_id).exists():
            raise Refused(_("There are no two shares to get your keys back with. The old passphrase still opens them."))
        now = clock.now()
        for earlier in Recovery.objects.select_for_update().filter(user=user, cancelled_at=None, finished_at=None):
            _close(earlier, "begun-again")
        recovery = Recovery(
            user=user, version_id=stored.version_id, started_at=now, ready_at=now + settings.RECOVERY_DELAY
        )
        cookie = shares.begin(recovery)
        recovery.save()
        bindings.begin(recovery, _own_key(recovery, cookie))
        _tell(
            recovery, "recovery.started", subject=subject, details={"to": hashlib.sha256(recovery.public).hexdigest()}
        )
        letters.write(
            user, "recovery-started", key=f"recovery-started-{recovery.pk}", link=links.make(user, Link.Kind.STOP)
        )
        guardian = queries.guardian_of(user)
        if guardian is not None and guardian.entrusted_at:
            letters.write(guardian.guardian, "guardian-asked", key=f"guardian-asked-{recovery.pk}")
    return recovery, cookie


def spoken(recovery: Recovery, cookie: str) -> str | None:
    """Return the letters that a person reads out to whoever hands them a share; None in another browser.

    They are made from the private half: if somebody put another key in its place, the letters do not fit there.
    """
    key = shares.one_use_key(recovery, cookie)
    return codes.spoken(key.public) if key else None


@dataclass(frozen=True)
class Stands:
    """How far a recovery is, as its page shows it. `letters` is empty in another browser than the one it began in."""

    ready_at: datetime
    ready: bool
    letters: str
    given: frozenset[str]
    kept: frozenset[str]  # which shares there are at all
    checks: int

    @property
    def needs_paper(self) -> bool:
        """Whether what was handed over does not yet make two."""
        return len(self.given) < queries.SHARES_NEEDED

    @property
    def possible(self) -> bool:
        """Whether two shares are at hand: those handed over, and the paper where there is one."""
        return len(self.given | ({str(Share.Holder.PAPER)} & self.kept)) >= queries.SHARES_NEEDED


def stands(recovery: Recovery, cookie: str) -> Stands:
    """Return how far a recovery is."""
    return Stands(
        ready_at=recovery.ready_at,
        ready=queries.is_ready(recovery, clock.now()),
        letters=spoken(recovery, cookie) or "",
        given=frozenset(recovery.given.values_list("holder", flat=True)),
        kept=frozenset(queries.shares_of(recovery.user)),
        checks=recovery.checks.filter(by__is_active=True).count(),
    )


def stop(recovery: Recovery, *, by: log.Party, because: str = "stopped", subject: UUID | None = None) -> bool:
    """Stop a recovery, and tell whether it was still under way. What was handed to it is deleted."""
    with transaction.atomic():
        recovery = Recovery.objects.select_for_update().select_related("user").get(pk=recovery.pk)
        if not recovery.is_open(clock.now()):
            return False
        _close(recovery, because)
        _tell(recovery, "recovery.cancelled", by=by, because=because, subject=subject)
        letters.write(recovery.user, "recovery-cancelled", key=f"recovery-cancelled-{recovery.pk}")
    return True


def stop_at_desk(recovery: Recovery, *, by: User, subject: UUID | None = None) -> bool:
    """Stop a recovery for somebody who came or called because it is not theirs. Raises Refused.

    One member of staff is enough: at worst whoever it belongs to begins again.
    """
    if not by.is_active or not by.has_perm("accounts.check_recovery"):
        raise Refused(_("Your role does not include checking who people are. Ask an identity checker."))
    if not stop(recovery, by=queries.party(by, role="staff"), because="stopped-at-desk", subject=subject):
        raise Refused(_("This was stopped, finished or given up meanwhile. Nothing is to be stopped."))
    return True


def stop_by_letter(token: str, *, subject: UUID | None = None) -> bool:
    """Stop a recovery by the link in the letter that told of it, and tell whether it was still under way."""
    link, recovery = links.find(token, Link.Kind.STOP), stoppable(token)
    if link is None or recovery is None or not links.use(link):
        return False
    return stop(recovery, by=queries.party(recovery.user), because="stopped-by-letter", subject=subject)


def stoppable(token: str) -> Recovery | None:
    """Return what a link in a letter stops, or None where it is used, over or forged."""
    link = links.find(token, Link.Kind.STOP)
    return queries.recovery_under_way(link.user) if link else None


def check(
    recovery: Recovery, *, by: User, document: str, spoken: str, in_person: bool = False, subject: UUID | None = None
) -> int:
    """Note that a member of staff saw a document of whoever is getting their keys back; return how many did so far.

    spoken is what the person read out from their screen. Two checks face to face also shorten the wait. Raises Refused.
    """
    may_act(recovery, by)
    fits(recovery, spoken, by=by, subject=subject)
    with transaction.atomic():
        recovery = Recovery.objects.select_for_update().select_related("user").get(pk=recovery.pk)
        may_act(recovery, by)
        earlier = recovery.checks.filter(by=by).first()
        if earlier is not None and (earlier.in_person or not in_person):
            raise Refused(_("You have confirmed who this is already. A second person must confirm it too."))
        recovery.checks.update_or_create(
            by=by, defaults={"document": document, "in_person": in_person, "at": clock.now()}
        )
        party = queries.party(by, role="staff")
        details = {"in_person": in_person}
        _tell(recovery, "recovery.checked", by=party, because=document, subject=subject, details=details)
        if in_person and queries.in_person_checks(recovery) == queries.STAFF_NEEDED:
            _tell(recovery, "recovery.shortened", by=party, subject=subject)
        return recovery.checks.count()


def may_act(recovery: Recovery, by: User) -> None:
    """Raise Refused unless checking who gets these keys back is this person's job, and they have no part in it."""
    if not by.is_active or not by.has_perm("accounts.check_recovery"):
        raise Refused(_("Your role does not include checking who people are. Ask an identity checker."))
    if recovery.user_id == by.pk:
        raise Refused(_("You cannot confirm your own identity. Ask two colleagues."))
    guardian = queries.guardian_of(recovery.user)
    if guardian is not None and guardian.guardian_id == by.pk:
        raise Refused(_("You are this person’s guardian and keep a share yourself. Ask two colleagues."))
    if not recovery.is_open(clock.now()):
        raise Refused(_("This was stopped, finished or given up meanwhile. Nothing is to be checked."))


def fits(recovery: Recovery, typed: str, *, by: User, subject: UUID | None = None) -> None:
    """Raise Refused, with a line on the log, unless what somebody read out belongs to the key that gets the shares."""
    if codes.plain(typed) == codes.plain(codes.spoken(bytes(recovery.public))):
        return
    log.record(
        "recovery.refused",
        actor=queries.party(by),
        subject=subject,
        outcome="refused",
        because="other-letters",
        details={"recovery": str(recovery.pk)},
    )
    raise Refused(_("These are not the letters on the person’s screen. Let them read all twelve again."))


def may_release(recovery: Recovery) -> Share:
    """Return the institution's share, once two members of staff know who it is for. Raises Refused."""
    share = (
        Share.objects.select_related("sealed_to")
        .filter(reader__user=recovery.user_id, holder=Share.Holder.INSTITUTION)
        .first()
    )
    if not recovery.is_open(clock.now()):
        raise Refused(_("This was stopped, finished or given up meanwhile. Nothing is handed over."))
    if not queries.is_checked(recovery):
        raise Refused(_("Two people must confirm who this is before the institution’s share is handed over."))
    if share is None:
        raise Refused(_("The institution keeps no share for this person."))
    return share


def give(recovery: Recovery, holder: str, *, event_id: UUID, blob: bytes) -> None:
    """Put a share, sealed to a recovery's key under that line of the log, where its person takes it. Raises Refused."""
    with transaction.atomic():
        recovery = Recovery.objects.select_for_update().select_related("user").get(pk=recovery.pk)
        if not recovery.is_open(clock.now()):
            raise Refused(_("This was stopped, finished or given up meanwhile. Nothing was handed over."))
        GivenShare.objects.update_or_create(
            recovery=recovery, holder=holder, defaults={"event_id": event_id, "blob": blob, "at": clock.now()}
        )
        letters.write(recovery.user, "recovery-share-given", key=f"recovery-given-{recovery.pk}-{holder}")


def finish(
    recovery: Recovery, *, cookie: str, code: str, passphrase: str, address: str, subject: UUID | None = None
) -> SignedIn:
    """Restore lost keys from two shares and put fresh ones in their place at once. Raises Refused, TooWeak.

    The keys that were lost sign the fresh ones and are kept under them: they open what was sealed to them, and end
    what they began. The passphrase is the one from now on. Every session ends, and the shares are made anew; a code
    on paper must be written down anew.
    """
    user = recovery.user
    strong_enough(passphrase, about=(user.name, user.signs_in_with))
    _may_finish(recovery)
    try:
        attempt = attempts.begin("recovery", account=user.signs_in_with, address=address)
    except attempts.TooMany as stopped:
        refuse_on_the_log(user, "too-many-tries", "recovery.refused")
        raise Refused(stopped.message) from stopped
    try:
        lost = _restored(recovery, cookie, code)
    except CannotOpen as problem:
        refuse_on_the_log(user, "no-match", "recovery.refused")
        stop_if_last(attempt, user)
        raise Refused(
            _("These shares do not open your keys. Check the code group by group; O is 0, I and L are 1.")
        ) from problem
    attempts.turned_out_well(attempt)
    cost = hashers.fresh_cost()
    stretched = hashers.stretch(passphrase, cost)
    with transaction.atomic():
        # In the order in which `start` and `renew` hold them, so that no two wait for each other.
        stored = Keyring.objects.select_for_update().get(reader__user=user)
        recovery = Recovery.objects.select_for_update().select_related("user").get(pk=recovery.pk)
        _may_finish(recovery)
        if stored.version_id != lost.version_id:
            raise Refused(_("Your keys were renewed meanwhile. Unlock them with your passphrase."))
        set_password(user, hashers.encoded(stretched, cost))
        fresh = keyrings.succeed(stored, lost, because="recovered")
        keyrings.wrap_by_passphrase(stored, fresh, stretched.wrap, stretched_with=cost)
        shares.forget(stored, Share.Holder.PAPER)
        share_out(user, stored, fresh)
        shared.follow(fresh)
        bindings.replace(recovery, _own_key(recovery, cookie), fresh)
        recovery.finished_at = clock.now()
        _forget(recovery, "finished_at")
        _tell(recovery, "recovery.finished", subject=subject)
        letters.write(user, "recovery-finished", key=f"recovery-finished-{recovery.pk}")
    return SignedIn(user, fresh)


def _may_finish(recovery: Recovery) -> None:
    now = clock.now()
    if not recovery.is_open(now):
        raise Refused(_("This was stopped, finished or given up meanwhile. Begin again if you still need it."))
    if not queries.is_ready(recovery, now):
        raise Refused(_("The wait is not over yet. It gives you time to stop somebody who pretends to be you."))


def _restored(recovery: Recovery, cookie: str, code: str) -> OpenKeyring:
    """Return the lost keys, from whatever shares are at hand. Raises CannotOpen, and Refused where it is too few."""
    key = _own_key(recovery, cookie)
    stored = Keyring.objects.get(reader__user=recovery.user)
    held = {
        given.holder: key.open_seal(bytes(given.blob), info=shares.handed_info(given.event_id))
        for given in recovery.given.all()
    }
    if code.strip():
        held[Share.Holder.PAPER] = shares.paper_share(code, stored.reader_id)
    if len(held) < queries.SHARES_NEEDED:
        raise Refused(_("One share opens nothing. It takes two of the three."))
    return shares.restore(stored, held)


def _own_key(recovery: Recovery, cookie: str) -> OneUseKey:
    """Return the key that only the browser has where a recovery began. Raises Refused in another."""
    key = shares.one_use_key(recovery, cookie)
    if key is None:
        raise Refused(_("Shares are handed to the browser where you began. Go on there, or begin again here."))
    return key


def renew(*, user: User, passphrase: str, address: str) -> OpenKeyring:
    """Put fresh keys in the place of somebody's present ones, and return them open. Raises Refused.

    The passphrase and the code on paper stay. Other sessions count as locked; a recovery under way is over.
    """
    checked = check_passphrase(user, user.signs_in_with, passphrase, address)
    with transaction.atomic():
        stored = Keyring.objects.select_for_update().select_related("version").filter(reader__user=user).first()
        if stored is None or stored.stretched_with != checked.cost:
            raise Refused(_("This passphrase was set anew and opens no keys yet. Unlock them first."))
        present = keyrings.unlock(stored, checked.stretched.wrap)
        fresh = keyrings.succeed(stored, present)
        keyrings.wrap_by_passphrase(stored, fresh, checked.stretched.wrap, stretched_with=checked.cost)
        share_out(user, stored, fresh)
        shared.follow(fresh)
        bindings.bind(fresh)
        log.append("keyring.renewed", actor=queries.party(user), subject=None, outcome="done")
        letters.write(user, "keys-renewed", key=f"keys-renewed-{fresh.version_id}")
        drop(user, because="keys-renewed")
    return fresh


def share_out(user: User, stored: Keyring, keyring: OpenKeyring) -> None:
    """Make the institution's and the guardian's share anew, and keep the paper's. Call it inside a transaction.

    A keeper whose stored key is not the one on the log gets nothing, and keeps nothing.
    """
    shares.follow(stored, keyring)
    there = queries.shares_of(user)
    keepers = {Share.Holder.INSTITUTION: queries.custodian() if there else None}
    if Share.Holder.GUARDIAN in there:
        keepers[Share.Holder.GUARDIAN] = queries.guardians_key(user)
    for holder, version in keepers.items():
        try:
            if version is not None:
                shares.entrust(stored, keyring, holder, version)
        except keyrings.NotOnTheLog:
            shares.forget(stored, holder)


def drop(user: User, *, because: str) -> None:
    """End a recovery that its person needs no more: they have their keys. Call it inside a transaction."""
    recovery = queries.recovery_under_way(user)
    if recovery is not None:
        stop(recovery, by=queries.party(user), because=because)


def _close(recovery: Recovery, because: str) -> None:
    recovery.cancelled_at, recovery.cancelled_because = clock.now(), because
    if because != OBJECTED:
        bindings.cancel(recovery)
    _forget(recovery, "cancelled_at", "cancelled_because")


def _forget(recovery: Recovery, *changed: str) -> None:
    """Save how a recovery ended, and keep neither what was handed to it nor the key that opened it."""
    recovery.sealed_private = b""
    recovery.save(update_fields=[*changed, "sealed_private"])
    recovery.given.all().delete()


def give_up() -> int:
    """End the recoveries that nobody finished in time; return how many. They have opened nothing since then anyway."""
    with transaction.atomic():
        late = list(
            Recovery.objects.select_for_update()
            .filter(cancelled_at=None, finished_at=None, started_at__lte=clock.now() - LIFE)
            .order_by("pk")
        )
        for recovery in late:
            _close(recovery, "given-up")
            _tell(recovery, "recovery.cancelled", by=log.SYSTEM, because="given-up")
    return len(late)


def _tell(
    recovery: Recovery, action: str, *, by: log.Party | None = None, subject: UUID | None = None, **facts
) -> None:
    details = {"recovery": str(recovery.pk), **facts.pop("details", {})}
    actor = by or queries.party(recovery.user)
    log.append(action, actor=actor, subject=subject, outcome="done", details=details, **facts)
