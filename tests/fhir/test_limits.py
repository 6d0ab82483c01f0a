"""Formats, sizes, rates, and words for everything that goes wrong."""

import gzip
import zlib

import pytest
import redis
from django.db import OperationalError

from ehr import clock
from ehr.fhir import capability, rates, reading, wire
from ehr.r4 import parameters, text, validate
from tests.fhir.program import Program, etag, json, result, said

pytestmark = pytest.mark.django_db


def test_what_the_server_says_of_itself_is_fhir_and_true():
    answer = Program().get("metadata")
    statement = json(answer)
    assert answer.status_code == 200
    assert validate.check(statement) == []
    kinds = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert {"Patient", "Observation", "Condition", "Provenance", "DocumentReference", "Coverage"} <= set(kinds)
    said_of = {one["name"] for one in kinds["Observation"]["searchParam"]}
    assert said_of == set(parameters.supported("Observation"))
    assert statement["software"]["version"] == capability.VERSION
    done = {one: {code["code"] for code in kinds[one]["interaction"]} for one in ("Patient", "Consent", "AuditEvent")}
    assert "create" not in done["Patient"] | done["AuditEvent"]
    assert "update" not in done["Consent"] | done["AuditEvent"]


def test_xml_is_refused_with_words(own, ana):
    program = own(ana)
    assert Program().get("metadata", Accept="application/fhir+xml").status_code == 406
    assert Program().get("metadata?_format=xml").status_code == 406
    assert Program().get("metadata?_format=json", Accept="text/html").status_code == 200
    assert Program().get("metadata", Accept="text/html").status_code == 406
    assert Program().get("metadata", Accept="text/html, */*;q=0.1").status_code == 200
    answer = program.ask("POST", "Observation", b"<Observation/>", kind="application/fhir+xml")
    assert answer.status_code == 415
    assert "XML" in json(answer)["issue"][0]["diagnostics"]
    assert program.ask("POST", "Observation/_search", b"{}").status_code == 415
    assert program.ask("PATCH", "Observation/x", [], kind="application/xml-patch+xml").status_code in {404, 415}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "Nothing", 404),
        ("GET", "Questionnaire", 404),
        ("GET", "Observation/../../etc", 404),
        ("GET", "Observation/1/2/3/4", 404),
        ("GET", "Observation/not-an-id", 404),
        ("GET", "Observation/0B0E4A3C-9BD2-4B6D-8C0F-3A5F2A5D9F11", 404),
        ("DELETE", "metadata", 405),
        ("GET", "", 405),
        ("PATCH", "Observation/_history", 405),
        ("GET", "Observation?_count=x", 400),
        ("GET", "Observation?date=%FF", 400),
        ("GET", "Observation?code=%00", 400),
        ("GET", "a/b/c/d%0Ae", 404),
        ("POST", "Observation/%0A", 405),
        ("GET", "%0A", 404),
    ],
)
def test_each_refusal_is_an_outcome(own, ana, method, path, status):
    answer = own(ana).ask(method, path)
    assert answer.status_code == status, said(answer)
    assert json(answer)["resourceType"] == "OperationOutcome"
    assert validate.check(json(answer)) == []
    assert answer["Cache-Control"] == "no-store"


def test_what_is_no_json_is_told_where_it_breaks_and_not_what_it_says(own, ana):
    program = own(ana)
    for body in (b'{"resourceType": "Obs', b"[]", b'{"a": 1}', b"\xff\xfe", b"[" * 3000, b'{"resourceType": 1}'):
        answer = program.ask("POST", "Observation", body)
        assert answer.status_code == 400, said(answer)
    assert "Obs" not in answer.content.decode().replace("Observation", "")


def test_a_body_has_a_bound_packed_or_not(own, ana, settings):
    program = own(ana)
    packed = gzip.compress(text.dumps(result(ana.patient)))
    assert program.ask("POST", "Observation", packed, Content_Encoding="gzip").status_code == 201
    settings.FHIR_BODY_BYTES = 20_000
    assert program.ask("POST", "Observation", b" " * 20_001).status_code == 413
    bomb = gzip.compress(b" " * 50_000_000)
    answer = program.ask("POST", "Observation", bomb[:19_000], Content_Encoding="gzip")
    assert answer.status_code == 413
    settings.FHIR_BODY_BYTES = 10**6
    assert program.ask("POST", "Observation", bomb, Content_Encoding="gzip").status_code == 413
    for broken in (packed[:-4], packed + packed, b"not packed", zlib.compress(b"{}")):
        assert program.ask("POST", "Observation", broken, Content_Encoding="gzip").status_code == 400
    assert program.ask("POST", "Observation", packed, Content_Encoding="br").status_code == 415


