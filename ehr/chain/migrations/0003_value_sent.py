"""What a transaction sends along."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chain", "0002_one_after_another")]
    operations = [
        migrations.AddField(
            model_name="transaction",
            name="value",
            field=models.DecimalField(decimal_places=0, default=0, max_digits=30),
        ),
    ]
