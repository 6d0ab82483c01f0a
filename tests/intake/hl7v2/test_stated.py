"""Allergies, diagnoses, procedures, insurances and vaccinations become entries; nothing of a message is lost unsaid."""

import pytest

from consent.access import open_own
from ehr.intake.hl7v2 import er7, messages
from ehr.intake.hl7v2.er7 import Unreadable
from ehr.intake.hl7v2.sender import Sender
from ehr.r4 import validate
from ehr.words import Category
from patients.models import Entry, Identifier, Patient
from tests import people

from .conftest import ack
from .vectors import AL1, DG1, GLUCOSE, IN1, OBR, ORC, PID, PR1, PV1, RXA, RXR, message, msh

SENDER = Sender("feed", "North Hospital", authorities={"NS": "urn:oid:2.16.840.1.113883.4.1"})


def read(*segments: str, sender: Sender = SENDER) -> messages.Delivery:
    """Return what a message brings, all of it FHIR R4."""
    delivery = messages.read(er7.parse(message(*segments)), sender)
    assert [str(one) for each in [delivery.person, *delivery.resources] for one in validate.check(each)] == []
    return delivery


def one(kind: str, *segments: str) -> dict:
    [found] = [each for each in read(*segments).resources if each["resourceType"] == kind]
    return found


def adt(*segments: str, event: str = "A01", **header: str) -> tuple[str, ...]:
    return (msh(f"ADT^{event}", **header), f"EVN|{event}", PID, PV1, *segments)


def vxu(*segments: str, **header: str) -> tuple[str, ...]:
    return (msh("VXU^V04^VXU_V04", **header), PID, *segments)


# --- Allergies -----------------------------------------------------------------------------------
def test_an_allergy_with_its_reactions():
    found = one("AllergyIntolerance", *adt(AL1))
    assert found["category"] == ["medication"]
    assert found["code"]["coding"][0]["code"] == "7980"
    assert found["clinicalStatus"]["coding"][0]["code"] == "active"
    assert found["reaction"] == [{"manifestation": [{"text": "Hives"}, {"text": "Wheezing"}], "severity": "severe"}]
    assert found["onsetDateTime"] == "2014-03-01"


def test_a_severity_without_a_reaction_is_kept():
    found = one("AllergyIntolerance", *adt("AL1|1|FA|^Peanuts|MO"))
    assert found["code"] == {"text": "Peanuts"}
    assert found["reaction"][0]["severity"] == "moderate"
    assert found["reaction"][0]["manifestation"][0]["coding"][0]["code"] == "unknown"


# --- Diagnoses -----------------------------------------------------------------------------------
def test_a_diagnosis_belongs_to_its_visit():
    found = read(*adt(DG1)).resources
    visit, diagnosis = found
    assert diagnosis["encounter"] == {"reference": f"Encounter/{visit['id']}"}
    assert diagnosis["verificationStatus"]["coding"][0]["code"] == "provisional"
    assert diagnosis["category"][0]["coding"][0]["code"] == "encounter-diagnosis"
    assert diagnosis["onsetDateTime"].startswith("2026-11-20T09:15")
    assert diagnosis["recorder"] == {"display": "Dr Mei Lee"}


