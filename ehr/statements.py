"""Statements that are compiled once and asked many times: the same text, other values.

To build one costs the ORM ten times what a database needs to answer a small one. The queryset stays the one
place where the question stands; what is kept is its text, and where in it each value goes.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache, lru_cache, partial
from itertools import chain
from operator import attrgetter
from sqlite3 import Error as SQLiteError
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.sqlite3.base import FORMAT_QMARK_REGEX, SQLiteCursorWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import AutoField, Field, JSONField, Model, QuerySet
from django.db.models.expressions import Col
from django.db.models.query import ModelIterable, get_related_populators
from django.utils.dateparse import parse_date
from psycopg import Binary

_MANY = (list, tuple)
_AT_ONCE = 200  # rows in a statement: a database takes only so many values


@lru_cache(maxsize=256)
def _with_question_marks(text: str) -> str:
    return FORMAT_QMARK_REGEX.sub("?", text).replace("%%", "%")


class _SQLiteCursor(SQLiteCursorWrapper):
    """Django's cursor looks for the placeholders in a text at each execution, which costs more than most answers."""

    def convert_query(self, query, *, param_names=None):  # noqa: ARG002  # values come as lists here
        return _with_question_marks(query)


def cursor(database: BaseDatabaseWrapper) -> CursorWrapper:
    """Return a cursor for texts that are asked many times, with a list of values. Do not close it.

    On PostgreSQL it sends values beside the statement, so that it can be prepared; Django's usual one writes them in.
    The connection keeps this one: a new one would have to learn anew how each type is sent.
    """
    database.close_if_health_check_failed()
    database.ensure_connection()
    if database.vendor == "postgresql":
        made = getattr(database.connection, "kept_cursor", None)
        if made is None:
            made = database.connection.kept_cursor = ServerBindingCursor(database.connection)
    else:
        made = database.connection.cursor(factory=_SQLiteCursor)
    return database.make_debug_cursor(made) if database.queries_logged else database.make_cursor(made)


def fetched(text: str, parameters: Sequence, database: BaseDatabaseWrapper) -> list[tuple]:
    """Return all rows that a text asked many times gives for these values."""
    if database.vendor != "sqlite" or database.queries_logged or database.execute_wrappers:
        asked = cursor(database)
        asked.execute(text, parameters)
        return asked.fetchall()
    # What Django's cursor does besides, without its layers: each costs as much as a small answer's row.
    if database.health_check_enabled:
        database.close_if_health_check_failed()
    if database.connection is None:  # in a coroutine it is, and stays so: there this raises
        database.ensure_connection()
    if database.needs_rollback:
        database.validate_no_broken_transaction()
    try:
        return database.connection.execute(_with_question_marks(text), parameters).fetchall()
    except SQLiteError:
        with database.wrap_database_errors:
            raise


def streamed(text: str, parameters: Sequence, database: BaseDatabaseWrapper) -> Iterable[tuple]:
    """Return the same one by one, where the database hands them over so: one can be let go before the next is made.

    On PostgreSQL they are all here before the first, and the cursor that is kept is free for another text.
    """
    asked = cursor(database)
    asked.execute(text, parameters)
    return asked if database.vendor == "sqlite" else asked.fetchall()


def insert(rows: Sequence[Model]) -> None:
    """Insert new rows of one model, all or none, by a text that is kept. Call it inside a transaction.

    Ids that the database gives are not told; no signal is sent.
    """
    if not rows:
        return
    database = connections[DEFAULT_DB_ALIAS]
    text, fields = _insertion(type(rows[0]))
    values = [_prepared(row, fields, database) for row in rows]
    asked = cursor(database)
    if len(values) == 1:
        asked.execute(text, values[0])
    else:
        asked.executemany(text, values)
    _note_stored(rows, database)


