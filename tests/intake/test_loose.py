"""Loose resources: each is looked at once, the same twice is one, and what is wrong with one stops no other."""

import pytest

from ehr.intake import loose
from ehr.r4.references import Entry as Sent
from patients.models import Entry

from .conftest import MARIA
from .importing import lines, run, summary

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ground")]

PERSON = {"resourceType": "Patient", "id": "m", "birthDate": "1980"}
GOUT = {"resourceType": "Condition", "id": "c", "code": {"text": "gout"}, "subject": {"reference": "Patient/m"}}
ASTHMA = GOUT | {"code": {"text": "asthma"}}


def test_the_same_line_twice_is_one_entry(write):
    out, err = run(write("d.ndjson", lines(PERSON, GOUT, GOUT)))
    assert (err, summary(out)["Added"]) == ("", 2)


def test_a_copy_of_a_file_adds_nothing(write):
    paths = [write(name, lines(PERSON, GOUT)) for name in ("a.ndjson", "a.ndjson.gz")]
    out, err = run(*paths)
    assert (err, summary(out)["Added"]) == ("", 2)


def test_two_lines_of_one_name_that_differ_are_named_and_the_rest_go_on(write):
    out, err = run(write("d.ndjson", lines(PERSON, GOUT, ASTHMA)))
    assert err.splitlines()[0] == (
        "d.ndjson, line 2: Condition/c stands here twice; d.ndjson, line 3 says it in other words. Send one of the two."
    )
    assert summary(out)["Added"] == Entry.objects.count() == 1


def test_an_entry_twice_in_a_bundle_is_one(bundle, write):
    bundle["entry"] += [{"resource": GOUT | {"subject": {"reference": MARIA}}} for _twice in range(2)]
    out, err = run(write("b.json", bundle))
    assert (err, summary(out)["Added"]) == ("", 5)


def test_two_entries_of_one_name_that_differ_refuse_their_bundle(bundle, write):
    bundle["entry"] += [{"resource": one | {"subject": {"reference": MARIA}}} for one in (GOUT, ASTHMA)]
    _out, err = run(write("b.json", bundle))
    assert err.startswith("b.json, entry 6: Condition/c stands here twice; entry 5 says it in other words.")
    assert not Entry.objects.exists()


def test_what_is_about_two_people_goes_to_neither(write):
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True}
    group["member"] = [{"entity": {"reference": f"Patient/{one}"}} for one in "mn"]
    _out, err = run(write("d.ndjson", lines(PERSON, PERSON | {"id": "n"}, group)))
    assert err.startswith("d.ndjson, line 3: it is about more than one person.")


@pytest.mark.security
def test_somebody_else_s_resource_does_not_come_along(write):
    stranger = {"identifier": {"system": "urn:mrn", "value": "Z-9"}}
    visit = {"resourceType": "Encounter", "id": "v", "status": "finished", "class": {"code": "AMB"}}
    visit |= {"subject": {"reference": "Patient/m"}, "diagnosis": [{"condition": {"reference": "Condition/c"}}]}
    out, err = run(write("d.ndjson", lines(PERSON, visit, GOUT | {"subject": stranger})))
    assert err.startswith("d.ndjson, line 3: Condition.subject has an identifier not known to be that of Patient/m")
    assert summary(out)["Added"] == 2


def steps(patients: int) -> int:
    """Return how often a resource is looked at while so many patients' resources are sorted."""
    sent = [Sent(0, "", {"resourceType": "Practitioner", "id": "d"})]
    for person in range(patients):
        sent.append(Sent(len(sent), "", {"resourceType": "Patient", "id": f"p{person}"}))
        for _one in range(3):
            refers = {"subject": {"reference": f"Patient/p{person}"}, "performer": [{"reference": "Practitioner/d"}]}
            sent.append(Sent(len(sent), "", {"resourceType": "Observation", "id": f"o{len(sent)}", **refers}))
    looked = []

    class Counted(dict):
        def get(self, *arguments):
            looked.append(1)
            return super().get(*arguments)

        def __getitem__(self, name):
            looked.append(1)
            return super().__getitem__(name)

    counted = [one._replace(resource=Counted(one.resource)) for one in sent]
    records, lost = loose._sorted_by_patient(counted)
    assert (len(records), lost) == (patients, [])
    assert all(len(members) == 5 for members in records.values())
    return len(looked)


def test_twice_the_people_are_twice_the_work():
    assert steps(40) < 2.1 * steps(20)
