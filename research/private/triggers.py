"""What the database refuses, whoever asks: to change or lose an answer or what it cost, and to give spent budget back.

What one person was debited, and their budget, go with their record: once something of their list was erased, their rows
may be deleted, as the bodies of the list's lines are (`audit.Erasure`). What a study spent stays.

SQLite rebuilds a table that a migration alters and drops its triggers with the old one: such a migration ends with
`install`.
"""

MESSAGE = "What questions cost is only ever added."
_ERASED = (
    "SELECT 1 FROM audit_erasure JOIN audit_event ON audit_event.id = audit_erasure.event_id "
    "WHERE audit_event.subject = OLD.patient_id"
)
# (table, what is done, under which condition it is refused)
REFUSED = (
    ("privateanswer", "update", "1 = 1"),
    ("privateanswer", "delete", "1 = 1"),
    ("debit", "update", "1 = 1"),
    ("debit", "delete", f"NOT EXISTS ({_ERASED})"),
    ("studybudget", "update", "NEW.study_id <> OLD.study_id OR NEW.spent < OLD.spent"),
    ("studybudget", "delete", "1 = 1"),
    ("patientbudget", "update", "NEW.patient_id <> OLD.patient_id OR NEW.spent < OLD.spent"),
    ("patientbudget", "delete", f"NOT EXISTS ({_ERASED})"),
)
TABLES = tuple(dict.fromkeys(table for table, _verb, _when in REFUSED))


def install(connection) -> None:
    """Create every trigger; those that stand already are created anew."""
    remove(connection)
    _run(connection, {"sqlite": _create_sqlite, "postgresql": _create_postgresql}[connection.vendor]())


def remove(connection) -> None:
    """Drop every trigger. For tests that empty the tables, and for nothing else."""
    on = {"sqlite": "", "postgresql": " ON research_{table}"}[connection.vendor]
    _run(connection, [f"DROP TRIGGER IF EXISTS {name}" + on.format(table=table) for table, name in _names(connection)])


def missing(connection) -> list[str]:
    """Return the names of triggers that should stand and do not."""
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        standing = {name for (name,) in cursor.fetchall()}
    return [name for _table, name in _names(connection) if name not in standing]


def _names(connection) -> list[tuple[str, str]]:
    """Return each trigger's table and name."""
    pairs = [(table, verb) for table, verb, _when in REFUSED]
    if connection.vendor == "postgresql":
        pairs += [(table, "truncate") for table in TABLES]
    return [(table, f"research_{table}_{verb}") for table, verb in pairs]


def _run(connection, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _create_sqlite() -> list[str]:
    return [
        f"CREATE TRIGGER research_{table}_{verb} BEFORE {verb.upper()} ON research_{table} FOR EACH ROW WHEN {when} "
        f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        for table, verb, when in REFUSED
    ]


def _create_postgresql() -> list[str]:
    """A trigger's own WHEN may ask no other table there, so the condition stands in a function of its own."""
    raising = f"RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';"
    statements = [
        f"CREATE OR REPLACE FUNCTION research_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {raising} END $$",
        *[
            f"CREATE TRIGGER research_{table}_truncate BEFORE TRUNCATE ON research_{table} FOR EACH STATEMENT "
            "EXECUTE FUNCTION research_refuse()"
            for table in TABLES
        ],
    ]
    for table, verb, when in REFUSED:
        name, row = f"research_{table}_{verb}", "OLD" if verb == "delete" else "NEW"
        body = f"BEGIN IF {when} THEN {raising} END IF; RETURN {row}; END"
        statements += [
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON research_{table} FOR EACH ROW EXECUTE FUNCTION {name}()",
        ]
    return statements
