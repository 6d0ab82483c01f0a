"""What the guide for researchers shows works as it stands."""

import json
import re
from pathlib import Path

from django.conf import settings

from research.deidentify.declaring import Kind
from research.release import reading, viewing

GUIDE = (Path(settings.BASE_DIR) / "docs" / "guides" / "researchers.md").read_text(encoding="utf-8")


def test_the_example_makes_a_table():
    (example,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    assert viewing.problem([json.loads(example)]) == ""


def test_the_guide_knows_each_kind():
    assert set(re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)) == set(Kind)


def test_the_guide_knows_each_function():
    (told,) = re.findall(r"Functions: (.*?)\. What is outside", GUIDE, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", told)) == reading.FUNCTIONS
