"""Accounts for people without e-mail: two members of staff see who they are, and a paper in two halves lets them in.

Each of the two hands over half of a code that is stored as keyed digests only: whoever takes one sheet, or sits at one
desk, has half. The paper works once. It begins an account, or sets a new passphrase; it never opens a keyring.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import attempts, codes, hashers, letters, names, queries, stored
from ehr.accounts.models import PaperCheck, PaperInvitation, PostalAddress, User
from ehr.accounts.operations import (
    Refused,
    SignedIn,
    make_keys,
    refuse_on_the_log,
    set_password,
    stop_if_last,
    strong_enough,
)

LIFE = timedelta(days=14)
HALF_GROUPS = 2  # 40 bits each, of which one member of staff knows half; behind a throttle
STAFF_NEEDED = queries.STAFF_NEEDED
ISSUES = "accounts.issue_paper"
_FIRST, _SECOND = 1, 2


@dataclass(frozen=True)
class Handed:
    """What one member of staff hands over, told only now: half of the code, and which half it is."""

    invitation: PaperInvitation
    half: int
    code: str

    @property
    def complete(self) -> bool:
        """Whether this is the second half, with which the paper can be used."""
        return self.half == _SECOND


def invite(*, name: str, reach: str, document: str, number: str, by: User) -> Handed:
    """Begin an account for somebody without e-mail, as the first of two who see them. Raises Refused.

    name is what their document says, reach where a letter or a call reaches them. number is the document's: the second
    member of staff types it too, from the document, and it is kept as a digest until then. Begun twice by one member
    of staff for one person, it is one paper, with a new half.
    """
    may_issue(by)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=by.pk)
        for begun in _begun(name, by):
            if hmac.compare_digest(bytes(begun.document_digest), _number(begun, number)):
                return hand_again(begun, by=by)
        user = User(name=name, sign_in_name=_free_name(name), time_zone=by.time_zone, language=by.language)
        user.set_unusable_password()
        user.save(force_insert=True)
        _note(user, reach)
        return _begin(user, PaperInvitation.Kind.JOIN, document=document, number=number, by=by, subject=None)


def invite_back(user: User, *, document: str, number: str, by: User, subject: UUID | None = None) -> Handed:
    """Begin a paper that sets a new passphrase, as the first of two. A paper made before works no more. Raises Refused.

    Only for people who were invited on paper: others have a mailbox for that.
    """
    may_issue(by, user)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if not (user.is_active and user.vouched_at and not user.is_staff):
            raise Refused(_("This account takes no paper. Its passphrase is set anew by e-mail."))
        return _begin(user, PaperInvitation.Kind.BACK, document=document, number=number, by=by, subject=subject)


def confirm(
    invitation: PaperInvitation, *, document: str, number: str, by: User, subject: UUID | None = None
) -> Handed:
    """See the same person as the second of two, and hand over the other half. Raises Refused."""
    may_issue(by, invitation.user)
    _same_number(invitation, number, by=by, subject=subject)
    with transaction.atomic():
        invitation = _locked(invitation)
        if invitation.checks.filter(by=by).exists():
            raise Refused(_("You have confirmed who this is already. A second person must confirm it too."))
        if invitation.checks.count() >= STAFF_NEEDED:
            raise Refused(_("Two people have confirmed this already."))
        return _hand(invitation, _SECOND, document=document, by=by, subject=subject)


def hand_again(invitation: PaperInvitation, *, by: User, subject: UUID | None = None) -> Handed:
    """Make one's own half anew, where it was lost before it was used; the one before works no more. Raises Refused."""
    may_issue(by, invitation.user)
    with transaction.atomic():
        invitation = _locked(invitation)
        check = invitation.checks.select_for_update().filter(by=by).first()
        if check is None:
            raise Refused(_("This half is a colleague’s. They make it anew themselves."))
        code = codes.new(HALF_GROUPS)
        check.half_digest = _half(invitation, check.half, code)
        check.save(update_fields=["half_digest"])
        _tell(invitation, "paper.printed-again", by=by, subject=subject)
        return Handed(invitation, check.half, code)


def end(invitation: PaperInvitation, *, by: User, subject: UUID | None = None) -> None:
    """Let a paper work no more, because it got lost or was made in error. Raises Refused."""
    may_issue(by)
    with transaction.atomic():
        changed = PaperInvitation.objects.filter(pk=invitation.pk, used_at=None, ended_at=None)
        if not changed.update(ended_at=clock.now(), document_digest=b""):
            raise Refused(_("This paper was used or ended meanwhile."))
        _tell(invitation, "paper.ended", by=by, subject=subject)


