"""Who reaches which page of the desk: every address against every kind of person."""

from urllib.parse import unquote

import pytest
from django.contrib import admin
from django.urls import reverse

from ehr.accounts.models import Letter, User
from ehr.chain.models import Transaction
from tests import people as patient_people
from tests.desk.conftest import session_of
from tests.providers import people

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.desk.addresses"), pytest.mark.point(9)]

NOBODY = {"stranger": 302, "verifier with one factor": 302, "patient": 404, "clinician": 404}
STAFF = {
    "staff without role",
    "verifier",
    "privacy officer",
    "identity checker",
    "operator",
    "institution administrator",
    "committee",
    "payments officer",
}
# Which worklist is open to which desk role. Everybody else finds nothing there.
OPEN = {
    "providers_credential": {"verifier"},
    "providers_institution": {"verifier"},
    "providers_membership": {"verifier", "institution administrator"},
    "providers_team": {"institution administrator"},
    "appointments_place": {"institution administrator"},
    "appointments_visittype": {"institution administrator"},
    "appointments_payer": {"institution administrator"},
    "appointments_schedule": {"institution administrator"},
    "appointments_appointment": {"institution administrator"},
    "consent_claim": {"identity checker"},
    "consent_emergency": {"privacy officer"},
    "consent_contactparcel": {"operator"},
    "patients_identifier": {"identity checker"},
    "patients_patient": {"identity checker"},
    "audit_case": {"privacy officer"},
    "audit_anchor": {"privacy officer", "operator"},
    "chain_transaction": {"operator"},
    "accounts_user": {"privacy officer", "operator"},
    "notices_mail": {"operator"},
    "notices_digest": {"operator"},
    "notices_hook": {"verifier"},
    "smart_app": {"verifier"},
    "notices_hookparcel": {"operator"},
    "accounts_letter": {"operator"},
    "accounts_recovery": {"identity checker"},
    "accounts_paperinvitation": {"identity checker"},
    "accounts_postaladdress": {"identity checker"},
    "notices_errand": {"identity checker"},
    "consent_granttemplate": {"operator"},
    "consent_delegation": {"identity checker"},
    "intake_feed": {"operator"},
    "intake_broken": {"operator"},
    "intake_joining": {"identity checker"},
    "intake_stray": {"identity checker"},
    "consent_grant": {"privacy officer", "institution administrator"},
    "research_study": {"committee"},
    "research_figurerun": {"committee", "institution administrator"},
    "research_result": {"committee"},
    "research_recall": {"committee", "privacy officer"},
    "research_payout": {"payments officer"},
    "research_unusual": {"privacy officer"},
}


def names() -> list[str]:
    return [pattern.name for pattern in admin.site.get_urls()]


def expected(who: str, name: str) -> set[int]:
    if who in NOBODY:
        return {NOBODY[who]}
    worklist = name.rpartition("_")[0]
    return {200} if name == "index" or who in OPEN[worklist] else {404}


def test_every_worklist_is_in_the_table():
    assert {name.rpartition("_")[0] for name in names() if name != "index"} == set(OPEN)


def test_every_list_of_the_desk_is_open_to_its_roles_and_hidden_from_all_others(everybody):
    lists = [name for name in names() if name == "index" or name.endswith("_changelist")]
    seen = {
        (who, name): client.get(reverse(f"admin:{name}")).status_code
        for who, client in everybody.items()
        for name in lists
    }
    assert {key: status for key, status in seen.items() if {status} != expected(*key)} == {}


def test_every_row_of_the_desk_is_hidden_from_whoever_may_not_see_its_list(ward, everybody):
    rows = {
        "providers_credential": ward.credential.pk,
        "providers_institution": ward.hospital.pk,
        "providers_membership": ward.lee.memberships.get().pk,
        "accounts_user": ward.lee.user_id,
        "chain_transaction": Transaction.objects.first().pk,
        "accounts_letter": Letter.objects.create(user=ward.vera, kind="passphrase-changed", key="k").pk,
    }
    for who, client in everybody.items():
        for worklist, pk in rows.items():
            status = client.get(reverse(f"admin:{worklist}_change", args=[pk])).status_code
            assert {status} == expected(who, f"{worklist}_change"), (who, worklist)


def test_no_act_happens_for_whoever_may_not_see_the_row(ward, everybody):
    acts = {
        "providers_credential": (ward.credential.pk, ["suspend", "revoke"]),
        "providers_institution": (ward.hospital.pk, ["end", "suspend", "appoint"]),
        "providers_membership": (ward.lee.memberships.get().pk, ["end"]),
        "accounts_user": (ward.lee.user_id, ["suspend", "give"]),
    }
    told = {"reason": "Because.", "email": "amy.lee@example.org", "role": "desk-operator"}
    for who, client in everybody.items():
        for worklist, (pk, names_of_acts) in acts.items():
            if who in OPEN[worklist]:
                continue
            for act in names_of_acts:
                sent = {f"{act}-{name}": value for name, value in told.items()}
                status = client.post(reverse(f"admin:{worklist}_act", args=[pk, act]), sent).status_code
                assert status in {302, 404}, (who, worklist, act)
    for row in (ward.credential, ward.hospital, ward.lee.user):
        before = row.__class__.objects.get(pk=row.pk)
        assert [
            getattr(before, field.attname) for field in row._meta.concrete_fields if field.name != "last_login"
        ] == [getattr(row, field.attname) for field in row._meta.concrete_fields if field.name != "last_login"]
    assert ward.lee.memberships.get().ended_at is None


