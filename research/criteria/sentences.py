"""Criteria in plain words. Each piece is a text of the table below, so that whoever shows it can translate it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from research.criteria.reading import gettext_noop
from research.criteria.tree import Age, All, Any, Code, Criteria, Event, Lab, Leaf, Node, Not, Sex, When, plain

# What is so, and what is not, as it stands after "People who".
CLAUSES = {
    "age between": (
        gettext_noop("are %(least)s to %(most)s years old"),
        gettext_noop("are not %(least)s to %(most)s years old"),
    ),
    "age exact": (gettext_noop("are %(least)s years old"), gettext_noop("are not %(least)s years old")),
    "age from": (gettext_noop("are %(least)s or older"), gettext_noop("are not %(least)s or older")),
    "age to": (gettext_noop("are %(most)s or younger"), gettext_noop("are not %(most)s or younger")),
    "sex": (gettext_noop("are %(what)s"), gettext_noop("are not %(what)s")),
    "condition": (gettext_noop("have had %(what)s%(when)s"), gettext_noop("have not had %(what)s%(when)s")),
    "medication": (gettext_noop("were given %(what)s%(when)s"), gettext_noop("were not given %(what)s%(when)s")),
    "procedure": (gettext_noop("underwent %(what)s%(when)s"), gettext_noop("did not undergo %(what)s%(when)s")),
    "lab": (
        gettext_noop("have a result of %(what)s%(range)s%(when)s"),
        gettext_noop("have no result of %(what)s%(range)s%(when)s"),
    ),
    "latest": (
        gettext_noop("have a latest result of %(what)s%(range)s%(when)s"),
        gettext_noop("have no latest result of %(what)s%(range)s%(when)s"),
    ),
}
SEX_WORDS = {
    "female": gettext_noop("female"),
    "male": gettext_noop("male"),
    "other": gettext_noop("of another sex"),
    "unknown": gettext_noop("of unknown sex"),
}
RANGES = {
    "between": gettext_noop(" from %(least)s to %(most)s %(unit)s"),
    "from": gettext_noop(" of %(least)s %(unit)s or more"),
    "to": gettext_noop(" of %(most)s %(unit)s or less"),
}
TIMES = {
    "between": gettext_noop(" between %(since)s and %(until)s"),
    "since": gettext_noop(" since %(since)s"),
    "until": gettext_noop(" up to %(until)s"),
    "days": gettext_noop(" in the last %(days)s days"),
}
WHOLE = gettext_noop("People who %(what)s.")
ON = gettext_noop("As of %(day)s: people who %(what)s.")
EITHER = gettext_noop("either %(what)s")
BOTH = gettext_noop("both %(what)s")
NEITHER = gettext_noop("do not fit this: they %(what)s")
OR = gettext_noop(" or ")
AND = gettext_noop(" and ")
AND_AFTER_COMMA = gettext_noop(", and ")
OR_AFTER_COMMA = gettext_noop(", or ")


def sentence(
    criteria: Criteria, *, say: Callable[[str], str] = str, day: Callable[[date], str] = date.isoformat
) -> str:
    """Return the criteria as one sentence. `say` translates a text of the table; `day` writes a day."""
    words = _Words(say, day)
    what = words.clause(criteria.who, top=True)
    if criteria.on:
        return say(ON) % {"day": day(criteria.on), "what": what}
    return say(WHOLE) % {"what": what}


@dataclass(frozen=True)
class _Words:
    """Whoever says it, in whichever language."""

    say: Callable[[str], str]
    day: Callable[[date], str]

    def clause(self, node: Node, *, so: bool = True, top: bool = False) -> str:
        match node:
            case Not(of):
                return self.clause(of, so=not so, top=top)
            case All(of) | Any(of) if len(of) == 1:
                return self.clause(of[0], so=so, top=top)
            case All(of) | Any(of):
                return self.group(node, so=so, top=top)
            case _:
                return self.leaf(node, so)

    def group(self, node: All | Any, *, so: bool, top: bool) -> str:
        """Return parts joined. A group that is denied is said as it is, and denied as a whole."""
        if not so:
            return self.say(NEITHER) % {"what": f"({self.group(node, so=True, top=True)})"}
        every = isinstance(node, All)
        parts = [self.clause(each) for each in node.of]
        if top and every:
            return self.say(AND_AFTER_COMMA).join(parts)
        if top:
            return self.say(EITHER) % {"what": self.say(OR_AFTER_COMMA).join(parts)}
        return "(" + self.say(BOTH if every else EITHER) % {"what": self.say(AND if every else OR).join(parts)} + ")"

    def leaf(self, leaf: Leaf, so: bool) -> str:
        name, values = self.told(leaf)
        return self.say(CLAUSES[name][0 if so else 1]) % values

    def told(self, leaf: Leaf) -> tuple[str, dict[str, object]]:
        """Return which clause says a leaf, and what is put into it."""
        match leaf:
            case Age(least, most):
                name = "age exact" if least == most else "age from" if most is None else "age to"
                name = "age between" if least and most is not None and least != most else name
                return name, {"least": least, "most": most}
            case Sex(values):
                return "sex", {"what": self.say(OR).join(self.say(SEX_WORDS[each]) for each in sorted(values))}
            case Event(kind, codes, when):
                return kind, {"what": self.codes(codes), "when": self.when(when)}
            case Lab():
                told = {"what": self.codes(leaf.codes), "range": self.range(leaf), "when": self.when(leaf.when)}
                return "latest" if leaf.latest else "lab", {**told}

    def codes(self, codes: tuple[Code, ...]) -> str:
        return self.say(OR).join(dict.fromkeys(code.display or f"{code.system} {code.code}" for code in codes))

    def range(self, lab: Lab) -> str:
        if lab.least is None and lab.most is None:
            return ""
        name = "between" if lab.least is not None and lab.most is not None else "to" if lab.least is None else "from"
        numbers = {
            name: plain(value) for name, value in (("least", lab.least), ("most", lab.most)) if value is not None
        }
        return self.say(RANGES[name]) % {**numbers, "unit": lab.unit}

    def when(self, when: When) -> str:
        if when.days:
            return self.say(TIMES["days"]) % {"days": when.days}
        if not when.since and not when.until:
            return ""
        name = "between" if when.since and when.until else "since" if when.since else "until"
        days = {name: self.day(each) for name, each in (("since", when.since), ("until", when.until)) if each}
        return self.say(TIMES[name]) % days
