"""The database itself refuses to change or lose a movement of money."""

from django.db import migrations

from appointments.payments import triggers


def install(_apps, schema_editor):
    triggers.install(schema_editor.connection)


def remove(_apps, schema_editor):
    triggers.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("appointments", "0002_what_visits_cost")]
    operations = [migrations.RunPython(install, remove)]
