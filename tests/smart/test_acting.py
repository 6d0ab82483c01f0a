"""Who acts for somebody lets no app in for them, and is told what to do instead."""

import re

from django.urls import reverse

from ehr.smart.models import Authorization
from tests import people
from tests.consent import delegating
from tests.security.world import browser_of
from tests.smart.walking import Walk


def test_who_acts_for_somebody_and_has_no_record_is_told_what_to_do_instead(ana, app):
    rui = people.account("Rui Costa")
    delegating.name(ana, rui)
    answer = Walk(app, browser_of(rui)).begin()
    assert answer.status_code == 403
    shown = answer.content.decode()
    assert "cannot let one in for somebody you act for" in shown
    assert reverse("front:home") in shown
    assert not Authorization.objects.exists()


def test_who_has_neither_a_record_nor_anybody_to_act_for_goes_back_to_the_app(app):
    answer = Walk(app, browser_of(people.account("Sam Stranger"))).begin()
    assert "error=access_denied" in answer["Location"]


def test_who_acts_for_somebody_and_has_a_record_is_asked_about_their_own(ana, ben, app):
    delegating.name(ana, ben)
    walk = Walk(app, browser_of(ben))
    walk.begin()
    assert not re.search(r"\bAna\b", walk.browser.get(walk.page).content.decode())
