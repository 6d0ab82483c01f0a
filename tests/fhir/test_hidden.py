"""Hidden is absent: two records that differ only in what is hidden answer every address with the same bytes."""

import uuid

import pytest

from audit.models import Event
from ehr.r4 import parameters
from ehr.words import Category
from tests import people
from tests.appointments.visiting_hours import clinic
from tests.fhir.program import Program, json, result, sadness, said
from tests.fhir.twins import NOBODY, addresses, booked, fill, plain

pytestmark = [pytest.mark.django_db, pytest.mark.security, pytest.mark.privacy]
SEEN = (Category.BASIC, Category.LABS, Category.HISTORY)


@pytest.fixture
def twins(own, ground):
    """Two people of the same name; the first holds what the other never had."""
    both = [people.patient("Ana Costa"), people.patient("Ana Costa")]
    names = [fill(own(person), person, more=more) for person, more in zip(both, (True, False), strict=True)]
    # One has a visit: it stands in no part, so who may see parts sees nothing of it.
    names[0]["booked"], names[1]["booked"] = booked(clinic("Ola Nord"), both[0]), str(uuid.uuid4())
    return list(zip(both, names, strict=True))


@pytest.fixture(params=["app", "ward"])
def pair(request, twins, app, ward, lee):
    """Return for each of the two a program that may see results and history, and the ids in its addresses."""
    found = []
    for person, names in twins:
        if request.param == "app":
            found.append((app(person, *SEEN), names))
        else:
            people.give(person, lee, *SEEN, actions=("read", "write"))
            found.append((ward(lee, scope="patient/*.cruds", patient=person.patient), names))
    return found


def both(pair, method: str, address: str, body=None, **more) -> list:
    return [
        program.ask(method, address.format_map(names), body(names) if body else None, **more) for program, names in pair
    ]


def test_every_address_answers_with_the_same_bytes(pair):
    different = []
    for address in addresses():
        one, other = both(pair, "GET", address)
        if plain(one) != plain(other):
            different.append((address, *_first_difference(plain(one), plain(other))))
        assert one.status_code < 500, said(one)
    assert not different, "\n".join(map(repr, different))


def _first_difference(one: tuple, other: tuple) -> tuple:
    """Return where two answers part, for whoever reads what failed."""
    if one[1] == other[1]:
        return one[0], other[0], one[2], other[2]
    place = next((at for at, (a, b) in enumerate(zip(one[1], other[1], strict=False)) if a != b), 0)
    return one[1][max(0, place - 150) : place + 100], other[1][max(0, place - 150) : place + 100]


def test_every_page_after_another_is_the_same(pair):
    for address in (
        "Observation?_count=1",
        "Condition?_count=1",
        "_history?_count=1",
        "Patient/{patient}/$everything?_count=1",
    ):
        onward = [address.format_map(names) for _program, names in pair]
        for _page in range(20):
            answers = [program.get(where) for (program, _names), where in zip(pair, onward, strict=True)]
            assert plain(answers[0]) == plain(answers[1])
            links = [_next(answer) for answer in answers]
            if not all(links):
                break
            onward = links
        assert links == ["", ""]


def _next(answer) -> str:
    found = [one["url"] for one in json(answer)["link"] if one["relation"] == "next"]
    return found[0].partition("/fhir/")[2] if found else ""


@pytest.mark.parametrize("kind", ["Condition", "Observation"])
def test_every_parameter_tells_nothing(pair, kind):
    for code, one in parameters.supported(kind).items():
        value = {"date": "ge2000", "quantity": "ge0", "number": "ge0", "reference": "{mood}", "uri": "urn:x"}.get(
            one.type, "a"
        )
        for query in (f"{code}={value}", f"{code}:missing=true", f"{code}:missing=false"):
            answers = both(pair, "GET", f"{kind}?{query}")
            assert plain(answers[0]) == plain(answers[1]), query


def test_writing_at_what_is_hidden_is_writing_at_nothing(pair):
    patch = [{"op": "add", "path": "/note", "value": []}]
    same = [
        _put_mood(pair),
        both(pair, "DELETE", "Condition/{mood}"),
        both(pair, "DELETE", "Condition?identifier=urn:x|7"),
        both(pair, "PATCH", "Condition/{mood}", lambda _names: patch, kind="application/json-patch+json"),
        both(pair, "POST", "", lambda names: _bundle("DELETE", f"Condition/{names['mood']}")),
        both(pair, "POST", "", lambda names: _bundle("GET", f"Condition/{names['mood']}")),
        both(pair, "POST", "Observation", _found, If_None_Exist="encounter.reason-code=F32.1"),
        both(
            pair,
            "POST",
            "Observation",
            lambda names: {**_found(names), "hasMember": [{"reference": "Observation?code=F32.1"}]},
        ),
    ]
    for one, other in same:
        assert plain(one) == plain(other), said(one)


def _put_mood(pair) -> list:
    """Write on top of what is hidden, naming the version that is there."""
    return [
        program.ask(
            "PUT",
            f"Condition/{names['mood']}",
            {**_mood(names), "id": names["mood"]},
            If_Match=f'W/"{names["mood-first"]}"',
        )
        for program, names in pair
    ]


class _Named:
    def __init__(self, pk: str) -> None:
        self.pk = pk


def _mood(names) -> dict:
    return sadness(_Named(names["patient"]))


def _found(names) -> dict:
    return result(_Named(names["patient"]))


def _bundle(method: str, url: str) -> dict:
    return {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": method, "url": url}}]}


def test_what_is_ended_is_gone_from_the_next_page_on(twins, app):
    person, _names = twins[0]
    program: Program = app(person, *Category)
    bundle = program.read("Condition?_count=1&_sort=-_lastUpdated")
    onward = _next_of(bundle)
    again: Program = app(person, *SEEN, name="Heartbeat 2")
    assert again.get(onward).status_code == 400
    assert program.read(onward)["total"] == bundle["total"]


def _next_of(bundle: dict) -> str:
    return next(one["url"] for one in bundle["link"] if one["relation"] == "next").partition("/fhir/")[2]


def test_a_name_beyond_reach_is_nobodys(twins, ward, lee, own, ben):
    theirs = own(ben).make(result(ben.patient))["id"]
    people.give(twins[0][0], lee, *SEEN)
    people.give(twins[1][0], lee, *SEEN)
    program = ward(lee)
    lines = Event.objects.count()
    beyond, nowhere = program.get(f"Observation/{theirs}"), program.get(f"Observation/{NOBODY}")
    assert plain(beyond) == plain(nowhere)
    assert Event.objects.count() == lines + 2
    for address in ("Patient/{}", "Patient/{}/Observation", "Patient/{}/$everything", "Observation?patient={}"):
        one, other = (program.get(address.format(pk)) for pk in (ben.patient.pk, NOBODY))
        assert plain(one) == plain(other), address
