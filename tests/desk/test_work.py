"""Work at the desk: what is shown, what a button does, and what the log says afterwards."""

import io
import json
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit.models import Anchor, Checkpoint, EventBody
from ehr import clock
from ehr.accounts.models import User
from ehr.chain.models import Status, Transaction
from ehr.desk import operations as desk
from ehr.desk.roles import PERMISSIONS, DeskRole, ensure_desk_roles, roles_of
from ehr.notices.models import Mail
from providers import credentials, queries
from providers.models import Credential, Institution
from providers.rules import NotPossible
from tests.desk.conftest import session_of, staff
from tests.providers import people

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.desk.addresses"), pytest.mark.point(9)]
PASSPHRASE = "seven plain words that nobody would guess"


def told(action: str) -> list[dict]:
    bodies = [json.loads(bytes(row.payload)) for row in EventBody.objects.order_by("event_id")]
    return [body for body in bodies if body["action"] == action]


def show(client, name: str, *args, **query) -> str:
    reply = client.get(reverse(f"admin:{name}", args=args), query)
    assert reply.status_code == 200
    return reply.content.decode()


def do(client, worklist: str, row, act: str, **asked):
    sent = {f"{act}-{name}": value for name, value in asked.items()}
    return client.post(reverse(f"admin:{worklist}_act", args=[row.pk, act]), sent)


@pytest.fixture
def waiting(ward):
    return people.submitted(people.registered("Noor Haddad", ward.hospital), number="77", role="emergency")


@pytest.fixture
def verifier(ward):
    return session_of(ward.vera)


@pytest.fixture
def operator(ward):
    return session_of(staff("Otto Zed", DeskRole.OPERATOR))


# --- Licences --------------------------------------------------------------------------------------


def test_what_waits_is_counted_on_the_first_page_and_late_things_come_first(ward, waiting, verifier):
    page = show(verifier, "index")
    assert "Licences to decide" in page
    assert "One is waiting." in page
    assert not re.search(r"\bLate\b", page)
    Credential.objects.filter(pk=waiting.pk).update(submitted_at=clock.now() - timedelta(days=4))
    page = show(verifier, "index")
    assert "Late" in page
    assert "Institutions without agreement" not in page


def test_an_empty_desk_says_so(db):
    assert "Nothing waits for you." in show(session_of(staff("Vega Cho", DeskRole.VERIFIER)), "index")
    assert "No list is open to you." in show(session_of(staff("Nils None")), "index")


def test_a_licence_is_shown_with_what_must_be_compared(waiting, verifier):
    page = show(verifier, "providers_credential_change", waiting.pk)
    for word in ("Dr Noor Haddad", "77", "College of Physicians of Ontario, CA", "City Hospital", "not confirmed"):
        assert word in page


def test_the_two_person_rule_is_said_in_words_before_and_between(ward, waiting, verifier):
    page = show(verifier, "providers_credential_change", waiting.pk)
    assert "two different people approve it" in page
    assert "2 approvals are missing." in page
    assert do(verifier, "providers_credential", waiting, "approve", reason="Register.").status_code == 302
    page = show(verifier, "providers_credential_change", waiting.pk)
    assert "1 approval is missing." in page
    assert "The other approval is somebody else&#x27;s." in page
    assert "Approve this licence" not in page


@pytest.mark.point(4)
def test_two_verifiers_approve_an_emergency_role_at_the_desk(ward, waiting, verifier):
    do(verifier, "providers_credential", waiting, "approve", reason="Register.")
    again = do(verifier, "providers_credential", waiting, "approve", reason="Register.")
    assert again.status_code == 404
    assert not queries.standing(waiting.clinician.user).ok
    do(session_of(ward.victor), "providers_credential", waiting, "approve", reason="Called the college.")
    assert queries.standing(waiting.clinician.user).ok
    assert [one["actor"]["name"] for one in told("credential.approved")] == ["Vera Stone", "Victor Hale"]


def test_a_decision_without_a_reason_is_asked_for_it_and_nothing_happens(waiting, verifier):
    reply = do(verifier, "providers_credential", waiting, "refuse", reason="")
    assert reply.status_code == 422
    assert "One thing to correct" in reply.content.decode()
    waiting.refresh_from_db()
    assert waiting.status == "pending"


