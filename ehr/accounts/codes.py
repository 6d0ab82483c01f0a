"""Codes that people write down and type back: Crockford's base 32, which no two letters can be mixed up in."""

import hashlib
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Douglas Crockford's: no I, L, O, U
GROUP = 4
RECOVERY_GROUPS = 6  # 24 letters of 5 bits: 120 bits, beyond guessing without any stretching
SPOKEN_GROUPS = 3  # 60 bits: nobody makes another key with the same letters within days
BACKUP_GROUPS = 2  # 40 bits, behind a passphrase and a throttle
_HEARD_AS = str.maketrans({"I": "1", "L": "1", "O": "0"})


def plain(typed: str) -> str:
    """Return a typed code as it was made: capitals, no spaces or dashes, look-alikes set right."""
    return "".join(letter for letter in typed.upper().translate(_HEARD_AS) if letter.isalnum())


def new(groups: int) -> str:
    """Return a random code of so many groups of four, written with dashes."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(groups))


def spoken(secret: bytes) -> str:
    """Return 60 bits of a digest of something public as three groups, short enough to be read out and compared."""
    number = int.from_bytes(hashlib.sha256(b"chartseal spoken\x00" + secret).digest()[:8], "big")
    letters = "".join(ALPHABET[number >> 5 * place & 31] for place in range(SPOKEN_GROUPS * GROUP))
    return "-".join(groups_of(letters))


def groups_of(code: str) -> list[str]:
    """Return the groups of four of a code, without dashes."""
    letters = plain(code)
    return [letters[start : start + GROUP] for start in range(0, len(letters), GROUP)]
