import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import ehr.clock


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_one_of_each_service"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="PaperCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("half", models.PositiveSmallIntegerField()),
                ("document", models.CharField(max_length=100)),
                ("half_digest", models.BinaryField()),
                ("at", models.DateTimeField(default=ehr.clock.now)),
            ],
        ),
        migrations.CreateModel(
            name="PaperInvitation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("join", "begin an account"), ("back", "choose a new passphrase")], max_length=10
                    ),
                ),
                ("document_digest", models.BinaryField()),
                ("made_at", models.DateTimeField(default=ehr.clock.now, editable=False)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "permissions": [("issue_paper", "Can see who people without e-mail are, and make papers for them")],
            },
        ),
        migrations.CreateModel(
            name="PostalAddress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sealed", models.BinaryField()),
                ("noted_at", models.DateTimeField(default=ehr.clock.now)),
            ],
            options={
                "verbose_name_plural": "postal addresses",
            },
        ),
        migrations.AddField(
            model_name="letter",
            name="to",
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name="link",
            name="email",
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name="user",
            name="sign_in_name",
            field=models.CharField(blank=True, max_length=20, null=True, unique=True, verbose_name="sign-in name"),
        ),
        migrations.AddField(
            model_name="user",
            name="vouched_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="guardian",
            name="asked",
            field=models.CharField(max_length=254),
        ),
        migrations.AlterField(
            model_name="link",
            name="kind",
            field=models.CharField(
                choices=[
                    ("verify", "prove an e-mail address"),
                    ("reset", "choose a new passphrase"),
                    ("stop", "stop a recovery"),
                    ("add-email", "add an e-mail address"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="user",
            name="email",
            field=models.EmailField(blank=True, max_length=254, null=True, unique=True, verbose_name="e-mail address"),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("email", ""), _negated=True), name="user_email_is_none_or_an_address"
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("email__isnull", False), ("sign_in_name__isnull", False), _connector="OR"),
                name="user_signs_in_with_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("sign_in_name__contains", "@"), _negated=True), name="sign_in_name_is_no_address"
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("vouched_at__isnull", True), ("sign_in_name__isnull", False), _connector="OR"),
                name="vouched_people_have_a_name",
            ),
        ),
        migrations.AddField(
            model_name="papercheck",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="paperinvitation",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="paper_invitations",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="papercheck",
            name="invitation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="checks", to="accounts.paperinvitation"
            ),
        ),
        migrations.AddField(
            model_name="postaladdress",
            name="user",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="postal_address", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="paperinvitation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True), ("used_at__isnull", True)),
                fields=("user",),
                name="paper_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="paperinvitation",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("made_at"))), name="paper_ends"
            ),
        ),
        migrations.AddConstraint(
            model_name="papercheck",
            constraint=models.UniqueConstraint(fields=("invitation", "by"), name="paper_checked_by_two_people"),
        ),
        migrations.AddConstraint(
            model_name="papercheck",
            constraint=models.UniqueConstraint(fields=("invitation", "half"), name="paper_half_once"),
        ),
        migrations.AddConstraint(
            model_name="papercheck",
            constraint=models.CheckConstraint(condition=models.Q(("half__in", [1, 2])), name="paper_has_two_halves"),
        ),
    ]
