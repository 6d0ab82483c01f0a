"""Licences: handed in, decided by others, withdrawn and restored."""

import json
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.models import EventBody
from ehr import clock
from ehr.accounts import stored
from ehr.chain.models import Transaction
from ehr.notices.models import Mail, Notice
from providers import credentials, licences, queries, rules
from providers.models import Approval, Credential, Evidence, Institution
from providers.rules import NotPossible
from tests.providers import people

pytestmark = [pytest.mark.django_db, pytest.mark.point(4)]
Status = Credential.Status


def events(action: str) -> list[dict]:
    return [body for row in EventBody.objects.all() if (body := json.loads(bytes(row.payload)))["action"] == action]


def calls(method: str) -> list[Transaction]:
    return list(Transaction.objects.filter(contract="ProviderRegistry", method=method).order_by("pk"))


def about(digest: bytes, method: str) -> list[Transaction]:
    return [one for one in calls(method) if digest in bytes(one.calldata)]


@pytest.fixture
def noor(ward):
    return people.registered("Noor Haddad", ward.hospital)


# --- J12 (2): what is asked, and who decides ------------------------------------------------------


@pytest.mark.parametrize("field", ["number", "issuing_body", "country", "training", "role"])
def test_j12_2_a_licence_needs_each_of_its_facts(noor, field):
    told = people.licence("77")
    with pytest.raises(ValidationError):
        credentials.submit_credential(
            noor, licence=type(told)(**{**vars(told), field: ""}), evidence=people.PDF, by=noor.user
        )
    assert not noor.credentials.exists()


def test_j12_2_a_licence_that_has_ended_is_not_taken(noor):
    with pytest.raises(NotPossible, match="already ended"):
        people.submitted(noor, expires_at=clock.now() - timedelta(seconds=1))


@pytest.mark.parametrize("evidence", [b"", b"GIF89a", b"<html>", b" %PDF-1.7"])
def test_j12_2_evidence_is_a_document_or_a_picture(noor, evidence):
    with pytest.raises(NotPossible, match="PDF"):
        credentials.submit_credential(noor, licence=people.licence("77"), evidence=evidence, by=noor.user)


def test_evidence_beyond_five_megabytes_is_not_taken(noor):
    large = people.PDF + bytes(credentials.EVIDENCE_BYTES)
    with pytest.raises(NotPossible, match="5 MB"):
        credentials.submit_credential(noor, licence=people.licence("77"), evidence=large, by=noor.user)


def test_nobody_hands_in_somebody_else_s_licence(noor, vera):
    with pytest.raises(NotPossible, match="their own licence"):
        credentials.submit_credential(noor, licence=people.licence("77"), evidence=people.PDF, by=vera)


def test_a_licence_on_file_for_somebody_else_is_not_taken_twice(ward, noor):
    with pytest.raises(NotPossible, match="somebody else"):
        people.submitted(noor, number="48.213")


def test_a_licence_that_waits_is_not_handed_in_again(noor):
    people.submitted(noor, number="77")
    with pytest.raises(NotPossible, match="already waiting"):
        people.submitted(noor, number="77")


def test_j12_2_the_submitter_does_not_approve(ward, noor):
    own = people.registered("Vic Own", ward.hospital)
    own.user.user_permissions.set(ward.vera.user_permissions.all())
    waiting = people.submitted(own, number="77")
    for verb in (credentials.approve, credentials.refuse):
        with pytest.raises(NotPossible, match="your own licence"):
            verb(waiting, by=own.user, reason="I know myself.")
    waiting.refresh_from_db()
    assert waiting.status == Status.PENDING


@pytest.mark.parametrize("verb", ["approve", "refuse", "suspend", "revoke", "restore"])
def test_only_a_verifier_decides(ward, noor, verb):
    credential = ward.credential if verb in {"suspend", "revoke", "restore"} else people.submitted(noor, number="77")
    before = credential.status
    with pytest.raises(NotPossible, match="Only a credential verifier"):
        getattr(credentials, verb)(credential, by=people.person("Rosa Diaz"), reason="Because.")
    credential.refresh_from_db()
    assert credential.status == before


