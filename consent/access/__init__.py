"""THE DOOR: the only way from ciphertext to text, and the way in for everything new.

Each verb decides, logs, acts. The line is committed before a key is used: no log, no chart. A refusal is logged too.
"""

from consent.access.copying import copy_own
from consent.access.reading import Chart, identify, open_attachment, open_chart, open_own, own_recorded_between
from consent.access.refusing import AccessDenied, KeysLocked, own_party
from consent.access.viewing import AsSeen, MayNotAsk, Reason, explain, view_as
from consent.access.writing import ChangedMeanwhile, add_entries, add_own, receive
from consent.judging import ELSEWHERE, Presence, Urgent
from patients.vault import Draft, OpenEntry

__all__ = [
    "ELSEWHERE",
    "AccessDenied",
    "AsSeen",
    "ChangedMeanwhile",
    "Chart",
    "Draft",
    "KeysLocked",
    "MayNotAsk",
    "OpenEntry",
    "Presence",
    "Reason",
    "Urgent",
    "add_entries",
    "add_own",
    "copy_own",
    "explain",
    "identify",
    "open_attachment",
    "open_chart",
    "open_own",
    "own_party",
    "own_recorded_between",
    "receive",
    "view_as",
]
