"""An app is told that something is new in a record that it may read: signed, in order, and never what it is."""

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import replace

import pytest

from audit import queries as audit
from audit import sequencer
from consent.access import add_own, own_party
from consent.models import Grant
from consent.sharing import grants
from ehr.fhir import tasks
from ehr.fhir.models import Notification, Subscription
from ehr.fhir.subscriptions import terms
from ehr.frame.drafting import draft
from ehr.r4 import validate
from ehr.smart.models import Authorization
from ehr.words import Category
from tests import people
from tests.fhir.program import Program
from tests.receiving import listening
from tests.smart.walking import registered

PULSE = {"resourceType": "Observation", "status": "final", "code": {"text": "Pulse"}, "valueString": "72"}
HOOK = {"type": "rest-hook", "payload": "application/fhir+json"}
ASTHMA = {"resourceType": "Condition", "code": {"text": "Asthma"}}


class Connected:
    """An app that its patient let in to results and history, with a token that may subscribe."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def __call__(self, method: str, address: str, body: object = None):
        answer = self.program.ask(method, address, body)
        answer.told = json.loads(answer.content) if answer.content else None
        return answer


@pytest.fixture
def receiver(settings):
    settings.DEBUG, settings.HOOK_NETWORKS = True, ["127.0.0.0/8"]
    with listening() as there:
        yield there


@pytest.fixture
def connect(app, held, ana):
    """Return a way to let an app in, as somebody's authorization has it."""

    def made(name: str = "Heartbeat", scope: str = "patient/*.rs patient/Subscription.cruds") -> Connected:
        program = app(ana, Category.LABS, Category.HISTORY, scope=scope, name=name)
        token = next(reversed(held))
        keyring, grant = held[token].keyring, Grant.objects.latest("made_at")
        authorization = Authorization.objects.create(
            kind=Authorization.Kind.PATIENT,
            app=registered(people.account("Max Maker"), name),
            user=ana.user,
            patient=ana.patient,
            grant=grant,
            version_id=keyring.version_id,
            scope=scope,
            categories=["history", "labs"],
            ends_at=grant.ends,
        )
        parts = frozenset({Category.LABS, Category.HISTORY})
        held[token] = replace(held[token], authorization_id=authorization.pk, parts=parts)
        return Connected(program)

    return made


@pytest.fixture
def program(connect) -> Connected:
    return connect()


def wanted(ana, receiver, *, content="id-only", query="", header=(), **more) -> dict:
    channel = {
        "type": "rest-hook",
        "endpoint": f"{receiver.url}/news",
        "payload": "application/fhir+json",
        "_payload": {"extension": [{"url": terms.CONTENT, "valueCode": content}]},
    }
    if header:
        channel["header"] = list(header)
    chosen = f"Patient?_id={ana.patient.pk}{query}"
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "news",
        "criteria": terms.topic(),
        "_criteria": {"extension": [{"url": terms.FILTER, "valueString": chosen}]},
        "channel": channel,
    } | more


@pytest.fixture
def begun(program, ana, receiver):
    answer = program("POST", "Subscription", wanted(ana, receiver))
    assert answer.status_code == 201, answer.told
    tasks.tell_subscribers()
    return answer.told


def write(ana, *resources):
    add_own(ana.patient, [draft(ana.patient, one) for one in resources], keyring=ana.keyring)
    while sequencer.sequence():
        pass
    tasks.tell_subscribers()


def heard(receiver) -> list[dict]:
    return [json.loads(body) for _path, _headers, body in receiver.heard]


def kinds(receiver) -> list[str]:
    found = []
    for bundle in heard(receiver):
        parameters = bundle["entry"][0]["resource"]["parameter"]
        found.append(next(one["valueCode"] for one in parameters if one["name"] == "type"))
    return found


def test_the_address_answers_first_and_then_it_is_active(program, begun, receiver):
    assert kinds(receiver) == ["handshake"]
    assert program("GET", f"Subscription/{begun['id']}").told["status"] == "active"