def test_nobody_is_offered_the_decision_about_their_own_licence(ward):
    own = people.registered("Vic Own", ward.hospital)
    own.user.user_permissions.set(ward.vera.user_permissions.all())
    own.user.is_staff = True
    own.user.save()
    mine = people.submitted(own, number="78")
    client = session_of(own.user)
    page = show(client, "providers_credential_change", mine.pk)
    assert "This is your own licence." in page
    assert '<button class="button"' not in page
    assert do(client, "providers_credential", mine, "approve", reason="Me.").status_code == 404


def test_what_a_verb_refuses_is_said_beside_the_button(ward, waiting, verifier, monkeypatch):
    """Somebody else decided between the page and the button."""
    Credential.objects.filter(pk=waiting.pk).update(expires_at=clock.now())
    reply = do(verifier, "providers_credential", waiting, "approve", reason="Register.")
    assert reply.status_code == 422
    assert "This licence has ended since it was handed in." in reply.content.decode()


@pytest.mark.parametrize(("act", "because"), [("suspend", "credential-suspended"), ("revoke", "credential-revoked")])
def test_a_withdrawal_at_the_desk_holds_from_the_next_request_on(ward, verifier, act, because):
    do(verifier, "providers_credential", ward.credential, act, reason="The college wrote.")
    assert queries.standing(ward.lee.user).because == because


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("tests.desk.addresses")
def test_the_evidence_comes_as_a_file_and_the_look_is_on_the_log(transactional_db):
    ward = people.ward()
    reply = session_of(ward.vera).get(reverse("admin:providers_credential_evidence", args=[ward.credential.pk]))
    assert reply.content == people.PDF
    assert reply["Content-Disposition"] == 'attachment; filename="evidence.pdf"'
    assert "no-store" in reply["Cache-Control"]
    assert len(told("evidence.opened")) == 1


def test_licences_are_found_by_person_number_and_issuer(ward, waiting, verifier):
    for words in ("noor", "77", "college"):
        assert "Noor Haddad" in show(verifier, "providers_credential_changelist", view="waiting", words=words)
    assert "Noor Haddad" in show(verifier, "providers_credential_changelist", view="waiting", words="no\0or")
    assert "matches" in show(verifier, "providers_credential_changelist", view="waiting", words="nobody")


def test_each_view_of_a_list_shows_its_own_rows(ward, waiting, verifier):
    shown = {
        view: {name for name in ("Amy Lee", "Noor Haddad") if name in page}
        for view in ("waiting", "in-force", "unconfirmed", "withdrawn", "refused")
        for page in [show(verifier, "providers_credential_changelist", view=view)]
    }
    assert shown == {
        "waiting": {"Noor Haddad"},
        "in-force": {"Amy Lee"},
        "unconfirmed": set(),
        "withdrawn": set(),
        "refused": set(),
    }
    address = reverse("admin:providers_credential_changelist")
    assert verifier.get(address, {"view": "made-up"}).status_code == 404


# --- Institutions ----------------------------------------------------------------------------------


def test_an_institution_is_put_on_file_and_brought_under_agreement(ward, verifier):
    sent = {
        "name": "Lake Clinic",
        "kind": "clinic",
        "country": "CA",
        "region": "Ontario",
        "time_zone": "America/Toronto",
        "contact": "Desk",
    }
    reply = verifier.post(reverse("admin:providers_institution_add"), sent)
    made = Institution.objects.get(name="Lake Clinic")
    assert reply.url == reverse("admin:providers_institution_change", args=[made.pk])
    until = (clock.now() + timedelta(days=365)).date()
    do(
        verifier,
        "providers_institution",
        made,
        "sign",
        agreement_until=until.isoformat(),
        accreditation_number="A 9",
        accreditation_until=until.isoformat(),
    )
    made.refresh_from_db()
    assert made.agreement_until.isoformat() == f"{until + timedelta(days=1)}T{made.agreement_until:%H}:00:00+00:00"
    assert made.agreement_until.hour in {4, 5}  # midnight in Toronto


