"""HL7 v2 in pipes and hats (ER7), read strictly and written back: segments, repetitions, components, subcomponents.

The encoding characters are those that the message names, the character set is the one in MSH-18. A field that is not
there and one that holds the null "" are told apart: the first says nothing, the second says "delete". What is wrong is
said by its place and the rule, never by what stands there. Sources: HL7 v2.8.2 chapter 2, sections 2.5 to 2.7 and 2.14.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from .charsets import CODECS

NULL = '""'
MOST_SEGMENTS = 20_000
# Table 0357: why a message was not taken.
SEQUENCE, MISSING, TYPE, VALUE = "100", "101", "102", "103"
OTHER_TYPE, OTHER_EVENT, OTHER_PROCESSING, OTHER_VERSION = "200", "201", "202", "203"
UNKNOWN_KEY, DUPLICATE_KEY, LOCKED, INTERNAL = "204", "205", "206", "207"

_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_UNPRINTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ENDS = re.compile(r"\r\n|\r|\n")
_ENDS_IN_BYTES = re.compile(rb"\r\n|\r|\n")
_LAYOUT = re.compile(r"(?:br|sp\+?\d*|ce|fi|nf|sk\+?\d*|in[+-]?\d*|ti[+-]?\d*)", re.ASCII)


class Unreadable(Exception):
    """A message, or a place in it, cannot be read. `where` is like "OBX[3]-5", `words` the rule, never the content."""

    def __init__(self, where: str, words: str, code: str = TYPE) -> None:
        super().__init__(f"{where} {words}")
        self.where, self.words, self.code = where, words, code


@dataclass(frozen=True)
class Separators:
    """The characters that divide, as MSH-1 and MSH-2 name them; `truncation` is 2.7's fifth."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @property
    def encoding(self) -> str:
        """Return MSH-2."""
        return self.component + self.repetition + self.escape + self.subcomponent + self.truncation

    @cached_property
    def by_letter(self) -> dict[str, str]:
        """Return {letter of an escape sequence: what it stands for}."""
        found = {
            "F": self.field, "S": self.component, "R": self.repetition, "E": self.escape, "T": self.subcomponent,
        }  # fmt: skip
        return found | ({"P": self.truncation} if self.truncation else {})


class Repeat(tuple):
    """One repetition of a field: components, each a tuple of subcomponents, unescaped."""

    __slots__ = ()

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """Return a piece, counted from 1; "" where it is absent or null."""
        found = self.raw(component, subcomponent)
        return "" if found == NULL else found.strip()

    def raw(self, component: int = 1, subcomponent: int = 1) -> str:
        """Return a piece as it stands, null as NULL."""
        if component > len(self):
            return ""
        parts = self[component - 1]
        return parts[subcomponent - 1] if subcomponent <= len(parts) else ""

    def __bool__(self) -> bool:
        return any(part not in ("", NULL) for component in self for part in component)


@dataclass(eq=False)
class Segment:
    """One line of a message. Fields count from 1, as the standard does."""

    name: str
    number: int  # which one of this name, from 1
    raw: Sequence[str]  # the fields as written; of MSH, the first is MSH-1
    separators: Separators
    codec: str
    alone: bool = True  # the only one of its name

    def place(self, number: int, component: int = 0) -> str:
        """Return "OBX[3]-5" or "PID-3.1"."""
        which = self.name if self.alone else f"{self.name}[{self.number}]"
        return f"{which}-{number}" + (f".{component}" if component else "")

    def raw_field(self, number: int) -> str:
        """Return a field as written."""
        return self.raw[number - 1] if number <= len(self.raw) else ""

    def is_null(self, number: int) -> bool:
        """Tell whether a field says that there is nothing, rather than nothing at all."""
        return self.raw_field(number).strip() == NULL

    def repeats(self, number: int) -> list[Repeat]:
        """Return the repetitions of a field that say something."""
        found = [self._repeat(one, number) for one in self._split(number)]
        return [one for one in found if one]

    def first(self, number: int) -> Repeat:
        """Return the first repetition of a field, an empty one where there is none."""
        found = self.repeats(number)
        return found[0] if found else Repeat()

    def text(self, number: int, component: int = 1, subcomponent: int = 1) -> str:
        """Return one piece of a field's first repetition; "" where it is absent or null."""
        return self.first(number).text(component, subcomponent)

    def whole(self, number: int) -> str:
        """Return a field of plain text, its repetitions as lines; what would be components stays as written."""
        lines = (unescape(one, self.separators, self.codec, self.place(number)) for one in self._split(number))
        return "\n".join("" if line == NULL else line for line in lines).strip()

    def need(self, number: int, component: int = 1) -> str:
        """Return one piece, or raise Unreadable where it is missing."""
        found = self.text(number, component)
        if not found:
            raise Unreadable(self.place(number, component if component > 1 else 0), "is missing.", MISSING)
        return found

    def _split(self, number: int) -> list[str]:
        raw = self.raw_field(number)
        return raw.split(self.separators.repetition) if raw else []

    def _repeat(self, text: str, number: int) -> Repeat:
        marks, place = self.separators, self.place(number)
        return Repeat(
            tuple(unescape(part, marks, self.codec, place) for part in component.split(marks.subcomponent))
            for component in text.split(marks.component)
        )


