"""A patient's visits in their own calendar: an address that is theirs to make and to end, and is told on their list."""

import html
import re

import pytest
from django.test import Client

PAGE = "/patient/visits/calendar/"

pytestmark = pytest.mark.django_db


def words(reply) -> str:
    return html.unescape(reply.content.decode())


def test_an_address_is_made_shown_once_used_without_signing_in_and_ended(browser):
    made = words(browser.post(PAGE, {"with_address": "on"}))
    address = re.search(r"<code>(.+?)</code>", made)[1]
    assert Client().get(address).status_code == 200
    page = words(browser.get(PAGE))
    assert address not in page
    assert "It says the address of the place." in page
    browser.post(f"{PAGE}end/")
    assert Client().get(address).status_code == 404
    assert "Make an address" in words(browser.get(PAGE))


def test_the_list_says_that_it_was_made_and_ended(browser):
    browser.post(PAGE)
    browser.post(f"{PAGE}end/")
    told = words(browser.get("/patient/looked/?all=1"))
    assert "You made a secret address by which your own calendar shows your visits." in told
    assert "You ended the secret address of your calendar." in told


def test_ending_what_is_not_there_is_said(browser):
    assert "There is no such calendar any more." in words(browser.post(f"{PAGE}end/", follow=True))
