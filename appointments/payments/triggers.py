"""What the database refuses, whoever asks: to change or lose a movement of money, or what a provider told.

SQLite rebuilds a table that a migration alters and drops its triggers with the old one: such a migration ends with
`install`.
"""

TABLES = ("movement", "providerevent")
VERBS = ("update", "delete")
MESSAGE = "Movements of money are only ever added."


def install(connection) -> None:
    """Create every trigger; those that stand already are created anew."""
    remove(connection)
    _run(connection, {"sqlite": _create_sqlite, "postgresql": _create_postgresql}[connection.vendor]())


def remove(connection) -> None:
    """Drop every trigger. For tests that empty the tables, and for nothing else."""
    suffix = {"sqlite": "", "postgresql": " ON appointments_{table}"}[connection.vendor]
    verbs = (*VERBS, "truncate") if connection.vendor == "postgresql" else VERBS
    _run(
        connection,
        [
            f"DROP TRIGGER IF EXISTS appointments_{table}_{verb}" + suffix.format(table=table)
            for table in TABLES
            for verb in verbs
        ],
    )


def _run(connection, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _create_sqlite() -> list[str]:
    return [
        f"CREATE TRIGGER appointments_{table}_{verb} BEFORE {verb.upper()} ON appointments_{table} FOR EACH ROW "
        f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        for table in TABLES
        for verb in VERBS
    ]


def _create_postgresql() -> list[str]:
    raising = f"RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';"
    return [
        "CREATE OR REPLACE FUNCTION appointments_refuse() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN {raising} END $$",
        *[
            f"CREATE TRIGGER appointments_{table}_{verb} BEFORE {verb.upper()} ON appointments_{table} "
            f"FOR EACH {'STATEMENT' if verb == 'truncate' else 'ROW'} EXECUTE FUNCTION appointments_refuse()"
            for table in TABLES
            for verb in (*VERBS, "truncate")
        ],
    ]
