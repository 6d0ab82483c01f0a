"""The decisions themselves, on the database that DATABASE_URL names; `python -m tests.bench.judging` prints JSON."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from consent import given, judging, queries, rules  # noqa: E402
from consent.models import Grant  # noqa: E402
from ehr import clock, statements  # noqa: E402
from ehr.words import Action, Category, Purpose  # noqa: E402
from providers.queries import standing  # noqa: E402
from tests import people  # noqa: E402

GRANTS = 1_000_000
PATIENTS, ROUNDS = 8, 60
# Grants of other people to other readers: what must differ is made up, all else is copied from a real one.
# In order, for the indexes are then filled fast; they are as deep as if the ids were random.
MADE_UP = {
    "sqlite": {
        **dict.fromkeys(("id", "patient_id", "reader_id"), "printf('%032x', n)"),
        "holder": "printf('0x%040x', n)",
    },
    "postgresql": {
        **dict.fromkeys(("id", "patient_id", "reader_id"), "lpad(to_hex(n), 32, '0')::uuid"),
        "holder": "'0x' || lpad(to_hex(n), 40, '0')",
    },
}
RAW = """
select g.id, g.categories, g.actions, g.purpose, g.starts, g.ends, e.at
from consent_grant g
join accounts_reader r on r.id = g.reader_id
left join consent_ending e on e.grant_id = g.id
where g.patient_id = %s and r.user_id = %s
"""


def _found() -> dict:
    people.prepare_ground()
    lee = people.clinician("Mei Lee")
    patients = [people.patient(f"Ana Costa {number}") for number in range(PATIENTS)]
    for one in patients:
        people.give(one, lee, *Category)
    _fill(GRANTS - Grant.objects.count())

    def decide(one: people.Person) -> judging.Verdict:
        verdict = judging.judge(one.patient, lee.user, action=Action.READ, purpose=Purpose.TREAT, parts=tuple(Category))
        assert all(verdict.decisions[part].allowed for part in Category)
        return verdict

    def decide_to_open(one: people.Person) -> None:
        assert len(decide(one).allowed) == len(Category)

    def raw(one: people.Person) -> None:
        with connection.cursor() as cursor:
            cursor.execute(RAW, [_id(one.patient.pk), _id(lee.user.pk)])
            assert len(cursor.fetchall()) == 1

    # The first one also compares the clocks, as one does every ten seconds.
    decide(patients[0])
    with mock.patch.object(statements, "fetched", wraps=statements.fetched) as fetched:
        decide(patients[0])
    asked = [one.args for one in fetched.call_args_list]
    at = clock.now()
    seen = standing(lee.user, at)
    works = {
        "raw": raw,
        "decision": decide,
        "database": lambda _one: [statements.fetched(*one) for one in asked],
        "rules": _by_rules(patients[0], lee),
    }
    # Not in turn with those: what runs between two of the raw query makes it slower, and the ratio look better.
    parts = {
        "standing": lambda _one: standing(lee.user, at),
        "given": lambda one: given.to_person(one.patient, lee.user, seen=seen, at=at),
    }
    opening = {"opening": decide_to_open}
    found = _medians(works, patients) | _medians(parts, patients) | _medians(opening, patients)
    return {"count": Grant.objects.count(), **found}


def _by_rules(sharer: people.Person, reader: people.Person) -> Callable[[people.Person], object]:
    """Return the rules' own part of a decision: six parts, with all facts at hand."""
    at = clock.now()
    seen = standing(reader.user, at)
    asking = queries.reader_facts(seen)
    facts = [one.facts for one in given.to_person(sharer.patient, reader.user, seen=seen, at=at)]
    about = {"reader": asking, "grants": facts, "action": Action.READ, "purpose": Purpose.TREAT, "at": at}
    return lambda _one: rules.decide_each(parts=tuple(Category), **about)


def _medians(works: dict[str, Callable], patients: Sequence[people.Person]) -> dict[str, float]:
    """Return the median wall time of each in ms, measured in turn over all patients."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for one in patients:
            for name, work in works.items():
                begun = time.perf_counter()
                work(one)
                spent[name].append((time.perf_counter() - begun) * 1000)
    return {name: sorted(each)[len(each) // 2] for name, each in spent.items()}


def _id(value: uuid.UUID) -> uuid.UUID | str:
    return value if connection.features.has_native_uuid_field else value.hex


def _fill(count: int) -> None:
    """Insert grants between people who do not exist. Nobody decides on these: they make the table and its indexes."""
    made_up = MADE_UP[connection.vendor]
    with connection.cursor() as cursor:
        names = [column.name for column in connection.introspection.get_table_description(cursor, "consent_grant")]
    columns = ", ".join(names)
    values = ", ".join(made_up.get(name, f"real.{name}") for name in names)
    with _without_foreign_keys(), connection.cursor() as cursor:
        cursor.execute(
            f"insert into consent_grant ({columns}) "
            f"with recursive counted(n) as (select 1 union all select n + 1 from counted where n < {count}) "
            f"select {values} from counted, (select * from consent_grant limit 1) as real"
        )
        cursor.execute("analyze")


@contextmanager
def _without_foreign_keys() -> Iterator[None]:
    off, on = {
        "sqlite": ("pragma foreign_keys = off", "pragma foreign_keys = on"),
        "postgresql": ("set session_replication_role = replica", "set session_replication_role = origin"),
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(off)
        yield
        cursor.execute(on)


def main() -> None:
    call_command("migrate", verbosity=0)
    print(json.dumps(_found()))  # noqa: T201


if __name__ == "__main__":
    main()
