"""The record of processing names every table; the impact assessment ties every risk to a test."""

import pytest
from django.apps import apps
from django.conf import settings

from tests.compliance import written

pytestmark = pytest.mark.compliance

PAGE = "docs/data-protection.md"


def test_every_table_is_in_the_record_of_processing():
    own = {
        model._meta.label
        for config in apps.get_app_configs()
        if config.path.startswith(str(settings.BASE_DIR)) and "site-packages" not in config.path
        for model in config.get_models()
    }
    listed = [cells[0].strip("`") for cells in written.rows(written.page(PAGE), "Table")]
    assert sorted(listed) == sorted(own)


def test_every_risk_names_what_shows_its_measure():
    risks = written.rows(written.page(PAGE), "Risk")
    assert [cells[0] for cells in risks] == [f"R{number}" for number in range(1, len(risks) + 1)]
    assert [cells[0] for cells in risks if not written.tests_named_in(cells[3])] == []
    assert [cells[0] for cells in risks if not cells[4]] == []