@dataclass(eq=False)
class Message:
    """A message: its segments in order, MSH first."""

    segments: list[Segment]
    separators: Separators = field(default_factory=Separators)

    @property
    def header(self) -> Segment:
        return self.segments[0]

    @property
    def control_id(self) -> str:
        return self.header.text(10)

    @property
    def kind(self) -> tuple[str, str]:
        """Return (code, event), e.g. ("ORU", "R01")."""
        return self.header.text(9, 1).upper(), self.header.text(9, 2).upper()

    @property
    def version(self) -> str:
        return self.header.text(12)

    def named(self, *names: str) -> list[Segment]:
        """Return the segments of these names, in order."""
        return [segment for segment in self.segments if segment.name in names]

    def only(self, name: str) -> Segment:
        """Return the one segment of a name. Raises Unreadable where there is none, or a second one."""
        found = self.named(name)
        if not found:
            raise Unreadable(name, "is missing.", MISSING)
        if len(found) > 1:
            raise Unreadable(f"{name}[2]", "is a second one. Send one message for each patient.", SEQUENCE)
        return found[0]

    def maybe(self, name: str) -> Segment | None:
        """Return the first segment of a name, if there is one."""
        return next(iter(self.named(name)), None)


# --- Reading -------------------------------------------------------------------------------------
def parse(content: bytes, *, codec: str = "") -> Message:
    """Return the message in these bytes. `codec` is what a message that names no character set is written in.

    Raises Unreadable. Segments may end with \\r, \\n or both.
    """
    content = content.removeprefix(b"\xef\xbb\xbf").strip(b"\x0b\x1c\r\n")
    marks = separators_of(content)
    named = named_charset(content, marks)
    chosen = _codec(named, codec)
    text = _decoded(content, chosen, bool(named or codec))
    if found := _UNPRINTED.search(text):
        raise Unreadable("MSH", f"is followed by a control character (0x{ord(found[0]):02X}).")
    lines = [line for line in _ENDS.split(text) if line.strip()]
    if len(lines) > MOST_SEGMENTS:
        raise Unreadable("MSH", f"begins a message of more than {MOST_SEGMENTS:,} segments. Split it.")
    segments = list(_segments(lines, marks, chosen))
    counts: dict[str, int] = {}
    for segment in segments:
        counts[segment.name] = segment.number
    for segment in segments:
        segment.alone = counts[segment.name] == 1
    return Message(segments, marks)


def separators_of(content: bytes) -> Separators:
    """Return the separators that a message names. Raises Unreadable where it does not begin as one does."""
    if content[:3] != b"MSH":
        raise Unreadable("MSH", "is missing: a message begins with it.", SEQUENCE)
    first = _ENDS_IN_BYTES.split(content, maxsplit=1)[0]
    mark = first[3:4]
    encoding = first[4:].split(mark, 1)[0] if mark else b""
    characters = (mark + encoding).decode("latin-1")
    if not 5 <= len(characters) <= 6:
        raise Unreadable("MSH-2", "must be the four encoding characters, or five from version 2.7 on.")
    if len(set(characters)) != len(characters) or not all(
        " " < one < "\x7f" and not one.isalnum() for one in characters
    ):
        raise Unreadable("MSH-2", "must be characters that differ from each other, and neither letters nor digits.")
    return Separators(*characters)


def named_charset(content: bytes, marks: Separators) -> str:
    """Return the first character set that MSH-18 names, "" for none."""
    first = _ENDS_IN_BYTES.split(content, maxsplit=1)[0].decode("latin-1")
    fields = first.split(marks.field)
    return fields[17].split(marks.repetition)[0].strip().upper() if len(fields) > 17 else ""


def _codec(named: str, otherwise: str) -> str:
    if not named or named == NULL:
        return otherwise or "utf-8"
    if named not in CODECS:
        raise Unreadable("MSH-18", "names a character set that is not read here.", VALUE)
    return CODECS[named]


def _decoded(content: bytes, codec: str, said: bool) -> str:
    try:
        return content.decode(codec)
    except (UnicodeDecodeError, LookupError):
        words = (
            "names a character set in which this message is not written."
            if said
            else "is empty, and the message is not UTF-8. Name its character set."
        )
        raise Unreadable("MSH-18", words, VALUE) from None


