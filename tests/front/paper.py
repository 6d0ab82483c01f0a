"""Mona has no e-mail address: two of the staff make her a paper at the desk, and she uses it."""

import re
from typing import NamedTuple

from django.urls import reverse

from ehr.accounts.models import PaperInvitation, PostalAddress
from tests.front.conftest import PASSPHRASE, Browser

NAME, NUMBER, REACH = "Mona Duarte", "999-12-3456", "Rua da Praia 4, Horta\n292 555 010"
NEW = {"name": NAME, "document": "passport", "number": NUMBER, "reach": REACH}
IDENTITY = {
    "name": NAME,
    "birth_date": "1941-03-25",
    "sex": "female",
    "system": "http://hl7.org/fhir/sid/us-ssn",
    "number": NUMBER,
}


class Paper(NamedTuple):
    """What Mona carries home."""

    name: str
    first: str
    second: str


def at(act: str, row: str = "paperinvitation", pk: object = None) -> str:
    """Return the address of an act at the desk, on the newest paper unless told another row."""
    pk = pk or PaperInvitation.objects.latest("made_at").pk
    return reverse(f"admin:accounts_{row}_act", args=[pk, act])


def code_on(page) -> str:
    return re.findall(r"\b([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})\b", page.content.decode())[0]


def name_on(page) -> str:
    return re.findall(r"\b([a-z]{4}-[2-9]{4})\b", page.content.decode())[0]


def second_half(first: str, vera) -> Paper:
    """Let the second of the staff confirm the newest paper."""
    page = vera.post(at("confirm"), {"confirm-document": "passport", "confirm-number": NUMBER})
    assert page.status_code == 200, page.content.decode()
    return Paper(name_on(page), first, code_on(page))


def made(iris, vera) -> Paper:
    """Let two of the staff make a paper for Mona."""
    slip = iris.post(reverse("admin:accounts_paperinvitation_add"), NEW)
    assert slip.status_code == 200, slip.content.decode()
    return second_half(code_on(slip), vera)


def made_again(iris, vera) -> Paper:
    """Let two of the staff make a paper for a new passphrase."""
    told = {"back-document": "passport", "back-number": NUMBER}
    slip = iris.post(at("back", "postaladdress", PostalAddress.objects.get().pk), told)
    assert slip.status_code == 200, slip.content.decode()
    return second_half(code_on(slip), vera)


def used(browser: Browser, paper: Paper, passphrase: str = PASSPHRASE):
    return browser.post("/paper/", {**paper._asdict(), "passphrase": passphrase})
