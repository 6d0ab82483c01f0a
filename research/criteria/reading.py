"""Reading criteria: every problem is told at once, each with the path to where it stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from research.criteria.normal import TooIntricate, digest
from research.criteria.tree import SEXES, VERSION, Age, All, Any, Code, Criteria, Event, Lab, Leaf, Node, Not, Sex, When

DEEPEST = 8  # groups within groups
MOST_CODES = 200  # in all
MOST_NODES = 400
OLDEST = 130  # years
LONGEST = 36_525  # days
LONGEST_TEXT = 300
_PLACEHOLDER = Age(0, 0)  # stands where something could not be read; nobody sees it


def gettext_noop(text: str) -> str:
    """Return the text as it is: the name lets makemessages find it, and whoever shows it translates."""
    return text


@dataclass(frozen=True)
class Problem:
    """What is to be put right, and where: `who.all[1].lab.from`."""

    path: str
    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def said(self, say: Callable[[str], str] = str) -> str:
        """Return the problem in words, translated by `say`."""
        return say(self.text) % self.values

    def __str__(self) -> str:
        return f"{self.path}: {self.said()}"


class NotUnderstood(ValueError):
    """Criteria that say something else than criteria do."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def read(document: object) -> Criteria:
    """Return the criteria that a JSON document states. Raises NotUnderstood with everything that is to be put right."""
    reader = _Reader()
    criteria = reader.document(document)
    if not reader.problems:
        try:
            digest(criteria)
        except TooIntricate:
            reader.tell("who", gettext_noop("This has too many parts that depend on each other. Ask in two steps."))
    if reader.problems:
        raise NotUnderstood(reader.problems)
    return criteria


