"""A C-CDA document is read section by section; what is null says nothing, what is denied is said to be."""

import pytest

from ehr.intake.ccda import documents, xml
from ehr.intake.hl7v2.sender import Sender
from ehr.intake.refusals import Refused
from ehr.r4 import validate

from . import vectors
from .vectors import LOINC, document, section

SENDER = Sender("feed", "North Clinic")


def read(*sections: str, **more):
    """Return what a document brings, all of it FHIR R4."""
    delivery, _number = documents.read(document(*sections, **more), SENDER)
    wrong = [str(one) for each in [delivery.person, *delivery.resources] for one in validate.check(each)]
    assert wrong == []
    return delivery


def every(kind: str, *sections: str) -> list[dict]:
    return [one for one in read(*sections).resources if one["resourceType"] == kind]


def test_everything_together_is_fhir():
    kinds = {one["resourceType"] for one in read(*vectors.EVERYTHING).resources}
    assert kinds == {
        "AllergyIntolerance", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "Immunization",
        "MedicationStatement", "Observation", "Procedure",
    }  # fmt: skip


def test_whose_it_is():
    delivery = read()
    assert delivery.person["birthDate"] == "1984-05-03"
    assert delivery.person["name"][0] == {"use": "official", "family": "Sørensen", "given": ["Anna", "Marie"]}
    assert delivery.person["identifier"] == [{"system": "urn:oid:2.16.840.1.113883.19.6", "value": "MRN-0042"}]


@pytest.mark.security
@pytest.mark.parametrize("number", ["-", "?", "--"])
def test_a_placeholder_for_a_number_is_nobody_s(number):
    with pytest.raises(Refused, match="patientRole/id is missing"):
        read(number=number)


def test_the_document_itself_is_kept_as_it_came():
    [whole] = read().resources
    assert read().files == {f"DocumentReference/{whole['id']}": document()}
    assert whole["content"][0]["attachment"]["contentType"] == "application/xml"
    assert (whole["author"], whole["custodian"]) == ([{"display": "Dr Mei Lee"}], {"display": "North Clinic"})


def test_problems_keep_their_precision_translations_and_words():
    asthma, ankle, diabetes = every("Condition", vectors.PROBLEMS)
    assert asthma["onsetDateTime"] == "2019"
    assert [one["code"] for one in asthma["code"]["coding"]] == ["195967001", "J45.909"]
    assert asthma["code"]["text"] == "Asthma since childhood"
    assert (ankle["code"], ankle["onsetDateTime"], ankle["abatementDateTime"]) == (
        {"text": "Sprained ankle"}, "2015-03", "2015-04-20",
    )  # fmt: skip
    assert [one["clinicalStatus"]["coding"][0]["code"] for one in (asthma, ankle)] == ["active", "resolved"]
    assert diabetes["verificationStatus"]["coding"][0]["code"] == "refuted"
    assert "clinicalStatus" not in diabetes


def test_an_allergy_with_its_reaction():
    [penicillin] = every("AllergyIntolerance", vectors.ALLERGIES)
    assert penicillin["code"]["coding"][0]["display"] == "Penicillin G"
    assert penicillin["category"] == ["medication"]
    assert penicillin["reaction"][0]["severity"] == "moderate"


def test_that_no_allergy_is_known_is_said():
    [none] = every("AllergyIntolerance", vectors.NO_ALLERGIES)
    assert none["code"]["coding"][0]["code"] == "716186003"
    assert none["verificationStatus"]["coding"][0]["code"] == "confirmed"


def test_a_medication_with_dose_and_timing():
    [albuterol] = every("MedicationStatement", vectors.MEDICATIONS)
    assert albuterol["effectivePeriod"] == {"start": "2026-01-01"}
    [dose] = albuterol["dosage"]
    assert str(dose["doseAndRate"][0]["doseQuantity"]["value"]) == "0.09"
    assert (str(dose["timing"]["repeat"]["period"]), dose["timing"]["repeat"]["periodUnit"]) == ("12", "h")


def test_a_result_keeps_its_digits():
    [glucose] = every("Observation", vectors.RESULTS)
    assert str(glucose["valueQuantity"]["value"]) == "5.40"
    assert glucose["effectiveDateTime"] == "2026-11-21T07:05:00+01:00"
    assert glucose["referenceRange"][0]["low"]["code"] == "mmol/L"
    [report] = every("DiagnosticReport", vectors.RESULTS)
    assert report["result"] == [{"reference": f"Observation/{glucose['id']}"}]


@pytest.mark.parametrize("written", ["--5", "²", "5_0", "٣", "12345678901"])
def test_what_is_no_whole_number_stays_words(written):
    [glucose] = every(
        "Observation", vectors.RESULTS.replace('"PQ" value="5.40" unit="mmol/L"', f'"INT" value="{written}"')
    )
    assert glucose["valueString"] == written


@pytest.mark.parametrize("written", ["5_0", "٣", "1E400", "1E-999999", "NaN", "9" * 61])
def test_a_quantity_that_is_no_number_is_refused(written):
    with pytest.raises(Refused, match="no number"):
        read(vectors.RESULTS.replace('value="5.40"', f'value="{written}"'))


