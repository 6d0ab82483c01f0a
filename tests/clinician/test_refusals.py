"""Every refusal has words and a next step, and what is withheld is the same six parts for everybody."""

import re

import pytest
from django.conf import settings
from django.urls import reverse

from consent import sentences
from consent.sharing.grants import Narrow
from ehr.words import Category
from tests import people
from tests.clinician.conftest import browser_of

RULES = settings.BASE_DIR / "consent" / "rules.py"
# Told in the words of lost standing, or of a stop.
OTHERWISE = {"blocked"}


def reasons() -> set[str]:
    """Return every word that the rules give for a refusal."""
    source = RULES.read_text(encoding="utf-8")
    found = set(re.findall(r'Decision\(False, "([a-z-]+)"', source)) | set(re.findall(r'return "([a-z-]+)"', source))
    return found | set(re.findall(r'or "([a-z-]+)"', source))


def test_every_reason_of_the_rules_is_put_into_words():
    assert reasons()
    assert reasons() - set(sentences.REFUSALS) - OTHERWISE == set()


@pytest.mark.parametrize("because", sorted(sentences.REFUSALS))
def test_each_refusal_says_what_to_do_next(because):
    told = sentences.refusal(because, name="Ana Costa")
    next_step = (
        r"Ask|ask|Say|See|Unlock|unlock|Tell|Come back|can tell you|give the reason|open the record|Use your|told"
    )
    assert re.search(next_step, told), told
    assert "{" not in told


@pytest.mark.django_db
@pytest.mark.parametrize("single", [True, False])
def test_the_chart_lists_the_same_six_parts_also_for_a_reader_of_single_entries(ana, lee, record, single):
    narrow = Narrow(entries=frozenset({str(record["Glucose"])})) if single else Narrow()
    people.give(ana, lee, Category.LABS, narrow=narrow)
    page = browser_of(lee).get(reverse("clinician:chart", args=[ana.patient.pk]))
    assert [part.name for part in page.context["sheet"].parts] == [
        "Personal details",
        "Health history",
        "Lab results and measurements",
        "Medicines and care plans",
        "Mental health notes and other private matters",
        "Genetic information",
    ]
    assert "Depressive" not in page.content.decode()
