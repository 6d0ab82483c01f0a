"""What each answer of a payer means for whoever waits for the visit: one sentence that ends in a next step."""

from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from appointments.models import Claim, Eligibility

_NUMBER_WRONG = frozenset({"71", "72", "73", "75", "58"})  # AAA03: number, name or birth date do not match


@dataclass(frozen=True)
class Step:
    """What happened, and what to do next, for the patient and for the desk. The visit stays booked in each of them."""

    said: str
    patient: str
    desk: str
    attention: bool = False


def of_check(check: Eligibility) -> Step:
    """Return the step that follows from a question's outcome."""
    names = {"payer": check.policy.payer.name, "day": date_format(check.day, "j F Y")}
    return _STEPS[check.outcome](names, check)


def _waiting(names: dict[str, str], _check: Eligibility) -> Step:
    return Step(
        _("We asked %(payer)s, and wait for the answer.") % names,
        _("You need do nothing. Your visit stays booked."),
        _("Nothing to do: the question is asked again by itself. Book and see the patient as usual."),
    )


def _active(names: dict[str, str], _check: Eligibility) -> Step:
    return Step(
        _("%(payer)s says that the insurance is in force on %(day)s.") % names,
        _("You need do nothing."),
        _("Nothing to do."),
    )


def _inactive(names: dict[str, str], _check: Eligibility) -> Step:
    return Step(
        _("%(payer)s says that the insurance is not in force on %(day)s.") % names,
        _("Your visit stays booked. Give us another insurance, or choose to pay yourself."),
        _("Ask for another card, or whether they pay themselves. The visit takes place either way."),
        attention=True,
    )


def _unknown(names: dict[str, str], check: Eligibility) -> Step:
    if check.code in _NUMBER_WRONG:
        return Step(
            _("%(payer)s does not know this number together with this name and birth date.") % names,
            _("Compare the number with your card and correct it here. Your visit stays booked."),
            _("Compare number, name and birth date with the card. The visit takes place either way."),
            attention=True,
        )
    return Step(
        _("%(payer)s gave no answer that says whether the insurance is in force.") % names,
        _("Your visit stays booked. Ask your insurer, or bring the card and we ask by telephone."),
        _("Call the payer. The visit takes place either way."),
        attention=True,
    )


def _unanswered(names: dict[str, str], _check: Eligibility) -> Step:
    return Step(
        _("%(payer)s could not be asked.") % names,
        _("Your visit stays booked. Bring your card; you need do nothing else."),
        _("Look at the card, and ask again or call the payer. The visit takes place either way."),
        attention=True,
    )


_STEPS = {
    Eligibility.Outcome.WAITING: _waiting,
    Eligibility.Outcome.ACTIVE: _active,
    Eligibility.Outcome.INACTIVE: _inactive,
    Eligibility.Outcome.UNKNOWN: _unknown,
    Eligibility.Outcome.UNANSWERED: _unanswered,
}


def of_claim(claim: Claim) -> str:
    """Return what became of a claim, and what follows from it for the patient."""
    names = {"payer": claim.policy.payer.name}
    said = {
        Claim.State.WAITING: _("We sent the bill to %(payer)s. You need do nothing until they answer."),
        Claim.State.PAID: _("%(payer)s paid the visit. You owe nothing more for it."),
        Claim.State.PARTLY: _("%(payer)s paid part of the visit. The rest is on your bill."),
        Claim.State.DENIED: _("%(payer)s did not pay the visit. Ask them why; the price is on your bill."),
        Claim.State.FAILED: _("The bill could not be sent to %(payer)s. We call them; you need do nothing."),
    }
    return str(said[Claim.State(claim.state)]) % names