def test_what_is_new_is_told_by_number_time_and_whose_record(begun, ana, receiver):
    write(ana, PULSE)
    assert kinds(receiver) == ["handshake", "event-notification"]
    told = json.dumps(heard(receiver)[1])
    assert f"Patient/{ana.patient.pk}" in told
    assert "Pulse" not in told
    assert "Observation" not in told


def test_an_empty_message_does_not_say_whose_record_it_is(program, ana, receiver):
    program("POST", "Subscription", wanted(ana, receiver, content="empty"))
    tasks.tell_subscribers()
    write(ana, PULSE)
    assert str(ana.patient.pk) not in json.dumps(heard(receiver))


def test_every_message_is_valid_fhir(begun, ana, receiver):
    write(ana, PULSE)
    for bundle in heard(receiver):
        assert [str(problem) for problem in validate.check(bundle)] == []


def test_messages_are_signed_with_the_secret_that_was_told_once(program, begun, receiver):
    secret = next(one["valueString"] for one in begun["extension"] if one["url"] == terms.SECRET)
    _path, headers, body = receiver.heard[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert "extension" not in program("GET", f"Subscription/{begun['id']}").told


def test_the_app_s_own_header_goes_along_and_is_never_told_again(program, ana, receiver):
    made = program("POST", "Subscription", wanted(ana, receiver, header=["Authorization: Bearer s3cret"])).told
    tasks.tell_subscribers()
    assert receiver.heard[0][1]["authorization"] == "Bearer s3cret"
    assert "s3cret" not in json.dumps([made, program("GET", f"Subscription/{made['id']}").told])
    assert b"s3cret" not in bytes(Subscription.objects.get().sealed_header)


def test_of_parts_that_the_app_may_not_read_it_is_told_nothing(begun, ana, receiver):
    grief = {
        "resourceType": "Condition",
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F32.1"}]},
    }
    write(ana, grief)
    assert kinds(receiver) == ["handshake"]


def test_only_the_parts_that_were_named_are_told_of(program, ana, receiver):
    program("POST", "Subscription", wanted(ana, receiver, query="&part=history"))
    tasks.tell_subscribers()
    write(ana, PULSE)
    assert kinds(receiver) == ["handshake"]
    write(ana, ASTHMA)
    assert kinds(receiver) == ["handshake", "event-notification"]


def test_once_the_patient_stops_it_nothing_more_is_posted(program, begun, ana, receiver):
    grants.end(Grant.objects.get(), keyring=ana.keyring, by=own_party(ana.patient))
    write(ana, PULSE)
    assert kinds(receiver) == ["handshake"]


def test_what_waited_when_it_was_stopped_is_not_posted(begun, ana, receiver):
    receiver.answers = [500]
    write(ana, PULSE)
    grants.end(Grant.objects.get(), keyring=ana.keyring, by=own_party(ana.patient))
    Notification.objects.filter(delivered_at=None).update(due_at="2020-01-01T00:00:00Z")
    tasks.tell_subscribers()
    assert len(receiver.heard) == 2  # the handshake, and the try that was not accepted
    assert Notification.objects.filter(delivered_at=None, gave_up_at=None).count() == 0


def test_an_address_that_fails_is_tried_again_in_order(begun, ana, receiver):
    receiver.answers = [500]
    write(ana, PULSE)
    write(ana, PULSE)
    assert Notification.objects.filter(delivered_at=None).count() == 2
    Notification.objects.filter(delivered_at=None).update(due_at="2020-01-01T00:00:00Z")
    tasks.tell_subscribers()
    numbers = [
        next(one["valueString"] for one in bundle["entry"][0]["resource"]["parameter"] if "events-since" in one["name"])
        for bundle in heard(receiver)
    ]
    assert numbers == ["0", "1", "1", "2"]


def test_the_log_read_twice_tells_once(begun, ana, receiver):
    write(ana, PULSE)
    tasks.tell_subscribers()
    assert kinds(receiver).count("event-notification") == 1


def test_the_patient_s_list_says_that_an_app_was_told(begun, ana):
    write(ana, PULSE)
    actions = [line.action for line in audit.story(ana.patient.pk)]
    assert {"subscription.made", "subscription.told"} <= set(actions)


def test_status_counts_the_events(program, begun, ana):
    write(ana, PULSE)
    told = json.dumps(program("GET", f"Subscription/{begun['id']}/$status").told)
    assert '"name": "events-since-subscription-start", "valueString": "1"' in told


def test_deleted_it_is_off_and_posts_nothing(program, begun, ana, receiver):
    assert program("DELETE", f"Subscription/{begun['id']}").status_code == 204
    write(ana, PULSE)
    assert kinds(receiver) == ["handshake"]
    assert program("GET", f"Subscription/{begun['id']}").told["status"] == "off"


def test_an_app_sees_its_own_and_nobody_else_s(program, begun, connect):
    other = connect("Red Button")
    assert other("GET", f"Subscription/{begun['id']}").status_code == 404
    assert other("GET", "Subscription").told["total"] == 0
    assert program("GET", "Subscription").told["total"] == 1


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("", 1),
        ("url={url}/news", 1),
        ("url=https://elsewhere.example/", 0),
        ("url:below={url}", 1),
        ("status=requested,active", 1),
        ("status=off", 0),
        ("type=rest-hook&payload=application/fhir%2Bjson", 1),
        ("_id={id}", 1),
        ("_id=nothing", 0),
    ],
)
def test_what_the_table_of_parameters_lists_finds_them(program, begun, receiver, query, total):
    asked = query.format(url=receiver.url, id=begun["id"])
    assert program("GET", f"Subscription?{asked}").told["total"] == total
    form = program.program.ask("POST", "Subscription/_search", asked.encode(), kind="application/x-www-form-urlencoded")
    assert (form.status_code, json.loads(form.content)["total"]) == (200, total)