def redeem(
    *,
    name: str,
    first: str,
    second: str,
    passphrase: str,
    address: str,
    list_of: Callable[[User], UUID | None] = lambda _user: None,
) -> SignedIn:
    """Use a paper: choose a passphrase, and be somebody whom staff vouched for. Raises Refused, TooWeak.

    What does not fit is told in the same words, known name or not, and every try is counted and on the log. For an
    account that is there already, every session ends and the keyring stays as it is: shut. list_of tells on whose list
    of the log its line belongs.
    """
    typed = names.folded(name)
    strong_enough(passphrase, about=(typed,))
    invitation = _under_way(typed)
    user = invitation.user if invitation else None
    try:
        attempt = attempts.begin("paper", account=typed, address=address)
    except attempts.TooMany as stop:
        refuse_on_the_log(user, "too-many-tries", "paper.refused")
        raise Refused(stop.message) from stop
    if not _fits(invitation, first, second):
        refuse_on_the_log(user, "no-match", "paper.refused")
        stop_if_last(attempt, user)
        raise Refused(
            _("This name and these codes do not open anything. Check them letter by letter, or ask for a new paper.")
        )
    attempts.turned_out_well(attempt)
    strong_enough(passphrase, about=(typed, user.name))
    cost = hashers.fresh_cost()
    stretched = hashers.stretch(passphrase, cost)
    with transaction.atomic():
        now = clock.now()
        unused = PaperInvitation.objects.filter(pk=invitation.pk).under_way(now)
        if unused.update(used_at=now, document_digest=b"") != 1:
            raise Refused(_("This paper has been used. Sign in, or ask for a new one."))
        user = User.objects.select_for_update().get(pk=user.pk)
        set_password(user, hashers.encoded(stretched, cost))
        keyring = None
        if invitation.kind == PaperInvitation.Kind.JOIN:
            User.objects.filter(pk=user.pk).update(vouched_at=now)
            user.refresh_from_db(fields=["vouched_at"])
            keyring = make_keys(user, stretched, cost)
        else:
            letters.write(user, "passphrase-reset-on-paper", key=f"paper-used-{invitation.pk}")
        _tell(invitation, "paper.used", because=invitation.kind, subject=list_of(user))
    return SignedIn(user, keyring)


def note_address(user: User, *, reach: str, by: User, subject: UUID | None = None) -> None:
    """Note where letters reach somebody from now on. The log has who did, and they are told. Raises Refused."""
    may_issue(by, user)
    with transaction.atomic():
        _note(user, reach)
        log.append(
            "person.address-noted",
            actor=queries.party(by, role="staff"),
            subject=subject,
            outcome="done",
            details={"user": str(user.pk)},
        )
        letters.write(user, "postal-address-changed", key=f"postal-{user.pk}-{clock.now():%Y%m%dT%H%M%S%f}")


def may_issue(by: User, user: User | None = None) -> None:
    """Raise Refused unless seeing who people are is this person's job, and they have no part in it."""
    if not by.is_active or not by.has_perm(ISSUES):
        raise Refused(_("Your role does not include checking who people are. Ask an identity checker."))
    if user is not None and user.pk == by.pk:
        raise Refused(_("You cannot confirm your own identity. Ask two colleagues."))
    guardian = queries.guardian_of(user) if user is not None else None
    if guardian is not None and guardian.guardian_id == by.pk:
        raise Refused(_("You are this person’s guardian and keep a share yourself. Ask two colleagues."))


def tidy() -> None:
    """Delete what nobody used: papers a day over, and the accounts that were to begin with them."""
    over = clock.now() - timedelta(days=1)
    waiting = PaperInvitation.objects.filter(used_at=None, expires_at__gt=over, ended_at=None).values("user")
    ended = PaperInvitation.objects.filter(ended_at__gt=over).values("user")
    User.objects.filter(email=None, vouched_at=None).exclude(pk__in=waiting).exclude(pk__in=ended).delete()
    PaperInvitation.objects.filter(used_at=None, expires_at__lte=over).delete()


