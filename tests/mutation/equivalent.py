"""Mutants of `consent/rules.py` that no test can find, each with the reason why nobody could notice the change."""

CHANGES_NOTHING: dict[str, str] = {
    "decide_each: if not reader.sees_clinical_text: → if True:": (
        "The basic part is then decided on by itself, and as it would be together with the others."
    ),
    "decide_each: part in told → part not in told": (
        "Two parts that differ in what they are in differ in what they are not in."
    ),
    "decide_each: if decided is None: → if True:": (
        "Each part is then decided on by itself, and as it would be together with the others."
    ),
    "_by_emergency: return Decision(False, 'blocked') → return None": (
        "Where an emergency does not answer, the block that stood in its way is asked next, and refuses with this word."
    ),
    "_by_grant: reachable[0] if len(reachable) == 1 else max(reachable, key=_width) → "
    "reachable[0] if False else max(reachable, key=_width)": "The widest of one is that one.",
    "_why_not: at < grant.starts < grant.ends → at <= grant.starts < grant.ends": (
        "A grant that begins at this very moment holds. Why those that hold do not reach was told before."
    ),
}
