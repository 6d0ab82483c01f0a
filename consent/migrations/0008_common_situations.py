"""Five common situations to begin with. Administrators change them at the desk; sensitive parts are in none."""

from django.db import migrations

READ, WRITE = "read", "write"
SITUATIONS = (
    (
        "My family doctor",
        "Somebody who looks after you for long, and keeps your record up to date.",
        ["basic", "history", "labs", "treatment"],
        [READ, WRITE],
        365,
    ),
    (
        "A specialist, for 30 days",
        "Somebody who looks at one thing, and writes down what they find.",
        ["history", "labs", "treatment"],
        [READ, WRITE],
        30,
    ),
    (
        "A stay in hospital",
        "Those who treat you there need the whole picture for two weeks.",
        ["basic", "history", "labs", "treatment"],
        [READ, WRITE],
        14,
    ),
    (
        "One visit",
        "For an appointment: they look, and a week later they no longer can.",
        ["history", "labs", "treatment"],
        [READ],
        7,
    ),
    (
        "A second opinion",
        "Somebody reads what others found, and tells you what they think.",
        ["history", "labs", "treatment"],
        [READ],
        30,
    ),
)


def seed(apps, _schema_editor):
    """Store those whose name is not taken."""
    template = apps.get_model("consent", "GrantTemplate")
    for place, (name, description, categories, actions, days) in enumerate(SITUATIONS, start=1):
        template.objects.get_or_create(
            name=name,
            defaults={
                "description": description,
                "categories": categories,
                "actions": actions,
                "purpose": "TREAT",
                "days": days,
                "place": place * 10,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("consent", "0007_emergencies_as_they_are_held")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