def test_a_decision_says_what_it_rests_on(ward, noor):
    with pytest.raises(NotPossible, match="rests on"):
        credentials.approve(people.submitted(noor, number="77"), by=ward.vera, reason="  ")


def test_a_decided_licence_is_not_decided_again(ward):
    for verb in (credentials.approve, credentials.refuse):
        with pytest.raises(NotPossible, match="already decided"):
            verb(ward.credential, by=ward.victor, reason="Again.")


def test_a_licence_that_ended_while_it_waited_is_not_approved(ward, noor):
    waiting = people.submitted(noor, number="77")
    Credential.objects.filter(pk=waiting.pk).update(expires_at=clock.now())
    with pytest.raises(NotPossible, match="has ended"):
        credentials.approve(waiting, by=ward.vera, reason="Register.")


def test_j12_2_an_emergency_role_needs_two_different_approvers(ward, noor):
    waiting = people.submitted(noor, number="77", role="emergency")
    assert credentials.approve(waiting, by=ward.vera, reason="Register.").status == Status.PENDING
    assert not queries.standing(noor.user).ok
    with pytest.raises(NotPossible, match="somebody else"):
        credentials.approve(waiting, by=ward.vera, reason="Register, again.")
    assert about(bytes(waiting.digest), "attest") == []
    approved = credentials.approve(waiting, by=ward.victor, reason="Called the college.")
    assert approved.status == Status.APPROVED
    assert queries.standing(noor.user).role == "emergency"
    assert len(about(bytes(waiting.digest), "attest")) == 1
    assert [event["action"] for event in events("credential.half-approved")] == ["credential.half-approved"]


def test_one_refusal_ends_an_application_that_had_one_approval(ward, noor):
    waiting = people.submitted(noor, number="77", role="emergency")
    credentials.approve(waiting, by=ward.vera, reason="Register.")
    assert credentials.refuse(waiting, by=ward.victor, reason="The photograph differs.").status == Status.REFUSED
    assert queries.standing(noor.user).because == "credential-refused"


# --- The database itself refuses the wrong row ----------------------------------------------------


@pytest.mark.parametrize(
    ("role", "first", "second"),
    [
        ("specialist", None, None),
        ("specialist", "submitter", None),
        ("emergency", "vera", None),
        ("emergency", "vera", "vera"),
        ("emergency", "vera", "submitter"),
    ],
)
def test_the_database_refuses_an_approval_by_the_wrong_people(ward, noor, role, first, second):
    waiting = people.submitted(noor, number="77", role=role)
    who = {"vera": ward.vera, "submitter": noor.user, None: None}
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.filter(pk=waiting.pk).update(
            status=Status.APPROVED, first_approver=who[first], second_approver=who[second]
        )


def test_the_database_refuses_a_second_decision_by_the_same_person(ward):
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(
            credential=ward.credential,
            by=ward.vera,
            submitted_by=ward.lee.user,
            decision="approved",
            reason="Twice.",
        )


def test_the_database_refuses_the_same_licence_in_force_twice_for_a_role(ward, noor):
    waiting = people.submitted(noor, number="77")
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.filter(pk=waiting.pk).update(
            digest=bytes(ward.credential.digest), status=Status.APPROVED, first_approver=ward.vera
        )


# --- J12 (3): the registry and the public check ---------------------------------------------------


def test_j12_3_an_approval_queues_the_licence_s_hash_and_end_for_the_registry(ward):
    (call,) = about(rules.licence_digest("College of Physicians of Ontario", "48-213"), "attest")
    assert int(ward.credential.expires_at.timestamp()).to_bytes(32, "big") in bytes(call.calldata)


def test_j12_3_anybody_checks_a_licence_without_learning_who_holds_it(ward):
    seen = licences.public_check("college of physicians of ontario", "48 213")
    assert seen.status == "valid"
    assert seen.digest == rules.licence_digest("College of Physicians of Ontario", "48-213")
    assert seen._fields == ("status", "until", "digest")


