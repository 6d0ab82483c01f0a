"""What the documents say can be followed: links lead somewhere, commands exist."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

ROOT = Path(settings.BASE_DIR)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def text(page):
    return page.read_text(encoding="utf-8")


@pytest.mark.point(11)
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files_that_exist(page):
    links = re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", text(page))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_make_targets_exist(page):
    named = set(re.findall(r"(?:`|^)make ((?:[a-z][a-z-]+ ?)+)", text(page), flags=re.MULTILINE))
    assert {target for words in named for target in words.split()} - TARGETS == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_management_commands_exist(page):
    named = set(re.findall(r"manage\.py ([a-z_]+)", text(page)))
    assert named - set(get_commands()) == set()
