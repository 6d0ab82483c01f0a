"""The paper: every part in a person's words, letters of other scripts, tags for a screen reader, no trace on a disk."""

import io
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from ehr.r4 import labels
from ehr.rights import paper, press
from tests.clinician.conftest import allergy, lab, problem

SEAL = paper.Seal("<svg viewBox='0 0 1 1'></svg>", ["Nobody can remove a line without it showing."])


def chart(*resources: dict, name: str = "Ana Costa") -> SimpleNamespace:
    whose = SimpleNamespace(pk=UUID(int=5), name=name, sex="female", birth_date=date(1984, 5, 3))
    entries = [
        SimpleNamespace(
            resource={"id": str(number), **resource},
            logical_id=uuid4(),
            raw=b"{}",
            parts=tuple(map(str, labels.label(resource).categories)),
        )
        for number, resource in enumerate(resources)
    ]
    return SimpleNamespace(patient=whose, entries=entries, opened_at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC))


def said(*resources: dict, looks=(), **more) -> str:
    """Return what stands on the paper, line ends as spaces, without the marks that keep scripts apart."""
    name = more.pop("name", "Ana Costa")
    pages = PdfReader(io.BytesIO(paper.paper(chart(*resources, name=name), looks=looks, seal=SEAL, **more))).pages
    text = " ".join(page.extract_text() for page in pages)
    return " ".join(text.replace("\u2068", "").replace("\u2069", "").split())


def test_all_six_parts_are_on_it_also_where_nothing_is_in_them():
    text = said(lab("Glucose", "154", "2026-10-01", word="H"), problem("Asthma"))
    for part in ("Personal details", "Health history", "Lab results", "Medicines", "Mental health", "Genetic"):
        assert part in text
    assert "Nothing is recorded in this part." in text
    assert "154 mg/dL High" in text
    assert "usual: 70–99" in text


def test_whose_it_is_of_when_and_how_many_pages_stand_on_it():
    text = said()
    assert "Ana Costa, born 3 May 1984" in text
    assert "21 November 2026, 09:30, times in the zone UTC" in text
    assert "Page 1 of" in text


def test_earlier_results_of_a_test_stand_behind_the_latest():
    text = said(lab("Glucose", "154", "2026-10-01"), lab("Glucose", "101", "2025-10-01"))
    assert text.index("154 mg/dL") < text.index("1 October 2025 · 101 mg/dL")


def test_who_looked_and_the_seal_close_it():
    text = said(looks=[paper.Look("Dr Mei Lee, Harbour", "Read your test results.", "19 November 2026, 14:06")])
    assert text.index("Dr Mei Lee, Harbour") < text.rindex("Nobody can remove a line")
    assert "19 November 2026, 14:06" in text


def test_accents_and_other_alphabets_are_printed_as_written():
    text = said(problem("Zażółć gęślą jaźń"), problem("Ἄσθμα"), problem("Бронхит"), name="María José Nguyễn")
    for words in ("María José Nguyễn", "Zażółć gęślą jaźń", "Бронхит"):
        assert words in text


def test_a_name_from_right_to_left_is_joined_and_pulls_no_number_across():
    content = paper.paper(chart(lab("سكر الدم", "154", "2026-10-01"), name="محمد علي"), looks=(), seal=SEAL)
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    assert "154 mg/dL" in " ".join(text.replace("\u2068", "").replace("\u2069", "").split())
    # Arabic letters take the shape their place in the word asks for, from the face that has them.
    assert b"NotoSansArabic" in content


def test_a_letter_without_a_shape_stands_by_its_number_and_the_paper_says_so():
    text = said(problem("李 syndrome"))
    assert "[U+674E] syndrome" in text
    assert "Some letters have no shape in this paper and stand by their number, such as [U+674E]." in text
    assert "Some letters" not in said(problem("Asthma"))


def test_it_is_tagged_for_screen_readers():
    content = paper.paper(chart(problem("Asthma")), looks=(), seal=SEAL)
    root = PdfReader(io.BytesIO(content)).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"pdfuaid" in content
    kinds = _kinds(root["/StructTreeRoot"])
    assert {"/H1", "/H2", "/L", "/LI", "/Figure"} <= kinds


def _kinds(node) -> set[str]:
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        return set().union(*map(_kinds, node))
    if not hasattr(node, "get"):
        return set()
    return {str(node.get("/S"))} | (_kinds(node["/K"]) if "/K" in node else set())


def test_words_are_never_taken_for_instructions_to_the_press():
    text = said(problem('#import "x" $x$ *bold* = Heading <label> @ref \\ // no'))
    assert '#import "x" $x$ *bold* = Heading <label> @ref \\ // no' in text


def test_what_does_not_open_is_said_and_not_dropped():
    one = chart(problem("Asthma"))
    one.entries[0].raw, one.entries[0].resource = None, {}
    text = PdfReader(io.BytesIO(paper.paper(one, looks=(), seal=SEAL))).pages
    assert "An entry does not open." in " ".join(page.extract_text() for page in text)


def test_the_press_gets_its_words_by_a_pipe_and_neither_keys_nor_environment(monkeypatch):
    seen = {}

    def run(program, **how):
        seen.update(how, program=program)
        return subprocess.CompletedProcess(program, 0, stdout=b"%PDF-")

    monkeypatch.setattr(paper.subprocess, "run", run)
    monkeypatch.setenv("SECRET_KEY", "of the server")
    paper.paper(chart(allergy("Penicillin")), looks=(), seal=SEAL)
    assert seen["program"] == [sys.executable, "-I", str(Path(press.__file__))]
    assert set(seen["env"]) <= {"PATH", "SYSTEMROOT"}
    assert set(json.loads(seen["input"])) == {"main.typ", "told.json", "seal.svg"}


def test_where_the_press_fails_nothing_of_what_it_said_goes_further(monkeypatch):
    def fail(program, **_how):
        raise subprocess.CalledProcessError(1, program, stderr=b"Penicillin")

    monkeypatch.setattr(paper.subprocess, "run", fail)
    with pytest.raises(paper.NotSet) as refused:
        paper.paper(chart(allergy("Penicillin")), looks=(), seal=SEAL)
    assert "Penicillin" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_list_of_covered_characters_is_that_of_the_typefaces():
    faces = [TTFont(path) for path in sorted(press.TYPEFACES.glob("*-400.ttf"))]
    shapes = {chr(code) for face in faces for code in face.getBestCmap() if code >= 0x20}
    assert paper._covered() - paper._CONTROLS == shapes - paper._CONTROLS
