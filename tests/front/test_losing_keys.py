"""J9 on the pages: what each side sees and does, from the loss to the new paper."""

import re

import pytest
from django.urls import reverse

from ehr.accounts import lost_keys, queries
from ehr.accounts.models import Recovery, User
from tests.front import losing
from tests.front.conftest import PASSPHRASE, Browser
from tests.front.losing import LAST, later

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]


@pytest.fixture
def code(alice, browser) -> str:
    return losing.a_code(browser)


@pytest.fixture
def his(code, browser) -> Browser:
    return losing.guarded_by_bob(browser)


@pytest.fixture
def begun(his, browser) -> str:
    """Alice has lost her passphrase and begun; these are the letters on her screen."""
    losing.forgets(browser)
    assert browser.post("/recover/begin/").headers["Location"] == "/recover/"
    return losing.letters_on(browser.get("/recover/"))


def words(answer) -> str:
    return answer.content.decode()


def test_j9_1_alice_comes_back_by_paper_and_guardian(alice, code, his, begun, browser):
    assert "Speak to them first" in words(his.get(losing.guarding()))
    assert his.post(losing.guarding(), {"how": "give", "spoken": begun.lower()}).status_code == 302
    assert "Handed over." in words(browser.get("/recover/"))
    with later():
        browser.sign_in(passphrase=losing.NEW)
        answer = browser.post("/recover/", {"code": code, "passphrase": LAST})
        assert answer.headers["Location"] == "/account/recovery-code/"
        assert answer.cookies["__Host-recovery"].value == ""
        page = browser.get("/account/recovery-code/")
        assert page.wsgi_request.keyring.version_number == 2
        losing.confirmed_code(browser)
    assert queries.has_recovery_code(User.objects.get(pk=alice.pk))


def test_j9_1_alice_comes_back_by_guardian_and_institution_without_her_paper(alice, his, begun, browser):
    his.post(losing.guarding(), {"how": "give", "spoken": begun})
    for name in ("Ida Check", "Otto Check"):
        assert losing.check(losing.staff(name), begun).status_code == 302
    with later():
        browser.sign_in(passphrase=losing.NEW)
        page = words(browser.get("/recover/"))
        assert 'name="code"' not in page
        assert browser.post("/recover/", {"passphrase": LAST}).status_code == 302
        assert browser.get("/account/").wsgi_request.keyring is not None


def test_before_the_wait_is_over_there_is_no_form_and_sending_one_changes_nothing(code, his, begun, browser):
    his.post(losing.guarding(), {"how": "give", "spoken": begun})
    assert 'name="passphrase"' not in words(browser.get("/recover/"))
    assert "wait is not over" in words(browser.post("/recover/", {"code": code, "passphrase": LAST}))


@pytest.mark.security
def test_in_another_browser_there_are_no_letters_and_nothing_to_finish(code, his, begun):
    elsewhere = Browser()
    elsewhere.sign_in(passphrase=losing.NEW)
    page = words(elsewhere.get("/recover/"))
    assert begun not in page
    assert "begun in another browser" in page
    with later():
        elsewhere.sign_in(passphrase=losing.NEW)
        assert "browser where you began" in words(elsewhere.post("/recover/", {"code": code, "passphrase": LAST}))


@pytest.mark.security
def test_what_the_browser_keeps_no_script_and_no_other_site_reads(his, browser):
    losing.forgets(browser)
    cookie = browser.post("/recover/begin/").cookies["__Host-recovery"]
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"] == "Lax"
    assert cookie.value not in str(vars(Recovery.objects.get()))


@pytest.mark.security
def test_j9_2_the_letter_stops_it_with_one_button_and_without_signing_in(alice, code, begun, browser):
    stranger = Browser()
    link = browser.open_mail("recover/stop")
    assert "Stop it" in words(stranger.get(link))
    assert queries.recovery_under_way(alice) is not None, "opening a link changes nothing: mail programs open links"
    assert stranger.post(link).status_code == 302
    assert queries.recovery_under_way(alice) is None
    assert stranger.get(link).status_code == 404
    assert "There is nothing" not in words(browser.get("/recover/"))


@pytest.mark.security
def test_j9_2_every_other_session_sees_it_on_each_page_and_can_stop_it(alice, begun, browser):
    other = Browser()
    other.sign_in(passphrase=losing.NEW)
    for page in ("/account/", "/notices/", "/account/details/"):
        assert "somebody began to get your keys back" in words(other.get(page)), page
    assert other.post("/recover/stop/").headers["Location"] == "/account/"
    assert queries.recovery_under_way(alice) is None
    assert "somebody began to get your keys back" not in words(other.get("/account/"))


def test_j9_2_the_portal_and_the_mailbox_tell_of_it(begun, browser):
    assert "Somebody began to get your keys back" in words(browser.get("/notices/"))


