"""The queue's reference is no constraint any more; then put back the triggers that SQLite dropped with the old table."""

import django.db.models.deletion
from django.db import migrations, models

from audit import triggers


def install(_apps, schema_editor):
    triggers.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_triggers_after_altering")]
    operations = [
        migrations.AlterField(
            model_name="queued",
            name="event",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="queued",
                to="audit.event",
            ),
        ),
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
