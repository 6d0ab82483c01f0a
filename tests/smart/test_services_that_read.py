"""Services that read: of patients who let them in, what these chose, for minutes, and nothing after a stop."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from audit import queries as audit
from consent import escrow
from consent.access import add_own
from consent.keyholder import backends as keyholder
from consent.models import Grant
from ehr import clock
from ehr.accounts.models import Keyring
from ehr.frame.drafting import draft
from ehr.smart import registering
from ehr.smart.models import App, Authorization, Deposit, Token
from tests import people
from tests.fhir.program import Program, json, result, sadness, said
from tests.smart.signing import jwks, proof
from tests.smart.walking import Walk, post, registered

pytestmark = [pytest.mark.django_db, pytest.mark.security]
READ = "system/*.rs"


@pytest.fixture(autouse=True)
def _nothing_shown():
    keyholder._shown.clear()


@pytest.fixture
def service(max_, ana) -> App:
    return registering.register_reading_service(
        max_.user,
        name="Registry of diabetes",
        words="Counts who is treated how.",
        institution=people.institution(),
        jwks=jwks(),
        scope=READ,
    )


def token(service: App, scope: str = READ, **instead) -> str:
    answer = post("token", grant_type="client_credentials", scope=scope, **proof(service.client_id, **instead))
    assert answer.status_code == 200, answer.json()
    return answer.json()["access_token"]


def let_in(browser, service: App, *, parts=("basic", "labs"), sensitive=(), until="month", things=None):
    """Walk a patient through the pages."""
    page = browser.post(reverse("smart:begin-service", args=[service.client_id]))["Location"]
    form = browser.get(page).context["form"]
    told = {
        "ordinary": parts,
        "sensitive": sensitive,
        "until": until,
        "things": things or form.fields["things"].initial,
    }
    assert browser.post(page, told).status_code == 302
    form = browser.get(f"{page}confirm/").context["form"]
    told = {name: form.fields[name].initial for name in ("ticket", "read")} | {f"also-{one}": "on" for one in sensitive}
    return browser.post(f"{page}confirm/", told)


@pytest.fixture
def filled(ana):
    for resource in (result(ana.patient), sadness(ana.patient)):
        add_own(ana.patient, [draft(ana.patient, resource)], keyring=ana.keyring)


def test_it_reads_of_whoever_let_it_in_and_of_nobody_else(service, ana, anas, ben, filled):
    program = Program(token(service))
    assert program.read("Patient")["total"] == 0
    assert let_in(anas, service).status_code == 302
    assert [one["id"] for one in program.find("Patient")] == [str(ana.patient.pk)]
    assert [one["code"]["text"] for one in program.find("Observation")] == ["Glucose"]
    assert program.get(f"Patient/{ben.patient.pk}").status_code == 404
    assert program.find("Condition") == []


def test_each_look_is_on_the_list_with_its_name(service, ana, anas, filled):
    let_in(anas, service)
    Program(token(service)).find("Observation")
    line = audit.story(ana.patient.pk)[0]
    assert (line.action, line.actor.kind, line.actor.name) == (
        "record.searched",
        "app",
        f"{service.name} ({service.institution.name})",
    )


def test_whose_service_it_is_stands_in_what_is_signed(service, ana, anas):
    let_in(anas, service)
    made = Authorization.objects.get(patient=ana.patient)
    assert f"Registry of diabetes ({service.institution.name}) may see" in made.sentence
    assert made.grant.sentence == made.sentence


def test_it_reads_until_it_is_stopped(service, ana, anas, filled):
    let_in(anas, service)
    program = Program(token(service))
    assert program.read("Observation")["total"] == 1
    anas.post(reverse("smart:stop", args=[Authorization.objects.get(patient=ana.patient).pk]))
    assert program.read("Observation")["total"] == 0
    assert program.get(f"Patient/{ana.patient.pk}").status_code == 404
    assert Program(token(service)).read("Observation")["total"] == 0
    assert not Deposit.objects.exists()


def test_ending_the_permission_itself_is_enough(service, ana, anas, filled):
    from consent.access import own_party  # noqa: PLC0415
    from consent.sharing import grants  # noqa: PLC0415

    let_in(anas, service)
    program = Program(token(service))
    grants.end(Grant.objects.get(), keyring=ana.keyring, by=own_party(ana.patient))
    assert program.read("Observation")["total"] == 0


def test_it_is_over_when_its_time_is(service, ana, anas, filled):
    let_in(anas, service)
    with time_machine.travel(clock.now() + timedelta(days=31), tick=False):
        assert Program(token(service)).read("Observation")["total"] == 0


def test_a_service_that_is_withdrawn_reads_nothing_more(service, anas, filled, max_):
    let_in(anas, service)
    program = Program(token(service))
    registering.withdraw(service, by=max_.user)
    assert program.get("Observation").status_code == 401
    assert post("token", grant_type="client_credentials", scope=READ, **proof(service.client_id)).status_code == 401
    assert not Grant.objects.active(clock.now()).exists()


def test_an_institution_out_of_standing_reads_nothing(service, anas, filled):
    let_in(anas, service)
    program = Program(token(service))
    service.institution.suspended_at = clock.now()
    service.institution.save(update_fields=["suspended_at"])
    assert program.get("Observation").status_code == 401
    assert (
        reverse("smart:begin-service", args=[service.client_id])
        not in anas.get(reverse("smart:services")).content.decode()
    )


def test_signing_out_everywhere_leaves_it_as_a_clinicians_permission_is_left(service, ana, anas, filled):
    let_in(anas, service)
    ana.user.session_epoch += 1
    ana.user.save(update_fields=["session_epoch"])
    assert Program(token(service)).read("Observation")["total"] == 1


def test_a_sensitive_part_is_asked_for_by_itself(service, ana, anas, filled):
    let_in(anas, service, sensitive=["mental-health"])
    assert len(Program(token(service)).find("Condition")) == 1


def test_what_was_not_ticked_is_not_there(service, ana, anas, filled, max_):
    other = registering.register_reading_service(
        max_.user, name="Other", words="X.", institution=people.institution(), jwks=jwks(),
        scope="system/Observation.rs system/Condition.rs system/Patient.rs",
    )  # fmt: skip
    let_in(anas, other, parts=["basic", "labs", "history"], things=["system/Patient.rs", "system/Condition.rs"])
    program = Program(token(other, "system/Observation.rs system/Condition.rs system/Patient.rs"))
    assert program.read("Observation")["total"] == 0
    assert len(program.find("Patient")) == 1


def test_of_what_was_not_ticked_no_deletion_is_told(ana, anas, filled, max_):
    other = registering.register_reading_service(
        max_.user,
        name="Other",
        words="X.",
        institution=people.institution(),
        jwks=jwks(),
        scope="system/Observation.rs system/Patient.rs",
    )
    let_in(anas, other, things=["system/Patient.rs"])
    scope = "launch/patient openid patient/*.cruds"
    walk = Walk(registered(max_, "Editor", scope=scope), anas, scope=scope)
    editor = Program(walk.connected(write="on", until="hour")["access_token"])
    assert editor.ask("DELETE", f"Observation/{editor.find('Observation')[0]['id']}").status_code == 204
    program = Program(token(other, "system/Observation.rs system/Patient.rs"))
    job = program.get("Patient/$export?_since=2020-01-01", Prefer="respond-async")["Content-Location"]
    assert json(program.get(job.partition("/fhir/")[2]))["deleted"] == []


def test_a_token_is_for_what_was_asked(service, anas, filled):
    let_in(anas, service)
    program = Program(token(service, "system/Patient.rs"))
    assert program.get("Observation").status_code == 403
    assert len(program.find("Patient")) == 1


@pytest.mark.parametrize(
    "scope", ["system/*.c", "system/*.cruds", "system/AuditEvent.rs", "patient/*.rs", "launch", ""]
)
def test_a_service_that_reads_asks_for_nothing_else(service, scope):
    answer = post("token", grant_type="client_credentials", scope=scope, **proof(service.client_id))
    if answer.status_code == 200:
        assert answer.json()["scope"] == READ  # what is left of it
    else:
        assert answer.json()["error"] == "invalid_scope"


@pytest.mark.parametrize("scope", ["system/*.cruds", "system/Consent.rs", "patient/*.rs", "nothing", ""])
def test_it_is_registered_for_reading_only(max_, ana, scope):
    with pytest.raises(ValidationError):
        registering.register_reading_service(
            max_.user, name="X", words="X.", institution=people.institution(), jwks=jwks(), scope=scope
        )
    assert not App.objects.exists()


def test_it_writes_nothing(service, ana, anas, filled):
    let_in(anas, service)
    program = Program(token(service))
    found = program.find("Observation")[0]
    assert program.ask("POST", "Observation", result(ana.patient)).status_code == 403
    assert program.put(found).status_code in {403, 404}
    assert program.ask("DELETE", f"Observation/{found['id']}").status_code in {403, 404}
    subscription = {"resourceType": "Subscription", "status": "requested", "criteria": "x", "reason": "x"}
    assert program.ask("POST", "Subscription", subscription).status_code in {400, 403, 422}
    for kind in ("AuditEvent", "Consent"):
        assert program.get(kind).status_code == 403


def test_its_token_lives_five_minutes_and_is_not_renewed(service, anas, filled):
    let_in(anas, service)
    answer = post("token", grant_type="client_credentials", scope=READ, **proof(service.client_id)).json()
    assert answer["expires_in"] <= 300
    assert "refresh_token" not in answer
    with time_machine.travel(clock.now() + timedelta(seconds=301), tick=False):
        assert Program(answer["access_token"]).get("Observation").status_code == 401


def test_a_statement_gets_one_token(service):
    shown = proof(service.client_id)
    assert post("token", grant_type="client_credentials", scope=READ, **shown).status_code == 200
    assert post("token", grant_type="client_credentials", scope=READ, **shown).status_code == 401


def test_a_copy_of_the_database_opens_nothing_of_it(service, ana, anas, filled):
    let_in(anas, service)
    shown = token(service)
    row = Token.objects.get(kind="access")
    assert shown.encode() not in bytes(row.keys)
    keyring = Keyring.objects.get(reader=service.reader)
    own = Keyring.objects.get(reader=Authorization.objects.get(patient=ana.patient).version.reader)
    assert own.by_passphrase is None
    assert bytes(keyring.by_passphrase) != bytes(row.keys)


def test_a_deposit_moved_to_another_patient_opens_nothing(service, ana, anas, ben, filled):
    from tests.security.world import browser_of  # noqa: PLC0415

    let_in(anas, service)
    let_in(browser_of(ben), service)
    one = Deposit.objects.get(authorization__patient=ana.patient)
    Deposit.objects.filter(authorization__patient=ben.patient).update(sealed=bytes(one.sealed))
    program = Program(token(service))
    assert [one["id"] for one in program.find("Patient")] == [str(ana.patient.pk)]


def test_a_permission_written_into_the_database_opens_nothing(service, ana, anas, ben, filled):
    let_in(anas, service)
    Authorization.objects.filter(patient=ana.patient).update(patient=ben.patient, user=ben.user)
    program = Program(token(service))
    assert program.find("Patient") == []
    assert program.find("Observation") == []


@pytest.mark.parametrize(
    "instead",
    [
        {"categories": ["basic", "labs", "mental-health"]},
        {"scope": "system/*.cruds"},
        {"ends_at": clock.now() + timedelta(days=999)},
    ],
)
def test_a_row_that_was_widened_opens_nothing(service, ana, anas, filled, instead):
    let_in(anas, service)
    Authorization.objects.filter(patient=ana.patient).update(**instead)
    assert Program(token(service)).find("Patient") == []


def test_other_keys_in_the_row_get_no_keyring(service, anas, filled):
    let_in(anas, service)
    App.objects.filter(pk=service.pk).update(jwks=jwks("RS384"))
    answer = post("token", grant_type="client_credentials", scope=READ, **proof(service.client_id, kind="RS384"))
    assert answer.json()["error"] == "temporarily_unavailable"
    assert not Token.objects.exists()


def test_while_the_keyholder_is_away_there_is_no_token(service, monkeypatch):
    def away(*_args, **_more):
        raise escrow.KeyholderAway

    monkeypatch.setattr(escrow, "require_keyholder", away)
    answer = post("token", grant_type="client_credentials", scope=READ, **proof(service.client_id))
    assert answer.json()["error"] == "temporarily_unavailable"


def test_the_same_page_sent_twice_lets_it_in_once(service, ana, anas, filled, monkeypatch):
    let_in(anas, service)
    let_in(anas, service, parts=["basic"])
    live = Authorization.objects.live(clock.now()).filter(patient=ana.patient)
    assert [one.categories for one in live] == [["basic"]]
    assert Grant.objects.active(clock.now()).count() == 1


def test_only_a_patient_lets_it_in(service, lees, lee):
    assert Client().get(reverse("smart:services")).status_code == 302
    assert lees.get(reverse("smart:services")).status_code == 404
    assert lees.post(reverse("smart:begin-service", args=[service.client_id])).status_code == 404


def test_a_service_that_sends_is_not_let_in(max_, anas):
    sends = registering.register_service(
        max_.user, name="Feed", publisher="City Lab", words="Sends.", source="City Lab", jwks=jwks()
    )
    assert anas.post(reverse("smart:begin-service", args=[sends.client_id])).status_code == 404
    assert "Feed" not in anas.get(reverse("smart:services")).content.decode()


def test_it_exports_those_who_let_it_in(service, ana, anas, ben, filled):
    let_in(anas, service)
    program = Program(token(service))
    for path in ("Patient/$export", "Group/mine/$export"):
        job = program.get(path, Prefer="respond-async")["Content-Location"].partition("/fhir/")[2]
        # The next token is another one, of the same service.
        program = Program(token(service))
        manifest = json(program.get(job))
        assert {one["type"]: one["count"] for one in manifest["output"]} == {"Observation": 1, "Patient": 1}
        for one in manifest["output"]:
            answer = program.get(one["url"].partition("/fhir/")[2])
            assert answer.status_code == 200, said(answer)
            assert str(ben.patient.pk).encode() not in answer.content
    assert [one["entity"]["reference"] for one in program.read("Group/mine")["member"]] == [f"Patient/{ana.patient.pk}"]
    anas.post(reverse("smart:stop", args=[Authorization.objects.get(patient=ana.patient).pk]))
    for one in manifest["output"]:
        assert program.get(one["url"].partition("/fhir/")[2]).status_code == 404


def test_another_service_has_no_part_in_it(service, ana, anas, filled, max_):
    let_in(anas, service)
    other = registering.register_reading_service(
        max_.user, name="Other", words="X.", institution=people.institution(), jwks=jwks(), scope=READ
    )
    program = Program(token(service))
    job = program.get("Patient/$export", Prefer="respond-async")["Content-Location"].partition("/fhir/")[2]
    stranger = Program(token(other))
    assert stranger.find("Patient") == []
    assert stranger.get(job).status_code == 404


def test_the_page_says_whose_service_it_is(service, anas):
    page = anas.post(reverse("smart:begin-service", args=[service.client_id]))["Location"]
    text = re.sub(r"\s+", " ", anas.get(page).content.decode())
    assert service.institution.name in text
    assert "Its agreement and accreditation were checked by us." in text
