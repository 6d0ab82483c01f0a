"""How a study stands, in a word with its colour, and what to do about it."""

from django.utils.translation import gettext_lazy as _

from research.models import Study

State = Study.State
_LOOKS = {
    State.DRAFT: "plain",
    State.WAITING: "warn",
    State.ASKED: "warn",
    State.APPROVED: "",
    State.PAUSED: "warn",
    State.REFUSED: "stop",
    State.CLOSED: "plain",
}
_NEXT = {
    State.DRAFT: _("Read it once more, then propose it to the committee. After that nothing in it can be changed."),
    State.WAITING: _("Two members of the committee read it, one after the other. You are told what they decide."),
    State.ASKED: _("Answer what the committee asks below. Then it waits for them again."),
    State.APPROVED: _("People can join it now. Nobody sees who they are, you neither."),
    State.PAUSED: _("The committee holds it still. Nobody joins and nothing is read until it goes on."),
    State.REFUSED: _("Read below why. You can propose another one."),
    State.CLOSED: _("It is over, and its keys are destroyed. Nothing more can be read for it."),
}


def look(study: Study) -> str:
    """Return the colour of a study's state, as parts/tag.html takes it."""
    return _LOOKS[State(study.state)]


def next_step(study: Study) -> object:
    """Return what happens next, or what its researcher is to do."""
    return _NEXT[State(study.state)]
