"""Studies as ResearchStudy, in nobody's record; who takes part as ResearchSubject, for themselves and their apps."""

import uuid
from datetime import timedelta

import pytest
import time_machine

from audit import queries as log
from audit.models import Event
from consent.access import own_party
from consent.sharing import grants
from ehr import clock
from ehr.r4 import validate
from ehr.words import Category
from research import joining
from research.models import Joining
from research.studies import deciding
from tests import people
from tests.fhir.program import json, said
from tests.fhir.twins import plain, visit
from tests.research import studying

pytestmark = pytest.mark.django_db
NAMED = "patient/ResearchSubject.rs patient/ResearchStudy.rs"


@pytest.fixture
def ground(db):
    studying.prepare_ground()


@pytest.fixture
def board(ground):
    return studying.committee()


@pytest.fixture
def rosa(ground):
    return studying.researcher()


@pytest.fixture
def study(board, rosa):
    return studying.opened(rosa, board)


@pytest.fixture
def part(ana, study) -> Joining:
    return studying.join(ana, study)


def lines(action: str, person) -> list:
    return [one for one in log.story(person.patient.pk) if one.action == action]


def sent(patient, study_id) -> dict:
    """Return a ResearchSubject that another system keeps."""
    return {
        "resourceType": "ResearchSubject",
        "status": "candidate",
        "study": {"reference": f"ResearchStudy/{study_id}"},
        "individual": {"reference": f"Patient/{patient.pk}"},
    }


# --- Studies -------------------------------------------------------------------------------------
def test_a_study_is_told_to_everybody_in_plain_words(app, ward, ana, lee, study):
    for program in (app(ana, scope=NAMED), ward(lee, scope="user/ResearchStudy.rs")):
        events = Event.objects.count()
        [told] = program.find("ResearchStudy?status=active&title=Sleep")
        assert validate.check(told) == []
        assert told == {
            "resourceType": "ResearchStudy",
            "id": str(study.pk),
            "title": "Sleep and pain",
            "status": "active",
            "description": study.plain,
            "period": told["period"],
            "sponsor": {"type": "Organization", "display": "City University"},
        }
        assert program.read(f"ResearchStudy/{study.pk}") == told
        assert program.find(f"ResearchStudy?_id={study.pk}") == [told]
        assert program.find("ResearchStudy?title=Other") == []
        assert program.find("ResearchStudy?status=completed") == []
        assert Event.objects.count() == events


def test_a_study_that_was_not_opened_is_not_there(app, ana, board, rosa):
    refused = studying.waiting(rosa)
    deciding.refuse(refused, by=board.first, reason="No.")
    program = app(ana, scope=NAMED)
    for one in (studying.drafted(rosa), studying.waiting(rosa), refused):
        assert plain(program.get(f"ResearchStudy/{one.pk}")) == plain(program.get(f"ResearchStudy/{uuid.uuid4()}"))
        assert program.get(f"ResearchStudy/{one.pk}").status_code == 404
    assert program.find("ResearchStudy") == []


def test_its_status_says_whether_people_may_join(app, ana, board, study):
    program = app(ana, scope=NAMED)
    deciding.pause(study, by=board.first, reason="Wait.")
    paused = program.read(f"ResearchStudy/{study.pk}")
    assert paused["status"] == "temporarily-closed-to-accrual-and-intervention"
    deciding.resume(study, by=board.second, reason="Go on.")
    assert program.read(f"ResearchStudy/{study.pk}")["status"] == "active"
    deciding.close(study, by=board.first, reason="Done.")
    closed = program.read(f"ResearchStudy/{study.pk}")
    assert closed["status"] == "administratively-completed"
    assert validate.check(closed) == validate.check(paused) == []


def test_a_study_whose_time_is_over_is_completed(app, ana, study):
    with time_machine.travel(study.ends + timedelta(seconds=1), tick=False):
        assert app(ana, scope=NAMED).read(f"ResearchStudy/{study.pk}")["status"] == "completed"


def test_a_study_says_nothing_of_who_joined_it(app, own, ana, ben, study):
    program = app(ben, scope=f"patient/*.rs {NAMED}")
    asked = (
        "ResearchStudy?_revinclude=*",
        "ResearchStudy?_has:ResearchSubject:study:status=on-study",
        f"ResearchStudy/{study.pk}",
        "ResearchStudy?_summary=count",
        "ResearchStudy?_sort=-_lastUpdated",
    )
    before = [plain(program.get(one)) for one in asked]
    studying.join(ana, study)
    assert [plain(program.get(one)) for one in asked] == before


