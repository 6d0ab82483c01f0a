"""The nightly re-check with a register, on loopback, that answers as the test says."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from audit.models import EventBody
from ehr import clock
from ehr.notices.models import Notice
from providers import checks, queries, tasks
from providers.models import Credential, Institution
from tests.providers import people

pytestmark = [pytest.mark.django_db, pytest.mark.point(4)]
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class Answers(BaseHTTPRequestHandler):
    """Says what `server.reply` holds: (status, body)."""

    def do_GET(self):
        self.server.asked.append(self.path)
        status, body = self.server.reply
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Nothing on the test's output."""


@pytest.fixture
def register(settings):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.CREDENTIAL_CHECK_URL = f"http://127.0.0.1:{server.server_port}/licences?key=k"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def says(register, status: str):
    register.reply = (200, json.dumps({"status": status}).encode())


def at(moment):
    clock.watch.forget()
    return time_machine.travel(moment, tick=False)


@pytest.fixture
def confirmed(ward):
    """The moment at which Dr Lee's licence was last confirmed, at a whole second; all else runs for years."""
    moment = clock.now().replace(microsecond=0)
    Credential.objects.update(confirmed_at=moment, expires_at=moment + 3 * people.YEAR)
    Institution.objects.update(agreement_until=moment + 3 * people.YEAR, accreditation_until=moment + 3 * people.YEAR)
    return moment


def test_j12_6_a_confirmed_licence_goes_on_and_only_the_licence_is_told(ward, register):
    says(register, "valid")
    assert tasks.recheck_credentials() == {"confirmed": 1, "withdrawn": 0, "unanswered": 0, "warned": 0}
    (path,) = register.asked
    assert parse_qs(urlsplit(path).query) == {
        "key": ["k"],
        "issuer": ["College of Physicians of Ontario"],
        "number": ["48-213"],
    }


@pytest.mark.parametrize(
    ("answer", "because"),
    [
        ("suspended", "credential-suspended"),
        ("revoked", "credential-revoked"),
        ("expired", "credential-suspended"),
    ],
)
def test_j12_6_what_the_register_withdraws_stops_here_at_once(ward, register, answer, because):
    says(register, answer)
    assert tasks.recheck_credentials()["withdrawn"] == 1
    assert queries.standing(ward.lee.user).because == because


def test_a_licence_of_two_roles_is_withdrawn_once(ward, register):
    people.credentials.approve(people.submitted(ward.lee, role="nurse"), by=ward.vera, reason="Register.")
    says(register, "revoked")
    assert tasks.recheck_credentials()["withdrawn"] == 2
    assert set(Credential.objects.values_list("status", flat=True)) == {"revoked"}


def test_j12_6_a_register_that_does_not_answer_closes_after_72_hours_of_grace(ward, register, confirmed):
    register.reply = (503, b"")
    night = confirmed + timedelta(hours=24)
    with at(night):
        assert tasks.recheck_credentials()["unanswered"] == 1
        assert queries.standing(ward.lee.user).ok
    with at(night + 72 * HOUR - SECOND):
        assert queries.standing(ward.lee.user).ok
    with at(night + 72 * HOUR + SECOND):
        assert queries.standing(ward.lee.user).because == "check-overdue"


def test_j12_6_a_check_that_never_runs_closes_as_surely(ward, register, confirmed):
    with at(confirmed + 96 * HOUR + SECOND):
        assert queries.standing(ward.lee.user).because == "check-overdue"


def test_j12_6_an_answer_opens_again_what_silence_closed(ward, register, confirmed):
    says(register, "valid")
    with at(confirmed + 120 * HOUR):
        assert not queries.standing(ward.lee.user).ok
        tasks.recheck_credentials()
        assert queries.standing(ward.lee.user).ok


def test_j12_6_a_failed_check_alerts_each_verifier_once_a_day_and_is_on_the_log(ward, register):
    register.reply = (503, b"")
    tasks.recheck_credentials()
    tasks.recheck_credentials()
    told = Notice.objects.filter(kind="desk.check-failed", about=ward.credential.pk)
    assert set(told.values_list("user", flat=True)) == {ward.vera.pk, ward.victor.pk}
    assert told.count() == 2
    bodies = [json.loads(bytes(row.payload)) for row in EventBody.objects.all()]
    assert [one["because"] for one in bodies if one["action"] == "credential.unconfirmed"] == ["status-503"] * 2


def test_without_a_register_the_verifiers_word_stands(ward, settings, confirmed):
    settings.CREDENTIAL_CHECK_URL = ""
    with at(confirmed + timedelta(days=30)):
        assert tasks.recheck_credentials() == {"confirmed": 0, "withdrawn": 0, "unanswered": 0, "warned": 0}
        assert queries.standing(ward.lee.user).ok


@pytest.mark.parametrize(
    "reply",
    [
        (302, b""),
        (404, b'{"status": "valid"}'),
        (200, b"valid"),
        (200, b'"valid"'),
        (200, b"{}"),
        (200, b'{"status": "fine"}'),
    ],
)
def test_only_a_plain_answer_confirms(register, settings, reply):
    register.reply = reply
    with pytest.raises(checks.NoAnswer):
        checks.Register(settings.CREDENTIAL_CHECK_URL).ask("College", "7")
    assert len(register.asked) == 1


def test_a_register_without_tls_is_asked_on_this_machine_only():
    with pytest.raises(checks.NoAnswer, match="not-https"):
        checks.Register("http://register.example/").ask("College", "7")


def test_a_register_that_is_down_is_no_answer():
    with pytest.raises(checks.NoAnswer, match="Refused"):
        checks.Register("http://127.0.0.1:9/").ask("College", "7")


def test_clinicians_hear_30_and_7_days_before_the_end_and_after_it_once_each(ward):
    end = clock.now() + timedelta(days=60)
    Credential.objects.update(expires_at=end)
    heard = []
    for days in (31, 29, 20, 6, 5, -1, -2):
        with at(end - timedelta(days=days)):
            tasks.recheck_credentials()
            told = Notice.objects.filter(user=ward.lee.user, kind__in=["credential.expiring", "credential.expired"])
            heard.append(told.count())
    assert heard == [0, 1, 1, 2, 2, 3, 3]