def _segments(lines: Iterable[str], marks: Separators, codec: str) -> Iterator[Segment]:
    counts: dict[str, int] = {}
    for position, line in enumerate(lines, start=1):
        name, *fields = line.split(marks.field)
        if not _NAME.fullmatch(name):
            raise Unreadable(f"Line {position}", "does not begin with a segment's name.", SEQUENCE)
        if (name == "MSH") != (position == 1):
            raise Unreadable(f"Line {position}", "begins a second message. Send one at a time.", SEQUENCE)
        counts[name] = counts.get(name, 0) + 1
        raw = [marks.field, *fields] if name == "MSH" else fields
        yield Segment(name, counts[name], raw, marks, codec)


# --- Escape sequences ----------------------------------------------------------------------------
def unescape(text: str, marks: Separators, codec: str = "utf-8", place: str = "") -> str:
    r"""Return a piece of text with its escape sequences resolved.

    Highlighting and local sequences (\H\, \N\, \Z…\) say nothing and go; layout becomes lines and spaces. What is no
    sequence at all, such as a lone \ of a path, stays as written: nothing is lost.
    """
    mark = marks.escape
    if mark not in text:
        return text
    pieces, out, position = text.split(mark), [], 0
    out.append(pieces[0])
    position = 1
    while position < len(pieces):
        meant = _meant(pieces[position], marks, codec, place) if position + 1 < len(pieces) else None
        if meant is None:
            out += [mark, pieces[position]]
            position += 1
        else:
            out += [meant, pieces[position + 1]]
            position += 2
    return "".join(out)


def _meant(sequence: str, marks: Separators, codec: str, place: str) -> str | None:
    """Return what an escape sequence stands for, None where it is none."""
    if sequence in marks.by_letter:
        return marks.by_letter[sequence]
    if sequence in ("H", "N") or sequence[:1] == "Z":
        return ""
    if sequence[:1] == ".":
        return _layout(sequence[1:])
    if sequence[:1] == "X":
        return _hex(sequence[1:], codec, place)
    if sequence[:1] in ("C", "M") and re.fullmatch(r"[CM][0-9A-F]{4,6}", sequence):
        raise Unreadable(place, "changes its character set inside a text, which is not read here.")
    return None


def _layout(command: str) -> str | None:
    if not _LAYOUT.fullmatch(command):
        return None
    if command.startswith("sk"):
        return " " * _times(command[2:], most=200)
    if command.startswith("sp"):
        return "\n" * _times(command[2:], most=50)
    return "\n" if command in ("br", "ce") else ""


def _times(written: str, *, most: int) -> int:
    """Return how many are meant, one where nothing says, and never more than `most`."""
    digits = (written.lstrip("+") or "1").lstrip("0") or "0"
    return most if len(digits) > len(str(most)) else min(int(digits), most)


def _hex(digits: str, codec: str, place: str) -> str | None:
    try:
        found = bytes.fromhex(digits).decode(codec)
    except ValueError:
        raise Unreadable(place, "has hexadecimal characters that its character set does not have.") from None
    if _UNPRINTED.search(found):
        raise Unreadable(place, "has a control character in hexadecimal.")
    return found.replace("\r\n", "\n").replace("\r", "\n")


def escape(text: str, marks: Separators) -> str:
    """Return text as it stands in a field: what would divide, and line ends, as escape sequences."""
    out = text.replace(marks.escape, f"{marks.escape}E{marks.escape}")
    for letter, sign in marks.by_letter.items():
        if letter not in ("E", "P"):
            out = out.replace(sign, f"{marks.escape}{letter}{marks.escape}")
    out = out.replace("\r\n", "\n").replace("\r", "\n")
    return out.replace("\n", f"{marks.escape}X0A{marks.escape}")


# --- Writing -------------------------------------------------------------------------------------
def write(segments: Iterable[Sequence], marks: Separators | None = None) -> bytes:
    """Return a message in UTF-8: each segment a name and its fields, each a text or nested lists of them.

    A list is repetitions, a tuple components, a tuple in a tuple subcomponents. Of MSH, fields begin with MSH-3.
    """
    marks = marks or Separators()
    lines = []
    for name, *fields in segments:
        written = [_written(one, marks) for one in fields]
        head = f"MSH{marks.field}{marks.encoding}" if name == "MSH" else name
        lines.append(
            marks.field.join([head, *written]).rstrip(marks.field)
            if name != "MSH"
            else marks.field.join([head, *written])
        )
    return "".join(f"{line}\r" for line in lines).encode()


def _written(value: object, marks: Separators) -> str:
    if isinstance(value, list):
        return marks.repetition.join(_written(one, marks) for one in value)
    if isinstance(value, tuple):
        return marks.component.join(
            marks.subcomponent.join(escape(str(part), marks) for part in one)
            if isinstance(one, tuple)
            else escape(str(one), marks)
            for one in value
        )
    return NULL if value == NULL else escape(str(value), marks)
