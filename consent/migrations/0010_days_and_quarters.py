"""Keep the days for which tokens were signed once; from now on they are signed for quarters of the year."""

from django.db import migrations, models

WIDENED = [("quarters", "to quarters of the year"), ("days", "to days, as once")]


class Migration(migrations.Migration):
    dependencies = [("consent", "0009_delegates_are_asked")]

    operations = [
        migrations.AddField(
            model_name="grant",
            name="widened",
            field=models.CharField(choices=WIDENED, default="days", max_length=8),
        ),
        migrations.AlterField(
            model_name="grant",
            name="widened",
            field=models.CharField(choices=WIDENED, default="quarters", max_length=8),
        ),
    ]
