"""A narrative is a small part of XHTML: text, lists, tables, links, pictures; nothing that runs or fetches.

Source: FHIR R4 narrative.html and its rule txt-1.
"""

from html.parser import HTMLParser

_TAGS = """
a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p
pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var
"""
_ATTRIBUTES = """
abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite
class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan
rules scope shape span src start style summary tabindex title type valign value vspace width xml:lang xmlns xmlns:xsi
xml:space
"""
TAGS = frozenset(_TAGS.split())
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
SCHEMES_THAT_RUN = ("javascript:", "vbscript:", "data:text")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, None] = {}
        self.first = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.first = self.first or tag
        if tag not in TAGS:
            self.found[f"has <{tag}>, which a narrative may not have (txt-1)."] = None
        for name, value in attrs:
            address = "".join((value or "").split()).lower()
            if name not in ATTRIBUTES and not name.startswith("xmlns"):
                self.found[f"has the attribute {name}, which a narrative may not have (txt-1)."] = None
            elif name in {"href", "src", "cite", "longdesc"} and address.startswith(SCHEMES_THAT_RUN):
                self.found[f"has {name} that runs code."] = None


def problems(div: str) -> list[str]:
    """Return what is wrong with a narrative's XHTML, in words; [] is fine."""
    reader = _Reader()
    reader.feed(div)
    reader.close()
    found = list(reader.found)
    if reader.first != "div":
        found.append("must be one <div>.")
    return found
