"""The look: the seal, fields, what to correct, names, days, pages."""

import re
import uuid
from datetime import UTC, date, datetime

import pytest
import time_machine
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from ehr import clock
from ehr.frame import categories, paging, seal_picture
from ehr.frame.forms import Day, Option
from ehr.words import Category


def shown(source: str, **context) -> str:
    return Template("{% load frame %}" + source).render(Context(context))


class Example(forms.Form):
    name = forms.CharField(help_text="As in your passport.", error_messages={"required": "Write your name."})
    parts = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, required=False)
    sure = forms.BooleanField(error_messages={"required": "Tick this."})
    on = forms.DateField(widget=Day, required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["parts"].choices = [("labs", Option("Lab results", "For example: HbA1c"))]


# --- The seal ------------------------------------------------------------------------------------
def test_the_same_root_draws_the_same_seal():
    assert seal_picture.svg(b"\x01" * 32) == seal_picture.svg(b"\x01" * 32)


def test_another_root_draws_another_seal():
    pictures = {seal_picture.svg(number.to_bytes(32, "big")) for number in range(200)}
    assert len(pictures) == 200


def test_the_seal_is_decoration_without_style_or_script():
    picture = seal_picture.svg(b"\x00" * 32)
    assert 'aria-hidden="true"' in picture
    assert "style" not in picture
    assert "script" not in picture


def places(path: str) -> list[tuple[int, int]]:
    """Return where a drawn path passes and is pulled to: M x y, then q pull to, each from the last place."""
    x, y, *steps = (int(number) for number in re.findall(r"-?\d+", path))
    found = [(x, y)]
    for u, v, dx, dy in zip(*[iter(steps)] * 4, strict=True):
        found += [(x + u, y + v), (x := x + dx, y := y + dy)]
    return found


def test_the_seal_stays_inside_its_frame_and_each_strand_closes():
    for number in range(100):
        for path in re.findall(r'd="([^"]+)"', seal_picture.svg(number.to_bytes(32, "big"))):
            drawn = places(path)
            assert all(0 <= place <= 480 for pair in drawn for place in pair)
            assert drawn[0] == drawn[-1]


def test_the_seal_is_a_light_picture():
    assert max(len(seal_picture.svg(number.to_bytes(32, "big"))) for number in range(100)) < 3600


# --- Fields --------------------------------------------------------------------------------------
def test_a_field_ties_label_hint_and_message_to_its_input():
    html = shown("{% field form.name %}", form=Example({}))
    assert '<label for="id_name">' in html
    assert 'id="id_name_helptext">As in your passport.' in html
    assert re.search(r'<input[^>]*aria-describedby="id_name_helptext id_name_error"', html)
    assert 'id="id_name_error">Write your name.' in html


def test_a_choice_shows_its_example_and_belongs_to_a_named_group():
    html = shown("{% field form.parts %}", form=Example())
    assert "<fieldset" in html
    assert "<legend>Parts</legend>" in html
    assert "<span>For example: HbA1c</span>" in html


def test_what_is_to_be_corrected_is_listed_and_leads_to_each_field():
    html = shown("{% errors form %}", form=Example({}))
    assert 'role="alert" tabindex="-1" autofocus' in html
    assert '<a href="#id_name">Write your name.</a>' in html
    assert '<a href="#id_sure">Tick this.</a>' in html


def test_nothing_is_listed_while_there_is_nothing_to_correct():
    assert not shown("{% errors form %}", form=Example()).strip()


def test_what_was_typed_is_kept_and_escaped():
    html = shown("{% field form.name %}", form=Example({"name": '"><script>'}))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_day_is_asked_for_with_the_browsers_calendar():
    assert 'type="date"' in shown("{% field form.on %}", form=Example())


# --- Names and times -----------------------------------------------------------------------------
def test_a_name_is_kept_apart_from_the_direction_of_the_text_around_it():
    assert shown("{{ name|person }}", name="د. عمر <b>") == "<bdi>د. عمر &lt;b&gt;</bdi>"


def test_a_moment_is_told_in_the_readers_zone():
    with timezone.override("America/St_Johns"):
        html = shown("{{ at|moment }}", at=datetime(2026, 11, 20, 2, 0, tzinfo=UTC))
    assert "19 November 2026, 22:30" in html
    assert 'datetime="2026-11-20T02:00:00+00:00"' in html


def test_days_of_a_list_say_today_and_yesterday_and_the_year_when_it_is_another():
    with time_machine.travel("2026-11-20T12:00:00+00:00"):
        clock.watch.forget()
        assert shown("{{ on|heading_day }}", on=date(2026, 11, 20)) == "Today, Friday 20 November"
        assert shown("{{ on|heading_day }}", on=date(2026, 11, 19)) == "Yesterday, Thursday 19 November"
        assert shown("{{ on|heading_day }}", on=date(2026, 11, 2)) == "Monday 2 November"
        assert shown("{{ on|heading_day }}", on=date(2025, 12, 31)) == "Wednesday 31 December 2025"


# --- Parts of a record ---------------------------------------------------------------------------
def test_each_part_of_a_record_has_a_name_what_it_holds_and_an_example():
    assert [part.slug for part in categories.all_six()] == list(Category)
    assert all(part.name and part.holds and part.example for part in categories.all_six())
    assert [part.slug for part in categories.all_six() if part.sensitive] == ["mental-health", "genetic"]


# --- Pages ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_pages_by_key_show_each_line_once_also_while_lines_arrive(size):
    lines = [uuid.UUID(int=number) for number in range(1, 21)]

    def fetch(before, limit):
        return sorted((line for line in lines if before is None or line < before), reverse=True)[:limit]

    seen, before = [], None
    while True:
        page = paging.newest_first(fetch, before=before, size=size, key=lambda line: line)
        seen += page.items
        lines.append(uuid.UUID(int=100 + len(lines)))
        if page.older is None:
            break
        before = page.older
    assert seen == sorted((uuid.UUID(int=number) for number in range(1, 21)), reverse=True)


def test_a_cursor_is_an_id_or_not_there():
    one = uuid.uuid4()
    assert paging.cursor(RequestFactory().get("/", {"before": str(one)})) == one
    assert paging.cursor(RequestFactory().get("/")) is None
    with pytest.raises(Http404):
        paging.cursor(RequestFactory().get("/", {"before": "1 or 1=1"}))


def test_a_page_beyond_the_end_is_the_last_page():
    page = paging.page(RequestFactory().get("/", {"page": "99"}), list(range(30)), size=10)
    assert list(page) == list(range(20, 30))


@pytest.mark.parametrize(("number", "words"), [("", ""), ("0800 123", "Call 0800 123.")])
def test_the_foot_of_a_page_names_the_telephone_where_there_is_one(settings, rf, number, words):
    settings.HELP_LINE = number
    request = rf.get("/")
    request.user = AnonymousUser()
    page = render_to_string("base.html", request=request)
    assert ("Rather speak to somebody?" in page) == bool(number)
    assert words in page
