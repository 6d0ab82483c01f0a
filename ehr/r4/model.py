"""The second layer: the models of `fhir.resources`, in their R4B edition, for the package has no R4.

R4B (4.3.0) rewrote a few rare types. Those are left to the other layers.
"""

import warnings
from collections.abc import Mapping
from functools import cache

from pydantic import ValidationError

from .problems import MODEL, Problem, path_text

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fhir.resources.R4B import get_fhir_model_class

# Types whose elements differ between R4 and R4B. Source: R4B's list of changes, hl7.org/fhir/R4B/diff.html.
REWRITTEN = frozenset(
    {
        "CatalogEntry", "DeviceDefinition", "EffectEvidenceSynthesis", "Evidence", "EvidenceVariable",
        "MedicinalProduct", "MedicinalProductAuthorization", "MedicinalProductContraindication",
        "MedicinalProductIndication",
        "MedicinalProductIngredient", "MedicinalProductInteraction", "MedicinalProductManufactured",
        "MedicinalProductPackaged", "MedicinalProductPharmaceutical", "MedicinalProductUndesirableEffect",
        "ResearchDefinition", "ResearchElementDefinition", "RiskEvidenceSynthesis", "SubstanceNucleicAcid",
        "SubstancePolymer", "SubstanceProtein", "SubstanceReferenceInformation", "SubstanceSourceMaterial",
        "SubstanceSpecification",
    }
)  # fmt: skip


@cache
def _model(resource_type: str):
    return get_fhir_model_class(resource_type)


def check(resource: dict) -> list[Problem]:
    """Return what the model has against a resource."""
    kind = resource["resourceType"]
    if kind in REWRITTEN:
        return []
    try:
        _model(kind).model_validate(resource)
    except ValidationError as refusal:
        return [_problem(kind, error) for error in refusal.errors(include_input=False, include_url=False)]
    return []


def _problem(kind: str, error: Mapping) -> Problem:
    path = path_text([kind, *error["loc"]])
    words = "is missing." if "required" in error["type"] or "missing" in error["type"] else "is not as FHIR R4 has it."
    return Problem(path, f"{path} {words}", MODEL)
