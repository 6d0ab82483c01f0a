"""Turns the oracle's words into the facts that `consent.rules` decides on, and asks it."""

import uuid
from datetime import UTC, date, datetime, timedelta
from functools import cache

from consent import rules
from consent.rules import EmergencyFacts, EntryFacts, GrantFacts, Law, ReaderFacts, Situation
from ehr.words import Action, Category, Purpose
from tests.consent.oracle import Answer, Cell, Given, Subject

NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)
TICK, HOUR, DAY = timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1)
FIRST, LAST = date(2026, 3, 1), date(2026, 9, 30)
EMERGENCY = uuid.UUID(int=900)
CHOSEN = frozenset({"chosen", "chosen too"})

# starts, ends, ended_at
TIMES: dict[str, tuple[datetime, datetime, datetime | None]] = {
    "during": (NOW - DAY, NOW + DAY, None),
    "to the end of next month": (NOW - DAY, NOW + 40 * DAY, None),
    "first moment": (NOW, NOW + 2 * DAY, None),
    "last moment": (NOW - DAY, NOW + TICK, None),
    "long before": (NOW + DAY, NOW + 2 * DAY, None),
    "just before": (NOW + TICK, NOW + DAY, None),
    "just over": (NOW - DAY, NOW, None),
    "long over": (NOW - 40 * DAY, NOW - 10 * DAY, None),
    "over before it began": (NOW + DAY, NOW - DAY, None),
    "will be over before it begins": (NOW + 2 * DAY, NOW + DAY, None),
    "begins and is over at once": (NOW + DAY, NOW + DAY, None),
    "stopped just now": (NOW - DAY, NOW + DAY, NOW),
    "stopped long ago": (NOW - 40 * DAY, NOW + DAY, NOW - 20 * DAY),
    "stopped by a faster clock": (NOW - DAY, NOW + DAY, NOW + timedelta(seconds=2)),
    "stopped before it began": (NOW + DAY, NOW + 2 * DAY, NOW - DAY),
    "stopped and over": (NOW - 40 * DAY, NOW - 10 * DAY, NOW - 20 * DAY),
}
# starts, ends, ended
EMERGENCY_TIMES = {
    "open": (NOW - HOUR, NOW + 3 * HOUR, False),
    "first moment": (NOW, NOW + 4 * HOUR, False),
    "last moment": (NOW - 4 * HOUR + TICK, NOW + TICK, False),
    "not begun": (NOW + TICK, NOW + 4 * HOUR, False),
    "just over": (NOW - 4 * HOUR, NOW, False),
    "long over": (NOW - 9 * HOUR, NOW - 5 * HOUR, False),
    "ended early": (NOW - HOUR, NOW + 3 * HOUR, True),
}
# entries, record_from, record_until
EXTENTS = {
    "whole": (frozenset(), None, None),
    "since": (frozenset(), FIRST, None),
    "since lately": (frozenset(), LAST, None),
    "until": (frozenset(), None, LAST),
    "between": (frozenset(), FIRST, LAST),
    "one day": (frozenset(), date(2026, 6, 1), date(2026, 6, 1)),
    "chosen": (CHOSEN, None, None),
    "chosen between": (CHOSEN, FIRST, LAST),
}
DAYS = {
    "before": FIRST - DAY,
    "first day": FIRST,
    "mid": date(2026, 6, 1),
    "last day": LAST,
    "after": LAST + DAY,
    "undated": None,
}
COUNTRIES = {"here": "CA", "abroad": "DE", "unknown": ""}
PLACES = {
    "everywhere": frozenset(),
    "here": frozenset({"CA"}),
    "abroad": frozenset({"DE"}),
    "here or abroad": frozenset({"CA", "DE"}),
}
LAWS = {
    "nothing prevails": Law(),
    "blocks prevail": Law(blocks_prevail=True),
    "opt-outs prevail": Law(opt_outs_prevail=True),
    "both prevail": Law(blocks_prevail=True, opt_outs_prevail=True),
}
# What a role makes of a reader; `test_a_role_makes_of_a_reader_what_the_table_takes_it_for` holds it to the product.
BY_ROLE: dict[str, dict[str, bool]] = {
    "primary-physician": {"sees_clinical_text": True, "may_break_glass": True},
    "specialist": {"sees_clinical_text": True, "may_break_glass": True},
    "emergency": {"sees_clinical_text": True, "may_break_glass": True},
    "nurse": {"sees_clinical_text": True, "needs_assignment": True},
    "pharmacist": {"sees_clinical_text": True, "only_chosen_entries": True},
    "researcher": {"sees_clinical_text": False, "sees_people": False},
    "administrator": {"sees_clinical_text": False},
    "front-desk": {"sees_clinical_text": False},
    "privacy-officer": {"sees_clinical_text": False},
    "credential-verifier": {"sees_clinical_text": False},
}
ACCOUNTS = {"active": "", "suspended": "account-suspended", "inactive": ""}
LICENCES = {"valid": "", "expired": "credential-expired", "unconfirmed": ""}
# As the rooms hand it over: plain words would make `is` and `==` differ.
CATEGORIES = {str(one): one for one in Category}
ACTIONS = {str(one): one for one in Action}
PURPOSES = {"": "", **{str(one): one for one in Purpose}}