def test_j12_3_the_public_check_follows_the_licence_s_life(ward, noor):
    def check():
        return licences.public_check("College of Physicians of Ontario", "77").status

    assert check() == "unknown"
    waiting = people.submitted(noor, number="77")
    assert check() == "unknown"
    credentials.approve(waiting, by=ward.vera, reason="Register.")
    assert check() == "valid"
    credentials.suspend(waiting, by=ward.vera, reason="A complaint.")
    assert check() == "revoked"
    credentials.restore(waiting, by=ward.victor, reason="Unfounded.")
    assert check() == "valid"
    Credential.objects.filter(pk=waiting.pk).update(expires_at=clock.now())
    assert check() == "expired"
    credentials.revoke(waiting, by=ward.victor, reason="Struck off.")
    assert check() == "revoked"


def test_a_withdrawal_is_queued_for_the_registry(ward):
    credentials.revoke(ward.credential, by=ward.vera, reason="Struck off.")
    assert len(about(bytes(ward.credential.digest), "revoke")) == 1


def test_a_restored_licence_takes_the_registry_s_next_entry(ward):
    """For the registry never takes a revocation back."""
    credentials.suspend(ward.credential, by=ward.vera, reason="A complaint.")
    credentials.restore(ward.credential, by=ward.victor, reason="Unfounded.")
    second = rules.licence_digest("College of Physicians of Ontario", "48-213", 2)
    assert len(about(second, "attest")) == 1
    assert licences.public_check("College of Physicians of Ontario", "48-213").digest == second
    credentials.revoke(ward.credential, by=ward.vera, reason="Struck off.")
    assert len(about(second, "revoke")) == 1


def test_revoking_what_is_suspended_withdraws_nothing_twice(ward):
    credentials.suspend(ward.credential, by=ward.vera, reason="A complaint.")
    credentials.revoke(ward.credential, by=ward.vera, reason="Struck off.")
    assert len(calls("revoke")) == 1


def test_a_revoked_licence_handed_in_anew_takes_the_registry_s_next_entry(ward):
    credentials.revoke(ward.credential, by=ward.vera, reason="Struck off.")
    again = credentials.approve(people.submitted(ward.lee), by=ward.vera, reason="Readmitted.")
    assert again.serial == 2
    assert queries.standing(ward.lee.user).ok


def test_a_licence_falls_with_all_its_roles(ward):
    nurse = credentials.approve(people.submitted(ward.lee, role="nurse"), by=ward.vera, reason="Register.")
    assert queries.standing(ward.lee.user).roles == {"specialist", "nurse"}
    fallen = credentials.suspend(nurse, by=ward.vera, reason="A complaint.")
    assert {one.role for one in fallen} == {"specialist", "nurse"}
    assert queries.standing(ward.lee.user).because == "credential-suspended"
    assert len(calls("revoke")) == 1


def test_a_renewed_licence_takes_the_place_of_the_old_one(ward):
    until = clock.now() + 2 * people.YEAR
    renewed = credentials.approve(people.submitted(ward.lee, expires_at=until), by=ward.vera, reason="Register.")
    ward.credential.refresh_from_db()
    assert (ward.credential.status, renewed.status) == (Status.REPLACED, Status.APPROVED)
    assert queries.standing(ward.lee.user).credential_expires == until


def test_what_is_not_in_force_is_not_withdrawn_or_restored(ward, noor):
    waiting = people.submitted(noor, number="77")
    for verb in (credentials.suspend, credentials.revoke, credentials.restore):
        with pytest.raises(NotPossible, match="not"):
            verb(waiting, by=ward.vera, reason="Because.")


# --- The log, the notices, the evidence -----------------------------------------------------------


def test_every_step_is_on_the_log_with_who_and_which(ward):
    credentials.suspend(ward.credential, by=ward.vera, reason="A complaint.")
    for action, who in (("submitted", "Dr Amy Lee"), ("approved", "Vera Stone"), ("suspended", "Vera Stone")):
        (event,) = events(f"credential.{action}")
        assert event["actor"]["name"] == who
        assert event["details"]["credential"] == str(ward.credential.pk)
        assert event["details"]["user"] == str(ward.lee.user_id)


