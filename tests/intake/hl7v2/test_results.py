"""What an OBX says is what the Observation says: values, units, ranges, flags, states, files."""

import base64
from decimal import Decimal

import pytest

from ehr.intake.hl7v2 import er7, messages
from ehr.intake.hl7v2.er7 import Unreadable
from ehr.intake.hl7v2.sender import Sender
from ehr.r4 import validate

from .vectors import GLUCOSE, OBR, PID, POTASSIUM, message, msh, oru

SENDER = Sender("feed", "North Laboratory", codes={("", "K"): ("http://loinc.org", "2823-3", "Potassium")})


def read(*results: str, sender: Sender = SENDER, **more):
    """Return what a result message brings, all of it FHIR R4."""
    delivery = messages.read(er7.parse(oru(*results, **more)), sender)
    for resource in [delivery.person, *delivery.resources]:
        assert [str(one) for one in validate.check(resource)] == []
    return delivery


def one(*results: str, kind: str = "Observation", **more) -> dict:
    [found] = [each for each in read(*results, **more).resources if each["resourceType"] == kind]
    return found


COLI = {
    "coding": [{"system": "http://snomed.info/sct", "code": "112283007", "display": "Escherichia coli"}],
    "text": "Escherichia coli",
}


def amount(value: str, unit: str = "", code: str = "") -> dict:
    """Return a Quantity."""
    named = {"unit": unit} if unit else {}
    return {"value": Decimal(value)} | named | ({"system": "http://unitsofmeasure.org", "code": code} if code else {})


def obx(kind, value, *, unit="", usual="", flags="", state="F", code="X^Test^L") -> str:
    return f"OBX|1|{kind}|{code}||{value}|{unit}|{usual}|{flags}|||{state}"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (obx("NM", "5.40", unit="mmol/L"), {"valueQuantity": amount("5.40", "mmol/L", "mmol/L")}),
        (obx("NM", "+007", unit="K/uL"), {"valueQuantity": amount("7", "K/uL", "10*3/uL")}),
        (obx("NM", "<0.5", unit="arbs"), {"valueQuantity": amount("0.5", "arbs") | {"comparator": "<"}}),
        (obx("NM", "-3.10"), {"valueQuantity": {"value": Decimal("-3.10")}}),
        (obx("SN", ">=^100", unit="mg/dL"), {"valueQuantity": amount("100", "mg/dL", "mg/dL") | {"comparator": ">="}}),
        (obx("SN", "^1^:^128"), {"valueRatio": {"numerator": amount("1"), "denominator": amount("128")}}),
        (obx("SN", "^2^-^4"), {"valueRange": {"low": amount("2"), "high": amount("4")}}),
        (obx("SN", "^3^+"), {"valueString": "3+"}),
        (obx("ST", "Straw\\T\\yellow"), {"valueString": "Straw&yellow"}),
        (obx("TX", "one~two"), {"valueString": "one\ntwo"}),
        (obx("FT", "one\\.br\\two"), {"valueString": "one\ntwo"}),
        (obx("CE", "112283007^Escherichia coli^SCT"), {"valueCodeableConcept": COLI}),
        (obx("DT", "20261121"), {"valueDateTime": "2026-11-21"}),
        (obx("TS", "202611211030+0100"), {"valueDateTime": "2026-11-21T10:30:00+01:00"}),
        (obx("TM", "1030"), {"valueTime": "10:30:00"}),
        (obx("XPN", "Costa^Ana"), {"valueString": "Costa Ana"}),
    ],
)  # fmt: skip
def test_each_type_says_its_value(line, value):
    found = one(line)
    assert {name: found[name] for name in found if name.startswith("value")} == value


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (obx("NM", "1,5"), "OBX-5"),
        (obx("NM", "Positive"), "OBX-5"),
        (obx("NM", "1e5"), "OBX-5"),
        (obx("SN", "^1^-"), "OBX-5.4"),
        (obx("DT", "21.11.2026"), "OBX-5"),
        (obx("TS", "20261340"), "OBX-5"),
        (obx("TS", "99991231235959-1200"), "OBX-5"),
        (obx("TS", "00010101000000+1400"), "OBX-5"),
        (obx("TM", "2561"), "OBX-5"),
        (obx("QQ", "1"), "OBX-2"),
        (obx("", "1"), "OBX-2"),
        (obx("NM", "1", state="Q"), "OBX-11"),
        (obx("NM", "", state="U"), "OBX-11"),
        ("OBX|1|NM|||1||||||F", "OBX-3"),
        (obx("ED", "^application^pdf^Base64^!!!"), "OBX-5.5"),
        (obx("RP", "file:///etc/passwd"), "OBX-5"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(line, where):
    with pytest.raises(Unreadable) as refused:
        read(line)
    assert refused.value.where == where


@pytest.mark.parametrize(
    ("state", "status"),
    [("F", "final"), ("P", "preliminary"), ("C", "corrected"), ("A", "amended"), ("W", "entered-in-error"),
     ("D", "entered-in-error"), ("X", "cancelled"), ("R", "preliminary"), ("", "final")],
)  # fmt: skip
def test_each_state(state, status):
    assert one(obx("NM", "5.4", state=state))["status"] == status


@pytest.mark.parametrize("state", ["W", "D", "X"])
def test_what_is_taken_back_shows_no_value(state):
    found = one(obx("NM", "5.4", usual="1-2", flags="H", state=state), "NTE|1||Somebody else's sample.")
    assert not {"valueQuantity", "note", "referenceRange", "interpretation"} & found.keys()


def test_a_correction_keeps_its_name_whatever_it_says():
    first, second = one(GLUCOSE), one(GLUCOSE.replace("5.40", "4.5").replace("|||F|", "|||C|"), control="9")
    assert first["id"] == second["id"]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("3.5-5.1", {"low": Decimal("3.5"), "high": Decimal("5.1")}),
        ("3.5 - 5.1 mmol/L", {"low": Decimal("3.5"), "high": Decimal("5.1")}),
        ("<200", {"high": Decimal("200")}),
        (">=60", {"low": Decimal("60")}),
        ("Negative", {}),
        ("9-3", {}),
    ],
)
def test_reference_ranges(written, found):
    [usual] = one(obx("NM", "4", usual=written))["referenceRange"]
    assert {name: usual[name]["value"] for name in ("low", "high") if name in usual} == found
    assert usual["text"] == written


