"""What the database refuses, whoever asks: to change or lose events, leaves, checkpoints, and to shrink the tree.

SQLite rebuilds a table that a migration alters and drops its triggers with the old one: such a
migration ends with `install`. `manage.py verify_log` notices a trigger that is gone.
"""

# Tables whose rows never change, and tables whose rows never go.
NEVER_UPDATED = ("event", "eventbody", "queued", "erasure", "leaf", "checkpoint", "download", "casemessage")
NEVER_DELETED = (
    "event", "erasure", "leaf", "tile", "head", "tail", "checkpoint", "anchor", "download", "case", "casemessage",
)  # fmt: skip
# Tables that may only grow: the condition under which an update takes something away.
SHRINKS = {
    "head": "NEW.id <> OLD.id OR NEW.size < OLD.size",
    "tail": "NEW.subject <> OLD.subject OR NEW.count < OLD.count OR NEW.salt <> OLD.salt",
    "tile": "NEW.level <> OLD.level OR NEW.index <> OLD.index OR {head_of_new} <> OLD.hashes",
}
# What must stand elsewhere before a row goes or comes: (table, what is done, what must exist).
NEEDS = (
    ("eventbody", "DELETE", "SELECT 1 FROM audit_erasure WHERE event_id = OLD.event_id"),
    ("queued", "DELETE", "SELECT 1 FROM audit_leaf WHERE event_id = OLD.event_id"),
    ("leaf", "INSERT", "SELECT 1 WHERE NEW.number = 0 UNION SELECT 1 FROM audit_leaf WHERE number = NEW.number - 1"),
)
MESSAGE = "The log only grows."


def install(connection) -> None:
    """Create every trigger; those that stand already are created anew."""
    remove(connection)
    _run(connection, _CREATE[connection.vendor]())


def remove(connection) -> None:
    """Drop every trigger. For tests that empty the tables, and for nothing else."""
    _run(connection, _DROP[connection.vendor]())


def missing(connection) -> list[str]:
    """Return the names of triggers that should stand and do not."""
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        standing = {name for (name,) in cursor.fetchall()}
    names = [name for name, _ in _triggers()]
    if connection.vendor == "postgresql":
        names += [f"audit_{table}_truncate" for table in NEVER_DELETED]
    return [name for name in names if name not in standing]


def _triggers() -> list[tuple[str, str]]:
    """Return each trigger's name and table."""
    return [
        *[(f"audit_{table}_update", table) for table in NEVER_UPDATED],
        *[(f"audit_{table}_delete", table) for table in NEVER_DELETED],
        *[(f"audit_{table}_shrink", table) for table in SHRINKS],
        *[(f"audit_{table}_{verb.lower()}_needs", table) for table, verb, _ in NEEDS],
    ]


def _run(connection, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _create_sqlite() -> list[str]:
    def trigger(name: str, table: str, verb: str, when: str = "") -> str:
        return (
            f"CREATE TRIGGER audit_{table}_{name} BEFORE {verb} ON audit_{table} FOR EACH ROW {when} "
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        )

    head_of_new = "substr(NEW.hashes, 1, length(OLD.hashes))"
    return [
        *[trigger("update", table, "UPDATE") for table in NEVER_UPDATED],
        *[trigger("delete", table, "DELETE") for table in NEVER_DELETED],
        *[
            trigger("shrink", table, "UPDATE", f"WHEN {_quoted(condition.format(head_of_new=head_of_new))}")
            for table, condition in SHRINKS.items()
        ],
        *[trigger(f"{verb.lower()}_needs", table, verb, f"WHEN NOT EXISTS ({row})") for table, verb, row in NEEDS],
    ]


def _create_postgresql() -> list[str]:
    def refuse(name: str, table: str, verb: str, scope: str = "FOR EACH ROW", when: str = "") -> str:
        return (
            f"CREATE TRIGGER audit_{table}_{name} BEFORE {verb} ON audit_{table} {scope} {when} "
            "EXECUTE FUNCTION audit_refuse()"
        )

    raising = f"RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';"
    statements = [
        f"CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {raising} END $$"
    ]
    statements += [refuse("update", table, "UPDATE") for table in NEVER_UPDATED]
    for table in NEVER_DELETED:
        statements += [refuse("delete", table, "DELETE"), refuse("truncate", table, "TRUNCATE", "FOR EACH STATEMENT")]
    head_of_new = "substring(NEW.hashes from 1 for length(OLD.hashes))"
    for table, condition in SHRINKS.items():
        when = f"WHEN ({_quoted(condition.format(head_of_new=head_of_new))})"
        statements.append(refuse("shrink", table, "UPDATE", when=when))
    for table, verb, row in NEEDS:
        name = f"audit_{table}_{verb.lower()}_needs"
        body = f"BEGIN IF NOT EXISTS ({row}) THEN {raising} END IF; RETURN {'OLD' if verb == 'DELETE' else 'NEW'}; END"
        statements += [
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            f"CREATE TRIGGER {name} BEFORE {verb} ON audit_{table} FOR EACH ROW EXECUTE FUNCTION {name}()",
        ]
    return statements


def _quoted(condition: str) -> str:
    """Return a condition with the column whose name is a word of SQL in quotes."""
    return condition.replace(".index", '."index"')


def _drop_sqlite() -> list[str]:
    return [f"DROP TRIGGER IF EXISTS {name}" for name, _ in _triggers()]


def _drop_postgresql() -> list[str]:
    names = [*_triggers(), *[(f"audit_{table}_truncate", table) for table in NEVER_DELETED]]
    return [f"DROP TRIGGER IF EXISTS {name} ON audit_{table}" for name, table in names]


_CREATE = {"sqlite": _create_sqlite, "postgresql": _create_postgresql}
_DROP = {"sqlite": _drop_sqlite, "postgresql": _drop_postgresql}
