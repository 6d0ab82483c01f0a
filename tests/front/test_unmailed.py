"""People without e-mail, through the pages: a paper from two of the staff, a record, news by letter, a way back."""

import re

import pytest
from django.core import mail
from django.urls import reverse

from audit import queries as audit
from audit.models import Event
from consent import inviting
from consent.models import Grant
from ehr.accounts import operations
from ehr.accounts.models import PaperInvitation, PostalAddress, Recovery, User
from ehr.desk import operations as desk
from ehr.desk.roles import DeskRole
from ehr.notices import operations as notices
from ehr.notices import tasks
from ehr.notices.models import Errand
from patients.models import Patient
from providers import operations as providers
from providers.rules import NotPossible
from tests import people
from tests.clinician.conftest import browser_of as clinicians_browser
from tests.front import losing, paper
from tests.front.conftest import PASSPHRASE, Browser

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def iris(db):
    return losing.staff("Iris Park")


@pytest.fixture
def vera(db):
    return losing.staff("Vera Stone")


@pytest.fixture
def sheet(iris, vera) -> paper.Paper:
    return paper.made(iris, vera)


@pytest.fixture
def mona(browser, sheet) -> User:
    """Mona, who used her paper in `browser`."""
    assert paper.used(browser, sheet).status_code == 302
    return User.objects.get(sign_in_name=sheet.name)


@pytest.fixture
def with_record(browser, mona) -> Patient:
    """Mona's record; her code on paper is written down."""
    browser.post("/begin/", paper.IDENTITY)
    browser.code = losing.confirmed_code(browser)
    return Patient.objects.get(user=mona)


def words(page) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


def lines() -> list[str]:
    return [audit.facts(event.pk)["action"] for event in Event.objects.order_by("pk")]


# --- At the desk ---------------------------------------------------------------------------------
def test_the_first_of_the_staff_sees_one_half_and_the_second_the_other(iris, vera):
    slip = iris.post(reverse("admin:accounts_paperinvitation_add"), paper.NEW)
    first = paper.code_on(slip)
    assert "code 2" not in words(slip).casefold()
    made = paper.second_half(first, vera)
    assert first != made.second
    for who in (iris, vera):
        row = reverse("admin:accounts_paperinvitation_change", args=[PaperInvitation.objects.get().pk])
        seen = words(who.get(row))
        assert not {made.first, made.second} & set(seen.split())


def test_a_paper_names_no_record_and_its_picture_holds_no_secret(sheet, vera):
    page = vera.post(paper.at("again"))
    assert "/paper/" in page.content.decode()
    assert 'class="qr"' in page.content.decode()
    assert page["Cache-Control"].startswith("max-age=0") or "no-store" in page["Cache-Control"]


@pytest.mark.security
def test_the_one_who_made_the_first_half_is_offered_no_second(iris):
    iris.post(reverse("admin:accounts_paperinvitation_add"), paper.NEW)
    told = {"confirm-document": "passport", "confirm-number": paper.NUMBER}
    assert iris.post(paper.at("confirm"), told).status_code == 404
    assert PaperInvitation.objects.get().checks.count() == 1


def test_a_number_that_differs_is_told_and_makes_no_half(iris, vera):
    iris.post(reverse("admin:accounts_paperinvitation_add"), paper.NEW)
    page = vera.post(paper.at("confirm"), {"confirm-document": "passport", "confirm-number": "999-12-0000"})
    assert page.status_code == 422
    assert "another number" in words(page)


# --- The person ----------------------------------------------------------------------------------
def test_j1_somebody_without_e_mail_has_a_record_after_at_most_seven_screens(browser, sheet):
    screens = ["/paper/"]
    response = paper.used(browser, sheet)
    screens.append(response["Location"])
    response = browser.post(response["Location"], paper.IDENTITY)
    screens += [response["Location"], "/account/recovery-code/confirm/"]
    losing.confirmed_code(browser)
    home = reverse("patient:home")
    screens.append(home)
    assert browser.get(home).status_code == 200
    assert len(screens) <= 7
    assert Patient.objects.get().user.email is None


@pytest.mark.security
def test_before_the_paper_is_used_its_account_reaches_nothing(browser, sheet):
    user = User.objects.get(sign_in_name=sheet.name)
    browser.force_login(user, backend="ehr.accounts.backends.Passphrase")
    for page in ("/begin/", "/account/", reverse("patient:home")):
        assert browser.get(page)["Location"] == "/check-mail/"


