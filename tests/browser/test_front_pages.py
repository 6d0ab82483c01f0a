"""J1's screens and the pages beside the portals, in a real browser: by keyboard alone, at each width, with axe."""

from urllib.parse import parse_qs

import pytest
from django.urls import reverse
from django_otp.oath import totp

from consent import escrow
from ehr.accounts import second_factor
from ehr.accounts.models import User
from patients.models import Patient
from tests.browser.conftest import Answers
from tests.front.conftest import PASSPHRASE, Browser
from tests.front.test_onboarding import FORM, IDENTITY, groups_on

pytestmark = [pytest.mark.browser, pytest.mark.django_db, pytest.mark.point(9)]
SCREENS = 7  # the most that J1 allows from the front door to one's own home page
LARGEST_KILOBYTES = 100


@pytest.fixture
def arriving(db, mailoutbox):
    """Walk from a stranger to somebody with a record; return the screens in their order, and what was typed on each."""
    escrow.open_escrow()
    browser = Browser()
    kept = Answers(browser)
    typed = {"/sign-up/": {name: FORM[name] for name in ("name", "email", "passphrase")}}
    kept.get("/sign-up/")
    browser.post("/sign-up/", FORM)
    kept.get("/check-mail/")
    link = browser.open_mail("verify").split("?")[0]
    kept.get(link)
    typed[link] = {"passphrase": PASSPHRASE}
    browser.post(link, typed[link])
    kept.get("/begin/")
    typed["/begin/"] = IDENTITY
    browser.post("/begin/", IDENTITY)
    groups = groups_on(kept.get("/account/recovery-code/"))
    confirm = "/account/recovery-code/confirm/"
    asked = [name for name in kept.get(confirm).context["form"].fields if name.startswith("group")]
    typed[confirm] = {name: groups[int(name.removeprefix("group_")) - 1] for name in asked}
    assert browser.post(confirm, typed[confirm]).status_code == 302
    kept.get(reverse("patient:home"))
    assert Patient.objects.get().user == User.objects.get()
    return kept.answers, typed


@pytest.fixture
def others(arriving):
    """Return the pages before and beside the portals: open ones, one's account, and what went wrong."""
    stranger, mine = Answers(Browser()), Answers(Browser())
    for path in ("/", "/licence/", "/sign-in/", "/sign-in/help/", "/forgotten/"):
        stranger.get(path)
    stranger.get("/nothing-here/", expected=404)
    stranger.get("/verify/no-such-link/", expected=404)
    stranger.post("/sign-up/", {"name": ""}, "wrong/")
    stranger.post("/sign-in/", {"email": "x", "passphrase": ""}, "wrong/")
    mine.client.sign_in()
    names = (
        "account",
        "details",
        "notice-settings",
        "passphrase",
        "enrol",
        "recovery-code",
        "notices",
        "claim",
        "recover",
    )
    for name in names:
        mine.get(reverse(f"front:{name}"), at=f"/mine/{name}/")
    mine.post("/invitation/", {"code": "no such code"}, "wrong/")
    entering = Answers(Browser())
    entering.client.post("/forgotten/", {"email": FORM["email"]})
    entering.get(entering.client.open_mail("reset"), at="/reset/")
    _take_up_a_second_step(mine.client)
    for name in ("backup-codes", "stop-second-step"):
        mine.get(reverse(f"front:{name}"))
    entering.client.sign_in()
    entering.get("/sign-in/second-step/")
    return stranger.answers | mine.answers | entering.answers


def _take_up_a_second_step(browser) -> None:
    """Enrol an app for who is signed in, and let this browser have passed its second step."""
    user = User.objects.get()
    code = f"{totp(second_factor.enrolment(user).secret):06d}"
    app, _codes = second_factor.enrol(user=user, code=code, address="192.0.2.1")
    session = browser.session
    session["otp_device_id"] = app.persistent_id
    session.save()


def test_j1_7_a_stranger_has_a_record_after_at_most_seven_screens(arriving):
    answers, _typed = arriving
    assert len(answers) <= SCREENS
    assert list(answers)[-1] == reverse("patient:home")


def test_j1_7_each_screen_is_filled_in_and_sent_by_keyboard_alone(arriving, open_window):
    answers, typed = arriving
    window = open_window(answers)
    for path, wanted in typed.items():
        window.show(path, width=1200)
        sent = fill_and_send(window.page, wanted)
        assert {name: sent.get(name) for name in wanted} == wanted, path
    window.show("/account/recovery-code/", width=1200)
    tab_to(window.page, "A", "I have written it down")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**/account/recovery-code/confirm/")
    window.show("/check-mail/", width=1200)
    tab_to(window.page, "BUTTON", "Send it again")


def test_j1_7_axe_finds_nothing_on_the_screens_and_they_fit_each_width(arriving, open_window):
    calm(open_window(arriving[0]), arriving[0])


def test_the_pages_beside_the_portals_fit_each_width_and_axe_finds_nothing(others, open_window):
    calm(open_window(others), others)


def calm(window, pages) -> None:
    for width in (1200, 390, 320):
        shown = {path: window.show(path, width=width, axe=width != 320) for path in pages}
        assert [complaint for one in shown.values() for complaint in one.complaints] == []
        assert [violation for one in shown.values() for violation in one.violations] == []
        assert {path: one.too_wide for path, one in shown.items() if one.too_wide > 0} == {}
        assert {path: one.kilobytes for path, one in shown.items() if one.kilobytes > LARGEST_KILOBYTES} == {}


# --- Keys ------------------------------------------------------------------------------------------
FOCUSED = """() => { const e = document.activeElement, style = getComputedStyle(e);
  return { tag: e.tagName, kind: e.type || '', name: e.name || '', words: e.innerText || '',
           form: !!e.closest('main form'), ringed: style.outlineStyle !== 'none' || style.boxShadow !== 'none' } }"""


def step(page) -> dict:
    """Go one stop further, and see that whoever looks can tell where they are."""
    page.keyboard.press("Tab")
    here = page.evaluate(FOCUSED)
    # The parts of a date draw their own mark inside the field.
    assert here["ringed"] or here["tag"] == "BODY" or here["kind"] == "date", here
    return here


def tab_to(page, tag: str, words: str) -> None:
    for _ in range(40):
        here = step(page)
        if here["tag"] == tag and words in here["words"]:
            return
    raise AssertionError(f"No key leads to “{words}”.")


def fill_and_send(page, wanted: dict[str, str]) -> dict[str, str]:
    """Fill a form in by keys alone, press its button by keys, and return what the browser sent."""
    for _ in range(60):
        here = step(page)
        if here["form"] and here["tag"] == "BUTTON":
            break
        if here["name"] in wanted:
            type_in(page, here, wanted[here["name"]])
    with page.expect_navigation(), page.expect_request(lambda request: request.method == "POST") as sending:
        page.keyboard.press("Enter")
    return {name: values[0] for name, values in parse_qs(sending.value.post_data).items()}


def type_in(page, here: dict, value: str) -> None:
    if here["kind"] == "date":
        year, month, day = value.split("-")
        page.keyboard.type(f"{month}{day}{year}")
    elif here["kind"] == "radio":
        for _ in range(10):
            if page.evaluate("document.activeElement.checked && document.activeElement.value") == value:
                return
            page.keyboard.press("Space" if not page.evaluate("document.activeElement.checked") else "ArrowDown")
    elif here["tag"] == "SELECT":
        for _ in range(30):
            if page.evaluate("document.activeElement.value") == value:
                return
            page.keyboard.press("ArrowDown")
    else:
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(value)
