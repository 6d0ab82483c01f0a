"""Pipes and hats: what is written is what is read, and whatever comes is read or refused by its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.intake.hl7v2 import acks, er7, messages
from ehr.intake.hl7v2.er7 import NULL, Separators, Unreadable
from ehr.intake.hl7v2.sender import Sender

from .vectors import ORU, PID, message, msh

HEAD = "MSH|^~\\&|A|B|C|D|202611210830||ADT^A08|1|P|2.5.1"
SENDER = Sender("feed", "North Laboratory")
# What a field may hold: anything a person writes, no control characters, and not what means "delete".
words = (
    st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20).map(str.strip).filter(lambda one: one != NULL)
)
pieces = st.tuples(words, words, words)


def read(text: str, **more) -> er7.Message:
    return er7.parse(text.encode(), **more)


def refused(content: bytes) -> Unreadable | None:
    """Return why a message is not read, None where it is. Anything else that is raised fails the test."""
    try:
        messages.read(er7.parse(content), SENDER)
    except Unreadable as problem:
        return problem
    return None


def field(text: str, number: int = 3) -> er7.Segment:
    return read(f"{HEAD}\rPID|{'|' * (number - 1)}{text}").only("PID")


@settings(max_examples=150)
@given(st.lists(st.lists(pieces, min_size=1, max_size=3), min_size=1, max_size=5))
def test_what_is_written_is_what_is_read(fields):
    written = er7.write([["MSH", "A", "B"], ["PID", *fields]])
    found = er7.parse(written).only("PID") if any(any(map(any, one)) for one in fields) else None
    for number, repeats in enumerate(fields, 1):
        said = [one for one in repeats if any(one)]
        got = [tuple(one.text(n) for n in (1, 2, 3)) for one in found.repeats(number)] if found else []
        assert got == said


@settings(max_examples=200)
@given(st.sampled_from(["|^~\\&", "#$%*@", "!;:,.", "|^~\\&#"]), words)
def test_every_separator_can_be_said(marks, text):
    chosen = Separators(*marks)
    written = er7.write([["MSH", "A"], ["NTE", "1", "", f"{text}{marks}x"]], chosen)
    assert er7.parse(written).only("NTE").text(3) == f"{text}{marks}x".strip()


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content):
    for one in (content, b"MSH|^~\\&|" + content, HEAD.encode() + b"\r" + content):
        problem = refused(one)
        assert problem is None or (problem.where and problem.code in acks.WORDS)


@settings(max_examples=200)
@given(st.integers(0, len(ORU) - 1), st.binary(min_size=1, max_size=4))
def test_a_message_with_a_few_bytes_changed_is_read_or_refused(at, noise):
    problem = refused(ORU[:at] + noise + ORU[at + len(noise) :])
    assert problem is None or problem.words


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_segments_end_in_any_of_three_ways(end):
    found = er7.parse(message(msh(), PID, end=end))
    assert [one.name for one in found.segments] == ["MSH", "PID"]


def test_null_and_empty_are_told_apart():
    pid = read(f'{HEAD}\rPID|1||7||A^B||""|F').only("PID")
    assert (pid.is_null(7), pid.is_null(6)) == (True, False)
    assert (pid.text(7), pid.text(6), pid.repeats(7)) == ("", "", [])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\F\b", "a|b"),
        (r"a\S\b\T\c\R\d", "a^b&c~d"),
        (r"a\E\b", r"a\b"),
        (r"\H\loud\N\ quiet", "loud quiet"),
        (r"one\.br\two", "one\ntwo"),
        (r"one\.sp2\two", "one\n\ntwo"),
        (r"one\.sp+2\two", "one\n\ntwo"),
        (r"one\.sp+\two", "one\ntwo"),
        (r"one\.sp002\two", "one\n\ntwo"),
        (r"one\.sk3\two", "one   two"),
        (r"\X48656C6C6F\ ", "Hello"),
        (r"C:\temp", r"C:\temp"),
        (r"\Zlocal\rest", "rest"),
        ("\\Xc3a9\\t\\Xc3a9\\", "été"),
    ],
)
def test_escape_sequences(written, meant):
    assert field(written).text(3) == meant


@pytest.mark.parametrize(("command", "sign", "most"), [("sp", "\n", 50), ("sk", " ", 200)])
def test_layout_takes_no_more_room_than_a_page_has(command, sign, most):
    assert field(f"one\\.{command}{'9' * 5000}\\two").text(3) == f"one{sign * most}two"


@pytest.mark.parametrize("written", [r"\XZZ\ ", r"\X00\ ", r"\C2842\ "])
def test_escape_sequences_that_hide_something_are_refused(written):
    with pytest.raises(Unreadable, match="PID-3"):
        field(written).text(3)


def test_repetitions_components_and_subcomponents():
    found = field("1^^^N&1.2.3&ISO^MR~2^^^S^SS").repeats(3)
    assert [(one.text(1), one.text(4), one.text(4, 2), one.text(5)) for one in found] == [
        ("1", "N", "1.2.3", "MR"),
        ("2", "S", "", "SS"),
    ]


def test_other_encoding_characters():
    found = er7.parse(b"MSH#$%*@#A#B#C#D#202611210830##ADT$A08#1#P#2.5.1\rPID#1##7$$$N@1.2@ISO%8")
    assert found.kind == ("ADT", "A08")
    assert [one.text(1) for one in found.only("PID").repeats(3)] == ["7", "8"]


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("8859/1", "latin-1"),
        ("UNICODE UTF-8", "utf-8"),
        ("8859/2", "iso8859-2"),
        ("8859/8", "iso8859-8"),
        ("GB 18030-2000", "gb18030"),
    ],
)
def test_names_come_in_the_character_set_that_is_named(charset, codec):
    name = {"8859/2": "Łukasz", "8859/8": "אברהם", "GB 18030-2000": "王小明"}.get(charset, "Sørensen")
    text = f"{HEAD}||||||{charset}\rPID|1||7||{name}^Anna||19840503|F"
    assert er7.parse(text.encode(codec)).only("PID").text(5) == name


def test_a_character_set_is_never_guessed():
    with pytest.raises(Unreadable, match="MSH-18 is empty"):
        er7.parse(f"{HEAD}\rPID|1||7||Sørensen".encode("latin-1"))
    assert er7.parse(f"{HEAD}\rPID|1||7||Sørensen".encode("latin-1"), codec="latin-1").only("PID").text(5) == "Sørensen"
    with pytest.raises(Unreadable, match="not read here"):
        read(f"{HEAD}||||||EBCDIC")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", "MSH"),
        (b"PID|1", "MSH"),
        (b"MSH|^~", "MSH-2"),
        (b"MSH|^~^&|", "MSH-2"),
        (b"MSHabcde", "MSH-2"),
        (HEAD.encode() + b"\rpid|1", "Line 2"),
        (HEAD.encode() + b"\r" + HEAD.encode(), "Line 2"),
        (HEAD.encode() + b"\rPID|1\x00", "MSH"),
    ],
)
def test_what_is_no_message_is_refused_by_its_place(content, where):
    with pytest.raises(Unreadable) as refused:
        er7.parse(content)
    assert refused.value.where == where


def test_a_second_person_in_one_message_is_refused():
    with pytest.raises(Unreadable, match=r"PID\[2\]"):
        messages.read(er7.parse(message(msh(), PID, PID)), SENDER)
