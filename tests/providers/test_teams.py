"""Care teams: who founds and leads them, who comes and goes, and who holds their keys at each moment."""

from datetime import timedelta

import pytest
import time_machine

from audit import queries as audit
from audit.models import Event
from ehr import clock
from ehr.accounts import keyrings
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.models import Keyring, MemberSeal
from providers import credentials, institutions, operations, queries, team_queries, teams
from providers.models import Membership, Team, TeamMembership
from providers.roles import Role
from providers.rules import NotPossible
from providers.tasks import take_keys_of_leavers
from tests import people
from tests.providers.people import verifier
from tests.teams import administrator, key_number, later, nurse, opens, ward

pytestmark = [pytest.mark.django_db, pytest.mark.point(5)]


@pytest.fixture
def cardiology(db):
    return ward()


def names(team) -> set[str]:
    return {member.name for member in team_queries.members(team, clock.now())}


def told(action: str) -> list[dict]:
    events = [audit.facts(event.pk) for event in Event.objects.order_by("pk")]
    return [event for event in events if event["action"] == action]


# --- Founding and leading ------------------------------------------------------------------------
def test_a_team_is_sealed_to_its_lead_and_its_founder_keeps_nothing(db):
    place = people.institution()
    ida, lee = people.account("Ida Berg"), people.clinician("Mei Lee")
    institutions.appoint_administrator(place, user=ida.user, by=verifier("Vera Stone"))
    team = teams.found_team(place, name="  Night   shift ", lead=lee.user.clinician, by=ida.user)
    assert team.name == "Night shift"
    assert opens(team, lee)
    assert not opens(team, ida)
    assert list(team_queries.leads_of(team)) == [lee.user]
    assert [event["details"]["team_name"] for event in told("team.founded")] == ["Night shift"]
    assert [event["details"]["privilege"] for event in told("privilege.given")][-1] == "lead-team"


def test_a_team_s_keys_are_stored_in_no_other_way_than_its_members_seals(cardiology):
    stored = Keyring.objects.get(reader=cardiology.team.pk)
    assert stored.by_passphrase is None
    assert stored.by_recovery_code is None


def test_only_the_institution_s_administrators_found_end_and_give_leads(cardiology):
    other = administrator("Other Berg", people.institution("City Hospital"))
    nils = nurse()
    for by in (cardiology.lee.user, other, nils.user):
        for attempt in (
            lambda by=by: teams.found_team(cardiology.place, name="X", lead=cardiology.omar.user.clinician, by=by),
            lambda by=by: teams.end_team(cardiology.team, by=by),
            lambda by=by: teams.appoint_lead(cardiology.team, user=cardiology.omar.user, by=by),
            lambda by=by: teams.dismiss_lead(cardiology.team, user=cardiology.lee.user, by=by),
        ):
            with pytest.raises(NotPossible):
                attempt()
    assert Team.objects.count() == 1


def test_a_team_of_the_same_name_is_founded_once(cardiology):
    with pytest.raises(NotPossible, match="of that name"):
        teams.found_team(cardiology.place, name="Cardiology", lead=cardiology.omar.user.clinician, by=cardiology.ida)


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.FRONT_DESK, Role.RESEARCHER, Role.PRIVACY_OFFICER])
def test_who_sees_no_clinical_text_belongs_to_no_team(cardiology, role):
    with pytest.raises(NotPossible, match="clinical work"):
        cardiology.add(people.clinician("Fran Desk", role=role))


def test_somebody_of_another_institution_belongs_to_no_team_here(cardiology):
    with pytest.raises(NotPossible, match="at this institution"):
        cardiology.add(people.clinician("Elsa Away", place=people.institution("City Hospital")))


def test_nobody_lets_themselves_in(cardiology):
    ida = people.clinician("Ida Berg")
    institutions.appoint_administrator(cardiology.place, user=ida.user, by=verifier("Vera Stone"))
    with pytest.raises(NotPossible, match="Nobody lets themselves in"):
        cardiology.add(ida, by=ida.user)
    with pytest.raises(NotPossible, match="Nobody lets themselves in"):
        teams.found_team(cardiology.place, name="Mine", lead=ida.user.clinician, by=ida.user)
    cardiology.add(ida)
    with pytest.raises(NotPossible, match="Nobody lets themselves in"):
        teams.appoint_lead(cardiology.team, user=ida.user, by=ida.user)


def test_a_nurse_leads_no_team(cardiology):
    nora = nurse()
    cardiology.add(nora)
    with pytest.raises(NotPossible, match="a nurse cannot be the lead"):
        teams.appoint_lead(cardiology.team, user=nora.user, by=cardiology.ida)


def test_a_second_lead_is_appointed_and_dismissed_and_both_are_logged(cardiology):
    teams.appoint_lead(cardiology.team, user=cardiology.omar.user, by=cardiology.ida)
    assert team_queries.leads(cardiology.omar.user, cardiology.team, clock.now())
    teams.dismiss_lead(cardiology.team, user=cardiology.omar.user, by=cardiology.ida)
    assert not team_queries.leads(cardiology.omar.user, cardiology.team, clock.now())
    assert told("privilege.taken")[-1]["details"]["user"] == str(cardiology.omar.user.pk)


