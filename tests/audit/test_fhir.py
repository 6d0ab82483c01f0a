"""Each line of a patient's list as an AuditEvent: right FHIR, IHE's pattern where there is one, and nothing besides."""

import json
import re
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from audit import acts, fhir, log, queries
from audit.acts import Pattern
from audit.models import Erasure, EventBody
from ehr import clock
from ehr.r4 import validate
from tests.audit import balp
from tests.patient.test_told import ACTORS, named_acts

PATIENT = uuid4()
WHO = {
    **ACTORS,
    "the server": log.SYSTEM,
    "an app": log.Party("app", uuid4(), "Blood Pressure Diary"),
    "a delegate": log.Party("person", uuid4(), "Joao Costa", "delegate", ""),
    "a team": log.Party("team", uuid4(), "Cardiology", "", "Harbour Medical Centre"),
}
TOLD = {"reader": str(uuid4()), "reader_name": "Dr Omar Haddad", "team_name": "Cardiology", "via": "Diary"}


def line(action: str, actor: log.Party | None, **more) -> queries.Line:
    facts = {"outcome": "done", "categories": ("labs", "mental-health"), "purpose": "TREAT", "grant": uuid4()}
    facts |= {"details": TOLD, "because": "grant", **more}
    return queries.Line(7, uuid4(), clock.now(), PATIENT, actor, action, **facts)


@pytest.mark.parametrize("action", sorted(named_acts()))
def test_every_act_is_right_fhir_whoever_did_it_and_keeps_ihes_pattern(action):
    for actor in WHO.values():
        for outcome in log.OUTCOMES:
            event = fhir.audit_event(line(action, actor, outcome=outcome))
            assert [str(problem) for problem in validate.check(event)] == []
            if "profile" in event["meta"]:
                assert balp.broken(event) == []


@pytest.mark.parametrize("purpose", ["", "TREAT", "BTG", "PATRQT"])
@pytest.mark.parametrize("parts", [(), ("basic",), ("genetic", "mental-health")])
def test_what_a_line_leaves_out_leaves_nothing_empty(purpose, parts):
    bare = line("chart.opened", WHO["somebody else"], purpose=purpose, categories=parts, details={}, grant=None)
    event = fhir.audit_event(bare)
    assert validate.check(event) == []
    assert balp.broken(event) == []


def test_every_pattern_is_used_and_no_act_has_one_that_is_none():
    assert set(acts.PATTERNS.values()) == set(Pattern) - {Pattern.OTHER}
    reserved = {"entry.deleted", "record.exported", "record.searched", "record.log-read"}
    assert set(acts.PATTERNS) - named_acts() <= reserved


def test_a_look_tells_who_where_why_what_and_under_which_permission():
    seen = line("chart.opened", WHO["somebody else"], details={})
    event = fhir.audit_event(seen)
    user, _client, _server, place = event["agent"]
    assert (user["name"], user["requestor"], user["role"][0]["text"]) == ("Dr Mei Lee", True, "physician")
    assert user["policy"][0].endswith(f"/fhir/Consent/{seen.grant}")
    assert place["who"]["display"] == "Harbour Medical Centre"
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
    assert [one["code"] for one in event["entity"][1]["securityLabel"]] == ["labs", "mental-health"]
    assert event["entity"][0]["what"] == {"reference": f"Patient/{PATIENT}"}
    assert event["subtype"][1] == {"system": fhir.ACT, "code": "chart.opened"}


def test_a_refusal_is_an_alert_that_failed_and_claims_no_pattern_of_success():
    event = fhir.audit_event(line("chart.refused", WHO["somebody else"], outcome="refused", because="no-grant"))
    assert (event["type"]["code"], event["outcome"], event["outcomeDesc"]) == ("110113", "4", "no-grant")
    assert "profile" not in event["meta"]


def test_where_a_line_stands_in_the_tree_and_where_its_proof_is_are_told():
    placed = line("chart.opened", WHO["somebody else"])
    leaf, _because = fhir.audit_event(placed)["extension"]
    number, proof = leaf["extension"]
    assert number == {"url": "number", "valueDecimal": 7}
    assert proof["valueUrl"] == f"{settings.SITE_URL}/api/v1/log/{placed.event_id}/proof"


def test_what_was_searched_for_is_not_told():
    event = fhir.audit_event(line("record.searched", WHO["somebody else"], details={}))
    (query,) = [one for one in event["entity"] if one["type"]["code"] == "2"]
    assert "query" not in query
    assert query["_query"]["extension"][0]["valueCode"] == "masked"


def test_sealed_words_and_what_only_the_log_needs_never_leave():
    kept = {"digest": "feedbeef", "reason": "chest pain", "request": "the request", "for_name": "Ana"}
    said = line("emergency.opened", WHO["somebody else"], details=kept, sealed={"patient": b"chest pain"})
    text = json.dumps(fhir.audit_event(said))
    assert not any(word in text for word in ("chest", "feedbeef", "the request", "sealed", "for_name", "Ana"))


@pytest.mark.django_db
def test_a_list_is_told_newest_first_and_only_its_own():
    made = [log.append("chart.opened", actor=WHO["somebody else"], subject=PATIENT).id for _ in range(5)]
    log.append("chart.opened", actor=WHO["somebody else"], subject=uuid4())
    told = [UUID(one["id"]) for one in fhir.audit_events(PATIENT)]
    assert told == made[::-1]
    assert [UUID(one["id"]) for one in fhir.audit_events(PATIENT, before=made[2])] == [made[1], made[0]]


@pytest.mark.django_db
def test_a_list_longer_than_a_page_is_told_whole(monkeypatch):
    monkeypatch.setattr(fhir, "_PAGE", 2)
    made = [log.append("chart.opened", actor=WHO["somebody else"], subject=PATIENT).id for _ in range(5)]
    assert [UUID(one["id"]) for one in fhir.audit_events(PATIENT)] == made[::-1]
    third = queries.find(made[2])
    assert [UUID(one["id"]) for one in fhir.audit_events(PATIENT, since=third.time)] == made[:1:-1]


@pytest.mark.django_db
def test_somebody_elses_line_is_not_found():
    made = log.append("chart.opened", actor=WHO["somebody else"], subject=PATIENT)
    assert fhir.find(PATIENT, made.id)["id"] == str(made.id)
    assert fhir.find(uuid4(), made.id) is None
    assert fhir.find(PATIENT, uuid4()) is None


@pytest.mark.django_db
def test_a_line_whose_words_were_erased_is_told_as_having_been_there():
    made = log.append("chart.opened", actor=WHO["somebody else"], subject=PATIENT)
    Erasure.objects.create(event=made, because="a court's order")
    EventBody.objects.filter(event=made).delete()
    event = fhir.find(PATIENT, made.id)
    assert validate.check(event) == []
    assert not re.search(r"\bMei\b", json.dumps(event))
    assert "court" not in json.dumps(event)
    assert event["extension"][-1]["url"].endswith("log-erased")
