"""What one message or document brings, once it is read: whose it is, the resources, the files beside them. Pure."""

from dataclasses import dataclass, field


@dataclass
class Delivery:
    """One thing another system sent, as FHIR. Of `names`, what this sender calls the person, entries use the first."""

    kind: str  # "ORU^R01", "C-CDA", …: of a fixed list, for it stands in clear
    person: dict  # the Patient resource
    names: list[str]
    resources: list[dict] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)  # "Type/id": what is sealed beside that resource
    said_at: str = ""  # when the sender says so, a FHIR instant
    about_the_person: bool = False  # the Patient is what it tells of, not only whose the rest is
    former: list[str] = field(default_factory=list)  # names that are given up: two of one person's become one
