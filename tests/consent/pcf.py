"""IHE's Privacy Consent on FHIR as questions, written from the profiles' text and not from the code that is tested.

Source: github.com/IHE/ITI.PCF, input/fsh/consent.fsh, 1.1.
"""

from collections.abc import Iterator

PROFILE = "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consent"
NEVER = ("action", "class", "code", "provision")


def broken(consent: dict) -> list[str]:
    """Return what a Consent breaks of the profile that it declares."""
    (declared,) = consent["meta"]["profile"]
    level = declared.removeprefix(PROFILE)
    return [name for name, holds in [*_foundation(consent), *_level(level, consent["provision"])] if not holds]


def _foundation(consent: dict) -> Iterator[tuple[str, bool]]:
    provision = consent["provision"]
    for name in ("status", "scope", "patient", "dateTime", "provision"):
        yield name, name in consent
    for name in ("category", "performer", "organization"):
        yield name, len(consent.get(name, [])) >= 1
    yield "scope is privacy", consent["scope"]["coding"][0]["code"] == "patient-privacy"
    yield "one source", sum(name.startswith("source") for name in consent) == 1
    yield "policies have addresses", all("uri" in one for one in consent["policy"])
    yield "no verification", "verification" not in consent
    yield "provision has a type", provision.get("type") in {"permit", "deny"}
    for actor in provision.get("actor", []):
        yield "actors receive", actor["role"]["coding"][0]["code"] == "IRCP"
    for name in NEVER[:3]:
        yield f"no {name}", name not in provision
    for inner in provision.get("provision", []):
        yield "no second nesting", "provision" not in inner


def _level(level: str, provision: dict) -> Iterator[tuple[str, bool]]:
    if level == "Basic":
        for name in ("securityLabel", "dataPeriod", "data", "provision"):
            yield f"no {name} in Basic", name not in provision
    elif level == "Intermediate":
        yield "no labels in Intermediate", "securityLabel" not in provision
        means = {one["meaning"] for one in provision.get("data", [])}
        yield "data is of a known meaning", means <= {"instance", "related", "authoredby"}
    else:
        yield "a level that there is", level == "Advanced"
