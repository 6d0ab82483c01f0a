"""Names of many kinds, for screens must bear them all: long, short, single, with marks, right to left."""

from typing import NamedTuple


class Name(NamedTuple):
    """How somebody is called, their sex as it stands in a record, and the language they speak (BCP 47)."""

    given: tuple[str, ...]
    family: str
    sex: str
    language: str


PEOPLE = (
    Name(("Ana",), "Costa", "female", "pt"),
    Name(("Wei",), "Zhāng", "male", "zh"),
    Name(("عائشة",), "الفاسي", "female", "ar"),
    Name(("María José",), "Fernández-Villaverde y Álvarez de Toledo", "female", "es"),
    Name(("Oluwaseun", "Adébáyọ̀"), "Ọlátúnjí", "male", "en"),
    Name(("Þórdís", "Ingibjörg"), "Guðmundsdóttir", "female", "is"),
    Name(("שרה",), "לוי־כהן", "female", "he"),
    Name(("Thị Minh Khai",), "Nguyễn", "female", "vi"),
    Name((), "Sukarno", "male", "id"),
    Name(("Seán",), "O’Brien", "male", "ga"),
    Name(("Hubert", "Blaine"), "Wolfeschlegelsteinhausenbergerdorff", "male", "de"),
    Name(("Ji-woo",), "Kim", "other", "ko"),
    Name(("Łucja",), "Brzęczyszczykiewicz", "female", "pl"),
    Name(("Li",), "Ô", "female", "fr"),
    Name(("Søren",), "van der Ærø", "male", "da"),
    Name(("芳",), "王", "female", "zh"),
    Name(("Tʼááłáʼí",), "Begay", "male", "nv"),
    Name(("Priya", "Lakshmi"), "Venkataraghavan", "female", "ta"),
)
CLINICIANS = (("Dr.", "Mei", "Lee"), ("Dr.", "Omar", "Haddad"), ("Dr.", "Inês", "Sá"), ("Dr.", "Tomasz", "Żak"))
PLACES = ("Harbour Medical Centre", "City Hospital", "Riverside Family Practice")
TOWNS = (("Halifax", "NS", "B3H 4R2"), ("Lunenburg", "NS", "B0J 2C0"), ("Truro", "NS", "B2N 5E3"))
STREETS = ("12 Quay Street", "401 Old Mill Road, Apartment 17", "7 Rue de l’Église", "88 Barrington Street")
