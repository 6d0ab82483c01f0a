"""Pages as a server makes them, shown in a real Chromium that reaches no network: every answer comes from memory."""

import gzip
import json
import mimetypes
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from playwright.sync_api import Page, Route, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
HOST = "http://localhost:1"
COMPRESSED = {".css", ".js", ".svg"}


@dataclass
class Shown:
    """What a browser made of one page."""

    complaints: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    too_wide: int = 0
    kilobytes: float = 0.0


class Answers:
    """A client of Django's whose answers are kept, by path, for a window to show."""

    def __init__(self, client) -> None:
        self.client = client
        self.answers: dict[str, tuple[dict[str, str], bytes]] = {}

    def get(self, path: str, *, expected: int = 200, at: str = ""):
        """Keep what a page answers, under its own path or another."""
        return self._keep(at or path, self.client.get(path), expected)

    def post(self, path: str, data: dict, name: str, *, expected: int = 200):
        """Keep what comes of a form, under its path with a name behind it."""
        return self._keep(f"{path}{name}", self.client.post(path, data), expected)

    def _keep(self, path: str, response, expected: int):
        assert response.status_code == expected, (path, response.status_code)
        self.answers[path] = (dict(response.items()), response.content)
        return response


@dataclass
class Window:
    """A Chromium that shows prepared answers: path → (content type, headers, body)."""

    page: Page
    answers: dict[str, tuple[dict[str, str], bytes]]
    sent: dict[str, int] = field(default_factory=dict)

    def answer(self, route: Route) -> None:
        """Answer a request from the prepared pages or from static/."""
        path = urlsplit(route.request.url).path
        if path in self.answers:
            headers, body = self.answers[path]
        else:
            file = settings.BASE_DIR / path.lstrip("/")
            if not path.startswith("/static/") or not file.is_file():
                route.fulfill(status=404)
                return
            headers, body = {"Content-Type": mimetypes.guess_type(file.name)[0] or "font/woff2"}, file.read_bytes()
        # As WhiteNoise sends them: styles, scripts and pictures compressed, fonts and pages as they are.
        # By path: the icon of a page that was just left may still arrive, and a browser asks for a file once.
        self.sent[path] = len(gzip.compress(body)) if Path(path).suffix in COMPRESSED else len(body)
        route.fulfill(status=200, headers=headers, body=body)

    def show(self, path: str, *, width: int, axe: bool = False) -> Shown:
        """Open a page at a width and return what there is to say about it; axe's findings when asked for."""
        shown = Shown()
        page, self.sent = self.page, {}

        def note(said):
            shown.complaints.append(f"{path}: {said}")

        page.on("console", lambda said: note(said.text))
        page.on("pageerror", note)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(HOST + path)
        page.evaluate("document.fonts.ready.then(() => true)")
        shown.kilobytes = sum(self.sent.values()) / 1024
        shown.too_wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if axe:
            shown.violations = [f"{path} at {width}: {one}" for one in self._axe()]
        page.remove_listener("pageerror", note)
        return shown

    def _axe(self) -> list[str]:
        """Run axe-core past the page's own security policy, which lets in no script of a test.

        A page that waits for something comes anew by itself, and without its style sheets every link is too small.
        """
        session = self.page.context.new_cdp_session(self.page)
        look = (
            "new Promise((on) => document.readyState === 'complete' ? on() : addEventListener('load', on))"
            f".then(() => axe.run(document, {{runOnly: {json.dumps(RULES)}}}))"
            ".then((found) => JSON.stringify(found.violations))"
        )
        answer = session.send(
            "Runtime.evaluate",
            {"expression": f"{AXE.read_text()};{look}", "awaitPromise": True, "returnByValue": True},
        )
        session.detach()
        found = json.loads(answer["result"]["value"])
        return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


@pytest.fixture
def open_window():
    """Open a window on prepared answers. Prepare them first: Django makes no page while Playwright runs its loop."""
    if not CHROMIUM.exists():
        pytest.skip("This machine has no /usr/bin/chromium. Install Debian's chromium to look at the pages.")
    if not AXE.exists():
        pytest.skip("axe-core is not installed. Run `npm ci --prefix tests/browser`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)

        def open_one(answers, *, script: bool = True) -> Window:
            context = browser.new_context(timezone_id="Europe/Lisbon", java_script_enabled=script)
            window = Window(context.new_page(), answers)
            context.route("**/*", window.answer)
            return window

        yield open_one
        browser.close()
