"""Which parts of a record an answer depends on: who keeps one of them back is neither among the people nor not."""

from ehr.r4.labels import label
from ehr.words import Category
from research.criteria.matching import TYPES, leaves
from research.criteria.tree import Age, Criteria, Event, Lab, Node, Sex


def parts_for(criteria: Criteria) -> frozenset[Category]:
    """Return the parts in which everything stands that the criteria ask for, sensitive ones by the codes they name."""
    return frozenset(part for leaf in leaves(criteria.who) for part in _parts(leaf))


def _parts(leaf: Node) -> frozenset[Category]:
    shapes: list[dict[str, object]]
    match leaf:
        case Age() | Sex():
            return frozenset({Category.BASIC})
        case Event(kind, codes):
            named = "medicationCodeableConcept" if kind == "medication" else "code"
            shapes = [
                {"resourceType": name, named: _concept(one.system, one.code)} for name in TYPES[kind] for one in codes
            ]
        case Lab(codes):
            laboratory = [{"coding": [{"code": "laboratory"}]}]
            shapes = [
                {"resourceType": "Observation", "category": laboratory, "code": _concept(one.system, one.code)}
                for one in codes
            ]
        case _:
            raise TypeError(leaf)
    return frozenset(part for shape in shapes for part in label(shape).categories)


def _concept(system: str, code: str) -> dict[str, object]:
    return {"coding": [{"system": system, "code": code}]}