def test_whoever_has_no_two_shares_is_told_so(alice, browser):
    losing.forgets(browser)
    assert "There are no two shares" in words(browser.get("/recover/"))
    assert browser.post("/recover/begin/").headers["Location"] == "/unlock/"


def test_the_unlock_page_offers_the_old_passphrase_and_the_way_by_shares(his, browser):
    losing.forgets(browser)
    page = words(browser.get("/unlock/"))
    assert "Unlock with the old passphrase" in page
    assert "/recover/" in page
    assert "recovery code" not in page.casefold()
    sent = {"how": "old", "old-old": PASSPHRASE, "old-passphrase": losing.NEW}
    assert browser.post("/unlock/", sent).status_code == 302
    assert browser.get("/account/").wsgi_request.keyring is not None


def test_j1_3_the_kit_says_that_paper_needs_a_second_share(inside):
    page = words(inside.get("/account/recovery-code/"))
    assert "The paper alone opens nothing" in page


@pytest.mark.security
def test_a_guardian_types_letters_that_do_not_fit_and_gives_nothing(his, begun):
    answer = his.post(losing.guarding(), {"how": "give", "spoken": "0000-0000-0000"})
    assert "not the letters" in words(answer)
    assert not Recovery.objects.get().given.exists()


@pytest.mark.security
def test_a_share_that_one_does_not_keep_does_not_exist(his, browser, begun):
    assert browser.get(losing.guarding()).status_code in {302, 404}
    carol = Browser()
    losing.operations.open_account(email="carol@example.org", name="Carol Stone", passphrase="what carol would say")
    carol.sign_in("carol@example.org", "what carol would say")
    assert carol.get(losing.guarding()).status_code == 404
    assert carol.post(losing.guarding(), {"how": "end"}).status_code == 404


def test_either_side_ends_it_on_their_page(alice, his, browser):
    assert "Bob Dahl" in words(browser.get("/account/"))
    assert his.post(losing.guarding(), {"how": "end"}).status_code == 302
    assert "Nobody keeps a share for you." in words(browser.get("/account/"))


@pytest.mark.privacy
def test_whether_an_address_is_known_is_not_told_by_asking_it(code, browser):
    pages = []
    for email in ("nobody@example.org", "bob@example.org"):
        if email.startswith("bob"):
            losing.operations.open_account(email=email, name="Bob Dahl", passphrase=losing.BOBS)
        browser.post("/account/guardian/", {"how": "ask", "email": email})
        pages.append(words(browser.get("/account/guardian/")).replace(email, "…"))
    assert not re.search(r"\bBob\b", pages[1])
    assert [page.count("not answered yet") for page in pages] == [1, 1]


def test_keys_are_renewed_from_the_account_page(inside):
    other = Browser()
    other.sign_in()
    assert inside.post("/account/renew-keys/", {"passphrase": "not hers at all"}).status_code == 200
    assert inside.post("/account/renew-keys/", {"passphrase": PASSPHRASE}).status_code == 302
    assert inside.get("/account/").wsgi_request.keyring.version_number == 2
    page = other.get("/account/")
    assert page.wsgi_request.keyring is None
    assert "Unlock them" in words(page)


# --- At the desk ---------------------------------------------------------------------------------
def test_two_staff_confirm_at_the_desk_and_the_share_goes_over(begun, browser):
    ida, otto = losing.staff("Ida Check"), losing.staff("Otto Check")
    assert "Alice Moreau" in words(ida.get(reverse("admin:accounts_recovery_changelist")))
    assert losing.check(ida, begun).status_code == 302
    assert "One of two members of staff has confirmed" in words(browser.get("/recover/"))
    assert losing.check(ida, begun).status_code == 422
    assert losing.check(otto, begun).status_code == 302
    assert "Our share is with the person." in words(
        otto.get(reverse("admin:accounts_recovery_change", args=[Recovery.objects.get().pk]))
    )


def test_j9_6_two_staff_face_to_face_end_the_wait(code, begun, browser):
    for name in ("Ida Check", "Otto Check"):
        losing.check(losing.staff(name), begun, **{"check-in_person": "on"})
    assert "The wait is over." in words(browser.get("/recover/"))
    assert browser.post("/recover/", {"code": code, "passphrase": LAST}).status_code == 302


@pytest.mark.security
def test_at_the_desk_other_letters_are_refused_and_what_is_over_is_gone(begun):
    ida = losing.staff("Ida Check")
    assert losing.check(ida, "0000-0000-0000").status_code == 422
    recovery = Recovery.objects.get()
    lost_keys.stop(recovery, by=queries.party(recovery.user))
    assert losing.check(ida, begun).status_code == 404
