"""Why something was not imported: where it stands, and what is wrong. Never what it says about anybody."""


class Refused(Exception):
    """A bundle, or one loose resource, was not imported. Each reason names file, entry and what is wrong."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


class Later(Refused):
    """It may be taken in later, as it is: the sender is asked to send it again."""


class Raced(Later):
    """Another delivery changed the same record at the same moment."""


def reason(place: str, words: object) -> str:
    """Return "maria.json, entry 12: Observation.status is missing."."""
    return f"{place}: {words}"