def test_the_log_holds_neither_the_licence_number_nor_the_reason(ward):
    credentials.revoke(ward.credential, by=ward.vera, reason="Struck off for forgery.")
    told = b"".join(bytes(row.payload) for row in EventBody.objects.all())
    assert b"48-213" not in told
    assert b"forgery" not in told


def test_a_failed_step_leaves_neither_row_nor_line(ward, noor, monkeypatch):
    waiting = people.submitted(noor, number="77")

    def fail(*_args, **_kwargs):
        raise OSError("no room left")

    monkeypatch.setattr(credentials.notices, "notify", fail)
    with pytest.raises(OSError, match="no room"):
        credentials.approve(waiting, by=ward.vera, reason="Register.")
    waiting.refresh_from_db()
    assert waiting.status == Status.PENDING
    assert len(events("credential.approved")) == 1  # Dr Lee's
    assert about(bytes(waiting.digest), "attest") == []


@pytest.mark.parametrize("verb", ["suspend", "revoke"])
def test_the_clinician_is_told_of_a_withdrawal_in_its_own_commit(ward, verb):
    getattr(credentials, verb)(ward.credential, by=ward.vera, reason="Because.")
    kind = {"suspend": "credential.suspended", "revoke": "credential.revoked"}[verb]
    assert Notice.objects.filter(user=ward.lee.user, kind=kind, about=ward.credential.pk).count() == 1
    assert Mail.objects.filter(kind=kind).count() == 1


def test_verifiers_are_told_that_a_licence_waits_but_not_about_their_own(ward):
    ward.victor.is_active = False
    ward.victor.save()
    Notice.objects.all().delete()
    waiting = people.submitted(people.registered("Noor Haddad", ward.hospital), number="77")
    assert list(Notice.objects.filter(about=waiting.pk).values_list("user", flat=True)) == [ward.vera.pk]


def test_the_evidence_is_sealed_at_rest(ward):
    row = Evidence.objects.get(credential=ward.credential)
    assert b"scanned licence" not in bytes(row.sealed)
    assert (row.media_type, row.size) == ("application/pdf", len(people.PDF))


@pytest.mark.django_db(transaction=True)
def test_a_verifier_opens_the_evidence_and_the_look_is_on_the_log_first(transactional_db):
    ward = people.ward()
    assert credentials.open_evidence(ward.credential, by=ward.vera) == (people.PDF, "application/pdf")
    (event,) = events("evidence.opened")
    assert event["actor"]["name"] == "Vera Stone"


@pytest.mark.django_db(transaction=True)
def test_nobody_else_opens_the_evidence_and_the_try_is_on_the_log(transactional_db):
    ward = people.ward()
    with pytest.raises(NotPossible):
        credentials.open_evidence(ward.credential, by=ward.lee.user)
    assert events("evidence.refused")[0]["outcome"] == "refused"


@pytest.mark.django_db(transaction=True)
def test_evidence_moved_to_another_licence_does_not_open(transactional_db):
    ward = people.ward()
    other = people.submitted(people.registered("Noor Haddad", ward.hospital), number="77")
    Evidence.objects.filter(credential=other).update(sealed=ward.credential.evidence.sealed)
    with pytest.raises(stored.NotOurs):
        credentials.open_evidence(Credential.objects.get(pk=other.pk), by=ward.vera)


# --- Where somebody works -------------------------------------------------------------------------


def test_the_last_approval_confirms_only_the_places_named_before_it(ward, noor):
    waiting = people.submitted(noor, number="77")
    later = people.hospital(ward.vera, "Lake Clinic")
    noor.memberships.create(institution=later, created_at=clock.now() + timedelta(seconds=1))
    credentials.approve(waiting, by=ward.vera, reason="Register.")
    confirmed = noor.memberships.filter(confirmed_at__isnull=False)
    assert [one.institution for one in confirmed] == [Institution.objects.get(name="City Hospital")]
