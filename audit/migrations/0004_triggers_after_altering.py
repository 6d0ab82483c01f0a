"""Put back what SQLite dropped when it rebuilt a table that was altered: see `audit.triggers`."""

from django.db import migrations

from audit import triggers


def install(_apps, schema_editor):
    triggers.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_who_looks_after_a_case")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
