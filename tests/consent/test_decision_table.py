"""The decision, as a table: every cell is asked of the rules and of an oracle that was written from the design's words.

Answer, reason and the grant that is named must all agree. A table that does not agree shows its first wrong cell.
"""

import random
import uuid
from collections.abc import Iterable, Iterator
from itertools import combinations, permutations, product

import pytest

from tests.consent import oracle, worlds
from tests.consent.oracle import Cell, Given, Subject

pytestmark = pytest.mark.compliance

SUBJECTS = (None, *(Subject(named, day) for named in (True, False) for day in oracle.DAYS))
GRANTS = {
    "no grant": (),
    "this part": (Given(parts=("labs", "basic")),),
    "this part, to write": (Given(parts=("labs", "basic"), actions=("write",)),),
    "another part": (Given(parts=("history",), actions=("read", "write")),),
    "an emergency's purpose": (Given(parts=("basic", "genetic", "labs"), actions=("read", "write"), purpose="ETREAT"),),
}
PURPOSES = ("", *oracle.CLINICAL_PURPOSES, *oracle.EMERGENCY_PURPOSES)


def first_wrong(cells: Iterable[Cell]) -> tuple[int, str]:
    """Return how many cells were asked, and words about the first on which rules and oracle differ."""
    count = 0
    for count, cell in enumerate(cells, start=1):
        expected, found = oracle.answer(cell), worlds.said(cell)
        if found != expected:
            return count, f"{cell}\nthe words say   {expected}\n  {oracle.reasons(cell)}\nthe rules decide {found}"
    return count, ""


def check(cells: Iterable[Cell], *, at_least: int) -> None:
    count, wrong = first_wrong(cells)
    assert not wrong, wrong
    assert count >= at_least


def crossed(**words: Iterable) -> Iterator[Cell]:
    """Yield a cell for each combination of these words; what is not named is as in a case that is allowed."""
    for chosen in product(*words.values()):
        yield Cell(**dict(zip(words, chosen, strict=True)))


@pytest.mark.parametrize("grants", GRANTS)
@pytest.mark.parametrize("action", ["read", "write"])
def test_role_licence_grant_category_action_purpose_time_block_emergency_and_law(grants, action):
    def cells():
        for time in ("during", "just before", "just over", "stopped just now"):
            given = tuple(one._replace(time=time) for one in GRANTS[grants])
            yield from crossed(
                role=oracle.ROLES,
                licence=("valid", "expired"),
                category=("basic", "labs", "genetic"),
                action=[action],
                purpose=("", "TREAT", "ETREAT"),
                blocked=(False, True),
                emergency=("none", "open", "long over"),
                law=oracle.LAWS,
                grants=[given],
            )

    check(cells(), at_least=10_000)


def test_who_asks_comes_first():
    check(
        crossed(
            role=oracle.ROLES,
            account=worlds.ACCOUNTS,
            licence=worlds.LICENCES,
            restricted=(False, True),
            category=worlds.CATEGORIES,
            purpose=PURPOSES,
            blocked=(False, True),
            emergency=("none", "open"),
            grants=[(Given(parts=tuple(worlds.CATEGORIES)),)],
        ),
        at_least=30_000,
    )


def test_a_grant_holds_from_its_first_moment_until_just_before_its_end():
    given = [(Given(time=time, actions=("read", "write")),) for time in oracle.MOMENTS]
    check(crossed(grants=given, action=worlds.ACTIONS, role=oracle.ROLES, purpose=PURPOSES), at_least=2_000)


def test_a_grant_covers_part_action_and_purpose_together():
    given = [
        (Given(parts=parts, actions=actions, purpose=purpose),)
        for parts in (("labs",), ("history",), ("genetic", "labs"))
        for actions in (("read",), ("write",), ("read", "write"))
        for purpose in PURPOSES[1:]
    ]
    check(
        crossed(category=worlds.CATEGORIES, action=worlds.ACTIONS, purpose=PURPOSES, grants=given),
        at_least=6_000,
    )


def test_chosen_entries_and_record_dates():
    given = [(Given(extent=extent, actions=("read", "write")),) for extent in oracle.EXTENTS]
    check(
        crossed(role=oracle.ROLES, action=worlds.ACTIONS, subject=SUBJECTS, category=("labs", "history"), grants=given),
        at_least=4_000,
    )


def test_places_teams_and_assignment():
    given = [
        (Given(places=places, via=via, extent=extent),)
        for places in worlds.PLACES
        for via in ("person", "team")
        for extent in ("whole", "chosen")
    ]
    check(
        crossed(
            role=oracle.ROLES,
            place=worlds.COUNTRIES,
            assigned=(False, True),
            subject=(None, Subject(named=True, day="mid")),
            grants=given,
        ),
        at_least=1_900,
    )


def test_emergencies_blocks_opt_outs_and_the_law():
    given = [
        (),
        (Given(),),
        (Given(actions=("read", "write"), purpose="ETREAT"),),
        (Given(purpose="BTG", time="just over"),),
    ]
    check(
        crossed(
            role=("primary-physician", "specialist", "emergency", "nurse", "pharmacist", "front-desk"),
            category=("basic", "labs"),
            action=worlds.ACTIONS,
            purpose=("TREAT", "HOPERAT", "ETREAT", "BTG"),
            blocked=(False, True),
            emergency=oracle.EMERGENCIES,
            opted_out=("nothing", "labs", "genetic"),
            law=oracle.LAWS,
            grants=given,
        ),
        at_least=70_000,
    )


