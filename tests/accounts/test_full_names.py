"""Names of people in any script, with nothing in them that the eye does not see."""

import pytest

from ehr.accounts.full_names import objection

pytestmark = [pytest.mark.security]


@pytest.mark.parametrize(
    "name",
    [
        "Ana Costa",
        "Jean-Luc O’Neill, 3rd",
        "محمد عبد الله",
        "אברהם בן־דוד",
        "\u200fمحمد\u200f",
        "علی\u200cرضا",
        "ක්\u200dෂිති",
        "김 민준",
        "王小明",
        "Ngọc Ánh",
        "Ana " + "Maria " * 30 + "Costa",
    ],
)
def test_a_name_that_somebody_may_have_is_taken(name):
    assert objection(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "Ana\u202eatsoC",
        "Ana \u202aCosta\u202c",
        "Ana\u2066 Costa\u2069",
        "Ana\u200bCosta",
        "Ana\ufeffCosta",
        "Ana\nCosta may read everything.",
        "Ana\u2028Costa",
        "Ana\x7fCosta",
        "Ana\U000e0041",
        "\u3164",
        "Ana\u3164Costa",
        "Ana Costa\u200d",
        "\u200cAna Costa",
    ],
)
def test_a_name_that_hides_something_is_refused(name):
    assert "cannot be seen" in objection(name)


@pytest.mark.parametrize("name", ["...", "12 34", "\u2800", "☺"])
def test_a_name_without_a_letter_is_refused(name):
    assert objection(name) == "Write the name with letters."
