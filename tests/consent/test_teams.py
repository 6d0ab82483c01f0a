"""Sharing with a care team: who is let in through it, with which keys, and that leaving ends it at once."""

from datetime import timedelta

import pytest
import time_machine

from consent import access, keys, queries, reach, upkeep
from consent.models import Ending, Grant
from consent.sharing import blocks, grants
from consent.tasks import tell_of_endings
from ehr import clock
from ehr.accounts import keyrings
from ehr.desk.operations import suspend_account
from ehr.notices.models import Notice
from ehr.words import Action, Category, Purpose
from patients.models import GrantSeal, Lockbox, Seal
from providers import credentials, institutions, operations
from providers import teams as care_teams
from providers.models import Membership, Team
from tests import people
from tests.consent.conftest import draft
from tests.consent.let_in import TEAMS_PARTS, hear, read, refused, share, told
from tests.desk.conftest import staff
from tests.providers.people import verifier
from tests.teams import later, nurse, opens, ward

pytestmark = [pytest.mark.django_db, pytest.mark.point(5), pytest.mark.security]


@pytest.fixture
def cardiology(ground):
    return ward()


@pytest.fixture
def shared(with_record, cardiology):
    """Ana lets the team see her lab results and medicines."""
    return share(with_record, cardiology.team, Category.LABS, Category.TREATMENT)


# --- Letting a team in ---------------------------------------------------------------------------
def test_the_sentence_names_the_team_its_place_how_many_and_that_others_may_join(shared):
    assert shared.sentence.startswith(
        "The care team Cardiology of Harbour Medical Centre, 2 people at present and whoever joins it later, may see "
        "your lab results and measurements and medicines and care plans until"
    )


def test_every_member_reads_what_the_team_was_given_and_nobody_else_does(with_record, cardiology, shared, stranger):
    for member in (cardiology.lee, cardiology.omar):
        assert read(with_record, member) == TEAMS_PARTS
    assert refused(with_record, stranger) == "no-grant"


def test_a_grant_to_a_team_has_one_seal_however_many_belong_to_it(shared):
    assert GrantSeal.objects.filter(grant_id=shared.pk).count() == 1


def test_a_member_writes_what_the_team_may_write(with_record, cardiology):
    share(with_record, cardiology.team, Category.LABS, actions=(Action.READ, Action.WRITE))
    added = draft("labs", "from the team")
    access.add_entries(
        with_record.patient, [added], reader=cardiology.omar.user, keyring=cardiology.omar.keyring,
        purpose=Purpose.TREAT,
    )  # fmt: skip
    assert "from the team" in read(with_record, cardiology.lee)
    event = told("entry.added")[-1]
    assert (event["actor"]["name"], event["details"]["team_name"]) == ("Dr Omar Haddad", "Cardiology")


def test_a_team_opens_chosen_entries_and_no_other(with_record, cardiology):
    chosen = access.open_own(with_record.patient, keyring=with_record.keyring, categories=[Category.LABS]).entries[0]
    narrow = grants.Narrow(entries=frozenset({str(chosen.logical_id)}))
    share(with_record, cardiology.team, Category.LABS, narrow=narrow)
    access.add_own(with_record.patient, [draft("labs", "another")], keyring=with_record.keyring)
    assert read(with_record, cardiology.omar) == {"marker labs"}


def test_the_log_names_the_person_and_the_team_at_its_place(with_record, cardiology, shared):
    elsewhere = people.institution("A Second Job")
    Membership.objects.create(
        clinician=cardiology.omar.user.clinician, institution=elsewhere, starts_at=people.LONG_AGO,
        confirmed_at=people.LONG_AGO, confirmed_by=cardiology.ida,
    )  # fmt: skip
    read(with_record, cardiology.omar)
    event = told("chart.opened")[-1]
    assert event["actor"]["name"] == "Dr Omar Haddad"
    assert event["actor"]["place"] == "Harbour Medical Centre"
    assert event["details"] == {"team": str(cardiology.team.pk), "team_name": "Cardiology"}


def test_the_team_s_lead_is_told_and_nobody_else_in_it(cardiology, shared):
    assert [one.user for one in Notice.objects.filter(kind="access-given")] == [cardiology.lee.user]