# --- Who takes part ------------------------------------------------------------------------------
def test_a_patients_app_reads_their_part_and_the_look_is_on_the_list(app, ana, study, part):
    program = app(ana, Category.BASIC, scope=NAMED)
    told = program.read(f"ResearchSubject/{part.pk}")
    assert validate.check(told) == []
    assert (told["status"], told["study"]["reference"]) == ("on-study", f"ResearchStudy/{study.pk}")
    assert told["individual"] == {"reference": f"Patient/{ana.patient.pk}"}
    assert told["consent"] == {"reference": f"Consent/{part.grant_id}"}
    assert "end" not in told["period"]
    [line] = lines("joining.read", ana)
    assert line.actor.name == "Heartbeat"
    assert not lines("chart.refused", ana)


def test_a_patients_own_look_leaves_no_line_of_it(own, ana, part):
    program = own(ana, scope=f"{NAMED} patient/Consent.rs")
    told = program.read(f"ResearchSubject/{part.pk}")
    assert program.read(told["consent"]["reference"])["status"] == "active"
    assert not lines("joining.read", ana)


def test_without_a_scope_of_its_own_nobody_is_told(app, own, ana, part):
    for program in (app(ana), own(ana)):
        assert program.get(f"ResearchSubject/{part.pk}").status_code == 404
        assert program.find("ResearchSubject") == []
        assert str(part.pk) not in str(program.read(f"Patient/{ana.patient.pk}/$everything"))
    assert not lines("joining.read", ana)


def test_one_search_finds_what_was_signed_here_and_what_was_sent(own, app, ana, study, part):
    own(ana).make(sent(ana.patient, uuid.uuid4()))
    program = app(ana, scope=NAMED)
    found = program.read("ResearchSubject?_sort=status")
    assert [one["resource"]["status"] for one in found["entry"]] == ["candidate", "on-study"]
    assert len(program.find(f"ResearchSubject?patient=Patient/{ana.patient.pk}")) == 2
    assert [one["id"] for one in program.find(f"ResearchSubject?study=ResearchStudy/{study.pk}")] == [str(part.pk)]
    assert [one["id"] for one in program.find("ResearchSubject?study.title=Sleep")] == [str(part.pk)]
    assert len(program.find(f"Patient/{ana.patient.pk}/ResearchSubject?status=on-study")) == 1
    both = program.read("ResearchSubject?status=on-study&_include=ResearchSubject:study")
    assert [one["resource"]["resourceType"] for one in both["entry"]] == ["ResearchSubject", "ResearchStudy"]
    assert program.read(f"ResearchSubject/{part.pk}/_history")["total"] == 1
    assert program.read("ResearchSubject/_history")["total"] == 2


def test_who_withdraws_is_withdrawn_from_that_moment_on(app, ana, part):
    program = app(ana, scope=NAMED)
    first = program.get(f"ResearchSubject/{part.pk}")["ETag"]
    over = joining.withdraw(part, keyring=ana.keyring)
    told = program.read(f"ResearchSubject/{part.pk}")
    assert told["status"] == "withdrawn"
    assert told["period"]["end"] == told["meta"]["lastUpdated"]
    assert over.withdrawn_at is not None
    assert validate.check(told) == []
    assert program.get(f"ResearchSubject/{part.pk}", If_None_Match=first).status_code == 200


def test_a_permission_that_was_stopped_elsewhere_counts_at_once(app, ana, part):
    grants.end(part.grant, keyring=ana.keyring, by=own_party(ana.patient))
    assert app(ana, scope=NAMED).read(f"ResearchSubject/{part.pk}")["status"] == "withdrawn"


def test_who_is_out_because_the_study_is_over_did_not_withdraw(app, ana, board, study, part):
    program = app(ana, scope=NAMED)
    deciding.close(study, by=board.first, reason="Done.")
    before = program.read(f"ResearchSubject/{part.pk}")
    assert before["status"] == "off-study"
    joining.follow()
    assert program.read(f"ResearchSubject/{part.pk}") == before


def test_who_stayed_until_the_end_is_off_the_study(app, ana, study):
    part = studying.join(ana, study, until=clock.now() + timedelta(days=2))
    with time_machine.travel(part.until, tick=False):
        assert app(ana, scope=NAMED).read(f"ResearchSubject/{part.pk}")["status"] == "off-study"


def test_it_is_part_of_everything_and_of_an_export(app, ana, part):
    program = app(ana, scope=f"patient/*.rs {NAMED}")
    whole = program.read(f"Patient/{ana.patient.pk}/$everything")
    assert str(part.pk) in {one["resource"]["id"] for one in whole["entry"]}
    job = program.get("Patient/$export", Prefer="respond-async")["Content-Location"].partition("/fhir/")[2]
    [file] = [one for one in program.read(job)["output"] if one["type"] == "ResearchSubject"]
    assert file["count"] == 1


