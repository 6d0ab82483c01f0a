"""What a role makes of a reader, and that the decision asks for the role at each use."""

import pytest

from consent import queries, sentences
from consent.rules import ReaderFacts
from providers.queries import Standing
from providers.roles import Role
from tests.consent import oracle, worlds

pytestmark = pytest.mark.compliance


def standing(*roles: str, ok: bool = True, because: str = "") -> Standing:
    return Standing(ok, min(roles, default=""), "Dr", None, because, None, roles=frozenset(roles))


def test_the_table_has_all_the_roles_there_are():
    assert set(oracle.ROLES) == set(map(str, Role))


@pytest.mark.parametrize("role", Role)
def test_a_role_makes_of_a_reader_what_the_table_takes_it_for(role):
    assert queries.reader_facts(standing(role)) == worlds.reader_facts(str(role))


@pytest.mark.parametrize(
    ("roles", "as_wide_as"),
    [
        ({Role.NURSE, Role.SPECIALIST}, Role.SPECIALIST),
        ({Role.PHARMACIST, Role.PRIMARY_PHYSICIAN}, Role.PRIMARY_PHYSICIAN),
        ({Role.NURSE, Role.PHARMACIST}, Role.NURSE),
        ({Role.RESEARCHER, Role.SPECIALIST}, Role.SPECIALIST),
        ({Role.RESEARCHER, Role.FRONT_DESK}, Role.FRONT_DESK),
        ({Role.ADMINISTRATOR, Role.NURSE}, Role.NURSE),
    ],
)
def test_of_several_roles_the_one_that_reaches_furthest_counts(roles, as_wide_as):
    assert queries.reader_facts(standing(*roles)) == worlds.reader_facts(str(as_wide_as))


def test_who_lost_the_role_for_emergencies_opens_nothing_more_in_one_that_is_still_open():
    """A nurse who was emergency personnel when the glass broke: the four hours are not over, the role is."""
    both, left = standing(Role.EMERGENCY, Role.NURSE), standing(Role.NURSE)
    assert queries.reader_facts(both).may_break_glass
    assert not queries.reader_facts(left).may_break_glass


def test_lost_standing_is_told_with_its_word():
    facts = queries.reader_facts(standing(ok=False, because="credential-expired"))
    assert facts == ReaderFacts(True, False, "credential-expired", sees_clinical_text=False, sees_people=False)
    assert not queries.reader_facts(standing(ok=False, because="account-suspended")).active


def test_every_refusal_has_words_that_say_what_to_do_next():
    words = {one.because for one in oracle.SENTENCES} | {because for _says, because, _ in oracle.GRANT_SENTENCES}
    of_standing = {"account-suspended", "credential-expired"}  # told by providers, with words of their own
    unsaid = {"blocked"}  # who is kept out reads what one reads when sharing was stopped
    assert words | {"no-grant"} <= sentences.REFUSALS.keys() | of_standing | unsaid
    assert not unsaid & sentences.REFUSALS.keys()
