"""What makes a passphrase good enough. Length first: a sentence beats a puzzle (NIST SP 800-63B-4 §3.1.1.2)."""

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

SHORTEST = 12
LONGEST = 1000
_FEWEST_LETTERS = 5
_TOO_ALIKE = 0.7
_common = CommonPasswordValidator()


def objections(passphrase: str, *, about: Sequence[str] = ()) -> list[str]:
    """Return what a person must change about a new passphrase, in words; [] means it will do.

    about holds their name and e-mail address, which a passphrase must not repeat.
    """
    # As it is stretched: one letter may be typed as several signs, and counts as one.
    passphrase = unicodedata.normalize("NFKC", passphrase)
    if len(passphrase) < SHORTEST:
        return [_("Use at least 12 characters. Four or five words that do not belong together are easy to remember.")]
    if len(passphrase) > LONGEST:
        return [_("Use at most 1,000 characters.")]
    if len(set(passphrase.casefold())) < _FEWEST_LETTERS or _is_common(passphrase):
        return [_("This passphrase is easy to guess. Use four or five words that do not belong together.")]
    if any(_alike(passphrase, told) for told in about):
        return [_("This passphrase is close to your name or e-mail address. Use words that nobody connects with you.")]
    return []


def _is_common(passphrase: str) -> bool:
    """Tell whether it is a common password, also with digits and signs put after it, or said twice."""
    text = passphrase.casefold()
    stem = text.rstrip("0123456789!?.,-_ ")
    half = text[: len(text) // 2]
    candidates = {text, text.replace(" ", ""), stem} | ({half} if half * 2 == text else set())
    return any(map(_listed, candidates))


def _listed(text: str) -> bool:
    try:
        _common.validate(text)
    except ValidationError:
        return True
    return False


def _alike(passphrase: str, told: str) -> bool:
    text, told = passphrase.casefold(), told.casefold().strip()
    parts = {told, told.replace(" ", ""), told.partition("@")[0]}
    return any(len(part) > 3 and SequenceMatcher(a=text, b=part).quick_ratio() >= _TOO_ALIKE for part in parts)
