import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import ehr.clock


class Migration(migrations.Migration):
    dependencies = [
        ("research", "0010_ledger_only_grows"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(model_name="study", name="views", field=models.JSONField(blank=True, default=list)),
        migrations.AddField(
            model_name="study",
            name="measures",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.CreateModel(
            name="FigureRun",
            fields=[
                ("asked_at", models.DateTimeField(default=ehr.clock.now, editable=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "asked"),
                            ("running", "running"),
                            ("ready", "ready"),
                            ("cancelled", "cancelled"),
                            ("stopped", "stopped"),
                        ],
                        default="asked",
                        max_length=9,
                    ),
                ),
                ("attempt", models.UUIDField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                ("done", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField(default=0)),
                ("because", models.CharField(blank=True, max_length=500)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("month", models.DateField()),
                ("first", models.DateField()),
                ("last", models.DateField()),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "study",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="figure_runs", to="research.study"
                    ),
                ),
            ],
            options={
                "ordering": ["-month", "-asked_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Figure",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("measure", models.CharField(max_length=40)),
                ("version", models.PositiveSmallIntegerField()),
                ("level", models.CharField(blank=True, max_length=12)),
                ("everybody", models.JSONField(default=list)),
                ("groups", models.JSONField(default=list)),
                ("assigned", models.BinaryField(blank=True, null=True)),
                (
                    "stands",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="research.figure",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="figures", to="research.figurerun"
                    ),
                ),
            ],
            options={
                "ordering": ["run", "pk"],
            },
        ),
        migrations.AddIndex(
            model_name="figurerun",
            index=models.Index(fields=["state", "seen_at"], name="figures_by_state"),
        ),
        migrations.AddConstraint(
            model_name="figurerun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["asked", "running", "ready"])),
                fields=("study", "month"),
                name="figures_once_a_month",
            ),
        ),
        migrations.AddConstraint(
            model_name="figure",
            constraint=models.UniqueConstraint(fields=("run", "measure"), name="figure_once_a_run"),
        ),
        migrations.AddConstraint(
            model_name="figure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("assigned__isnull", False), ("stands__isnull", True)),
                    models.Q(
                        ("assigned__isnull", True),
                        ("everybody", []),
                        ("groups", []),
                        ("level", ""),
                        ("stands__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="figure_new_or_stands",
            ),
        ),
    ]