class _Reader:
    """One reading, and the problems it found."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.codes_read = self.nodes_read = 0

    def tell(self, path: str, text: str, **values: object) -> None:
        self.problems.append(Problem(path, text, values))

    # --- Shapes ----------------------------------------------------------------------------------
    def fields(self, value: object, path: str, known: set[str]) -> Mapping[str, object]:
        """Return an object's fields; what is not known is told."""
        if not isinstance(value, Mapping):
            self.tell(path, gettext_noop("Write an object here, in braces."))
            return {}
        for name in value:
            if name not in known:
                told = ", ".join(sorted(known))
                self.tell(
                    f"{path}.{name}",
                    gettext_noop("Nothing of this name stands here; it can be: %(names)s."),
                    names=told,
                )
        return value

    def items(self, value: object, path: str) -> list[object]:
        if isinstance(value, list) and value:
            return value
        self.tell(path, gettext_noop("Write a list here with at least one entry."))
        return []

    def text(self, value: object, path: str) -> str:
        if isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_TEXT:
            return value.strip()
        self.tell(path, gettext_noop("Write a text of up to %(most)s characters here."), most=LONGEST_TEXT)
        return ""

    def whole(self, value: object, path: str, least: int, most: int) -> int | None:
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most):
            return value
        self.tell(path, gettext_noop("Write a whole number from %(least)s to %(most)s."), least=least, most=most)
        return None

    def number(self, value: object, path: str) -> Decimal | None:
        if value is None:
            return None
        if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool) and len(str(value)) <= 30:
            try:
                number = Decimal(str(value))
            except InvalidOperation:
                number = Decimal("NaN")
            if number.is_finite() and abs(number.adjusted()) <= 30:
                return number + 0  # no negative zero
        self.tell(path, gettext_noop("Write a number such as 5.5 here."))
        return None

    def day(self, value: object, path: str) -> date | None:
        if value is None:
            return None
        try:
            if isinstance(value, str) and len(value) == 10:
                return date.fromisoformat(value)
        except ValueError:
            pass
        self.tell(path, gettext_noop("Write a day such as 2026-05-31 here."))
        return None

    # --- The document ----------------------------------------------------------------------------
    def document(self, document: object) -> Criteria:
        fields = self.fields(document, "criteria", {"version", "who", "on"})
        if fields and fields.get("version") != VERSION:
            self.tell("version", gettext_noop("Criteria of version %(version)s are understood here."), version=VERSION)
        return Criteria(self.node(fields.get("who"), "who", 0), self.day(fields.get("on"), "on"))

    def node(self, value: object, path: str, depth: int) -> Node:
        names = {"all", "any", "not", *_LEAVES}
        fields = self.fields(value, path, names)
        self.nodes_read += 1
        if depth > DEEPEST or self.nodes_read > MOST_NODES:
            if depth > DEEPEST or self.nodes_read == MOST_NODES + 1:
                self.tell(path, gettext_noop("There are too many groups, or too many within each other. Use fewer."))
            return _PLACEHOLDER
        if len(fields) != 1 or not names.issuperset(fields):
            if isinstance(value, Mapping) and names.issuperset(fields):
                self.tell(path, gettext_noop("Write one of these here: %(names)s."), names=", ".join(sorted(names)))
            return _PLACEHOLDER
        ((name, of),) = fields.items()
        inside = f"{path}.{name}"
        if name in _LEAVES:
            return _LEAVES[name](self, of, inside)
        if name == "not":
            return Not(self.node(of, inside, depth + 1))
        parts = [self.node(each, f"{inside}[{at}]", depth + 1) for at, each in enumerate(self.items(of, inside))]
        return All(tuple(parts)) if name == "all" else Any(tuple(parts))

    def age(self, value: object, path: str) -> Leaf:
        fields = self.fields(value, path, {"from", "to"})
        least = self.whole(fields.get("from"), f"{path}.from", 0, OLDEST)
        most = self.whole(fields.get("to"), f"{path}.to", 0, OLDEST)
        if isinstance(value, Mapping) and fields.get("from") is None and fields.get("to") is None:
            self.tell(path, gettext_noop("Say from what, up to what, or both."))
        self.range(path, least, most)
        return Age(least, most)

    def range(self, path: str, least: Decimal | int | None, most: Decimal | int | None) -> None:
        if least is not None and most is not None and least > most:
            self.tell(path, gettext_noop("What it starts from is above what it ends with. Swap the two."))

    def sex(self, value: object, path: str) -> Leaf:
        values = [value] if isinstance(value, str) else self.items(value, path)
        for at, each in enumerate(values):
            if each not in SEXES:
                where = path if isinstance(value, str) else f"{path}[{at}]"
                self.tell(where, gettext_noop("Write one of these here: %(names)s."), names=", ".join(SEXES))
        return Sex(frozenset(each for each in values if isinstance(each, str)))

    def condition(self, value: object, path: str) -> Leaf:
        return self.event("condition", value, path)

    def medication(self, value: object, path: str) -> Leaf:
        return self.event("medication", value, path)

    def procedure(self, value: object, path: str) -> Leaf:
        return self.event("procedure", value, path)

    def event(self, kind: str, value: object, path: str) -> Leaf:
        fields = self.fields(value, path, {"codes", "since", "until", "days"})
        return Event(kind, self.codes(fields, path), self.when(fields, path))

    def lab(self, value: object, path: str) -> Leaf:
        fields = self.fields(value, path, {"codes", "from", "to", "unit", "which", "since", "until", "days"})
        least = self.number(fields.get("from"), f"{path}.from")
        most = self.number(fields.get("to"), f"{path}.to")
        unit = self.text(fields["unit"], f"{path}.unit") if fields.get("unit") is not None else ""
        which = fields.get("which", "any")
        if which not in ("any", "latest"):
            self.tell(f"{path}.which", gettext_noop("Write one of these here: %(names)s."), names="any, latest")
        has_number = least is not None or most is not None
        self.range(path, least, most)
        if has_number != bool(unit) and not self.problems_at(path):
            self.tell(
                f"{path}.unit", gettext_noop("A number needs its unit, and a unit its number. Add what is missing.")
            )
        return Lab(self.codes(fields, path), least, most, unit, which == "latest", self.when(fields, path))

    def problems_at(self, path: str) -> bool:
        return any(problem.path.startswith(path) for problem in self.problems)

    def codes(self, fields: Mapping[str, object], path: str) -> tuple[Code, ...]:
        codes = []
        asked = self.items(fields.get("codes"), f"{path}.codes")
        # No more are read than tell that there are too many.
        for at, each in enumerate(asked[: MOST_CODES + 1]):
            where = f"{path}.codes[{at}]"
            code = self.fields(each, where, {"system", "code", "display"})
            shown = self.text(code["display"], f"{where}.display") if code.get("display") else ""
            if isinstance(each, Mapping):
                system, value = (self.text(code.get(name), f"{where}.{name}") for name in ("system", "code"))
                codes.append(Code(system, value, shown))
        self.codes_read += len(codes)
        if self.codes_read > MOST_CODES >= self.codes_read - len(codes):
            self.tell(f"{path}.codes", gettext_noop("One question has %(most)s codes at most."), most=MOST_CODES)
        return tuple(codes)

    def when(self, fields: Mapping[str, object], path: str) -> When:
        since, until = self.day(fields.get("since"), f"{path}.since"), self.day(fields.get("until"), f"{path}.until")
        days = self.whole(fields.get("days"), f"{path}.days", 1, LONGEST)
        if since and until and since > until:
            self.tell(f"{path}.until", gettext_noop("This day is before the one it starts from. Swap the two."))
        if days and (since or until):
            self.tell(f"{path}.days", gettext_noop("Say the last days, or from a day to a day, not both."))
        return When(since, until, days)


_LEAVES: dict[str, Callable[[_Reader, object, str], Leaf]] = {
    "age": _Reader.age,
    "sex": _Reader.sex,
    "condition": _Reader.condition,
    "medication": _Reader.medication,
    "procedure": _Reader.procedure,
    "lab": _Reader.lab,
}