@pytest.mark.security
def test_a_paper_that_does_not_fit_is_answered_with_the_same_page_known_name_or_not(sheet):
    answers = set()
    for name in (sheet.name, "gone-2222"):
        page = paper.used(Browser(), paper.Paper(name, "0000-0000", "0000-0000"))
        said = page.content.decode().replace(name, "NAME")
        answers.add(re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", said))
    assert len(answers) == 1


def test_they_let_a_doctor_in_and_see_who_looked(browser, with_record):
    people.prepare_ground()
    lee = people.clinician("Mei Lee")
    draft = re.search(r"new/([0-9a-f-]{36})/", browser.post(reverse("patient:begin", args=[lee.user.pk]))["Location"])[
        1
    ]
    browser.post(reverse("patient:share-what", args=[draft]), {"ordinary": ["labs"]})
    browser.post(reverse("patient:share-until", args=[draft]), {"span": "week"})
    browser.post(reverse("patient:share-confirm", args=[draft]), {})
    assert Grant.objects.filter(patient=with_record).count() == 1
    assert clinicians_browser(lee).get(reverse("clinician:chart", args=[with_record.pk])).status_code == 200
    assert "Dr Mei Lee" in words(browser.get(reverse("patient:looked")))


def test_they_sign_in_by_name_and_see_it_on_their_account_page(mona, sheet):
    other = Browser()
    assert other.sign_in(sheet.name.upper().replace("-", " ")).status_code == 302
    assert sheet.name in words(other.get("/account/"))
    page = words(other.get("/account/email/"))
    assert "Rua da Praia 4" in page


def test_they_sign_in_by_name_at_the_api(mona, sheet, client):
    told = {"email": sheet.name, "passphrase": PASSPHRASE}
    answer = client.post("/api/v1/session", told, content_type="application/json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["unlocked"]


def test_no_e_mail_is_sent_to_nobody(mona, browser):
    browser.post("/account/passphrase/", {"current": PASSPHRASE, "passphrase": losing.NEW})
    tasks.deliver()
    assert mail.outbox == []
    assert "Your passphrase was changed" in words(browser.get("/notices/"))


def test_a_clinician_needs_an_e_mail_address(mona, browser):
    assert browser.get(reverse("clinician:register")).status_code == 200
    with pytest.raises(NotPossible, match="need an e-mail address"):
        providers.register_clinician(mona, title="Dr", professional_name="Mona", institution=None, by=mona)
    with pytest.raises(NotPossible, match="needs a proven e-mail address"):
        desk.give_role(mona, role=DeskRole.OPERATOR, by=None, reason="test")


# --- News by letter ------------------------------------------------------------------------------
def test_what_must_reach_them_waits_at_the_desk_until_somebody_says_how(mona, with_record, iris):
    notices.notify(mona, "emergency-access", key="x")
    notices.notify(mona, "access-asked", key="y")
    tasks.deliver()
    tasks.deliver()
    errand = Errand.objects.get()
    assert errand.kind == "emergency-access"
    assert "To tell by letter or telephone" in words(iris.get(reverse("admin:index")))
    page = words(iris.get(reverse("admin:notices_errand_change", args=[errand.pk])))
    assert "Rua da Praia 4" in page
    assert "emergency" not in page.casefold()
    letter = words(iris.post(reverse("admin:notices_errand_act", args=[errand.pk, "letter"])))
    assert "Mona Duarte" in letter
    assert "emergency" not in letter.casefold()
    iris.post(reverse("admin:notices_errand_act", args=[errand.pk, "told"]), {"told-how": "telephone"})
    errand.refresh_from_db()
    assert (errand.how, errand.done_by.name) == ("telephone", "Iris Park")
    assert lines()[-1] in {"person.told", "account.shown", "patient.named"}
    assert "person.told" in lines()


def test_two_who_say_that_they_told_somebody_are_one(mona, iris, vera):
    notices.notify(mona, "emergency-access", key="x")
    tasks.deliver()
    told = reverse("admin:notices_errand_act", args=[Errand.objects.get().pk, "told"])
    assert iris.post(told, {"told-how": "letter"}).status_code == 302
    assert vera.post(told, {"told-how": "telephone"}).status_code == 404
    assert Errand.objects.get().how == "letter"


def test_whoever_adds_an_address_in_time_gets_the_e_mail(mona, browser):
    notices.notify(mona, "emergency-access", key="x")
    User.objects.filter(pk=mona.pk).update(email="mona@example.org", email_verified_at=mona.vouched_at)
    tasks.deliver()
    assert not Errand.objects.exists()
    assert [sent.to for sent in mail.outbox] == [["mona@example.org"]]


# --- An address, later ---------------------------------------------------------------------------
def test_an_address_is_added_by_its_letter_and_taken_away_again(mona, sheet, browser):
    browser.post("/account/email/", {"email": "mona@example.org"})
    link = browser.open_mail("account/email")
    assert browser.get(link).status_code == 200
    assert browser.post(link, {"passphrase": PASSPHRASE})["Location"] == "/account/"
    other = Browser()
    assert other.sign_in("mona@example.org").status_code == 302
    assert "mona@example.org" in words(other.get("/account/"))
    other.post("/account/email/", {"passphrase": PASSPHRASE})
    assert User.objects.get(pk=mona.pk).email is None
    assert Browser().sign_in("mona@example.org").status_code == 200
    tasks.deliver()
    assert mail.outbox[-1].to == ["mona@example.org"]


@pytest.mark.security
def test_whoever_else_reads_that_mailbox_learns_no_sign_in_name(mona, sheet, browser):
    browser.post("/account/email/", {"email": "mona@example.org"})
    link = browser.open_mail("account/email")
    assert sheet.name not in Browser().get(link).content.decode()
    assert sheet.name not in mail.outbox[-1].body


@pytest.mark.security
def test_whoever_became_a_clinician_keeps_their_address(mona, browser):
    browser.post("/account/email/", {"email": "mona@example.org"})
    browser.post(browser.open_mail("account/email"), {"passphrase": PASSPHRASE})
    mona.refresh_from_db()
    providers.register_clinician(mona, title="Dr", professional_name="Mona", institution=None, by=mona)
    with pytest.raises(operations.Refused, match="needs an e-mail"):
        inviting.remove_email(user=mona, passphrase=PASSPHRASE, address="192.0.2.1")


@pytest.mark.security
def test_that_an_address_was_added_is_told_by_letter(mona, browser):
    browser.post("/account/email/", {"email": "mona@example.org"})
    browser.post(browser.open_mail("account/email"), {"passphrase": PASSPHRASE})
    tasks.deliver()
    assert Errand.objects.get().kind == "email-added"
    assert mail.outbox[-1].to == ["mona@example.org"]


def test_whoever_signed_up_by_e_mail_has_no_such_page(inside):
    assert inside.get("/account/email/").status_code == 404


# --- The way back --------------------------------------------------------------------------------
@pytest.mark.security
def test_a_new_paper_signs_in_and_leaves_the_record_locked(with_record, browser, iris, vera):
    again = paper.made_again(iris, vera)
    other = Browser()
    assert paper.used(other, again, losing.NEW)["Location"] == "/sign-in/"
    assert other.sign_in(again.name, losing.NEW).status_code == 302
    assert "/unlock/" in other.get(reverse("patient:category", args=["labs"]))["Location"]
    assert browser.get("/account/")["Location"].startswith("/sign-in/"), "every other session has ended"
    assert {"paper.checked", "paper.used"} <= {
        audit.facts(event.pk)["action"] for event in Event.objects.filter(subject=with_record.pk)
    }
    tasks.deliver()
    assert Errand.objects.get().kind == "passphrase-reset-on-paper"


@pytest.mark.security
def test_a_document_of_somebody_else_makes_no_new_paper(with_record, iris):
    told = {"back-document": "passport", "back-number": "111-11-1111"}
    page = iris.post(paper.at("back", "postaladdress", PostalAddress.objects.get().pk), told)
    assert page.status_code == 422
    assert "not a number the patient gave" in words(page)
    assert not PaperInvitation.objects.filter(kind="back").exists()


def lost(browser: Browser, iris, vera) -> str:
    """Let Mona use a second paper and begin to get her keys back; return the letters on her screen."""
    again = paper.made_again(iris, vera)
    paper.used(browser, again, losing.NEW)
    browser.sign_in(again.name, losing.NEW)
    browser.post("/recover/begin/")
    return losing.letters_on(browser.get("/recover/"))


def test_j9_their_keys_come_back_by_the_code_on_paper_and_the_institutions_share(with_record, browser, iris, vera):
    letters = lost(browser, iris, vera)
    for who in (iris, vera):
        losing.check(who, letters, **{"check-number": paper.NUMBER})
    with losing.later():
        browser.sign_in(with_record.user.sign_in_name, losing.NEW)
        done = browser.post("/recover/", {"code": browser.code, "passphrase": losing.LAST})
        assert done["Location"] == "/account/recovery-code/"
        assert browser.get(reverse("patient:category", args=["labs"])).status_code == 200


def test_j9_the_desk_tells_them_within_half_of_the_wait_and_stops_it_for_them(with_record, browser, iris, vera):
    lost(browser, iris, vera)
    tasks.deliver()
    recovery = Recovery.objects.get()
    errand = Errand.objects.get(kind="recovery-started")
    assert errand.due_at - errand.made_at <= (recovery.ready_at - recovery.started_at) / 2
    row = reverse("admin:accounts_recovery_change", args=[recovery.pk])
    assert "Told by letter or telephone not yet" in words(iris.get(row))
    iris.post(reverse("admin:notices_errand_act", args=[errand.pk, "told"]), {"told-how": "telephone"})
    assert "Told by letter or telephone not yet" not in words(iris.get(row))
    iris.post(reverse("admin:accounts_recovery_act", args=[recovery.pk, "stop"]))
    recovery.refresh_from_db()
    assert recovery.cancelled_because == "stopped-at-desk"
    assert "recovery.cancelled" in lines()
