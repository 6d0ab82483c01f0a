from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consent", "0002_initial")]

    operations = [
        migrations.AddField(
            model_name="grantparcel", name="outcome", field=models.CharField(blank=True, max_length=20)
        ),
    ]
