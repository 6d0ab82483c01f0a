"""Breaking the glass: a record opened without its patient's leave, in an emergency, and what follows from it.

`opening` decides, commits the line and only then asks the keyholder; `holding` is what one session keeps of it;
`finding` finds a patient who cannot say who they are; `ending` stops it; `reviewing` holds it to account; `wishes` is
what patients say beforehand; `contacts` tells somebody who has no account here.
"""

from consent.emergency.contacts import tell_contact
from consent.emergency.ending import CannotEnd, end
from consent.emergency.finding import FOUND_FOR, NotFound, find, patient_to_open
from consent.emergency.holding import held, patient_held, shut_again
from consent.emergency.opening import LASTS, LONGEST, SHORTEST, CannotBreak, Opened, break_glass, may_break_glass
from consent.emergency.reading import (
    actor_of,
    by_reader,
    looks_in,
    of_patient,
    one_of_patient,
    open_now,
    reason_of,
    review_of,
    to_review,
    words_on,
)
from consent.emergency.reviewing import review, reviewers, tell_of_overdue
from consent.emergency.wishes import (
    CannotWish,
    contact_of,
    name_contact,
    opt_in,
    opt_out,
    opted_out,
    remove_contact,
)

__all__ = [
    "FOUND_FOR",
    "LASTS",
    "LONGEST",
    "SHORTEST",
    "CannotBreak",
    "CannotEnd",
    "CannotWish",
    "NotFound",
    "Opened",
    "actor_of",
    "break_glass",
    "by_reader",
    "contact_of",
    "end",
    "find",
    "held",
    "looks_in",
    "may_break_glass",
    "name_contact",
    "of_patient",
    "one_of_patient",
    "open_now",
    "opt_in",
    "opt_out",
    "opted_out",
    "patient_held",
    "patient_to_open",
    "reason_of",
    "remove_contact",
    "review",
    "review_of",
    "reviewers",
    "shut_again",
    "tell_contact",
    "tell_of_overdue",
    "to_review",
    "words_on",
]
