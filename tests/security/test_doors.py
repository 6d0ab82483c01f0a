"""Every address × every kind of visitor × every method, held against a table that people review.

The table has each method at the addresses of programs; at pages it has GET and POST, and whatever else is answered
there. All other methods at pages are turned away, which is a rule and needs no rows. `make doors-sweep` holds the rule
for each page × visitor × method; a run without it, for each page × method and each page × visitor.
"""

import os

import pytest

from tests.security import doors
from tests.security.world import VISITORS, addresses

pytestmark = [pytest.mark.security, pytest.mark.compliance, pytest.mark.point(9)]
WHOLE = os.environ.get("SWEEP") == "all"
# No visitor without their second step, a proven address or an account sees any of these.
OUTSIDE = ("anonymous", "unverified", "staff with one factor")
CLOSED_TO_THEM = ("patient:", "clinician:", "frontdesk:", "admin:")


def test_every_address_has_its_rows_in_the_reviewed_table():
    wanted = {(name, method) for name in addresses() for method in doors.asked_of(name)}
    rows = doors.reviewed()
    assert wanted - set(rows) == set(), (
        "New addresses need rows. Run pytest tests/security/write_doors.py and review each."
    )
    possible = {(name, method) for name in addresses() for method in doors.EVERY_METHOD}
    assert set(rows) - possible == set(), "These addresses are gone; take their rows out."
    assert {len(cells) for cells in rows.values()} == {len(VISITORS)}


def test_something_of_ana_and_of_ben_stands_in_every_address(world):
    named = {name: parameters for name, parameters in addresses().items() if parameters}
    assert {
        (name, one)
        for name, parameters in named.items()
        for one in parameters
        if one not in world.named_in(name) or one not in world.named_in(name, bens=True)
    } == set()


@pytest.mark.parametrize("who", OUTSIDE)
def test_the_table_lets_nobody_in_who_is_not_wholly_signed_in(who):
    column = VISITORS.index(who)
    inside = {key: cells[column] for key, cells in doors.reviewed().items() if key[0].startswith(CLOSED_TO_THEM)}
    assert {key for key, cell in inside.items() if not cell.startswith((">front:", "404", "405"))} == set()


# What a program may ask before anybody has signed in.
OPEN_TO_ALL = {"api:schema", "api:sign-in", "api:licence", "api:log-head"}
SIGN_OUT = ("api:session", "DELETE")


@pytest.mark.parametrize("who", OUTSIDE)
def test_no_program_gets_in_for_who_is_not_wholly_signed_in(who):
    column = VISITORS.index(who)
    inside = {key: cells[column] for key, cells in doors.reviewed().items() if key[0].startswith("api:")}
    inside = {key: cell for key, cell in inside.items() if key[0] not in OPEN_TO_ALL and key != SIGN_OUT}
    assert {key for key, cell in inside.items() if cell not in {"401", "403", "404", "405"}} == set()


@pytest.mark.parametrize("who", ["patient", "other patient", "clinician with grant", "front desk", "staff"])
def test_the_table_keeps_each_in_their_own_portal(who):
    own = {
        "patient": "patient:",
        "other patient": "patient:",
        "front desk": ("frontdesk:", "clinician:"),
        "staff": "admin:",
    }.get(who, "clinician:")
    column = VISITORS.index(who)
    others = {
        key: cells[column]
        for key, cells in doors.reviewed().items()
        if key[0].startswith(CLOSED_TO_THEM) and not key[0].startswith(own) and key[0] != "clinician:register"
    }
    assert {key: cell for key, cell in others.items() if cell not in {"404", "405"}} == {}


@pytest.mark.parametrize("who", VISITORS)
def test_every_door_answers_as_the_table_says(world, who):
    column = VISITORS.index(who)
    found = doors.seen(world, who)
    expected = {key: cells[column] for key, cells in doors.reviewed().items() if key in found}
    assert {key: (found.get(key), cell) for key, cell in expected.items() if found.get(key) != cell} == {}


@pytest.mark.parametrize("who", VISITORS)
def test_no_page_takes_a_method_that_the_table_does_not_name(world, who):
    column, rows = VISITORS.index(who), doors.reviewed()
    found, writes = doors.seen_otherwise(world, who, whole=WHOLE)
    getting = {key: cells[column] for key, cells in rows.items()}
    away = doors.turned_away(found, getting)
    others = {key: cell for key, cell in found.items() if key not in away and (key[0], "GET") in rows}
    assert {key: cell for key, cell in others.items() if key not in rows or rows[key][column] != cell} == {}
    assert writes == []


# Where a method other than GET and POST is answered at a page: the three that machines watch may be asked for their
# head, and the script of another site's app asks whether it may come before it comes.
ANSWERED_OTHERWISE = {("front:healthz", "HEAD"), ("front:readyz", "HEAD"), ("front:metrics", "HEAD")} | {
    (name, "OPTIONS")
    for name in ("front:health-link-manifest", "smart:configuration", "smart:openid", "smart:keys", "smart:token",
                 "smart:introspect", "smart:revoke")
}  # fmt: skip


def test_the_table_names_few_pages_that_take_another_method():
    rows = {key for key in doors.reviewed() if key[1] in doors.OTHERS and not key[0].startswith(doors.OF_PROGRAMS)}
    assert rows == ANSWERED_OTHERWISE


def test_no_method_breaks_anything():
    assert {
        key for key, cells in doors.reviewed().items() if any(cell >= "500" for cell in cells if cell.isdigit())
    } == (set())
