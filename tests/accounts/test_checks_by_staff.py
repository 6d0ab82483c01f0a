"""Two members of staff release the institution's share, and shorten the wait only face to face."""

import pytest

from audit import queries as audit
from audit.models import Event
from ehr import clock
from ehr.accounts import guardians, lost_keys, operations, queries
from ehr.accounts.models import GivenShare, Recovery, User
from ehr.crypto import sealing
from tests.accounts.conftest import checker

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]


def actions() -> list[str]:
    return [audit.facts(event.pk)["action"] for event in Event.objects.order_by("pk")]


def test_two_staff_face_to_face_shorten_the_wait_and_one_does_not(alice, code, begun):
    begun.by_institution()
    for name, enough in (("Ida Check", False), ("Otto Check", True)):
        lost_keys.check(begun.recovery, by=checker(name), document="passport", spoken=begun.letters, in_person=True)
        assert queries.is_ready(begun.recovery, clock.now()) is enough
    assert begun.finish(code).keyring
    assert "recovery.shortened" in actions()


@pytest.mark.security
def test_checks_from_afar_shorten_nothing(alice, begun):
    for name in ("Ida Check", "Otto Check", "Uma Check"):
        lost_keys.check(begun.recovery, by=checker(name), document="passport", spoken=begun.letters)
    assert queries.is_checked(begun.recovery)
    assert not queries.is_ready(begun.recovery, clock.now())


@pytest.mark.security
def test_one_member_of_staff_counts_once_also_after_meeting_the_person(alice, begun):
    ida = checker("Ida Check")
    lost_keys.check(begun.recovery, by=ida, document="passport", spoken=begun.letters)
    with pytest.raises(operations.Refused, match="already"):
        lost_keys.check(begun.recovery, by=ida, document="passport", spoken=begun.letters)
    assert lost_keys.check(begun.recovery, by=ida, document="passport", spoken=begun.letters, in_person=True) == 1
    assert not queries.is_checked(begun.recovery)


@pytest.mark.security
def test_whoever_has_no_such_job_or_a_part_in_it_does_not_check(alice, bob, begun):
    told = {"document": "passport", "spoken": begun.letters}
    for by in (bob.user, alice.user):
        with pytest.raises(operations.Refused, match="role"):
            lost_keys.check(begun.recovery, by=by, **told)
    for person in (bob, alice):
        person.user.user_permissions.add(*checker(f"{person.user.name} Two").user_permissions.all())
    with pytest.raises(operations.Refused, match="guardian"):
        lost_keys.check(begun.recovery, by=User.objects.get(pk=bob.user.pk), **told)
    with pytest.raises(operations.Refused, match="your own"):
        lost_keys.check(begun.recovery, by=User.objects.get(pk=alice.user.pk), **told)


@pytest.mark.security
def test_a_check_by_somebody_whose_account_was_suspended_counts_no_more(alice, begun):
    staff = [checker("Ida Check"), checker("Otto Check")]
    for by in staff:
        lost_keys.check(begun.recovery, by=by, document="passport", spoken=begun.letters, in_person=True)
    assert queries.is_ready(begun.recovery, clock.now())
    User.objects.filter(pk=staff[0].pk).update(is_active=False)
    assert not queries.is_ready(begun.recovery, clock.now())
    assert not queries.is_checked(begun.recovery)


@pytest.mark.security
def test_the_institutions_share_is_not_released_before_two_checks(alice, begun):
    lost_keys.check(begun.recovery, by=checker("Ida Check"), document="passport", spoken=begun.letters)
    with pytest.raises(operations.Refused, match="Two people"):
        lost_keys.may_release(begun.recovery)
    lost_keys.check(begun.recovery, by=checker("Otto Check"), document="passport", spoken=begun.letters)
    assert lost_keys.may_release(begun.recovery).holder == "institution"


@pytest.mark.security
def test_letters_of_another_key_are_refused_and_on_the_log(alice, bob, guarded, begun):
    """Somebody who began it themselves, or put another key in its place, has other letters on another screen."""
    theirs = begun.letters
    Recovery.objects.update(public=sealing.generate_kem().public)
    swapped = Recovery.objects.get()
    with pytest.raises(operations.Refused, match="letters"):
        lost_keys.check(swapped, by=checker("Ida Check"), document="passport", spoken=theirs)
    with pytest.raises(operations.Refused, match="letters"):
        guardians.hand_over(guarded, by=bob.user, keyring=bob.keyring, spoken=theirs)
    assert actions().count("recovery.refused") == 2
    assert not GivenShare.objects.exists()
