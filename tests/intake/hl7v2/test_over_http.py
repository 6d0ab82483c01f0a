"""A laboratory posts a message: it is stored, sealed, and only then acknowledged; nothing is doubled or shown."""

from datetime import UTC, datetime, timedelta

import pytest

from audit import queries as audit
from consent.access import open_own
from ehr import clock
from ehr.intake import feeds
from ehr.intake.models import Broken, Said, Taken
from patients.models import Entry, Identifier, Patient
from tests import people

from .conftest import ack
from .vectors import GLUCOSE, ORU, PID, message, msh, oru

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sending")]
CORRECTED = GLUCOSE.replace("5.40", "4.50").replace("|||F|", "|||C|")


@pytest.fixture
def anna(sending) -> people.Person:
    """Somebody with a record, known to the laboratory under MRN-0042."""
    person = people.patient("Anna Marie Sørensen")
    sending.post(ORU)
    waiting = Taken.objects.get().patient
    Identifier.objects.filter(patient=waiting).update(patient=person.patient)
    return person


def ago(**span: float) -> str:
    """Return a moment so long ago, as HL7 writes it."""
    return f"{clock.now() - timedelta(**span):%Y%m%d%H%M%S}+0000"


def chart(person: people.Person) -> list[dict]:
    return [entry.resource for entry in open_own(person.patient, keyring=person.keyring).entries]


def test_a_result_is_stored_and_acknowledged(sending):
    response = sending.post(ORU)
    assert response.status_code == 200
    answer = ack(response)
    assert (answer.kind, answer.header.text(9, 3)) == (("ACK", "R01"), "ACK")
    assert (answer.only("MSA").text(1), answer.only("MSA").text(2)) == ("AA", "4711")
    assert (answer.header.text(3), answer.header.text(5)) == ("CHARTSEAL", "LABSYS")
    patient = Patient.objects.get()
    assert (patient.name, str(patient.birth_date), patient.user) == ("Anna Marie Sørensen", "1984-05-03", None)
    # Patient, report, two results, and a Provenance in each of the two parts.
    assert Entry.objects.filter(patient=patient).count() == 6
    assert all(entry.manifest.author_name == "North Laboratory" for entry in Entry.objects.all())


def test_what_was_sent_is_what_its_patient_reads(sending, anna):
    sending.post(oru(GLUCOSE, control="4712"))
    found = chart(anna)
    [glucose] = [one for one in found if one["resourceType"] == "Observation"]
    assert str(glucose["valueQuantity"]["value"]) == "5.40"
    assert glucose["valueQuantity"]["code"] == "mmol/L"
    assert glucose["referenceRange"][0]["high"]["unit"] == "mmol/L"
    assert glucose["effectiveDateTime"] == "2026-11-21T07:05:00+01:00"
    said = [one for one in found if one["resourceType"] == "Provenance"]
    assert {one["entity"][0]["what"]["identifier"]["value"] for one in said} == {"4712"}
    assert {one["agent"][0]["who"]["display"] for one in said} == {"North Laboratory"}


def test_the_same_message_again_is_acknowledged_and_adds_nothing(sending):
    sending.post(ORU)
    before = Entry.objects.count()
    assert ack(sending.post(ORU)).only("MSA").text(1) == "AA"
    assert (Entry.objects.count(), Taken.objects.count()) == (before, 1)


def test_the_same_content_under_another_number_adds_nothing(sending):
    sending.post(ORU)
    before = Entry.objects.count()
    assert sending.post(ORU.replace(b"|4711|", b"|4799|")).status_code == 200
    assert Entry.objects.count() == before


def test_another_content_under_the_same_number_is_another_message(sending):
    sending.post(ORU)
    sending.post(ORU.replace(b"|5.40|", b"|5.60|"))
    assert Entry.objects.filter(version=2, current=True).count() == 1
    assert Taken.objects.count() == 2


def test_a_correction_is_the_next_version(sending, anna):
    sending.post(oru(GLUCOSE, control="1"))
    sending.post(oru(GLUCOSE.replace("5.40", "4.50").replace("|||F|", "|||C|"), control="2", at="20261121090000+0100"))
    [glucose] = [one for one in chart(anna) if one["resourceType"] == "Observation"]
    assert (glucose["status"], str(glucose["valueQuantity"]["value"])) == ("corrected", "4.50")


def test_what_is_older_than_what_was_said_last_comes_too_late(sending, anna):
    sending.post(oru(CORRECTED, control="2", at=ago(hours=1)))
    answer = sending.post(oru(GLUCOSE, control="1", at=ago(hours=2)))
    assert ack(answer).only("MSA").text(1) == "AA"
    [glucose] = [one for one in chart(anna) if one["resourceType"] == "Observation"]
    assert glucose["status"] == "corrected"


@pytest.mark.parametrize("at", ["20990101000000+0100", "99991231235959+0000"])
def test_after_a_message_from_the_future_a_correction_still_counts(sending, anna, at):
    sending.post(oru(GLUCOSE, control="1", at=at))
    sending.post(oru(CORRECTED, control="2", at=ago(seconds=-2)))
    [glucose] = [one for one in chart(anna) if one["resourceType"] == "Observation"]
    assert glucose["status"] == "corrected"


