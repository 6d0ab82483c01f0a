"""Where the money of one invoice is, and what is to be done next. Pure: sums in, one act out.

Money stands in five accounts: the patient's, the payer's, reserved, held, and from there named as earned or as a fee.
A movement takes an amount from one account to another, so their sum is always nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

from appointments.models import Invoice, Movement, PaymentParcel, Way

Kind = Movement.Kind


class Account(StrEnum):
    """Where money stands."""

    PATIENT = "patient"
    PAYER = "payer"
    RESERVED = "reserved"
    HELD = "held"
    EARNED = "earned"
    FEES = "fees"


# What is written off moves no money: it is only not asked for any more.
MOVES: dict[str, tuple[Account, Account]] = {
    Kind.AUTHORISED: (Account.PATIENT, Account.RESERVED),
    Kind.VOIDED: (Account.RESERVED, Account.PATIENT),
    Kind.CAPTURED: (Account.RESERVED, Account.HELD),
    Kind.REFUNDED: (Account.HELD, Account.PATIENT),
    Kind.BOUNCED: (Account.PATIENT, Account.HELD),
    Kind.PAID_BACK: (Account.HELD, Account.PATIENT),
    Kind.MISTAKEN: (Account.HELD, Account.PATIENT),
    Kind.PAYER_PAID: (Account.PAYER, Account.HELD),
    Kind.EARNED: (Account.HELD, Account.EARNED),
    Kind.UNEARNED: (Account.EARNED, Account.HELD),
    Kind.FEE_KEPT: (Account.HELD, Account.FEES),
    Kind.FEE_LIFTED: (Account.FEES, Account.HELD),
}
# Who gives money back on being told to. At the desk a person does.
BY_ITSELF = frozenset({Way.STRIPE, Way.ESCROW})


@dataclass(frozen=True, slots=True)
class Seen:
    """All that ever happened to one payment, as its provider tells: five sums, none of which ever shrinks."""

    authorised: int = 0
    voided: int = 0
    captured: int = 0
    refunded: int = 0
    bounced: int = 0


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment and its sums."""

    id: object
    way: str
    seen: Seen
    by_desk: int = 0  # what people at the desk gave back of it, or had noted by mistake: no provider knows of that
    handed: int = 0  # what was handed over to be locked, and is not yet
    free: int = 0  # what came free of escrow and was not yet handed out as it came
    let_go: bool = False  # its provider is asked for nothing more

    @property
    def locked(self) -> int:
        """What its provider has reserved, counted on or not."""
        return self.seen.authorised - self.seen.voided - self.seen.captured

    @property
    def reserved(self) -> int:
        return 0 if self.let_go else self.locked

    @property
    def kept(self) -> int:
        return self.seen.captured - self.seen.refunded + self.seen.bounced - self.by_desk

    @property
    def by_itself(self) -> bool:
        """Whether its provider gives back on being told to."""
        return self.way in BY_ITSELF and not self.let_go


@dataclass(frozen=True, slots=True)
class Position:
    """An invoice and all sums of it."""

    owed: int
    payments: tuple[Paid, ...] = ()
    payer: int = 0
    written_off: int = 0
    earned: int = 0
    fees: int = 0
    decided: bool = False
    paused: bool = False

    @property
    def due(self) -> int:
        """What is owed after what was written off."""
        return max(0, self.owed - self.written_off)

    @property
    def reserved(self) -> int:
        return sum(one.reserved for one in self.payments)

    @property
    def handed(self) -> int:
        """What is on its way to where it is reserved."""
        return sum(one.handed for one in self.payments)

    @property
    def held(self) -> int:
        """What was taken and not given back, whatever it is called by now."""
        return sum(one.kept for one in self.payments) + self.payer

    @property
    def missing(self) -> int:
        """What is still to be taken."""
        return max(0, self.due - self.held)

    @property
    def to_pay(self) -> int:
        """What nobody has reserved or paid."""
        return max(0, self.missing - self.reserved - self.handed)

    @property
    def excess(self) -> int:
        """What must be given back."""
        return max(0, self.held - self.due)

    @property
    def by_hand(self) -> int:
        """What only a person at the desk can give back: what no provider does, and what came free of escrow."""
        return max(0, self.excess - sum(one.kept for one in self.payments if one.by_itself)) + self.free

    @property
    def free(self) -> int:
        """What came free of escrow and did not reach the patient yet."""
        return sum(one.free for one in self.payments)