@pytest.mark.security
def test_a_single_factor_session_is_sent_to_its_second_step(ward, everybody):
    reply = everybody["verifier with one factor"].get(reverse("admin:index"))
    assert reply.url == reverse("front:enrol")
    enrolled = User.objects.get(name="Uma One")
    enrolled.second_factor_at = enrolled.joined_at
    enrolled.save()
    reply = everybody["verifier with one factor"].get(reverse("admin:index"))
    assert reply.url.startswith(reverse("front:second-factor"))


def test_a_stranger_is_sent_to_sign_in_and_comes_back(everybody):
    reply = everybody["stranger"].get(reverse("admin:accounts_user_changelist"))
    assert unquote(reply.url) == f"{reverse('front:sign-in')}?next=/desk/accounts/user/"


def test_a_role_taken_away_closes_the_desk_at_the_next_request(ward, everybody):
    client = everybody["verifier"]
    assert client.get(reverse("admin:providers_credential_changelist")).status_code == 200
    User.objects.get(name="Vega Cho").groups.clear()
    assert client.get(reverse("admin:providers_credential_changelist")).status_code == 404


@pytest.mark.security
def test_nothing_is_at_the_desk_but_its_worklists():
    """No table of a library, no form of Django's: not second factors, groups, sessions or passphrases."""
    assert {f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry} == set(OPEN)
    kinds = {name.rpartition("_")[2] for name in names()}
    assert kinds == {"index", "changelist", "change", "act", "add", "evidence", "file", "releases"}


@pytest.mark.security
def test_no_worklist_lets_django_add_change_or_delete_a_row(rf, ward):
    request = rf.get("/")
    request.user = User.objects.create(email="root@example.org", name="Root", is_superuser=True, is_staff=True)
    for worklist in admin.site._registry.values():
        assert not worklist.has_add_permission(request)
        assert not worklist.has_change_permission(request)
        assert not worklist.has_delete_permission(request)


@pytest.mark.security
def test_nothing_of_the_log_can_be_changed_at_the_desk(everybody):
    """Anchors have no act at all, and events, bodies, leaves and checkpoints have no page."""
    shown = {model.__name__ for model in admin.site._registry if model._meta.app_label == "audit"}
    assert shown == {"Anchor", "Case"}
    anchors = next(worklist for model, worklist in admin.site._registry.items() if model.__name__ == "Anchor")
    assert anchors.acts(None, None) == []
    assert anchors.new_form is None


@pytest.mark.privacy
def test_no_patient_s_record_has_a_page_at_the_desk():
    """Of what is about patients only the digests of identifiers are here, and who is not here yet: no entry, no key."""
    shown = {model.__name__ for model in admin.site._registry if model._meta.app_label == "patients"}
    assert shown == {"Identifier", "Patient"}


@pytest.mark.privacy
def test_who_is_a_patient_is_not_told_at_the_desk(everybody):
    """The list of records that wait holds nobody who has come."""
    patient_people.prepare_ground()
    known = patient_people.patient("Ana Costa").patient
    assert (
        everybody["identity checker"].get(reverse("admin:patients_patient_change", args=[known.pk])).status_code == 404
    )
    page = everybody["identity checker"].get(reverse("admin:patients_patient_changelist"), {"view": "all"})
    assert "Ana Costa" not in page.content.decode()


@pytest.mark.parametrize(
    "pk", ["x", "00000000-0000-0000-0000-000000000000", "1; drop table", "99999999999999999999999"]
)
def test_a_made_up_row_is_not_found(everybody, pk):
    for name in ("providers_credential", "providers_membership"):
        assert everybody["verifier"].get(reverse(f"admin:{name}_change", args=[pk])).status_code == 404


def test_an_institution_s_administrator_sees_the_people_of_their_own_institution_only(ward, everybody):
    other = people.hospital(ward.vera, "Lake Clinic")
    cho = people.registered("Cho Lin", other)
    here, there = ward.lee.memberships.get(), cho.memberships.get()
    client = everybody["institution administrator"]
    assert client.get(reverse("admin:providers_membership_change", args=[here.pk])).status_code == 200
    assert client.get(reverse("admin:providers_membership_change", args=[there.pk])).status_code == 404
    page = client.get(reverse("admin:providers_membership_changelist"), {"view": "waiting"}).content.decode()
    assert "Cho Lin" not in page
    assert client.post(reverse("admin:providers_membership_act", args=[there.pk, "confirm"])).status_code == 404


def test_acts_are_posted_never_followed(ward, everybody):
    address = reverse("admin:providers_credential_act", args=[ward.credential.pk, "revoke"])
    assert everybody["verifier"].get(address).status_code == 405


@pytest.mark.security
def test_an_act_needs_a_page_of_ours(ward):
    client = session_of(User.objects.get(pk=ward.vera.pk))
    client.handler.enforce_csrf_checks = True
    address = reverse("admin:providers_credential_act", args=[ward.credential.pk, "revoke"])
    assert client.post(address, {"revoke-reason": "Because."}).status_code == 403


def test_the_desk_s_pages_are_kept_nowhere(everybody):
    for name in ("index", "providers_credential_changelist"):
        assert "no-store" in everybody["verifier"].get(reverse(f"admin:{name}"))["Cache-Control"]