def insert_new(rows: Sequence[Model]) -> list[Model]:
    """Insert rows of one model, their ids given, where none stands in their way, as `insert` does; return those."""
    database, new = connections[DEFAULT_DB_ALIAS], []
    for at in range(0, len(rows), _AT_ONCE):
        some = rows[at : at + _AT_ONCE]
        text, fields = _insertion(type(some[0]), len(some))
        key = some[0]._meta.pk
        values = [_prepared(row, fields, database) for row in some]
        by_id = {of[fields.index(key)]: row for of, row in zip(values, some, strict=True)}
        found = fetched(f'{text} on conflict do nothing returning "{key.column}"', list(chain(*values)), database)
        new += [by_id[one] for (one,) in found]
    _note_stored(new, database)
    return new


def _prepared(row: Model, fields: Sequence[Field], database: BaseDatabaseWrapper) -> list:
    """Return the values of a new row's fields as its database takes them."""
    return [one.get_db_prep_save(one.pre_save(row, add=True), database) for one in fields]


def _note_stored(rows: Iterable[Model], database: BaseDatabaseWrapper) -> None:
    for row in rows:
        row._state.adding, row._state.db = False, database.alias


@cache
def _insertion(model: type[Model], count: int = 1) -> tuple[str, list[Field]]:
    """Return the text that inserts so many rows, and the fields whose values it takes for each."""
    fields = [field for field in model._meta.local_concrete_fields if not isinstance(field, AutoField)]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    marks = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * count)
    return f'insert into "{model._meta.db_table}" ({columns}) values {marks}', fields  # noqa: S608  # names of the model's own


class Statement:
    """A queryset as a function of its values. `build` takes them by name and returns it, of models or of tuples.

    Values are UUIDs, moments, whole numbers, bytes, or sequences of these; a sequence of another length is another
    text. What kind a value is of is the same at each call; nothing is equal to None.
    """

    def __init__(self, build: Callable[..., QuerySet]) -> None:
        self._build = build
        self._many: tuple[str, ...] | None = None  # the names of the sequences, known from the first call
        self._known: dict[tuple, _Compiled] = {}
        self._lock = threading.Lock()

    def rows(self, **values: Any) -> list:
        """Return what the queryset would: model instances with what is selected with them, or tuples."""
        database = connections[DEFAULT_DB_ALIAS]
        compiled = self._compiled(database, values)
        found = fetched(compiled.asked, compiled.parameters(values), database)
        return compiled.made(found, database)

    def _compiled(self, database: BaseDatabaseWrapper, values: Mapping[str, Any]) -> "_Compiled":
        if self._many is None:
            self._many = tuple(name for name, one in values.items() if isinstance(one, _MANY))
        lengths = tuple([len(values[name]) for name in self._many]) if self._many else ()
        shape = database.vendor, lengths
        compiled = self._known.get(shape)
        if compiled is None:
            with self._lock:
                compiled = self._known[shape] = _Compiled(self._build, values, database)
        return compiled


