"""One product and one Chromium for a module of stories; each browser context is another person's device."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.story.product import Product, running, servers

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """The product on what this run of the tests stands on: its own files, or a database of its own on the servers."""
    with servers() as places, running(tmp_path_factory.mktemp("product"), **places) as started:
        yield started


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM.exists():
        pytest.skip("This machine has no /usr/bin/chromium. Install Debian's chromium to run the stories.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Device:
    """One person's browser."""

    def __init__(self, browser: Browser, product: Product, *, width: int = 1200) -> None:
        self.product = product
        self.context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, path: str) -> None:
        self.page.goto(self.product.url + path)

    def press(self, name: str) -> None:
        """Press a button, and wait for the whole of the page that it leads to, if it leads to one."""
        self.page.get_by_role("button", name=name).click()
        self.page.wait_for_load_state()

    def says(self, words: str) -> bool:
        return words in self.page.inner_text("main")

    def sign_in(self, email: str, passphrase: str, *, backup: list[str] | None = None) -> None:
        """Sign in, with a backup code where a second step is asked for."""
        self.go("/sign-in/")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Passphrase").fill(passphrase)
        self.press("Sign in")
        if "second-step" in self.page.url:
            self.page.locator("input[name=code]").fill(backup.pop(0))
            self.page.locator("main form button[type=submit]").first.click()


@pytest.fixture
def device(chromium, product):
    """Open browsers of different people; all are closed at the end."""
    opened = []

    def open_one(**more) -> Device:
        opened.append(Device(chromium, product, **more))
        return opened[-1]

    yield open_one
    for one in opened:
        one.context.close()


@pytest.fixture
def member(product, device):
    """Sign a member of the demo's cast in on a device of their own."""

    def sign_in(email: str, **more) -> Device:
        one, told = device(**more), product.people[email]
        codes = json.loads(told.get("backup", "[]"))
        one.sign_in(email, told["passphrase"], backup=codes)
        told["backup"] = json.dumps(codes)
        return one

    return sign_in