def test_an_institution_out_of_shape_is_asked_for_again(verifier):
    reply = verifier.post(reverse("admin:providers_institution_add"), {"name": "Lake", "country": "Canada"})
    assert reply.status_code == 422
    assert not Institution.objects.filter(name="Lake").exists()


@pytest.mark.point(4)
def test_an_institution_leaves_at_the_desk_and_all_its_people_lose_access(ward, verifier):
    do(verifier, "providers_institution", ward.hospital, "end", reason="They leave.")
    assert queries.standing(ward.lee.user).because == "agreement-ended"


def test_an_administrator_is_appointed_by_address_and_can_come_to_the_desk(ward, verifier):
    rosa = people.person("Rosa Diaz")
    do(verifier, "providers_institution", ward.hospital, "appoint", email="Rosa.Diaz@example.org")
    rosa.refresh_from_db()
    assert rosa.is_staff
    assert roles_of(rosa) == [DeskRole.INSTITUTION]
    assert "Dr Amy Lee" in show(session_of(rosa), "providers_membership_changelist", view="at-work")
    do(verifier, "providers_institution", ward.hospital, "dismiss", email="rosa.diaz@example.org")
    assert "Dr Amy Lee" not in show(session_of(rosa), "providers_membership_changelist", view="at-work")


def test_appointing_an_unknown_address_says_what_to_do(ward, verifier):
    reply = do(verifier, "providers_institution", ward.hospital, "appoint", email="who@example.org")
    assert reply.status_code == 422
    assert "Ask them to sign up first." in reply.content.decode()


def test_a_person_is_confirmed_where_they_work(ward, verifier):
    bob = people.registered("Bob Ray", ward.hospital)
    do(verifier, "providers_membership", bob.memberships.get(), "confirm")
    assert bob.memberships.get().confirmed_by == ward.vera


# --- Accounts and roles ----------------------------------------------------------------------------


def test_a_suspended_account_is_signed_out_everywhere_and_on_the_log(ward, operator):
    theirs = session_of(ward.vera)
    assert theirs.get(reverse("admin:index")).status_code == 200
    do(operator, "accounts_user", ward.vera, "suspend", reason="A stolen phone.")
    assert theirs.get(reverse("admin:index")).status_code == 302
    assert [one["details"]["user"] for one in told("account.suspended")] == [str(ward.vera.pk)]
    do(operator, "accounts_user", ward.vera, "restore", reason="New phone.")
    assert theirs.get(reverse("admin:index")).status_code == 302
    assert User.objects.get(pk=ward.vera.pk).is_active


def test_a_change_of_privilege_is_on_the_log_and_ends_sessions_when_taken(ward, operator):
    bob = people.person("Bob Ray")
    do(operator, "accounts_user", bob, "give", role="privacy-officer", reason="Hired.")
    bob.refresh_from_db()
    client = session_of(bob)
    assert client.get(reverse("admin:accounts_user_changelist")).status_code == 200
    do(operator, "accounts_user", bob, "take", role="privacy-officer", reason="Left.")
    assert client.get(reverse("admin:accounts_user_changelist")).status_code == 302
    bob.refresh_from_db()
    assert not bob.is_staff
    given, taken = told("privilege.given")[-1], told("privilege.taken")[-1]
    assert given["details"] == taken["details"] == {"user": str(bob.pk), "privilege": "privacy-officer"}


@pytest.mark.security
@pytest.mark.parametrize("verb", [desk.suspend_account, desk.restore_account])
def test_nobody_does_it_to_themselves_or_without_the_permission(ward, verb):
    otto = staff("Otto Zed", DeskRole.OPERATOR)
    with pytest.raises(NotPossible, match="own account"):
        verb(otto, by=otto, reason="Because.")
    with pytest.raises(NotPossible, match="does not include"):
        verb(otto, by=ward.lee.user, reason="Because.")


@pytest.mark.security
def test_nobody_gives_themselves_a_role(ward):
    otto = staff("Otto Zed", DeskRole.OPERATOR)
    with pytest.raises(NotPossible, match="own account"):
        desk.give_role(otto, role="privacy-officer", by=otto, reason="I can.")