def test_what_was_remembered_of_the_future_holds_up_no_correction(sending, anna):
    sending.post(oru(GLUCOSE, control="1"))
    Said.objects.update(at=datetime(2099, 1, 1, tzinfo=UTC))
    sending.post(oru(CORRECTED, control="2"))
    [glucose] = [one for one in chart(anna) if one["resourceType"] == "Observation"]
    assert glucose["status"] == "corrected"


def test_a_sender_whose_clock_is_always_ahead_may_correct(sending, anna):
    sending.post(oru(GLUCOSE, control="1", at=ago(days=-2)))
    sending.post(oru(CORRECTED, control="2", at=ago(days=-1)))
    [glucose] = [one for one in chart(anna) if one["resourceType"] == "Observation"]
    assert glucose["status"] == "corrected"


def test_a_broken_message_says_where_and_why_and_quotes_nothing(sending):
    response = sending.post(oru(GLUCOSE.replace("5.40", "five point four")))
    assert response.status_code == 422
    answer = ack(response)
    assert answer.only("MSA").text(1) == "AE"
    err = answer.only("ERR")
    assert [err.text(2, one) for one in (1, 2, 3)] == ["OBX", "1", "5"]
    assert err.text(3) == "102"
    assert b"five" not in response.content
    assert Entry.objects.count() == Patient.objects.count() == 0


def test_a_broken_message_waits_sealed(sending):
    sending.post(oru(GLUCOSE.replace("5.40", "five point four")))
    sending.post(oru(GLUCOSE.replace("5.40", "five point four")))
    [waiting] = Broken.objects.all()
    assert (waiting.state, waiting.kind, waiting.times) == ("waiting", "ORU^R01", 2)
    assert waiting.problems == [{"where": "OBX-5", "words": "must be a number with a point, such as 5.40."}]
    for stored in (waiting.body, waiting.sealed_key):
        assert b"five" not in bytes(stored)
        assert b"rensen" not in bytes(stored)


def test_a_message_sent_again_whole_leaves_the_queue(sending):
    sending.post(oru(GLUCOSE.replace("5.40", "five")))
    sending.post(oru(GLUCOSE))
    waiting = Broken.objects.get()
    assert (waiting.state, bytes(waiting.body), bytes(waiting.sealed_key)) == ("mended", b"", b"")


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer chartseal-feed-wrong", "Basic eDp5"])
def test_without_its_token_nobody_sends(sending, token):
    response = sending.post(ORU, Authorization=token)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert Patient.objects.count() == 0


def test_a_feed_that_was_stopped_sends_nothing_more(sending):
    feeds.stop(sending.feed, by=sending.by)
    assert sending.post(ORU).status_code == 401


def test_a_token_that_was_renewed_opens_nothing(sending):
    token = feeds.renew(sending.feed, by=sending.by)
    assert sending.post(ORU).status_code == 401
    sending.token = token
    assert sending.post(ORU).status_code == 200


def test_without_the_keyholder_a_stranger_s_message_is_to_be_sent_again_and_is_not_kept(sending, settings):
    settings.KEYHOLDER_SOCKET = "/nowhere/keyholder.sock"
    response = sending.post(ORU)
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert ack(response).only("MSA").text(1) == "AR"
    assert Broken.objects.count() == 0


def test_two_people_behind_one_number_are_not_mixed_up(sending):
    sending.post(ORU)
    response = sending.post(oru(GLUCOSE, control="5", pid=PID.replace("19840503", "19910101")))
    assert ack(response).only("ERR").text(2, 3) == "7"
    assert Patient.objects.count() == 1


def test_two_senders_numbers_do_not_meet(sending):
    sending.post(ORU)
    other, token = feeds.register(
        name="South Laboratory", institution=people.institution(), kinds=["hl7v2"], by=sending.by
    )
    sending.token = token
    sending.post(ORU)
    assert Patient.objects.count() == 2
    assert other.source.name == "South Laboratory"


def test_the_line_on_the_list_names_the_sender(sending):
    sending.post(ORU)
    lines = audit.with_action(["entry.added"])
    assert {line.actor.name for line in lines} == {"North Laboratory"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (message(msh("ORM^O01"), PID), "200"),
        (message(msh("ADT^A99"), PID), "201"),
        (message(msh(version="2.9"), PID), "203"),
        (message(msh().replace("|P|", "|T|"), PID), "202"),
    ],
)
def test_a_kind_that_is_never_taken_is_rejected_and_not_kept(sending, content, code):
    response = sending.post(content)
    assert response.status_code == 400
    answer = ack(response)
    assert (answer.only("MSA").text(1), answer.only("ERR").text(3)) == ("AR", code)
    assert Broken.objects.count() == 0


def test_where_it_comes_from_is_said_in_each_part_and_tells_of_no_other(sending, anna):
    depressed = "OBX|3|CE|75275-8^Diagnosis^LN||F32.1^Depressive episode^I10||||||F"
    sending.post(oru(GLUCOSE, depressed, control="4713", at="20261121090000+0100"))
    entries = open_own(anna.patient, keyring=anna.keyring).entries
    said = {one.category: one.resource for one in entries if one.resource["resourceType"] == "Provenance"}
    where = {f"{one.resource['resourceType']}/{one.resource['id']}": one.category for one in entries}
    assert len(said) > 1
    for part, provenance in said.items():
        assert {where[target["reference"]] for target in provenance["target"]} == {part}
