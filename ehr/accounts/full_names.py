"""What people are called, in any script. Names stand in sentences that others read and sign, so they hide nothing."""

import unicodedata

from django.utils.translation import gettext as _

# Persian and many Indian scripts join and part letters by them; names written from the right may carry the marks.
_JOINERS = "\u200c\u200d"
_MARKS = "\u200e\u200f\u061c"
# Letters by their kind, and nothing to be seen: the fillers of Hangul.
_FILLERS = "\u115f\u1160\u3164\uffa0"
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def objection(name: str) -> str:
    """Return what a person must change about a name, in words; "" means it will do.

    Line breaks, signs that cannot be seen and those that turn the direction of what follows are refused.
    """
    if any(_hides(sign) for sign in name) or name.strip(_JOINERS) != name:
        return _("This name holds a sign that cannot be seen. Delete the name and type it letter by letter.")
    if not any(unicodedata.category(sign)[0] == "L" for sign in name):
        return _("Write the name with letters.")
    return ""


def _hides(sign: str) -> bool:
    return sign in _FILLERS or (sign not in _JOINERS + _MARKS and unicodedata.category(sign) in _UNSEEN)
