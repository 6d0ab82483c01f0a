"""Every address × every kind of visitor × every method, held against a table that people review.

The table has each method at the addresses of programs; at pages it has GET and POST, and whatever else is answered
there. All other methods at pages are turned away, which is a rule and needs no rows. `make doors-sweep` holds the rule
for each page × visitor × method; a run without it, for each page × method and each page × visitor.

And what goes out with every page: headers, cookies, no script or style in the page, no name in an address.
"""

import functools
import os
from urllib.parse import urldefrag

import pytest
from django.conf import settings

from tests.security import doors
from tests.security.going_out import telling
from tests.security.world import VISITORS, addresses

pytestmark = [pytest.mark.security, pytest.mark.compliance, pytest.mark.point(9)]
WHOLE = os.environ.get("SWEEP") == "all"
# No visitor without their second step, a proven address or an account sees any of these.
OUTSIDE = ("anonymous", "unverified", "staff with one factor")
CLOSED_TO_THEM = ("patient:", "clinician:", "frontdesk:", "admin:")
PERSONAL = ("patient", "clinician with grant", "staff")
POLICY = ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "script-src 'self'")


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


@pytest.fixture(scope="module")
def looked(world):
    """Return what a visitor finds: one look at every address, which is long and changes nothing, serves all tests."""
    return functools.cache(functools.partial(doors.seen, world))


@pytest.mark.parametrize("who", VISITORS)
def test_every_door_answers_as_the_table_says(looked, who):
    column = VISITORS.index(who)
    found, _pages = looked(who)
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


# Where a method other than GET and POST is answered at a page: the three that machines watch, and those where an app
# finds out how it is let in, may be asked for their head; and the script of another site's app asks whether it may come
# before it comes.
HEADS = ("front:healthz", "front:readyz", "front:metrics", "smart:configuration", "smart:openid", "smart:keys")
ANSWERED_OTHERWISE = {(name, "HEAD") for name in HEADS} | {
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


# --- What goes out with every page ---------------------------------------------------------------
@pytest.mark.parametrize("who", ["anonymous", *PERSONAL])
def test_every_page_comes_with_its_headers_and_nothing_inline(looked, who):
    for one in looked(who)[1]:
        name, headers = one.name, one.headers
        policy = headers.get("Content-Security-Policy", "")
        assert "unsafe" not in policy, name
        if "sandbox" not in policy:
            assert [part for part in POLICY if part not in policy] == [], name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        # A page whose address is a secret of somebody without a session tells it to nobody, this site included.
        assert headers["Referrer-Policy"] in {"same-origin", "no-referrer"}, name
        assert "camera=()" in headers["Permissions-Policy"], name
        assert one.page.inline == [], name


@pytest.mark.parametrize("who", PERSONAL)
def test_nothing_personal_stays_in_a_cache(looked, who):
    for one in looked(who)[1]:
        assert "no-store" in one.headers["Cache-Control"], one.name


def test_every_cookie_is_for_this_site_and_no_script(looked):
    seen = set()
    for who in ("anonymous", *PERSONAL):
        for one in looked(who)[1]:
            for cookie in one.cookies:
                seen.add(cookie.key)
                assert cookie.key.startswith("__Host-"), (one.name, cookie.key)
                assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax"), one.name
                assert (cookie["path"], cookie["domain"]) == ("/", ""), (one.name, cookie.key)
    assert {settings.CSRF_COOKIE_NAME, settings.SESSION_COOKIE_NAME} <= seen


def test_a_telling_address_is_found():
    assert telling("/patient/?q=Ana%20Costa") == ["Ana", "Costa"]
    assert telling("/x/?next=%2Fp%2F%3Femail%3Dana%40example.org") == ["Ana", "example.org"]
    assert telling("/patient/record/labs/") == []


@pytest.mark.parametrize("who", [who for who in VISITORS if who != "anonymous"])
def test_no_address_on_any_page_tells_about_a_person(looked, who):
    for one in looked(who)[1]:
        for address in [*one.page.addresses, one.headers.get("Location", ""), one.address]:
            assert telling(address) == [], (one.name, address)


@pytest.mark.parametrize("who", VISITORS)
def test_no_link_leads_where_its_reader_is_turned_away(world, looked, who):
    pages = {urldefrag(link).url: one.name for one in looked(who)[1] for link in one.page.links if link[0] == "/"}
    answers = {link: world.ask(who, "GET", link).status_code for link in pages}
    assert {link: (status, pages[link]) for link, status in answers.items() if status >= 400} == {}
