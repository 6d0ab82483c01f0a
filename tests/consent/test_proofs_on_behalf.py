"""A grant that a referrer or a delegate signed for a patient is proven from the patient's key, or is not proven."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from consent import proofs
from consent.models import Grant
from consent.proofs import verify_grant
from ehr import clock
from ehr.accounts.models import KeyVersion
from ehr.words import Category
from providers.roles import Role
from tests import people
from tests.consent import delegating
from tests.consent.test_referrals import approve, refer

pytestmark = [pytest.mark.django_db, pytest.mark.security]


def key_of(person) -> bytes:
    return bytes(KeyVersion.objects.get(pk=person.keyring.version_id).author_public)


def paper_of(grant) -> dict:
    return json.loads(json.dumps(proofs.document(Grant.objects.get(pk=grant.pk))))


def findings(paper, **more) -> dict[str, bool]:
    return {one.step: one.holds for one in verify_grant(paper, at=clock.now(), **more)}


def failing(paper, **more) -> set[str]:
    return {step for step, holds in findings(paper, **more).items() if not holds}


@pytest.fixture
def heart(ground):
    return people.clinician("Hana Heart", role=Role.SPECIALIST)


@pytest.fixture
def held(with_record, lee):
    return people.give(with_record, lee, Category.LABS, Category.HISTORY, actions=("read", "write"), days=60)


@pytest.fixture
def mandated(with_record, lee, heart, held):
    """What Dr Lee passed on to Dr Heart under Ana's mandate."""
    people.mandate(with_record, lee)
    return paper_of(refer(lee, with_record, heart).grant)


@pytest.fixture
def rui(with_record):
    return people.account("Rui Costa")


@pytest.fixture
def delegated(with_record, rui, lee):
    """Whom Rui let in in Ana's name."""
    delegating.name(with_record, rui)
    return paper_of(delegating.let_in(with_record, rui, lee))


@pytest.mark.parametrize("kind", ["mandated", "delegated"])
def test_what_was_signed_for_a_patient_is_proven_from_the_patients_own_key(with_record, request, kind):
    paper = request.getfixturevalue(kind)
    held = findings(paper, patient_key=key_of(with_record))
    assert held == dict.fromkeys(held, True)
    assert {"patient", "authority", "within", "under", "signer", "binding"} <= set(held)


def test_the_referrers_key_is_not_taken_for_the_patients(mandated, lee):
    assert failing(mandated, patient_key=key_of(lee)) == {"patient"}


def test_the_delegates_key_is_not_taken_for_the_patients(delegated, rui):
    assert failing(delegated, patient_key=key_of(rui)) == {"patient"}


@pytest.mark.parametrize(("kind", "word"), [("mandated", "referrer"), ("delegated", "delegate")])
def test_the_words_name_who_signed(request, kind, word):
    said = [one.says for one in verify_grant(request.getfixturevalue(kind), at=clock.now())]
    assert f"The {word}’s key stands behind the one-time key." in said
    assert "The patient’s key stands behind the one-time key." not in said


@pytest.mark.parametrize("kind", ["mandated", "delegated"])
def test_a_file_without_what_lets_them_sign_proves_nothing_of_the_patient(request, kind):
    paper = request.getfixturevalue(kind)
    paper["patient_key"] = paper.pop("authority")["signer"]["author_public"]
    assert "authority" in failing(paper)


@pytest.mark.parametrize(
    ("kind", "name", "value", "step"),
    [
        ("mandated", "categories", ["genetic", "labs"], "authority"),
        ("mandated", "days", 1, "within"),
        ("mandated", "until", "2020-01-01T00:00:00.000000Z", "within"),
        ("mandated", "categories", ["history"], "within"),
        ("delegated", "rights", ["read", "share"], "authority"),
        ("delegated", "rights", ["read"], "within"),
        ("delegated", "categories", ["treatment"], "within"),
        ("delegated", "ends", "2020-01-01T00:00:00.000000Z", "within"),
    ],
)
def test_what_lets_them_sign_is_what_the_patient_signed_and_covers_the_grant(request, kind, name, value, step):
    paper = request.getfixturevalue(kind)
    paper["authority"]["terms"][name] = value
    assert step in failing(paper)


@pytest.mark.parametrize("name", ["categories", "actions"])
def test_nobody_proves_more_than_the_patient_let_the_referrer_see(mandated, name):
    mandated["under"]["terms"][name] = []
    assert {"within", "under"} <= failing(mandated)


def test_a_stranger_who_has_the_mandate_proves_nothing_with_a_key_of_their_own(mandated, stranger):
    theirs = KeyVersion.objects.get(pk=stranger.keyring.version_id)
    mandated["authority"]["signer"]["author_public"] = proofs._b64(theirs.author_public)
    assert {"signer", "binding"} <= failing(mandated)


def test_the_signers_key_may_be_known_from_elsewhere(mandated, lee, stranger):
    del mandated["under"]
    assert "signer" in failing(mandated)
    assert "signer" not in failing(mandated, signer_key=key_of(lee))
    assert "signer" in failing(mandated, signer_key=key_of(stranger))


def test_what_a_delegate_may_see_is_signed_by_the_patient_in_person(with_record, rui):
    delegating.name(with_record, rui)
    held = findings(paper_of(Grant.objects.get(kind="delegate")), patient_key=key_of(with_record))
    assert held == dict.fromkeys(held, True)
    assert "signer" not in held


def test_a_referral_that_the_patient_agreed_to_is_the_patients_own(with_record, lee, heart, held):
    paper = paper_of(approve(with_record, refer(lee, with_record, heart)))
    assert "authority" not in paper
    assert not failing(paper, patient_key=key_of(with_record))


def test_a_grant_that_names_nobody_else_is_not_proven_by_another_key(with_record, held, stranger, mandated):
    paper = paper_of(held) | {"authority": mandated["authority"]}
    theirs = KeyVersion.objects.get(pk=stranger.keyring.version_id)
    paper["authority"]["signer"]["author_public"] = proofs._b64(theirs.author_public)
    message = proofs.binding_message(with_record.patient.pk, proofs.digest(held), held.signer)
    paper["binding"] = proofs._b64(stranger.keyring.sign(message))
    assert "binding" in failing(paper, patient_key=key_of(with_record))


def test_without_any_key_of_the_patient_the_file_alone_does_not_prove_who_signed(delegated):
    delegated["patient_key"] = ""
    assert {"authority", "signer"} <= failing(delegated)


def test_the_command_takes_the_signers_key(mandated, with_record, lee, stranger, tmp_path):
    file = tmp_path / "consent.json"
    file.write_text(json.dumps(mandated))
    known = ["--offline", "--patient-key", proofs._b64(key_of(with_record)), "--signer-key"]
    out = StringIO()
    call_command("verify_grant", file, *known, proofs._b64(key_of(lee)), stdout=out)
    assert "The referrer’s key stands behind" in out.getvalue()
    with pytest.raises(CommandError, match="signer"):
        call_command("verify_grant", file, *known, proofs._b64(key_of(stranger)), stdout=StringIO())
