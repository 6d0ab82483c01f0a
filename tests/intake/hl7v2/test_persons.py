"""ADT and MDM: people, visits, documents, and numbers that are given up."""

import base64

import pytest

from consent.access import copy_whole, open_own
from ehr.intake.hl7v2 import er7, messages
from ehr.intake.hl7v2.er7 import Unreadable
from ehr.intake.hl7v2.sender import Sender
from ehr.intake.models import Joining
from ehr.r4 import validate
from patients.models import Entry, Identifier, Patient
from tests import people

from .conftest import ack
from .vectors import PID, message, msh

SENDER = Sender("feed", "North Hospital", authorities={"NS": "urn:oid:2.16.840.1.113883.4.1"})
PV1 = "PV1|1|I|4W^12^B^NORTH||||D1^Lee^Mei^^^Dr|||CAR|||||||||V-77^^^NORTH|||||||||||||||||||||||||202611200900"


def read(*segments: str) -> messages.Delivery:
    delivery = messages.read(er7.parse(message(*segments)), SENDER)
    assert [str(one) for each in [delivery.person, *delivery.resources] for one in validate.check(each)] == []
    return delivery


@pytest.mark.parametrize(
    ("event", "status"),
    [("A01", "in-progress"), ("A03", "finished"), ("A04", "in-progress"), ("A08", "in-progress"), ("A11", "cancelled"),
     ("A12", "in-progress"), ("A13", "in-progress")],
)  # fmt: skip
def test_a_visit_by_its_event(event, status):
    ended = PV1 + ("|202611211000" if event == "A03" else "")
    [visit] = read(msh(f"ADT^{event}"), "EVN|" + event, PID, ended).resources
    assert (visit["status"], visit["class"]["code"]) == (status, "IMP")
    assert visit["participant"][0]["individual"]["display"] == "Dr Mei Lee"
    assert visit["location"][0]["location"]["display"].startswith("4W")
    assert ("end" in visit["period"]) is (event == "A03")


@pytest.mark.parametrize("event", ["A28", "A31"])
def test_what_is_about_the_person_brings_no_visit(event):
    delivery = read(msh(f"ADT^{event}"), PID, "PV1|1|N")
    assert (delivery.resources, delivery.about_the_person) == ([], True)


@pytest.mark.security
@pytest.mark.parametrize("number", ["-", "?", "--"])
def test_a_placeholder_for_a_number_is_nobody_s(number):
    with pytest.raises(Unreadable, match="PID-3"):
        read(msh("ADT^A28"), PID.replace("MRN-0042", number), "PV1|1|N")


def test_a_person_is_read_whole():
    rich = (
        "PID|1||77^^^NS^SS~42^^^NORTH^MR||Costa^Ana^Maria^^Ms~Souza^Ana^^^^^M||19840503|F|||"
        "12 Quay St^Apt 3^Halifax^NS^B3H^CA^H||^PRN^PH^^1^902^5550142~^NET^Internet^ana@example.org||en"
        "||||||||||||||20260101|Y"
    )
    found = read(msh("ADT^A31"), rich, "NK1|1|Costa^Rui|SPO^Spouse|||(902)555-0199").person
    assert found["identifier"][0]["system"] == "urn:oid:2.16.840.1.113883.4.1"
    assert [name.get("use", "") for name in found["name"]] == ["", "maiden"]
    assert found["address"][0]["line"] == ["12 Quay St", "Apt 3"]
    assert {one["system"] for one in found["telecom"]} == {"phone", "email"}
    assert found["deceasedDateTime"] == "2026-01-01"
    assert found["contact"][0]["relationship"] == [{"text": "Spouse"}]


def test_a_visit_without_a_number_is_refused():
    with pytest.raises(Unreadable, match="PV1-19"):
        read(msh("ADT^A01"), PID, "PV1|1|I")


def test_names_from_right_to_left():
    assert read(msh("ADT^A28"), PID.replace("Sørensen^Anna", "كوستا^آنا")).person["name"][0]["family"] == "كوستا"


def document(event: str = "T02", *lines: str, state: str = "AU", number: str = "DOC-1") -> list[str]:
    txa = (
        f"TXA|1|11488-4^Consultation note^LN||202611210900||202611211000|||D1^Lee^Mei|||{number}^NORTH|||||{state}||AV"
    )
    return [
        msh(f"MDM^{event}"),
        PID,
        txa,
        *(lines or ["OBX|1|TX|||First line||||||F", "OBX|2|TX|||Second line||||||F"]),
    ]


def test_a_document_is_kept_with_its_text_beside_it():
    delivery = read(*document())
    [found] = delivery.resources
    assert (found["status"], found["docStatus"]) == ("current", "final")
    assert delivery.files[f"DocumentReference/{found['id']}"] == b"First line\nSecond line"
    assert read(*document("T08", "OBX|1|TX|||Better||||||F")).resources[0]["id"] == found["id"]


LETTER, ANNEX = (
    f"OBX|{at}|ED|{name}^{name}^L||^application^pdf^Base64^{base64.b64encode(content).decode()}||||||F"
    for at, name, content in ((1, "Letter", b"%PDF-1 letter"), (2, "Annex", b"%PDF-2 annex"))
)
WORDS = "OBX|3|TX|||Important words||||||F"


