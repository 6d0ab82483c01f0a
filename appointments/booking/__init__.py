"""Who is seen when, and what becomes of it: each verb decides, writes, logs and tells in one transaction.

Every verb holds the patient's row first, then the timetable's. The minutes are in `appointments.minutes`, the rule of
what may become what in `appointments.rules`, and as what somebody acts in `appointments.standing`.
"""

from appointments.availability import NotFree
from appointments.booking.calling_off import lapse_proposals
from appointments.booking.changing import REASONS
from appointments.booking.disputes import answer_dispute, dispute, read_words
from appointments.booking.holding import forget_what_is_over, hold, release
from appointments.booking.reasons import add_reason
from appointments.booking.states import accept, arrive, begin, fulfil, mistake, no_show, undo, undoable
from appointments.booking.visits import book, cancel, move, propose
from appointments.refusals import NotPossible, NotTheirs

__all__ = [
    "REASONS",
    "NotFree",
    "NotPossible",
    "NotTheirs",
    "accept",
    "add_reason",
    "answer_dispute",
    "arrive",
    "begin",
    "book",
    "cancel",
    "dispute",
    "forget_what_is_over",
    "fulfil",
    "hold",
    "lapse_proposals",
    "mistake",
    "move",
    "no_show",
    "propose",
    "read_words",
    "release",
    "undo",
    "undoable",
]
