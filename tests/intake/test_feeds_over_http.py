"""FHIR and C-CDA of registered feeds: stored with a Provenance, once; bombs are refused; what is broken is kept."""

import gzip
import json

import pytest

from consent.access import open_own
from ehr.intake.ccda import documents
from ehr.intake.models import Broken, Taken
from patients.models import Entry, Identifier, Patient
from tests import people

from .ccda import vectors
from .ccda.vectors import document
from .conftest import GLUCOSE
from .hl7v2.conftest import sending, worker

__all__ = ["sending", "worker"]

pytestmark = pytest.mark.django_db
FHIR = {"where": "feeds:fhir", "content_type": "application/fhir+json"}
NDJSON = {"where": "feeds:fhir", "content_type": "application/fhir+ndjson"}
CCDA = {"where": "feeds:ccda", "content_type": "application/cda+xml"}


def told(response) -> list[str]:
    answer = json.loads(response.content)
    assert answer["resourceType"] == "OperationOutcome"
    return [issue["diagnostics"] for issue in answer["issue"]]


def test_a_bundle_is_stored_with_where_it_came_from(sending, bundle):
    response = sending.post(json.dumps(bundle).encode(), **FHIR)
    assert (response.status_code, told(response)) == (200, ["4 resources were stored, 0 were known already."])
    assert Entry.objects.count() == 8  # in four parts, each with a Provenance
    assert Taken.objects.get().patient == Patient.objects.get()


def test_a_bundle_again_adds_nothing(sending, bundle):
    content = json.dumps(bundle).encode()
    sending.post(content, **FHIR)
    assert told(sending.post(content, **FHIR)) == ["0 resources were stored, 4 were known already."]
    assert (Entry.objects.count(), Taken.objects.count()) == (8, 1)


def test_gzip_is_unpacked(sending, bundle):
    packed = gzip.compress(json.dumps(bundle).encode())
    assert sending.post(packed, **FHIR, **{"Content-Encoding": "gzip"}).status_code == 200


@pytest.mark.parametrize(
    ("packed", "status"),
    [
        (gzip.compress(b" " * (60 * 1024 * 1024)), 413),
        (gzip.compress(b"{}")[:-4], 400),
        (b"no gzip at all", 400),
        (gzip.compress(b"{}") + gzip.compress(b"{}"), 400),
    ],
    ids=["a bomb", "torn", "not packed at all", "two of them"],
)
def test_bombs_and_torn_packets_are_refused(sending, packed, status):
    assert sending.post(packed, **FHIR, **{"Content-Encoding": "gzip"}).status_code == status
    assert Broken.objects.count() == 0


def test_lines_stand_each_for_itself(sending, bundle):
    lines = [one["resource"] | {"id": str(n)} for n, one in enumerate(bundle["entry"])]
    for line in lines[1:]:
        line["subject"] = {"reference": "Patient/0"}
    lines[2].pop("encounter")
    lines[2]["status"] = "no-such-status"
    response = sending.post(b"\n".join(json.dumps(line).encode() for line in lines), **NDJSON)
    assert response.status_code == 422
    assert told(response)[0].startswith("What was sent, line 3: Observation.status must be")
    assert Entry.objects.count() == 6
    assert (Broken.objects.get().kind, Broken.objects.get().channel) == ("NDJSON", "fhir")


@pytest.mark.parametrize(("sent", "how"), [(b"{", FHIR), (b"[]", FHIR), (b"<a/>", CCDA)])
def test_what_cannot_be_read_waits_sealed(sending, sent, how):
    assert sending.post(sent, **how).status_code == 422
    waiting = Broken.objects.get()
    assert (waiting.state, waiting.size) == ("waiting", len(sent))


@pytest.mark.parametrize("problem", [ValueError, OverflowError, KeyError])
def test_a_document_that_nobody_thought_of_waits_and_is_not_quoted(sending, monkeypatch, caplog, problem):
    def fall(*_arguments, **_more):
        raise problem("Sørensen")

    monkeypatch.setattr(documents, "read", fall)
    response = sending.post(document(), **CCDA)
    assert (response.status_code, Broken.objects.get().state) == (422, "waiting")
    assert "rensen" not in caplog.text + str(Broken.objects.get().problems) + response.content.decode()


@pytest.mark.parametrize("how", [FHIR, NDJSON, CCDA])
def test_without_its_token_nobody_sends(sending, how):
    assert sending.post(b"{}", Authorization="Bearer wrong", **how).status_code == 401


@pytest.mark.parametrize("where", ["feeds:fhir", "feeds:ccda", "feeds:hl7v2"])
def test_another_type_is_refused(sending, where):
    assert sending.post(b"{}", where=where, content_type="text/html").status_code == 415


def test_nothing_can_be_read_there(sending, client):
    for where in ("hl7v2", "fhir", "ccda"):
        assert client.get(f"/in/{where}", headers={"Authorization": f"Bearer {sending.token}"}).status_code == 405


def test_a_document_becomes_entries_and_stays_whole(sending):
    person = people.patient("Anna")
    assert sending.post(document(id_="doc-0"), **CCDA).status_code == 200
    Identifier.objects.update(patient=person.patient)
    content = document(*vectors.EVERYTHING)
    response = sending.post(content, **CCDA)
    assert response.status_code == 200, told(response)
    found = [entry.resource for entry in open_own(person.patient, keyring=person.keyring).entries]
    assert "Asthma since childhood" in [one["code"].get("text") for one in found if one["resourceType"] == "Condition"]
    assert told(sending.post(content, **CCDA)) == ["The document was known already."]


def test_a_document_whose_entries_share_a_number_adds_nothing_when_it_comes_again(sending):
    shared = vectors.PROBLEMS.replace('extension="p2"', 'extension="p1"').replace('extension="p3"', 'extension="p1"')
    # The person, the document and three problems, with a Provenance in each of the two parts.
    assert told(sending.post(document(shared), **CCDA)) == ["7 entries were stored."]
    # The document is another one, with a Provenance; of its entries none is.
    assert told(sending.post(document(shared, id_="doc-2"), **CCDA)) == ["2 entries were stored."]


def test_a_document_of_somebody_born_another_day_is_kept_for_repair(sending):
    sending.post(document(), **CCDA)
    assert sending.post(document(born="19910101", id_="doc-2"), **CCDA).status_code == 422
    assert b"19910101" not in bytes(Broken.objects.get().body)


def test_a_reference_name_is_as_the_sender_wrote_it(sending, bundle):
    sending.post(json.dumps(bundle).encode(), **FHIR)
    assert GLUCOSE.removeprefix("urn:uuid:") not in str(Entry.objects.values_list("logical_id", flat=True))


def test_what_is_kept_in_clear_names_nobody(sending, bundle):
    bundle["entry"] = [bundle["entry"][2]]
    bundle["entry"][0]["resource"]["subject"] = {"reference": "Patient/MRN-0042"}
    bundle["entry"][0]["resource"].pop("encounter")
    assert sending.post(json.dumps(bundle).encode(), **FHIR).status_code == 422
    [problem] = Broken.objects.get().problems
    assert "Patient/… is neither" in problem["words"]