def test_a_lead_without_standing_leads_nothing(cardiology):
    cardiology.lee.user.clinician.credentials.update(status="suspended")
    with pytest.raises(NotPossible, match="Only the team's lead"):
        cardiology.add(nurse())


# --- Joining -------------------------------------------------------------------------------------
def test_joining_waits_for_a_member_in_session_who_hands_the_keys_on(cardiology):
    nora = nurse()
    cardiology.add(nora)
    assert not opens(cardiology.team, nora)
    assert cardiology.visit(nora) == 0, "who has no keys yet hands none on, not even to themselves"
    assert cardiology.visit(cardiology.omar) == 1
    assert opens(cardiology.team, nora)
    assert cardiology.visit(cardiology.omar) == 0


def test_a_member_with_locked_keys_hands_nothing_on(cardiology):
    cardiology.add(nurse())
    assert teams.tidy(cardiology.omar.user, keyring=None) == 0


def test_who_is_not_in_good_standing_gets_no_keys_until_they_are_again(cardiology):
    nora = nurse()
    cardiology.add(nora)
    nora.user.clinician.credentials.update(expires_at=people.LONG_AGO)
    assert cardiology.visit(cardiology.lee) == 0
    nora.user.clinician.credentials.update(expires_at=people.FAR_AHEAD)
    assert cardiology.visit(cardiology.lee) == 1
    assert opens(cardiology.team, nora)


def test_who_comes_later_gets_the_keys_on_their_first_day(cardiology):
    nora = nurse()
    cardiology.add(nora, starts_at=later(days=2))
    assert cardiology.visit(cardiology.lee) == 0
    with time_machine.travel(later(days=3)):
        assert cardiology.visit(cardiology.lee) == 1
    assert opens(cardiology.team, nora)


def test_nothing_is_sealed_to_a_key_that_the_log_does_not_know(cardiology):
    nora = nurse()
    cardiology.add(nora)
    nora.user.reader.keyring.version.__class__.objects.filter(reader=nora.user.reader).update(kem_public=b"x" * 1216)
    assert cardiology.visit(cardiology.lee) == 0
    assert not MemberSeal.objects.filter(member__reader__user=nora.user).exists()


def test_somebody_on_the_list_is_not_put_there_twice(cardiology):
    with pytest.raises(NotPossible, match="already"):
        cardiology.add(cardiology.omar)


def test_somebody_whose_dates_are_over_joins_anew(cardiology):
    nora = nurse()
    cardiology.add(nora, ends=later(days=1))
    with time_machine.travel(later(days=2)):
        cardiology.add(nora)
        assert nora.user.clinician.full_name in names(cardiology.team)
    assert TeamMembership.objects.filter(clinician__user=nora.user).count() == 2


# --- Leaving -------------------------------------------------------------------------------------
def test_who_is_removed_opens_nothing_from_that_commit_on_and_the_keys_turn_at_the_next_visit(cardiology):
    before = keyrings.open_shared(cardiology.team.pk, keyring=cardiology.omar.keyring)
    cardiology.remove(cardiology.omar)
    assert names(cardiology.team) == {"Dr Mei Lee"}
    assert not opens(cardiology.team, cardiology.omar)
    assert key_number(cardiology.team) == 1, "no key was at hand"
    assert cardiology.visit(cardiology.lee) == 1
    assert key_number(cardiology.team) == 2
    after = keyrings.open_shared(cardiology.team.pk, keyring=cardiology.lee.keyring)
    assert after.text != before.text
    assert cardiology.visit(cardiology.lee) == 0


def test_a_date_that_passes_counts_at_once_and_the_seal_goes_with_the_next_round(cardiology):
    nora = nurse()
    cardiology.add(nora, ends=later(days=1))
    cardiology.visit(cardiology.lee)
    with time_machine.travel(later(days=1, seconds=1)):
        assert names(cardiology.team) == {"Dr Mei Lee", "Dr Omar Haddad"}
        assert opens(cardiology.team, nora), "no job ran yet"
        assert take_keys_of_leavers() == 1
        assert take_keys_of_leavers() == 0
        assert not opens(cardiology.team, nora)
        assert cardiology.visit(cardiology.omar) == 1
    assert key_number(cardiology.team) == 2
    assert told("team.member-removed")[-1]["because"] == "date"


def test_a_member_leaves_by_themselves(cardiology):
    cardiology.remove(cardiology.omar, by=cardiology.omar.user)
    assert not opens(cardiology.team, cardiology.omar)


def test_colleagues_and_strangers_remove_nobody(cardiology):
    for by in (cardiology.omar.user, nurse().user, administrator("O", people.institution("City Hospital"))):
        with pytest.raises(NotPossible):
            cardiology.remove(cardiology.lee, by=by)


