"""People who act in a real browser, each in a window of their own, on pages that the server makes while they do.

A window's requests go to Django's own client, in one thread that shares the test's connection: nothing listens, and
all of it is rolled back with the test.
"""

import html
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connections
from django.http import HttpResponse
from django.test import Client
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import HOST, Window

WIDTHS = (1200, 390)
NARROWEST = 320
ONWARD = "Onward"
# A folder for a picture of each page that is looked at; none are taken without it.
PICTURES = os.environ.get("PICTURES")


class Person:
    """Somebody at a window, and what they do there."""

    def __init__(self, window: Window, client: Client, pool: ThreadPoolExecutor) -> None:
        self.window, self.client, self.pool = window, client, pool
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(f"{self.page.url}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route(lambda url: not urlsplit(url).path.startswith("/static/"), self._answer)

    @property
    def page(self) -> Page:
        return self.window.page

    def _answer(self, route: Route) -> None:
        response = self.pool.submit(self._ask, route.request).result()
        if 300 <= response.status_code < 400:
            # A browser does not ask a test again where a prepared answer leads, but it does follow a page.
            where = html.escape(response["Location"])
            onward = f'<!doctype html><title>{ONWARD}</title><meta http-equiv="refresh" content="0;url={where}">'
            route.fulfill(status=200, content_type="text/html", body=onward)
            return
        body = self.pool.submit(_body, response).result()
        route.fulfill(status=response.status_code, headers=dict(response.items()), body=body)

    def _ask(self, request) -> HttpResponse:
        asked = urlsplit(request.url)
        path = f"{asked.path}?{asked.query}" if asked.query else asked.path
        kind = request.headers.get("content-type", "")
        return self.client.generic(request.method, path, data=request.post_data_buffer or b"", content_type=kind)

    def go(self, path: str) -> None:
        self.page.goto(HOST + path)

    def press(self, name: str, *, exact: bool = False) -> None:
        """Press a button, and wait for the page that it leads to."""
        button = self.page.get_by_role("button", name=name, exact=exact).first
        with self.page.expect_navigation(url=lambda _url: True):
            button.click()
        self.settled()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name).first.click()
        self.settled()

    def tick(self, value: str) -> None:
        self.page.locator(f"main input[value='{value}']").first.check()

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"main [name={name}]").fill(value)

    def settled(self) -> None:
        self.page.wait_for_load_state()
        expect(self.page).not_to_have_title(ONWARD)
        self.page.wait_for_load_state()

    def reads(self) -> str:
        """Return what the page says."""
        return " ".join(self.page.inner_text("main").split())

    def asked(self, question: Callable[[], object]):
        """Ask the database where the pages are made: beside Playwright's loop Django answers nobody."""
        return self.pool.submit(question).result()

    def found(self) -> list[str]:
        """Return what axe finds at a desk's and a telephone's width, and where the page is wider than the window."""
        found = []
        for width in WIDTHS:
            found += self._wide(width)
            found += [f"{self.page.url} at {width}: {one}" for one in self.window._axe()]
            self._picture(width)
        found += self._wide(NARROWEST)
        self.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        return found

    def _wide(self, width: int) -> list[str]:
        self.page.set_viewport_size({"width": width, "height": 900})
        wide = self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        return [f"{self.page.url} is wider than {width}"] if wide else []

    def _picture(self, width: int) -> None:
        if PICTURES:
            parts = [part for part in urlsplit(self.page.url).path.split("/") if part and len(part) < 20]
            words = "-".join([*parts, "".join(filter(str.isalnum, self.page.title()))[:20]])
            self.page.screenshot(path=Path(PICTURES) / f"{words}-{width}.png", full_page=True)


def _body(response: HttpResponse) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@contextmanager
def stage(open_window, shared) -> Iterator:
    """Yield a function that puts a person's client at a window of their own, where scripts run or where none does.

    `shared` is the test's connection, asked for before there was a window: beside Playwright's loop there is another.
    """
    shared.inc_thread_sharing()

    def share() -> None:
        connections["default"] = shared

    def at_a_window(client: Client, *, script: bool = True) -> Person:
        return Person(open_window({}, script=script), client, pool)

    pool = ThreadPoolExecutor(max_workers=1, initializer=share)
    try:
        yield at_a_window
    finally:
        pool.shutdown()
        shared.dec_thread_sharing()
