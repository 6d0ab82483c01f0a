"""XML of other systems, read as data and nothing else: no document type, no entity, no other file, within bounds.

Tags lose the namespace of HL7 v3; elements of any other keep theirs as a prefix nobody looks for.
"""

from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from ..refusals import Refused

HL7 = "{urn:hl7-org:v3}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
LARGEST_BYTES = 20 * 1024 * 1024
DEEPEST = 80
MOST_ELEMENTS = 500_000


class OutOfBounds(Exception):
    """A document is nested too deeply, or has too many elements."""


class _Bounded(TreeBuilder):
    """Builds a tree while it is within bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = self.count = 0

    def start(self, tag, attrs):
        self.depth += 1
        self.count += 1
        if self.depth > DEEPEST or self.count > MOST_ELEMENTS:
            raise OutOfBounds
        if XSI_TYPE in attrs:
            # The prefix before a type's name is a matter of each document.
            attrs = {**attrs, "xsi:type": attrs[XSI_TYPE].rpartition(":")[2]}
        return super().start(tag.removeprefix(HL7), attrs)

    def end(self, tag):
        self.depth -= 1
        return super().end(tag.removeprefix(HL7))


def read(content: bytes) -> Element:
    """Return the root of a document. Raises Refused, which says what is wrong and nothing of what it says."""
    if len(content) > LARGEST_BYTES:
        raise Refused(f"The document is larger than {LARGEST_BYTES // 1024**2} MB.")
    parser = DefusedXMLParser(target=_Bounded(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(content)
        return parser.close()
    except DefusedXmlException:
        raise Refused("The document has a document type or entities. They are not read here; leave them out.") from None
    except OutOfBounds:
        raise Refused(
            f"The document is nested deeper than {DEEPEST}, or has over {MOST_ELEMENTS:,} elements."
        ) from None
    except (ParseError, ValueError, LookupError) as problem:
        line, column = getattr(problem, "position", (0, 0))
        raise Refused(f"The document is no well-formed XML (line {line}, column {column}).") from None


def text_of(element: Element | None) -> str:
    """Return all text in an element, spaces as one."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
