"""A link a patient hands out: ciphertext here, the key in the code alone, counted tries, an end, every opening told."""

import base64
import json
import uuid
from datetime import timedelta

import pytest
import time_machine
from joserfc import jwe
from joserfc.jwk import OctKey

from audit.queries import story
from consent import access
from ehr import clock
from ehr.notices.models import Notice
from ehr.r4 import text, validate
from ehr.rights import health_links
from ehr.rights.models import HealthLink, HealthLinkFile
from ehr.words import Category

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PASSCODE = "4711-blue"
WIDE = (Category.HISTORY, Category.LABS, Category.TREATMENT)


def handed(ana, *categories, **more) -> health_links.Handed:
    asked = {"passcode": PASSCODE, "lasts": DAY, "purpose": "Dentist in Porto", **more}
    return health_links.make(ana.patient, keyring=ana.keyring, categories=categories or WIDE, **asked)


def payload(one: health_links.Handed) -> dict:
    code = one.address.partition("#shlink:/")[2]
    return json.loads(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)))


def handle(one: health_links.Handed) -> str:
    return payload(one)["url"].rpartition("/")[2]


def opened(one: health_links.Handed, passcode: str = PASSCODE, recipient: str = "Dr Silva, Porto"):
    return health_links.open_manifest(handle(one), recipient=recipient, passcode=passcode)


def read(one: health_links.Handed, body: str) -> dict:
    key = payload(one)["key"]
    raw = base64.urlsafe_b64decode(key + "=")
    return text.loads(jwe.decrypt_compact(body, OctKey.import_key(raw)).plaintext)


def test_the_code_says_where_with_which_key_until_when_and_that_it_takes_a_passcode(record):
    one = handed(record)
    said = payload(one)
    assert one.address.startswith(health_links.viewer() + "#shlink:/")
    assert (said["flag"], said["v"], len(said["key"])) == ("P", 1, 43)
    assert said["exp"] == int(one.link.expires_at.timestamp())
    assert len(said["url"]) <= 128
    assert len(handle(one)) == 43
    assert "Ana" not in said["label"]


def test_a_recipient_with_code_and_passcode_reads_a_summary_of_the_chosen_parts(record):
    one = handed(record)
    document = read(one, opened(one).body)
    assert validate.check(document) == []
    said = json.dumps(document)
    assert "Penicillin" in said
    assert "Metformin" in said


def test_parts_that_were_not_chosen_are_not_behind_it(record):
    said = json.dumps(read(one := handed(record, Category.LABS), opened(one).body))
    assert "Glucose" in said
    assert not any(word in said for word in ("Penicillin", "Metformin", "Depressive", "mental"))


def test_what_is_written_afterwards_is_not_behind_it(record):
    one = handed(record)
    assert opened(one).body == opened(one).body


def test_no_row_holds_the_key_the_address_the_passcode_or_a_word_of_the_record(record):
    one = handed(record)
    said = payload(one)
    row = HealthLink.objects.filter(pk=one.link.pk).values().get()
    stored = (
        b" ".join(
            bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode() for value in row.values()
        )
        + HealthLinkFile.objects.get(link=one.link).body.encode()
    )
    for secret in (said["key"], handle(one), PASSCODE, "Penicillin", "Dentist"):
        assert secret.encode() not in stored
    for raw in (said["key"], handle(one)):
        assert base64.urlsafe_b64decode(raw + "=") not in stored


def test_a_wrong_passcode_is_counted_and_after_the_fifth_it_leads_nowhere(record):
    one = handed(record)
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(health_links.WrongPasscode) as refused:
            opened(one, "0000")
        assert refused.value.left == left
    with pytest.raises(health_links.Gone):
        opened(one)
    assert not HealthLinkFile.objects.filter(link=one.link).exists()
    assert Notice.objects.filter(user=record.user, kind="health-link-over").count() == 1


def test_a_right_passcode_gives_no_tries_back(record):
    one = handed(record)
    with pytest.raises(health_links.WrongPasscode):
        opened(one, "0000")
    opened(one)
    with pytest.raises(health_links.WrongPasscode) as refused:
        opened(one, "0000")
    assert refused.value.left == 3


def test_it_is_over_at_its_end_to_the_second(record):
    with time_machine.travel(clock.now(), tick=False) as traveller:
        one = handed(record)
        traveller.shift(DAY - timedelta(seconds=1))
        assert opened(one)
        traveller.shift(1)
        with pytest.raises(health_links.Gone):
            opened(one)
        assert health_links.forget_what_is_over() == 1


