"""What goes out with an answer: its headers and cookies, what stands inline on the page, and every address on it."""

import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from http.cookies import Morsel
from urllib.parse import unquote

from django.http import HttpResponse

from tests.security.world import TELLING, WORDS


class Page(HTMLParser):
    """What a policy without unsafe-inline would block, every address on the page, and those that links lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.addresses: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in told and told.get("type") != "application/json"):
            self.inline.append(tag)
        self.inline += [f"{tag} {name}" for name in told if name == "style" or name.startswith("on")]
        self.links += [told["href"]] if tag == "a" and told.get("href") else []
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


def seen(name: str, address: str, answer: HttpResponse) -> Seen:
    """Return what an address answered, without the rest of its page."""
    text = answer.content.decode("utf-8", "replace") if "html" in answer.get("Content-Type", "") else ""
    return Seen(name, address, dict(answer.headers), list(answer.cookies.values()), Page(text))


def telling(address: str) -> list[str]:
    """Return what an address tells about a person."""
    plain = unquote(html.unescape(address)).casefold()
    return [word for word in (*TELLING, *WORDS) if re.search(rf"\b{re.escape(word.casefold())}\b", plain)]