def test_a_final_diagnosis_takes_the_place_of_the_one_at_admission():
    final = DG1.replace("|A|", "|F|").replace("DG1|1", "DG1|2")
    found = one("Condition", *adt(DG1, final))
    assert found["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert found["id"] == one("Condition", *adt(DG1))["id"]


def test_words_alone_are_a_diagnosis_too():
    assert one("Condition", *adt("DG1|1|||Chest pain||W"))["code"] == {"text": "Chest pain"}


def test_a_diagnosis_that_is_taken_back_is_marked_as_an_error():
    gone = "DG1|1||J18.9^Pneumonia^I10C|||F||||||||||||||DX-1|D"
    assert one("Condition", *adt(gone))["verificationStatus"]["coding"][0]["code"] == "entered-in-error"


def test_a_diagnosis_that_is_marked_as_confidential_stays_so():
    marked = "|".join(["DG1", "1", "", "R10.4^Abdominal pain^I10C", "", "20261120", "F", *[""] * 11, "Y"])
    assert one("Condition", *adt(marked))["meta"]["security"] == [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    ]


# --- Procedures ----------------------------------------------------------------------------------
def test_a_procedure_with_how_long_it_took_and_who_did_it():
    found = one("Procedure", *adt(PR1))
    assert found["status"] == "completed"
    assert found["performedPeriod"] == {"start": "2026-11-20T10:00:00+01:00", "end": "2026-11-20T11:35:00+01:00"}
    assert [(each["actor"]["display"], each["function"]["text"]) for each in found["performer"]] == [
        ("Dr Ada Okoye", "Surgeon"),
        ("Dr Ken Sato", "Anesthesiologist"),
    ]


# --- Insurance -----------------------------------------------------------------------------------
def test_an_insurance_is_a_coverage():
    found = one("Coverage", *adt(IN1))
    assert found["payor"][0]["display"] == "Northern Mutual"
    assert found["subscriberId"] == "MEM-9"
    assert found["identifier"][0]["value"] == "POL-5511"
    assert found["period"] == {"start": "2026-01-01", "end": "2026-12-31"}
    assert found["relationship"]["coding"][0]["code"] == "spouse"
    assert found["subscriber"] == {"display": "Rui Costa"}
    assert found["order"] == 1


# --- Vaccinations --------------------------------------------------------------------------------
def test_a_vaccination():
    eligible = "OBX|1|CE|64994-7^Eligibility^LN|1|V02^Medicaid^HL70064||||||F"
    sheet = "OBX|2|DT|29769-7^VIS presented^LN|2|20261120||||||F"
    found = one("Immunization", *vxu(ORC, RXA, RXR, eligible, sheet, "NTE|1||Tolerated well"))
    assert (found["status"], found["primarySource"], found["lotNumber"]) == ("completed", True, "LOT77")
    assert found["vaccineCode"]["coding"][0] == {
        "system": "http://hl7.org/fhir/sid/cvx", "code": "207", "display": "COVID-19, mRNA, LNP-S",
    }  # fmt: skip
    assert (found["occurrenceDateTime"], found["expirationDate"]) == ("2026-11-20", "2027-03-01")
    assert str(found["doseQuantity"]["value"]) == "0.5"
    assert (found["route"]["text"], found["site"]["text"]) == ("Intramuscular", "Left deltoid")
    assert found["manufacturer"] == {"display": "Moderna"}
    assert found["location"] == {"display": "North Clinic"}
    assert [each["actor"]["display"] for each in found["performer"]] == ["Nora Quinn", "Dr Mei Lee"]
    assert found["programEligibility"][0]["coding"][0]["code"] == "V02"
    assert [each["text"] for each in found["note"]] == ["VIS presented: 20261120", "Tolerated well"]


def test_a_refused_vaccination_says_why():
    refused = "RXA|0|1|20261120||03^MMR^CVX|999||||||||||||00^Parental decision^NIP002||RE"
    found = one("Immunization", *vxu(ORC, refused))
    assert found["status"] == "not-done"
    assert found["statusReason"]["text"] == "Parental decision"
    assert "doseQuantity" not in found


def test_what_somebody_remembers_is_told_from_what_was_given_here():
    old = "RXA|0|1|2009||03^MMR^CVX|999|||01^Historical information, source unspecified^NIP001"
    found = one("Immunization", *vxu("ORC|RE||9999", old))
    assert (found["primarySource"], found["occurrenceDateTime"]) == (False, "2009")
    assert found["reportOrigin"]["text"].startswith("Historical")


def test_no_vaccine_given_is_an_observation():
    nothing = "RXA|0|1|20261120||998^No vaccine administered^CVX|999"
    immune = "OBX|1|CE|59784-9^Disease with presumed immunity^LN|1|38907003^Varicella^SCT||||||F"
    found = read(*vxu("ORC|RE||9999", nothing, immune)).resources
    assert [each["resourceType"] for each in found] == ["Observation"]
    assert found[0]["valueCodeableConcept"]["text"] == "Varicella"


# --- In whichever message ------------------------------------------------------------------------
def test_what_was_measured_on_arrival_is_an_observation():
    height = "OBX|1|NM|8302-2^Body height^LN||171|cm^cm^UCUM|||||F|||202611200910"
    found = one("Observation", *adt(height))
    assert found["category"][0]["coding"][0]["code"] == "vital-signs"
    assert "encounter" in found


def test_they_are_read_beside_results_too():
    kinds = [each["resourceType"] for each in read(msh(), PID, AL1, IN1, OBR, GLUCOSE).resources]
    assert {"AllergyIntolerance", "Coverage", "DiagnosticReport", "Observation"} == set(kinds)


@pytest.mark.parametrize(
    ("segments", "where"),
    [
        (adt("AL1|1|DA||SV"), "AL1-3"),
        (adt("AL1|1|DA|X^Y^L|WORSE"), "AL1-4"),
        (adt("AL1|1|BAD|X^Y^L"), "AL1-2"),
        (adt("DG1|1||||20261120"), "DG1-3"),
        (adt("DG1|1||X^Y^L|||Q"), "DG1-6"),
        (adt(DG1, "DG1|2||X^Y^L||yesterday"), "DG1[2]-5"),
        (adt("PR1|1||||20261120"), "PR1-3"),
        (adt("PR1|1||X^Y^L||202611201000||long"), "PR1-7"),
        (adt("PR1|1||X^Y^L||202611201000||1e9999"), "PR1-7"),
        (adt("PR1|1||X^Y^L||202611201000||999999999999999"), "PR1-7"),
        (adt("IN1|1|PPO"), "IN1-4"),
        (adt(IN1.replace("SPO|||||1|", f"SPO|||||{'9' * 5000}|")), "IN1-22"),
        (vxu(ORC), "RXA"),
        (vxu(RXR, RXA), "RXR-1"),
        (vxu(RXA, RXR, RXR), "RXR[2]-1"),
        (vxu(ORC, RXA, ORC, RXA), "RXA"),
        (vxu(ORC, "RXA|0|1|||207^COVID-19^CVX|0.5"), "RXA-3"),
        (vxu(ORC, "RXA|0|1|20261120|||0.5"), "RXA-5"),
        (vxu(ORC, "RXA|0|1|20261120||207^X^CVX|half"), "RXA-6"),
        (vxu(ORC, "RXA|0|1|20261120||998^None^CVX|999"), "RXA-5"),
        (adt("RXA|0|1|20261120||207^X^CVX|999"), "RXA"),
        (adt(AL1, "IAM|1|DA|X^Y^L"), "IAM"),
        ((msh(), PID, OBR, GLUCOSE, "RXE|1"), "RXE"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place(segments, where):
    with pytest.raises(Unreadable) as wrong:
        read(*segments)
    assert wrong.value.where == where


def test_a_segment_that_would_be_lost_is_named(sending):
    answer = sending.post(message(*adt("RXA|0|1|20261120||207^X^CVX|999")))
    told = ack(answer)
    assert (answer.status_code, told.only("MSA").text(1)) == (422, "AE")
    assert "RXA" in told.only("ERR").text(8)
    assert "would be lost" in told.only("ERR").text(8)
    assert not Patient.objects.exists()


def test_what_is_a_senders_own_or_runs_the_hospital_is_left_out():
    assert {each["resourceType"] for each in read(*adt("GT1|1||Costa^Rui", "ZPD|whatever")).resources} == {"Encounter"}


# --- Stored --------------------------------------------------------------------------------------
def test_sent_again_with_every_snapshot_each_is_stored_once(sending):
    for number, event in enumerate(("A01", "A08", "A08")):
        content = message(*adt(AL1, DG1, PR1, IN1, event=event, control=str(number)))
        assert sending.post(content).status_code == 200
    # The visit went from admitted to being looked after, and everything else stayed as it was.
    assert Entry.objects.filter(version__gt=1).count() == 0


@pytest.fixture
def hers(sending):
    """Return what a feed's messages make of Anna's record, as she reads it."""
    anna = people.patient("Anna")
    assert sending.post(message(msh("ADT^A28", "0"), PID)).status_code == 200
    Identifier.objects.update(patient=anna.patient)

    def read_after(*sent: bytes) -> list:
        assert [sending.post(one).status_code for one in sent] == [200] * len(sent)
        return open_own(anna.patient, keyring=anna.keyring).entries

    return read_after


def test_they_are_sealed_in_their_parts_with_who_sent_them(hers):
    found = hers(message(*adt(AL1, DG1, PR1, IN1, control="1")), message(*vxu(ORC, RXA, RXR, control="2")))
    parts = {one.resource["resourceType"]: set(one.parts) for one in found}
    assert parts["AllergyIntolerance"] == {Category.HISTORY}
    assert {"Condition", "Procedure", "Coverage", "Encounter", "Immunization"} <= set(parts)
    told = [one.resource for one in found if one.resource["resourceType"] == "Provenance"]
    targets = {target["reference"].partition("/")[0] for one in told for target in one["target"]}
    assert {"AllergyIntolerance", "Condition", "Procedure", "Coverage", "Immunization"} <= targets


def test_a_diagnosis_of_a_closed_part_goes_there(hers):
    depressed = "DG1|1||F32.1^Major depressive disorder, single episode, moderate^I10C||20261120|F"
    [found] = [
        one for one in hers(message(*adt(depressed, control="1"))) if one.resource["resourceType"] == "Condition"
    ]
    assert Category.MENTAL_HEALTH in found.parts