class _Compiled:
    """One text, the places of its values, and how its rows become what the queryset returns."""

    def __init__(self, build: Callable[..., QuerySet], values: Mapping[str, Any], database: BaseDatabaseWrapper):
        # No two are the same, even of values that are: of those in a list the ORM leaves doubles out.
        marks = {name: _another(value, step) for step, (name, value) in enumerate(_flat(values))}
        queryset = build(**_nested(values, marks))
        self.compiler = queryset.query.get_compiler(connection=database)
        self.text, fixed = self.compiler.as_sql()
        self._fixed = list(map(_plain, fixed))
        places = self._found(build, values, marks, database)
        kinds = dict(_flat(values))
        self._places = [(found, *name, _adapter(kinds[name], database)) for name, found in places.items()]
        selected = self.compiler.select
        self.asked, bare = _without_types(self.text, selected, database)
        converters = self.compiler.get_converters([one[0] for one in selected])
        self._moments, self._quick, self._slow = [], [], []
        for place, (convert, of) in converters.items():
            quick = _quicker(convert, of, database, bare=bare)
            if bare and _is_moment(convert, of, database):
                self._moments.append((place, convert, of))
            elif quick is not None:
                self._quick.append((place, quick))
            else:
                self._slow.append((place, convert, of))
        self._related, self._names, self._ends = [], [], (0, 0)
        self._annotated = dict(self.compiler.annotation_col_map or {})
        self._model = None
        if issubclass(queryset._iterable_class, ModelIterable):
            info = self.compiler.klass_info
            self._model, chosen = info["model"], info["select_fields"]
            self._ends = chosen[0], chosen[-1] + 1
            self._names = [one[0].target.attname for one in selected[self._ends[0] : self._ends[1]]]
            self._related = get_related_populators(info, selected, DEFAULT_DB_ALIAS)

    def _found(self, build, values, marks: Mapping["_Name", Any], database) -> dict["_Name", list[int]]:
        """Return the places of each value in the text: those that change when it alone changes."""
        found: dict[_Name, list[int]] = {}
        for name, mark in marks.items():
            queryset = build(**_nested(values, {**marks, name: _another(mark, len(marks))}))
            text, parameters = queryset.query.get_compiler(connection=database).as_sql()
            if text != self.text:
                raise ValueError(f"Another {name[0]} makes another statement, so it cannot be kept.")
            pairs = enumerate(zip(self._fixed, parameters, strict=True))
            found[name] = [place for place, (one, other) in pairs if one != _plain(other)]
        return found

    def parameters(self, values: Mapping[str, Any]) -> list:
        """Return the parameters of the text for these values, as its database takes them."""
        filled = self._fixed.copy()
        for places, name, number, adapt in self._places:
            value = values[name] if number is None else values[name][number]
            if adapt is not None and value is not None:
                value = adapt(value)
            for place in places:
                filled[place] = value
        return filled

    def made(self, rows: Sequence, database: BaseDatabaseWrapper) -> list:
        """Return the rows of the database as the queryset's own would be."""
        if self._model is None:
            return [tuple(self._converted(row, database)) for row in rows]
        return [self._instance(self._converted(row, database)) for row in rows]

    def _converted(self, row: Sequence, database: BaseDatabaseWrapper) -> list:
        cells, moment = list(row), datetime.fromisoformat
        # All fields leave as it is what is not there; and in a row that joins, most is not.
        try:
            for place, _convert, _of in self._moments:
                if (stored := cells[place]) is not None:
                    cells[place] = moment(stored + "Z")
        except ValueError:  # a day alone, or with a zone of its own: nothing that Django wrote
            _convert_slowly(cells, self._moments, database)
        for place, quick in self._quick:
            if (value := cells[place]) is not None:
                cells[place] = quick(value)
        if self._slow:
            _convert_slowly(cells, self._slow, database)
        return cells

    def _instance(self, row: Sequence):
        made = self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[self._ends[0] : self._ends[1]])
        for related in self._related:
            related.populate(row, made)
        for name, place in self._annotated.items():
            setattr(made, name, row[place])
        return made


def _without_types(text: str, selected: Sequence, database: BaseDatabaseWrapper) -> tuple[str, bool]:
    """Return a text that asks SQLite for what its columns hold and not for their types, and whether it does.

    Of a column that has a type, Python's module looks at each execution for a function that makes a value of it, and
    calls Django's, in Python; the ORM then makes another of that, with its zone. An expression has no type, and a plus
    sign makes one of a column, for nothing: what is stored comes as it is, and the value is made of that at once.
    """
    if database.vendor != "sqlite":
        return text, False
    begins, without = [], []
    for of, (asked, _values), alias in selected:
        named = f" AS {database.ops.quote_name(alias)}" if alias else ""
        begins.append(asked + named)
        without.append(("+" if isinstance(of, Col) else "") + asked + named)
    begin = "SELECT " + ", ".join(begins)
    # What begins otherwise is left as it is: of rows that are told apart by what is selected, or of several statements.
    if not text.startswith(begin):
        return text, False
    return "SELECT " + ", ".join(without) + text[len(begin) :], True