def test_an_emergency_asks_neither_place_nor_assignment():
    check(
        crossed(
            role=oracle.ROLES,
            purpose=("TREAT", "BTG"),
            place=worlds.COUNTRIES,
            assigned=(False, True),
            emergency=("none", "open", "just over"),
            restricted=(False, True),
            subject=(None, Subject(named=False, day="undated")),
            grants=[(), (Given(places="here", via="team"),)],
        ),
        at_least=2_800,
    )


def test_of_several_grants_the_widest_that_allows_is_named_and_else_the_nearest_tells_why():
    kinds = [
        *(Given(extent=extent) for extent in oracle.EXTENTS),
        *(Given(extent="since", time=time) for time in oracle.LONGEST_FIRST),
        *(Given(time=time) for time in ("to the end of next month", "last moment")),
        *(Given(time=time) for time in ("just before", "just over", "over before it began", "stopped before it began")),
        Given(parts=("history",)),
        Given(purpose="HOPERAT"),
        Given(actions=("write",)),
        Given(places="abroad"),
        Given(via="team"),
    ]

    def cells():
        for grants in (*combinations(kinds, 2), *permutations(kinds, 2)):
            yield from crossed(
                role=("specialist", "nurse", "pharmacist"),
                place=("here", "unknown"),
                subject=(None, Subject(named=True, day="mid"), Subject(named=True, day="after")),
                grants=[grants],
            )

    check(cells(), at_least=13_000)


def test_cells_drawn_from_the_whole_table():
    """The whole is too large to walk. The draw is always the same one, and mixes what the tables above keep apart."""
    drawn = random.Random(20261119)
    parts = [("labs",), ("basic",), ("basic", "labs"), ("genetic", "mental-health")]
    actions = [("read",), ("write",), ("read", "write")]

    def given() -> Given:
        return Given(
            parts=drawn.choice(parts),
            actions=drawn.choice(actions),
            purpose=drawn.choice(("TREAT", "TREAT", "ETREAT")),
            time=drawn.choice(("during", "during", *oracle.MOMENTS)),
            extent=drawn.choice(("whole", *oracle.EXTENTS)),
            places=drawn.choice(("everywhere", *worlds.PLACES)),
            via=drawn.choice(("person", "team")),
        )

    def cells():
        for _ in range(30_000):
            yield Cell(
                role=drawn.choice((*oracle.ROLES[:5], *oracle.ROLES)),
                account=drawn.choice(("active", "active", "active", *worlds.ACCOUNTS)),
                licence=drawn.choice(("valid", "valid", "valid", *worlds.LICENCES)),
                restricted=drawn.random() < 0.1,
                category=drawn.choice(("basic", "labs", *worlds.CATEGORIES)),
                action=drawn.choice(("read", "read", "write")),
                purpose=drawn.choice(("TREAT", "TREAT", *PURPOSES)),
                subject=drawn.choice((None, *SUBJECTS)),
                place=drawn.choice(tuple(worlds.COUNTRIES)),
                assigned=drawn.random() < 0.5,
                blocked=drawn.random() < 0.2,
                emergency=drawn.choice(oracle.EMERGENCIES),
                opted_out=drawn.choice(("nothing", "labs", "basic")),
                law=drawn.choice(oracle.LAWS),
                grants=tuple(given() for _ in range(drawn.randrange(5))),
            )

    check(cells(), at_least=30_000)


# --- The table itself -----------------------------------------------------------------------------
def test_the_oracle_gives_every_answer_somewhere():
    """A sentence that never speaks would be a condition that nothing holds to."""
    told = {
        oracle.answer(cell).because
        for cell in (
            *crossed(account=worlds.ACCOUNTS, licence=worlds.LICENCES, restricted=(False, True)),
            *crossed(role=oracle.ROLES, purpose=("", "BTG"), emergency=oracle.EMERGENCIES, blocked=(False, True)),
            *crossed(purpose=["BTG"], emergency=["open"], opted_out=["labs"], law=oracle.LAWS),
            *crossed(blocked=(True, False), grants=[(), *((Given(time=time),) for time in oracle.MOMENTS)]),
            *crossed(category=worlds.CATEGORIES, grants=[(Given(places="here", via="team"),)], role=oracle.ROLES),
            *crossed(place=worlds.COUNTRIES, grants=[(Given(places="here"),)]),
        )
    }
    words = {one.because for one in oracle.SENTENCES} | {because for _says, because, _ in oracle.GRANT_SENTENCES}
    assert told == words | {"no-grant", "grant", "emergency"}


@pytest.mark.parametrize("words", ["ROLES", "CATEGORIES", "PURPOSES"])
def test_the_table_knows_all_the_words_that_the_product_has(words):
    assert set(KNOWN[words][0]) == set(KNOWN[words][1])


KNOWN = {
    "ROLES": (oracle.ROLES, worlds.BY_ROLE),
    "CATEGORIES": (worlds.CATEGORIES, map(str, worlds.Category)),
    "PURPOSES": (PURPOSES, ["", *map(str, worlds.Purpose)]),
}


def test_a_table_that_does_not_agree_shows_its_first_wrong_cell(monkeypatch):
    monkeypatch.setattr(worlds, "said", lambda _cell: oracle.Answer(True, "grant", 0))
    count, wrong = first_wrong([Cell(), Cell(blocked=True), Cell()])
    assert count == 2
    assert "blocked=True" in wrong


def test_a_decision_names_the_grant_by_its_id():
    made = worlds.decided(Cell())
    assert (made.grant, made.emergency) == (uuid.UUID(int=1), None)
    urgent = worlds.decided(Cell(purpose="BTG", emergency="open"))
    assert (urgent.grant, urgent.emergency) == (None, worlds.EMERGENCY)
