"""Mutants of `consent/rules.py` that no test can find, each with the reason why nobody could notice the change."""

CHANGES_NOTHING: dict[str, str] = {
    "_by_emergency: return Decision(False, 'blocked') → return None": (
        "Where an emergency does not answer, the block that stood in its way is asked next, and refuses with this word."
    ),
    "_why_not: at < grant.starts < grant.ends → at <= grant.starts < grant.ends": (
        "A grant that begins at this very moment holds. Why those that hold do not reach was told before."
    ),
}