@dataclass(frozen=True, slots=True)
class Act:
    """What a provider is to be told about one payment. `ahead` may wait until its reservation would lapse."""

    kind: str
    payment: object
    amount: int
    ahead: bool = False


def next_act(position: Position) -> Act | None:
    """Return the one next step towards held = owed and nothing reserved; None where nothing is to be done.

    First back what is too much. A dispute stops taking, never giving back.
    """
    taking = None if position.paused else _take(position)
    return _give_back(position) or _lock(position) or taking or _free(position)


def _lock(position: Position) -> Act | None:
    """Lock what was handed over for it, however often that was tried."""
    for one in position.payments:
        if one.handed:
            return Act(PaymentParcel.Kind.AUTHORISE, one.id, one.handed)
    return None


def _give_back(position: Position) -> Act | None:
    for one in position.payments:
        if position.excess and one.kept and one.by_itself:
            return Act(PaymentParcel.Kind.REFUND, one.id, min(position.excess, one.kept))
    return None


def _take(position: Position) -> Act | None:
    """Take what is missing once it is certain; before, only shortly before the reservation would lapse."""
    for one in position.payments:
        if position.missing and one.reserved:
            amount = min(position.missing, one.reserved)
            if position.decided:
                return Act(PaymentParcel.Kind.CAPTURE, one.id, amount)
            if one.way == Way.STRIPE:
                return _superfluous(position) or Act(PaymentParcel.Kind.CAPTURE, one.id, amount, ahead=True)
    return None


def _free(position: Position) -> Act | None:
    """End what is reserved and will not be taken."""
    if position.decided and not position.missing:
        for one in position.payments:
            if one.reserved:
                return Act(PaymentParcel.Kind.VOID, one.id, one.reserved)
    return _superfluous(position)


def _superfluous(position: Position) -> Act | None:
    """End a reservation without which the others still cover what is missing: somebody paid twice."""
    for one in reversed(position.payments):
        if one.reserved and position.reserved - one.reserved >= position.missing:
            return Act(PaymentParcel.Kind.VOID, one.id, one.reserved)
    return None


def names(position: Position, *, fee: bool) -> list[tuple[str, int]]:
    """Return the movements by which what is held gets its name: for the visit, or as a fee; before, neither."""
    kept = min(position.held, position.due) if position.decided and not position.paused else 0
    steps = []
    for have, want, more, less in (
        (position.earned, 0 if fee else kept, Kind.EARNED, Kind.UNEARNED),
        (position.fees, kept if fee else 0, Kind.FEE_KEPT, Kind.FEE_LIFTED),
    ):
        if want != have:
            steps.append((more, want - have) if want > have else (less, have - want))
    return sorted(steps, key=lambda step: step[0] in {Kind.EARNED, Kind.FEE_KEPT})


def state(position: Position) -> str:
    """Return what people are told of an invoice."""
    if position.to_pay:
        return Invoice.State.OPEN
    if position.reserved or position.handed:
        return Invoice.State.RESERVED
    if position.held:
        return Invoice.State.PAID
    taken = any(one.seen.captured for one in position.payments)
    return Invoice.State.RETURNED if taken else Invoice.State.NOTHING


def problems(position: Position) -> list[str]:
    """Return what is wrong with the sums of an invoice; nothing ever should be."""
    wrong = []
    for one in position.payments:
        seen = one.seen
        if min(seen.authorised, seen.voided, seen.captured, seen.refunded, seen.bounced) < 0:
            wrong.append("a sum below nothing")
        if one.locked < 0:
            wrong.append("more taken or ended than was reserved")
        if one.kept < 0 or one.free < 0 or seen.bounced > seen.refunded:
            wrong.append("more given back than was taken")
    if min(position.earned, position.fees) < 0 or position.earned + position.fees > position.held:
        wrong.append("more named than is held")
    return wrong