def test_who_leaves_the_institution_leaves_its_teams_in_the_same_commit(cardiology):
    membership = Membership.objects.get(clinician__user=cardiology.omar.user)
    operations.leave_institution(membership, by=cardiology.ida)
    assert not opens(cardiology.team, cardiology.omar)
    assert names(cardiology.team) == {"Dr Mei Lee"}
    assert told("team.member-removed")[-1]["because"] == "left-institution"


def test_a_revoked_licence_takes_the_team_s_keys_in_the_same_commit(cardiology):
    credential = cardiology.omar.user.clinician.credentials.get()
    credentials.revoke(credential, by=verifier("Vera Stone"), reason="Found to be forged.")
    assert not opens(cardiology.team, cardiology.omar)
    assert Team.objects.get().keys_due_at is not None


def test_a_licence_that_ran_out_is_refused_and_keeps_its_seal_for_the_day_it_is_renewed(cardiology):
    cardiology.omar.user.clinician.credentials.update(expires_at=people.LONG_AGO)
    assert names(cardiology.team) == {"Dr Mei Lee"}
    assert team_queries.teams_of(cardiology.omar.user, queries.standing(cardiology.omar.user), clock.now()) == []
    assert cardiology.visit(cardiology.omar) == 0


def test_a_member_with_renewed_keys_is_followed_by_new_keys_of_the_team(cardiology):
    old = cardiology.omar.keyring
    cardiology.omar.keyring = keyrings.succeed(Keyring.objects.get(reader=old.reader_id), old)
    assert opens(cardiology.team, cardiology.omar), "through the older keys, kept under the newer"
    assert cardiology.visit(cardiology.omar) == 1
    assert key_number(cardiology.team) == 2
    with pytest.raises(CannotOpen):
        keyrings.open_shared(cardiology.team.pk, keyring=old)


def test_the_lead_s_leaving_ends_their_leading(cardiology):
    cardiology.remove(cardiology.lee, by=cardiology.ida)
    assert not team_queries.leads_of(cardiology.team).exists()
    assert told("privilege.taken")[-1]["details"]["user"] == str(cardiology.lee.user.pk)


def test_with_its_last_member_a_team_ends_for_its_keys_are_gone(cardiology):
    cardiology.remove(cardiology.omar)
    cardiology.remove(cardiology.lee, by=cardiology.ida)
    team = Team.objects.get()
    assert team.ended_at is not None
    assert not MemberSeal.objects.exists()
    assert told("team.ended")[-1]["because"] == "nobody-left"
    with pytest.raises(NotPossible, match="has ended"):
        cardiology.add(nurse(), by=cardiology.ida)


# --- Institutions that leave ---------------------------------------------------------------------
def test_an_institution_that_leaves_ends_all_its_teams_in_one_act(cardiology):
    teams.found_team(cardiology.place, name="Night shift", lead=cardiology.omar.user.clinician, by=cardiology.ida)
    institutions.end_agreement(cardiology.place, by=verifier("Vera Stone"), reason="They moved away.")
    assert not Team.objects.filter(ended_at__isnull=True).exists()
    assert not MemberSeal.objects.exists()
    assert not TeamMembership.objects.filter(ended_at__isnull=True).exists()


def test_a_suspended_institution_s_teams_open_nothing_and_come_back_with_it(cardiology):
    vera = verifier("Vera Stone")
    institutions.suspend_institution(cardiology.place, by=vera, reason="An inquiry.")
    assert names(cardiology.team) == set()
    assert team_queries.team_line(cardiology.team.pk) is None
    institutions.restore_institution(cardiology.place, by=vera, reason="Settled.")
    assert names(cardiology.team) == {"Dr Mei Lee", "Dr Omar Haddad"}


# --- What patients find --------------------------------------------------------------------------
def test_patients_find_a_team_by_its_name_or_place_with_who_belongs_to_it_now(cardiology):
    for words in ("cardio", "harbour", "cardio harbour"):
        (line,) = team_queries.directory(words)
        assert (line.name, line.people) == ("Cardiology", 2)
        assert {one.name for one in line.members} == {"Dr Mei Lee", "Dr Omar Haddad"}
    assert team_queries.directory("surgery") == []


def test_a_team_without_anybody_in_good_standing_is_not_found(cardiology):
    for person in (cardiology.lee, cardiology.omar):
        person.user.clinician.credentials.update(expires_at=people.LONG_AGO)
    assert team_queries.directory("cardio") == []


def test_a_day_is_no_end_before_it_is_over(cardiology):
    with pytest.raises(NotPossible, match="last day"):
        cardiology.add(nurse(), ends=clock.now() - timedelta(days=1))


def test_the_directory_asks_as_often_for_many_teams_as_for_one(cardiology, django_assert_max_num_queries):
    for number in range(3):
        lead = people.clinician(f"Lead {number}")
        teams.found_team(cardiology.place, name=f"Cardio {number}", lead=lead.user.clinician, by=cardiology.ida)
    with django_assert_max_num_queries(5):
        assert len(team_queries.directory("cardio")) == 4
