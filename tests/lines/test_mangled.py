"""A line is made of whatever is there: a resource from which something is missing still has one."""

from ehr.lines import sentences
from ehr.r4 import validate
from ehr.r4.validate import Depth
from tests.r4.mangled import STRANGE, steps, with_one_left_out, with_one_replaced


def test_whatever_is_left_out_there_is_a_line(records):
    for resource in {one["resourceType"]: one for record in records for one in record}.values():
        for path in steps(resource):
            without = with_one_left_out(resource, path)
            if "resourceType" in without:
                assert sentences.line(without).title


def test_whatever_passes_validation_has_a_line(records):
    for resource in {one["resourceType"]: one for one in records[-1]}.values():
        if resource["resourceType"] == "Questionnaire":
            continue  # long, and its items are not shown
        for number, path in enumerate(steps(resource)):
            changed = with_one_replaced(resource, path, STRANGE[number % len(STRANGE)])
            if validate.check(changed, depth=Depth.QUICK) == []:
                assert sentences.line(changed).title
