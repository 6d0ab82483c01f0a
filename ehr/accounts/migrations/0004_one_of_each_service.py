from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_ways_back")]

    operations = [
        migrations.AddConstraint(
            model_name="reader",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "service")), fields=("name",), name="reader_service_once"
            ),
        ),
    ]
