"""Every address × every kind of visitor × GET and POST, held against a table that people review."""

import pytest

from tests.security import doors
from tests.security.world import VISITORS, addresses

pytestmark = [pytest.mark.security, pytest.mark.compliance, pytest.mark.point(9)]
# No visitor without their second step, a proven address or an account sees any of these.
OUTSIDE = ("anonymous", "unverified", "staff with one factor")
CLOSED_TO_THEM = ("patient:", "clinician:", "admin:")


def test_every_address_has_its_rows_in_the_reviewed_table():
    wanted = {(name, method) for name in addresses() for method in doors.METHODS}
    rows = doors.reviewed()
    assert wanted - set(rows) == set(), (
        "New addresses need rows. Run pytest tests/security/write_doors.py and review each."
    )
    assert set(rows) - wanted == set(), "These addresses are gone; take their rows out."
    assert {len(cells) for cells in rows.values()} == {len(VISITORS)}


@pytest.mark.parametrize("who", OUTSIDE)
def test_the_table_lets_nobody_in_who_is_not_wholly_signed_in(who):
    column = VISITORS.index(who)
    inside = {key: cells[column] for key, cells in doors.reviewed().items() if key[0].startswith(CLOSED_TO_THEM)}
    assert {key for key, cell in inside.items() if not cell.startswith((">front:", "404", "405"))} == set()


# What a program may ask before anybody has signed in.
OPEN_TO_ALL = {"api:schema", "api:sign-in", "api:licence", "api:log-head"}


@pytest.mark.parametrize("who", OUTSIDE)
def test_no_program_gets_in_for_who_is_not_wholly_signed_in(who):
    column = VISITORS.index(who)
    inside = {key: cells[column] for key, cells in doors.reviewed().items() if key[0].startswith("api:")}
    inside = {key: cell for key, cell in inside.items() if key[0] not in OPEN_TO_ALL}
    assert {key for key, cell in inside.items() if cell not in {"401", "403", "404", "405"}} == set()


@pytest.mark.parametrize("who", ["patient", "other patient", "clinician with grant", "staff"])
def test_the_table_keeps_each_in_their_own_portal(who):
    own = {"patient": "patient:", "other patient": "patient:", "staff": "admin:"}.get(who, "clinician:")
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
    expected = {key: cells[column] for key, cells in doors.reviewed().items()}
    found = doors.seen(world, who)
    assert {key: (found.get(key), cell) for key, cell in expected.items() if found.get(key) != cell} == {}


def test_no_other_method_is_answered(world):
    for name in addresses():
        for method in ("PUT", "PATCH", "DELETE"):
            status = world.ask("patient", method, world.address(name)).status_code
            assert status in {403, 404, 405} or name.startswith(("front:", "api:", "fhir:")), (name, method, status)
            assert status != 500, (name, method)
