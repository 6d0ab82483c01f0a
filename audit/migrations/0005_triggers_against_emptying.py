"""Put the triggers in place that refuse TRUNCATE and REPLACE on every table of the log: see `audit.triggers`."""

from django.db import migrations

from audit import triggers


def install(_apps, schema_editor):
    triggers.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_triggers_after_altering")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
