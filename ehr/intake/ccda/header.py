"""Whose document it is, which, and who wrote it. Source: C-CDA R2.1, US Realm Header."""

from xml.etree.ElementTree import Element

from ehr.r4.identity import says_something

from ..hl7v2.values import name_of
from ..refusals import Refused
from .values import (
    Reading,
    address,
    concept,
    contact,
    human_name,
    is_null,
    moment,
    number_of,
    person_words,
    plain,
    system_of_root,
)
from .xml import text_of

GENDERS = {"F": "female", "M": "male", "UN": "other"}
ROLE = "recordTarget/patientRole"


def person(root: Element, reading: Reading) -> tuple[dict, list[str]]:
    """Return the Patient and the names by which the sender knows them. Raises Refused without number or birth date."""
    roles = root.findall(ROLE)
    if len(roles) != 1:
        raise Refused("recordTarget must name one patient.")
    numbers = [found for one in roles[0].findall("id") if says_something((found := number_of(one))[1])]
    born = moment(roles[0].find("patient/birthTime"), reading).partition("T")[0]
    if not numbers:
        raise Refused("recordTarget/patientRole/id is missing: a person is found by their number alone.")
    if not born:
        raise Refused("recordTarget/patientRole/patient/birthTime is missing: nobody is matched without it.")
    names = [f"Patient/{name_of('Patient', system_of_root(system), value)}" for system, value in numbers]
    role = roles[0]
    said: dict = {
        "resourceType": "Patient",
        "id": names[0].removeprefix("Patient/"),
        "identifier": [{"system": system_of_root(system), "value": value} for system, value in numbers],
        "name": [found for one in role.findall("patient/name") if (found := human_name(one))],
        "telecom": [found for one in role.findall("telecom") if (found := contact(one))],
        "gender": GENDERS.get(plain(role.find("patient/administrativeGenderCode")), "unknown"),
        "birthDate": born,
        "address": [found for one in role.findall("addr") if (found := address(one))],
    }
    return {name: value for name, value in said.items() if value}, list(dict.fromkeys(names))


def document_id(root: Element) -> tuple[str, str]:
    """Return (root, extension) of the document's own id. Raises Refused without one."""
    found = number_of(root.find("id"))
    if not found[0]:
        raise Refused("ClinicalDocument/id is missing: a document is known by its number.")
    return found


def whole(root: Element, content: bytes, reading: Reading, described) -> dict:
    """Return the DocumentReference of the document itself, as it came; `described` makes its Attachment."""
    number, extension = document_id(root)
    series = number_of(root.find("setId"))
    title = text_of(root.find("title"))
    at = moment(root.find("effectiveTime"), reading)
    id_ = name_of("DocumentReference", *(series if series[0] else (number, extension)))
    reading.files[f"DocumentReference/{id_}"] = content
    identifier = {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{number}"}
    if extension:
        identifier = {"system": system_of_root(number), "value": extension}
    return reading.add(
        {
            "resourceType": "DocumentReference",
            "id": id_,
            "masterIdentifier": identifier,
            "status": "current",
            "type": concept(root.find("code"), reading),
            "subject": reading.subject,
            "date": at if "T" in at else "",
            "author": [{"display": words} for words in dict.fromkeys(_authors(root)) if words],
            "custodian": _custodian(root),
            "description": title,
            "securityLabel": _confidentiality(root),
            "content": [{"attachment": described(content, "application/xml", title)}],
        },
        keeps_name=True,
    )


def _authors(root: Element) -> list[str]:
    return [
        person_words(one.find("assignedAuthor/assignedPerson/name"))
        or text_of(one.find("assignedAuthor/assignedAuthoringDevice/softwareName"))
        for one in root.findall("author")
    ]


def _custodian(root: Element) -> dict:
    words = text_of(root.find("custodian/assignedCustodian/representedCustodianOrganization/name"))
    return {"display": words} if words else {}


def _confidentiality(root: Element) -> list[dict]:
    found = root.find("confidentialityCode")
    if is_null(found) or plain(found) not in ("N", "R", "V"):
        return []
    system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    return [{"coding": [{"system": system, "code": plain(found)}]}]
