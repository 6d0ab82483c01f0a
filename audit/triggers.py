"""What the database refuses, whoever asks: to change or lose events, leaves, checkpoints, and to shrink the tree.

SQLite rebuilds a table that a migration alters and drops its triggers with the old one: such a
migration ends with `install`. `manage.py verify_log` notices a trigger that is gone or another.
"""

import re
from typing import NamedTuple

# Tables whose rows never change, and tables whose rows never go.
NEVER_UPDATED = ("event", "eventbody", "queued", "erasure", "leaf", "checkpoint", "download", "casemessage")
NEVER_DELETED = (
    "event", "erasure", "leaf", "tile", "head", "tail", "maptile", "checkpoint", "anchor", "download", "case",
    "casemessage",
)  # fmt: skip
# Tables that may only grow: the condition under which an update takes something away. What tells rows apart never
# changes: SQLite's UPDATE OR REPLACE would drop the row whose place is taken.
SHRINKS = {
    "head": "NEW.id <> OLD.id OR NEW.size < OLD.size",
    "tail": "NEW.subject <> OLD.subject OR NEW.count < OLD.count OR NEW.salt <> OLD.salt",
    "tile": 'NEW.id <> OLD.id OR NEW.level <> OLD.level OR NEW."index" <> OLD."index" OR {head_of_new} <> OLD.hashes',
    "maptile": "NEW.prefix <> OLD.prefix",
    "anchor": "NEW.id <> OLD.id OR NEW.checkpoint_id <> OLD.checkpoint_id OR NEW.digest <> OLD.digest",
    "case": "NEW.id <> OLD.id OR NEW.event_id <> OLD.event_id OR OLD.state = 'closed' AND NEW.state <> 'closed'",
}
_LAST_LEAF = "SELECT 1 FROM audit_leaf WHERE subject = NEW.subject AND patient_seq = NEW.count AND hash = NEW.last"
# What must stand elsewhere before a row goes, comes or changes: (table, what is done, what must exist).
NEEDS = (
    ("eventbody", "DELETE", "SELECT 1 FROM audit_erasure WHERE event_id = OLD.event_id"),
    ("queued", "DELETE", "SELECT 1 FROM audit_leaf WHERE event_id = OLD.event_id"),
    ("leaf", "INSERT", "SELECT 1 WHERE NEW.number = 0 UNION SELECT 1 FROM audit_leaf WHERE number = NEW.number - 1"),
    # A list that ended otherwise than its leaves, or a head beyond them, could get no next leaf and no signature.
    ("tail", "INSERT", _LAST_LEAF),
    ("tail", "UPDATE", _LAST_LEAF),
    ("head", "UPDATE", "SELECT 1 WHERE NEW.size = 0 UNION SELECT 1 FROM audit_leaf WHERE number = NEW.size - 1"),
)
# SQLite's REPLACE drops the row whose place is taken and asks no trigger: which rows a new one may not meet, table by
# table. Tiles and tails come as upserts, which may make a row grow.
TAKEN = {
    "event": "id = NEW.id",
    "eventbody": "event_id = NEW.event_id",
    "queued": "id = NEW.id OR event_id = NEW.event_id",
    "erasure": "event_id = NEW.event_id",
    "leaf": "number = NEW.number OR event_id = NEW.event_id OR subject = NEW.subject AND patient_seq = NEW.patient_seq",
    "head": "id = NEW.id",
    "checkpoint": "id = NEW.id OR size = NEW.size",
    "anchor": "id = NEW.id OR checkpoint_id = NEW.checkpoint_id OR digest = NEW.digest",
    "download": "id = NEW.id OR subject = NEW.subject AND size = NEW.size",
    "case": "id = NEW.id OR event_id = NEW.event_id AND state <> 'closed' AND NEW.state <> 'closed'",
    "casemessage": "id = NEW.id",
    "tail": "subject = NEW.subject AND (NEW.count < count OR NEW.salt <> salt)",
    "tile": 'id = NEW.id OR level = NEW.level AND "index" = NEW."index" '
    "AND substr(NEW.hashes, 1, length(hashes)) <> hashes",
}
MESSAGE = "The log only grows."
_RAISE = f"RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';"


