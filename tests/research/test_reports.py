"""Charts that can be heard: each says what it is, each bar what it shows, and a table has the same numbers."""

import re
from xml.etree import ElementTree

import pytest

from research.anonymity.risks import Risks, bands
from research.reports import figures, pages, risks

BEFORE, AFTER = Risks(1.0, 0.5, 1.0, 0.5, 0.413), Risks(0.2, 0.0, 0.125, 0.0, 0.0138)
SVG = "{http://www.w3.org/2000/svg}"


def plain(text):
    """Return a text with plain spaces: a number and its sign stand on one line."""
    return text.replace("\u00a0", " ")


@pytest.fixture(scope="module")
def drawn():
    before, after = bands([1] * 8841 + [3] * 2000 + [150]), bands([5, 5, 60, 2000])
    shown = [risks.chances(BEFORE, AFTER), risks.sizes(before, after), risks.losses(0.17834, 0.2, 1346, 30162)]
    return [figures.drawn(one) for one in shown]


def test_each_chart_has_a_title_and_a_description_it_points_to(drawn):
    for figure in drawn:
        root = ElementTree.fromstring(figure.svg)
        words = {one.get("id"): one.text for one in root if one.tag in {f"{SVG}title", f"{SVG}desc"}}
        assert [words[name] for name in root.get("aria-labelledby").split()] == [figure.title, figure.description]
        assert root.get("role") == "graphics-document"


def test_each_bar_says_what_it_shows_and_the_table_says_it_too(drawn):
    chances, sizes, losses = drawn
    heard = re.findall(r'aria-label="([^"]*)"', plain(chances.svg))
    assert heard == [
        "Prosecutor: before 100 %", "Prosecutor: after 20 %", "Journalist: before 100 %", "Journalist: after 12.5 %",
        "Marketer: before 41.3 %", "Marketer: after 1.4 %",
    ]  # fmt: skip
    assert [tuple(map(plain, row[:3])) for row in chances.rows] == [
        ("Prosecutor", "100 %", "20 %"), ("Journalist", "100 %", "12.5 %"), ("Marketer", "41.3 %", "1.4 %"),
    ]  # fmt: skip
    assert "2–4: before 6,000" in sizes.svg
    assert sizes.rows[1] == ("2–4", "2,000", "6,000", "0", "0")
    assert sizes.description == "Before, 8,841 of 14,991 rows stood alone; after, 0 do, and 2,070 rows are left."
    assert plain(losses.description) == "17.8 % of the detail is lost, and 1,346 of 30,162 rows were left out."
    assert re.findall(r'aria-label="([^"]*)"', plain(losses.svg)) == [
        "Detail: 17.8 %",
        "Information: 20 %",
        "Rows: 4.5 %",
    ]


def test_a_chart_needs_no_script_no_style_and_no_network(drawn):
    for figure in drawn:
        for forbidden in ("<script", "<style", "style=", "href", "url(", "<image", " onload"):
            assert forbidden not in figure.svg
        assert set(re.findall(r"https?://[^\"' ]+", figure.svg)) == {"http://www.w3.org/2000/svg"}


def test_two_charts_on_one_page_share_no_id(drawn):
    page = pages.page("Risk", drawn, facts=[("Rows left out", "1,346")])
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids)) > 3
    assert all(name in ids for names in re.findall(r'aria-labelledby="([^"]*)"', page) for name in names.split())


def test_what_a_study_is_called_is_no_markup():
    page = pages.page("<b>Heart & soul</b>", [], facts=[("<i>k</i>", '"5"')])
    assert "<b>" not in page
    assert "<i>" not in page
    svg = figures.named("<svg><g/></svg>", slug="s", title="<script>", description="a & b")
    assert "<script" not in svg
    assert ElementTree.fromstring(svg)[1].text == "a & b"


def test_a_chart_speaks_the_reader_s_language(drawn):
    german = {"Prosecutor": "Anklage", "before {number}": "vorher {number}", "After": "Nachher"}
    figure = risks.chances(BEFORE, AFTER, gettext=lambda text: german.get(text, text))
    assert "Anklage: vorher 100 %" in plain(figures.drawn(figure).svg)
    assert figure.heading[2] == "Nachher"