def test_answers_are_packed_for_who_takes_that(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient, words="Glucose " * 200))
    answer = program.get(f"Observation/{made['id']}", Accept_Encoding="gzip")
    assert answer["Content-Encoding"] == "gzip"
    assert json(answer) == made
    lengths = {len(program.get(f"Observation/{made['id']}", Accept_Encoding="gzip").content) for _ in range(8)}
    assert len(lengths) > 1


def test_too_deep_is_refused(own, ana):
    deep: dict = {}
    for _ in range(70):
        deep = {"url": "http://a.example", "extension": [deep]}
    answer = own(ana).ask("POST", "Observation", result(ana.patient, extension=[deep]))
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"code={number}" for number in range(100)),
        "code=" + ",".join(map(str, range(300))),
        "code=" + "x" * 5_000,
        "&".join(["_include=Observation:subject"] * 30),
        "_sort=code,date,status,_id,_lastUpdated,subject",
    ],
)
def test_a_question_has_an_end(own, ana, query):
    assert own(ana).get(f"Observation?{query}").status_code == 400


def test_a_page_has_an_end(own, ana):
    bundle = own(ana).read("Observation?_count=5000")
    assert "_count=200" in bundle["link"][0]["url"]


def test_a_client_that_asks_too_often_is_told_when_to_come_again(own, ana, ben, settings):
    settings.FHIR_REQUESTS_PER_MINUTE, settings.REDIS_URL = 3, ""
    program = own(ana)
    assert [program.get("Observation").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = program.get("Observation")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert json(answer)["issue"][0]["code"] == "throttled"
    assert own(ben).get("Observation").status_code == 200


def test_without_redis_each_process_counts_by_itself(own, ana, settings, monkeypatch):
    settings.FHIR_REQUESTS_PER_MINUTE, settings.REDIS_URL = 1, "redis://127.0.0.1:1/0"

    def gone(*args, **more):
        raise redis.ConnectionError

    monkeypatch.setattr(rates, "_connected", gone)
    monkeypatch.setattr(rates, "_silent_until", 0.0)
    program = own(ana)
    assert [program.get("Observation").status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("problem", "status"),
    [(KeyError("Ana"), 500), (clock.ClockUnsure("late"), 503), (OperationalError("database is locked"), 503)],
)
def test_what_breaks_says_nothing_of_anybody(own, ana, monkeypatch, problem, status, caplog):
    def broken(*args, **more):
        raise problem

    monkeypatch.setattr(reading.records, "patients_of", broken)
    answer = own(ana).get("Observation/0b0e4a3c-9bd2-4b6d-8c0f-3a5f2a5d9f11")
    assert answer.status_code == status
    assert "Ana" not in answer.content.decode()


def test_no_cookie_is_read_or_set(client, ana):
    client.force_login(ana.user, backend="ehr.accounts.backends.Passphrase")
    answer = client.get("/fhir/Observation")
    assert answer.status_code == 401
    assert not answer.cookies
    assert client.post("/fhir/Observation", {}).status_code == 401


def test_scripts_of_other_pages_may_ask_with_a_token():
    answer = Program().ask("OPTIONS", "Observation", Origin="https://app.example")
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer
    assert "If-Match" in answer["Access-Control-Allow-Headers"]
    assert "PATCH" in answer["Access-Control-Allow-Methods"]


def test_a_head_is_a_read_without_its_body(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    answer = program.ask("HEAD", f"Observation/{made['id']}")
    assert (answer.status_code, answer["ETag"], answer.content) == (200, etag(made["id"], 1), b"")


def test_another_hosts_name_is_refused(client):
    answer = client.get("/fhir/metadata", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 400
    assert json(answer)["resourceType"] == "OperationOutcome"


def test_times_are_as_headers_have_them():
    assert wire.http_date(clock.now()).endswith("GMT")
