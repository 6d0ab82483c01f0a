"""A telephone for texts: put in and taken away by its person, proven by a code. Few codes, few guesses."""

import json
import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from ehr import clock
from ehr.accounts.models import User
from ehr.accounts.operations import Refused
from ehr.notices import telephones, texting
from ehr.notices.models import Telephone
from tests import people

NUMBER, HERE = "+1 (506) 555-0100", "192.0.2.7"


@pytest.fixture
def ana(db, settings, tmp_path) -> User:
    settings.DATA_DIR = tmp_path
    people.prepare_ground()
    return people.patient("Ana Costa").user


def sent() -> list[str]:
    return [
        one.read_text() for one in sorted(texting.sender().folder.glob("*.txt"), key=lambda one: one.stat().st_mtime_ns)
    ]


def code() -> str:
    return re.search(r"code is ([0-9]{6})", sent()[-1])[1]


def ask(user, number=NUMBER, address=HERE):
    telephones.ask(user=user, number=number, address=address)


def test_nothing_comes_to_a_number_before_its_code_is_typed(ana):
    ask(ana)
    assert telephones.number_of(ana) is None
    telephones.prove(user=ana, code=code(), address=HERE)
    assert telephones.number_of(ana) == "+15065550100"
    with pytest.raises(Refused):
        telephones.prove(user=ana, code=code(), address=HERE)


def test_another_number_gets_nothing_before_it_is_proven_and_the_first_no_more(ana):
    ask(ana)
    telephones.prove(user=ana, code=code(), address=HERE)
    ask(ana, "0044 20 7946 0000")
    assert telephones.number_of(ana) is None
    telephones.prove(user=ana, code=code(), address=HERE)
    assert telephones.number_of(ana) == "+442079460000"


def test_a_code_is_over_after_ten_minutes(ana):
    with time_machine.travel(clock.now(), tick=False) as time:
        ask(ana)
        time.shift(timedelta(minutes=10))
        with pytest.raises(Refused):
            telephones.prove(user=ana, code=code(), address=HERE)


def test_codes_and_guesses_are_few(ana):
    ask(ana)
    good = code()
    wrong = "000000" if good != "000000" else "111111"
    for _five in range(5):
        with pytest.raises(Refused):
            telephones.prove(user=ana, code=wrong, address=HERE)
    with pytest.raises(Refused, match="too many tries"):
        telephones.prove(user=ana, code=good, address=HERE)
    for _four in range(4):
        ask(ana)
    with pytest.raises(Refused, match="too many tries"):
        ask(ana)


@pytest.mark.parametrize("number", ["5065550100", "+0 1234567", "+1 506", "call me", "+1506555010012345678"])
def test_a_number_needs_its_country_code(ana, number):
    with pytest.raises(Refused, match="country code"):
        ask(ana, number)
    assert not Telephone.objects.exists()


def test_no_row_holds_the_number_or_the_code(ana):
    ask(ana)
    row = str(
        {
            name: bytes(value) if isinstance(value, memoryview) else value
            for name, value in Telephone.objects.values()[0].items()
        }
    )
    assert "5065550100" not in row
    assert not re.search(rf"(?<![0-9a-f]){code()}(?![0-9a-f])", row)


def test_a_gateway_gets_the_text_once_by_its_id(ana, settings, monkeypatch):
    calls = []
    monkeypatch.setattr(texting.posting, "post", lambda *call: calls.append(call))
    settings.REMINDING = type(settings.REMINDING)(sms_url="https://sms.example.org/send", sms_token="t0k")
    texting.sender().send("+15065550100", "Words", key="k1")
    ((url, body, headers),) = calls
    assert (url, json.loads(body)) == (
        "https://sms.example.org/send",
        {"to": "+15065550100", "text": "Words", "id": "k1"},
    )
    assert headers == {"Idempotency-Key": "k1", "Authorization": "Bearer t0k"}


def test_a_gateway_that_does_not_answer_is_told_in_words(ana, settings, monkeypatch):
    def down(*_call):
        raise OSError

    monkeypatch.setattr(texting.posting, "post", down)
    settings.REMINDING = type(settings.REMINDING)(sms_url="https://sms.example.org/send")
    with pytest.raises(Refused, match="could not be sent"):
        ask(ana)


def test_the_page_puts_it_in_proves_it_and_takes_it_away(ana, client):
    page = reverse("front:telephone")
    assert client.get(page).status_code == 302
    client.force_login(ana, backend="ehr.accounts.backends.Passphrase")
    assert "Send a code" in client.get(page).content.decode()
    assert "country code" in client.post(page, {"number": "12"}).content.decode()
    assert "Type the code" in client.post(page, {"number": NUMBER}, follow=True).content.decode()
    assert "Proven." in client.post(page, {"code": code()}, follow=True).content.decode()
    client.post(page, {"remove": "1"})
    assert telephones.of(ana) is None