def test_an_ending_is_told_to_the_lead_and_announced_three_days_ahead(with_record, cardiology):
    given = share(with_record, cardiology.team, Category.LABS, ends=later(days=2))
    assert tell_of_endings() == 1
    assert Notice.objects.filter(kind="access-ends-soon", user=cardiology.lee.user).count() == 1
    grants.end(given, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    assert Notice.objects.filter(kind="access-ended", user=cardiology.lee.user).count() == 1


def test_a_stopped_grant_to_a_team_opens_for_none_of_it(with_record, cardiology, shared):
    grants.end(shared, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    assert refused(with_record, cardiology.lee) == refused(with_record, cardiology.omar) == "stopped"


def test_a_grant_to_a_team_is_changed_without_a_gap(with_record, cardiology, shared):
    grants.change(
        shared, keyring=with_record.keyring, categories=[Category.HISTORY], actions=[Action.READ], ends=later(days=3)
    )
    assert read(with_record, cardiology.omar) == {"marker history"}


@pytest.mark.parametrize("gone", ["ended", "no agreement", "nobody in good standing"])
def test_nothing_is_shared_with_a_team_that_may_not_be_let_in(with_record, cardiology, gone):
    if gone == "ended":
        care_teams.end_team(cardiology.team, by=cardiology.ida)
    elif gone == "no agreement":
        institutions.end_agreement(cardiology.place, by=verifier("Vera Stone"), reason="Over.")
    else:
        for person in (cardiology.lee, cardiology.omar):
            person.user.clinician.credentials.update(expires_at=people.LONG_AGO)
    with pytest.raises(grants.CannotGive, match="Nobody in Cardiology"):
        share(with_record, cardiology.team, Category.LABS)


def test_who_was_not_handed_the_keys_yet_is_told_so_and_no_alarm_is_raised(with_record, cardiology, shared):
    staff("Petra Ok")
    nils = people.clinician("Nils New")
    cardiology.add(nils)
    assert refused(with_record, nils) == "team-keys-wait"
    assert not Notice.objects.filter(kind="desk.grant-altered").exists()
    cardiology.visit(cardiology.omar)
    assert read(with_record, nils) == TEAMS_PARTS


def test_a_changed_row_of_a_team_s_grant_opens_nothing(with_record, cardiology, shared):
    Grant.objects.filter(pk=shared.pk).update(categories=[str(part) for part in Category])
    assert refused(with_record, cardiology.omar) == "seal-does-not-open"


def test_one_question_to_the_database_finds_grants_by_name_and_by_team(
    with_record, cardiology, shared, django_assert_num_queries
):
    seen = queries.standing(cardiology.omar.user, clock.now())
    with django_assert_num_queries(1):
        assert len(queries.between(with_record.patient, cardiology.omar.user, seen=seen, at=clock.now())) == 1


# --- Leaving -------------------------------------------------------------------------------------
def test_who_leaves_opens_nothing_from_the_next_request_on_while_every_patient_is_offline(
    with_record, cardiology, shared
):
    assert read(with_record, cardiology.omar) == TEAMS_PARTS
    cardiology.remove(cardiology.omar)
    assert refused(with_record, cardiology.omar) == "no-grant"
    assert reach.find_patient(cardiology.omar.user, with_record.patient.pk) is None
    assert reach.list_patients(cardiology.omar.user) == []
    assert read(with_record, cardiology.lee) == TEAMS_PARTS


def test_who_leaves_is_refused_by_keys_too_not_only_by_rule(with_record, cardiology, shared):
    """Even with every rule out of the way, and with the rows of the database in hand."""
    cardiology.remove(cardiology.omar)
    assert keyrings.open_shared(cardiology.team.pk, keyring=cardiology.omar.keyring) is None
    by_part = {"labs": shared}
    assert keys.granted_boxes(with_record.patient, by_part, keyring=cardiology.omar.keyring) == {}


def test_what_a_leaver_may_remember_opens_nothing_new_once_team_and_patient_came_in(with_record, cardiology, shared):
    remembered = keyrings.open_shared(cardiology.team.pk, keyring=cardiology.omar.keyring)
    cardiology.remove(cardiology.omar)
    cardiology.visit(cardiology.lee)
    assert read(with_record, cardiology.lee) == TEAMS_PARTS, "through the older keys, kept under the newer"
    assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) > 0
    assert {box.epoch for box in Lockbox.objects.current().filter(patient=with_record.patient, part="labs")} == {2}
    access.add_own(with_record.patient, [draft("labs", "after they left")], keyring=with_record.keyring)
    assert "after they left" in read(with_record, cardiology.lee)
    with pytest.raises(keyrings.CannotOpen):
        keys.granted_boxes(with_record.patient, {"labs": shared}, keyring=remembered)
    assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) == 0


def test_who_joins_afterwards_reads_all_of_it(with_record, cardiology, shared):
    cardiology.remove(cardiology.omar)
    cardiology.visit(cardiology.lee)
    nils = people.clinician("Nils New")
    cardiology.add(nils)
    cardiology.visit(cardiology.lee)
    assert read(with_record, nils) == TEAMS_PARTS
    upkeep.tidy(with_record.patient, keyring=with_record.keyring)
    assert read(with_record, nils) == TEAMS_PARTS


