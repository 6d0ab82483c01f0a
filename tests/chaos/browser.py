"""Somebody at a browser, over HTTP: looks at their record, lets a clinician in, stops it, whatever the web does."""

import contextlib
import http.client
import random
import re
import threading
import time
import uuid
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

# A program that died six times within a minute is started again half a minute later.
PATIENCE_SECONDS = 60
OUTAGE = (OSError, http.client.HTTPException)


class Refused(Exception):
    """The answer was none that the step expects."""


class Browser(threading.Thread):
    """A patient of the demo at a browser. What was answered stands in the ledger; what was asked, too."""

    def __init__(self, url: str, person: dict[str, str], ledger: "list[dict]", seed: int) -> None:
        super().__init__(name=f"browser of {person['email']}", daemon=True)
        self.host, self.person, self.ledger = urlsplit(url).netloc, person, ledger
        self.cookies: dict[str, str] = {}
        self.dice = random.Random(seed)
        self.leaving = threading.Event()
        self.problem: Exception | None = None
        self.open: list[str] = []

    def run(self) -> None:
        try:
            self.until(self._sign_in)
            while not self.leaving.wait(self.dice.uniform(0.05, 0.3)):
                self.dice.choices([self._look, self._give, self._end], [4, 2, 2])[0]()
        except Exception as problem:  # noqa: BLE001 -- a thread's end is told by whoever waits for it
            self.problem = problem

    def until(self, act):
        """Repeat something that may be repeated until it is answered as it should be."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return act()
            except (*OUTAGE, Refused):
                if time.monotonic() > until:
                    raise
            time.sleep(0.2)

    def ask(self, method: str, path: str, fields: dict | None = None) -> tuple[int, str, str]:
        """Return status, where to, and the page."""
        connection = http.client.HTTPConnection(self.host, timeout=20)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if fields is not None:
            body = urlencode(fields | {"csrfmiddlewaretoken": self.cookies.get("__Host-csrf", "")}, doseq=True)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            page = answer.read().decode("utf-8", "replace")
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return answer.status, answer.headers.get("Location", ""), page

    def step(self, path: str, fields: dict | None = None, *, to: str = "") -> str:
        """Send one form, or look at one page. Raises Refused for an answer other than a page, or the way to `to`."""
        status, where, page = self.ask("GET" if fields is None else "POST", path, fields)
        if (to and status == 302 and re.search(to, where)) or (not to and status == 200):
            return where or page
        raise Refused(f"{path} answered {status} {where}")

    def _sign_in(self) -> None:
        self.step("/sign-in/")
        told = {"email": self.person["email"], "passphrase": self.person["passphrase"]}
        self.step("/sign-in/", told, to="/patient/")

    def _look(self) -> None:
        self.ledger.append({"tries": "page", "person": self.person["email"]})
        with contextlib.suppress(*OUTAGE, Refused):
            self.step("/patient/record/labs/")
            self.ledger.append({"did": "page", "person": self.person["email"]})

    def _give(self) -> None:
        reader = self.until(self._reader)
        where = self.until(lambda: self.step(f"/patient/sharing/begin/{reader}/", {}, to="/what/"))
        way = where.removesuffix("what/")
        draft = str(uuid.UUID(way.rstrip("/").rpartition("/")[2]))
        self.until(lambda: self.step(f"{way}what/", {"ordinary": ["labs"]}, to="/until/"))
        self.until(lambda: self.step(f"{way}until/", {"span": "week"}, to="/confirm/"))
        self.ledger.append({"tries": "give", "grant": draft})

        def confirm():
            status, _where, _page = self.ask("GET", f"{way}confirm/")
            if status == 302:  # the confirmation before this one counted
                return
            self.step(f"{way}confirm/", {}, to=f"/sharing/{draft}/")

        self.until(confirm)
        self.ledger.append({"did": "give", "grant": draft})
        self.open.append(draft)

    def _reader(self) -> str:
        page = self.step("/patient/sharing/find/?words=Lee")
        found = re.search(r"/sharing/begin/([0-9a-f-]{36})/", page)
        if not found:
            raise Refused("The directory shows nobody.")
        return found[1]

    def _end(self) -> None:
        if not self.open:
            return
        grant = self.open.pop()
        self.ledger.append({"tries": "end", "grant": grant})
        self.until(lambda: self.step(f"/patient/sharing/{grant}/stop/", {}, to=f"/sharing/{grant}/"))
        self.ledger.append({"did": "end", "grant": grant})
