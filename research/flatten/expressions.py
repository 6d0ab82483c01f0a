"""Reads FHIRPath into a tree. Source: FHIRPath 2.0 (hl7.org/fhirpath/N1), grammar and precedence."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<moment>@T?[0-9][0-9T:.Z+-]*)
  | (?P<number>[0-9]+(?:\.[0-9]+)?)
  | (?P<constant>%(?:[A-Za-z_][A-Za-z0-9_]*|`[^`]+`|'[^']+'))
  | (?P<special>\$(?:this|index|total))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)
  | (?P<sign><=|>=|!=|!~|[=<>~|&+\-*/.,()\[\]])
    )""",
    re.VERBOSE,
)
# The loosest first.
_RANKS = (
    {"implies"},
    {"or", "xor"},
    {"and"},
    {"in", "contains"},
    {"=", "!=", "~", "!~"},
    {"<", ">", "<=", ">="},
    {"|"},
    {"is", "as"},
    {"+", "-", "&"},
    {"*", "/", "div", "mod"},
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")


class Unreadable(ValueError):
    """A text is no FHIRPath; the message says where."""


class Node(NamedTuple):
    """One node: a "name", "call", "index", "operator", "sign", "literal", "constant" or "special".

    `text` is the name, the operator or the literal's value; `base` what stands before the dot; `inner` the arguments
    or sides; `kind` a literal's type.
    """

    form: str
    text: str
    base: "Node | None" = None
    inner: tuple["Node", ...] = ()
    kind: str = ""


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


@lru_cache(maxsize=4096)
def parsed(text: str) -> Node:
    """Return the tree of an expression. Raises Unreadable."""
    reader = _Reader(list(_tokens(text)), text)
    tree = reader.operators(0)
    if reader.here.kind:
        raise Unreadable(f"{reader.here.text!r} at character {reader.here.at + 1} was not expected")
    return tree


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield node
    for one in (*([node.base] if node.base else []), *node.inner):
        yield from walk(one)


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if not found or not found.lastgroup:
            raise Unreadable(f"{text[at:].strip()[:20]!r} at character {at + 1} is no FHIRPath")
        yield _Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup))
        at = found.end()


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, tokens: list[_Token], text: str):
        self._tokens = tokens
        self._end = _Token("", "the end", len(text))
        self._at = 0

    @property
    def here(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else self._end

    def _is(self, *texts: str) -> bool:
        return self.here.kind in ("sign", "name") and self.here.text in texts

    def _next(self) -> _Token:
        token = self.here
        self._at += 1
        return token

    def _expect(self, text: str) -> None:
        token = self._next()
        if token.text != text:
            raise Unreadable(f"{text!r} was expected at character {token.at + 1}, where {token.text!r} stands")

    def operators(self, rank: int) -> Node:
        if rank == len(_RANKS):
            return self._signed()
        left = self.operators(rank + 1)
        while self._is(*_RANKS[rank]):
            operator = self._next().text
            left = Node("operator", operator, None, (left, self.operators(rank + 1)))
        return left

    def _signed(self) -> Node:
        if self._is("-", "+"):
            return Node("sign", self._next().text, None, (self._signed(),))
        return self._invocations(self._term())

    def _invocations(self, node: Node) -> Node:
        while self._is(".", "["):
            if self._next().text == "[":
                node = Node("index", "", node, (self.operators(0),))
                self._expect("]")
            else:
                node = self._named(self._next(), node)
        return node

    def _named(self, token: _Token, base: Node | None) -> Node:
        if token.kind == "special":
            return Node("special", token.text, base)
        if token.kind != "name":
            raise Unreadable(f"an element or a function was expected at character {token.at + 1}")
        name = token.text.strip("`")
        if not self._is("("):
            return Node("name", name, base)
        self._next()
        given = []
        while not self._is(")"):
            given.append(self.operators(0))
            if not self._is(")"):
                self._expect(",")
        self._expect(")")
        return Node("call", name, base, tuple(given))

    def _term(self) -> Node:
        token = self._next()
        if token.text == "(" and token.kind == "sign":
            inner = self.operators(0)
            self._expect(")")
            return inner
        literal = _literal(token)
        if literal:
            return literal
        if token.kind == "constant":
            return Node("constant", token.text[1:].strip("`'"))
        return self._named(token, None)


def _literal(token: _Token) -> Node | None:
    if token.kind == "string":
        return Node("literal", _unescaped(token.text[1:-1]), kind="string")
    if token.kind == "number":
        return Node("literal", token.text, kind="decimal" if "." in token.text else "integer")
    if token.kind == "moment":
        text = token.text[1:]
        kind = "time" if text.startswith("T") else "dateTime" if "T" in text else "date"
        return Node("literal", text.lstrip("T").rstrip("T"), kind=kind)
    if token.kind == "name" and token.text in ("true", "false"):
        return Node("literal", token.text, kind="boolean")
    return None


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2], found[2]), text)
