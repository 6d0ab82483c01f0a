"""Let the database itself refuse that answers and debits change, and that spent budget comes back."""

from django.db import migrations

from research.private import triggers


def install(_apps, schema_editor):
    triggers.install(schema_editor.connection)


def remove(_apps, schema_editor):
    triggers.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_triggers"),
        ("research", "0009_private_questions_asked"),
    ]
    operations = [migrations.RunPython(install, remove)]
