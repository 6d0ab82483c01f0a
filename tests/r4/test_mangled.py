"""Whatever is sent, validation answers in words; whatever passes it, labels and search values can be computed."""

import copy
import random

import pytest

from ehr.r4 import labels, references, search, validate
from ehr.r4.references import Entry
from ehr.r4.validate import Depth

from .mangled import STRANGE, steps, with_one_left_out, with_one_replaced


@pytest.fixture(scope="module")
def examples(us_core) -> list[dict]:
    """Return one example of each type, questionnaires left out for their length."""
    kept = {resource["resourceType"]: resource for _name, resource in us_core}
    return [resource for kind, resource in kept.items() if kind != "Questionnaire"]


def replaced(examples: list[dict]):
    """Yield the examples with one value replaced by a strange one, or left out."""
    chance = random.Random(4)
    for resource in examples:
        for path in steps(resource):
            yield with_one_replaced(resource, path, chance.choice(STRANGE))
            yield with_one_left_out(resource, path)


def test_no_strange_value_breaks_validation_or_what_follows(examples):
    for resource in replaced(examples):
        if validate.check(resource, depth=Depth.QUICK) == []:
            labels.label(resource)
            search.values(resource)


def test_no_strange_value_breaks_the_rewriting_that_comes_before(examples):
    for resource in replaced(examples):
        if isinstance(resource.get("resourceType"), str):
            references.rewrite([Entry(1, "urn:uuid:1", copy.deepcopy(resource))])