def _begun(name: str, by: User) -> QuerySet[PaperInvitation]:
    """Return the papers for a new account in this name that one member of staff began and nobody confirmed."""
    rows = PaperInvitation.objects.under_way(clock.now()).filter(kind=PaperInvitation.Kind.JOIN, user__name=name)
    return rows.filter(checks__by=by, checks__half=_FIRST).exclude(checks__half=_SECOND)


def _begin(
    user: User, kind: PaperInvitation.Kind, *, document: str, number: str, by: User, subject: UUID | None
) -> Handed:
    now = clock.now()
    user.paper_invitations.filter(used_at=None, ended_at=None).update(ended_at=now, document_digest=b"")
    invitation = PaperInvitation(user=user, kind=kind, made_at=now, expires_at=now + LIFE)
    invitation.document_digest = _number(invitation, number)
    invitation.save(force_insert=True)
    return _hand(invitation, _FIRST, document=document, by=by, subject=subject)


def _hand(invitation: PaperInvitation, half: int, *, document: str, by: User, subject: UUID | None) -> Handed:
    code = codes.new(HALF_GROUPS)
    invitation.checks.create(by=by, half=half, document=document, half_digest=_half(invitation, half, code))
    _tell(invitation, "paper.checked", by=by, because=document, subject=subject, half=half)
    return Handed(invitation, half, code)


def _locked(invitation: PaperInvitation) -> PaperInvitation:
    """Return a paper that may still be used, held until the end of the transaction. Raises Refused."""
    rows = PaperInvitation.objects.under_way(clock.now()).select_for_update(of=("self",)).select_related("user")
    found = rows.filter(pk=invitation.pk, user__is_active=True).first()
    if found is None:
        raise Refused(_("This paper was used, ended or is too old. Begin a new one."))
    return found


def _same_number(invitation: PaperInvitation, number: str, *, by: User, subject: UUID | None) -> None:
    if hmac.compare_digest(bytes(invitation.document_digest), _number(invitation, number)):
        return
    log.record(
        "paper.refused",
        actor=queries.party(by, role="staff"),
        subject=subject,
        outcome="refused",
        because="other-number",
        details={"paper": str(invitation.pk)},
    )
    raise Refused(_("Your colleague typed another number. Look at the document again; is it the same document?"))


def _under_way(sign_in_name: str) -> PaperInvitation | None:
    """Return the paper that this name's person can use now, or None."""
    rows = PaperInvitation.objects.under_way(clock.now()).select_related("user")
    return rows.filter(user__sign_in_name=sign_in_name, user__is_active=True).first()


def _fits(invitation: PaperInvitation | None, first: str, second: str) -> bool:
    """Tell whether both halves are right, of two different people who work here still. Takes the same for no paper."""
    known = invitation or PaperInvitation()
    checks = PaperCheck.objects.filter(invitation=known.pk, by__is_active=True)
    there = {check.half: check for check in checks}
    right = [
        hmac.compare_digest(bytes(there[half].half_digest) if half in there else b"", _half(known, half, typed))
        for half, typed in ((_FIRST, first), (_SECOND, second))
    ]
    return all(right) and len({check.by_id for check in there.values()} - {known.user_id}) >= STAFF_NEEDED


def _half(invitation: PaperInvitation, half: int, code: str) -> bytes:
    return stored.index("paper-half", f"{invitation.pk}:{half}:{codes.plain(code)}")


def _number(invitation: PaperInvitation, number: str) -> bytes:
    plain = "".join(sign for sign in number.casefold() if sign.isalnum())
    return stored.index("paper-document", f"{invitation.pk}:{plain}")


def _free_name(person: str) -> str:
    """Return a sign-in name that nobody has."""
    while User.objects.filter(sign_in_name=(made := names.new(not_like=person))).exists():
        pass
    return made


def _note(user: User, reach: str) -> None:
    there = PostalAddress.objects.filter(user=user).first() or PostalAddress(user=user)
    there.text, there.noted_at = reach, clock.now()
    there.save()


def _tell(
    invitation: PaperInvitation,
    action: str,
    *,
    by: User | None = None,
    because: str = "",
    subject: UUID | None = None,
    **facts: object,
) -> None:
    log.append(
        action,
        actor=queries.party(by, role="staff") if by else queries.party(invitation.user),
        subject=subject,
        outcome="done",
        because=because,
        details={"paper": str(invitation.pk), "user": str(invitation.user_id), "kind": invitation.kind, **facts},
    )
