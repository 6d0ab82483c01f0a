"""Alice loses her keys and gets them back through the pages: herself, her guardian Bob, and two of the staff."""

import re
from datetime import timedelta

import time_machine
from django.urls import reverse

from ehr import clock
from ehr.accounts import operations
from ehr.accounts.models import Guardian, Recovery, User
from ehr.desk.roles import DeskRole, ensure_desk_roles
from tests.desk.conftest import session_of
from tests.front.conftest import PASSPHRASE, Browser

NEW = "seven brand new words here"
LAST = "and eight other words now"
BOBS = "what bob would say here"
WAIT = timedelta(hours=48, seconds=1)


def confirmed_code(browser: Browser) -> str:
    """Write down the code that a signed-in browser shows; return it."""
    page = browser.get("/account/recovery-code/").content.decode()
    groups = re.findall(r"<code>([0-9A-Z]{4})</code>", page)
    asked = re.findall(r'name="group_(\d)"', browser.get("/account/recovery-code/confirm/").content.decode())
    answers = {f"group_{one}": groups[int(one) - 1] for one in asked}
    assert browser.post("/account/recovery-code/confirm/", answers).status_code == 302
    return "-".join(groups)


def guarded_by_bob(hers: Browser) -> Browser:
    """Let Alice ask Bob, Bob agree, and Alice give him a share; return Bob's browser."""
    operations.open_account(email="bob@example.org", name="Bob Dahl", passphrase=BOBS)
    his = Browser()
    his.sign_in("bob@example.org", BOBS)
    hers.post("/account/guardian/", {"how": "ask", "email": "bob@example.org"})
    his.post(guarding(), {"how": "agree"})
    hers.post("/account/guardian/", {"how": "entrust"})
    return his


def guarding() -> str:
    return reverse("front:guarding", args=[Guardian.objects.get(ended_at=None).pk])


def forgets(browser: Browser) -> None:
    """Let Alice forget her passphrase, set another by e-mail, and sign in with it."""
    browser.post("/forgotten/", {"email": "alice@example.org"})
    browser.post(browser.open_mail("reset"), {"passphrase": NEW})
    browser.sign_in(passphrase=NEW)


def letters_on(page) -> str:
    """Return the letters a page shows to be read out."""
    return re.search(r"<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})</code>", page.content.decode())[1]


def staff(name: str):
    """Return the browser of an identity checker."""
    email = f"{name.split()[0].lower()}@example.org"
    user = operations.open_account(email=email, name=name, passphrase="a desk has its own words", staff=True).user
    user.groups.add(ensure_desk_roles()[DeskRole.IDENTITY])
    return session_of(User.objects.get(pk=user.pk))


def check(client, letters: str, **more):
    """Let a member of staff confirm at the desk who the person is."""
    told = {"check-document": "passport", "check-spoken": letters, **more}
    return client.post(reverse("admin:accounts_recovery_act", args=[Recovery.objects.get().pk, "check"]), told)


def later(wait: timedelta = WAIT):
    return time_machine.travel(clock.now() + wait, tick=False)


def a_code(browser: Browser) -> str:
    browser.sign_in(passphrase=PASSPHRASE)
    return confirmed_code(browser)