# --- Nobody else ---------------------------------------------------------------------------------
def test_nobody_else_is_told(app, ward, ana, ben, lee, rosa, part):
    people.give(ana, lee, *Category)
    scope = "user/*.cruds user/ResearchSubject.rs"
    for program in (ward(lee, scope=scope), ward(rosa, scope=scope), app(ben, scope=NAMED)):
        assert program.get(f"ResearchSubject/{part.pk}").status_code == 404
        assert program.find("ResearchSubject") == []
    assert not lines("joining.read", ana)


HIDES = (
    "ResearchSubject",
    "ResearchSubject?_summary=count",
    "ResearchSubject?_include=*&_revinclude=*",
    "ResearchSubject?status=on-study&_count=1",
    "ResearchSubject?study=ResearchStudy/{study}",
    "ResearchSubject?study.title=Sleep",
    "ResearchSubject?patient=Patient/{patient}&_sort=-_lastUpdated",
    "ResearchSubject/_history",
    "ResearchSubject/{part}",
    "ResearchSubject/{part}/_history",
    "ResearchSubject/{part}/_history/1",
    "ResearchSubject/{part}/$validate",
    "ResearchStudy",
    "ResearchStudy?_revinclude=ResearchSubject:study",
    "ResearchStudy?_has:ResearchSubject:study:status=on-study",
    "Patient?_has:ResearchSubject:patient:status=on-study",
    "Patient?_revinclude=ResearchSubject:patient",
    "Patient/{patient}/ResearchSubject",
    "Patient/{patient}/$everything",
    "Patient/{patient}/$everything?_type=ResearchSubject,Patient",
    "_history",
)


@pytest.mark.security
@pytest.mark.privacy
@pytest.mark.parametrize("who", ["app", "clinician", "named"])
def test_two_who_differ_in_having_joined_answer_alike(app, ward, own, study, lee, who):
    both = [people.patient("Ana Costa"), people.patient("Ana Costa")]
    ids = [studying.join(both[0], study).pk, uuid.uuid4()]
    answers = []
    for person, part in zip(both, ids, strict=True):
        own(person).make(visit(person.patient))
        if who == "app":
            program = app(person, scope="patient/*.cruds patient/ResearchStudy.rs")
        else:
            people.give(person, lee, *Category, actions=("read", "write"))
            more = " patient/ResearchSubject.cruds" if who == "named" else ""
            program = ward(lee, scope=f"patient/*.cruds{more}", patient=person.patient)
        names = {"study": study.pk, "part": part, "patient": person.patient.pk}
        told = {one: plain(program.get(one.format(**names))) for one in HIDES}
        body = {**sent(person.patient, uuid.uuid4()), "id": str(part)}
        told["PUT"] = plain(program.put(body, If_Match='W/"1"'))
        told["DELETE"] = plain(program.ask("DELETE", f"ResearchSubject/{part}"))
        answers.append(told)
    assert answers[0] == answers[1]


# --- Nothing is written here ---------------------------------------------------------------------
def test_neither_is_changed_here(own, ana, study, part):
    program = own(ana, scope="patient/*.cruds patient/ResearchSubject.cruds patient/ResearchStudy.cruds")
    patch = [{"op": "replace", "path": "/status", "value": "withdrawn"}]
    for name in (f"ResearchSubject/{part.pk}", f"ResearchStudy/{study.pk}"):
        told = program.read(name)
        for answer in (
            program.put({**told, "status": "withdrawn"}, If_Match='W/"1"'),
            program.ask("DELETE", name),
            program.ask("PATCH", name, patch, kind="application/json-patch+json"),
        ):
            assert answer.status_code == 405, said(answer)
            assert "portal" in said(answer)
    part.refresh_from_db()
    assert part.withdrawn_at is None


def test_nobody_joins_by_what_is_sent(own, ana, study, rosa):
    program = own(ana, scope="patient/*.cruds patient/ResearchSubject.cruds")
    for named in (f"{study.pk}/_history/1", study.pk):
        answer = program.ask("POST", "ResearchSubject", sent(ana.patient, named))
        assert answer.status_code == 422, said(answer)
    [issue] = json(answer)["issue"]
    assert (issue["expression"], issue["code"]) == (["ResearchSubject.study"], "business-rule")
    kept = program.make(sent(ana.patient, studying.drafted(rosa).pk))
    turned = {**kept, "study": {"reference": f"ResearchStudy/{study.pk}"}}
    assert program.put(turned).status_code == 422
    assert not Joining.objects.exists()