@pytest.mark.security
def test_no_page_shows_a_passphrase_a_key_or_who_is_a_patient(ward, operator):
    page = show(operator, "accounts_user_change", ward.lee.user_id)
    assert ward.lee.user.password not in re.sub(r"<[^>]+>", "", page)
    assert not re.search(r"type=.password|argon|keyring|patient", page.split("<main")[1].split("</main>")[0], re.I)


def test_roles_are_made_with_exactly_their_permissions_and_made_twice_change_nothing(db):
    first = {role: set(group.permissions.values_list("pk", flat=True)) for role, group in ensure_desk_roles().items()}
    again = {role: set(group.permissions.values_list("pk", flat=True)) for role, group in ensure_desk_roles().items()}
    assert first == again
    assert {role: len(held) for role, held in first.items()} == {
        role: len(names) for role, names in PERMISSIONS.items()
    }


@pytest.mark.security
def test_no_role_both_gives_roles_and_decides():
    giving = {role for role, names in PERMISSIONS.items() if "auth.change_group" in names}
    deciding = {
        role
        for role, names in PERMISSIONS.items()
        if {"providers.decide_credential", "audit.change_case", "consent.change_claim"} & set(names)
    }
    assert giving == {DeskRole.OPERATOR}
    assert giving.isdisjoint(deciding)


# --- The first account -----------------------------------------------------------------------------


def createstaff(monkeypatch, passphrase: str, *args: str) -> str:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{passphrase}\n"))
    call_command("createstaff", *args, stdout=out)
    return out.getvalue().strip()


def test_the_first_staff_account_is_made_from_the_command_line(db, monkeypatch):
    made = createstaff(
        monkeypatch,
        PASSPHRASE,
        "first@example.org",
        "Fia First",
        "--role",
        "desk-operator",
        "--role",
        "privacy-officer",
    )
    user = User.objects.get(pk=made)
    assert (user.email, user.is_staff, user.is_superuser) == ("first@example.org", True, False)
    assert roles_of(user) == [DeskRole.PRIVACY, DeskRole.OPERATOR]
    assert [one["actor"]["kind"] for one in told("privilege.given")] == ["system", "system"]


def test_a_weak_passphrase_or_a_known_address_makes_no_account(db, monkeypatch):
    with pytest.raises(CommandError, match="12 characters"):
        createstaff(monkeypatch, "short", "first@example.org", "Fia", "--role", "desk-operator")
    assert not User.objects.exists()
    createstaff(monkeypatch, PASSPHRASE, "first@example.org", "Fia", "--role", "desk-operator")
    with pytest.raises(CommandError, match="has an account"):
        createstaff(monkeypatch, PASSPHRASE, "First@example.org", "Fia", "--role", "desk-operator")


# --- What is only watched --------------------------------------------------------------------------


def test_anchors_transactions_and_parcels_are_shown_by_kind_and_state_only(ward, operator):
    credentials.suspend(ward.credential, by=ward.vera, reason="A complaint.")
    checkpoint = Checkpoint.objects.create(size=7, root=b"r" * 32, map_root=b"m" * 32, at=clock.now(), note="note")
    Anchor.objects.create(checkpoint=checkpoint, from_size=0, digest=b"d" * 32)
    Transaction.objects.filter(method="revoke").update(status=Status.FAILED)
    assert "7 lines" in show(operator, "audit_anchor_changelist")
    assert "ProviderRegistry.revoke" in show(operator, "chain_transaction_changelist", view="failed")
    page = show(operator, "notices_mail_changelist")
    assert "credential.suspended" in page
    assert "Amy Lee" not in page
    assert "amy.lee" not in page
    for name, row in (("audit_anchor", Anchor), ("chain_transaction", Transaction), ("notices_mail", Mail)):
        shown = show(operator, f"{name}_change", row.objects.first().pk)
        assert 'class="card act"' not in shown


def test_every_page_keeps_the_policy_for_content(ward, waiting, verifier, operator):
    """Neither inline styles nor inline scripts, and nothing from elsewhere."""
    pages = [
        show(verifier, "index"),
        show(verifier, "providers_credential_changelist"),
        show(verifier, "providers_credential_change", waiting.pk),
        show(verifier, "providers_institution_add"),
        show(operator, "accounts_user_change", ward.lee.user_id),
    ]
    for page in pages:
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|(?:src|href)=.https?:", page)