def test_a_date_that_passes_refuses_at_that_instant_with_no_job_run(with_record, cardiology, shared):
    nils = people.clinician("Nils New")
    ends = later(days=2)
    cardiology.add(nils, ends=ends)
    cardiology.visit(cardiology.lee)
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        assert read(with_record, nils) == TEAMS_PARTS
    with time_machine.travel(ends, tick=False):
        assert refused(with_record, nils) == "no-grant"


def test_who_comes_later_reads_from_their_first_day_on(with_record, cardiology, shared):
    nils = people.clinician("Nils New")
    cardiology.add(nils, starts_at=later(days=2))
    assert refused(with_record, nils) == "no-grant"
    with time_machine.travel(later(days=3)):
        cardiology.visit(cardiology.lee)
        assert read(with_record, nils) == TEAMS_PARTS


@pytest.mark.parametrize("loss", ["licence revoked", "licence over", "left the institution", "account suspended"])
def test_who_loses_their_standing_reads_nothing_through_the_team(with_record, cardiology, shared, loss):
    omar, vera = cardiology.omar.user, verifier("Vera Stone")
    if loss == "licence revoked":
        credentials.revoke(omar.clinician.credentials.get(), by=vera, reason="Found to be forged.")
    elif loss == "licence over":
        omar.clinician.credentials.update(expires_at=people.LONG_AGO)
    elif loss == "left the institution":
        operations.leave_institution(omar.clinician.memberships.get(), by=cardiology.ida)
    else:
        suspend_account(omar, by=staff("Otto Zed", "desk-operator"), reason="Stolen telephone.")
    assert refused(with_record, cardiology.omar)
    hear()
    assert opens(cardiology.team, cardiology.omar) is (loss == "licence over")
    assert not Ending.objects.exists(), "the others go on"
    assert read(with_record, cardiology.lee) == TEAMS_PARTS


def test_a_licence_at_another_institution_does_not_keep_somebody_in_the_team(with_record, cardiology, shared):
    omar = cardiology.omar.user
    Membership.objects.create(
        clinician=omar.clinician, institution=people.institution("City Hospital"), starts_at=people.LONG_AGO,
        confirmed_at=people.LONG_AGO, confirmed_by=cardiology.ida,
    )  # fmt: skip
    Membership.objects.filter(clinician=omar.clinician, institution=cardiology.place).update(ended_at=clock.now())
    assert refused(with_record, cardiology.omar) == "no-grant"


def test_patients_are_told_of_who_joins_and_who_leaves(with_record, cardiology, shared):
    cardiology.add(nurse())
    cardiology.remove(cardiology.omar)
    hear()
    assert Notice.objects.filter(user=with_record.user, kind="team-changed").count() == 2


def test_an_institution_that_leaves_takes_its_teams_and_all_its_staff_with_it(with_record, cardiology, shared):
    by_name = people.give(with_record, cardiology.omar, Category.HISTORY)
    institutions.end_agreement(cardiology.place, by=verifier("Vera Stone"), reason="They moved away.")
    for person in (cardiology.lee, cardiology.omar):
        assert refused(with_record, person) == "agreement-ended"
        assert not opens(cardiology.team, person)
    hear()
    assert {(one.grant_id, one.cause) for one in Ending.objects.all()} == {
        (shared.pk, "standing"),
        (by_name.pk, "standing"),
    }
    assert not Seal.objects.filter(grant_id__in=[shared.pk, by_name.pk]).exists()
    assert Notice.objects.filter(user=with_record.user, kind="reader-lost-standing").count() == 2
    assert not Notice.objects.filter(kind="team-changed").exists()


def test_a_suspended_institution_ends_what_its_teams_were_given(with_record, cardiology, shared):
    institutions.suspend_institution(cardiology.place, by=verifier("Vera Stone"), reason="An inquiry.")
    assert refused(with_record, cardiology.omar) == "institution-suspended"
    hear()
    assert Ending.objects.get().cause == "standing"
    assert Team.objects.get().ended_at is None


def test_a_team_that_ends_takes_what_it_was_given_with_it(with_record, cardiology, shared):
    care_teams.end_team(cardiology.team, by=cardiology.ida)
    assert refused(with_record, cardiology.lee) == "no-grant"
    hear()
    assert Ending.objects.get(grant=shared).cause == "standing"


def test_a_block_by_name_beats_the_team(with_record, cardiology, shared):
    blocks.block(with_record.patient, reader=cardiology.omar.user, keyring=with_record.keyring)
    assert refused(with_record, cardiology.omar) in {"blocked", "stopped"}
    assert reach.list_patients(cardiology.omar.user) == []
    assert read(with_record, cardiology.lee) == TEAMS_PARTS