def test_a_parameter_that_subscriptions_do_not_have_is_named_or_refused(program, begun):
    answer = program("GET", "Subscription?colour=red")
    assert answer.told["entry"][-1]["search"]["mode"] == "outcome"
    assert program.program.get("Subscription?colour=red", Prefer="handling=strict").status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"criteria": "Observation?code=1"},
        {"channel": {"type": "websocket"}},
        {
            "channel": {
                "type": "rest-hook",
                "endpoint": "http://169.254.169.254/latest",
                "payload": "application/fhir+json",
            }
        },
        {
            "channel": {
                "type": "rest-hook",
                "endpoint": "https://user:pw@example.org/",
                "payload": "application/fhir+json",
            }
        },
        {"channel": {"type": "rest-hook", "endpoint": "https://example.org/", "payload": "text/plain"}},
        {"end": "2020-01-01T00:00:00Z"},
        {"end": "2020-01-01T00:00:60Z"},
        {"end": "9999-12-31T23:59:59-12:00"},
    ],
)
def test_what_cannot_be_told_is_refused_with_its_element(program, ana, receiver, change, settings):
    settings.HOOK_NETWORKS = []
    answer = program("POST", "Subscription", wanted(ana, receiver) | change)
    assert answer.status_code == 422, answer.told
    assert answer.told["issue"][0]["expression"][0].startswith("Subscription.")


@pytest.mark.parametrize("end", ["2020-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"])
def test_an_end_that_has_been_or_that_no_calendar_has_is_refused(program, ana, receiver, end):
    answer = program("POST", "Subscription", wanted(ana, receiver) | {"end": end})
    assert (answer.status_code, answer.told["issue"][0]["expression"]) == (422, ["Subscription.end"])


def test_full_resources_are_never_posted(program, ana, receiver):
    assert program("POST", "Subscription", wanted(ana, receiver, content="full-resource")).status_code == 422


def test_another_patient_s_record_and_nobody_s_answer_alike(program, ben, ana, receiver):
    answers = []
    for pk in (ben.patient.pk, uuid.uuid4()):
        asked = wanted(ana, receiver)
        asked["_criteria"]["extension"][0]["valueString"] = f"Patient?_id={pk}"
        answers.append(program("POST", "Subscription", asked))
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_without_the_scope_nothing_is_begun(connect, ana, receiver):
    assert connect(scope="patient/Observation.rs")("POST", "Subscription", wanted(ana, receiver)).status_code == 403
