import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import ehr.clock


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0002_preferences_digests_and_hooks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Errand",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=60)),
                ("key", models.CharField(max_length=200, unique=True)),
                ("made_at", models.DateTimeField(default=ehr.clock.now, editable=False)),
                ("due_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                (
                    "how",
                    models.CharField(
                        blank=True,
                        choices=[("letter", "by letter"), ("telephone", "by telephone"), ("in-person", "face to face")],
                        max_length=10,
                    ),
                ),
                (
                    "done_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="errands", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "permissions": [("run_errand", "Can tell people without e-mail what must reach them")],
                "indexes": [
                    models.Index(condition=models.Q(("done_at", None)), fields=["due_at"], name="errand_waiting")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("done_at", None), ("done_by", None), ("how", "")),
                            models.Q(
                                ("done_at__isnull", False),
                                ("done_by__isnull", False),
                                models.Q(("how", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="errand_done_by_somebody",
                    )
                ],
            },
        ),
    ]