class Trigger(NamedTuple):
    """When something is done to a table, and a condition holds (always, where there is none), it is refused."""

    name: str
    table: str
    verb: str
    condition: str = ""

    def on_sqlite(self) -> str:
        """Return the statement that creates it."""
        when = f"WHEN {self.condition} " if self.condition else ""
        return (
            f"CREATE TRIGGER {self.name} BEFORE {self.verb} ON {self.table} FOR EACH ROW {when}"
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        )

    def on_postgresql(self) -> list[str]:
        """Return the statements that create it and its function. The condition stands in the function, which
        PostgreSQL keeps as it was written; a WHEN it would write anew, and nobody could compare it."""
        scope = "STATEMENT" if self.verb == "TRUNCATE" else "ROW"
        return [
            f"CREATE OR REPLACE FUNCTION {self.function}() RETURNS trigger LANGUAGE plpgsql AS $${self.body}$$",
            f"CREATE TRIGGER {self.name} BEFORE {self.verb} ON {self.table} FOR EACH {scope} "
            f"EXECUTE FUNCTION {self.function}()",
        ]

    @property
    def function(self) -> str:
        return self.name if self.condition else "audit_refuse"

    @property
    def body(self) -> str:
        if not self.condition:
            return f" BEGIN {_RAISE} END "
        row = "OLD" if self.verb == "DELETE" else "NEW"
        return f" BEGIN IF {self.condition} THEN {_RAISE} END IF; RETURN {row}; END "

    @property
    def kind(self) -> int:
        """Return PostgreSQL's `pg_trigger.tgtype`: before, once a row or once a statement, and at what."""
        verbs = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
        return 2 + verbs[self.verb] + (self.verb != "TRUNCATE")


def install(connection) -> None:
    """Create every trigger; those that stand already are created anew."""
    remove(connection)
    for trigger in _triggers(connection.vendor):
        _run(connection, [trigger.on_sqlite()] if connection.vendor == "sqlite" else trigger.on_postgresql())


def remove(connection) -> None:
    """Drop every trigger. For tests that empty the tables, and for nothing else."""
    on = {"sqlite": "", "postgresql": " ON {table}"}[connection.vendor]
    for trigger in _triggers(connection.vendor):
        _run(connection, [f"DROP TRIGGER IF EXISTS {trigger.name}{on.format(table=trigger.table)}"])


def missing(connection) -> list[str]:
    """Return the names of triggers that should stand as they are written here and do not."""
    standing = {"sqlite": _standing_on_sqlite, "postgresql": _standing_on_postgresql}[connection.vendor](connection)
    return [
        trigger.name
        for trigger in _triggers(connection.vendor)
        if standing.get((trigger.name, trigger.table)) != _wanted(trigger, connection.vendor)
    ]


def _triggers(vendor: str) -> list[Trigger]:
    """Return every trigger that should stand."""

    def trigger(name: str, table: str, verb: str, condition: str = "") -> Trigger:
        return Trigger(f"audit_{table}_{name}", f"audit_{table}", verb, condition)

    part = {"sqlite": "substr(NEW.hashes, 1, length(OLD.hashes))"}
    head_of_new = part.get(vendor, "substring(NEW.hashes from 1 for length(OLD.hashes))")
    found = [
        *[trigger("update", table, "UPDATE") for table in NEVER_UPDATED],
        *[trigger("delete", table, "DELETE") for table in NEVER_DELETED],
        *[trigger("shrink", table, "UPDATE", when.format(head_of_new=head_of_new)) for table, when in SHRINKS.items()],
        *[trigger(f"{verb.lower()}_needs", table, verb, f"NOT EXISTS ({row})") for table, verb, row in NEEDS],
    ]
    if vendor == "sqlite":
        return found + [
            trigger("taken", table, "INSERT", f"EXISTS (SELECT 1 FROM audit_{table} WHERE {row})")  # noqa: S608 (ours)
            for table, row in TAKEN.items()
        ]
    tables = dict.fromkeys(each.table.removeprefix("audit_") for each in found)
    return found + [trigger("truncate", table, "TRUNCATE") for table in tables]


def _wanted(trigger: Trigger, vendor: str) -> tuple:
    """Return a trigger as `missing` reads it from the database."""
    if vendor == "sqlite":
        return (_spaced(trigger.on_sqlite()),)
    return (trigger.kind, trigger.function, _spaced(trigger.body))


def _standing_on_sqlite(connection) -> dict[tuple[str, str], tuple]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
        return {(name, table): (_spaced(text),) for name, table, text in cursor.fetchall()}


def _standing_on_postgresql(connection) -> dict[tuple[str, str], tuple]:
    """Read the triggers that are on, whatever the row and the columns, with the text of their functions."""
    query = """
        SELECT tgname, tgrelid::regclass::text, tgtype, proname, prosrc
        FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid JOIN pg_language ON pg_language.oid = prolang
        WHERE tgenabled IN ('O', 'A') AND tgqual IS NULL AND tgattr = '' AND lanname = 'plpgsql'
    """
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {(name, table): (kind, does, _spaced(text)) for name, table, kind, does, text in cursor.fetchall()}


def _spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _run(connection, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