def test_immunizations_given_and_not():
    flu, pneumo = every("Immunization", vectors.IMMUNIZATIONS)
    assert (flu["status"], flu["occurrenceDateTime"], flu["lotNumber"]) == ("completed", "2025-10", "L-1")
    assert (pneumo["status"], pneumo["occurrenceString"]) == ("not-done", "unknown")
    assert pneumo["statusReason"]["coding"][0]["code"] == "PATOBJ"


def test_smoking_vital_signs_procedures_and_visits():
    [smoking] = every("Observation", vectors.SMOKING)
    assert smoking["valueCodeableConcept"]["coding"][0]["display"] == "Former smoker"
    assert smoking["category"][0]["coding"][0]["code"] == "social-history"
    [pulse] = every("Observation", vectors.VITALS)
    assert pulse["category"][0]["coding"][0]["code"] == "vital-signs"
    [appendix] = every("Procedure", vectors.PROCEDURES)
    assert (appendix["status"], appendix["performedDateTime"]) == ("completed", "2012")
    [visit] = every("Encounter", vectors.ENCOUNTERS)
    assert visit["class"]["code"] == "AMB"


def test_a_note_s_text_comes_from_the_narrative():
    delivery = read(vectors.NOTES)
    [note] = [one for one in delivery.resources if one.get("type", {}).get("coding", [{}])[0].get("code") == "34109-9"]
    assert delivery.files[f"DocumentReference/{note['id']}"] == b"She is better. Return in a month."


def test_the_same_document_becomes_the_same_entries():
    assert [one["id"] for one in read(*vectors.EVERYTHING).resources] == [
        one["id"] for one in read(*vectors.EVERYTHING).resources
    ]


# --- One number for many -------------------------------------------------------------------------
def reports(*groups: tuple[int, ...]) -> str:
    """Return reports of results that all have one number."""
    same = f"<id root='1.2.3'/><code code='1-8' {LOINC}/>"
    found = [
        "".join(
            f"<component><observation>{same}<value xsi:type='PQ' value='{one}' unit='g'/></observation></component>"
            for one in group
        )
        for group in groups
    ]
    return section("30954-2", *(f"<organizer>{same}{results}</organizer>" for results in found))


def test_entries_that_share_a_number_are_each_kept():
    written = reports((1, 2, 3), (4, 5))
    assert sorted(int(one["valueQuantity"]["value"]) for one in every("Observation", written)) == [1, 2, 3, 4, 5]
    results = {f"Observation/{one['id']}" for one in every("Observation", written)}
    said = [{each["reference"] for each in one["result"]} for one in every("DiagnosticReport", written)]
    assert [len(one) for one in said] == [3, 2]
    assert set().union(*said) == results


def test_entries_that_share_a_number_are_the_same_in_whatever_order_they_come():
    names = [{one["id"] for one in every("Observation", reports(order))} for order in ((1, 2, 3), (3, 1, 2))]
    assert names[0] == names[1]


def test_an_entry_that_stands_twice_in_a_document_is_one():
    [glucose] = every("Observation", vectors.RESULTS, vectors.RESULTS)
    assert glucose["id"] == every("Observation", vectors.RESULTS)[0]["id"]


def test_an_entry_with_a_number_of_its_own_keeps_its_name_when_it_changes():
    before, after = (every("Observation", one)[0] for one in (vectors.RESULTS, vectors.RESULTS.replace("5.40", "5.6")))
    assert before["id"] == after["id"]


def test_a_note_with_the_number_of_its_document_takes_nothing_from_it():
    named = vectors.NOTES.replace('id root="1.10" extension="n1"', 'id root="2.16.840.1.113883.19.5" extension="doc-1"')
    delivery = read(named)
    assert delivery.resources[0]["id"] == read().resources[0]["id"]
    assert set(delivery.files.values()) == {b"She is better. Return in a month.", document(named)}


# --- Refused -------------------------------------------------------------------------------------
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><ClinicalDocument>&b;</ClinicalDocument>'
OUTSIDE = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><ClinicalDocument>&f;</ClinicalDocument>'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LAUGHS, "document type or entities"),
        (OUTSIDE, "document type or entities"),
        (b'<!DOCTYPE x SYSTEM "http://x.example/x.dtd"><x/>', "document type or entities"),
        (b"<a>" * 100 + b"</a>" * 100, "nested deeper"),
        (b"<a><b></a>", "no well-formed XML"),
        (b"", "no well-formed XML"),
        (b"\xff\xfe\x00", "no well-formed XML"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "no well-formed XML"),
        (b"<a/>", "no ClinicalDocument"),
        (document(born=""), "birthTime is missing"),
        (document(number=""), "number alone"),
        (document(born="19841340"), "a time that is none"),
        (document(time="99991231235959-1200"), "a time that is none"),
    ],
)
def test_what_is_no_document_is_refused_and_not_quoted(content, words):
    with pytest.raises(Refused, match=words) as refused:
        documents.read(content, SENDER)
    assert "passwd" not in str(refused.value)


def test_too_many_elements_are_refused(monkeypatch):
    monkeypatch.setattr(xml, "MOST_ELEMENTS", 100)
    with pytest.raises(Refused, match="elements"):
        xml.read(b"<a>" + b"<b/>" * 200 + b"</a>")
