"""Registering, deciding, finding and checking by /api/v1."""

import base64

import pytest
from django.contrib.auth.models import Permission

from ehr.accounts.models import User
from providers.models import Clinician, Credential
from tests import people
from tests.api.conftest import enrolled, signed_in

LICENCE = {
    "professional_name": "Rosa Lima",
    "role": "nurse",
    "number": "N-1234",
    "issuing_body": "College of Nurses",
    "country": "CA",
    "training": "Nursing",
    "expires": "2090-01-01",
    "evidence": base64.b64encode(b"%PDF-1.7 a licence").decode(),
}


@pytest.fixture
def rosa(ground):
    return people.account("Rosa Lima")


@pytest.fixture
def verifier(ground):
    made = people.account("Vera Fier", staff=True)
    made.user.user_permissions.add(Permission.objects.get(codename="decide_credential"))
    made.user = User.objects.get(pk=made.user.pk)
    return signed_in(enrolled(made))


def handed_in(rosa):
    answer = signed_in(rosa).post("providers/registration", LICENCE)
    assert answer.status_code == 201, answer.told
    return answer.told


def test_a_provider_registers_and_waits_for_somebody_else_s_decision(rosa):
    assert handed_in(rosa)["status"] == "pending"
    assert Clinician.objects.get().user == rosa.user


def test_a_verifier_approves(rosa, verifier):
    made = handed_in(rosa)
    told = {"approve": True, "reason": "The register has them."}
    answer = verifier.post(f"providers/credentials/{made['id']}/decision", told)
    assert answer.told["status"] == "approved"


def test_a_verifier_refuses(rosa, verifier):
    made = handed_in(rosa)
    told = {"approve": False, "reason": "The register does not have them."}
    assert verifier.post(f"providers/credentials/{made['id']}/decision", told).told["status"] == "refused"


def test_nobody_decides_about_their_own(rosa, as_lee):
    made = handed_in(rosa)
    told = {"approve": True, "reason": "I know myself."}
    assert as_lee.post(f"providers/credentials/{made['id']}/decision", told).status_code == 404
    assert Credential.objects.get(pk=made["id"]).status == Credential.Status.PENDING


def test_evidence_that_is_no_document_is_refused_and_nobody_registered(rosa):
    told = LICENCE | {"evidence": base64.b64encode(b"hello").decode()}
    assert signed_in(rosa).post("providers/registration", told).status_code == 409
    assert not Clinician.objects.filter(user=rosa.user).exists()


def test_evidence_that_is_not_base64_is_named(rosa):
    answer = signed_in(rosa).post("providers/registration", LICENCE | {"evidence": "…"})
    assert list(answer.told["errors"]) == ["evidence"]


def test_anybody_checks_a_licence_and_learns_nobody_s_name(nobody, lee):
    licence = lee.user.clinician.credentials.get()
    answer = nobody.get(f"licences/check?issuer={licence.issuing_body}&number={licence.licence_number}")
    assert set(answer.told) == {"status", "until", "digest"}


def test_a_licence_nobody_holds_is_unknown(ground, nobody):
    assert nobody.get("licences/check?issuer=College&number=0").told["status"] == "unknown"


def test_a_patient_finds_whom_to_let_in(as_ana, lee):
    told = as_ana.get("clinicians?words=lee").told
    assert [one["id"] for one in told["items"]] == [str(lee.user.pk)]


def test_the_institutions_are_there_to_choose_from(as_ana, lee):
    assert [one["name"] for one in as_ana.get("institutions").told["items"]] == ["Harbour Medical Centre"]
