"""Why something was not imported: where it stands, and what is wrong. Never what it says about anybody."""


class Refused(Exception):
    """A bundle, or one loose resource, was not imported. Each reason names file, entry and what is wrong."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


# What reading and storing may raise where a sender wrote what nobody thought of. It is kept and answered like anything
# else that is wrong: the sender is told, and nothing is lost.
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
CANNOT_READ = "holds something that cannot be read here yet. It is kept, and can be tried again."


class Later(Refused):
    """It may be taken in later, as it is: the sender is asked to send it again."""


class Raced(Later):
    """Another delivery changed the same record at the same moment."""


def reason(place: str, words: object) -> str:
    """Return "maria.json, entry 12: Observation.status is missing."."""
    return f"{place}: {words}"
