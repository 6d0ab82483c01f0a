"""Losing keys and getting them back, in a real browser: every side's pages fit each width, and axe finds nothing."""

import pytest
from django.urls import reverse

from consent import escrow
from ehr.accounts import operations
from ehr.accounts.models import Guardian, Recovery
from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm
from tests.front import losing
from tests.front.conftest import PASSPHRASE, Browser

pytestmark = [pytest.mark.django_db, pytest.mark.browser, pytest.mark.point(9)]


@pytest.fixture
def pages(db):
    """Return every page of J9 as it was answered on the way: Alice's, her guardian Bob's, the letter's, the desk's."""
    escrow.open_escrow()
    operations.open_account(email="alice@example.org", name="Alice Moreau", passphrase=PASSPHRASE)
    hers, his = Answers(Browser()), Answers(Browser())
    code = losing.a_code(hers.client)
    hers.get("/account/guardian/", at="/hers/asking/")
    hers.get("/account/renew-keys/")
    operations.open_account(email="bob@example.org", name="Bob Dahl", passphrase=losing.BOBS)
    his.client.sign_in("bob@example.org", losing.BOBS)
    hers.client.post("/account/guardian/", {"how": "ask", "email": "bob@example.org"})
    hers.get("/account/guardian/", at="/hers/asked/")
    his.get(losing.guarding(), at="/his/asked/")
    his.client.post(losing.guarding(), {"how": "agree"})
    hers.get("/account/guardian/", at="/hers/agreed/")
    hers.client.post("/account/guardian/", {"how": "entrust"})
    hers.get("/account/guardian/", at="/hers/guarded/")
    losing.forgets(hers.client)
    hers.get("/sign-in/help/")
    hers.get("/unlock/")
    hers.get("/recover/", at="/hers/recover/")
    hers.client.post("/recover/begin/")
    letters = losing.letters_on(hers.get("/recover/", at="/hers/recovering/"))
    hers.get("/account/", at="/hers/told/")
    hers.get(hers.client.open_mail("recover/stop"), at="/letter/")
    his.get(losing.guarding(), at="/his/needed/")
    his.post(losing.guarding(), {"how": "give", "spoken": "wrong"}, "wrong/")
    his.client.post(losing.guarding(), {"how": "give", "spoken": letters})
    ida = Answers(losing.staff("Ida Check"))
    ida.get(reverse("admin:accounts_recovery_changelist"))
    ida.get(reverse("admin:accounts_recovery_change", args=[Recovery.objects.get().pk]), at="/desk/lost/")
    with losing.later():
        hers.client.sign_in(passphrase=losing.NEW)
        hers.get("/recover/", at="/hers/ready/")
        hers.post("/recover/", {"code": "wrong", "passphrase": ""}, "wrong/")
        assert hers.client.post("/recover/", {"code": code, "passphrase": losing.LAST}).status_code == 302
        hers.get("/account/recovery-code/", at="/hers/new-code/")
    assert Guardian.objects.get().entrusted_at
    return hers.answers | his.answers | ida.answers


def test_the_pages_of_lost_keys_fit_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)