def _is_moment(convert: Sequence[Callable], of: Any, database: BaseDatabaseWrapper) -> bool:
    """Tell whether an untyped column holds moments as SQLite does: as text in UTC, without saying so."""
    is_one = isinstance(of, Col) and convert == [database.ops.convert_datetimefield_value]
    return is_one and database.timezone is UTC


def _quicker(
    convert: Sequence[Callable], of: Any, database: BaseDatabaseWrapper, *, bare: bool
) -> Callable[[Any], Any] | None:
    """Return what does the same as the ORM's converters of one column, where these look up for each value what is
    always the same; None where there is no such. Of `bare` columns the values are as SQLite stores them."""
    field = getattr(of, "target", None)
    if isinstance(field, JSONField) and field.decoder is None and convert == [field.from_db_value]:
        return _json
    if database.vendor != "sqlite":
        return None
    if convert == [database.ops.convert_uuidfield_value]:
        return UUID
    if convert == [database.ops.convert_booleanfield_value]:
        return bool
    return parse_date if bare and convert == [database.ops.convert_datefield_value] else None


def _convert_slowly(cells: list, columns: Iterable[tuple[int, Sequence, Any]], database: BaseDatabaseWrapper) -> None:
    """Convert these columns of a row as the ORM does."""
    for place, convert, of in columns:
        if (value := cells[place]) is not None:
            for one in convert:
                value = one(value, of, database)
            cells[place] = value


def _json(stored: str) -> Any:
    """Return what `json.loads` would, which looks at every text for what none that a database holds begins with."""
    if stored == "[]":  # which most lists are
        return []
    try:
        value, end = _DECODER.raw_decode(stored)
    except ValueError:  # with a space before it, if it is JSON at all
        return json.loads(stored)
    return value if end == len(stored) else json.loads(stored)


_DECODER = json.JSONDecoder()
_Name = tuple[str, int | None]  # of a value, and where it is in a sequence


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[_Name, Any]]:
    for name, value in values.items():
        if isinstance(value, _MANY):
            yield from (((name, number), one) for number, one in enumerate(value))
        else:
            yield (name, None), value


def _nested(values: Mapping[str, Any], marks: Mapping[_Name, Any]) -> dict[str, Any]:
    """Return marks in the shape of values."""
    return {
        name: [marks[name, at] for at in range(len(value))] if isinstance(value, _MANY) else marks[name, None]
        for name, value in values.items()
    }


def _another(value: Any, step: int) -> Any:
    """Return a value of the same kind that is in no statement by chance."""
    if isinstance(value, UUID):
        return UUID(int=(value.int + step * 7919 + 1) % 2**128)
    if isinstance(value, datetime):
        return value + timedelta(days=1 + step)
    if isinstance(value, int) and not isinstance(value, bool):
        return value + 1_000_003 + step
    if isinstance(value, bytes):
        return value + b"another" + bytes([step])
    raise TypeError(f"A statement takes ids, moments, whole numbers and bytes, not {type(value).__name__}.")


def _plain(value: Any) -> Any:
    """Return a parameter as it compares with others: psycopg's wrapped bytes are equal to nothing but themselves.

    A word of a list of words is a plain one: of any other type SQLite's module asks each time how it is stored.
    """
    if isinstance(value, Enum):
        return value.value
    return value.obj if isinstance(value, Binary) else value


def _adapter(kind: Any, database: BaseDatabaseWrapper) -> Callable[[Any], Any] | None:
    """Return what makes a parameter of a value of this one's kind; None where this database takes it as it is."""
    if database.vendor != "sqlite":
        return None
    if isinstance(kind, UUID):
        return attrgetter("hex")
    if not isinstance(kind, datetime):
        return None
    adapt = database.ops.adapt_datetimefield_value
    return partial(_adapted_moment, adapt) if database.timezone is UTC else adapt


def _adapted_moment(adapt: Callable[[datetime], str], moment: datetime) -> str:
    """Return a moment as the ORM writes it for SQLite, in UTC without saying so: at once where it is in UTC."""
    return datetime.combine(moment, moment.time()).isoformat(" ") if moment.tzinfo is UTC else adapt(moment)