@cache
def reader_facts(role: str, account: str = "active", licence: str = "valid") -> ReaderFacts:
    return ReaderFacts(
        active=account == "active",
        in_good_standing=account == "active" and licence == "valid",
        because=ACCOUNTS[account] or LICENCES[licence] * (account == "active"),
        **BY_ROLE[role],
    )


@cache
def grant_facts(given: Given, number: int = 0) -> GrantFacts:
    """Return one grant's facts; the later of equals has the higher id."""
    starts, ends, ended_at = TIMES[given.time]
    entries, record_from, record_until = EXTENTS[given.extent]
    return GrantFacts(
        id=uuid.UUID(int=number + 1),
        categories=frozenset(given.parts),
        actions=frozenset(given.actions),
        purpose=given.purpose,
        starts=starts,
        ends=ends,
        ended_at=ended_at,
        entries=entries,
        record_from=record_from,
        record_until=record_until,
        places=PLACES[given.places],
        by_team=given.via == "team",
    )


@cache
def all_grants(grants: tuple[Given, ...]) -> tuple[GrantFacts, ...]:
    return tuple(grant_facts(given, number) for number, given in enumerate(grants))


@cache
def entry_facts(subject: Subject | None) -> EntryFacts | None:
    if subject is None:
        return None
    return EntryFacts("chosen" if subject.named else "another", DAYS[subject.day])


@cache
def emergency_facts(emergency: str, opted_out: str) -> EmergencyFacts | None:
    if emergency == "none":
        return None
    starts, ends, ended = EMERGENCY_TIMES[emergency]
    barred = frozenset() if opted_out == "nothing" else frozenset({opted_out})
    return EmergencyFacts(id=EMERGENCY, starts=starts, ends=ends, ended=ended, opted_out=barred)


@cache
def situation(
    place: str, blocked: bool, restricted: bool, assigned: bool, emergency: str, opted_out: str, law: str
) -> Situation:
    return Situation(
        place=COUNTRIES[place],
        blocked=blocked,
        restricted=restricted,
        assigned=assigned,
        emergency=emergency_facts(emergency, opted_out),
        law=LAWS[law],
    )


def decided(cell: Cell) -> rules.Decision:
    """Return what the rules decide on a cell."""
    return rules.decide(
        reader=reader_facts(cell.role, cell.account, cell.licence),
        grants=all_grants(cell.grants),
        category=CATEGORIES[cell.category],
        action=ACTIONS[cell.action],
        purpose=PURPOSES[cell.purpose],
        at=NOW,
        entry=entry_facts(cell.subject),
        situation=situation(
            cell.place, cell.blocked, cell.restricted, cell.assigned, cell.emergency, cell.opted_out, cell.law
        ),
    )


def said(cell: Cell) -> Answer:
    """Return the rules' decision in the oracle's form."""
    made = decided(cell)
    return Answer(
        made.allowed,
        made.because,
        None if made.grant is None else made.grant.int - 1,
        emergency=made.emergency == EMERGENCY,
    )