def test_flags_and_comments_and_a_code_that_was_translated():
    found = one(POTASSIUM, "NTE|1|L|Sample slightly haemolysed.", "NTE|2|L|Repeat.")
    assert [flag["coding"][0]["code"] for flag in found["interpretation"]] == ["H", "HH"]
    assert [note["text"] for note in found["note"]] == ["Sample slightly haemolysed.", "Repeat."]
    systems = [coding["system"] for coding in found["code"]["coding"]]
    assert systems == ["http://loinc.org", "urn:chartseal:feed:feed:L"]


def test_lines_of_one_text_are_one_result():
    lines = [f"OBX|{n}|TX|18842-5^Discharge summary^LN||Line {n}||||||F" for n in (1, 2, 3)]
    assert one(*lines)["valueString"] == "Line 1\nLine 2\nLine 3"


def test_repeated_tests_are_told_apart():
    delivery = read(GLUCOSE, GLUCOSE.replace("OBX|1", "OBX|2"), GLUCOSE.replace("LN||", "LN|2|"))
    assert len({each["id"] for each in delivery.resources if each["resourceType"] == "Observation"}) == 3


def test_a_pdf_lies_beside_its_document():
    pdf = b"%PDF-1.7 report"
    delivery = read(GLUCOSE, f"OBX|2|ED|PDF^Report^L||^application^pdf^Base64^{base64.b64encode(pdf).decode()}||||||F")
    [document] = [each for each in delivery.resources if each["resourceType"] == "DocumentReference"]
    file = document["content"][0]["attachment"]
    assert (file["contentType"], file["size"], "data" in file) == ("application/pdf", len(pdf), False)
    assert delivery.files == {f"DocumentReference/{document['id']}": pdf}
    assert document["context"]["related"][0]["reference"].startswith("DiagnosticReport/")


def test_a_picture_is_media_that_the_report_names():
    delivery = read(f"OBX|1|ED|IMG^Picture^L||^IM^JPEG^Base64^{base64.b64encode(b'jpeg').decode()}||||||F")
    [report] = [each for each in delivery.resources if each["resourceType"] == "DiagnosticReport"]
    [media] = [each for each in delivery.resources if each["resourceType"] == "Media"]
    assert report["media"] == [{"link": {"reference": f"Media/{media['id']}"}}]


def test_a_report_holds_its_order_results_and_specimen():
    second = OBR.replace("OBR|1", "OBR|2").replace("LAB-900", "LAB-901")
    content = message(
        msh(),
        PID,
        "ORC|RE",
        OBR,
        "NTE|1||Fasting.",
        GLUCOSE,
        "SPM|1|S-1||BLD^Blood^HL70487|||||||||||||202611210705",
        second,
        POTASSIUM,
    )
    delivery = messages.read(er7.parse(content), SENDER)
    reports = [each for each in delivery.resources if each["resourceType"] == "DiagnosticReport"]
    assert [len(each["result"]) for each in reports] == [1, 1]
    assert (reports[0]["conclusion"], len(reports[0]["specimen"])) == ("Fasting.", 1)
    assert reports[0]["code"]["coding"][0]["code"] == "24323-8"
    assert [str(each) for resource in delivery.resources for each in validate.check(resource)] == []


def test_an_old_dialect_is_read():
    content = message(
        "MSH|^~\\&|OLDLAB|WEST|||19991231235959||ORU^R01|77|P|2.3",
        "PID|||555^^^WEST||O'Neil^Pat^^Jr^Dr||19610712|M",
        "OBR|1||F-1|GLU^Glucose^L|||199912312300",
        "OBX|1|NM|GLU^Glucose^L||98|mg/dl|70-110|N|||F",
    )
    delivery = messages.read(er7.parse(content), SENDER)
    [glucose] = [each for each in delivery.resources if each["resourceType"] == "Observation"]
    assert glucose["valueQuantity"]["code"] == "mg/dL"
    assert delivery.person["name"][0]["suffix"] == ["Jr"]
    assert glucose["effectiveDateTime"] == "1999-12-31T23:00:00+00:00"


@pytest.mark.parametrize(
    ("more", "where"),
    [({"pid": PID.replace("MRN-0042^^^NORTH^MR", "")}, "PID-3"), ({"pid": PID.replace("19840503", "")}, "PID-7"),
     ({"pid": PID.replace("|F|", "|Q|", 1)}, "PID-8"), ({"obr": "OBR|1|||X^Y^L"}, "OBR-3"),
     ({"obr": "OBR|1||7"}, "OBR-4"), ({"obr": OBR.replace("CH|F", "CH|K")}, "OBR-25")],
)  # fmt: skip
def test_what_is_missing_is_named(more, where):
    with pytest.raises(Unreadable) as refused:
        read(GLUCOSE, **more)
    assert refused.value.where == where
