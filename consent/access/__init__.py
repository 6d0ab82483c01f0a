"""THE DOOR: the only way from ciphertext to text, and the way in for everything new.

Each verb decides, logs, acts. The line is committed before a key is used: no log, no chart. A refusal is logged too.
"""

from consent.access.callers import Caller, is_owners, may_reach
from consent.access.copying import Copied, copy_own, copy_whole
from consent.access.reading import Chart, identify, open_attachment, open_chart, open_own, own_recorded_between
from consent.access.refusing import AccessDenied, KeysLocked, own_party
from consent.access.searching import OpenRecord, may_open, open_record
from consent.access.studying import open_for_study
from consent.access.viewing import AsSeen, MayNotAsk, Reason, explain, view_as
from consent.access.writing import ChangedMeanwhile, add_entries, add_own, receive, write_record
from consent.judging import ELSEWHERE, Presence, Urgent
from patients.vault import Draft, IndexedEntry, OpenEntry

__all__ = [
    "ELSEWHERE",
    "AccessDenied",
    "AsSeen",
    "Caller",
    "ChangedMeanwhile",
    "Chart",
    "Copied",
    "Draft",
    "IndexedEntry",
    "KeysLocked",
    "MayNotAsk",
    "OpenEntry",
    "OpenRecord",
    "Presence",
    "Reason",
    "Urgent",
    "add_entries",
    "add_own",
    "copy_own",
    "copy_whole",
    "explain",
    "identify",
    "is_owners",
    "may_open",
    "may_reach",
    "open_attachment",
    "open_chart",
    "open_for_study",
    "open_own",
    "open_record",
    "own_party",
    "own_recorded_between",
    "receive",
    "view_as",
    "write_record",
]