def test_stopping_counts_at_once_and_takes_the_copy_away(record):
    one = handed(record)
    manifest = opened(one)
    ticket = health_links.file_ticket(one.link)
    assert health_links.open_file(handle(one), ticket) == manifest.body
    health_links.stop(record.patient, one.link.pk)
    health_links.stop(record.patient, one.link.pk)
    for tried in (lambda: opened(one), lambda: health_links.open_file(handle(one), ticket)):
        with pytest.raises(health_links.Gone):
            tried()
    assert not HealthLinkFile.objects.exists()
    assert [line.action for line in story(record.patient.pk)].count("health-link.stopped") == 1


def test_nobody_stops_somebody_else_s_link(record, ben):
    one = handed(record)
    with pytest.raises(health_links.Gone):
        health_links.stop(ben.patient, one.link.pk)
    assert health_links.find(ben.patient, one.link.pk) is None
    assert opened(one)


def test_every_opening_is_on_the_list_with_the_name_given_sealed_to_the_patient(record):
    one = handed(record)
    opened(one, recipient="Dr Silva,\n Porto")
    line = story(record.patient.pk)[0]
    assert (line.action, line.outcome, line.details["link"]) == ("health-link.opened", "done", str(one.link.pk))
    assert sorted(line.categories) == ["history", "labs", "treatment"]
    assert "Silva" not in str(line.actor)
    assert health_links.words_on(line, record.keyring, record.patient) == "Dr Silva, Porto"
    assert health_links.words_on(line, None, record.patient) == ""
    assert Notice.objects.filter(user=record.user, kind="health-link-opened").count() == 1
    assert HealthLink.objects.get().openings == 1


def test_a_refused_try_is_on_the_list_too(record):
    one = handed(record)
    with pytest.raises(health_links.WrongPasscode):
        opened(one, "0000", recipient="Charles Stranger")
    line = story(record.patient.pk)[0]
    assert (line.action, line.outcome, line.because) == ("health-link.refused", "refused", "passcode")
    assert health_links.words_on(line, record.keyring, record.patient) == "Charles Stranger"


def test_somebody_else_s_keys_read_neither_name_nor_what_the_link_is_called(record, ben):
    one = handed(record)
    opened(one)
    assert health_links.called(one.link, record.keyring) == "Dentist in Porto"
    assert health_links.called(one.link, ben.keyring) == ""
    assert health_links.words_on(story(record.patient.pk)[0], ben.keyring, record.patient) == ""


def test_a_ticket_for_the_file_is_for_one_link_and_five_minutes(record):
    with time_machine.travel(clock.now(), tick=False) as traveller:
        one, other = handed(record), handed(record)
        ticket = health_links.file_ticket(one.link)
        with pytest.raises(health_links.Gone):
            health_links.open_file(handle(other), ticket)
        with pytest.raises(health_links.Gone):
            health_links.open_file(handle(one), ticket + "x")
        traveller.shift(301)
        with pytest.raises(health_links.Gone):
            health_links.open_file(handle(one), ticket)


@pytest.mark.parametrize("guess", ["", "x", "A" * 43, "A" * 44, "-_" * 21 + "A"])
def test_an_address_that_was_never_given_leads_nowhere(record, guess):
    handed(record)
    with pytest.raises(health_links.Gone):
        health_links.open_manifest(guess, recipient="x", passcode=PASSCODE)


def test_one_form_sent_twice_makes_one_link(record):
    once = uuid.uuid4()
    handed(record, once=once)
    with pytest.raises(health_links.MadeAlready):
        handed(record, once=once)
    assert HealthLink.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"lasts": timedelta(days=31)}, {"lasts": timedelta()}, {"passcode": "123"}])
def test_a_link_without_an_end_or_a_real_passcode_is_not_made(record, wrong):
    with pytest.raises(ValueError, match="passcode of four signs"):
        handed(record, **wrong)
    assert not HealthLink.objects.exists()


def test_locked_keys_hand_out_nothing(record):
    with pytest.raises(access.KeysLocked):
        health_links.make(
            record.patient, keyring=None, categories=WIDE, passcode=PASSCODE, lasts=DAY, purpose="Dentist"
        )
    assert not HealthLink.objects.exists()
    assert story(record.patient.pk)[0].outcome == "refused"


def test_the_line_of_the_copy_comes_before_that_of_the_link(record):
    handed(record)
    assert [line.action for line in story(record.patient.pk)[:2]] == ["health-link.made", "record.copied"]
    assert health_links.is_live(health_links.of_patient(record.patient)[0], clock.now())
