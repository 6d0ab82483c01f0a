"""What may become of a study, as a table: state and verb in, state out. Nothing else changes a state."""

from collections.abc import Mapping
from enum import StrEnum

from django.utils.translation import gettext as _

from providers.rules import NotPossible
from research.models import Study

State = Study.State


class Verb(StrEnum):
    """What somebody does with a study."""

    CHANGE = "change"
    PROPOSE = "propose"
    TAKE_BACK = "take-back"
    ASK = "ask"
    ANSWER = "answer"
    VOTE = "vote"
    REFUSE = "refuse"
    OPEN = "open"
    LET_RUN = "let-run"
    PAUSE = "pause"
    RESUME = "resume"
    CLOSE = "close"


# Changes only before it is proposed: what is approved and joined is what was proposed, word for word.
MOVES: Mapping[tuple[str, Verb], State] = {
    (State.DRAFT, Verb.CHANGE): State.DRAFT,
    (State.DRAFT, Verb.PROPOSE): State.WAITING,
    (State.WAITING, Verb.TAKE_BACK): State.DRAFT,
    (State.WAITING, Verb.ASK): State.ASKED,
    (State.WAITING, Verb.VOTE): State.WAITING,
    (State.WAITING, Verb.REFUSE): State.REFUSED,
    (State.WAITING, Verb.OPEN): State.APPROVED,
    (State.ASKED, Verb.TAKE_BACK): State.DRAFT,
    (State.ASKED, Verb.ANSWER): State.WAITING,
    (State.ASKED, Verb.REFUSE): State.REFUSED,
    (State.APPROVED, Verb.LET_RUN): State.APPROVED,
    (State.APPROVED, Verb.PAUSE): State.PAUSED,
    (State.APPROVED, Verb.CLOSE): State.CLOSED,
    (State.PAUSED, Verb.RESUME): State.APPROVED,
    (State.PAUSED, Verb.CLOSE): State.CLOSED,
}


def may(study: Study, verb: Verb) -> bool:
    """Tell whether a verb fits the state a study is in."""
    return (study.state, verb) in MOVES


def after(study: Study, verb: Verb) -> State:
    """Return the state that a verb leads to. Raises NotPossible where it does not fit."""
    if not may(study, verb):
        raise NotPossible(
            _("This does not fit how the study stands: %(state)s. Look at it again.")
            % {"state": study.get_state_display()}
        )
    return MOVES[study.state, verb]
