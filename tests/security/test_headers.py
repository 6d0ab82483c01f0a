"""What goes out with every page: headers, cookies, no script or style in the page, no name in an address."""

import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from http.cookies import Morsel
from urllib.parse import unquote

import pytest
from django.conf import settings

from tests.security.world import TELLING, VISITORS, WORDS, World, addresses

pytestmark = [pytest.mark.security, pytest.mark.compliance]
PERSONAL = ("patient", "clinician with grant", "staff")
POLICY = ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "script-src 'self'")


class Page(HTMLParser):
    """What a policy without unsafe-inline would block, and every address on the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in told and told.get("type") != "application/json"):
            self.inline.append(tag)
        self.inline += [f"{tag} {name}" for name in told if name == "style" or name.startswith("on")]
        self.addresses += [
            told[name] for name in ("href", "src", "action", "formaction", "hx-get", "hx-post") if told.get(name)
        ]


@dataclass(frozen=True)
class Seen:
    """What one address answered."""

    name: str
    address: str
    headers: dict[str, str]
    cookies: list[Morsel]
    page: Page


# One look at every address by each visitor serves all tests of this file: it changes nothing and is long.
_seen: dict[str, list[Seen]] = {}


@pytest.fixture
def answers(world):
    """Return what every address answers to a visitor."""

    def look(who: str) -> list[Seen]:
        if who not in _seen:
            _seen[who] = [_ask(world, who, name) for name in addresses()]
        return _seen[who]

    return look


def _ask(world: World, who: str, name: str) -> Seen:
    address = world.address(name)
    answer = world.ask(who, "GET", address)
    text = answer.content.decode("utf-8", "replace") if "html" in answer.get("Content-Type", "") else ""
    return Seen(name, address, dict(answer.headers), list(answer.cookies.values()), Page(text))


@pytest.mark.parametrize("who", ["anonymous", *PERSONAL])
def test_every_page_comes_with_its_headers_and_nothing_inline(answers, who):
    for one in answers(who):
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
def test_nothing_personal_stays_in_a_cache(answers, who):
    for one in answers(who):
        assert "no-store" in one.headers["Cache-Control"], one.name


def test_every_cookie_is_for_this_site_and_no_script(answers):
    seen = set()
    for who in ("anonymous", *PERSONAL):
        for one in answers(who):
            for cookie in one.cookies:
                seen.add(cookie.key)
                assert cookie.key.startswith("__Host-"), (one.name, cookie.key)
                assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax"), one.name
                assert (cookie["path"], cookie["domain"]) == ("/", ""), (one.name, cookie.key)
    assert {settings.CSRF_COOKIE_NAME, settings.SESSION_COOKIE_NAME} <= seen


def telling(address: str) -> list[str]:
    """Return what an address tells about a person."""
    plain = unquote(html.unescape(address)).casefold()
    return [word for word in (*TELLING, *WORDS) if re.search(rf"\b{re.escape(word.casefold())}\b", plain)]


def test_a_telling_address_is_found():
    assert telling("/patient/?q=Ana%20Costa") == ["Ana", "Costa"]
    assert telling("/x/?next=%2Fp%2F%3Femail%3Dana%40example.org") == ["Ana", "example.org"]
    assert telling("/patient/record/labs/") == []


@pytest.mark.parametrize("who", [who for who in VISITORS if who != "anonymous"])
def test_no_address_on_any_page_tells_about_a_person(answers, who):
    for one in answers(who):
        for address in [*one.page.addresses, one.headers.get("Location", ""), one.address]:
            assert telling(address) == [], (one.name, address)
