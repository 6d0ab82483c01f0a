"""Sign-in names, for people who have no e-mail address: four letters that can be said, a dash and four digits.

We make them. A name says nothing about its person, is not secret, and holds no letter or digit that is taken for
another when it is read from paper.
"""

import re
import secrets

_CONSONANTS = "bdfgkmnprstvz"
_VOWELS = "aeiou"
_DIGITS = "23456789"
# What two such syllables may happen to say in a language of the people who are to carry it.
_UNSAID = frozenset({
    "dago", "dope", "fake", "kaka", "kike", "koka", "nazi", "nude", "pede", "pedo", "pene", "pipi", "poko", "popo",
    "pube", "puta", "pute", "puto", "rape", "sida", "teta", "titi", "tuba", "tumo",
})  # fmt: skip
_SHAPE = re.compile(r"([a-z]{4})[^a-z0-9]*([0-9]{4})")


def new(*, not_like: str = "") -> str:
    """Return a random sign-in name such as mona-4729. Its word is no part of `not_like`, the person's own name."""
    while True:
        word = "".join(secrets.choice(kind) for kind in (_CONSONANTS, _VOWELS) * 2)
        if word not in _UNSAID and word not in not_like.casefold():
            return f"{word}-{''.join(secrets.choice(_DIGITS) for _ in range(4))}"


def folded(typed: str) -> str:
    """Return what somebody types to sign in as it is kept and compared: an e-mail address, or a sign-in name."""
    text = typed.strip().casefold()
    if "@" in text:
        return text
    found = _SHAPE.fullmatch(text)
    return f"{found[1]}-{found[2]}" if found else text


def is_one(typed: str) -> bool:
    """Tell whether this has the shape of a sign-in name."""
    return _SHAPE.fullmatch(typed.strip().casefold()) is not None