def test_every_file_of_a_document_is_kept_and_its_words():
    delivery = read(*document("T02", LETTER, ANNEX, WORDS))
    first, *further = delivery.resources
    assert [delivery.files[f"DocumentReference/{one['id']}"] for one in delivery.resources] == [
        b"%PDF-1 letter", b"%PDF-2 annex", b"Important words",
    ]  # fmt: skip
    adds = [{"code": "appends", "target": {"reference": f"DocumentReference/{first['id']}"}}]
    assert [one["relatesTo"] for one in further] == [adds, adds]
    assert [one["description"] for one in delivery.resources] == ["Consultation note", "Annex", "Consultation note"]


def test_each_file_of_a_document_keeps_its_name_when_it_is_sent_anew():
    names = [[one["id"] for one in read(*document(event, LETTER, ANNEX)).resources] for event in ("T02", "T08")]
    assert names[0] == names[1]


def test_a_file_that_lies_elsewhere_is_named_beside_the_one_that_was_sent():
    delivery = read(*document("T02", "OBX|1|RP|SCAN^Scan^L||https://pacs.example/7^^Image^JPEG||||||F", LETTER))
    assert [one["content"][0]["attachment"].get("url") for one in delivery.resources] == [
        None,
        "https://pacs.example/7",
    ]
    with pytest.raises(Unreadable, match="document itself"):
        read(*document("T02", "OBX|1|RP|SCAN^Scan^L||https://pacs.example/7^^Image^JPEG||||||F"))


def test_every_part_of_a_document_that_was_none_is_taken_back():
    gone = [one.replace("||AV", "||CA") for one in document("T04", LETTER, ANNEX)]
    delivery = read(*gone)
    assert [one["status"] for one in delivery.resources] == ["entered-in-error"] * 2
    assert delivery.files == {}


@pytest.mark.parametrize(("event", "code"), [("T10", "replaces"), ("T06", "appends")])
def test_a_document_says_what_it_is_to_the_one_before(event, code):
    lines = [one.replace("DOC-2^NORTH|", "DOC-2^NORTH|DOC-1^NORTH") for one in document(event, number="DOC-2")]
    [found] = read(*lines).resources
    before = read(*document()).resources[0]["id"]
    assert found["relatesTo"] == [{"code": code, "target": {"reference": f"DocumentReference/{before}"}}]


def test_a_document_without_content_is_refused():
    with pytest.raises(Unreadable, match="OBX"):
        read(*document()[:3])


# --- Stored --------------------------------------------------------------------------------------
MERGED = "MRG|MRN-0099^^^NORTH^MR"
OTHER = PID.replace("MRN-0042", "MRN-0099")


def send(sending, *segments: str) -> str:
    answer = ack(sending.post(message(*segments)))
    return answer.only("MSA").text(1)


@pytest.mark.django_db
def test_an_admission_begins_a_record_and_its_update_is_the_next_version(sending):
    assert send(sending, msh("ADT^A01", "1"), PID, PV1) == "AA"
    assert send(sending, msh("ADT^A08", "2", at="20261121093000+0100"), PID.replace("12 Quay", "14 Quay"), PV1) == "AA"
    assert Entry.objects.filter(version=2, current=True).count() == 1
    assert Patient.objects.count() == 1


@pytest.mark.django_db
def test_a_document_s_text_opens_for_its_patient(sending):
    person = people.patient("Anna")
    assert send(sending, *document()) == "AA"
    Identifier.objects.update(patient=person.patient)
    assert send(sending, *document("T08", "OBX|1|TX|||Better||||||F", number="DOC-2")) == "AA"
    found = [one.resource for one in open_own(person.patient, keyring=person.keyring).entries]
    assert [one["description"] for one in found if one["resourceType"] == "DocumentReference"] == ["Consultation note"]


@pytest.mark.django_db
def test_every_file_of_a_document_opens_for_its_patient(sending):
    person = people.patient("Anna")
    send(sending, *document(number="DOC-0"))
    Identifier.objects.update(patient=person.patient)
    assert send(sending, *document("T02", LETTER, ANNEX, WORDS)) == "AA"
    copied = copy_whole(person.patient, keyring=person.keyring)
    found = {copied.file(one) for one in copied.chart.entries if copied.has_file(one)}
    assert found >= {b"%PDF-1 letter", b"%PDF-2 annex", b"Important words"}


@pytest.mark.django_db
@pytest.mark.parametrize("event", ["A34", "A40"])
def test_a_number_that_nobody_had_leads_where_the_other_does(sending, event):
    send(sending, msh("ADT^A28", "1"), PID)
    assert send(sending, msh(f"ADT^{event}", "2"), PID, MERGED) == "AA"
    assert send(sending, msh("ADT^A31", "3"), OTHER) == "AA"
    assert (Patient.objects.count(), Joining.objects.count()) == (1, 0)


@pytest.mark.django_db
def test_a_number_that_was_given_up_before_the_new_one_came_leads_on(sending):
    send(sending, msh("ADT^A28", "1"), OTHER)
    assert send(sending, msh("ADT^A40", "2"), PID, MERGED) == "AA"
    assert Patient.objects.count() == 1


@pytest.mark.django_db
def test_two_records_are_never_joined_by_a_sender_alone(sending):
    send(sending, msh("ADT^A28", "1"), PID)
    send(sending, msh("ADT^A28", "2"), OTHER)
    assert send(sending, msh("ADT^A40", "3"), PID, MERGED) == "AA"
    assert send(sending, msh("ADT^A40", "4"), PID, MERGED) == "AA"
    [proposed] = Joining.objects.all()
    assert proposed.state == "proposed"
    assert Patient.objects.count() == 2


@pytest.mark.django_db
def test_a_merge_into_itself_is_refused(sending):
    assert send(sending, msh("ADT^A40", "1"), PID, MERGED.replace("0099", "0042")) == "AE"
